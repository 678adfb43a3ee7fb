//! `Page`: what `query.page(..)` answers.

use ormkit_core::query::{Bookmark, Expr as CoreExpr, Keyset};
use ormkit_core::value::Value;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList};

use super::row_number;
use crate::errors::to_py;
use crate::expr::operand;

/// Some rows of a query in its order, and the bookmarks of the pages beside it.
#[pyclass(frozen, generic, module = "ormkit")]
pub(crate) struct Page {
    /// The rows, as a list.
    #[pyo3(get)]
    items: Py<PyList>,
    /// The bookmark of the page behind this one; None: there is none.
    #[pyo3(get)]
    next: Option<String>,
    /// The bookmark of the page before this one; None: there is none.
    #[pyo3(get)]
    previous: Option<String>,
}

#[pymethods]
impl Page {
    /// True where rows follow.
    #[getter]
    fn has_next(&self) -> bool {
        self.next.is_some()
    }

    /// True where rows come before.
    #[getter]
    fn has_previous(&self) -> bool {
        self.previous.is_some()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.items.bind(py).try_iter()
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.items.bind(py).len()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let (count, word) = (self.items.bind(py).len(), |has: bool| if has { "more" } else { "none" });
        format!("<Page of {count}: {} before, {} behind>", word(self.has_previous()), word(self.has_next()))
    }
}

/// Checks the size of a page.
///
/// # Errors
/// `TypeError` or `ValueError` for anything but a number of rows from 1.
pub(crate) fn page_size(size: &Bound<'_, PyAny>) -> PyResult<u64> {
    match row_number(size, "page")? {
        Some(0) => Err(PyValueError::new_err("page() takes a number of rows, 1 or more")),
        Some(size) => Ok(size),
        None => Err(PyTypeError::new_err("page() takes a number of rows, not None")),
    }
}

/// The rows of a page as they were read: what they show, and their places.
pub(crate) struct Places {
    first: Option<Vec<Py<PyAny>>>,
    last: Option<Vec<Py<PyAny>>>,
    more: bool,
}

impl Places {
    /// Takes the places off the ends of rows of `width` columns, of which `shown` are shown; also the row beyond the page.
    /// They are put into the query's order.
    pub(crate) fn take<T>(
        items: &mut Vec<T>,
        width: usize,
        shown: usize,
        size: u64,
        backwards: bool,
        value: impl Fn(T) -> Py<PyAny>,
    ) -> Self {
        let mut rows: Vec<Vec<T>> = Vec::with_capacity(items.len() / width.max(1));
        let mut cells = std::mem::take(items).into_iter();
        loop {
            let row: Vec<T> = cells.by_ref().take(width).collect();
            if row.is_empty() {
                break;
            }
            rows.push(row);
        }
        let more = rows.len() as u64 > size;
        if more {
            rows.pop();
        }
        if backwards {
            rows.reverse();
        }
        let (count, mut first, mut last) = (rows.len(), None, None);
        for (at, mut row) in rows.into_iter().enumerate() {
            let place = row.split_off(shown);
            items.extend(row);
            if at == 0 || at + 1 == count {
                let place: Vec<Py<PyAny>> = place.into_iter().map(&value).collect();
                if at == 0 {
                    first =
                        Some(Python::attach(|py| place.iter().map(|value| value.clone_ref(py)).collect()));
                }
                if at + 1 == count {
                    last = Some(place);
                }
            }
        }
        Self { first, last, more }
    }

    /// The page of these rows, whose places are `self`.
    ///
    /// # Errors
    /// `NotSupportedError` for an order by values that no bookmark holds.
    pub(crate) fn page(
        self,
        py: Python<'_>,
        items: Vec<Py<PyAny>>,
        keyset: &Keyset,
        from: Option<Bookmark>,
    ) -> PyResult<Page> {
        let text = |bookmark: Bookmark| keyset.bookmark(&bookmark).map_err(|error| to_py(py, error));
        let at = |place: Option<Vec<Py<PyAny>>>, backwards: bool| -> PyResult<Option<String>> {
            let place = match (place, &from) {
                (Some(place), _) => place,
                // Of no rows: back to where it came from.
                (None, Some(from)) if from.backwards != backwards => {
                    let back = Bookmark { backwards, inclusive: !from.inclusive, ..from.clone() };
                    return text(back).map(Some);
                }
                (None, _) => return Ok(None),
            };
            let values = keyset.exprs().zip(&place).map(|(expr, value)| value_of(py, expr, value));
            text(Bookmark { values: values.collect::<PyResult<_>>()?, backwards, inclusive: false }).map(Some)
        };
        let backwards = from.as_ref().is_some_and(|from| from.backwards);
        let (before, behind) = match backwards {
            true => (self.more, true),
            false => (from.is_some(), self.more),
        };
        Ok(Page {
            items: PyList::new(py, items)?.unbind(),
            next: if behind { at(self.last, false)? } else { None },
            previous: if before { at(self.first, true)? } else { None },
        })
    }
}

/// A value of the order, as it is bound.
fn value_of(py: Python<'_>, expr: &CoreExpr, value: &Py<PyAny>) -> PyResult<Value> {
    Ok(match operand(value.bind(py), Some(expr))? {
        CoreExpr::Value(bound) => bound.value.clone(),
        _ => Value::Null,
    })
}
