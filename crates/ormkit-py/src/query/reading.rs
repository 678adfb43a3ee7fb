//! Columns that `only()` and `defer()` name: own ones, and those of related objects, `author__name`.

use ormkit_core::model::{FieldId, Model};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::Loader;

/// What is named.
pub(super) struct Reading<'py> {
    pub(super) own: Bound<'py, PyTuple>,
    /// The own columns by which the related objects are found.
    pub(super) held: Vec<FieldId>,
    pub(super) related: Related<'py>,
}

/// Columns of related objects, by the names of the relations that lead there.
pub(super) struct Related<'py>(Vec<(String, Vec<Bound<'py, PyAny>>)>);

impl<'py> Reading<'py> {
    /// Tells them apart. A name that begins with no relation is one of the model's own.
    pub(super) fn of(model: &Model, columns: &Bound<'py, PyTuple>) -> PyResult<Self> {
        let (mut own, mut held, mut related) = (Vec::new(), Vec::new(), Related(Vec::new()));
        for column in columns.iter() {
            let split = match column.cast::<PyString>() {
                Ok(name) => {
                    name.to_str()?.rsplit_once("__").map(|(path, last)| (path.to_owned(), last.to_owned()))
                }
                Err(_) => None,
            };
            let first = |path: &str| model.find_relation(path.split("__").next().unwrap_or(path));
            match split.and_then(|(path, last)| Some((first(&path)?, path, last))) {
                Some((relation, path, last)) => {
                    held.extend(model.relation(relation).local.iter().copied());
                    related.add(path, PyString::new(columns.py(), &last).into_any());
                }
                None => own.push(column),
            }
        }
        Ok(Self { own: PyTuple::new(columns.py(), own)?, held, related })
    }
}

impl<'py> Related<'py> {
    fn add(&mut self, path: String, column: Bound<'py, PyAny>) {
        match self.0.iter_mut().find(|(known, _)| *known == path) {
            Some((_, columns)) => columns.push(column),
            None => self.0.push((path, vec![column])),
        }
    }

    /// The options that say it. How the relations are loaded they leave as it is.
    pub(super) fn loaders(self, py: Python<'py>, only: bool) -> PyResult<Bound<'py, PyTuple>> {
        let loader = |(path, columns): (String, Vec<Bound<'py, PyAny>>)| {
            let columns = PyTuple::new(py, columns)?;
            Bound::new(py, Loader::reading(PyString::new(py, &path).as_any(), &columns, only)?)
        };
        PyTuple::new(py, self.0.into_iter().map(loader).collect::<PyResult<Vec<_>>>()?)
    }
}
