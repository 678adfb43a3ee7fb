//! Network addresses: the classes of `ipaddress`.
use super::{Place, refused, unfit};
use crate::errors::from_py;
use ormkit_core::error::Result;
use ormkit_core::model::ColumnType;
use ormkit_core::value::{Inet, ValueRef};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyInt, PyType};
use pyo3::{IntoPyObjectExt, intern};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The classes for IPv4 and for IPv6; looked up once.
struct Classes {
    address: [Py<PyType>; 2],
    interface: [Py<PyType>; 2],
    network: [Py<PyType>; 2],
}

static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();

fn classes(py: Python<'_>) -> Result<&Classes> {
    let load = || {
        let module = py.import("ipaddress")?;
        let class = |name: &str| PyResult::Ok(module.getattr(name)?.cast_into::<PyType>()?.unbind());
        let both =
            |kind: &str| PyResult::Ok([class(&format!("IPv4{kind}"))?, class(&format!("IPv6{kind}"))?]);
        Ok(Classes { address: both("Address")?, interface: both("Interface")?, network: both("Network")? })
    };
    CLASSES.get_or_try_init(py, load).map_err(from_py)
}

/// True for an instance of one of both classes.
fn is_one_of(value: &Bound<'_, PyAny>, classes: &[Py<PyType>; 2]) -> Result<bool> {
    let [v4, v6] = classes.each_ref().map(|class| value.is_instance(class.bind(value.py())));
    Ok(v4.map_err(from_py)? || v6.map_err(from_py)?)
}

/// The type of column that an object of `ipaddress` belongs in; None for anything else.
pub(crate) fn column_type(value: &Bound<'_, PyAny>) -> PyResult<Option<ColumnType>> {
    if value.get_type().getattr(intern!(value.py(), "__module__"))?.extract::<&str>().ok()
        != Some("ipaddress")
    {
        return Ok(None);
    }
    let raise = |error| crate::errors::to_py(value.py(), error);
    let classes = classes(value.py()).map_err(raise)?;
    Ok(match is_one_of(value, &classes.network).map_err(raise)? {
        true => Some(ColumnType::Cidr),
        false => is_one_of(value, &classes.address).map_err(raise)?.then_some(ColumnType::Inet),
    })
}

/// An address, or an interface: an address in a network.
pub(super) fn address<'a>(value: &Bound<'_, PyAny>, place: &Place<'_>) -> Result<ValueRef<'a>> {
    let py = value.py();
    let classes = classes(py)?;
    if !is_one_of(value, &classes.address)? {
        return Err(unfit(value, "an address or interface of ipaddress", place));
    }
    let prefix = match is_one_of(value, &classes.interface)? {
        true => {
            value.getattr(intern!(py, "network")).and_then(|network| prefix_of(&network)).map_err(from_py)?
        }
        false => {
            value.getattr(intern!(py, "max_prefixlen")).and_then(|bits| bits.extract()).map_err(from_py)?
        }
    };
    Ok(ValueRef::Inet(made(value, prefix, place)?))
}

/// A network.
pub(super) fn network<'a>(value: &Bound<'_, PyAny>, place: &Place<'_>) -> Result<ValueRef<'a>> {
    let py = value.py();
    if !is_one_of(value, &classes(py)?.network)? {
        return Err(unfit(value, "an IPv4Network or IPv6Network", place));
    }
    let address = value.getattr(intern!(py, "network_address")).map_err(from_py)?;
    Ok(ValueRef::Cidr(made(&address, prefix_of(value).map_err(from_py)?, place)?))
}

fn prefix_of(network: &Bound<'_, PyAny>) -> PyResult<u8> {
    network.getattr(intern!(network.py(), "prefixlen"))?.extract()
}

fn made(address: &Bound<'_, PyAny>, prefix: u8, place: &Place<'_>) -> Result<Inet> {
    let py = address.py();
    let version: u8 =
        address.getattr(intern!(py, "version")).and_then(|version| version.extract()).map_err(from_py)?;
    let scope = address.getattr_opt(intern!(py, "scope_id")).map_err(from_py)?;
    if scope.is_some_and(|scope| !scope.is_none()) {
        return Err(refused("the address has a scope (%), which INET cannot hold", place));
    }
    let bits: u128 =
        py.get_type::<PyInt>().call1((address,)).and_then(|bits| bits.extract()).map_err(from_py)?;
    let address: IpAddr = match (version, u32::try_from(bits)) {
        (4, Ok(bits)) => Ipv4Addr::from(bits).into(),
        _ => Ipv6Addr::from(bits).into(),
    };
    Inet::new(address, prefix).ok_or_else(|| refused("the prefix is longer than the address", place))
}

/// An INET: an address where it names a single host, otherwise an interface.
pub(super) fn read_address(py: Python<'_>, inet: Inet) -> Result<Bound<'_, PyAny>> {
    let classes = classes(py)?;
    match inet.is_host() {
        true => object(py, &classes.address, inet, None),
        false => object(py, &classes.interface, inet, Some(inet.prefix())),
    }
}

/// A CIDR.
pub(super) fn read_network(py: Python<'_>, inet: Inet) -> Result<Bound<'_, PyAny>> {
    object(py, &classes(py)?.network, inet, Some(inet.prefix()))
}

/// `class(int)` or `class((int, prefix))`.
fn object<'py>(
    py: Python<'py>,
    [v4, v6]: &[Py<PyType>; 2],
    inet: Inet,
    prefix: Option<u8>,
) -> Result<Bound<'py, PyAny>> {
    let (class, bits) = match inet.address {
        IpAddr::V4(address) => (v4, u128::from(u32::from(address))),
        IpAddr::V6(address) => (v6, u128::from(address)),
    };
    let argument = match prefix {
        Some(prefix) => (bits, prefix).into_bound_py_any(py),
        None => bits.into_bound_py_any(py),
    };
    argument.and_then(|argument| class.bind(py).call1((argument,))).map_err(from_py)
}
