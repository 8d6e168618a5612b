//! Refuses HMAC secrets that are too short, or that are really a key of another kind.

use base64_simd::STANDARD;

use super::error::{KeyError, Kind};
use crate::algorithm::Algorithm;

/// At least as many bytes as the hash has (RFC 7518 §3.2).
pub(super) fn check_length(algorithm: Algorithm, secret: &[u8]) -> Result<(), KeyError> {
    let want = algorithm.min_secret_bytes();
    if secret.len() < want {
        return Err(KeyError::new(Kind::Short {
            found: secret.len(),
            want,
            algorithm,
        }));
    }
    Ok(())
}

/// Not empty, and no PEM, DER, SSH or JSON key: RFC 8725 §2.1's confusion, by configuration.
pub(super) fn check_shape(secret: &[u8]) -> Result<(), KeyError> {
    let trimmed = secret.trim_ascii();
    let like = if trimmed.is_empty() {
        "empty"
    } else if contains(secret, b"-----BEGIN ") || contains(secret, b"---- BEGIN ") {
        "a PEM or SSH2 key file"
    } else if is_ssh(trimmed) {
        "an SSH public key"
    } else if trimmed.starts_with(b"{")
        && (contains(secret, b"\"kty\"") || contains(secret, b"\"keys\""))
    {
        "a JSON Web Key"
    } else if is_der(secret) {
        "a DER key"
    } else if STANDARD
        .decode_to_vec(trimmed)
        .is_ok_and(|bytes| is_der(&bytes))
    {
        "a DER key in base64"
    } else {
        return Ok(());
    };
    Err(KeyError::new(Kind::Looks { like }))
}

fn is_ssh(secret: &[u8]) -> bool {
    [&b"ssh-"[..], b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-"]
        .iter()
        .any(|prefix| secret.starts_with(prefix))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

/// A SEQUENCE that fills the whole input and starts with an INTEGER, SEQUENCE or OID, as every
/// PKCS#1, PKCS#8, SEC1 and SPKI key does. Random bytes look so once in some millions.
fn is_der(bytes: &[u8]) -> bool {
    let (length, content) = match bytes {
        [0x30, 0x82, high, low, content @ ..] => (u16::from_be_bytes([*high, *low]), content),
        [0x30, 0x81, length, content @ ..] | [0x30, length @ 0..=0x7F, content @ ..] => {
            (u16::from(*length), content)
        }
        _ => return false,
    };
    content.len() == usize::from(length) && matches!(content.first(), Some(0x02 | 0x06 | 0x30))
}
