//! `foreign(B.a_id)` and `remote(B.a_id)`: what a column of a relation's condition is.

use ormkit_core::query::{Expr as CoreExpr, Source};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::{Expr, expression};
use crate::errors::to_py;

/// What is said of a column in a `primaryjoin`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// It refers to the other one.
    pub(crate) foreign: bool,
    /// It is the target's.
    pub(crate) remote: bool,
}

impl Said {
    /// The alias that says so: no statement has one of that name.
    fn name(self) -> &'static str {
        match (self.foreign, self.remote) {
            (true, true) => "foreign() and remote()",
            (false, _) => "remote()",
            (true, false) => "foreign()",
        }
    }

    /// What is said of the columns of `source`.
    pub(crate) fn of(source: Source) -> Self {
        let name = source.name();
        let name = name.as_deref().unwrap_or_default();
        Self { foreign: name.starts_with("foreign()"), remote: name.ends_with("remote()") }
    }
}

/// The column, said to refer to the other one of an equality: for `relationship(primaryjoin=..)`.
///
/// Raises:
///     TypeError: No column of a mapped class or table.
#[pyfunction]
pub(crate) fn foreign<'py>(expr: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Expr>> {
    said(expr, "foreign", |known| Said { foreign: true, ..known })
}

/// The column, said to be of the class that the relation leads to: for `relationship(primaryjoin=..)`.
///
/// Raises:
///     TypeError: No column of a mapped class or table.
#[pyfunction]
pub(crate) fn remote<'py>(expr: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Expr>> {
    said(expr, "remote", |known| Said { remote: true, ..known })
}

fn said<'py>(
    given: &Bound<'py, PyAny>,
    word: &str,
    say: impl FnOnce(Said) -> Said,
) -> PyResult<Bound<'py, Expr>> {
    let py = given.py();
    let column = given.cast::<Expr>().ok().and_then(|expr| match expr.get().core() {
        Ok(CoreExpr::Column(column)) => Some(*column),
        _ => None,
    });
    let Some(column) = column else {
        return Err(PyTypeError::new_err(format!(
            "{word}() takes a column of a mapped class; one of the class that is being made is named in a lambda or a \
             text: primaryjoin=\"A.id == foreign(B.a_id)\""
        )));
    };
    let said = say(Said::of(column.source));
    let source = Source::named(column.source.model, said.name()).map_err(|error| to_py(py, error))?;
    expression(py, CoreExpr::column(source, column.field))
}
