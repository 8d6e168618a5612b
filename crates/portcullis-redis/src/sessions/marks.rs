//! Checks access tokens, denies single ones, and keeps the blacklist.

use std::time::Duration;

use futures_util::future::try_join_all;
use portcullis_core::{
    Answer,
    clock::Timestamp,
    store::{Confirmation, StoreError, TokenFacts},
};

use super::{RedisSessions, carried_out, families::tell, names::User};
use crate::{feed::Fact, script::Call, tag::Tag, trouble::Trouble};

/// How long after a cut a token without a session is still taken for an older one: its `iat` is in
/// whole seconds, on the clock of another host.
const ISSUED_AT_SLACK: Duration = Duration::from_secs(5);

/// When a token began, for comparing it with a cut.
#[derive(Clone, Copy)]
enum Began {
    Session(Timestamp),
    Token(Timestamp),
}

impl Began {
    fn of(token: &TokenFacts<'_>) -> Self {
        match (token.session, token.session_started) {
            (Some(_), Some(started)) => Self::Session(started),
            _ => Self::Token(token.issued_at),
        }
    }

    fn is_before(self, cut: Timestamp) -> bool {
        match self {
            Self::Session(started) => started <= cut,
            Self::Token(issued_at) => issued_at <= cut + ISSUED_AT_SLACK,
        }
    }
}

/// The names of a user's keys and of one token under each tag, the current one first.
fn named(store: &RedisSessions, subject: &str, jti: &str) -> impl Iterator<Item = (User, Tag)> {
    let tokens: Vec<Tag> = store.inner.tagger.tokens(subject, jti).collect();
    store.users(subject).into_iter().zip(tokens)
}

pub(super) fn is_revoked(
    store: &RedisSessions,
    token: &TokenFacts<'_>,
) -> Answer<Result<bool, StoreError>> {
    let call = |(user, jti): (User, Tag)| {
        let call = Call::default().key(user.cut()).key(user.denied(jti));
        match token.session {
            Some(sid) => call.key(user.family(sid)),
            None => call,
        }
    };
    let calls: Vec<Call> = named(store, token.subject, token.jti).map(call).collect();
    let (store, began) = (store.clone(), Began::of(token));
    Answer::later(async move {
        let inner = &store.inner;
        let asked = calls
            .iter()
            .map(|call| inner.redis.run::<(u64, u64)>(&inner.scripts.check, call));
        let answers = try_join_all(asked).await;
        let answers = answers.map_err(|trouble| trouble.into_store_error("is_revoked"))?;
        let revoked = answers.iter().any(|&(ended, cut)| {
            ended == 1 || cut > 0 && began.is_before(Timestamp::from_millis(cut))
        });
        Ok(revoked)
    })
}

pub(super) fn deny(
    store: &RedisSessions,
    (subject, jti): (&str, &str),
    expires: Timestamp,
) -> Answer<Result<Confirmation, StoreError>> {
    let token = store.inner.tagger.token(subject, jti);
    let user = User::new(store.inner.redis.prefix(), store.inner.tagger.user(subject));
    let (store, key) = (store.clone(), user.denied(token));
    carried_out(async move {
        let denied = async {
            let confirmation = mark(&store, key, expires).await?;
            tell(&store, Fact::Token { token }, expires).await?;
            Ok(confirmation)
        };
        denied
            .await
            .map_err(|trouble: Trouble| trouble.into_store_error("deny"))
    })
}

pub(super) fn contains(
    store: &RedisSessions,
    (subject, jti): (&str, &str),
) -> Answer<Result<bool, StoreError>> {
    let names = named(store, subject, jti).map(|(user, token)| user.listed(token));
    let commands: Vec<redis::Cmd> = names
        .map(|name| redis::cmd("EXISTS").arg(name).take())
        .collect();
    let store = store.clone();
    Answer::later(async move {
        let asked = commands
            .iter()
            .map(|command| store.inner.redis.ask::<u64>(command));
        let found = try_join_all(asked).await;
        found
            .map(|found| found.contains(&1))
            .map_err(|trouble| trouble.into_store_error("contains"))
    })
}

pub(super) fn add(
    store: &RedisSessions,
    (subject, jti): (&str, &str),
    expires: Timestamp,
) -> Answer<Result<Confirmation, StoreError>> {
    let token = store.inner.tagger.token(subject, jti);
    let user = User::new(store.inner.redis.prefix(), store.inner.tagger.user(subject));
    let (store, key) = (store.clone(), user.listed(token));
    Answer::later(async move {
        let listed = mark(&store, key, expires).await;
        listed.map_err(|trouble| trouble.into_store_error("add"))
    })
}

/// Keeps `key` until `expires`, rounded up to the millisecond.
async fn mark(
    store: &RedisSessions,
    key: String,
    expires: Timestamp,
) -> Result<Confirmation, Trouble> {
    let inner = &store.inner;
    let call = Call::default()
        .key(key)
        .arg(expires.as_micros().div_ceil(1_000));
    let written = inner.redis.run_confirmed::<u64>(&inner.scripts.mark, &call);
    let (_now, confirmation) = written.await?;
    Ok(confirmation)
}
