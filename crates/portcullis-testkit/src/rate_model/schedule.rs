//! Random decisions over several limits, in a store and in the model side by side.

use std::time::Duration;

use portcullis_core::{
    clock::Timestamp,
    rate::{Quota, RateKey, Refund, Take},
};

use super::{Admissions, RateModel, Standing};
use crate::RateHarness;

const HOUR: Duration = Duration::from_secs(3_600);

/// What a run of decisions came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Decisions that charged.
    pub admitted: u32,
    /// Decisions that did not.
    pub refused: u32,
    /// Charges given back.
    pub refunded: u32,
    /// Keys that were charged while nothing was given back to them, and so obey the interval rule.
    pub observed: usize,
}

/// Makes `decisions` random ones, over one to four limits each, and compares verdict, remaining,
/// retry, reset and mark of each with the model; holds every key against the rule of intervals.
///
/// Keys 0 to 6 are never refunded, and theirs are the intervals; 100 to 106 are.
///
/// # Panics
///
/// When store and model differ, or an interval is not lawful.
pub async fn run_decisions(harness: &impl RateHarness, decisions: u32, seed: u64) -> Tally {
    let (mut model, mut admissions) = (RateModel::default(), Admissions::default());
    let (mut numbers, mut tally) = (Numbers(seed), Tally::default());
    let quotas = quotas();
    let mut kept: Vec<Refund> = Vec::new();
    for _ in 0..decisions {
        let base = if numbers.below(2) == 0 { 0 } else { 100 };
        let takes = numbers.takes(&quotas, base);
        let now = harness.now();
        let found = harness
            .rates()
            .take(&takes)
            .await
            .expect("the store answers");
        let (admitted, wanted) = model.take(&takes, now);
        let states: Vec<Standing> = found.states.iter().map(Standing::from).collect();
        assert_eq!(
            (found.admitted, found.now, &states),
            (admitted, now, &wanted),
            "{takes:#?}"
        );
        let charged = takes
            .iter()
            .zip(&wanted)
            .filter(|(_, at)| admitted && !at.refused);
        if base == 0 {
            charged.for_each(|(take, _)| admissions.note(take, now));
        } else {
            kept.extend(charged.map(|(take, at)| refund(take, at)));
        }
        *(if admitted {
            &mut tally.admitted
        } else {
            &mut tally.refused
        }) += 1;
        if numbers.below(4) == 0 {
            // At once or much later, and in any order.
            let give_back = numbers.some_of(&mut kept);
            harness
                .rates()
                .refund(&give_back)
                .await
                .expect("the store answers");
            model.refund(&give_back, now);
            tally.refunded += u32::try_from(give_back.len()).unwrap_or_default();
        }
        if numbers.below(3) > 0 {
            harness
                .set(now + Duration::from_micros(numbers.step()))
                .await;
        }
    }
    tally.observed = admissions.keys();
    admissions
        .check()
        .unwrap_or_else(|unlawful| panic!("{unlawful}"));
    tally
}

fn refund(take: &Take, at: &Standing) -> Refund {
    Refund {
        key: take.key,
        quota: take.quota,
        cost: take.cost,
        mark: Timestamp::from_micros(u64::try_from(at.mark).unwrap_or_default()),
    }
}

/// Periods so long that nothing expires by the wall clock of a real server during a run.
fn quotas() -> Vec<Quota> {
    let quota = |quota: Result<Quota, _>| quota.expect("a quota of a test is sound");
    vec![
        quota(Quota::per(10, HOUR)),
        quota(Quota::per(7, 31 * 24 * HOUR)),
        quota(quota(Quota::per(999, HOUR)).with_burst(5)),
        quota(Quota::per(1, 2 * HOUR)),
        quota(Quota::strict(1, HOUR)),
        quota(Quota::strict(5, HOUR)),
        quota(Quota::strict(64, 24 * HOUR)),
    ]
}

/// The splitmix64 generator: the same numbers on every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn small(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(bound.into())).unwrap_or_default()
    }

    /// Nothing, a moment, or minutes: boundaries are hit to the microsecond.
    fn step(&mut self) -> u64 {
        match self.below(4) {
            0 => 1,
            1 => 360_000_000,
            _ => self.below(600_000_000),
        }
    }

    /// One to four limits, no key twice.
    fn takes(&mut self, quotas: &[Quota], base: u8) -> Vec<Take> {
        let first = self.below(quotas.len() as u64);
        let count = 1 + self.below(4);
        let indices = (first..first + count).map(|index| index % quotas.len() as u64);
        let take = |index: u64| {
            let index = u8::try_from(index).unwrap_or_default();
            let quota = quotas[usize::from(index)];
            Take {
                key: RateKey::from_hash([base + index; 16]),
                quota,
                cost: 1 + self.small(quota.max_cost().min(4)),
                shadow: self.below(5) == 0,
            }
        };
        indices.map(take).collect()
    }

    /// Takes up to three out of `kept`, no key twice; the oldest go unused beyond fifty.
    fn some_of(&mut self, kept: &mut Vec<Refund>) -> Vec<Refund> {
        let mut chosen: Vec<Refund> = Vec::new();
        for _ in 0..self.below(4).min(kept.len() as u64) {
            let at = self.below(kept.len() as u64);
            let one = kept.swap_remove(usize::try_from(at).unwrap_or_default());
            if chosen.iter().all(|other| other.key != one.key) {
                chosen.push(one);
            }
        }
        kept.truncate(50);
        chosen
    }
}
