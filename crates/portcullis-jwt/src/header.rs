//! Reads a token's header: which key, which algorithm, and nothing that the peer may choose.

use std::borrow::Cow;

use crate::{
    algorithm::Algorithm,
    json::{self, Value},
    key::is_kid,
    rejection::TokenRejection,
};

/// What a header says that we act on.
#[derive(Debug, PartialEq)]
pub(crate) struct Header<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<Cow<'a, str>>,
}

/// Reads the decoded header `bytes`; `typ` besides `JWT` must be one of `types`.
pub(crate) fn read<'a>(bytes: &'a [u8], types: &[String]) -> Result<Header<'a>, TokenRejection> {
    let mut algorithm = None;
    let mut kid = None;
    let mut fault = None;
    json::read_object(
        bytes,
        TokenRejection::HeaderMalformed,
        &mut |name, value| {
            let refused = match name {
                "alg" => {
                    algorithm = Some(value);
                    None
                }
                "kid" => {
                    kid = Some(value);
                    None
                }
                "typ" => (!is_typ(&value, types)).then_some(TokenRejection::Typ),
                "crit" | "b64" => Some(TokenRejection::Critical),
                "zip" | "enc" | "cty" => Some(TokenRejection::Encoded),
                "jwk" | "jku" | "x5u" | "x5c" | "x5t" | "x5t#S256" => {
                    Some(TokenRejection::KeyInHeader)
                }
                _ => None,
            };
            fault = fault.or(refused);
        },
    )?;
    if let Some(fault) = fault {
        return Err(fault);
    }
    let algorithm = match algorithm {
        Some(Value::Text(name)) => Algorithm::from_name(&name),
        _ => None,
    };
    let kid = match kid {
        None => None,
        Some(Value::Text(kid)) if is_kid(&kid) => Some(kid),
        Some(_) => return Err(TokenRejection::KidMalformed),
    };
    Ok(Header {
        algorithm: algorithm.ok_or(TokenRejection::AlgorithmUnknown)?,
        kid,
    })
}

/// RFC 8725 §3.11: a type that is there must be one that is wanted, with or without
/// `application/`, in any case.
fn is_typ(value: &Value<'_>, types: &[String]) -> bool {
    let Value::Text(typ) = value else {
        return false;
    };
    let bare = match typ.split_at_checked("application/".len()) {
        Some((prefix, bare)) if prefix.eq_ignore_ascii_case("application/") => bare,
        _ => typ,
    };
    bare.eq_ignore_ascii_case("JWT") || types.iter().any(|known| bare.eq_ignore_ascii_case(known))
}
