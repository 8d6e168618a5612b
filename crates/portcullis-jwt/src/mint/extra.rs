//! Renders the application's claims once, and keeps them away from ours.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::{
    claims::RESERVED,
    json::{MAX_DEPTH, MAX_MEMBERS},
};

/// Claims of the application, rendered for an access token.
///
/// # Example
///
/// ```
/// use portcullis_jwt::ExtraClaims;
/// use std::collections::BTreeMap;
///
/// let roles = ExtraClaims::new(&BTreeMap::from([("roles", ["staff"])]))?;
///
/// let forged = ExtraClaims::new(&BTreeMap::from([("exp", 4_000_000_000_u64)]));
/// assert!(forged.is_err(), "a name that means something else");
/// assert!(ExtraClaims::new(&["staff"]).is_err(), "not an object");
/// # Ok::<_, portcullis_jwt::mint::ExtraClaimsError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExtraClaims {
    /// The members, each after a comma.
    members: String,
}

impl ExtraClaims {
    /// Renders `claims`, which must serialise as an object.
    ///
    /// # Errors
    ///
    /// [`ExtraClaimsError`] when it does not, when a member has a name of
    /// [`RESERVED`](crate::claims::RESERVED), or when our own reader would refuse the object:
    /// nested deeper than 15 levels, more than 100 members, a NUL character.
    pub fn new(claims: &impl Serialize) -> Result<Self, ExtraClaimsError> {
        let Ok(Value::Object(object)) = serde_json::to_value(claims) else {
            return Err(ExtraClaimsError(Kind::NoObject));
        };
        if let Some(name) = object.keys().find(|name| RESERVED.contains(&name.as_str())) {
            return Err(ExtraClaimsError(Kind::Reserved { name: name.clone() }));
        }
        // Members of ours come on top, so the object may not use up the reader's breadth.
        if object.len() > MAX_MEMBERS - RESERVED.len() - 15
            || !object
                .iter()
                .all(|(name, value)| !name.contains('\0') && is_readable(value, 1))
        {
            return Err(ExtraClaimsError(Kind::Unreadable));
        }
        let object = Value::Object(object).to_string();
        let members = match &object[1..object.len() - 1] {
            "" => String::new(),
            members => format!(",{members}"),
        };
        Ok(Self { members })
    }

    pub(crate) fn members(&self) -> &str {
        &self.members
    }
}

/// Whether our reader accepts `value` inside an object at `depth`.
fn is_readable(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => {
            depth < MAX_DEPTH
                && items.len() <= MAX_MEMBERS
                && items.iter().all(|item| is_readable(item, depth + 1))
        }
        Value::Object(object) => {
            depth < MAX_DEPTH
                && object.len() <= MAX_MEMBERS
                && object
                    .iter()
                    .all(|(name, item)| !name.contains('\0') && is_readable(item, depth + 1))
        }
        Value::String(text) => !text.contains('\0'),
        Value::Bool(_) | Value::Null | Value::Number(_) => true,
    }
}

/// Claims that no token can carry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExtraClaimsError(Kind);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Kind {
    NoObject,
    Reserved { name: String },
    Unreadable,
}

impl fmt::Display for ExtraClaimsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::NoObject => f.write_str("custom claims must serialise as a JSON object"),
            Kind::Reserved { name } => write!(
                f,
                "the custom claim {name:?} has the name of a registered one: choose another"
            ),
            Kind::Unreadable => f.write_str(
                "the custom claims are deeper than 15 levels, have more than 100 members, or a \
                 NUL character: keep them flat and small",
            ),
        }
    }
}

impl std::error::Error for ExtraClaimsError {}
