//! `Row`: a tuple whose values have names.
//!
//! Each list of column names has a class of its own, derived from `Row`, whose properties read the tuple's items: a row
//! is as small as a tuple and attributes are read at the speed of a named tuple.
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use rustc_hash::FxHashSet;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Classes that are kept; more are made anew.
const MAX_CLASSES: usize = 512;

type Classes = HashMap<Box<[Box<str>]>, Py<PyType>>;

static CLASSES: LazyLock<Mutex<Classes>> = LazyLock::new(Mutex::default);

/// Adds `Row` to the module.
///
/// # Errors
/// What Python raises when the class cannot be made.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("Row", base(module.py())?)
}

fn base(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static BASE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let base = BASE.get_or_try_init(py, || {
        let property = py.import("builtins")?.getattr("property")?;
        let method = py.import("functools")?.getattr("partialmethod")?;
        let body = PyDict::new(py);
        body.set_item("__module__", "ormkit")?;
        body.set_item("__slots__", PyTuple::empty(py))?;
        body.set_item("__doc__", "A tuple whose values also have names.")?;
        body.set_item("_fields", PyTuple::empty(py))?;
        body.set_item("_mapping", property.call1((wrap_pyfunction!(mapping, py)?,))?)?;
        body.set_item("_asdict", method.call1((wrap_pyfunction!(mapping, py)?,))?)?;
        body.set_item("__reduce__", method.call1((wrap_pyfunction!(reduce, py)?,))?)?;
        body.set_item(
            "__class_getitem__",
            py.import("builtins")?
                .getattr("classmethod")?
                .call1((py.import("types")?.getattr("GenericAlias")?,))?,
        )?;
        let made = py.get_type::<PyType>().call1(("Row", (py.get_type::<PyTuple>(),), body))?;
        Ok::<_, PyErr>(made.cast_into::<PyType>()?.unbind())
    })?;
    Ok(base.bind(py))
}

/// Names of columns, each once: the second `id` is `id_1`, so that no value of a dict is lost.
pub(super) fn told_apart(mut names: Vec<String>) -> Vec<String> {
    if names.len() < 2 {
        return names;
    }
    let mut taken: FxHashSet<String> = FxHashSet::default();
    for at in 0..names.len() {
        if !taken.contains(&names[at]) {
            taken.insert(names[at].clone());
            continue;
        }
        let mut numbered = (1..).map(|number| format!("{}_{number}", names[at]));
        let free = numbered.find(|name| !taken.contains(name) && !names.contains(name));
        names[at] = free.expect("there is a number that no column ends in");
        taken.insert(names[at].clone());
    }
    names
}

/// The class of rows with these columns.
///
/// # Errors
/// What Python raises when a class cannot be made.
pub(super) fn class<'py>(py: Python<'py>, names: &[String]) -> PyResult<Bound<'py, PyType>> {
    let names: Box<[Box<str>]> = names.iter().map(|name| name.as_str().into()).collect();
    class_of(py, &names)
}

fn class_of<'py>(py: Python<'py>, names: &[Box<str>]) -> PyResult<Bound<'py, PyType>> {
    if let Some(known) = CLASSES.lock().unwrap_or_else(PoisonError::into_inner).get(names) {
        return Ok(known.bind(py).clone());
    }
    let made = make_class(py, names)?;
    let mut classes = CLASSES.lock().unwrap_or_else(PoisonError::into_inner);
    if classes.len() < MAX_CLASSES {
        classes.insert(names.into(), made.clone().unbind());
    }
    Ok(made)
}

fn make_class<'py>(py: Python<'py>, names: &[Box<str>]) -> PyResult<Bound<'py, PyType>> {
    let property = py.import("builtins")?.getattr("property")?;
    let item = py.import("operator")?.getattr("itemgetter")?;
    let body = PyDict::new(py);
    // the first of several columns of one name is read by it
    for (at, name) in names.iter().enumerate().rev() {
        if !name.starts_with('_') {
            body.set_item(&**name, property.call1((item.call1((at,))?,))?)?;
        }
    }
    body.set_item("__module__", "ormkit")?;
    body.set_item("__slots__", PyTuple::empty(py))?;
    body.set_item("_fields", PyTuple::new(py, names.iter().map(|name| &**name))?)?;
    Ok(py.get_type::<PyType>().call1(("Row", (base(py)?,), body))?.cast_into()?)
}

/// The value of a composite type: a row of its fields.
///
/// # Errors
/// What Python raises when a class cannot be made.
pub(crate) fn composite<'py>(
    py: Python<'py>,
    names: &[Box<str>],
    values: Vec<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    class_of(py, names)?.call1((PyTuple::new(py, values)?,))
}

/// A row of a class.
pub(super) fn row<'py>(class: &Bound<'py, PyType>, values: &[Py<PyAny>]) -> PyResult<Bound<'py, PyAny>> {
    class.call1((PyTuple::new(class.py(), values)?,))
}

/// A row of these columns: what a pickled row is made of again.
#[pyfunction]
#[pyo3(name = "_row")]
pub(crate) fn make_row<'py>(
    py: Python<'py>,
    names: Vec<String>,
    values: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    class(py, &names)?.call1((values,))
}

/// The values by column name.
#[pyfunction]
fn mapping<'py>(row: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(row.py());
    for (name, value) in row.getattr("_fields")?.try_iter()?.zip(row.iter()) {
        dict.set_item(name?, value)?;
    }
    Ok(dict)
}

#[pyfunction]
fn reduce<'py>(row: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyTuple>> {
    let py = row.py();
    let make = py.import("ormkit._ormkit")?.getattr("_row")?;
    let plain = row.as_any().get_item(pyo3::types::PySlice::full(py))?;
    (make, (row.getattr("_fields")?, plain)).into_pyobject(py)
}
