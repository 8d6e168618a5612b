//! Which rules a request was charged under.

use portcullis_core::rate::MAX_CHARGES;

/// The rules that a request was charged under, and the place of each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Matched {
    places: [(u8, u8); MAX_CHARGES],
    len: usize,
}

impl Matched {
    /// Adds the rule and the place with these indices.
    pub(super) fn push(&mut self, rule: usize, place: usize) {
        debug_assert!(self.len < MAX_CHARGES, "no more rules than charges");
        let small = |index| u8::try_from(index).unwrap_or(u8::MAX);
        if let Some(free) = self.places.get_mut(self.len) {
            *free = (small(rule), small(place));
            self.len += 1;
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Both indices of each rule.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, u8)> + '_ {
        self.places[..self.len].iter().copied()
    }
}
