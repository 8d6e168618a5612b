//! Who may try how often: logins by address and account, refreshes by address and family.

use std::{net::IpAddr, time::Duration};

use portcullis_core::{
    rate::{
        AddressKey, Charge, Limit, Limiter, OnStoreFailure, Outcome, Quota, QuotaError, Reservation,
    },
    rejection::Rejection,
    store::StoreError,
};
use unicode_normalization::UnicodeNormalization as _;

/// The quotas of the login, refresh and verify endpoints.
///
/// A login is charged to its address, to the pair of account and address, and to the account, in
/// one decision before the password is looked at; a right password gives all three back. The limit
/// per account is the loosest, so that nobody locks an account from one address.
///
/// # Example
///
/// ```
/// use portcullis::{core::rate::Quota, refresh::EndpointLimits};
/// use std::time::Duration;
///
/// let limits = EndpointLimits::new()?
///     .with_login(Quota::strict(3, Duration::from_secs(600))?)?
///     .with_failure_cap(50);
/// # drop(limits);
/// assert!(Quota::strict(0, Duration::from_secs(600)).is_err());
/// # Ok::<_, portcullis::core::rate::QuotaError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct EndpointLimits {
    login_address: Limit,
    login_pair: Limit,
    login_account: Limit,
    login_device: Limit,
    refresh_address: Limit,
    refresh_family: Limit,
    failure_cap: u32,
    on_failure: OnStoreFailure,
    nodes: u32,
    deadline: Duration,
}

impl EndpointLimits {
    /// Logins: 10/min per address, 5 per 15 min per account and address, 20 per hour per account,
    /// 100 consecutive failures per account. Refreshes: 120/min per address, 30/min per family.
    ///
    /// # Errors
    ///
    /// None: the quotas are constants. The type is that of the other constructors.
    pub fn new() -> Result<Self, QuotaError> {
        let quarter = Duration::from_secs(15 * 60);
        let hour = Duration::from_secs(3600);
        Ok(Self {
            login_address: Limit::new("login-address", Quota::per_minute(10)?)?.exposed(),
            login_pair: Limit::new("login-account-address", Quota::strict(5, quarter)?)?,
            login_account: Limit::new("login-account", Quota::strict(20, hour)?)?,
            login_device: Limit::new("login-device", Quota::strict(20, hour)?)?,
            refresh_address: Limit::new("refresh-address", Quota::per_minute(120)?)?.exposed(),
            refresh_family: Limit::new("refresh-family", Quota::per_minute(30)?)?,
            failure_cap: Limiter::MAX_FAILURES,
            on_failure: OnStoreFailure::default(),
            nodes: 1,
            deadline: Limiter::DEADLINE,
        })
    }

    /// Replaces the quota per account and address.
    ///
    /// # Errors
    ///
    /// None that [`Limit::new`] has not.
    pub fn with_login(self, quota: Quota) -> Result<Self, QuotaError> {
        Ok(Self {
            login_pair: Limit::new("login-account-address", quota)?,
            ..self
        })
    }

    /// Replaces the quota of logins per address.
    ///
    /// # Errors
    ///
    /// None that [`Limit::new`] has not.
    pub fn with_login_address(self, quota: Quota) -> Result<Self, QuotaError> {
        Ok(Self {
            login_address: Limit::new("login-address", quota)?.exposed(),
            ..self
        })
    }

    /// Replaces the quota of logins per account.
    ///
    /// # Errors
    ///
    /// None that [`Limit::new`] has not.
    pub fn with_login_account(self, quota: Quota) -> Result<Self, QuotaError> {
        Ok(Self {
            login_account: Limit::new("login-account", quota)?,
            ..self
        })
    }

    /// Replaces the quota of refreshes per family.
    ///
    /// # Errors
    ///
    /// None that [`Limit::new`] has not.
    pub fn with_refresh(self, quota: Quota) -> Result<Self, QuotaError> {
        Ok(Self {
            refresh_family: Limit::new("refresh-family", quota)?,
            ..self
        })
    }

    /// Locks an account to unknown devices after `cap` failures in a row: 1 to 100
    /// (NIST SP 800-63B-4 §3.2.2), checked when the service is built.
    pub fn with_failure_cap(self, cap: u32) -> Self {
        Self {
            failure_cap: cap,
            ..self
        }
    }

    /// What happens when the store of the limits cannot decide: each process decides alone, unless
    /// told otherwise.
    ///
    /// # Security
    ///
    /// [`OnStoreFailure::Admit`] leaves passwords to be guessed for as long as the store is down,
    /// up to the cap on consecutive failures.
    pub fn with_on_store_failure(self, on_failure: OnStoreFailure) -> Self {
        Self { on_failure, ..self }
    }

    /// How many processes share the store: while each decides alone, it admits its part.
    pub fn with_expected_nodes(self, nodes: u32) -> Self {
        Self { nodes, ..self }
    }

    /// How long the store may take for one decision; 50 ms unless configured.
    pub fn with_store_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }
}

/// The limits over their store.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    config: EndpointLimits,
    limiter: Limiter,
}

/// Who is logging in, as the limits see it.
pub(super) struct LoginKeys<'a> {
    pub(super) address: IpAddr,
    /// The username in the form of [`account_key`].
    pub(super) account: &'a str,
    /// The device, when it has logged in to this account before.
    pub(super) device: Option<&'a str>,
}

impl Limits {
    /// The limits of `config`, counted by `limiter`.
    pub(super) fn new(config: EndpointLimits, limiter: Limiter) -> Result<Self, QuotaError> {
        let limiter = limiter
            .with_on_store_failure(config.on_failure)
            .with_expected_nodes(config.nodes)
            .with_deadline(config.deadline)
            .with_failure_cap(config.failure_cap)?;
        Ok(Self { config, limiter })
    }

    /// Charges a login attempt; a device that is known is charged to itself, not to the account,
    /// so that others cannot lock it out.
    pub(super) async fn login(&self, keys: &LoginKeys<'_>) -> Result<Reservation, Blocked> {
        let address = AddressKey::of(keys.address);
        let (account, address_bytes) = (keys.account.as_bytes(), address.to_bytes());
        let by_pair: [&[u8]; 2] = [account, &address_bytes];
        let (third, by_account): (_, &[&[u8]]) = match keys.device {
            Some(device) => (&self.config.login_device, &[account, device.as_bytes()]),
            None => (&self.config.login_account, &[account]),
        };
        self.take(&[
            Charge::by_address(&self.config.login_address, address),
            Charge::new(&self.config.login_pair, &by_pair),
            Charge::new(third, by_account),
        ])
        .await
    }

    /// Gives a login's charges back.
    pub(super) async fn refund(&self, reservation: Reservation) -> Result<(), StoreError> {
        self.limiter.refund(reservation).await
    }

    /// Charges a refresh to its address and, where its token is good, to its family.
    pub(super) async fn refresh(
        &self,
        address: IpAddr,
        family: Option<&str>,
    ) -> Result<(), Blocked> {
        let by_family: [&[u8]; 1] = [family.unwrap_or_default().as_bytes()];
        let charges = [
            Charge::by_address(&self.config.refresh_address, AddressKey::of(address)),
            Charge::new(&self.config.refresh_family, &by_family),
        ];
        let charges = &charges[..=usize::from(family.is_some())];
        self.take(charges).await.map(drop)
    }

    /// Charges a look at a token to its address, from the quota of refreshes.
    pub(super) async fn address(&self, address: IpAddr) -> Result<(), Blocked> {
        let address = AddressKey::of(address);
        self.take(&[Charge::by_address(&self.config.refresh_address, address)])
            .await
            .map(drop)
    }

    /// Whether the account has had as many failures in a row as allowed.
    pub(super) async fn is_locked(&self, subject: &str) -> Result<bool, StoreError> {
        let failures = self.limiter.failures(&[subject.as_bytes()]).await?;
        Ok(failures >= self.config.failure_cap)
    }

    pub(super) async fn record_failure(&self, subject: &str) -> Result<(), StoreError> {
        self.limiter
            .record_failure(&[subject.as_bytes()])
            .await
            .map(drop)
    }

    pub(super) async fn clear_failures(&self, subject: &str) -> Result<(), StoreError> {
        self.limiter.clear_failures(&[subject.as_bytes()]).await
    }

    async fn take(&self, charges: &[Charge<'_>]) -> Result<Reservation, Blocked> {
        match self.limiter.reserve(charges).await {
            Ok(Outcome::Admitted(reservation)) => Ok(reservation),
            Ok(Outcome::Refused { retry_after, .. }) => {
                let whole = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
                let secs = u32::try_from(whole).unwrap_or(u32::MAX).max(1);
                Err(Blocked::Refused(Rejection::RateLimited {
                    retry_after_secs: secs,
                }))
            }
            Err(error) => Err(Blocked::Store(error)),
        }
    }
}

/// Why a request did not get past its limits.
#[derive(Debug)]
pub(super) enum Blocked {
    Refused(Rejection),
    Store(StoreError),
}

/// The username as the limits compare it: NFKC, lower case, without invisible characters, so that
/// look-alikes which a user store may fold into one account share its limits. Merging is safe.
pub(super) fn account_key(username: &str) -> String {
    let invisible = |c: &char| {
        matches!(
            *c,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
        )
    };
    username
        .nfkc()
        .filter(|c| !invisible(c))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::account_key;

    #[test]
    fn look_alikes_share_an_account() {
        for name in [
            "Admin",
            "ADMIN",
            "ａｄｍｉｎ",
            "ad\u{200b}min",
            "ad\u{ad}min",
        ] {
            assert_eq!(account_key(name), "admin", "{name:?}");
        }
        assert_ne!(account_key("admin1"), account_key("admin"));
        assert_eq!(account_key("e\u{301}"), account_key("é"));
    }
}
