//! An ECDSA signature has a twin, with `n - s` for `s`, which nobody needs the key to compute.

use portcullis_core::clock::Timestamp;

use super::{
    asymmetric::{P256, P384, signing},
    *,
};
use crate::{CachedReader, KeyRing, KeySet, Minter, TokenReader, compact, mint::AccessParams};

/// The orders of the curves (SEC 2, sections 2.4.2 and 2.5.1).
const N256: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const N384: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf\
                    581a0db248b0a77aecec196accc52973";

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// `n - s`, both big-endian and of one length.
fn minus(n: &[u8], s: &[u8]) -> Vec<u8> {
    let mut borrow = false;
    let mut digits: Vec<u8> = n
        .iter()
        .zip(s)
        .rev()
        .map(|(&n, &s)| {
            let (digit, first) = n.overflowing_sub(s);
            let (digit, second) = digit.overflowing_sub(u8::from(borrow));
            borrow = first || second;
            digit
        })
        .collect();
    digits.reverse();
    digits
}

/// The token with the other signature.
fn twin(token: &str, n: &str) -> String {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = compact::decode(signature.as_bytes()).unwrap();
    let (r, s) = signature.split_at(signature.len() / 2);
    let other = [r, &minus(&bytes(n), s)].concat();
    format!("{message}.{}", compact::encode(&other))
}

#[test]
fn a_token_with_the_other_signature_is_the_same_token() {
    let now = Timestamp::from_secs(1_700_000_000);
    for (algorithm, pem, n) in [
        (Algorithm::Es256, P256, N256),
        (Algorithm::Es384, P384, N384),
    ] {
        let keys = KeyRing::new(KeySet::new(signing(algorithm, pem)));
        let params = AccessParams {
            subject: "42",
            jti: "the-one",
            issued_at: now,
            expires: Timestamp::from_secs(1_700_000_300),
            session: None,
            extra: None,
        };
        let token = Minter::new(keys.clone()).mint_access(&params).unwrap();
        let twin = twin(&token, n);
        assert_ne!(twin, token);
        let reader = CachedReader::<()>::new(TokenReader::new(keys));
        let first = reader.read(token.as_bytes(), now).unwrap();
        // Both providers accept it, as PyJWT does. What counts is that it gains nothing: a
        // revocation names the `jti` or the session, which are signed, never the token's bytes.
        let second = reader.read(twin.as_bytes(), now).unwrap();
        assert_eq!(first, second, "{algorithm}");
        assert_eq!(second.base().jti(), "the-one");

        let (r, _) = token.rsplit_once('.').unwrap();
        assert!(reader.read(format!("{r}.AAAA").as_bytes(), now).is_err());
    }
}
