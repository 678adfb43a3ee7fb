//! The core's errors as Python exceptions, and back.
//!
//! One class per [`ErrorClass`], made when the module is. What the database said hangs on the instance as attributes;
//! the classes carry the defaults, so that every attribute can be read on every instance.
mod tree;

use ormkit_core::error::{Diagnostics, Error, ErrorClass, ErrorKind};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use std::collections::HashMap;
use std::ffi::CString;

/// SQLSTATE of NULL in a NOT NULL column, for the violation that is found before anything is sent.
const NOT_NULL: &str = "23502";

/// The classes by name.
static CLASSES: PyOnceLock<HashMap<&'static str, Py<PyType>>> = PyOnceLock::new();

/// Makes the classes and adds them, their aliases and `UncommittedWarning` to the module.
///
/// # Errors
/// What Python raises when a class cannot be made.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let classes = classes(module.py())?;
    for node in tree::TREE {
        module.add(node.name, &classes[node.name])?;
    }
    for (alias, name) in tree::ALIASES {
        module.add(*alias, &classes[name])?;
    }
    module.add(WARNING, &classes[WARNING])
}

const WARNING: &str = "UncommittedWarning";

fn classes(py: Python<'_>) -> PyResult<&HashMap<&'static str, Py<PyType>>> {
    CLASSES.get_or_try_init(py, || {
        let mut classes = HashMap::new();
        for node in tree::TREE {
            let bases = node.bases.iter().map(|base| base_class(py, &classes, base));
            let bases = PyTuple::new(py, bases.collect::<PyResult<Vec<_>>>()?)?;
            classes.insert(node.name, make(py, node.name, node.doc, &bases)?);
        }
        let bases = PyTuple::new(py, [base_class(py, &classes, "UserWarning")?])?;
        let doc = "Work was lost: a session ended without `commit()`.";
        classes.insert(WARNING, make(py, WARNING, doc, &bases)?);
        Ok(classes)
    })
}

fn base_class<'py>(
    py: Python<'py>,
    made: &HashMap<&'static str, Py<PyType>>,
    name: &str,
) -> PyResult<Bound<'py, PyAny>> {
    match made.get(name) {
        Some(class) => Ok(class.bind(py).clone().into_any()),
        None => py.import("builtins")?.getattr(name),
    }
}

fn make(py: Python<'_>, name: &str, doc: &str, bases: &Bound<'_, PyTuple>) -> PyResult<Py<PyType>> {
    let body = PyDict::new(py);
    body.set_item("__module__", "ormkit.exc")?;
    body.set_item("__doc__", doc)?;
    if name != WARNING {
        body.set_item("code", tree::code(name))?;
    }
    if name == "DatabaseError" {
        for attribute in ["sqlstate", "detail", "hint", "constraint_name", "table", "schema", "statement"] {
            body.set_item(attribute, py.None())?;
        }
        body.set_item("columns", PyTuple::empty(py))?;
    }
    if name == "MigrationError" {
        for attribute in ["file", "statement"] {
            body.set_item(attribute, py.None())?;
        }
        body.set_item("revisions", PyTuple::empty(py))?;
    }
    if name == "OrmkitError" {
        body.set_item("message", "")?;
    }
    Ok(py.get_type::<PyType>().call1((name, bases, body))?.cast_into::<PyType>()?.unbind())
}

/// The exception of an error. One of the host language comes out as it was: the same object.
pub(crate) fn to_py(py: Python<'_>, mut error: Error) -> PyErr {
    if let Some(cause) = error.take_cause() {
        match cause.downcast::<PyErr>() {
            Ok(cause) => return caused_by(py, error, *cause),
            Err(other) => {
                if let Ok(cause) = other.downcast::<Error>() {
                    let cause = to_py(py, *cause);
                    return caused_by(py, error, cause);
                }
            }
        }
    }
    let class = error.class();
    let text = error.to_string();
    let statement = error.statement().map(str::to_owned);
    match error.into_kind() {
        ErrorKind::Host(host) => match host.downcast::<PyErr>() {
            Ok(raised) => *raised,
            Err(other) => raise(py, ErrorClass::InternalError, &other.to_string(), |_| Ok(())),
        },
        ErrorKind::Database(diagnostics) | ErrorKind::ConnectionEnded(diagnostics) => {
            raise(py, class, &text, |raised| {
                raised.setattr("statement", statement)?;
                describe(raised, &diagnostics)
            })
        }
        ErrorKind::Migration(problem) => raise(py, class, &text, |raised| {
            raised.setattr("revisions", PyTuple::new(py, problem.revisions)?)?;
            raised.setattr("file", problem.file)?;
            raised.setattr("statement", statement)
        }),
        ErrorKind::MissingValue { table, column, .. } => raise(py, class, &text, |raised| {
            raised.setattr("sqlstate", NOT_NULL)?;
            raised.setattr("table", table)?;
            raised.setattr("columns", (column,))
        }),
        ErrorKind::NotLoaded { place, .. } => {
            raise(py, class, &text, |raised| raised.setattr("name", place.rsplit('.').next()))
        }
        _ => raise(py, class, &text, |raised| match statement {
            Some(sql) if is_database(class) => raised.setattr("statement", sql),
            _ => Ok(()),
        }),
    }
}

/// An exception that tells of an error which goes on to somebody else: its class, its text and what the database said.
pub(crate) fn told_of(py: Python<'_>, error: &Error) -> PyErr {
    raise(py, error.class(), &error.to_string(), |raised| match error.diagnostics() {
        Some(said) => {
            raised.setattr("statement", error.statement())?;
            describe(raised, said)
        }
        None => Ok(()),
    })
}

/// The exception of an error, with what caused it as its `__cause__`.
pub(crate) fn caused_by(py: Python<'_>, error: Error, cause: PyErr) -> PyErr {
    let raised = to_py(py, error);
    raised.set_cause(py, Some(cause));
    raised
}

/// An error that the core carries through and [`to_py`] gives back.
pub(crate) fn from_py(raised: PyErr) -> Error {
    Error::host(raised)
}

/// Warns that work was lost. `level`: how many callers up the line is that the warning points to.
///
/// # Errors
/// The warning itself, where warnings are errors.
pub(crate) fn uncommitted_warning(py: Python<'_>, text: &str, level: i32) -> PyResult<()> {
    let text = CString::new(text)?;
    PyErr::warn(py, classes(py)?[WARNING].bind(py), &text, level)
}

fn is_database(class: ErrorClass) -> bool {
    let mut name = name_of(class);
    while let Some(node) = tree::TREE.iter().find(|node| node.name == name) {
        if name == "DatabaseError" {
            return true;
        }
        name = node.bases[0];
    }
    false
}

/// The name of an error's class.
pub(crate) fn name_of(class: ErrorClass) -> &'static str {
    tree::TREE.iter().find(|node| node.class == Some(class)).map_or("OrmkitError", |node| node.name)
}

/// An exception of a class; where it cannot be made, the exception that says why.
fn raise(
    py: Python<'_>,
    class: ErrorClass,
    text: &str,
    dress: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<()>,
) -> PyErr {
    let make = || {
        let raised = classes(py)?[name_of(class)].bind(py).call1((text,))?;
        raised.setattr("message", text)?;
        dress(&raised)?;
        Ok(PyErr::from_value(raised))
    };
    make().unwrap_or_else(|error: PyErr| error)
}

fn describe(raised: &Bound<'_, PyAny>, said: &Diagnostics) -> PyResult<()> {
    raised.setattr("sqlstate", said.sqlstate.as_str())?;
    raised.setattr("message", &said.message)?;
    raised.setattr("detail", said.detail.as_deref())?;
    raised.setattr("hint", said.hint.as_deref())?;
    raised.setattr("constraint_name", said.constraint.as_deref())?;
    raised.setattr("table", said.table.as_deref())?;
    raised.setattr("columns", PyTuple::new(raised.py(), &said.columns)?)?;
    raised.setattr("schema", said.schema.as_deref())
}
