use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp::from_secs(1_000);

fn at(secs: u64) -> Timestamp {
    START + std::time::Duration::from_secs(secs)
}

fn key(number: u64) -> RateKey {
    let mut hash = [0; 16];
    hash[..8].copy_from_slice(&number.to_le_bytes());
    RateKey::from_hash(hash)
}

/// Keys whose search begins at one of two slots, one at each end of any small table.
fn neighbours(count: usize) -> Vec<RateKey> {
    let crowded = |key: &RateKey| matches!(home(key) & 63, 0 | 63);
    (0..).map(key).filter(crowded).take(count).collect()
}

#[test]
fn two_slots_fill_a_cache_line() {
    assert_eq!(size_of::<Slot<Option<Box<u64>>>>(), 32);
    assert_eq!(size_of::<Slot<u32>>(), 32);
}

#[test]
fn an_empty_table_takes_no_memory_and_finds_nothing() {
    let mut table = Table::<u32>::default();
    assert!(table.get(&RateKey::default()).is_none());
    table.remove(&RateKey::default());
    assert!(table.make_room(1, START));
    assert_eq!((table.len(), table.slots.len()), (0, 0));
}

#[test]
fn the_key_of_zeros_is_a_key_like_any_other() {
    let mut table = Table::default();
    table.insert(key(1), at(9), 1, START);
    assert!(table.get(&RateKey::default()).is_none());
    table.insert(RateKey::default(), at(9), 7, START);
    assert_eq!(table.get(&RateKey::default()).unwrap().value, 7);
}

#[test]
fn growing_leaves_behind_what_has_drained() {
    let mut table = Table::default();
    for number in 0..6 {
        table.insert(key(number), at(1), 0, START);
    }
    assert_eq!(table.slots.len(), FEWEST);
    table.insert(key(6), at(9), 0, at(5));
    assert_eq!((table.len(), table.slots.len()), (1, 2 * FEWEST));
}

#[test]
fn a_full_table_drops_what_has_drained_within_one_round() {
    let (mut table, keys) = (Table::default(), 48);
    for number in 0..keys {
        let until = if number == 17 { at(1) } else { at(9) };
        table.insert(key(number), until, (), START);
    }
    assert_eq!(table.slots.len(), 64);
    assert!(!table.make_room(48, START));
    let rounds = (0..=64 / SWEEP).position(|_| table.make_room(48, at(1)));
    assert!(rounds.is_some());
    assert!(table.get(&key(17)).is_none());
    assert_eq!(table.len(), 47, "and nothing that is alive");
}

#[derive(Clone, Debug)]
enum Step {
    Put(usize, u64),
    Remove(usize),
    Sweep,
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..40_usize, 1..20_u64).prop_map(|(which, secs)| Step::Put(which, secs)),
        2 => (0..40_usize).prop_map(Step::Remove),
        2 => Just(Step::Sweep),
        1 => Just(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn it_holds_what_a_map_would(steps in prop::collection::vec(step(), 0..400)) {
        let keys = neighbours(40);
        let (mut table, mut map) = (Table::default(), HashMap::new());
        let mut now = START;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Put(which, secs) => {
                    let (key, until) = (keys[which], now + std::time::Duration::from_secs(secs));
                    match table.get_mut(&key) {
                        Some(slot) => (slot.until, slot.value) = (until, number),
                        None => table.insert(key, until, number, now),
                    }
                    map.insert(key, (until, number));
                }
                Step::Remove(which) => {
                    table.remove(&keys[which]);
                    map.remove(&keys[which]);
                }
                Step::Sweep => {
                    table.make_room(40, now);
                }
                Step::Wait => now = now + std::time::Duration::from_secs(3),
            }
            let held = table.slots.iter().filter(|slot| !slot.is_empty());
            let held: HashSet<_> = held.map(|slot| slot.key.as_bytes()).collect();
            prop_assert_eq!(held.len(), table.len(), "counted, and none twice");
            for key in &keys {
                let live = table.get(key).filter(|slot| slot.is_live(now));
                let wanted = map.get(key).filter(|(until, _)| *until > now);
                prop_assert_eq!(live.map(|slot| slot.value), wanted.map(|(_, value)| *value));
            }
        }
    }
}
