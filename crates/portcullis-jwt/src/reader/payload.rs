//! Collects the claims of a verified payload, then checks them.

use std::{borrow::Cow, time::Duration};

use portcullis_core::clock::Timestamp;

use super::{Expiry, Rules};
use crate::{
    claims::{Claims, Ids, RESERVED, SessionTimes},
    json::{self, Value},
    rejection::TokenRejection,
};

/// The longest user id, `jti` and `sid`, in bytes: what Django's columns hold.
pub(crate) const MAX_ID: usize = 255;

/// The furthest that a refresh token's `exp` may be ahead: as long as browsers keep a cookie.
const MAX_REFRESH_LIFETIME: Duration = portcullis_core::cookie::MAX_AGE;

/// The `sid`, and when its session begins and ends.
type Session<'a> = (&'a str, SessionTimes);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Access,
    Refresh,
}

/// The members that we act on, as they were found.
#[derive(Default)]
pub(super) struct Payload<'a> {
    token_type: Option<Value<'a>>,
    exp: Option<Value<'a>>,
    iat: Option<Value<'a>>,
    nbf: Option<Value<'a>>,
    jti: Option<Value<'a>>,
    subject: Option<Value<'a>>,
    sid: Option<Value<'a>>,
    generation: Option<Value<'a>>,
    sat: Option<Value<'a>>,
    sexp: Option<Value<'a>>,
    aud: Option<Value<'a>>,
    iss: Option<Value<'a>>,
    /// One bit for each required claim that was found.
    required: u32,
    extras: bool,
    /// Whether every text is printable ASCII, as that which is read without a parser is.
    printable: bool,
}

impl<'a> Payload<'a> {
    /// Collects the members of the object that `bytes` are.
    pub(super) fn read(&mut self, bytes: &'a [u8], rules: &Rules) -> Result<(), TokenRejection> {
        let member = |name: &str, value| self.take(name, value, rules);
        if json::plain::read(bytes, member).is_some() {
            self.printable = true;
            return Ok(());
        }
        *self = Self::default();
        json::read_object(
            bytes,
            TokenRejection::PayloadMalformed,
            &mut |name, value| self.take(name, value, rules),
        )
    }

    fn take(&mut self, name: &str, value: Value<'a>, rules: &Rules) {
        if !matches!(value, Value::Null) {
            for (at, required) in rules.required.iter().enumerate() {
                if required == name {
                    self.required |= 1 << at;
                }
            }
        }
        // Of byte strings the compiler makes one tree; texts it would compare one by one.
        let slot = match name.as_bytes() {
            _ if name == rules.subject_claim => &mut self.subject,
            b"token_type" => &mut self.token_type,
            b"exp" => &mut self.exp,
            b"iat" => &mut self.iat,
            b"nbf" => &mut self.nbf,
            b"jti" => &mut self.jti,
            b"sid" => &mut self.sid,
            b"gen" => &mut self.generation,
            b"sat" => &mut self.sat,
            b"sexp" => &mut self.sexp,
            b"aud" => &mut self.aud,
            b"iss" => &mut self.iss,
            _ => {
                self.extras |= !RESERVED.contains(&name);
                return;
            }
        };
        *slot = Some(value);
    }

    pub(super) const fn has_extras(&self) -> bool {
        self.extras
    }

    /// The claims, and a refresh token's generation.
    pub(super) fn check(
        &self,
        rules: &Rules,
        kind: Kind,
        expiry: Expiry,
        now: Timestamp,
    ) -> Result<(Claims, Option<u64>), TokenRejection> {
        self.check_type(kind)?;
        let expires = self.check_expiry(rules, kind, expiry, now)?;
        let latest = (now + rules.leeway).as_secs();
        let issued = integer(self.iat.as_ref(), TokenRejection::IssuedMalformed)?;
        if issued.is_some_and(|iat| iat > latest) {
            return Err(TokenRejection::IssuedInFuture);
        }
        let not_before = integer(self.nbf.as_ref(), TokenRejection::NotBeforeMalformed)?;
        if not_before.is_some_and(|nbf| nbf > latest) {
            return Err(TokenRejection::NotYetValid);
        }
        self.check_issuer(rules)?;
        self.check_audience(rules)?;
        if self.required.count_ones() as usize != rules.required.len() {
            return Err(TokenRejection::RequiredClaim);
        }
        let (session, generation) = self.session(kind, expiry, now)?;
        let subject = self.subject().ok_or(TokenRejection::Subject)?;
        let jti = self.id(self.jti.as_ref()).ok_or(TokenRejection::Jti)?;
        let (sid, times) = session.unzip();
        let ids = Ids::new(&subject, jti, sid.unwrap_or_default());
        let issued = issued.map(Timestamp::from_secs);
        Ok((Claims::new(ids, issued, expires, times), generation))
    }

    fn check_type(&self, kind: Kind) -> Result<(), TokenRejection> {
        let want = match kind {
            Kind::Access => "access",
            Kind::Refresh => "refresh",
        };
        match &self.token_type {
            Some(Value::Text(found)) if found == want => Ok(()),
            _ => Err(TokenRejection::TokenType),
        }
    }

    fn check_expiry(
        &self,
        rules: &Rules,
        kind: Kind,
        expiry: Expiry,
        now: Timestamp,
    ) -> Result<Timestamp, TokenRejection> {
        let exp = integer(self.exp.as_ref(), TokenRejection::ExpiryMalformed)?
            .map(Timestamp::from_secs)
            .ok_or(TokenRejection::ExpiryMalformed)?;
        if expiry == Expiry::Checked && now >= exp + rules.leeway {
            return Err(TokenRejection::Expired);
        }
        let longest = match kind {
            Kind::Access => rules.max_access_lifetime,
            Kind::Refresh => MAX_REFRESH_LIFETIME,
        };
        if exp > now + longest + rules.leeway {
            return Err(TokenRejection::LifetimeTooLong);
        }
        Ok(exp)
    }

    fn check_issuer(&self, rules: &Rules) -> Result<(), TokenRejection> {
        match (&rules.issuer, &self.iss) {
            (None, _) => Ok(()),
            (Some(want), Some(Value::Text(found))) if found == want => Ok(()),
            (Some(_), _) => Err(TokenRejection::Issuer),
        }
    }

    fn check_audience(&self, rules: &Rules) -> Result<(), TokenRejection> {
        let known = |name: &str| rules.audiences.iter().any(|audience| audience == name);
        let accepted = match &self.aud {
            _ if rules.audiences.is_empty() => true,
            Some(Value::Text(name)) => known(name),
            Some(Value::Texts(names)) => names.iter().any(|name| known(name)),
            _ => false,
        };
        if accepted {
            Ok(())
        } else {
            Err(TokenRejection::Audience)
        }
    }

    fn subject(&self) -> Option<Cow<'_, str>> {
        match self.subject.as_ref()? {
            Value::Integer(number) => Some(number.to_string().into()),
            text => self.id(Some(text)).map(Cow::Borrowed),
        }
    }

    fn id<'v>(&self, value: Option<&'v Value<'_>>) -> Option<&'v str> {
        match value {
            Some(Value::Text(text)) if self.is_id(text) => Some(text),
            _ => None,
        }
    }

    fn is_id(&self, text: &str) -> bool {
        if self.printable {
            has_length_of_id(text)
        } else {
            is_id(text)
        }
    }

    /// Without `sid` the other three mean nothing: a Django site may use the names itself.
    fn session(
        &self,
        kind: Kind,
        expiry: Expiry,
        now: Timestamp,
    ) -> Result<(Option<Session<'_>>, Option<u64>), TokenRejection> {
        const MALFORMED: TokenRejection = TokenRejection::SessionMalformed;
        if self.sid.is_none() {
            return Ok((None, None));
        }
        let sid = self.id(self.sid.as_ref()).ok_or(MALFORMED)?;
        let started = integer(self.sat.as_ref(), MALFORMED)?.ok_or(MALFORMED)?;
        let ends = integer(self.sexp.as_ref(), MALFORMED)?.ok_or(MALFORMED)?;
        let generation = match kind {
            Kind::Access => None,
            Kind::Refresh => Some(integer(self.generation.as_ref(), MALFORMED)?.ok_or(MALFORMED)?),
        };
        let times = SessionTimes {
            started: Timestamp::from_millis(started),
            ends: Timestamp::from_secs(ends),
        };
        if expiry == Expiry::Checked && now >= times.ends {
            return Err(TokenRejection::SessionEnded);
        }
        Ok((Some((sid, times)), generation))
    }
}

/// An integer where there is a member; a member of another type is malformed, never absent.
fn integer(
    value: Option<&Value<'_>>,
    malformed: TokenRejection,
) -> Result<Option<u64>, TokenRejection> {
    match value {
        None => Ok(None),
        Some(Value::Integer(number)) => Ok(Some(*number)),
        Some(_) => Err(malformed),
    }
}

/// Whether `text` may be a user id, `jti` or `sid`: opaque, but bounded and printable.
pub(crate) fn is_id(text: &str) -> bool {
    // Without a branch in it, the loop uses vector registers.
    let others = |so_far, byte: u8| so_far | u8::from(!matches!(byte, b' '..=b'~'));
    let is_printable = text.bytes().fold(0, others) == 0 || !text.chars().any(char::is_control);
    has_length_of_id(text) && is_printable
}

fn has_length_of_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len())
}
