//! Holds a handful of values, a single one without an allocation.

use std::{fmt, ops::Deref, slice};

/// How many limits one decision may take at once.
pub const MAX_CHARGES: usize = 8;

/// Up to [`MAX_CHARGES`] values, the first in place; reads as a slice.
///
/// Most requests are charged to one limit, and what room for eight costs is moved about with every
/// decision. The second value moves all of them to the heap, at once with room for eight.
///
/// ```
/// use portcullis_core::rate::Few;
///
/// let few: Few<u32> = [1, 2, 3].into_iter().collect();
/// assert_eq!(&*few, [1, 2, 3]);
/// assert_eq!(Few::from(7)[..], [7]);
/// ```
#[derive(Clone)]
pub struct Few<T>(Kept<T>);

#[derive(Clone)]
enum Kept<T> {
    None,
    One(T),
    Many(Vec<T>),
}

impl<T: Copy> Few<T> {
    /// Adds `item`; gives it back when there is no room.
    ///
    /// # Errors
    ///
    /// `item`, when [`MAX_CHARGES`] are held already.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        match &mut self.0 {
            Kept::None => self.0 = Kept::One(item),
            Kept::One(first) => {
                let mut many = Vec::with_capacity(MAX_CHARGES);
                many.extend([*first, item]);
                self.0 = Kept::Many(many);
            }
            Kept::Many(many) if many.len() < MAX_CHARGES => many.push(item),
            Kept::Many(_) => return Err(item),
        }
        Ok(())
    }

    /// The values, to be changed in place.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match &mut self.0 {
            Kept::None => &mut [],
            Kept::One(item) => slice::from_mut(item),
            Kept::Many(many) => many,
        }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Kept::None)
    }
}

impl<T> From<T> for Few<T> {
    fn from(item: T) -> Self {
        Self(Kept::One(item))
    }
}

/// Takes the first [`MAX_CHARGES`] items and leaves the others.
impl<T: Copy> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut few = Self::default();
        for item in items {
            if few.push(item).is_err() {
                break;
            }
        }
        few
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Kept::None => &[],
            Kept::One(item) => slice::from_ref(item),
            Kept::Many(many) => many,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Few<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
