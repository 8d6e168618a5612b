//! Takes the compact form apart (RFC 7515 §7.1): three parts of canonical base64url.

use std::mem::MaybeUninit;

use base64_simd::{Out, URL_SAFE_NO_PAD};
use memchr::memchr_iter;

use crate::rejection::TokenRejection;

#[cfg(test)]
mod tests;

/// The longest signature, RSA with 8192 bits, rounded up to whole base64 groups; and more than the
/// payload of most tokens.
const MAX_SIGNATURE: usize = 1026;

/// The longest header part, encoded: ours are below 250 bytes.
const MAX_HEADER: usize = 1024;

/// The parts of a token, still encoded.
#[derive(Clone, Copy)]
pub(crate) struct Compact<'a> {
    pub(crate) header: &'a [u8],
    pub(crate) payload: &'a [u8],
    pub(crate) signature: &'a [u8],
    /// What is signed: header, dot, payload.
    pub(crate) message: &'a [u8],
}

impl<'a> Compact<'a> {
    /// Splits `token`; decodes nothing yet.
    pub(crate) fn split(token: &'a [u8], max: usize) -> Result<Self, TokenRejection> {
        if token.len() > max {
            return Err(TokenRejection::TooLong);
        }
        let mut dots = memchr_iter(b'.', token);
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(TokenRejection::Segments);
        };
        if first > MAX_HEADER {
            return Err(TokenRejection::TooLong);
        }
        Ok(Self {
            header: &token[..first],
            payload: &token[first + 1..second],
            signature: &token[second + 1..],
            message: &token[..second],
        })
    }
}

/// Decodes one part.
pub(crate) fn decode(part: &[u8]) -> Result<Vec<u8>, TokenRejection> {
    // The decoder refuses padding, foreign characters, whitespace and stray trailing bits.
    URL_SAFE_NO_PAD
        .decode_to_vec(part)
        .map_err(|_| TokenRejection::Base64)
}

/// Room for what most tokens decode to, so that they cost no allocation.
pub(crate) type Buffer = [MaybeUninit<u8>; MAX_SIGNATURE];

/// A buffer with nothing in it yet.
pub(crate) const EMPTY: Buffer = [MaybeUninit::uninit(); MAX_SIGNATURE];

/// Whether `part` decoded fits a [`Buffer`].
pub(crate) const fn fits(part: &[u8]) -> bool {
    part.len() <= MAX_SIGNATURE / 3 * 4
}

/// Decodes one part that [`fits`] into `buffer`; a longer one is no part of a token.
pub(crate) fn decode_into<'b>(
    part: &[u8],
    buffer: &'b mut Buffer,
) -> Result<&'b [u8], TokenRejection> {
    if !fits(part) {
        return Err(TokenRejection::Base64);
    }
    match URL_SAFE_NO_PAD.decode(part, Out::from_uninit_slice(buffer)) {
        Ok(bytes) => Ok(bytes),
        Err(_) => Err(TokenRejection::Base64),
    }
}

/// Encodes one part.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}
