//! The token itself: 32 symbols, masked to 64, compared in constant time, signed for a session.

use std::fmt;

use subtle::ConstantTimeEq;

use super::SessionRef;
use crate::{
    keys::DerivedKey,
    random::{self, RandomError},
};

/// Django's alphabet, in the order of its indices (`CSRF_ALLOWED_CHARS`).
const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// `CSRF_SECRET_LENGTH`.
const SECRET: usize = 32;
/// `CSRF_TOKEN_LENGTH`: a mask and what it hides.
const MASKED: usize = 2 * SECRET;
/// Of the secret, how many symbols are random; the others sign them. About 65 and 125 bits.
const RANDOM: usize = 11;

/// A CSRF secret, as the cookie holds it: 32 letters and digits.
///
/// `Debug` prints nothing of it and equality takes constant time.
///
/// # Example
///
/// ```
/// use portcullis_core::csrf::CsrfToken;
///
/// let token = CsrfToken::parse(b"abcdefghijklmnopqrstuvwxyzABCDEF").unwrap();
/// let masked = token.masked()?;
/// assert_eq!(masked.len(), 64);
/// assert_ne!(masked, token.masked()?, "a fresh mask every time");
/// assert_eq!(CsrfToken::parse(masked.as_bytes()), Some(token));
///
/// assert_eq!(CsrfToken::parse(b"too short"), None);
/// # Ok::<_, portcullis_core::random::RandomError>(())
/// ```
#[derive(Clone, Copy)]
pub struct CsrfToken([u8; SECRET]);

/// What is wrong with a text that is no token; the length is judged first, as Django does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Malformed {
    Characters,
    Length,
}

impl CsrfToken {
    /// The secret in `text`: 32 symbols as they are, 64 unmasked; `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        Self::read(text).ok()
    }

    pub(super) fn read(text: &[u8]) -> Result<Self, Malformed> {
        if let Ok(secret) = <[u8; SECRET]>::try_from(text) {
            // Without a branch in it, the loop uses vector registers.
            let others = |so_far, byte: &u8| so_far | u8::from(!byte.is_ascii_alphanumeric());
            let valid = secret.iter().fold(0, others) == 0;
            return valid.then_some(Self(secret)).ok_or(Malformed::Characters);
        }
        if text.len() != MASKED {
            return Err(Malformed::Length);
        }
        let (mask, cipher) = text.split_at(SECRET);
        let mut secret = [0; SECRET];
        for (symbol, (&mask, &hidden)) in secret.iter_mut().zip(mask.iter().zip(cipher)) {
            let mask = index(mask).ok_or(Malformed::Characters)?;
            let hidden = index(hidden).ok_or(Malformed::Characters)?;
            *symbol = symbol_at(hidden + 62 - mask);
        }
        Ok(Self(secret))
    }

    /// The secret, for the cookie and for a script that sends it back in the header.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("every symbol comes from the ASCII alphabet")
    }

    /// The secret under a fresh random mask, 64 symbols, for a page: compression then cannot leak
    /// it (BREACH).
    ///
    /// # Errors
    ///
    /// [`RandomError`] when the system has no entropy to give.
    pub fn masked(&self) -> Result<String, RandomError> {
        let mut mask = [0; SECRET];
        random::fill_from(ALPHABET, &mut mask)?;
        let hidden = mask.iter().zip(self.0).map(|(&mask, symbol)| {
            let sum = index(mask).unwrap_or(0) + index(symbol).unwrap_or(0);
            symbol_at(sum)
        });
        Ok(mask.iter().copied().chain(hidden).map(char::from).collect())
    }

    /// A new token, signed for `session`.
    pub(super) fn issue(key: &DerivedKey, session: SessionRef<'_>) -> Result<Self, RandomError> {
        let mut secret = [0; SECRET];
        let (random, signature) = secret.split_at_mut(RANDOM);
        random::fill_from(ALPHABET, random)?;
        signature.copy_from_slice(&sign(key, session, random));
        Ok(Self(secret))
    }

    /// Whether `key` signed this token for `session`.
    pub(super) fn is_signed(&self, key: &DerivedKey, session: SessionRef<'_>) -> bool {
        let (random, signature) = self.0.split_at(RANDOM);
        sign(key, session, random).ct_eq(signature).into()
    }
}

/// 21 symbols of the MAC: three words of 64 bits give seven each.
fn sign(key: &DerivedKey, session: SessionRef<'_>, random: &[u8]) -> [u8; SECRET - RANDOM] {
    let (kind, id) = session.parts();
    // One byte, the id, eleven symbols: the id alone varies in length.
    let mac = key.mac_joined(&[&[kind], id, random]);
    let mut words = [0; 3];
    for (word, &bytes) in words.iter_mut().zip(mac.as_chunks().0) {
        *word = u64::from_be_bytes(bytes);
    }
    let mut symbols = [0; SECRET - RANDOM];
    // The words in turn: each division waits for the one before it of the same word.
    for place in 0..7 {
        for (seven, word) in symbols.as_chunks_mut::<7>().0.iter_mut().zip(&mut words) {
            seven[place] = ALPHABET[usize::try_from(*word % 62).unwrap_or(0)];
            *word /= 62;
        }
    }
    symbols
}

/// The index of `symbol` in the alphabet.
const fn index(symbol: u8) -> Option<u8> {
    match symbol {
        b'a'..=b'z' => Some(symbol - b'a'),
        b'A'..=b'Z' => Some(symbol - b'A' + 26),
        b'0'..=b'9' => Some(symbol - b'0' + 52),
        _ => None,
    }
}

/// The symbol at `index`, taken modulo 62; the sum of two indices fits a byte.
const fn symbol_at(index: u8) -> u8 {
    ALPHABET[index as usize % ALPHABET.len()]
}

/// The same bytes as four integers, which take an eighth of the comparisons.
fn words(secret: &[u8; SECRET]) -> [u64; SECRET / 8] {
    let mut words = [0; SECRET / 8];
    for (word, &bytes) in words.iter_mut().zip(secret.as_chunks().0) {
        *word = u64::from_ne_bytes(bytes);
    }
    words
}

impl PartialEq for CsrfToken {
    fn eq(&self, other: &Self) -> bool {
        words(&self.0).ct_eq(&words(&other.0)).into()
    }
}

impl Eq for CsrfToken {}

impl fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfToken(..)")
    }
}
