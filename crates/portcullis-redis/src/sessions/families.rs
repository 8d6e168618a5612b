//! Ends and lists families.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
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

/// Which families a call ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scope {
    /// Every one: an id that is unknown here may be adopted here in a moment.
    Any,
    /// One that is here, living or ended.
    Known,
}

/// What one script did, or all of them together.
struct Ended {
    known: bool,
    /// Until when access tokens of the family may live; none when all have expired.
    until: Option<Timestamp>,
    confirmation: Confirmation,
}

/// A family to be ended, in a form that outlives the call.
struct Ending {
    subject: String,
    sid: String,
    reason: &'static str,
    policy: RotationPolicy,
    users: Vec<User>,
}

pub(super) fn revoke(
    store: &RedisSessions,
    family: (&str, &str),
    reason: RevokeReason,
    policy: &RotationPolicy,
) -> Answer<Result<Confirmation, StoreError>> {
    let ending = match Ending::new(store, family, reason, policy) {
        Ok(ending) => ending,
        Err(error) => return Answer::now(Err(error)),
    };
    let store = store.clone();
    carried_out(async move {
        let ended = ending.run(&store, Scope::Any).await;
        ended
            .map(|ended| ended.confirmation)
            .map_err(|trouble| trouble.into_store_error("revoke"))
    })
}

pub(super) fn revoke_known(
    store: &RedisSessions,
    family: (&str, &str),
    reason: RevokeReason,
    policy: &RotationPolicy,
) -> Answer<Result<Option<Confirmation>, StoreError>> {
    let ending = match Ending::new(store, family, reason, policy) {
        Ok(ending) => ending,
        Err(error) => return Answer::now(Err(error)),
    };
    let store = store.clone();
    carried_out(async move {
        let ended = ending.run(&store, Scope::Known).await;
        ended
            .map(|ended| ended.known.then_some(ended.confirmation))
            .map_err(|trouble| trouble.into_store_error("revoke_known"))
    })
}

/// Tells the nodes once more of a family that reuse has ended: whoever found that out may not have
/// got so far.
pub(super) async fn tell_again(
    store: &RedisSessions,
    family: (&str, &str),
    policy: &RotationPolicy,
) -> Result<(), StoreError> {
    let ending = Ending::new(store, family, RevokeReason::Reuse, policy)?;
    let told = ending.run(store, Scope::Known).await;
    told.map(drop)
        .map_err(|trouble| trouble.into_store_error("tell the nodes of a reuse"))
}

impl Ending {
    fn new(
        store: &RedisSessions,
        (subject, sid): (&str, &str),
        reason: RevokeReason,
        policy: &RotationPolicy,
    ) -> Result<Self, StoreError> {
        let reason = reply::reason_name(reason);
        Ok(Self {
            subject: subject.to_owned(),
            sid: sid.to_owned(),
            reason: reason.ok_or(StoreError::plain("a reason that Redis has no name for"))?,
            policy: *policy,
            users: store.users(subject),
        })
    }

    /// Ends the family under each tag, and tells the nodes, again where they may know already: a
    /// repetition makes good what the first time was left undone.
    async fn run(&self, store: &RedisSessions, scope: Scope) -> Result<Ended, Trouble> {
        let mut ended = self.end(store, scope).await?;
        if scope == Scope::Known && ended.known && self.users.len() > 1 {
            // Known under one tag, it is ended under the others too.
            ended = self.end(store, Scope::Any).await?;
        }
        if let Some(until) = ended.until {
            announce(store, &self.subject, std::slice::from_ref(&self.sid), until).await?;
        }
        Ok(ended)
    }

    async fn end(&self, store: &RedisSessions, scope: Scope) -> Result<Ended, Trouble> {
        let inner = &store.inner;
        let calls: Vec<Call> = self
            .users
            .iter()
            .map(|user| self.call(user, scope))
            .collect();
        let asked = calls.iter().map(|call| {
            inner
                .redis
                .run_confirmed::<(u64, u64, u64)>(&inner.scripts.revoke, call)
        });
        let answers = try_join_all(asked).await?;
        let live = |&((_, now, until), _): &((u64, u64, u64), Confirmation)| {
            let until = Timestamp::from_millis(until);
            (until + feed::LEEWAY > Timestamp::from_millis(now)).then_some(until)
        };
        Ok(Ended {
            known: answers.iter().any(|((known, ..), _)| *known == 1),
            until: answers.iter().filter_map(live).max(),
            confirmation: all(answers.iter().map(|(_, confirmation)| *confirmation)),
        })
    }

    fn call(&self, user: &User, scope: Scope) -> Call {
        Call::default()
            .key(user.family(&self.sid))
            .key(user.index())
            .arg(self.sid.as_str())
            .arg(self.reason)
            .arg(millis(self.policy.absolute))
            .arg(millis(self.policy.access))
            .arg(u64::from(scope == Scope::Any))
    }
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
    // One that fails must not keep the others from being told, or owed.
    join_all(told).await.into_iter().collect()
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
