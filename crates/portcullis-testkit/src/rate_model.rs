//! The rate algorithms once more, in signed integers of 128 bits and without a table in sight: what
//! a store's random decisions are held against.

use std::collections::{BTreeMap, HashMap};

use portcullis_core::{
    clock::Timestamp,
    rate::{LimitState, Quota, QuotaKind, RateKey, Refund, Take},
};

mod schedule;

pub use schedule::{Tally, run_decisions};

/// What one key was charged, and every admission that it was given.
#[derive(Clone, Debug, Default)]
struct Kept {
    /// Evenly refilled: when all that was charged has drained.
    arrival: i128,
    /// Exact log: the stamps, newest first.
    stamps: Vec<i128>,
}

/// The limits of a store, as wide integers.
#[derive(Clone, Debug, Default)]
pub struct RateModel {
    kept: HashMap<(RateKey, bool), Kept>,
}

/// Where a limit stands by the model.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// Whether it refuses.
    pub refused: bool,
    /// What could still be charged.
    pub remaining: i128,
    /// Microseconds until the same charge would be admitted.
    pub retry: i128,
    /// Microseconds until it is as if never charged.
    pub reset: i128,
    /// The mark of the charge.
    pub mark: i128,
}

impl From<&LimitState> for Standing {
    fn from(state: &LimitState) -> Self {
        let micros = |span: std::time::Duration| span.as_micros().cast_signed();
        Self {
            refused: state.refused,
            remaining: state.remaining.into(),
            retry: micros(state.retry_after),
            reset: micros(state.reset_after),
            mark: state.mark.as_micros().into(),
        }
    }
}

impl RateModel {
    /// Decides over all of `takes` at `now`, and charges them when none refuses.
    pub fn take(&mut self, takes: &[Take], now: Timestamp) -> (bool, Vec<Standing>) {
        let now = i128::from(now.as_micros());
        let waits: Vec<i128> = takes.iter().map(|take| self.wait(take, now)).collect();
        let admitted = takes
            .iter()
            .zip(&waits)
            .all(|(take, &wait)| wait == 0 || take.shadow);
        let standings = takes.iter().zip(waits).map(|(take, wait)| {
            if admitted && wait == 0 {
                self.charge(take, now);
            }
            self.standing(take, wait, now)
        });
        let standings = standings.collect();
        (admitted, standings)
    }

    /// Gives back what is undrained of each charge.
    pub fn refund(&mut self, refunds: &[Refund], now: Timestamp) {
        let now = i128::from(now.as_micros());
        for refund in refunds {
            let kind = refund.quota.kind();
            let Some(kept) = self.kept.get_mut(&(refund.key, kind == QuotaKind::Log)) else {
                continue;
            };
            let mark = i128::from(refund.mark.as_micros());
            match kind {
                QuotaKind::Gcra => {
                    let (unit, full) = numbers(refund.quota);
                    let undrained = (mark - now).clamp(0, unit * i128::from(refund.cost));
                    kept.arrival = kept.arrival.min(now + full) - undrained;
                }
                QuotaKind::Log => {
                    if let Some(at) = kept.stamps.iter().position(|&stamp| stamp == mark) {
                        kept.stamps.remove(at);
                    }
                }
            }
        }
    }

    fn kept(&mut self, take: &Take) -> &mut Kept {
        let is_log = take.quota.kind() == QuotaKind::Log;
        self.kept.entry((take.key, is_log)).or_default()
    }

    /// How long `take` would have to wait; zero when it is admitted.
    fn wait(&mut self, take: &Take, now: i128) -> i128 {
        let (unit, full) = numbers(take.quota);
        let kept = self.kept(take);
        match take.quota.kind() {
            QuotaKind::Gcra => {
                let arrival = kept.arrival.clamp(now, now + full);
                let charge = unit * i128::from(take.cost);
                if arrival + charge <= now + full {
                    return 0;
                }
                // More than fits at all waits as long as what just fits.
                (arrival + charge.min(full) - (now + full)).max(1)
            }
            QuotaKind::Log => {
                let oldest = kept.stamps.get(take.quota.capacity() as usize - 1);
                oldest.map_or(0, |&stamp| (stamp.min(now) + unit - now).max(0))
            }
        }
    }

    fn charge(&mut self, take: &Take, now: i128) {
        let (unit, full) = numbers(take.quota);
        let kept = self.kept(take);
        match take.quota.kind() {
            QuotaKind::Gcra => {
                let arrival = kept.arrival.clamp(now, now + full);
                kept.arrival = arrival + unit * i128::from(take.cost);
            }
            QuotaKind::Log => {
                kept.stamps.insert(0, now);
                kept.stamps.truncate(take.quota.capacity() as usize);
            }
        }
    }

    fn standing(&mut self, take: &Take, wait: i128, now: i128) -> Standing {
        let (unit, full) = numbers(take.quota);
        let kept = self.kept(take);
        let (remaining, reset, mark) = match take.quota.kind() {
            QuotaKind::Gcra => {
                let arrival = kept.arrival.clamp(now, now + full);
                ((now + full - arrival) / unit, arrival - now, arrival)
            }
            QuotaKind::Log => {
                let capacity = take.quota.capacity() as usize;
                let stamps = kept.stamps.iter().take(capacity);
                let live = stamps.take_while(|&&stamp| stamp + unit > now).count();
                let newest = kept.stamps.first();
                let reset = newest.map_or(0, |&stamp| (stamp.min(now) + unit - now).max(0));
                ((capacity - live) as i128, reset, now)
            }
        };
        Standing {
            refused: wait > 0,
            remaining,
            retry: wait,
            reset,
            mark,
        }
    }
}

/// Microseconds of one cell or of the window, and from empty to full.
fn numbers(quota: Quota) -> (i128, i128) {
    let unit = quota.emission().as_micros().cast_signed();
    match quota.kind() {
        QuotaKind::Gcra => (unit, unit * i128::from(quota.capacity())),
        QuotaKind::Log => (unit, unit),
    }
}

/// Every admission, by key, in time: what an observer outside sees.
#[derive(Clone, Debug, Default)]
pub struct Admissions(BTreeMap<[u8; 16], Seen>);

/// The quota of a key, and when it was charged how much.
type Seen = (Quota, Vec<(i128, i128)>);

impl Admissions {
    /// Notes that `take` was charged at `now`.
    pub fn note(&mut self, take: &Take, now: Timestamp) {
        let (_, seen) = self
            .0
            .entry(*take.key.as_bytes())
            .or_insert_with(|| (take.quota, Vec::new()));
        seen.push((now.as_micros().into(), take.cost.into()));
    }

    /// How many keys were charged at all.
    pub fn keys(&self) -> usize {
        self.0.len()
    }

    /// Whether every interval between two admissions of a key is lawful: evenly refilled, never
    /// more than its length and one burst; exactly counted, never more than the quota in a window.
    ///
    /// # Errors
    ///
    /// The first interval that is not.
    pub fn check(&self) -> Result<(), String> {
        for (key, (quota, seen)) in &self.0 {
            let (unit, full) = numbers(*quota);
            let capacity = i128::from(quota.capacity());
            for (first, &(from, _)) in seen.iter().enumerate() {
                let mut charged = 0;
                for &(to, cost) in &seen[first..] {
                    charged += cost;
                    let lawful = match quota.kind() {
                        QuotaKind::Gcra => unit * charged <= to - from + full,
                        QuotaKind::Log => to - from >= unit || charged <= capacity,
                    };
                    if !lawful {
                        let span = to - from;
                        return Err(format!("{key:?}: {charged} within {span} µs of {quota:?}"));
                    }
                }
            }
        }
        Ok(())
    }
}
