//! Decides what a presented refresh token gets.

use std::time::Duration;

use portcullis_core::{
    Answer,
    clock::Timestamp,
    rotation::{Adoption, GrantKind, Presented, Refusal, RotationPolicy, Verdict},
    store::StoreError,
};
use redis::Value;

use super::{RedisSessions, families::announce, names::User, reply};
use crate::{script::Call, tag::Tag, trouble::Trouble};

/// The largest generation that a Lua number counts exactly.
const MAX_GENERATION: u64 = (1 << 53) - 2;

/// What one script is asked, and the family that it decides on.
struct Question {
    call: Call,
    family: String,
}

pub(super) fn rotate(
    store: &RedisSessions,
    presented: &Presented<'_>,
    policy: &RotationPolicy,
) -> Answer<Result<Verdict, StoreError>> {
    if presented.generation > MAX_GENERATION {
        return Answer::now(Err(StoreError::plain("a generation that was never issued")));
    }
    let questions = questions(store, presented, policy);
    let (store, access) = (store.clone(), policy.access);
    let (subject, sid) = (presented.subject.to_owned(), presented.sid.to_owned());
    Answer::later(async move {
        let decided = decide(&store, questions).await;
        let (verdict, now, family) =
            decided.map_err(|trouble| trouble.into_store_error("rotate"))?;
        let is_reuse = verdict == Verdict::Refused(Refusal::Reuse);
        let is_lost = matches!(&verdict, Verdict::Granted(grant) if grant.kind == GrantKind::Lost);
        if is_reuse || is_lost {
            settle(&store, family).await;
        }
        if is_reuse {
            let told = announce(&store, &subject, &[sid], now + access).await;
            told.map_err(|trouble| trouble.into_store_error("tell the nodes of a reuse"))?;
        }
        Ok(verdict)
    })
}

/// Asks under one tag after the other: the first that knows the family decides.
async fn decide(
    store: &RedisSessions,
    questions: Vec<Question>,
) -> Result<(Verdict, Timestamp, String), Trouble> {
    let mut decided = (
        Verdict::Refused(Refusal::Unknown),
        Timestamp::default(),
        String::new(),
    );
    for Question { call, family } in questions {
        let inner = &store.inner;
        let fields: Vec<Value> = inner.redis.run(&inner.scripts.rotate, &call).await?;
        let (verdict, now) = reply::verdict(fields)?;
        let is_known = verdict != Verdict::Refused(Refusal::Unknown);
        decided = (verdict, now, family);
        if is_known {
            break;
        }
    }
    Ok(decided)
}

/// One question for each tag. A token of Django's is adopted under the last one, once no other
/// tag has a family, a tombstone, a cut or a listing that concerns it.
fn questions(
    store: &RedisSessions,
    presented: &Presented<'_>,
    policy: &RotationPolicy,
) -> Vec<Question> {
    let (subject, sid) = (presented.subject, presented.sid);
    let plain = |user: &User| {
        Call::default()
            .key(user.family(sid))
            .key(user.cut())
            .key(user.index())
            .arg(sid)
            .arg(presented.generation)
            .arg(millis(policy.overlap))
            .arg(millis(policy.lost_budget))
            .arg(millis(policy.idle))
            .arg(millis(policy.access))
    };
    let question = |user: &User, call| Question {
        call,
        family: user.family(sid),
    };
    let Some(token) = &presented.adoption else {
        let users = store.users(subject);
        return users
            .iter()
            .map(|user| question(user, plain(user)))
            .collect();
    };
    let listings: Vec<Tag> = store.inner.tagger.tokens(subject, sid).collect();
    let mut users: Vec<(User, Tag)> = store.users(subject).into_iter().zip(listings).collect();
    if !store.inner.tagger.is_previous(token.key_version) {
        users.reverse();
    }
    let last = users.len() - 1;
    let asked = users.iter().enumerate().map(|(place, (user, listing))| {
        let call = plain(user).key(user.listed(*listing));
        question(user, adopting(call, token, policy, place == last))
    });
    asked.collect()
}

fn adopting(call: Call, token: &Adoption, policy: &RotationPolicy, opens: bool) -> Call {
    call.arg(token.created.as_millis())
        .arg(token.family_end(policy).as_millis())
        .arg(Timestamp::from_secs(token.token_expires.as_secs()).as_millis())
        .arg(u64::from(token.key_version))
        .arg(u64::from(opens))
}

/// Waits for the replicas that a revocation waits for. What they do not confirm stands all the
/// same: neither verdict has a form for it.
async fn settle(store: &RedisSessions, family: String) {
    let inner = &store.inner;
    if inner.redis.demands_replicas() {
        let call = Call::default().key(family);
        let settled = inner
            .redis
            .run_confirmed::<u64>(&inner.scripts.settle, &call);
        drop(settled.await);
    }
}

pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
