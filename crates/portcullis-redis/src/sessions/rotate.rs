//! Decides what a presented refresh token gets.

use std::time::Duration;

use portcullis_core::{
    Answer,
    clock::Timestamp,
    rotation::{Adoption, GrantKind, Presented, Refusal, RevokeReason, RotationPolicy, Verdict},
    store::StoreError,
};
use redis::Value;

use super::{
    RedisSessions, carried_out,
    families::{announce, tell_again},
    names::User,
    reply,
};
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
    let (store, policy) = (store.clone(), *policy);
    let (subject, sid) = (presented.subject.to_owned(), presented.sid.to_owned());
    carried_out(async move {
        let decided = decide(&store, questions).await;
        let (verdict, now, family) =
            decided.map_err(|trouble| trouble.into_store_error("rotate"))?;
        let is_reuse = verdict == Verdict::Refused(Refusal::Reuse);
        let is_lost = matches!(&verdict, Verdict::Granted(grant) if grant.kind == GrantKind::Lost);
        if is_reuse || is_lost {
            settle(&store, family).await;
        }
        if is_reuse {
            let told = announce(&store, &subject, &[sid], now + policy.access).await;
            told.map_err(|trouble| trouble.into_store_error("tell the nodes of a reuse"))?;
        } else if verdict == Verdict::Refused(Refusal::Revoked(RevokeReason::Reuse)) {
            tell_again(&store, (&subject, &sid), &policy).await?;
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

/// One question for each tag.
///
/// A token of Django's may be adopted under the last tag, once no tag has a family of its id, and
/// no other tag a cut or a listing that concerns it.
fn questions(
    store: &RedisSessions,
    presented: &Presented<'_>,
    policy: &RotationPolicy,
) -> Vec<Question> {
    let (subject, sid) = (presented.subject, presented.sid);
    let question = |user: &User, listing: Option<(Tag, &Adoption, bool)>| {
        let mut call = plain(user, presented, policy);
        if let Some((tag, token, opens)) = listing {
            call = adopting(call.key(user.listed(tag)), token, policy, opens);
        }
        let family = user.family(sid);
        Question { call, family }
    };
    let mut users = store.users(subject);
    let known = users.iter().map(|user| question(user, None));
    let Some(token) = &presented.adoption else {
        return known.collect();
    };
    let mut questions: Vec<Question> = Vec::new();
    if users.len() > 1 {
        questions.extend(known);
    }
    let mut listings: Vec<Tag> = store.inner.tagger.tokens(subject, sid).collect();
    if !store.inner.tagger.is_previous(token.key_version) {
        users.reverse();
        listings.reverse();
    }
    let last = users.len() - 1;
    let named = users.iter().zip(listings).enumerate();
    questions.extend(
        named.map(|(place, (user, tag))| question(user, Some((tag, token, place == last)))),
    );
    questions
}

fn plain(user: &User, presented: &Presented<'_>, policy: &RotationPolicy) -> Call {
    Call::default()
        .key(user.family(presented.sid))
        .key(user.cut())
        .key(user.index())
        .arg(presented.sid)
        .arg(presented.generation)
        .arg(millis(policy.overlap))
        .arg(millis(policy.lost_budget))
        .arg(millis(policy.idle))
        .arg(millis(policy.access))
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
