//! Reads PEM through jsonwebtoken, and refuses what that would take for something else.

use jsonwebtoken::{DecodingKey, EncodingKey, jwk::EllipticCurve};

use super::{
    asymmetric::{Numbers, PROVIDER, coordinate_bytes, theirs},
    error::{KeyError, Kind},
};
use crate::algorithm::Algorithm;

/// The kinds of key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Half {
    Ec,
    Ed,
    Rsa,
}

/// The kind of key that `algorithm` takes; `None` for an HMAC.
pub(super) const fn half_of(algorithm: Algorithm) -> Option<Half> {
    match algorithm {
        Algorithm::EdDsa => Some(Half::Ed),
        Algorithm::Es256 | Algorithm::Es384 => Some(Half::Ec),
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => None,
        Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512 => Some(Half::Rsa),
    }
}

/// A private key, and the numbers of its public one.
pub(super) fn private(
    algorithm: Algorithm,
    pem: &[u8],
) -> Result<(EncodingKey, Numbers), KeyError> {
    let half = wanted(algorithm)?;
    let name = algorithm;
    let unusable = |_| KeyError::new(Kind::Unusable { algorithm: name });
    check_label(pem, half, "PRIVATE KEY", "RSA PRIVATE KEY")?;
    let utils = &PROVIDER.key_utils;
    match half {
        Half::Ec => {
            let key = EncodingKey::from_ec_pem(pem).map_err(unusable)?;
            let read = utils.ec_pub_components_from_private_key;
            let (_, x, y) = read(key.as_bytes(), theirs(algorithm)?).map_err(unusable)?;
            Ok((key, Numbers::Ec { x, y }))
        }
        Half::Ed => {
            let key = EncodingKey::from_ed_pem(pem).map_err(unusable)?;
            let read = utils.ed_pub_components_from_private_key;
            let x = read(key.as_bytes(), &EllipticCurve::Ed25519).map_err(unusable)?;
            Ok((key, Numbers::Ed { x }))
        }
        Half::Rsa => {
            let key = EncodingKey::from_rsa_pem(pem).map_err(unusable)?;
            let read = utils.rsa_pub_components_from_private_key;
            let (n, e) = read(key.as_bytes()).map_err(unusable)?;
            Ok((key, Numbers::Rsa { n, e }))
        }
    }
}

/// The numbers of a public key.
pub(super) fn public(algorithm: Algorithm, pem: &[u8]) -> Result<Numbers, KeyError> {
    let half = wanted(algorithm)?;
    let unusable = || KeyError::new(Kind::Unusable { algorithm });
    check_label(pem, half, "PUBLIC KEY", "RSA PUBLIC KEY")?;
    let key = match half {
        Half::Ec => DecodingKey::from_ec_pem(pem),
        Half::Ed => DecodingKey::from_ed_pem(pem),
        Half::Rsa => DecodingKey::from_rsa_pem(pem),
    };
    let key = key.map_err(|_| unusable())?;
    let bytes = key.try_get_as_bytes().map_err(|_| unusable())?;
    match half {
        Half::Ec => match bytes.split_first() {
            // 4 marks the uncompressed form (SEC 1 §2.3.3).
            Some((4, point)) => {
                let half_way = coordinate_bytes(algorithm).ok_or_else(unusable)?;
                let (x, y) = point.split_at_checked(half_way).ok_or_else(unusable)?;
                Ok(Numbers::Ec {
                    x: x.to_vec(),
                    y: y.to_vec(),
                })
            }
            _ => Err(unusable()),
        },
        Half::Ed => Ok(Numbers::Ed { x: bytes.to_vec() }),
        Half::Rsa => {
            let read = PROVIDER.key_utils.rsa_pub_components_from_public_key;
            let (n, e) = read(bytes).map_err(|_| unusable())?;
            Ok(Numbers::Rsa { n, e })
        }
    }
}

fn wanted(algorithm: Algorithm) -> Result<Half, KeyError> {
    half_of(algorithm).ok_or(KeyError::algorithm(algorithm, "a public-key algorithm"))
}

/// One block, with a label that says the half that is wanted: jsonwebtoken also reads the public
/// key out of a certificate, and takes a private key for an RSA public one.
fn check_label(pem: &[u8], half: Half, any: &str, rsa: &str) -> Result<(), KeyError> {
    let text = std::str::from_utf8(pem).unwrap_or_default();
    let mut labels = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-----BEGIN "))
        .map(|label| label.trim_end_matches('-'));
    let found = labels.next();
    let fits = found == Some(any) || half == Half::Rsa && found == Some(rsa);
    if fits && labels.next().is_none() {
        return Ok(());
    }
    Err(KeyError::new(Kind::Label {
        found: found.map(|label| label.chars().take(40).collect()),
        want: any.to_owned(),
    }))
}
