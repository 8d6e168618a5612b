//! Keeps what a provider needs for a verification, parsed where the provider allows it.

use super::Numbers;
use crate::algorithm::Algorithm;

/// aws-lc-rs parses a public key once.
#[cfg(feature = "aws-lc-rs")]
pub(super) struct Prepared(aws_lc_rs::signature::ParsedPublicKey);

#[cfg(feature = "aws-lc-rs")]
impl Prepared {
    /// `None` when the provider refuses the numbers: a point that is not on the curve.
    pub(super) fn new(algorithm: Algorithm, numbers: &Numbers) -> Option<Self> {
        use aws_lc_rs::signature::{self as aws, ParsedPublicKey, RsaPublicKeyComponents};
        let rsa = |parameters: &'static aws::RsaParameters| match numbers {
            Numbers::Rsa { n, e } => RsaPublicKeyComponents { n, e }
                .to_parsed_public_key(parameters)
                .ok(),
            Numbers::Ec { .. } | Numbers::Ed { .. } => None,
        };
        let key = match algorithm {
            Algorithm::EdDsa => ParsedPublicKey::new(&aws::ED25519, point(numbers)?).ok(),
            Algorithm::Es256 => {
                ParsedPublicKey::new(&aws::ECDSA_P256_SHA256_FIXED, point(numbers)?).ok()
            }
            Algorithm::Es384 => {
                ParsedPublicKey::new(&aws::ECDSA_P384_SHA384_FIXED, point(numbers)?).ok()
            }
            Algorithm::Ps256 => rsa(&aws::RSA_PSS_2048_8192_SHA256),
            Algorithm::Ps384 => rsa(&aws::RSA_PSS_2048_8192_SHA384),
            Algorithm::Ps512 => rsa(&aws::RSA_PSS_2048_8192_SHA512),
            Algorithm::Rs256 => rsa(&aws::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::Rs384 => rsa(&aws::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::Rs512 => rsa(&aws::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => None,
        };
        key.map(Self)
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

/// The RustCrypto provider parses the key at every verification; its verifiers are not `Send`.
#[cfg(not(feature = "aws-lc-rs"))]
pub(super) struct Prepared {
    algorithm: jsonwebtoken::Algorithm,
    key: jsonwebtoken::DecodingKey,
}

#[cfg(not(feature = "aws-lc-rs"))]
impl Prepared {
    /// `None` when the provider does not know the algorithm. Whether a point is on the curve is
    /// found at the first verification, which then refuses.
    pub(super) fn new(algorithm: Algorithm, numbers: &Numbers) -> Option<Self> {
        use jsonwebtoken::DecodingKey;
        let key = match numbers {
            Numbers::Ec { .. } => DecodingKey::from_ec_der(&point(numbers)?),
            Numbers::Ed { x } => DecodingKey::from_ed_der(x),
            Numbers::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
        };
        let algorithm = super::theirs(algorithm).ok()?;
        (super::PROVIDER.verifier_factory)(&algorithm, &key).ok()?;
        Some(Self { algorithm, key })
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        (super::PROVIDER.verifier_factory)(&self.algorithm, &self.key)
            .is_ok_and(|verifier| verifier.verify(message, &signature.to_vec()).is_ok())
    }
}

/// The point in the form that both providers read: uncompressed SEC 1, or Ed25519's 32 bytes.
fn point(numbers: &Numbers) -> Option<Vec<u8>> {
    match numbers {
        Numbers::Ec { x, y } => Some([&[4][..], x, y].concat()),
        Numbers::Ed { x } => Some(x.clone()),
        Numbers::Rsa { .. } => None,
    }
}
