//! Reads what proxies write about a client, from right to left and without an allocation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, HeaderName, HeaderValue};

#[cfg(test)]
mod tests;

/// The header in which the declared proxies name the client. Only this one is read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ForwardedSource {
    /// `Forwarded` (RFC 7239), which names scheme and host too.
    Forwarded,
    /// A header with one address, such as a CDN's; every request must come through it.
    Header(HeaderName),
    /// `X-Forwarded-For`, beside `X-Forwarded-Proto` and `X-Forwarded-Host`.
    #[default]
    XForwardedFor,
}

/// The most elements of a forwarding header that are looked at.
const MAX_ELEMENTS: usize = 32;

/// The most bytes of one that are looked at.
const MAX_BYTES: usize = 4096;

/// The elements of a list header, last first: over all lines, split at `separator` outside of
/// quotes, without their white space.
///
/// What a client wrote stands to the left of what the proxies added, so an open quote of its own
/// cannot swallow theirs.
pub(super) fn elements_from_right<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let mut left = MAX_BYTES;
    headers
        .get_all(name)
        .iter()
        .rev()
        .flat_map(|line| split_from_right(line.as_bytes(), b','))
        .take(MAX_ELEMENTS)
        .map_while(move |element| {
            left = left.checked_sub(element.len() + 1)?;
            Some(element.trim_ascii())
        })
}

/// Splits at `separator` outside of quotes, from the right.
fn split_from_right(line: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        match last_unquoted(text, separator) {
            Some(at) => {
                rest = Some(&text[..at]);
                Some(&text[at + 1..])
            }
            None => rest.take(),
        }
    })
}

fn last_unquoted(text: &[u8], separator: u8) -> Option<usize> {
    let mut quoted = false;
    // What lies further left than the bound is not looked at.
    for at in (text.len().saturating_sub(MAX_BYTES)..text.len()).rev() {
        let escaped = || text[..at].iter().rev().take_while(|&&b| b == b'\\').count() % 2 == 1;
        if text[at] == b'"' && !(quoted && escaped()) {
            quoted = !quoted;
        } else if text[at] == separator && !quoted {
            return Some(at);
        }
    }
    None
}

/// The element of `name` written by the proxy that spoke to the client, where `hops` elements of
/// the address list were needed to reach it; the leftmost of a shorter list.
pub(super) fn aligned<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    hops: usize,
) -> Option<&'a str> {
    let elements = elements_from_right(headers, name).take(hops.max(1));
    elements
        .last()
        .and_then(|element| std::str::from_utf8(element).ok())
}

/// The only value of a header; several lines are nobody's word.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    if headers.len() == headers.keys_len() {
        return headers.get(name); // no header has several lines
    }
    let mut lines = headers.get_all(name).iter();
    lines.next().filter(|_| lines.next().is_none())
}

/// Reads `192.0.2.7`, `192.0.2.7:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`; a zone
/// is left out. `unknown`, obfuscated names and everything else are `None`.
pub(super) fn node(text: &[u8]) -> Option<IpAddr> {
    if let Some(address) = ipv4(text) {
        return Some(address.into());
    }
    let text = std::str::from_utf8(text).ok()?;
    let address = if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']')?;
        let port = after.strip_prefix(':');
        if !(after.is_empty() || port.is_some_and(is_port)) {
            return None;
        }
        IpAddr::V6(without_zone(inside)?)
    } else if let Some((host, port)) = text.split_once(':').filter(|(host, _)| host.contains('.')) {
        IpAddr::V4(host.parse::<Ipv4Addr>().ok().filter(|_| is_port(port))?)
    } else {
        IpAddr::V6(without_zone(text)?)
    };
    Some(address.to_canonical())
}

/// Reads four decimal numbers without leading zeros, as `Ipv4Addr` does, but without asking first
/// whether the bytes are a text: most clients behind a proxy are named like this.
pub(super) fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut address, mut rest) = octet(text)?;
    for _ in 0..3 {
        let (number, after) = octet(rest.strip_prefix(b".")?)?;
        (address, rest) = (address << 8 | number, after);
    }
    rest.is_empty().then(|| Ipv4Addr::from_bits(address))
}

/// The number up to 255 that `text` begins with, and what follows its first three digits at most.
fn octet(text: &[u8]) -> Option<(u32, &[u8])> {
    let digit = |at: usize| {
        let digit = text.get(at)?.wrapping_sub(b'0');
        (digit < 10).then_some(u32::from(digit))
    };
    let first = digit(0)?;
    let Some(second) = digit(1) else {
        return Some((first, &text[1..]));
    };
    let (number, rest) = match digit(2) {
        None => (first * 10 + second, &text[2..]),
        Some(third) => (first * 100 + second * 10 + third, &text[3..]),
    };
    (first != 0 && number <= 255).then_some((number, rest))
}

fn without_zone(text: &str) -> Option<Ipv6Addr> {
    let address = match text.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => address,
        Some(_) => return None,
        None => text,
    };
    address.parse().ok()
}

fn is_port(digits: &str) -> bool {
    (1..=5).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// What one element of `Forwarded` says (RFC 7239 §4).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Element<'a> {
    pub(super) client: Option<&'a [u8]>,
    pub(super) host: Option<&'a [u8]>,
    pub(super) proto: Option<&'a [u8]>,
}

/// Reads one element; `None` when it is malformed or says something twice.
pub(super) fn element(text: &[u8]) -> Option<Element<'_>> {
    let mut element = Element::default();
    for pair in split_from_right(text, b';') {
        let pair = pair.trim_ascii();
        let at = pair.iter().position(|&byte| byte == b'=')?;
        let value = unquoted(&pair[at + 1..])?;
        let slot = match &pair[..at] {
            name if name.eq_ignore_ascii_case(b"for") => &mut element.client,
            name if name.eq_ignore_ascii_case(b"host") => &mut element.host,
            name if name.eq_ignore_ascii_case(b"proto") => &mut element.proto,
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return None;
        }
    }
    Some(element)
}

/// A token, or what stands between two quotes; escapes have no place in an address or a host.
fn unquoted(value: &[u8]) -> Option<&[u8]> {
    let inside = match value {
        [b'"', inside @ .., b'"'] => inside,
        bare => bare,
    };
    let clean = !inside.is_empty() && !inside.iter().any(|b| matches!(b, b'"' | b'\\'));
    clean.then_some(inside)
}
