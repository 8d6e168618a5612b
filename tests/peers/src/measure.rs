//! Thread CPU time in interleaved rounds; and, in a program that counts them, allocations.

use std::time::Duration;

use cpu_time::ThreadTime;

use crate::send::Work;

/// How long one pass of one case is to take, roughly.
const PASS: Duration = Duration::from_millis(1);

/// Calls of the pass from which the length of all others is reckoned.
const FIRST_CALLS: usize = 32;

/// The most calls in one pass.
const MAX_CALLS: usize = 20_000;

/// One thing that is measured, and what it is measured against.
pub(crate) struct Case {
    pub(crate) name: String,
    /// The same requests without the layer; absent for a plain function.
    pub(crate) bare: Option<Box<dyn Work>>,
    pub(crate) work: Box<dyn Work>,
    /// The most calls that make sense in one pass.
    pub(crate) max_calls: usize,
}

impl Case {
    /// What `work` costs more than `bare`.
    pub(crate) fn added(
        name: impl Into<String>,
        bare: impl Work + 'static,
        work: impl Work + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            bare: Some(Box::new(bare)),
            work: Box::new(work),
            max_calls: MAX_CALLS,
        }
    }

    /// What `work` costs.
    pub(crate) fn whole(name: impl Into<String>, work: impl Work + 'static) -> Self {
        Self {
            name: name.into(),
            bare: None,
            work: Box::new(work),
            max_calls: MAX_CALLS,
        }
    }

    /// Does no more than `calls` in one pass.
    pub(crate) fn at_most(self, calls: usize) -> Self {
        Self {
            max_calls: calls,
            ..self
        }
    }
}

/// Runs something and says how often it allocated.
pub type Counter = fn(&mut dyn FnMut()) -> u64;

/// Nanoseconds per call of each of `cases`: medians of `rounds` rounds, every case once in each.
pub(crate) fn times(cases: &mut [Case], rounds: usize) -> Vec<f64> {
    let calls: Vec<usize> = cases.iter_mut().map(calls_in_a_pass).collect();
    let mut times = vec![Vec::with_capacity(rounds); cases.len()];
    for round in 0..rounds {
        for (index, case) in cases.iter_mut().enumerate() {
            times[index].push(difference(case, calls[index], round % 2 == 0));
        }
    }
    times.into_iter().map(median).collect()
}

/// Allocations per call of each of `cases`.
pub(crate) fn allocations(cases: &mut [Case], counter: Counter) -> Vec<f64> {
    let allocations = |case: &mut Case| {
        let calls = FIRST_CALLS.min(case.max_calls);
        let count = |work: &mut dyn Work| {
            // Once before: what is set up for good is not what a call costs.
            work.run(calls);
            work.prepare();
            counter(&mut || work.run(calls)) as f64 / calls as f64
        };
        let all = count(case.work.as_mut());
        all - case.bare.as_mut().map_or(0.0, |bare| count(bare.as_mut()))
    };
    cases.iter_mut().map(allocations).collect()
}

fn calls_in_a_pass(case: &mut Case) -> usize {
    let first = FIRST_CALLS.min(case.max_calls);
    pass(case.work.as_mut(), first);
    let nanoseconds = pass(case.work.as_mut(), first).max(1.0);
    let wanted = Duration::as_nanos(&PASS) as f64 / nanoseconds;
    (wanted as usize).clamp(1, case.max_calls)
}

/// Nanoseconds per call of `work` above those of `bare`, whichever goes first.
fn difference(case: &mut Case, calls: usize, bare_first: bool) -> f64 {
    let Some(bare) = &mut case.bare else {
        return pass(case.work.as_mut(), calls);
    };
    if bare_first {
        let without = pass(bare.as_mut(), calls);
        pass(case.work.as_mut(), calls) - without
    } else {
        pass(case.work.as_mut(), calls) - pass(bare.as_mut(), calls)
    }
}

/// Nanoseconds of this thread per call.
fn pass(work: &mut dyn Work, calls: usize) -> f64 {
    work.prepare();
    let start = ThreadTime::now();
    work.run(calls);
    start.elapsed().as_nanos() as f64 / calls as f64
}

/// The middle one of `values`, of which there is at least one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
