//! Network addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address and the length of its network's prefix: an INET (a host, perhaps in a network) or a CIDR (a network).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Inet {
    /// The address.
    pub address: IpAddr,
    /// Bits of the address that name the network: 32 or 128 of a single host.
    prefix: u8,
}

/// The size of [`Inet::to_bytes`].
pub(super) const INET_BYTES: usize = 18;

impl Inet {
    /// None where the prefix is longer than the address.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        (prefix <= width(address)).then_some(Self { address, prefix })
    }

    /// Bits of the address that name the network.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// True where the prefix is the whole address.
    pub fn is_host(self) -> bool {
        self.prefix == width(self.address)
    }

    /// True where every bit behind the prefix is 0, as a CIDR has to have it.
    pub fn is_network(self) -> bool {
        let (bits, width) = match self.address {
            IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        let behind = width - u32::from(self.prefix);
        bits.trailing_zeros() >= behind || bits == 0
    }

    /// Reads `10.0.0.1/8`; without a prefix it is that of a single host.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
        let address: IpAddr = address.parse().ok()?;
        Self::new(address, if prefix.is_empty() { width(address) } else { prefix.parse().ok()? })
    }

    /// Family, prefix, and the address in the first 4 or all 16 bytes behind them.
    pub(super) fn to_bytes(self) -> [u8; INET_BYTES] {
        let mut bytes = [0; INET_BYTES];
        bytes[1] = self.prefix;
        match self.address {
            IpAddr::V4(address) => bytes[2..6].copy_from_slice(&address.octets()),
            IpAddr::V6(address) => {
                bytes[0] = 1;
                bytes[2..].copy_from_slice(&address.octets());
            }
        }
        bytes
    }

    /// The inverse of [`to_bytes`](Self::to_bytes).
    pub(super) fn from_bytes([family, prefix, address @ ..]: [u8; INET_BYTES]) -> Self {
        let [a, b, c, d, ..] = address;
        let address = match family {
            0 => Ipv4Addr::new(a, b, c, d).into(),
            _ => Ipv6Addr::from(address).into(),
        };
        Self { address, prefix }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// `10.0.0.1/8`: always with the prefix.
impl fmt::Display for Inet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inet(address: &str, prefix: u8) -> Inet {
        Inet::new(address.parse().unwrap(), prefix).unwrap()
    }

    #[test]
    fn prefix_is_no_longer_than_the_address() {
        assert_eq!(Inet::new("10.0.0.1".parse().unwrap(), 33), None);
        assert_eq!(Inet::new("::1".parse().unwrap(), 129), None);
        assert!(inet("::1", 128).is_host() && !inet("::1", 32).is_host());
    }

    #[test]
    fn networks_have_no_bits_behind_the_prefix() {
        for (address, prefix, network) in [
            ("10.0.0.0", 8, true),
            ("10.0.0.1", 8, false),
            ("10.0.0.1", 32, true),
            ("0.0.0.0", 0, true),
            ("128.0.0.0", 0, false),
            ("::", 0, true),
            ("fe80::", 10, true),
            ("fe80::", 8, false),
        ] {
            assert_eq!(inet(address, prefix).is_network(), network, "{address}/{prefix}");
        }
    }

    #[test]
    fn bytes_come_back() {
        for value in [inet("10.1.2.3", 7), inet("::ffff:1.2.3.4", 100), inet("::", 0)] {
            assert_eq!(Inet::from_bytes(value.to_bytes()), value);
            assert_eq!(Inet::parse(&value.to_string()), Some(value));
        }
    }
}
