//! Opens, ends and lists families.

use futures_util::future::try_join_all;
use portcullis_core::{
    Answer,
    clock::Timestamp,
    rotation::{NewFamily, Opened, RevokeReason, RotationPolicy, Session},
    store::{Confirmation, StoreError},
};
use redis::Value;

use super::{
    RedisSessions, carried_out,
    names::User,
    reply::{self, Reply},
    rotate::millis,
};
use crate::{
    feed::{self, Entry, Fact},
    script::Call,
    trouble::Trouble,
};

/// The longest label, in bytes.
const MAX_LABEL: usize = 64;

/// How long past the access tokens' lifetime the nodes remember a cut: the slack of `iat`, and
/// leeway.
const CUT_MARGIN: std::time::Duration = std::time::Duration::from_secs(65);

/// How often the tags of a user are brought to one cut before a busy user is let be.
const CUT_STEPS: usize = 8;

/// A family to be opened, in a form that outlives the call.
struct Opening {
    subject: String,
    sid: String,
    key_version: u32,
    label: Option<String>,
    policy: RotationPolicy,
    /// Where it is opened, and then where else the user may have families.
    users: Vec<User>,
}

pub(super) fn open(
    store: &RedisSessions,
    family: &NewFamily<'_>,
    policy: &RotationPolicy,
) -> Answer<Result<Opened, StoreError>> {
    let opening = Opening {
        subject: family.subject.to_owned(),
        sid: family.sid.as_str().to_owned(),
        key_version: family.key_version,
        label: family.label.map(|label| cut_label(label).to_owned()),
        policy: *policy,
        users: store.users_of_version(family.subject, family.key_version),
    };
    let store = store.clone();
    carried_out(async move {
        let opened = opening.run(&store).await;
        opened
            .map_err(|trouble| trouble.into_store_error("open"))?
            .ok_or(StoreError::plain("a family of this id exists"))
    })
}

/// What there is of a user under another tag than the family's.
struct Elsewhere<'a> {
    user: &'a User,
    cut: u64,
    families: u64,
}

impl Opening {
    /// `None` when the id is in use.
    async fn run(&self, store: &RedisSessions) -> Result<Option<Opened>, Trouble> {
        let most = u64::from(self.policy.max_families);
        let Some((home, others)) = self.users.split_first() else {
            return Ok(None);
        };
        let mut elsewhere = None;
        if let Some(user) = others.first() {
            let (is_taken, found) = self.trim(store, user, most).await?;
            if is_taken {
                return Ok(None);
            }
            elsewhere = Some(found);
        }
        let floor = elsewhere.as_ref().map_or(0, |found| found.cut);
        let inner = &store.inner;
        let fields: Vec<Value> = inner
            .redis
            .run(&inner.scripts.open, &self.call(home, floor))
            .await?;
        let mut reply = Reply::new(fields);
        if reply.text()? == "TAKEN" {
            return Ok(None);
        }
        let opened = Opened {
            created: reply.millis()?,
            absolute_end: reply.millis()?,
        };
        let (now, families) = (reply.millis()?, reply.number()?);
        self.tell_evicted(store, reply.texts()?, now).await?;
        if let Some(found) = elsewhere
            && found.families + families > most
        {
            let keep = most.saturating_sub(families);
            self.trim(store, found.user, keep).await?;
        }
        Ok(Some(opened))
    }

    fn call(&self, user: &User, floor: u64) -> Call {
        let policy = &self.policy;
        let call = Call::default()
            .key(user.family(&self.sid))
            .key(user.cut())
            .key(user.index())
            .arg(self.sid.as_str())
            .arg(user.families())
            .arg(u64::from(self.key_version))
            .arg(millis(policy.absolute))
            .arg(millis(policy.idle))
            .arg(millis(policy.access))
            .arg(u64::from(policy.max_families))
            .arg(floor);
        match &self.label {
            Some(label) => call.arg(label.as_str()),
            None => call,
        }
    }

    /// Leaves at most `most` families to `user`; tells whether the id is in use there.
    async fn trim<'a>(
        &self,
        store: &RedisSessions,
        user: &'a User,
        most: u64,
    ) -> Result<(bool, Elsewhere<'a>), Trouble> {
        let call = Call::default()
            .key(user.family(&self.sid))
            .key(user.cut())
            .key(user.index())
            .arg(user.families())
            .arg(most)
            .arg(millis(self.policy.access));
        let inner = &store.inner;
        let fields: Vec<Value> = inner.redis.run(&inner.scripts.trim, &call).await?;
        let mut reply = Reply::new(fields);
        let is_taken = reply.number()? == 1;
        let (cut, now, families) = (reply.number()?, reply.millis()?, reply.number()?);
        self.tell_evicted(store, reply.texts()?, now).await?;
        Ok((
            is_taken,
            Elsewhere {
                user,
                cut,
                families,
            },
        ))
    }

    async fn tell_evicted(
        &self,
        store: &RedisSessions,
        evicted: Vec<String>,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        announce(store, &self.subject, &evicted, now + self.policy.access).await
    }
}

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
            let inner = &store.inner;
            // Under each tag: an id that is unknown there may be adopted there in a moment.
            let asked = calls.iter().map(|call| {
                inner
                    .redis
                    .run_confirmed::<u64>(&inner.scripts.revoke, call)
            });
            let answers = try_join_all(asked).await?;
            let now = answers
                .iter()
                .map(|(now, _)| *now)
                .max()
                .unwrap_or_default();
            let until = Timestamp::from_millis(now) + access;
            announce(&store, &subject, &[sid], until).await?;
            Ok(all(answers
                .into_iter()
                .map(|(_, confirmation)| confirmation)))
        };
        revoked
            .await
            .map_err(|trouble: Trouble| trouble.into_store_error("revoke"))
    })
}

/// Confirmed when all are.
pub(super) fn all(mut confirmations: impl Iterator<Item = Confirmation>) -> Confirmation {
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

/// The start of `label` that fits, cut between characters.
fn cut_label(label: &str) -> &str {
    let mut end = label.len().min(MAX_LABEL);
    while !label.is_char_boundary(end) {
        end -= 1;
    }
    &label[..end]
}
