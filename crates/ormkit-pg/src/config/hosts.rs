//! Where the servers are: host, hostaddr and port, each a list separated by commas.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ormkit_core::error::{Error, Result};
use ormkit_core::runtime::Address;

use super::parameters::Parameters;

const DEFAULT_PORT: u16 = 5432;

/// Where Debian's and the original's servers have their sockets.
pub(super) const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// One server to try.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) address: Address,
    /// The name that a certificate has to be for; empty when only an address was given.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) password: Option<String>,
}

impl Place {
    /// The places of a host's addresses; itself where no name has to be looked up.
    pub(crate) fn at(&self, addresses: Vec<SocketAddr>) -> Vec<Self> {
        let at = |address: SocketAddr| match address {
            // A link-local address is nothing without its scope: the system looks the name up again.
            SocketAddr::V6(address) if address.scope_id() != 0 => self.clone(),
            address => {
                let host = address.ip().to_string();
                Self { address: Address::Tcp { host, port: self.port }, ..self.clone() }
            }
        };
        addresses.into_iter().map(at).collect()
    }

    /// The name that has to be looked up.
    pub(crate) fn name(&self) -> Option<&str> {
        match &self.address {
            Address::Tcp { host, .. } if host.parse::<IpAddr>().is_err() => Some(host),
            _ => None,
        }
    }
}

/// The servers in the order in which they were given. Nothing given means the usual Unix sockets, then localhost.
pub(super) fn places(parameters: &Parameters<'_>) -> Result<Vec<Place>> {
    let (hosts, addresses, ports) =
        (parameters.find("host"), parameters.find("hostaddr"), parameters.find("port"));
    let hosts: Option<Vec<&str>> = hosts.as_deref().map(|hosts| hosts.split(',').collect());
    let addresses: Option<Vec<&str>> = addresses.as_deref().map(|list| list.split(',').collect());
    let ports: Vec<&str> = ports.as_deref().unwrap_or_default().split(',').collect();
    let count = addresses.as_ref().or(hosts.as_ref()).map_or(1, Vec::len);
    if let Some(hosts) = hosts.as_ref().filter(|hosts| hosts.len() != count) {
        return Err(mismatch(hosts.len(), "hosts", count, "values of hostaddr"));
    }
    if ports.len() != 1 && ports.len() != count {
        return Err(mismatch(count, "hosts", ports.len(), "ports"));
    }
    let mut places = Vec::new();
    for index in 0..count {
        let at = |list: &Option<Vec<&'_ str>>| list.as_ref().map_or("", |list| list[index]).to_owned();
        let port = port(if ports.len() == 1 { ports[0] } else { ports[index] })?;
        add(&mut places, at(&hosts), &at(&addresses), port)?;
    }
    Ok(places)
}

fn add(places: &mut Vec<Place>, host: String, hostaddr: &str, port: u16) -> Result<()> {
    let mut push = |host: &str, address| {
        places.push(Place { address, host: host.to_owned(), port, password: None });
    };
    if !hostaddr.is_empty() {
        if hostaddr.parse::<IpAddr>().is_err() {
            return Err(Error::interface("hostaddr is a list of IP addresses"));
        }
        push(&host, Address::Tcp { host: hostaddr.to_owned(), port });
    } else if host.is_empty() {
        for folder in SOCKET_FOLDERS {
            push("", socket(folder, port));
        }
        push("localhost", Address::Tcp { host: "localhost".into(), port });
    } else if host.starts_with(['/', '@']) {
        push(&host, socket(&host, port));
    } else {
        push(&host, Address::Tcp { host: host.clone(), port });
    }
    Ok(())
}

/// The socket in a folder. A leading `@` stands for Linux's abstract namespace.
fn socket(folder: &str, port: u16) -> Address {
    let path = format!("{folder}/.s.PGSQL.{port}");
    Address::Unix(PathBuf::from(match path.strip_prefix('@') {
        Some(name) => format!("\0{name}"),
        None => path,
    }))
}

fn port(text: &str) -> Result<u16> {
    match text.trim() {
        "" => Ok(DEFAULT_PORT),
        text => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
            Error::interface(
                "the port in the database URL is not a number from 1 to 65535 (`:`, `/` and `@` in a user name or a \
                 password have to be percent-encoded)",
            )
        }),
    }
}

fn mismatch(left: usize, what: &str, right: usize, others: &str) -> Error {
    Error::interface(format!("the database URL has {left} {what} and {right} {others}"))
}
