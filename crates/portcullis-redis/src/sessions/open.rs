//! Opens families.

use portcullis_core::{
    Answer,
    clock::Timestamp,
    rotation::{NewFamily, Opened, RotationPolicy},
    store::StoreError,
};
use redis::Value;

use super::{
    RedisSessions, carried_out, families::announce, names::User, reply::Reply, rotate::millis,
};
use crate::{script::Call, trouble::Trouble};

/// The longest label, in bytes.
const MAX_LABEL: usize = 64;

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

/// The start of `label` that fits, cut between characters.
fn cut_label(label: &str) -> &str {
    let mut end = label.len().min(MAX_LABEL);
    while !label.is_char_boundary(end) {
        end -= 1;
    }
    &label[..end]
}
