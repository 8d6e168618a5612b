//! Prints what was measured as Markdown.

use std::collections::HashMap;

use crate::measure::Case;

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

    fn time(&self, costs: &HashMap<&str, f64>) -> String {
        let ratio = costs[self.peer] / costs[self.ours];
        let (target, verdict) = match self.target {
            None => (String::new(), ""),
            Some(times) => (format!("≥ {times}"), verdict(ratio >= times)),
        };
        let Self { ours, peer, .. } = self;
        format!("| {ours} | {peer} | {ratio:.2} | {target} | {verdict} |")
    }

    fn allocation(&self, costs: &HashMap<&str, f64>) -> Option<String> {
        let (limit, count) = (self.allocations?, costs[self.ours]);
        let verdict = verdict(count <= f64::from(limit));
        let Self { ours, peer, .. } = self;
        let beside = costs[peer];
        Some(format!(
            "| {ours} | {peer} | {count:.1} | {beside:.1} | ≤ {limit} | {verdict} |"
        ))
    }
}

const fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}

/// Prints the nanoseconds that the cases of `group` add, then how they compare.
pub(crate) fn print_times(title: &str, group: &Group, costs: &[f64]) {
    println!("\n### {title}\n\n| case | added ns |\n|---|---:|");
    for (case, nanoseconds) in group.cases.iter().zip(costs) {
        println!("| {} | {nanoseconds:.0} |", case.name);
    }
    let head = "| ours | beside | times as fast | target | |\n|---|---|---:|---:|---|";
    compare(group, costs, head, |bar, costs| Some(bar.time(costs)));
}

/// Prints the allocations that the cases of `group` add, then how those with a limit compare.
pub(crate) fn print_allocations(title: &str, group: &Group, costs: &[f64]) {
    println!("\n### {title}, allocations\n\n| case | added allocations |\n|---|---:|");
    for (case, count) in group.cases.iter().zip(costs) {
        println!("| {} | {count:.1} |", case.name);
    }
    let head = "| ours | beside | ours | theirs | limit | |\n|---|---|---:|---:|---:|---|";
    compare(group, costs, head, Bar::allocation);
}

fn compare(
    group: &Group,
    costs: &[f64],
    head: &str,
    line: impl Fn(&Bar, &HashMap<&str, f64>) -> Option<String>,
) {
    let names = group.cases.iter().map(|case| case.name.as_str());
    let costs: HashMap<&str, f64> = names.zip(costs.iter().copied()).collect();
    println!("\n{head}");
    for line in group.bars.iter().filter_map(|bar| line(bar, &costs)) {
        println!("{line}");
    }
}
