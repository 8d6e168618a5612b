//! The times that bound a family, and what is wrong with some of them.

use std::{fmt, time::Duration};

/// The longest overlap: what a browser needs to store a cookie, with a wide margin.
const MAX_OVERLAP: Duration = Duration::from_secs(60);
/// The shortest lost-response budget: below it, a thief and the owner could take turns unnoticed.
const MIN_LOST_BUDGET: Duration = Duration::from_secs(3600);
/// The longest life of a family: how long browsers keep a cookie (RFC 6265bis §5.5).
const MAX_ABSOLUTE: Duration = Duration::from_secs(400 * 24 * 3600);
/// The longest life of an access token, and so of a denied session's entry.
const MAX_ACCESS: Duration = Duration::from_secs(2 * 3600 + 60);
/// The most families of one user.
const MAX_FAMILIES: u32 = 1_000;

/// The times that bound a family. Checked by [`RotationPolicy::validate`].
///
/// # Example
///
/// ```
/// use portcullis_core::rotation::RotationPolicy;
/// use std::time::Duration;
///
/// let policy = RotationPolicy::default()
///     .with_overlap(Duration::from_secs(5))
///     .with_idle(Duration::from_secs(24 * 3600))
///     .validate()?;
/// assert_eq!(policy.coalescing(), Duration::from_secs(10));
///
/// let refused = policy.with_overlap(Duration::from_secs(76)).validate().unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "the overlap is 76s; wanted: at most 60s, so lower it",
/// );
/// # Ok::<_, portcullis_core::rotation::RotationConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RotationPolicy {
    /// How long a replaced token still gets the same successor; at most 60 s, and at most a
    /// quarter of the access lifetime. Default 10 s; zero forgives no concurrent refresh.
    pub overlap: Duration,
    /// How far apart two lost responses must be to be forgiven; at least 1 h. Default 24 h.
    pub lost_budget: Duration,
    /// How long a family lives without a refresh; also each refresh token's own life. From 1 s to
    /// the absolute lifetime, in whole seconds. Default 7 d.
    pub idle: Duration,
    /// How long a family lives at most; at most 400 d, in whole seconds. Default 14 d.
    pub absolute: Duration,
    /// How long access tokens live at most, with leeway: as long as a denied session must stay
    /// denied. At most 2 h and a minute of leeway. Default 5 min.
    pub access: Duration,
    /// How many families a user may have, 1 to 1,000; opening one more ends the oldest. Default 50.
    pub max_families: u32,
}

impl Default for RotationPolicy {
    fn default() -> Self {
        Self {
            overlap: Duration::from_secs(10),
            lost_budget: Duration::from_secs(24 * 3600),
            idle: Duration::from_secs(7 * 24 * 3600),
            absolute: Duration::from_secs(14 * 24 * 3600),
            access: Duration::from_secs(300),
            max_families: 50,
        }
    }
}

impl RotationPolicy {
    /// Replaces [`overlap`](Self::overlap).
    #[must_use]
    pub const fn with_overlap(self, overlap: Duration) -> Self {
        Self { overlap, ..self }
    }

    /// Replaces [`lost_budget`](Self::lost_budget).
    #[must_use]
    pub const fn with_lost_budget(self, lost_budget: Duration) -> Self {
        Self {
            lost_budget,
            ..self
        }
    }

    /// Replaces [`idle`](Self::idle).
    #[must_use]
    pub const fn with_idle(self, idle: Duration) -> Self {
        Self { idle, ..self }
    }

    /// Replaces [`absolute`](Self::absolute).
    #[must_use]
    pub const fn with_absolute(self, absolute: Duration) -> Self {
        Self { absolute, ..self }
    }

    /// Replaces [`access`](Self::access).
    #[must_use]
    pub const fn with_access(self, access: Duration) -> Self {
        Self { access, ..self }
    }

    /// Replaces [`max_families`](Self::max_families).
    #[must_use]
    pub const fn with_max_families(self, max_families: u32) -> Self {
        Self {
            max_families,
            ..self
        }
    }

    /// How long after a window opened the current token is answered without a new one: twice the
    /// overlap, so that a slow tab's parent stays a parent while answers are under way.
    pub const fn coalescing(&self) -> Duration {
        self.overlap.saturating_mul(2)
    }

    /// Checks the values against each other and gives the policy back.
    ///
    /// # Errors
    ///
    /// [`RotationConfigError`] for the first value that is out of its bounds.
    pub fn validate(self) -> Result<Self, RotationConfigError> {
        let second = Duration::from_secs(1);
        let budget = ("the lost-response budget", self.lost_budget);
        at_least(("the access lifetime", self.access), second, "1s")?;
        at_most(("the access lifetime", self.access), MAX_ACCESS, "7260s")?;
        at_most(("the overlap", self.overlap), MAX_OVERLAP, "60s")?;
        let quarter = "a quarter of the access lifetime";
        at_most(("the overlap", self.overlap), self.access / 4, quarter)?;
        at_least(budget, MIN_LOST_BUDGET, "3600s")?;
        at_least(("the idle lifetime", self.idle), second, "1s")?;
        at_most(
            ("the absolute lifetime", self.absolute),
            MAX_ABSOLUTE,
            "400 days",
        )?;
        at_most(
            ("the idle lifetime", self.idle),
            self.absolute,
            "the absolute lifetime",
        )?;
        match self.max_families {
            1..=MAX_FAMILIES => Ok(self),
            found => Err(RotationConfigError(Kind::Families { found })),
        }
    }
}

type Named = (&'static str, Duration);

fn at_most(
    (what, found): Named,
    most: Duration,
    bound: &'static str,
) -> Result<(), RotationConfigError> {
    if found <= most {
        return Ok(());
    }
    Err(RotationConfigError(Kind::TooLong { what, found, bound }))
}

fn at_least(
    (what, found): Named,
    least: Duration,
    bound: &'static str,
) -> Result<(), RotationConfigError> {
    if found >= least {
        return Ok(());
    }
    Err(RotationConfigError(Kind::TooShort { what, found, bound }))
}

/// A value of a [`RotationPolicy`] is out of its bounds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RotationConfigError(Kind);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Families {
        found: u32,
    },
    TooLong {
        what: &'static str,
        found: Duration,
        bound: &'static str,
    },
    TooShort {
        what: &'static str,
        found: Duration,
        bound: &'static str,
    },
}

impl fmt::Display for RotationConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Families { found } => write!(
                f,
                "the number of families per user is {found}; wanted: 1 to {MAX_FAMILIES}",
            ),
            Kind::TooLong { what, found, bound } => {
                write!(
                    f,
                    "{what} is {found:?}; wanted: at most {bound}, so lower it"
                )
            }
            Kind::TooShort { what, found, bound } => {
                write!(
                    f,
                    "{what} is {found:?}; wanted: at least {bound}, so raise it"
                )
            }
        }
    }
}

impl std::error::Error for RotationConfigError {}
