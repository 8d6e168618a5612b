//! Ends and lists families.

use std::time::Duration;

use futures_util::future::try_join_all;
use portcullis_core::{
    Answer,
    clock::Timestamp,
    rotation::{RevokeReason, RotationPolicy, Session},
    store::{Confirmation, StoreError},
};
use redis::Value;

use super::{RedisSessions, carried_out, names::User, reply, rotate::millis};
use crate::{
    feed::{self, Entry, Fact},
    script::Call,
    trouble::Trouble,
};

/// How long past the access tokens' lifetime the nodes remember a cut: the slack of `iat`, and
/// leeway.
const CUT_MARGIN: Duration = Duration::from_secs(65);

/// How often the tags of a user are brought to one cut before a busy user is let be.
const CUT_STEPS: usize = 8;

pub(super) fn revoke(
    store: &RedisSessions,
    (subject, sid): (&str, &str),
    reason: RevokeReason,
    policy: &RotationPolicy,
) -> Answer<Result<Confirmation, StoreError>> {
    let Some(reason) = reply::reason_name(reason) else {
        return Answer::now(Err(StoreError::plain(
            "a reason that Redis has no name for",
        )));
    };
    let call = |user: &User| {
        Call::default()
            .key(user.family(sid))
            .key(user.index())
            .arg(sid)
            .arg(reason)
            .arg(millis(policy.absolute))
            .arg(millis(policy.access))
    };
    let calls: Vec<Call> = store.users(subject).iter().map(call).collect();
    let (store, access) = (store.clone(), policy.access);
    let (subject, sid) = (subject.to_owned(), sid.to_owned());
    carried_out(async move {
        let revoked = async {
            let (now, confirmation) = end(&store, &calls).await?;
            announce(&store, &subject, &[sid], now + access).await?;
            Ok(confirmation)
        };
        revoked
            .await
            .map_err(|trouble: Trouble| trouble.into_store_error("revoke"))
    })
}

/// Ends a family under each tag: an id that is unknown there may be adopted there in a moment.
async fn end(store: &RedisSessions, calls: &[Call]) -> Result<(Timestamp, Confirmation), Trouble> {
    let inner = &store.inner;
    let asked = calls.iter().map(|call| {
        inner
            .redis
            .run_confirmed::<u64>(&inner.scripts.revoke, call)
    });
    let answers = try_join_all(asked).await?;
    let now = answers.iter().map(|(now, _)| *now).max();
    let confirmations = answers.iter().map(|(_, confirmation)| *confirmation);
    Ok((
        Timestamp::from_millis(now.unwrap_or_default()),
        all(confirmations),
    ))
}

/// Confirmed when all are.
fn all(mut confirmations: impl Iterator<Item = Confirmation>) -> Confirmation {
    if confirmations.all(|one| one == Confirmation::Confirmed) {
        Confirmation::Confirmed
    } else {
        Confirmation::Unconfirmed
    }
}

pub(super) fn revoke_all(
    store: &RedisSessions,
    subject: &str,
    policy: &RotationPolicy,
) -> Answer<Result<Confirmation, StoreError>> {
    let users = store.users(subject);
    let user = store.inner.tagger.user(subject);
    let (store, policy) = (store.clone(), *policy);
    carried_out(async move {
        let revoked = async {
            let (cut, now, confirmation) = cut_all(&store, &users, &policy).await?;
            let until = Timestamp::from_millis(cut.max(now)) + policy.access + CUT_MARGIN;
            let fact = Fact::NotBefore { user, millis: cut };
            tell(&store, fact, until).await?;
            Ok(confirmation)
        };
        revoked
            .await
            .map_err(|trouble: Trouble| trouble.into_store_error("revoke_all"))
    })
}

/// Writes one and the same cut under every tag: what it is, and the time.
///
/// Were they different, a later login could be under the tag with the lower one, and its access
/// tokens be refused for the other's sake.
async fn cut_all(
    store: &RedisSessions,
    users: &[User],
    policy: &RotationPolicy,
) -> Result<(u64, u64, Confirmation), Trouble> {
    let inner = &store.inner;
    let (mut cut, mut now, mut agreed) = (0, 0, Vec::new());
    for user in users.iter().cycle().take(CUT_STEPS) {
        let call = Call::default()
            .key(user.cut())
            .key(user.index())
            .arg(cut)
            .arg(millis(policy.absolute))
            .arg(millis(policy.access));
        let written = inner.redis.run_confirmed(&inner.scripts.revoke_all, &call);
        let ((own, at), confirmation): ((u64, u64), _) = written.await?;
        now = now.max(at);
        if own != cut {
            agreed.clear();
        }
        cut = own;
        agreed.push(confirmation);
        if agreed.len() == users.len() {
            break;
        }
    }
    Ok((cut, now, all(agreed.into_iter())))
}

pub(super) fn list(
    store: &RedisSessions,
    subject: &str,
) -> Answer<Result<Vec<Session>, StoreError>> {
    let call = |user: &User| {
        Call::default()
            .key(user.cut())
            .key(user.index())
            .arg(user.families())
    };
    let calls: Vec<Call> = store.users(subject).iter().map(call).collect();
    let store = store.clone();
    Answer::later(async move {
        let inner = &store.inner;
        let asked = calls
            .iter()
            .map(|call| inner.redis.run::<Vec<Value>>(&inner.scripts.list, call));
        let mut sessions = Vec::new();
        for fields in try_join_all(asked).await.map_err(failed)? {
            sessions.extend(reply::sessions(fields).map_err(failed)?);
        }
        sessions.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.sid.cmp(&b.sid)));
        Ok(sessions)
    })
}

fn failed(trouble: Trouble) -> StoreError {
    trouble.into_store_error("list")
}

/// Tells the nodes that sessions of `subject` have been ended.
pub(super) async fn announce(
    store: &RedisSessions,
    subject: &str,
    sids: &[String],
    until: Timestamp,
) -> Result<(), Trouble> {
    if sids.is_empty() {
        return Ok(());
    }
    let user = store.inner.tagger.user(subject);
    let told = sids
        .iter()
        .cloned()
        .map(|sid| tell(store, Fact::Session { user, sid }, until));
    try_join_all(told).await.map(drop)
}

/// Tells the nodes of `fact`, which counts until `until`.
pub(super) async fn tell(
    store: &RedisSessions,
    fact: Fact,
    until: Timestamp,
) -> Result<(), Trouble> {
    let entry = Entry {
        fact,
        expires: until.as_micros().div_ceil(1_000_000),
    };
    feed::append(&store.inner.redis, &entry).await
}
