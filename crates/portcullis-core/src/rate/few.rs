//! Holds a handful of values without an allocation.

use std::{fmt, ops::Deref};

/// How many limits one decision may take at once.
pub const MAX_CHARGES: usize = 8;

/// Up to [`MAX_CHARGES`] values in place; reads as a slice.
///
/// ```
/// use portcullis_core::rate::Few;
///
/// let few: Few<u32> = [1, 2, 3].into_iter().collect();
/// assert_eq!(&*few, [1, 2, 3]);
/// ```
#[derive(Clone, Copy)]
pub struct Few<T> {
    items: [T; MAX_CHARGES],
    len: usize,
}

impl<T: Copy + Default> Few<T> {
    /// Adds `item`; gives it back when there is no room.
    ///
    /// # Errors
    ///
    /// `item`, when [`MAX_CHARGES`] are held already.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        match self.items.get_mut(self.len) {
            Some(free) => {
                *free = item;
                self.len += 1;
                Ok(())
            }
            None => Err(item),
        }
    }
}

impl<T: Copy + Default> Default for Few<T> {
    fn default() -> Self {
        Self {
            items: [T::default(); MAX_CHARGES],
            len: 0,
        }
    }
}

/// Takes the first [`MAX_CHARGES`] items and leaves the others.
impl<T: Copy + Default> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut few = Self::default();
        for item in items.into_iter().take(MAX_CHARGES) {
            few.items[few.len] = item;
            few.len += 1;
        }
        few
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items[..self.len]
    }
}

impl<T: fmt::Debug> fmt::Debug for Few<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
