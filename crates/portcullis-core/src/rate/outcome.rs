//! What a decision came to, and the charges that may be given back.

use std::time::Duration;

use super::{
    few::Few,
    store::{LimitState, Refund, Take, Taken},
};

/// What a decision came to.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // a box would be an allocation for every admitted request
#[must_use = "a refused request must not go on"]
pub enum Outcome {
    /// Every limit was charged.
    Admitted(Reservation),
    /// At least one limit refused, and nothing was charged.
    Refused {
        /// Until the same charges would be admitted, if nobody else is charged before.
        retry_after: Duration,
        /// Where each limit stands, in the order of the charges; empty when the store was not
        /// asked.
        states: Few<LimitState>,
    },
}

/// Charges that were made, and may be given back once.
///
/// Dropping it keeps them: a lost refund restricts, it never admits.
#[derive(Debug)]
#[must_use = "dropping a reservation keeps its charges"]
pub struct Reservation {
    takes: Few<Take>,
    states: Few<LimitState>,
    made_by: MadeBy,
}

/// Who holds the charges of a reservation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum MadeBy {
    /// The local stand-in of a store that failed.
    Fallback,
    /// The store.
    Store,
}

impl Outcome {
    pub(super) fn new(takes: Few<Take>, verdict: Taken, made_by: MadeBy) -> Self {
        if verdict.admitted {
            return Self::Admitted(Reservation {
                takes,
                states: verdict.states,
                made_by,
            });
        }
        Self::Refused {
            retry_after: verdict.retry_after(&takes),
            states: match made_by {
                MadeBy::Fallback => Few::default(),
                MadeBy::Store => verdict.states,
            },
        }
    }

    /// Admits without a charge.
    pub(super) fn uncharged() -> Self {
        Self::Admitted(Reservation {
            takes: Few::default(),
            states: Few::default(),
            made_by: MadeBy::Store,
        })
    }
}

impl Reservation {
    /// Where each limit stands, in the order of the charges; empty when the store was not asked.
    pub fn states(&self) -> &[LimitState] {
        match self.made_by {
            MadeBy::Fallback => &[],
            MadeBy::Store => &self.states,
        }
    }

    /// Leaves out of a refund every charge for which `give_back` says no; it gets the index.
    pub fn retain(&mut self, mut give_back: impl FnMut(usize) -> bool) {
        let indices: Few<usize> = (0..self.takes.len())
            .filter(|&index| give_back(index))
            .collect();
        self.takes = indices.iter().map(|&index| self.takes[index]).collect();
        self.states = indices.iter().map(|&index| self.states[index]).collect();
    }

    pub(super) fn into_refunds(self) -> (Few<Refund>, MadeBy) {
        let Self {
            takes,
            states,
            made_by,
        } = self;
        let charged = takes.iter().zip(states.iter());
        let refunds = charged
            .filter(|(_, state)| !state.refused)
            .map(|(take, state)| Refund {
                key: take.key,
                quota: take.quota,
                cost: take.cost,
                mark: state.mark,
            })
            .collect();
        (refunds, made_by)
    }
}
