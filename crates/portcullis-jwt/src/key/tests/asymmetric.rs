//! Each algorithm signs and verifies in each feature set, and the oracle agrees on every verdict.

use jsonwebtoken::{DecodingKey, EncodingKey};
use portcullis_core::clock::Timestamp;

use super::*;
use crate::{
    KeyRing, KeySet, Minter, TokenReader, TokenRejection,
    key::asymmetric::{PROVIDER, theirs},
    mint::AccessParams,
};

pub(super) const RSA: &str = include_str!("keys/rsa.pem");
const RSA_PKCS1: &str = include_str!("keys/rsa_pkcs1.pem");
const RSA_PUB: &str = include_str!("keys/rsa_pub.pem");
const RSA_PUB_PKCS1: &str = include_str!("keys/rsa_pub_pkcs1.pem");
const RSA_1024: &str = include_str!("keys/rsa1024.pem");
const RSA_1024_PUB: &str = include_str!("keys/rsa1024_pub.pem");
pub(super) const P256: &str = include_str!("keys/p256.pem");
const P256_SEC1: &str = include_str!("keys/p256_sec1.pem");
const P256_PUB: &str = include_str!("keys/p256_pub.pem");
pub(super) const P384: &str = include_str!("keys/p384.pem");
const P384_PUB: &str = include_str!("keys/p384_pub.pem");
pub(super) const ED: &str = include_str!("keys/ed.pem");
const ED_PUB: &str = include_str!("keys/ed_pub.pem");
const CERTIFICATE: &str = include_str!("keys/cert.pem");

pub(super) const PAIRS: [(Algorithm, &str, &str); 9] = [
    (Algorithm::EdDsa, ED, ED_PUB),
    (Algorithm::Es256, P256, P256_PUB),
    (Algorithm::Es384, P384, P384_PUB),
    (Algorithm::Ps256, RSA, RSA_PUB),
    (Algorithm::Ps384, RSA, RSA_PUB),
    (Algorithm::Ps512, RSA, RSA_PUB),
    (Algorithm::Rs256, RSA, RSA_PUB),
    (Algorithm::Rs384, RSA, RSA_PUB),
    (Algorithm::Rs512, RSA, RSA_PUB),
];

pub(super) fn signing(algorithm: Algorithm, pem: &str) -> SigningKey {
    SigningKey::from_pem(algorithm, &Secret::new(pem)).unwrap()
}

fn oracle_key(algorithm: Algorithm, pem: &str) -> DecodingKey {
    match algorithm {
        Algorithm::EdDsa => DecodingKey::from_ed_pem(pem.as_bytes()),
        Algorithm::Es256 | Algorithm::Es384 => DecodingKey::from_ec_pem(pem.as_bytes()),
        _ => DecodingKey::from_rsa_pem(pem.as_bytes()),
    }
    .unwrap()
}

#[test]
fn every_algorithm_mints_what_it_reads() {
    let now = Timestamp::from_secs(1_700_000_000);
    for (algorithm, private, public) in PAIRS {
        let minter = Minter::new(KeyRing::new(KeySet::new(signing(algorithm, private))));
        let params = AccessParams {
            subject: "42",
            jti: "j",
            issued_at: now,
            expires: Timestamp::from_secs(1_700_000_300),
            session: None,
            extra: None,
        };
        let token = minter.mint_access(&params).unwrap();
        let public = VerifyingKey::from_pem(algorithm, public.as_bytes()).unwrap();
        let ring = KeyRing::new(KeySet::verifying_only(public));
        let claims = TokenReader::new(ring.clone()).read_access::<()>(token.as_bytes(), now);
        assert_eq!(claims.unwrap().base().subject(), "42", "{algorithm}");
        let refused = Minter::new(ring).mint_access(&params).unwrap_err();
        assert_eq!(refused, crate::mint::MintError::NoSigningKey);

        let hmac = KeyRing::hs256(Secret::new([7; 32])).unwrap();
        let refused = TokenReader::new(hmac).read_access::<()>(token.as_bytes(), now);
        assert_eq!(refused.unwrap_err(), TokenRejection::AlgorithmMismatch);
    }
}

#[test]
fn the_oracle_agrees_on_every_verdict() {
    for (algorithm, private, public) in PAIRS {
        let signing = signing(algorithm, private);
        let ours = VerifyingKey::from_pem(algorithm, public.as_bytes()).unwrap();
        let key = oracle_key(algorithm, public);
        let theirs = (PROVIDER.verifier_factory)(&theirs(algorithm).unwrap(), &key).unwrap();
        let agree = |message: &[u8], signature: &[u8], want: bool| {
            assert_eq!(ours.verify(message, signature), want, "{algorithm}");
            assert_eq!(
                signing.public.verify(message, signature),
                want,
                "{algorithm}"
            );
            let oracle = theirs.verify(message, &signature.to_vec()).is_ok();
            assert_eq!(oracle, want, "{algorithm}");
        };
        for message in [&b""[..], b"header.payload", &[0x5a; 3000]] {
            let signature = signing.sign(message).unwrap();
            agree(message, &signature, true);
            agree(b"header.payloae", &signature, false);
            agree(message, &[], false);
            agree(message, &vec![0; signature.len()], false);
            agree(message, &signature[1..], false);
            agree(message, &[&signature[..], &[0]].concat(), false);
            agree(message, &[&[0], &signature[..]].concat(), false);
            for at in (0..signature.len()).step_by(signature.len() / 8) {
                let mut flipped = signature.clone();
                flipped[at] ^= 1;
                agree(message, &flipped, false);
            }
        }
    }
}

#[test]
fn our_hmac_is_the_oracles_bit_by_bit() {
    for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        let name = match algorithm {
            Algorithm::Hs256 => jsonwebtoken::Algorithm::HS256,
            Algorithm::Hs384 => jsonwebtoken::Algorithm::HS384,
            _ => jsonwebtoken::Algorithm::HS512,
        };
        for length in [1, 31, 32, 64, 65, 128, 129, 200] {
            let secret = vec![0xa5; length];
            let ours = HmacKey::new(algorithm, &secret).unwrap();
            let key = EncodingKey::from_secret(&secret);
            let theirs = (PROVIDER.signer_factory)(&name, &key).unwrap();
            for message in [&b""[..], b"header.payload", &[0x5a; 3000]] {
                let tag = theirs.try_sign(message).unwrap();
                assert_eq!(ours.sign(message), tag);
                assert!(ours.verify(message, &tag));
                assert!(!ours.verify(message, &tag[..tag.len() - 1]));
            }
        }
    }
}

#[test]
fn both_forms_of_an_rsa_key_are_one_key() {
    let message = b"header.payload";
    let signature = signing(Algorithm::Rs256, RSA_PKCS1).sign(message).unwrap();
    assert_eq!(
        signing(Algorithm::Rs256, RSA).sign(message).unwrap(),
        signature
    );
    let public = VerifyingKey::from_pem(Algorithm::Rs256, RSA_PUB_PKCS1.as_bytes()).unwrap();
    assert!(public.verify(message, &signature));
}

#[track_caller]
fn unusable(algorithm: Algorithm, pem: &str, want: &str) {
    let signing = SigningKey::from_pem(algorithm, &Secret::new(pem)).unwrap_err();
    let verifying = VerifyingKey::from_pem(algorithm, pem.as_bytes()).unwrap_err();
    let messages = [signing.to_string(), verifying.to_string()];
    assert!(
        messages.iter().any(|message| message.contains(want)),
        "{messages:?}"
    );
}

#[test]
fn a_pem_that_is_not_one_key_for_the_algorithm_is_refused() {
    use Algorithm::{EdDsa, Es256, Es384, Hs256, Ps256, Rs256};
    for (algorithm, pem, want) in [
        (Rs256, CERTIFICATE, "CERTIFICATE"),
        (Es256, P256_SEC1, "EC PRIVATE KEY"),
        (Rs256, "", "None"),
        (Rs256, "no PEM at all", "None"),
        (Rs256, &RSA[..400], "not one for RS256"),
        (Rs256, &RSA_PUB[..200], "not one for RS256"),
        (Rs256, &format!("{RSA_PUB}{RSA_PUB}"), "one block"),
        (Rs256, &format!("{RSA}{RSA_PUB}"), "one block"),
        (Rs256, RSA_1024, "the"), // each provider in words of its own
        (Ps256, RSA_1024_PUB, "1024 bits"),
        (Es256, P384, "not one for ES256"),
        (Es256, P384_PUB, "not one for ES256"),
        (Es384, P256, "not one for ES384"),
        (Es384, P256_PUB, "not one for ES384"),
        (Es256, RSA_PUB, "not one for ES256"),
        (Es256, ED, "not one for ES256"),
        (EdDsa, P256, "not one for EdDSA"),
        (EdDsa, P256_PUB, "not one for EdDSA"),
        (EdDsa, RSA_PKCS1, "RSA PRIVATE KEY"),
        (Rs256, P256, "not one for RS256"),
        (Rs256, P256_PUB, "not one for RS256"),
        (Rs256, ED_PUB, "not one for RS256"),
        (Hs256, RSA_PUB, "HS256 is not usable"),
    ] {
        unusable(algorithm, pem, want);
    }
}

#[test]
fn halves_are_not_taken_for_each_other() {
    for (algorithm, private, public) in PAIRS {
        assert!(VerifyingKey::from_pem(algorithm, private.as_bytes()).is_err());
        assert!(SigningKey::from_pem(algorithm, &Secret::new(public)).is_err());
    }
}
