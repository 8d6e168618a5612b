//! A range of addresses that belongs to proxies.

use std::{fmt, net::IpAddr, str::FromStr};

/// A range of addresses in CIDR notation, or one address.
///
/// # Example
///
/// ```
/// use portcullis_core::client::Cidr;
///
/// let range: Cidr = "10.0.0.0/8".parse()?;
/// assert!(range.contains("10.1.2.3".parse().unwrap()));
/// assert!(range.contains("::ffff:10.1.2.3".parse().unwrap()), "the same address");
/// assert!(!range.contains("11.0.0.1".parse().unwrap()));
///
/// for wrong in ["0.0.0.0/0", "::/0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/08", "proxy", ""] {
///     assert!(wrong.parse::<Cidr>().is_err(), "{wrong}");
/// }
/// # Ok::<_, portcullis_core::client::CidrError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Whether `address` lies in the range; v4-mapped IPv6 addresses are taken as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        // A prefix has one bit at least, so nothing is shifted out whole.
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()) >> (32 - self.prefix) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()) >> (128 - self.prefix) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let wrong = |why| CidrError {
            found: text.chars().take(64).collect(),
            why,
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| wrong(Why::Form))?;
        let width = if written.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(digits) => read_prefix(digits)
                .filter(|&prefix| prefix <= width)
                .ok_or_else(|| wrong(Why::Form))?,
        };
        let network = written.to_canonical();
        let prefix = if network.is_ipv4() && written.is_ipv6() {
            prefix.checked_sub(96).ok_or_else(|| wrong(Why::Form))?
        } else {
            prefix
        };
        if prefix == 0 {
            return Err(wrong(Why::Everyone));
        }
        if bits(network) & !mask(network, prefix) != 0 {
            return Err(wrong(Why::HostBits));
        }
        Ok(Self { network, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

/// One or two or three digits without a leading zero.
fn read_prefix(digits: &str) -> Option<u8> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let padded = digits.len() > 1 && digits.starts_with('0');
    if plain && !padded {
        digits.parse().ok()
    } else {
        None
    }
}

/// The address in the high bits, so that one mask serves both families.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn mask(address: IpAddr, prefix: u8) -> u128 {
    let width = if address.is_ipv4() { 32 } else { 128 };
    debug_assert!(prefix >= 1 && prefix <= width);
    u128::MAX << (128 - u32::from(prefix))
}

/// A text that is no range of proxies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CidrError {
    found: String,
    why: Why,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Why {
    Everyone,
    Form,
    HostBits,
}

impl fmt::Display for CidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Everyone => {
                "would let every client choose its own address: name the proxies' addresses"
            }
            Why::Form => {
                "is no range of addresses: write an address, or one with a prefix length, like \
                 `10.0.0.0/8`, `192.0.2.7` or `fd00::/8`"
            }
            Why::HostBits => {
                "has bits set behind its prefix: write the first address of the range, like \
                 `10.0.0.0/8`"
            }
        };
        write!(f, "{:?} {why}", self.found)
    }
}

impl std::error::Error for CidrError {}
