//! Takes refresh tokens that Django issued into families, while a site moves over.

use portcullis_core::{Answer, clock::Timestamp};

use super::AuthenticatorError;

/// Reads and writes Django's own two blacklist tables, so that a token which either side has used
/// up is used up for both.
///
/// `token_blacklist_outstandingtoken` and `token_blacklist_blacklistedtoken`, as simplejwt and
/// ninja-jwt create them.
pub trait DjangoBlacklist: Send + Sync + 'static {
    /// Whether Django knows the refresh token `jti` and has not blacklisted it.
    ///
    /// Asked once, before a family is opened for the token; after that the family decides.
    fn is_usable(&self, jti: &str) -> Answer<Result<bool, AuthenticatorError>>;

    /// Blacklists `jti`, which expires at `expires`, so that Django refuses it; idempotent.
    ///
    /// Called after the family was opened, and again whenever the token is presented again.
    fn blacklist(
        &self,
        jti: &str,
        subject: &str,
        expires: Timestamp,
    ) -> Answer<Result<(), AuthenticatorError>>;
}
