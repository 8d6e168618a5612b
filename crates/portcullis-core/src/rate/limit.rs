//! A quota with a name, and one use of it.

use std::{fmt, sync::Arc};

use sha2::{Digest as _, Sha256};

use super::{
    address::AddressKey,
    key_hash::{LimitId, Subject},
    quota::{Quota, QuotaError, QuotaKind},
};

/// A quota with a name: what an operator configures and sees in events.
///
/// Cloning is a counter. The name is part of every key, so two limits never share state; so is the
/// way of counting, but not the numbers: a tightened quota takes effect on what is stored.
///
/// # Example
///
/// ```
/// use portcullis_core::rate::{Limit, Quota};
///
/// let limit = Limit::new("login-ip", Quota::per_minute(10)?)?.exposed();
/// assert_eq!(limit.name(), "login-ip");
/// assert!(Limit::new("", Quota::per_minute(10)?).is_err());
/// # Ok::<_, portcullis_core::rate::QuotaError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Limit {
    name: Arc<str>,
    id: LimitId,
    quota: Quota,
    exposed: bool,
    shadow: bool,
}

impl Limit {
    /// The limit `name` with `quota`: enforced, and not shown to clients.
    ///
    /// # Errors
    ///
    /// [`QuotaError`] unless the name has 1 to 64 printable ASCII characters.
    pub fn new(name: &str, quota: Quota) -> Result<Self, QuotaError> {
        let printable = name.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if !printable || !(1..=64).contains(&name.len()) {
            return Err(QuotaError::name(name));
        }
        let kind = match quota.kind() {
            QuotaKind::Gcra => b'g',
            QuotaKind::Log => b'w',
        };
        Ok(Self {
            name: name.into(),
            id: id_of(kind, name),
            quota,
            exposed: false,
            shadow: false,
        })
    }

    /// Lets `RateLimit` header fields show the name and what remains.
    ///
    /// # Security
    ///
    /// Not for a limit per account: what remains of it tells about other people's attempts.
    pub fn exposed(self) -> Self {
        Self {
            exposed: true,
            ..self
        }
    }

    /// Counts and reports, but never refuses: to try numbers out on live traffic.
    pub fn shadow(self) -> Self {
        Self {
            shadow: true,
            ..self
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The quota.
    pub const fn quota(&self) -> Quota {
        self.quota
    }

    /// Whether header fields may show it.
    pub const fn is_exposed(&self) -> bool {
        self.exposed
    }

    /// Whether it only counts.
    pub const fn is_shadow(&self) -> bool {
        self.shadow
    }

    /// What stands for the name and the way of counting in every key.
    pub(super) const fn id(&self) -> &LimitId {
        &self.id
    }
}

/// The first 128 bits of a hash over the way of counting and the name, neither of which a peer
/// chooses.
pub(super) fn id_of(kind: u8, name: &str) -> LimitId {
    let hash = Sha256::new()
        .chain_update([kind])
        .chain_update(name)
        .finalize();
    let mut id = LimitId::default();
    id.copy_from_slice(&hash[..16]);
    id
}

/// One use of a limit: who is charged, and how much.
#[derive(Clone, Copy)]
#[must_use]
pub struct Charge<'a> {
    pub(super) limit: &'a Limit,
    pub(super) subject: Subject<'a>,
    pub(super) cost: u32,
}

impl<'a> Charge<'a> {
    /// Charges 1 to whoever `key` names.
    ///
    /// The parts of `key` are hashed with their lengths: `["ab", "c"]` and `["a", "bc"]` differ.
    /// No part reaches a store in the clear.
    pub const fn new(limit: &'a Limit, key: &'a [&'a [u8]]) -> Self {
        Self {
            limit,
            subject: Subject::Parts(key),
            cost: 1,
        }
    }

    /// Charges 1 to a client's address. It shares no state with [`new`](Self::new) on any key.
    ///
    /// ```
    /// use portcullis_core::rate::{AddressKey, Charge, Limit, Quota};
    ///
    /// let limit = Limit::new("login-ip", Quota::per_minute(10)?)?;
    /// let charge = Charge::by_address(&limit, AddressKey::of([192, 0, 2, 7].into()));
    /// assert_eq!(charge.limit().name(), "login-ip");
    /// # Ok::<_, portcullis_core::rate::QuotaError>(())
    /// ```
    pub const fn by_address(limit: &'a Limit, key: AddressKey) -> Self {
        Self {
            limit,
            subject: Subject::Address(key),
            cost: 1,
        }
    }

    /// Charges `cost` instead of 1.
    ///
    /// # Errors
    ///
    /// [`QuotaError`] for zero, or for more than [`Quota::max_cost`].
    pub fn with_cost(self, cost: u32) -> Result<Self, QuotaError> {
        if cost == 0 || cost > self.limit.quota.max_cost() {
            return Err(QuotaError::cost(cost, &self.limit.quota));
        }
        Ok(Self { cost, ..self })
    }

    /// The limit that is charged.
    pub const fn limit(&self) -> &'a Limit {
        self.limit
    }
}

impl fmt::Debug for Charge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Charge")
            .field("limit", &self.limit.name)
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}
