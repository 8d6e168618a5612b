//! How many in how long, checked when it is made.

use std::{fmt, str::FromStr, time::Duration};

use super::{MAX_PERIOD_MICROS, micros};

#[cfg(test)]
mod tests;

/// How a quota counts.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum QuotaKind {
    /// One theoretical arrival time per key; refills evenly.
    Gcra,
    /// The last admissions themselves; exact in every window.
    Log,
}

/// How many requests in how long, and how that is counted.
///
/// # Example
///
/// ```
/// use portcullis_core::rate::Quota;
/// use std::time::Duration;
///
/// let fifty = Quota::per_second(50)?;
/// assert_eq!(fifty.emission(), Duration::from_millis(20));
/// assert_eq!(fifty.full_after(), Duration::from_secs(1));
///
/// let refused = Quota::per(0, Duration::from_secs(1)).unwrap_err();
/// assert!(refused.to_string().contains("0 per 1s"));
/// # Ok::<_, portcullis_core::rate::QuotaError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Quota {
    kind: QuotaKind,
    capacity: u32,
    /// GCRA: microseconds per cell. Log: microseconds of the window.
    unit: u64,
}

impl Quota {
    /// The most admissions that an exact log keeps per key.
    pub const MAX_STRICT: u32 = 64;

    /// The longest period.
    pub const MAX_PERIOD: Duration = Duration::from_micros(MAX_PERIOD_MICROS);

    /// `count` per `period`, refilled evenly (GCRA), and `count` at once at most.
    ///
    /// The time per request is rounded up to a whole microsecond, so never more than asked for.
    ///
    /// # Errors
    ///
    /// [`QuotaError`] for a count of zero, a period of zero or above 31 days, or more than one
    /// request per microsecond.
    pub fn per(count: u32, period: Duration) -> Result<Self, QuotaError> {
        let wrong = |why| QuotaError::quota(count, period, why);
        let span = checked_period(count, period)?;
        if u64::from(count) > span {
            return Err(wrong(
                "at most one request per microsecond can be told apart",
            ));
        }
        Ok(Self {
            kind: QuotaKind::Gcra,
            capacity: count,
            unit: span.div_ceil(u64::from(count)),
        })
    }

    /// Never more than `count` in any window of length `period`, exactly.
    ///
    /// # Errors
    ///
    /// [`QuotaError`] as [`per`](Self::per), or for a count above [`MAX_STRICT`](Self::MAX_STRICT).
    pub fn strict(count: u32, period: Duration) -> Result<Self, QuotaError> {
        let span = checked_period(count, period)?;
        if count > Self::MAX_STRICT {
            return Err(QuotaError::quota(
                count,
                period,
                "an exact log keeps at most 64 admissions per key; use `Quota::per` above that",
            ));
        }
        Ok(Self {
            kind: QuotaKind::Log,
            capacity: count,
            unit: span,
        })
    }

    /// `count` in a second; [`per`](Self::per) with one second.
    ///
    /// # Errors
    ///
    /// [`QuotaError`], as [`per`](Self::per).
    pub fn per_second(count: u32) -> Result<Self, QuotaError> {
        Self::per(count, Duration::from_secs(1))
    }

    /// `count` in a minute; [`per`](Self::per) with one minute.
    ///
    /// # Errors
    ///
    /// [`QuotaError`], as [`per`](Self::per).
    pub fn per_minute(count: u32) -> Result<Self, QuotaError> {
        Self::per(count, Duration::from_secs(60))
    }

    /// `count` in an hour; [`per`](Self::per) with one hour.
    ///
    /// # Errors
    ///
    /// [`QuotaError`], as [`per`](Self::per).
    pub fn per_hour(count: u32) -> Result<Self, QuotaError> {
        Self::per(count, Duration::from_secs(3600))
    }

    /// The same rate, with `burst` at once at most.
    ///
    /// ```
    /// use portcullis_core::rate::Quota;
    /// use std::time::Duration;
    ///
    /// let steady = Quota::per_second(50)?.with_burst(1)?;
    /// assert_eq!((steady.capacity(), steady.emission()), (1, Duration::from_millis(20)));
    /// # Ok::<_, portcullis_core::rate::QuotaError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`QuotaError`] for zero, for a burst that takes more than 31 days to refill, and for a
    /// strict quota, whose burst is its count.
    pub fn with_burst(self, burst: u32) -> Result<Self, QuotaError> {
        let wrong = |why| QuotaError::quota(burst, Duration::from_micros(self.unit), why);
        if self.kind == QuotaKind::Log {
            return Err(wrong("a strict quota has no burst besides its count"));
        }
        let full = u64::from(burst).saturating_mul(self.unit);
        if burst == 0 || full > MAX_PERIOD_MICROS {
            return Err(wrong("a burst is at least 1 and refills within 31 days"));
        }
        Ok(Self {
            capacity: burst,
            ..self
        })
    }

    /// How it counts.
    pub const fn kind(&self) -> QuotaKind {
        self.kind
    }

    /// How many may pass at once when nothing has been charged.
    pub const fn capacity(&self) -> u32 {
        self.capacity
    }

    /// GCRA: the time in which one request is refilled. Log: the window.
    pub const fn emission(&self) -> Duration {
        Duration::from_micros(self.unit)
    }

    /// The time after which a key is as if it had never been charged.
    pub const fn full_after(&self) -> Duration {
        Duration::from_micros(self.tolerance())
    }

    /// The largest cost of one charge: the capacity, or 1 for an exact log.
    pub const fn max_cost(&self) -> u32 {
        match self.kind {
            QuotaKind::Gcra => self.capacity,
            QuotaKind::Log => 1,
        }
    }

    /// The part of this quota for one of `nodes` processes that count on their own, at least 1.
    ///
    /// ```
    /// use portcullis_core::rate::Quota;
    /// use std::time::Duration;
    ///
    /// let share = Quota::per_minute(60)?.share(4);
    /// assert_eq!((share.capacity(), share.emission()), (15, Duration::from_secs(4)));
    /// # Ok::<_, portcullis_core::rate::QuotaError>(())
    /// ```
    pub fn share(&self, nodes: u32) -> Self {
        let nodes = nodes.max(1);
        let capacity = (self.capacity / nodes).max(1);
        let unit = match self.kind {
            QuotaKind::Gcra => self
                .unit
                .saturating_mul(u64::from(nodes))
                .min(MAX_PERIOD_MICROS / u64::from(capacity)),
            QuotaKind::Log => self.unit,
        };
        Self {
            capacity,
            unit,
            ..*self
        }
    }

    /// Microseconds from empty to full.
    pub(super) const fn tolerance(&self) -> u64 {
        match self.kind {
            QuotaKind::Gcra => self.unit * self.capacity as u64,
            QuotaKind::Log => self.unit,
        }
    }

    /// Microseconds of one cell, or of the window.
    pub(super) const fn unit(&self) -> u64 {
        self.unit
    }
}

impl Default for Quota {
    /// One per second.
    fn default() -> Self {
        Self {
            kind: QuotaKind::Gcra,
            capacity: 1,
            unit: 1_000_000,
        }
    }
}

fn checked_period(count: u32, period: Duration) -> Result<u64, QuotaError> {
    let span = micros(period);
    if count == 0 {
        return Err(QuotaError::quota(
            count,
            period,
            "a count of zero admits nobody; the least is 1",
        ));
    }
    if span == 0 || span > MAX_PERIOD_MICROS {
        return Err(QuotaError::quota(
            count,
            period,
            "a period lies between a microsecond and 31 days",
        ));
    }
    Ok(span)
}

/// A count and a period as an operator writes them: `5/15m`, `100/1s`, `30/1m`.
///
/// # Example
///
/// ```
/// use portcullis_core::rate::Rate;
/// use std::time::Duration;
///
/// let rate: Rate = "5/15m".parse()?;
/// assert_eq!((rate.count, rate.period), (5, Duration::from_secs(900)));
/// assert_eq!(rate.strict()?.capacity(), 5);
///
/// for wrong in ["", "5", "5/m", "5/15", "0/1m", "-1/1s", "5/0s", "5/32d", "5 / 1m"] {
///     assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
/// }
/// # Ok::<_, portcullis_core::rate::QuotaError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In how long.
    pub period: Duration,
}

impl Rate {
    /// The evenly refilled quota of this rate.
    ///
    /// # Errors
    ///
    /// [`QuotaError`], as [`Quota::per`].
    pub fn quota(self) -> Result<Quota, QuotaError> {
        Quota::per(self.count, self.period)
    }

    /// The exact quota of this rate.
    ///
    /// # Errors
    ///
    /// [`QuotaError`], as [`Quota::strict`].
    pub fn strict(self) -> Result<Quota, QuotaError> {
        Quota::strict(self.count, self.period)
    }
}

impl FromStr for Rate {
    type Err = QuotaError;

    fn from_str(text: &str) -> Result<Self, QuotaError> {
        let wrong = || QuotaError::text(text);
        let (count, period) = text.split_once('/').ok_or_else(wrong)?;
        let unit_at = period
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(wrong)?;
        let (number, unit) = period.split_at(unit_at);
        let unit = match unit {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            "d" => Duration::from_secs(24 * 3600),
            _ => return Err(wrong()),
        };
        let period = digits(number).and_then(|number| unit.checked_mul(number));
        let rate = Self {
            count: digits(count).ok_or_else(wrong)?,
            period: period.ok_or_else(wrong)?,
        };
        rate.quota().map(|_| rate)
    }
}

fn digits(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:?}", self.count, self.period)
    }
}

/// A quota, a limit's name or a cost that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QuotaError {
    found: String,
    wanted: &'static str,
}

impl QuotaError {
    fn quota(count: u32, period: Duration, wanted: &'static str) -> Self {
        Self {
            found: format!("{count} per {period:?}"),
            wanted,
        }
    }

    fn text(text: &str) -> Self {
        Self {
            found: format!("{:?}", text.chars().take(64).collect::<String>()),
            wanted: "write a count, a slash and a period, like `5/15m`, `100/1s` or `30/1m`; \
                     units are ms, s, m, h, d",
        }
    }

    pub(super) fn name(name: &str) -> Self {
        Self {
            found: format!("{:?}", name.chars().take(64).collect::<String>()),
            wanted: "a limit's name has 1 to 64 printable ASCII characters",
        }
    }

    pub(super) fn cost(cost: u32, quota: &Quota) -> Self {
        Self {
            found: format!("a cost of {cost} on a capacity of {}", quota.capacity()),
            wanted: "a cost lies between 1 and the capacity, and is 1 on a strict quota",
        }
    }

    pub(super) fn failure_cap(cap: u32) -> Self {
        Self {
            found: format!("a cap of {cap} consecutive failures"),
            wanted: "NIST SP 800-63B-4 section 3.2.2 wants between 1 and 100",
        }
    }
}

impl fmt::Display for QuotaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is no usable quota: {}", self.found, self.wanted)
    }
}

impl std::error::Error for QuotaError {}
