//! Families, revocations and the blacklist of all processes.

use std::{fmt, sync::Arc};

use portcullis_core::{
    Answer,
    answer::BoxFuture,
    clock::Timestamp,
    keys::RotationKeys,
    rotation::{NewFamily, Opened, Presented, RevokeReason, RotationPolicy, Session, Verdict},
    store::{Blacklist, Confirmation, FamilyStore, Revocations, StoreError, TokenFacts},
};

use crate::{Redis, tag::Tagger};

use names::User;
use scripts::Scripts;

mod families;
mod marks;
mod names;
mod open;
mod reply;
mod rotate;
mod scripts;

#[cfg(test)]
mod tests;

/// Keeps refresh families, revocations and the blacklist in Redis, for all processes together.
///
/// Each decision is one script and one round trip, at the server's own time. A revocation, and
/// whatever else ends a family, also goes to the feed, as a second command, and the answer comes
/// after both. Whatever writes goes on to its end when its answer is dropped.
///
/// An error does not mean that nothing was done. A call that is late is not repeated, since it may
/// have been carried out: the error goes to the caller, whose client tries again and gets what it
/// would have got. A revocation that failed is to be repeated until it succeeds. Where only the
/// feed could not be written, it is written later all the same, for as long as the process lives.
///
/// It is each of [`FamilyStore`], [`Revocations`] and [`Blacklist`], and cloning it is cheap.
/// As `Revocations` it asks the server every time, and watches nothing.
///
/// # Keys
///
/// All keys of a user begin with the prefix and a tag in braces, a keyed hash of the user id, so
/// that a cluster keeps them in one slot. Every key is written together with its expiry. Nothing
/// that is stored lets anyone make or use a token.
///
/// | key | type | holds | expires |
/// |---|---|---|---|
/// | `…{tag}:f:<sid>` | hash | a family, or its tombstone | idle end; tombstone: absolute end |
/// | `…{tag}:i` | sorted set | the user's `sid`s | with the last of them |
/// | `…{tag}:n` | string | every family created up to here is ended | absolute lifetime + 65 s |
/// | `…{tag}:d:<hash>` | string | an access token is denied | with the token |
/// | `…{tag}:b:<hash>` | string | a refresh token of Django's is used up | with the token |
///
/// In the hash, `g` is the current generation, `r` when it was opened, `t` the creation, `a` the
/// absolute end, `k` the key version, `c` whether the client was seen to have `g`, `n` the label;
/// `l`, `m` and `o` describe the last lost response that was forgiven: when, the window that it
/// made good, and the generation handed out again. A tombstone has `s`, the reason, and `a`. In the
/// sorted set the score of a living family is its creation, that of an ended one the negative of
/// the time from which its tombstone is of no more use. All times are milliseconds.
///
/// # While the rotation key is replaced
///
/// A user has one tag per version of the key. A family stays under that of the version it was
/// opened with, and the calls that concern a user look at both: one round trip for each tag. What
/// is promised of one step is then promised of each tag: a logout, a cut and a tombstone are
/// written to both before the answer, and a login may see a family evicted a step later. Keep the
/// old key until its families and the refresh tokens of Django's that were used up have expired.
///
/// # Example
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use portcullis_core::{
///     Secret,
///     keys::RotationKeys,
///     rotation::{NewFamily, Presented, Refusal, RevokeReason, RotationPolicy, SessionId, Verdict},
///     store::FamilyStore,
/// };
/// use portcullis_redis::{RedisConfig, RedisSessions};
///
/// let redis = RedisConfig::from_url("redis://127.0.0.1")?.connect().await?;
/// let keys = RotationKeys::new(1, &Secret::new([7; 32]))?;
/// let store = RedisSessions::new(&redis, &keys);
///
/// let policy = RotationPolicy::default();
/// let sid = SessionId::random()?;
/// let family = NewFamily { subject: "42", sid: &sid, key_version: 1, label: Some("Firefox") };
/// store.open(&family, &policy).await?;
///
/// let presented = Presented { subject: "42", sid: sid.as_str(), generation: 0, adoption: None };
/// let granted = store.rotate(&presented, &policy).await?;
/// assert!(matches!(granted, Verdict::Granted(_)));
///
/// let _ = store.revoke("42", sid.as_str(), RevokeReason::Logout, &policy).await?;
/// let refused = store.rotate(&presented, &policy).await?;
/// assert_eq!(refused, Verdict::Refused(Refusal::Revoked(RevokeReason::Logout)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisSessions {
    inner: Arc<Inner>,
}

struct Inner {
    redis: Redis,
    tagger: Tagger,
    scripts: Scripts,
}

impl RedisSessions {
    /// A store on the connection of `redis`; users are known by hashes under `keys`.
    ///
    /// All processes need the same keys, and so does the feed.
    pub fn new(redis: &Redis, keys: &RotationKeys) -> Self {
        Self::with_scripts(redis, keys, Scripts::default())
    }

    fn with_scripts(redis: &Redis, keys: &RotationKeys, scripts: Scripts) -> Self {
        Self {
            inner: Arc::new(Inner {
                redis: redis.clone(),
                tagger: Tagger::new(keys),
                scripts,
            }),
        }
    }

    /// The names of the user's keys under each version of the rotation key, the current one first.
    fn users(&self, subject: &str) -> Vec<User> {
        let prefix = self.inner.redis.prefix();
        let tags = self.inner.tagger.users(subject);
        tags.map(|tag| User::new(prefix, tag)).collect()
    }

    /// As [`users`](Self::users), but first under `version`, where it is one of ours.
    fn users_of_version(&self, subject: &str, version: u32) -> Vec<User> {
        let mut users = self.users(subject);
        if self.inner.tagger.is_previous(version) {
            users.reverse();
        }
        users
    }
}

/// Answers once `step` has been taken, which goes on when the answer is dropped: else a client that
/// hangs up in the middle of its logout would leave the other nodes untold.
fn carried_out<T: Send + 'static>(
    step: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Answer<Result<T, StoreError>> {
    Answer::later(async move {
        let taken = tokio::spawn(step).await;
        taken.unwrap_or_else(|stopped| Err(StoreError::new("the runtime was stopped", stopped)))
    })
}

impl FamilyStore for RedisSessions {
    fn open(
        &self,
        family: &NewFamily<'_>,
        policy: &RotationPolicy,
    ) -> Answer<Result<Opened, StoreError>> {
        open::open(self, family, policy)
    }

    fn rotate(
        &self,
        presented: &Presented<'_>,
        policy: &RotationPolicy,
    ) -> Answer<Result<Verdict, StoreError>> {
        rotate::rotate(self, presented, policy)
    }

    fn revoke(
        &self,
        subject: &str,
        sid: &str,
        reason: RevokeReason,
        policy: &RotationPolicy,
    ) -> Answer<Result<Confirmation, StoreError>> {
        families::revoke(self, (subject, sid), reason, policy)
    }

    fn revoke_known(
        &self,
        subject: &str,
        sid: &str,
        reason: RevokeReason,
        policy: &RotationPolicy,
    ) -> Answer<Result<Option<Confirmation>, StoreError>> {
        families::revoke_known(self, (subject, sid), reason, policy)
    }

    fn revoke_all(
        &self,
        subject: &str,
        policy: &RotationPolicy,
    ) -> Answer<Result<Confirmation, StoreError>> {
        families::revoke_all(self, subject, policy)
    }

    fn list(&self, subject: &str) -> Answer<Result<Vec<Session>, StoreError>> {
        families::list(self, subject)
    }
}

impl Revocations for RedisSessions {
    fn is_revoked(&self, token: &TokenFacts<'_>) -> Answer<Result<bool, StoreError>> {
        marks::is_revoked(self, token)
    }

    fn deny(
        &self,
        subject: &str,
        jti: &str,
        expires: Timestamp,
    ) -> Answer<Result<Confirmation, StoreError>> {
        marks::deny(self, (subject, jti), expires)
    }

    fn watch(&self, _token: &TokenFacts<'_>) -> Option<BoxFuture<()>> {
        None
    }
}

impl Blacklist for RedisSessions {
    fn contains(&self, subject: &str, jti: &str) -> Answer<Result<bool, StoreError>> {
        marks::contains(self, (subject, jti))
    }

    fn add(
        &self,
        subject: &str,
        jti: &str,
        expires: Timestamp,
    ) -> Answer<Result<Confirmation, StoreError>> {
        marks::add(self, (subject, jti), expires)
    }
}

impl fmt::Debug for RedisSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSessions")
            .field("redis", &self.inner.redis)
            .finish_non_exhaustive()
    }
}
