//! Reads what the scripts answer.

use portcullis_core::{
    clock::Timestamp,
    rotation::{Grant, GrantKind, Refusal, RevokeReason, Session, SessionId, Verdict},
};
use redis::{FromRedisValue, Value};

use crate::trouble::Trouble;

#[cfg(test)]
mod tests;

/// The fields of an answer, taken one after the other.
#[derive(Debug)]
pub(super) struct Reply(std::vec::IntoIter<Value>);

impl Reply {
    pub(super) fn new(fields: Vec<Value>) -> Self {
        Self(fields.into_iter())
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.len() == 0
    }

    pub(super) fn number(&mut self) -> Result<u64, Trouble> {
        let number: i64 = self.take()?;
        u64::try_from(number).map_err(|_negative| Trouble::reply(format!("the number {number}")))
    }

    pub(super) fn text(&mut self) -> Result<String, Trouble> {
        self.take()
    }

    pub(super) fn millis(&mut self) -> Result<Timestamp, Trouble> {
        self.number().map(Timestamp::from_millis)
    }

    /// All that is left, as text.
    pub(super) fn texts(mut self) -> Result<Vec<String>, Trouble> {
        let mut texts = Vec::with_capacity(self.0.len());
        while !self.is_over() {
            texts.push(self.text()?);
        }
        Ok(texts)
    }

    fn take<T: FromRedisValue>(&mut self) -> Result<T, Trouble> {
        let field = self.0.next();
        let field = field.ok_or_else(|| Trouble::reply("fewer fields than announced"))?;
        T::from_redis_value(field).map_err(|error| Trouble::reply(error.to_string()))
    }
}

/// What was decided, and when: the time of a refusal for reuse.
pub(super) fn verdict(fields: Vec<Value>) -> Result<(Verdict, Timestamp), Trouble> {
    let mut reply = Reply::new(fields);
    let kind = match reply.text()?.as_str() {
        "AHEAD" => GrantKind::Ahead,
        "LOST" => GrantKind::Lost,
        "REPLAY" => GrantKind::Replay,
        "ROTATED" => GrantKind::Rotated,
        "SAME" => GrantKind::Same,
        refused => {
            let refusal = refusal(refused, &mut reply)?;
            let now = match refusal {
                Refusal::Reuse => reply.millis()?,
                _ => Timestamp::default(),
            };
            return Ok((Verdict::Refused(refusal), now));
        }
    };
    let generation = reply.number()?;
    let issued_at = reply.millis()?;
    let created = reply.millis()?;
    let absolute_end = reply.millis()?;
    let now = reply.millis()?;
    let version = reply.number()?;
    let key_version = u32::try_from(version)
        .map_err(|_large| Trouble::reply(format!("the key version {version}")))?;
    let grant = Grant {
        kind,
        generation,
        issued_at,
        created,
        absolute_end,
        now,
        key_version,
    };
    Ok((Verdict::Granted(grant), now))
}

fn refusal(kind: &str, reply: &mut Reply) -> Result<Refusal, Trouble> {
    match kind {
        "EXPIRED" => Ok(Refusal::Expired),
        "REUSE" => Ok(Refusal::Reuse),
        "REVOKED" => reason(&reply.text()?).map(Refusal::Revoked),
        "UNKNOWN" => Ok(Refusal::Unknown),
        other => Err(Trouble::reply(format!("the verdict {other:?}"))),
    }
}

/// How a reason is written in Redis.
pub(super) fn reason_name(reason: RevokeReason) -> Option<&'static str> {
    let name = match reason {
        RevokeReason::Evicted => "evicted",
        RevokeReason::Inactive => "inactive",
        RevokeReason::Listed => "listed",
        RevokeReason::Logout => "logout",
        RevokeReason::Replaced => "replaced",
        RevokeReason::Reuse => "reuse",
        RevokeReason::User => "user",
        _ => return None,
    };
    Some(name)
}

fn reason(name: &str) -> Result<RevokeReason, Trouble> {
    match name {
        "evicted" => Ok(RevokeReason::Evicted),
        "inactive" => Ok(RevokeReason::Inactive),
        "listed" => Ok(RevokeReason::Listed),
        "logout" => Ok(RevokeReason::Logout),
        "replaced" => Ok(RevokeReason::Replaced),
        "reuse" => Ok(RevokeReason::Reuse),
        "user" => Ok(RevokeReason::User),
        other => Err(Trouble::reply(format!("the reason {other:?}"))),
    }
}

/// The sessions under one tag.
pub(super) fn sessions(fields: Vec<Value>) -> Result<Vec<Session>, Trouble> {
    let mut reply = Reply::new(fields);
    let mut sessions = Vec::new();
    while !reply.is_over() {
        let sid = reply.text()?;
        let sid =
            SessionId::parse(&sid).ok_or_else(|| Trouble::reply("a session without an id"))?;
        sessions.push(Session {
            sid,
            created: reply.millis()?,
            last_used: reply.millis()?,
            label: reply.take()?,
        });
    }
    Ok(sessions)
}
