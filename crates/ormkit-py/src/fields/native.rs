//! Arrays, and the column types that PostgreSQL alone has.
use super::types::{TypeEngine, derived, plain, plain_type, type_of};
use crate::convert::Beyond;
use crate::model::unsupported;
use ormkit_core::model::{ColumnType, NativeType};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::sync::Arc;

/// `item_type[]`; on SQLite TEXT, a JSON array. Lists, nested where there are more dimensions, with None for NULL.
#[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types", name = "ARRAY")]
pub(crate) struct Array;

#[pymethods]
impl Array {
    /// Args:
    ///     item_type: The type of the elements.
    ///     dimensions: Of how many dimensions the values are: PostgreSQL takes any number in any array.
    ///     as_tuple, zero_indexes: Refused where True: values are lists, and places are counted from 1.
    #[new]
    #[pyo3(signature = (item_type, *, as_tuple = false, dimensions = None, zero_indexes = false))]
    fn new(
        item_type: &Bound<'_, PyAny>,
        as_tuple: bool,
        dimensions: Option<u32>,
        zero_indexes: bool,
    ) -> PyResult<PyClassInitializer<Self>> {
        if as_tuple || zero_indexes {
            let option = if as_tuple { "as_tuple" } else { "zero_indexes" };
            return Err(unsupported(
                format!("ARRAY({option}=True)"),
                "values are lists, and places are counted from 1, as in SQL",
            ));
        }
        if dimensions == Some(0) {
            return Err(PyTypeError::new_err("ARRAY(dimensions=0): an array has one dimension at least"));
        }
        let Some(item) = type_of(item_type)? else {
            let found = item_type.repr()?;
            return Err(PyTypeError::new_err(format!("ARRAY() takes the type of its items, not {found}")));
        };
        let item = item.get();
        let conversion = item.conversion.clone();
        if conversion
            .as_ref()
            .is_some_and(|conversion| conversion.user.is_some() || conversion.beyond != Beyond::Refused)
        {
            return Err(PyTypeError::new_err(
                "ARRAY() takes a plain type: make a TypeDecorator over ARRAY instead",
            ));
        }
        let column_type = array_of(item.column_type.clone())?;
        Ok(derived(TypeEngine { column_type, conversion }, Self))
    }
}

/// The array type of a type.
///
/// # Errors
/// `TypeError` for arrays of arrays and of JSON.
pub(crate) fn array_of(item: ColumnType) -> PyResult<ColumnType> {
    match item {
        ColumnType::Array(_) => Err(PyTypeError::new_err(
            "an array holds arrays as further dimensions of its own: ARRAY(Integer) for lists of lists",
        )),
        ColumnType::Json => Err(PyTypeError::new_err("an array of JSON is a JSON list: use JSON")),
        ColumnType::Range(of) => Err(PyTypeError::new_err(format!(
            "several ranges are a multirange: use {}",
            of.multirange_name().to_uppercase()
        ))),
        ColumnType::MultiRange(_) | ColumnType::Hstore => {
            Err(PyTypeError::new_err("ARRAY() takes no multirange and no HSTORE"))
        }
        item => Ok(ColumnType::Array(Arc::new(item))),
    }
}

plain_type!(Inet, ColumnType::Inet, "INET: addresses and interfaces of `ipaddress`. PostgreSQL only.");
plain_type!(Cidr, ColumnType::Cidr, "CIDR: networks of `ipaddress`. PostgreSQL only.");
plain_type!(MacAddr, ColumnType::Native(NativeType::MacAddr), "MACADDR, as str. PostgreSQL only.");
plain_type!(MacAddr8, ColumnType::Native(NativeType::MacAddr8), "MACADDR8, as str. PostgreSQL only.");
plain_type!(
    Citext,
    ColumnType::Native(NativeType::Citext),
    "CITEXT, text that is compared without regard to case. PostgreSQL only, after `CREATE EXTENSION citext`."
);
plain_type!(Tsvector, ColumnType::Native(NativeType::Tsvector), "TSVECTOR, as str. PostgreSQL only.");

/// BIT(length), or BIT VARYING of at most that with `varying=True`, as str of `0` and `1`. PostgreSQL only.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types")]
pub(crate) struct Bit;

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Bit {
    #[new]
    #[pyo3(signature = (length = None, *, varying = false))]
    fn new(length: Option<i64>, varying: bool) -> PyResult<PyClassInitializer<Self>> {
        let length = length.map(|length| size_of("Bit()", length, MAX_BITS)).transpose()?;
        let native = match varying {
            true => NativeType::VarBit(length),
            false => NativeType::Bit(length.unwrap_or(1)),
        };
        Ok(derived(plain(ColumnType::Native(native)), Self))
    }
}

/// VECTOR(dimensions) of the extension pgvector, as str such as `[1,2,3]`. PostgreSQL only.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types")]
pub(crate) struct Vector;

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Vector {
    #[new]
    #[pyo3(signature = (dimensions = None))]
    fn new(dimensions: Option<i64>) -> PyResult<PyClassInitializer<Self>> {
        let dimensions = dimensions.map(|size| size_of("Vector()", size, MAX_DIMENSIONS)).transpose()?;
        Ok(derived(plain(ColumnType::Native(NativeType::Vector(dimensions))), Self))
    }
}

/// The most bits of BIT(n), `MaxAttrSize * BITS_PER_BYTE` of the server's sources.
const MAX_BITS: u32 = 83_886_080;

/// The most dimensions of VECTOR(n), says pgvector.
const MAX_DIMENSIONS: u32 = 16_000;

fn size_of(what: &str, size: i64, greatest: u32) -> PyResult<u32> {
    match u32::try_from(size) {
        Ok(size) if (1..=greatest).contains(&size) => Ok(size),
        _ => Err(PyValueError::new_err(format!("{what} takes a size from 1 to {greatest}, not {size}"))),
    }
}
