//! The key of a client's address: one per IPv4 address, one per IPv6 network.

use std::net::IpAddr;

/// What an address is counted under.
///
/// IPv4 counts by the whole address, IPv6 by network, because a site holds a /64 or more
/// (RFC 6177). A v4-mapped IPv6 address is the IPv4 address.
///
/// # Example
///
/// ```
/// use portcullis_core::rate::AddressKey;
/// use std::net::IpAddr;
///
/// let ip = |text: &str| text.parse::<IpAddr>().unwrap();
/// assert_eq!(AddressKey::of(ip("2001:db8::1")), AddressKey::of(ip("2001:db8::ffff:2")));
/// assert_ne!(AddressKey::of(ip("2001:db8::1")), AddressKey::of(ip("2001:db8:0:1::1")));
/// assert_eq!(AddressKey::of(ip("::ffff:203.0.113.9")), AddressKey::of(ip("203.0.113.9")));
/// assert_ne!(AddressKey::of(ip("::ffff:203.0.113.9")), AddressKey::of(ip("::ffff:203.0.113.8")));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct AddressKey([u8; 18]);

impl AddressKey {
    /// IPv4 /32, IPv6 /64.
    pub fn of(address: IpAddr) -> Self {
        Self::network(address, 64)
    }

    /// IPv4 /32, IPv6 /48: for a second, larger limit that bounds whoever rotates through the
    /// 65,536 networks of a site.
    pub fn wide(address: IpAddr) -> Self {
        Self::network(address, 48)
    }

    fn network(address: IpAddr, v6_prefix: u8) -> Self {
        let mut key = [0; 18];
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                key[0] = 4;
                key[1] = 32;
                key[2..6].copy_from_slice(&v4.octets());
            }
            IpAddr::V6(v6) => {
                key[0] = 6;
                key[1] = v6_prefix;
                let network = v6.to_bits() & !(u128::MAX >> v6_prefix);
                key[2..].copy_from_slice(&network.to_be_bytes());
            }
        }
        Self(key)
    }

    /// The bytes for a [`Charge`](super::Charge).
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
