//! The key of a client's address: one per IPv4 address, one per IPv6 network.

use std::net::IpAddr;

/// How many kinds of networks there are: IPv4 /32, IPv6 /48 and /64.
pub(super) const KINDS: usize = 3;

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
pub struct AddressKey {
    /// The bits of the network, the first of them highest.
    network: u64,
    /// The prefix length; 32 is IPv4's and no other.
    prefix: u8,
}

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
        match address.to_canonical() {
            IpAddr::V4(v4) => Self {
                network: u64::from(v4.to_bits()) << 32,
                prefix: 32,
            },
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                let network = [a, b, c, d]
                    .into_iter()
                    .fold(0, |bits, segment| bits << 16 | u64::from(segment));
                Self {
                    network: network >> (64 - v6_prefix) << (64 - v6_prefix),
                    prefix: v6_prefix,
                }
            }
        }
    }

    /// The bytes, for a [`Charge`](super::Charge) to several things together;
    /// [`Charge::by_address`](super::Charge::by_address) is for an address alone.
    pub const fn to_bytes(self) -> [u8; 9] {
        let [b0, b1, b2, b3, b4, b5, b6, b7] = self.network.to_be_bytes();
        [self.prefix, b0, b1, b2, b3, b4, b5, b6, b7]
    }

    /// The network, and which kind of network it is, of [`KINDS`]: together all of the key.
    pub(super) const fn network_and_kind(self) -> (u64, usize) {
        let kind = match self.prefix {
            32 => 0,
            48 => 1,
            _ => 2,
        };
        (self.network, kind)
    }
}
