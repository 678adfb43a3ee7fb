//! `query | query` and `query & query`: the rows of either, and those of both.

use ormkit_core::query::{Expr as CoreExpr, JoinKind, Select as CoreSelect};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::Query;
use crate::model::{schema, with_def};

#[pymethods]
impl Query {
    /// The objects of either query, each once. Order of the other where it has one; all else, options too, is this one's.
    ///
    /// Raises:
    ///     TypeError: They are of two models or sessions, or one is more than conditions: a slice, a computed value, groups,
    ///         DISTINCT.
    fn __or__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.combined(py, other, "|", |this, other| match this.is_empty() || other.is_empty() {
            true => Vec::new(),
            false => vec![CoreExpr::any([CoreExpr::all(this), CoreExpr::all(other)])],
        })
    }

    /// The objects of both queries. Otherwise as `|`.
    ///
    /// Raises:
    ///     TypeError: As `|`.
    fn __and__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.combined(py, other, "&", |this, other| this.into_iter().chain(other).collect())
    }
}

impl Query {
    fn combined<'py>(
        &self,
        py: Python<'py>,
        other: &Bound<'py, PyAny>,
        operator: &str,
        combine: impl FnOnce(Vec<CoreExpr>, Vec<CoreExpr>) -> Vec<CoreExpr>,
    ) -> PyResult<Bound<'py, Self>> {
        let other = other.cast::<Self>().map_err(|_| {
            let found = other.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
            PyTypeError::new_err(format!(
                "a query is combined by {operator} with a query, not with a value of type {found}"
            ))
        })?;
        let other = other.get();
        self.check_combined(py, other, operator)?;
        let mut core = CoreSelect::clone(self.core());
        core.filter = combine(core.filter, other.core().filter.clone());
        if !other.core().order_by.is_empty() {
            core.order_by.clone_from(&other.core().order_by);
            let missing: Vec<_> =
                other.core().joins.iter().filter(|join| !core.joins.contains(join)).cloned().collect();
            core.joins.extend(missing);
        }
        self.made(py, core, Vec::new())
    }

    fn check_combined(&self, py: Python<'_>, other: &Self, operator: &str) -> PyResult<()> {
        let refused = |text: String| Err(PyTypeError::new_err(format!("query {operator} query: {text}")));
        if self.model() != other.model() {
            let name = |query: &Self| with_def(query.model(), |def| def.name.clone());
            return refused(format!("one is of {}, the other of {}", name(self), name(other)));
        }
        if let (Ok(this), Ok(that)) = (self.session(), other.session())
            && !this.is(that)
        {
            return refused("they are of two sessions".into());
        }
        let schema = schema(py)?;
        for query in [self, other] {
            let core = query.core();
            let what = if core.limit.is_some() || core.offset.is_some() {
                "one has a slice: combine them before"
            } else if !query.is_objects() || !query.annotations().is_empty() || query.groups() {
                "one has computed values, groups or rows in place of objects: filter by Q(..) | Q(..), or use \
                 select(..).union(..)"
            } else if !query.joined(&schema).is_empty()
                || core.joins.iter().any(|join| join.kind != JoinKind::Left)
            {
                "one joins tables: filter by Q(..) | Q(..)"
            } else if core.distinct != self.core().distinct
                || core.distinct_on != self.core().distinct_on
                || core.deleted != self.core().deleted
            {
                "distinct() and with_deleted() are said of both or of none"
            } else {
                continue;
            };
            return refused(what.to_owned());
        }
        Ok(())
    }
}
