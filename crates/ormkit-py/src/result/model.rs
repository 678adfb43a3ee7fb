//! Rows of any SQL as objects of a class: mapped ones, dataclasses, pydantic models, named tuples, typed dicts, others.
mod mapped;
mod typed;

use super::QueryResult;
use crate::errors::to_py;
use crate::instance;
use mapped::Mapped;
use ormkit_core::error::{Error, ErrorKind};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyType};
use typed::Typed;

/// What makes an object of a row.
enum Maker<'py> {
    Mapped(Mapped),
    Typed(Typed<'py>),
}

impl<'py> Maker<'py> {
    /// For rows of `result`.
    ///
    /// # Errors
    /// The class has no place for a column, or the rows no value for a field; a name that several columns have.
    fn new(result: &QueryResult, class: &Bound<'py, PyAny>) -> PyResult<Self> {
        let Ok(class) = class.cast::<PyType>() else {
            return Err(PyTypeError::new_err(format!("a class is expected here, not {}", class.repr()?)));
        };
        match instance::is_model_class(class)? {
            true => Mapped::new(result, class).map(Self::Mapped),
            false => Typed::new(result, class).map(Self::Typed),
        }
    }

    fn make(&self, result: &QueryResult, py: Python<'py>, row: usize) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Mapped(mapped) => mapped.make(result, py, row),
            Self::Typed(typed) => typed.make(result, row),
        }
    }
}

#[pymethods]
impl QueryResult {
    /// All rows as objects of a class.
    ///
    /// Args:
    ///     cls: A mapped class: its objects are detached, what the rows do not have is unloaded, and other columns are left
    ///         out. A dataclass, `NamedTuple` or `TypedDict`: values are converted to what the fields are annotated with, as a
    ///         mapped column would read them. A pydantic model: it validates the values. Any other class is called with the
    ///         columns as keywords.
    ///
    /// Raises:
    ///     FieldError: The class has no field for a column.
    ///     ProgrammingError: The rows have no column for the key of a mapped class or a field without default, or several of
    ///         one name.
    ///     DataError: A value is not of its field's type, or NULL where the annotation has no `| None`.
    ///
    /// What the class itself raises is passed on.
    fn to_models<'py>(&self, cls: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let maker = Maker::new(self, cls)?;
        let rows = (0..self.rows.len()).map(|row| maker.make(self, cls.py(), row));
        PyList::new(cls.py(), rows.collect::<PyResult<Vec<_>>>()?)
    }

    /// The first row as an object of a class, as in `to_models`; None without rows.
    fn to_model<'py>(&self, cls: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let maker = Maker::new(self, cls)?;
        match self.rows.is_empty() {
            true => Ok(None),
            false => maker.make(self, cls.py(), 0).map(Some),
        }
    }
}

impl QueryResult {
    /// The number of the one column that has one of these names.
    ///
    /// # Errors
    /// Several have it.
    fn column_of(&self, py: Python<'_>, names: &[&str]) -> PyResult<Option<usize>> {
        let mut found = (0..self.names.len()).filter(|at| names.contains(&&*self.names[*at]));
        let first = found.next();
        match found.next() {
            None => Ok(first),
            Some(second) => Err(programming(
                py,
                format!(
                    "several columns of the result are named {:?}: name them apart with AS",
                    self.names[second]
                ),
            )),
        }
    }
}

fn programming(py: Python<'_>, text: String) -> PyErr {
    to_py(py, Error::new(ErrorKind::Programming(text)))
}
