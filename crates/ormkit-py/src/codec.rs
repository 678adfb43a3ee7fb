//! `register_codec`: functions of the user's for the values of a PostgreSQL type, in every database of the process.
use crate::convert;
use crate::errors::from_py;
use ormkit_core::error::{Error, Result};
use ormkit_core::value::{CustomCodec, CustomFormat, CustomRef, CustomType, Object, Value, ValueRef};
use ormkit_pg::{Codecs, TypeName};
use pyo3::exceptions::{PyException, PyLookupError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

static CODECS: LazyLock<Arc<Codecs>> = LazyLock::new(Arc::default);

/// True while there are codecs: one look for each value on its way to a database.
static ANY: AtomicBool = AtomicBool::new(false);

/// Types that have no columns, and so no codec.
const PSEUDO: [&str; 5] = ["record", "void", "unknown", "cstring", "trigger"];

/// The codecs of this process.
pub(crate) fn codecs() -> Arc<Codecs> {
    Arc::clone(&CODECS)
}

/// A value that has no form in SQL, for the `problem` that whoever else gets it reports, where a codec may write it.
pub(crate) fn object(value: &Bound<'_, PyAny>, problem: impl FnOnce() -> String) -> Option<Value> {
    if !ANY.load(Ordering::Relaxed) {
        return None;
    }
    Some(Value::Object(Object::new(value.clone().unbind(), &problem())))
}

/// Read and write the values of a PostgreSQL type with functions of your own, in all databases of this process.
///
/// Args:
///     name: The type's name as `pg_type.typname` has it ("vector"), or SQL's name of a built-in type ("timestamp with time
///         zone" is "timestamptz"). Not of an array: its elements have the codec. Not of a domain: PostgreSQL says of its
///         columns that they are of the base type, whose codec it has.
///     decode: Called with a cell that is not NULL, a `str` or `bytes` as `format` says; answers the value.
///     encode: Called with a value that is not None; answers a `str` or `bytes`. Values that SQL has a form for come as plain
///         `int`, `str`, `list`, `dict`, …, also those of subclasses; others, and what holds them, as they are. It may be called more than once for
///         a value.
///     format: "text", as the type's literals are written, or "binary", as COPY writes it.
///     schema: The schema of the type; None: any. A codec for a schema is taken before one for any.
///
/// Raises:
///     ValueError: The name is that of an array or pseudo-type, or the format is neither of the two.
///     TypeError: A function is not callable, or is `async`.
///
/// It is used for SQL of your own and `copy_to` and `copy_from` of rows: for results, alone and inside of arrays, composites
/// and ranges, and for the parameters that the server says to be of the type. Mapped columns are of the type that the model
/// declares. Values of "text" cannot be read inside of composites and ranges, nor copied as rows, unless the type's binary
/// form is its text (enums, `text`, `json`): `NotSupportedError` says so. Statements take a change when they are executed
/// next; results that are there keep the codec that they came with.
///
/// What a function raises is the cause of a `DataError` that names the column or parameter; so is an answer of another
/// type. A second registration replaces the first.
#[pyfunction]
#[pyo3(signature = (name, *, decode, encode, format = "text", schema = None))]
pub(crate) fn register_codec(
    name: &str,
    decode: &Bound<'_, PyAny>,
    encode: &Bound<'_, PyAny>,
    format: &str,
    schema: Option<&str>,
) -> PyResult<()> {
    let format = match format {
        "text" => CustomFormat::Text,
        "binary" => CustomFormat::Binary,
        other => {
            return Err(PyValueError::new_err(format!("format is \"text\" or \"binary\", not {other:?}")));
        }
    };
    check_name(name)?;
    let functions = Functions { decode: function("decode", decode)?, encode: function("encode", encode)? };
    let name = TypeName::new(schema, name);
    let shown = name.to_string();
    let codec = Codec { functions, name: shown.clone(), format };
    CODECS.register(name, CustomType { name: shown.into(), format, codec: Arc::new(codec), escaped: false });
    ANY.store(true, Ordering::Relaxed);
    Ok(())
}

/// Take a codec away: values are again what they are without.
///
/// Raises:
///     LookupError: There is no codec of this name and schema.
#[pyfunction]
#[pyo3(signature = (name, *, schema = None))]
pub(crate) fn unregister_codec(name: &str, schema: Option<&str>) -> PyResult<()> {
    let name = TypeName::new(schema, name);
    if !CODECS.unregister(&name) {
        return Err(PyLookupError::new_err(format!("no codec is registered for {name}")));
    }
    ANY.store(!CODECS.is_empty(), Ordering::Relaxed);
    Ok(())
}

fn check_name(name: &str) -> PyResult<()> {
    let problem = if name.is_empty() {
        "is empty"
    } else if name.starts_with('_') || name.ends_with(']') {
        "is that of an array: register its elements' type"
    } else if PSEUDO.contains(&name) || name.starts_with("any") {
        "is that of a pseudo-type, which no column has"
    } else {
        return Ok(());
    };
    Err(PyValueError::new_err(format!("the name {name:?} {problem}")))
}

fn function(what: &str, given: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = given.py();
    if !given.is_callable() {
        let found = given.get_type().name()?;
        return Err(PyTypeError::new_err(format!("{what} must be a callable, not {found}")));
    }
    if py.import("inspect")?.call_method1("iscoroutinefunction", (given,))?.is_truthy()? {
        return Err(PyTypeError::new_err(format!(
            "{what} must not be async: it runs while a row is read or sent"
        )));
    }
    Ok(given.clone().unbind())
}

/// What a type's values are read and written with.
struct Codec {
    functions: Functions,
    name: String,
    format: CustomFormat,
}

struct Functions {
    decode: Py<PyAny>,
    encode: Py<PyAny>,
}

impl Codec {
    fn decode<'py>(&self, py: Python<'py>, cell: CustomRef<'_>) -> Result<Bound<'py, PyAny>> {
        let given = match self.format {
            CustomFormat::Text => PyString::new(py, &cell.text()?).into_any(),
            CustomFormat::Binary => PyBytes::new(py, cell.bytes()).into_any(),
        };
        self.functions.decode.bind(py).call1((given,)).map_err(|raised| self.failed(py, "decode", raised))
    }

    fn encode_in(&self, py: Python<'_>, value: ValueRef<'_>) -> Result<Vec<u8>> {
        let value = convert::read(py, value, None)?;
        let form = self
            .functions
            .encode
            .bind(py)
            .call1((value,))
            .map_err(|raised| self.failed(py, "encode", raised))?;
        match self.format {
            CustomFormat::Text => match form.cast::<PyString>() {
                Ok(text) => match text.to_str() {
                    Ok(text) => Ok(text.as_bytes().to_vec()),
                    Err(_) => Err(self.refused("a str with a lone surrogate")),
                },
                Err(_) => Err(self.misfit("str", &form)),
            },
            CustomFormat::Binary => match bytes(&form) {
                Some(bytes) => bytes.map_err(from_py),
                None => Err(self.misfit("bytes", &form)),
            },
        }
    }

    /// What ends a program, or a task, passes as it is.
    fn failed(&self, py: Python<'_>, what: &str, raised: PyErr) -> Error {
        if !raised.is_instance_of::<PyException>(py) {
            return from_py(raised);
        }
        // Only its class: what it says could hold the value. It is the cause, for whoever looks.
        let class =
            raised.get_type(py).name().map_or_else(|_| "an exception".to_owned(), |name| name.to_string());
        Error::data(None, format!("{what} of the codec for {} raised {class}", self.name)).caused_by(raised)
    }

    fn misfit(&self, expected: &str, found: &Bound<'_, PyAny>) -> Error {
        self.refused(&format!("a value of type {}, not {expected}", convert::type_name(found)))
    }

    fn refused(&self, found: &str) -> Error {
        Error::data(None, format!("encode of the codec for {} returned {found}", self.name))
    }
}

fn bytes(form: &Bound<'_, PyAny>) -> Option<PyResult<Vec<u8>>> {
    if let Ok(bytes) = form.cast::<PyBytes>() {
        return Some(Ok(bytes.as_bytes().to_vec()));
    }
    let is_view = form.is_instance_of::<PyByteArray>() || form.is_instance_of::<PyMemoryView>();
    is_view
        .then(|| Ok(form.py().get_type::<PyBytes>().call1((form,))?.cast::<PyBytes>()?.as_bytes().to_vec()))
}

impl CustomCodec for Codec {
    fn encode(&self, value: ValueRef<'_>) -> Result<Vec<u8>> {
        Python::attach(|py| self.encode_in(py, value))
    }
}

/// A value on its way to a codec.
///
/// # Errors
/// It is none of Python's.
pub(crate) fn carried<'py>(py: Python<'py>, object: &Object) -> Result<Bound<'py, PyAny>> {
    object.host::<Py<PyAny>>().map(|object| object.bind(py).clone()).ok_or_else(|| object.refused())
}

/// A cell of a type that has a codec.
///
/// # Errors
/// `DataError` without a place, caused by what the codec raises.
pub(crate) fn read<'py>(py: Python<'py>, cell: CustomRef<'_>) -> Result<Bound<'py, PyAny>> {
    match cell.custom_type().host::<Codec>() {
        Some(codec) => codec.decode(py, cell),
        None => Err(Error::interface("a codec that was not made by register_codec()")),
    }
}
