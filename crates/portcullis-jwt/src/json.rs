//! Reads one JSON object in one pass and refuses what parsers disagree about: a member name that
//! occurs twice, at any level, and nesting or breadth without end.

use std::{borrow::Cow, cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::rejection::TokenRejection;

pub(crate) mod plain;

/// How deep objects and arrays nest; the outermost object is level 1.
pub(crate) const MAX_DEPTH: usize = 16;

/// How many members an object, and how many elements an array, may have.
///
/// Names are compared pairwise, so this also bounds that work.
pub(crate) const MAX_MEMBERS: usize = 128;

/// The largest integer that every JSON reader keeps exact (RFC 8259 §6).
pub(crate) const MAX_INTEGER: u64 = (1 << 53) - 1;

/// A value, as far as the claims that we read need it.
#[derive(Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    /// An integer from 0 to [`MAX_INTEGER`], written without fraction and exponent.
    Integer(u64),
    Text(Cow<'a, str>),
    /// An array of strings alone.
    Texts(Vec<Cow<'a, str>>),
    Other,
}

/// Calls `member` for each member of the object that `bytes` are.
///
/// `malformed` is the reason given when they are not one JSON object and nothing else.
pub(crate) fn read_object<'a>(
    bytes: &'a [u8],
    malformed: TokenRejection,
    member: &mut dyn FnMut(&str, Value<'a>),
) -> Result<(), TokenRejection> {
    let fault = Cell::new(None);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let outermost = Outermost {
        scan: Scan {
            depth: 1,
            fault: &fault,
        },
        member,
    };
    let read = json
        .deserialize_map(outermost)
        .and_then(|()| json.end())
        .map_err(|_| malformed);
    read.map_err(|malformed| fault.get().unwrap_or(malformed))
}

struct Outermost<'f, 'a> {
    scan: Scan<'f>,
    member: &'f mut dyn FnMut(&str, Value<'a>),
}

impl<'a> Visitor<'a> for Outermost<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<(), A::Error> {
        self.scan.members(map, self.member)
    }
}

/// Reads any value at `depth`; what a peer did wrong goes to `fault`: serde's errors are text.
#[derive(Clone, Copy)]
struct Scan<'f> {
    depth: usize,
    fault: &'f Cell<Option<TokenRejection>>,
}

impl Scan<'_> {
    fn fail<E: Error>(self, fault: TokenRejection) -> E {
        self.fault.set(Some(fault));
        E::custom("refused")
    }

    fn inner<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.fail(TokenRejection::TooDeep));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }

    fn members<'a, A: MapAccess<'a>>(
        self,
        mut map: A,
        member: &mut dyn FnMut(&str, Value<'a>),
    ) -> Result<(), A::Error> {
        let mut names: Vec<Cow<'a, str>> = Vec::with_capacity(12);
        while let Some(name) = map.next_key_seed(Name(self))? {
            if names.contains(&name) {
                return Err(self.fail(TokenRejection::DuplicateMember));
            }
            if names.len() == MAX_MEMBERS {
                return Err(self.fail(TokenRejection::MembersTooMany));
            }
            member(&name, map.next_value_seed(self)?);
            names.push(name);
        }
        Ok(())
    }

    fn text<E: Error>(self, text: &str) -> Result<(), E> {
        if text.contains('\0') {
            return Err(self.fail(TokenRejection::NulCharacter));
        }
        Ok(())
    }
}

impl<'a> DeserializeSeed<'a> for Scan<'_> {
    type Value = Value<'a>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Value<'a>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Scan<'_> {
    type Value = Value<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value<'a>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value<'a>, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value<'a>, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value<'a>, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'a>, E> {
        Ok(if number <= MAX_INTEGER {
            Value::Integer(number)
        } else {
            Value::Other
        })
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<Value<'a>, E> {
        self.text(text)?;
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'a>, E> {
        self.text(text)?;
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Value<'a>, A::Error> {
        let inner = self.inner()?;
        let mut texts = Vec::new();
        let mut count = 0;
        while let Some(value) = seq.next_element_seed(inner)? {
            if count == MAX_MEMBERS {
                return Err(self.fail(TokenRejection::MembersTooMany));
            }
            count += 1;
            if let Value::Text(text) = value {
                texts.push(text);
            }
        }
        Ok(if texts.len() == count {
            Value::Texts(texts)
        } else {
            Value::Other
        })
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Value<'a>, A::Error> {
        self.inner()?.members(map, &mut |_, _| {})?;
        Ok(Value::Other)
    }
}

/// Reads a member's name, borrowed unless it has escapes.
struct Name<'f>(Scan<'f>);

impl<'a> DeserializeSeed<'a> for Name<'_> {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Cow<'a, str>, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Name<'_> {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'a str) -> Result<Cow<'a, str>, E> {
        self.0.text(name)?;
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Cow<'a, str>, E> {
        self.0.text(name)?;
        Ok(Cow::Owned(name.to_owned()))
    }
}
