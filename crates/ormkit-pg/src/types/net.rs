//! INET and CIDR in binary (`network_send` in the server's sources): family, prefix, whether it is a CIDR, the address's
//! length, the address.

use std::net::{IpAddr, Ipv6Addr};

use ormkit_core::error::{Error, Result};
use ormkit_core::value::Inet;

use super::malformed;

/// `PGSQL_AF_INET` and `PGSQL_AF_INET6`: the same on every platform.
const V4: u8 = 2;
const V6: u8 = 3;

/// An INET, or a CIDR where `network` says so.
pub(crate) fn decode(bytes: &[u8], network: bool) -> Result<Inet> {
    let (address, prefix, is_cidr): (IpAddr, u8, u8) = match *bytes {
        [V4, prefix, is_cidr, 4, a, b, c, d] => ([a, b, c, d].into(), prefix, is_cidr),
        [V6, prefix, is_cidr, 16, ref address @ ..] => {
            let address: [u8; 16] = address.try_into().map_err(|_| malformed("inet"))?;
            (Ipv6Addr::from(address).into(), prefix, is_cidr)
        }
        _ => return Err(malformed("inet")),
    };
    let inet = Inet::new(address, prefix).filter(|inet| !network || inet.is_network());
    inet.filter(|_| is_cidr == u8::from(network)).ok_or_else(|| malformed("inet"))
}

/// Appends the binary form.
///
/// # Errors
/// A network with bits behind its prefix.
pub(crate) fn encode(inet: Inet, network: bool, out: &mut Vec<u8>) -> Result<()> {
    if network && !inet.is_network() {
        return Err(Error::data(None, "a CIDR has no bits of the address behind its prefix"));
    }
    match inet.address {
        IpAddr::V4(address) => {
            out.extend_from_slice(&[V4, inet.prefix(), network.into(), 4]);
            out.extend_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            out.extend_from_slice(&[V6, inet.prefix(), network.into(), 16]);
            out.extend_from_slice(&address.octets());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_come_back() {
        for (address, prefix, network) in
            [("127.0.0.1", 32, false), ("10.1.2.3", 8, false), ("10.0.0.0", 8, true), ("fe80::", 10, true)]
        {
            let inet = Inet::new(address.parse().unwrap(), prefix).unwrap();
            let mut bytes = Vec::new();
            encode(inet, network, &mut bytes).unwrap();
            assert_eq!(decode(&bytes, network).unwrap(), inet);
            assert!(decode(&bytes, !network).is_err());
        }
    }

    #[test]
    fn wrong_addresses_are_refused() {
        for bytes in [
            &b""[..],
            b"\x02\x20\0\x04\x7f\0\0",
            b"\x02\x21\0\x04\x7f\0\0\x01",
            b"\x02\x20\x02\x04\x7f\0\0\x01",
            b"\x03\x20\0\x04\x7f\0\0\x01",
            b"\x04\x20\0\x04\x7f\0\0\x01",
            b"\x03\x20\0\x10\x7f\0\0\x01",
        ] {
            assert!(decode(bytes, false).is_err(), "{}", bytes.escape_ascii());
        }
        assert!(decode(b"\x02\x08\x01\x04\x7f\0\0\x01", true).is_err());
        let host = Inet::new([10, 0, 0, 1].into(), 8).unwrap();
        assert!(encode(host, true, &mut Vec::new()).is_err());
    }
}
