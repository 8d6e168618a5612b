//! Reads keys from files and refuses those that would not keep anybody out.

use std::path::Path;

use portcullis_core::{Secret, keys::MIN_KEY_BYTES};

use super::{Args, ConfigError, Mode};

/// A signature algorithm that a raw secret serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

impl Algorithm {
    /// The algorithm that `--algorithm` names, in exactly this spelling.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for every other one.
    pub fn parse(name: &str) -> Result<Self, ConfigError> {
        match name {
            "HS256" => Ok(Self::Hs256),
            "HS384" => Ok(Self::Hs384),
            "HS512" => Ok(Self::Hs512),
            _ => Err(ConfigError::new(format!(
                "--algorithm {name:?} is not supported: use HS256, HS384 or HS512"
            ))),
        }
    }

    /// The length of the hash, and so of the shortest secret.
    pub const fn min_bytes(self) -> usize {
        match self {
            Self::Hs256 => 32,
            Self::Hs384 => 48,
            Self::Hs512 => 64,
        }
    }
}

/// The bytes of `file` without one final newline (LF or CR LF).
///
/// # Errors
///
/// [`ConfigError`] when the file cannot be read.
pub(super) fn read(flag: &str, file: &Path) -> Result<Secret, ConfigError> {
    let mut bytes = std::fs::read(file).map_err(|error| {
        ConfigError::new(format!(
            "{flag} {}: cannot be read ({error}); check the path and its permissions",
            file.display()
        ))
    })?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Ok(Secret::new(bytes))
}

/// Checks that `secret` is one: long enough, and no key in another format.
///
/// # Errors
///
/// [`ConfigError`] naming `flag` and how to make a good key.
pub(super) fn check(flag: &str, secret: &Secret, min_bytes: usize) -> Result<(), ConfigError> {
    let bytes = secret.expose();
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]);
    let starts = text.trim_start();
    if text.contains("-----BEGIN") || starts.starts_with("ssh-") || starts.starts_with("{\"k") {
        return Err(ConfigError::new(format!(
            "{flag}: this is a PEM, SSH or JWK key, whose public half would sign tokens too; use a \
             random secret: head -c {min_bytes} /dev/urandom | base64"
        )));
    }
    if bytes.len() < min_bytes {
        return Err(ConfigError::new(format!(
            "{flag}: the secret has {} bytes and needs at least {min_bytes}; make one with: head \
             -c {min_bytes} /dev/urandom | base64",
            bytes.len()
        )));
    }
    Ok(())
}

/// The signing key and its algorithm, and the rotation key: given, or in development mode random.
///
/// # Errors
///
/// [`ConfigError`] for a key that is missing, given twice, shared, or none.
pub(super) fn material(
    args: &Args,
    mode: Mode,
) -> Result<(Secret, Algorithm, Secret), ConfigError> {
    let algorithm = Algorithm::parse(&args.algorithm)?;
    let signing = match (&args.signing_key, &args.signing_key_file) {
        (Some(_), Some(_)) => {
            return Err(ConfigError::new(
                "--signing-key and --signing-key-file exclude each other: give only the file",
            ));
        }
        (Some(secret), None) => Some(("--signing-key", secret.clone())),
        (None, Some(file)) => Some(("--signing-key-file", read("--signing-key-file", file)?)),
        (None, None) => None,
    };
    let rotation = match &args.rotation_key_file {
        Some(file) => Some(("--rotation-key-file", read("--rotation-key-file", file)?)),
        None => None,
    };
    let signing = given_or_random("--signing-key-file", signing, algorithm.min_bytes(), mode)?;
    let rotation = given_or_random("--rotation-key-file", rotation, MIN_KEY_BYTES, mode)?;
    if signing == rotation {
        return Err(ConfigError::new(
            "--rotation-key-file holds the signing key, which others may share: give it a key of \
             its own",
        ));
    }
    Ok((signing, algorithm, rotation))
}

fn given_or_random(
    wanted: &str,
    given: Option<(&str, Secret)>,
    min_bytes: usize,
    mode: Mode,
) -> Result<Secret, ConfigError> {
    match given {
        Some((flag, secret)) => check(flag, &secret, min_bytes).map(|()| secret),
        None if mode == Mode::Development => {
            Secret::random(min_bytes).map_err(|error| ConfigError::new(error.to_string()))
        }
        None => Err(ConfigError::new(format!(
            "{wanted} is missing, and only development mode makes up a key: head -c {min_bytes} \
             /dev/urandom | base64 > FILE, then give it to every process of the service"
        ))),
    }
}
