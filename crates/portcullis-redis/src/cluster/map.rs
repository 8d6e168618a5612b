//! Which node decides on which slots.

use std::collections::HashMap;

use redis::Value;

use crate::{host::Host, slot::Slot, trouble::Trouble};

#[cfg(test)]
mod tests;

/// Ranges of slots and their primaries, as some node saw them, and what was learnt since.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Map {
    /// First and last slot, in order.
    ranges: Vec<(Slot, Slot, Host)>,
    moved: HashMap<Slot, Host>,
}

impl Map {
    /// Reads the answer to `CLUSTER SLOTS` of `adviser`.
    pub(super) fn read(answer: Value, adviser: &Host) -> Result<Self, Trouble> {
        let wrong = || Trouble::reply(format!("{adviser} does not say where the slots are"));
        let Value::Array(entries) = answer else {
            return Err(wrong());
        };
        let ranges = entries.iter().map(|entry| range(entry, adviser));
        let mut ranges = ranges.collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
        if ranges.is_empty() {
            return Err(Trouble::no_primary());
        }
        ranges.sort_by_key(|(first, _, _)| *first);
        Ok(Self {
            ranges,
            moved: HashMap::new(),
        })
    }

    pub(super) fn host(&self, slot: Slot) -> Option<&Host> {
        self.moved.get(&slot).or_else(|| {
            let after = self.ranges.partition_point(|(first, _, _)| *first <= slot);
            let (_, last, host) = &self.ranges[after.checked_sub(1)?];
            (slot <= *last).then_some(host)
        })
    }

    /// Notes that `slot` is at `host` now, until the next full answer.
    pub(super) fn move_to(&mut self, slot: Slot, host: Host) {
        self.moved.insert(slot, host);
    }

    pub(super) fn has(&self, host: &Host) -> bool {
        self.ranges.iter().any(|(_, _, known)| known == host)
    }

    /// Each primary once.
    pub(super) fn hosts(&self) -> Vec<Host> {
        let mut hosts: Vec<Host> = Vec::new();
        for (_, _, host) in &self.ranges {
            if !hosts.contains(host) {
                hosts.push(host.clone());
            }
        }
        hosts
    }
}

/// Reads `[first, last, [name, port, …], …]`; the replicas that follow are not asked anything.
fn range(entry: &Value, adviser: &Host) -> Option<(Slot, Slot, Host)> {
    let Value::Array(entry) = entry else {
        return None;
    };
    let [
        Value::Int(first),
        Value::Int(last),
        Value::Array(primary),
        ..,
    ] = entry.as_slice()
    else {
        return None;
    };
    let [name, Value::Int(port), ..] = primary.as_slice() else {
        return None;
    };
    let name = match name {
        Value::BulkString(name) => std::str::from_utf8(name).ok()?,
        Value::Nil => "",
        _ => return None,
    };
    let slot = |number: i64| {
        let number = u16::try_from(number).ok()?;
        (number < Slot::COUNT).then_some(Slot(number))
    };
    let host = Host::new(name, u16::try_from(*port).ok()?).seen_from(adviser);
    Some((slot(*first)?, slot(*last)?, host))
}
