//! Tokens: as they come, which nobody signed; and signed by us, whatever they say.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use portcullis_core::{Secret, clock::Timestamp};
use portcullis_jwt::{KeyRing, TokenReader};
use serde_json::{Map, Value};
use sha2::Sha256;

const KEY: [u8; 32] = [7; 32];
const NOW: u64 = 1_700_000_000;

/// Reads `data` as a token, then signs its first line as the header and the rest as the claims.
///
/// # Panics
///
/// When an unsigned token is accepted, or a signed one that serde_json reads otherwise.
pub fn check(data: &[u8]) {
    let keys = KeyRing::hs256(Secret::new(KEY)).expect("32 bytes are a key");
    let reader = TokenReader::new(keys);
    let now = Timestamp::from_secs(NOW);
    assert!(
        reader.read_access::<()>(data, now).is_err(),
        "nobody signed it"
    );

    let mut halves = data.splitn(2, |&byte| byte == b'\n');
    let (header, payload) = (halves.next(), halves.next());
    let (header, payload) = (header.unwrap_or_default(), payload.unwrap_or_default());
    let token = signed(header, payload);
    if let Ok(claims) = reader.read_access::<()>(token.as_bytes(), now) {
        let header: Map<String, Value> = serde_json::from_slice(header).expect("a header");
        assert_eq!(header["alg"], "HS256");
        assert!(!header.contains_key("crit") && !header.contains_key("b64"));
        let payload: Map<String, Value> = serde_json::from_slice(payload).expect("claims");
        assert_eq!(payload["token_type"], "access");
        let seconds = |name: &str| payload.get(name).and_then(Value::as_f64);
        #[allow(clippy::cast_precision_loss)] // far below 2^53
        let now = NOW as f64;
        assert!(seconds("exp").expect("exp is a number") > now);
        assert!(seconds("nbf").is_none_or(|start| start <= now));
        let subject = match &payload["user_id"] {
            Value::String(text) => text.clone(),
            number => number.to_string(),
        };
        assert_eq!(claims.base().subject(), subject);
    }
}

fn signed(header: &[u8], payload: &[u8]) -> String {
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).expect("any length is a key");
    mac.update(message.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("{message}.{signature}")
}
