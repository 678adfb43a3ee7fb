//! What a fluent query makes of its rows: objects, dicts, tuples or single values.

use ormkit_core::load::Item;
use ormkit_core::session::Rows;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::names::Annotation;
use crate::host::PyHost;
use crate::model::schema;
use crate::result::ExecuteResult;
use crate::session::value_of;

/// What a row is made into.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// An object; what is computed beside it are plain attributes of it.
    Objects,
    /// `values()`
    Dicts,
    /// `values_list()`
    Tuples,
    /// `values_list(.., named=True)`
    Named,
    /// `values_list(.., flat=True)`
    Flat,
}

/// What a query needs to know of itself when its rows are there.
#[derive(Clone)]
pub(crate) struct Answers {
    answer: Answer,
    /// Names of the computed values, in the order of their columns: those of objects alone.
    names: Vec<String>,
}

impl Answers {
    pub(super) fn new(answer: Answer, annotations: &[Annotation]) -> Self {
        let names = match answer {
            Answer::Objects => annotations.iter().map(|annotation| annotation.name.clone()).collect(),
            _ => Vec::new(),
        };
        Self { answer, names }
    }

    /// Rows as dicts.
    pub(crate) fn dicts() -> Self {
        Self { answer: Answer::Dicts, names: Vec::new() }
    }

    /// The rows of a query, one Python object for each.
    ///
    /// # Errors
    /// What Python raises when an object cannot be made.
    pub(crate) fn of(&self, rows: Rows<PyHost>) -> PyResult<Vec<Py<PyAny>>> {
        let width = rows.width();
        self.of_width(rows, width)
    }

    /// The same of rows that were cut to so many columns.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub(crate) fn of_width(&self, rows: Rows<PyHost>, width: usize) -> PyResult<Vec<Py<PyAny>>> {
        if self.answer == Answer::Objects && self.names.is_empty() {
            let objects = rows.items.into_iter().step_by(width.max(1));
            return Ok(objects.filter_map(Item::into_object).collect());
        }
        Python::attach(|py| match self.answer {
            Answer::Objects => self.annotated(py, rows, width),
            Answer::Dicts => dicts(py, rows, width),
            Answer::Tuples => {
                let width = width.max(1);
                let mut items = rows.items.into_iter().map(|item| value_of(py, item));
                let mut tuples = Vec::new();
                loop {
                    let row: Vec<_> = items.by_ref().take(width).collect();
                    if row.is_empty() {
                        return Ok(tuples);
                    }
                    tuples.push(PyTuple::new(py, row)?.into_any().unbind());
                }
            }
            Answer::Named => {
                let mut names = rows.names(&*schema(py)?);
                names.truncate(width);
                let values = rows.items.into_iter().map(|item| value_of(py, item)).collect();
                let rows = ExecuteResult::new(py, names, values)?;
                Ok(rows.all(py)?.iter().map(Bound::unbind).collect())
            }
            // The first of a row: what is computed behind `values_list(.., flat=True)` sorts and filters.
            Answer::Flat => {
                Ok(rows.items.into_iter().step_by(width.max(1)).map(|item| value_of(py, item)).collect())
            }
        })
    }

    /// Puts computed values beside the columns: into the object's own dict, where no flush looks.
    fn annotated(&self, py: Python<'_>, rows: Rows<PyHost>, width: usize) -> PyResult<Vec<Py<PyAny>>> {
        let mut objects = Vec::with_capacity(rows.items.len() / width.max(1));
        let mut items = rows.items.into_iter();
        while let Some(first) = items.next() {
            let values: Vec<Item<PyHost>> = items.by_ref().take(self.names.len()).collect();
            let Item::Object(Some(object)) = first else { continue };
            let dict = object.bind(py).getattr(pyo3::intern!(py, "__dict__"))?.cast_into::<PyDict>()?;
            for (name, value) in self.names.iter().zip(values) {
                dict.set_item(name, value_of(py, value))?;
            }
            objects.push(object);
        }
        Ok(objects)
    }
}

fn dicts(py: Python<'_>, rows: Rows<PyHost>, width: usize) -> PyResult<Vec<Py<PyAny>>> {
    let names = rows.names(&*schema(py)?);
    let names: Vec<_> =
        names.iter().take(width).map(|name| pyo3::types::PyString::intern(py, name)).collect();
    let mut items = rows.items.into_iter().map(|item| value_of(py, item)).peekable();
    let mut dicts = Vec::new();
    while items.peek().is_some() {
        let dict = PyDict::new(py);
        for (name, value) in names.iter().zip(items.by_ref()) {
            dict.set_item(name, value)?;
        }
        dicts.push(dict.into_any().unbind());
    }
    Ok(dicts)
}
