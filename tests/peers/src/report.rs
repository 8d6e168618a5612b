//! Prints what was measured as Markdown.

use std::collections::HashMap;

use crate::measure::{Case, Cost};

/// Cases that are measured together, and how they are to compare.
pub(crate) struct Group {
    pub(crate) cases: Vec<Case>,
    pub(crate) bars: Vec<Bar>,
}

/// A comparison of two cases of one group.
pub(crate) struct Bar {
    pub(crate) ours: &'static str,
    pub(crate) peer: &'static str,
    /// How many times as fast we are to be.
    pub(crate) target: Option<f64>,
    /// The most allocations that we may make.
    pub(crate) allocations: Option<u32>,
}

impl Bar {
    /// Compares `ours` with `peer`, for information.
    pub(crate) const fn new(ours: &'static str, peer: &'static str) -> Self {
        Self {
            ours,
            peer,
            target: None,
            allocations: None,
        }
    }

    /// Wants `ours` to be `times` as fast.
    pub(crate) const fn times(self, times: f64) -> Self {
        Self {
            target: Some(times),
            ..self
        }
    }

    /// Wants `ours` to allocate at most `count` times.
    pub(crate) const fn allocations(self, count: u32) -> Self {
        Self {
            allocations: Some(count),
            ..self
        }
    }

    fn line(&self, costs: &HashMap<&str, Cost>) -> String {
        let (ours, peer) = (costs[self.ours], costs[self.peer]);
        let ratio = peer.nanoseconds / ours.nanoseconds;
        let target = self.target.map(|times| format!("≥ {times}"));
        let verdict = match (self.target, self.allocations) {
            (None, None) => "",
            (times, count)
                if times.is_none_or(|times| ratio >= times)
                    && count.is_none_or(|count| ours.allocations <= f64::from(count)) =>
            {
                "met"
            }
            _ => "missed",
        };
        let most = self.allocations.map(|count| format!("≤ {count}"));
        format!(
            "| {} | {} | {ratio:.2} | {} | {:.1} | {} | {verdict} |",
            self.ours,
            self.peer,
            target.unwrap_or_default(),
            ours.allocations,
            most.unwrap_or_default(),
        )
    }
}

/// Prints the costs of one group, then its comparisons.
pub(crate) fn print(title: &str, group: &Group, costs: &[Cost]) {
    println!("\n### {title}\n");
    println!("| case | added ns | added allocations |\n|---|---:|---:|");
    for (case, cost) in group.cases.iter().zip(costs) {
        let Cost {
            nanoseconds,
            allocations,
        } = cost;
        println!("| {} | {nanoseconds:.0} | {allocations:.1} |", case.name);
    }
    let names = group.cases.iter().map(|case| case.name.as_str());
    let costs: HashMap<&str, Cost> = names.zip(costs.iter().copied()).collect();
    println!("\n| ours | beside | times as fast | target | allocations | limit | |");
    println!("|---|---|---:|---:|---:|---:|---|");
    for bar in &group.bars {
        println!("{}", bar.line(&costs));
    }
}
