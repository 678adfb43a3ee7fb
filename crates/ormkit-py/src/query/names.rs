//! What a name means in a query: a column, a way across relations, or something that the query computes.

use ormkit_core::model::{RelationId, Schema};
use ormkit_core::query::lookup::{Path, Takes, computed, computed_operator};
use ormkit_core::query::{Expr as CoreExpr, Source};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::F;
use super::hybrid::Hybrid;
use super::lookup::{listed, selected, text, unfit};
use crate::errors::to_py;
use crate::expr::operand;

/// A value that a query computes beside its columns: `annotate(n=Count("books"))`.
#[derive(Clone)]
pub(crate) struct Annotation {
    /// Its name.
    pub(crate) name: String,
    /// What it is.
    pub(crate) expr: CoreExpr,
    /// It is of a group of rows: conditions on it are those of HAVING.
    pub(crate) of_group: bool,
}

/// Where the names of lookups, `F` and aggregates are looked up.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(super) schema: &'a Schema,
    /// The row that they are about.
    pub(super) source: Source,
    pub(super) annotations: &'a [Annotation],
    /// Names that begin with this way are about the row at its end.
    pub(super) within: Option<(&'a [RelationId], Source)>,
}

impl<'a> Names<'a> {
    /// Of a row alone.
    pub(super) fn of(schema: &'a Schema, source: Source) -> Self {
        Self { schema, source, annotations: &[], within: None }
    }

    /// The rows that conditions may speak of.
    pub(super) fn around(&self) -> Vec<Source> {
        let end = self.within.map(|(_, end)| end);
        std::iter::once(self.source).chain(end).collect()
    }

    /// The computed value of a name.
    pub(super) fn annotation(&self, name: &str) -> Option<&'a Annotation> {
        self.annotations.iter().find(|annotation| annotation.name == name)
    }

    /// The value of a name, without joins.
    ///
    /// # Errors
    /// `FieldError` for an unknown name; `Unsupported` for one that means several rows.
    pub(super) fn value(&self, py: Python<'_>, name: &str) -> PyResult<CoreExpr> {
        if let Some(annotation) = self.annotation(name) {
            return Ok(annotation.expr.clone());
        }
        if let Some(hybrid) = Hybrid::named(py, self.schema, self.source.model, name)? {
            return hybrid.value_apart(py, self.schema, self.source, name);
        }
        let mut path = match Path::resolve_value(self.schema, self.source.model, name) {
            Ok(path) => path,
            Err(error) => {
                let within = Path::value_within(self.schema, self.source, name);
                return within.map_err(|error| to_py(py, error))?.ok_or_else(|| to_py(py, error));
            }
        };
        let mut source = self.source;
        if let Some((way, end)) = self.within
            && path.relations.starts_with(way)
        {
            path.relations.drain(..way.len());
            source = end;
        }
        path.value(self.schema, source, name).map_err(|error| to_py(py, error))
    }

    /// The condition of a lookup on a computed value, and whether it is of a group; None for other names.
    pub(super) fn on_annotation(
        &self,
        name: &str,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<Option<(CoreExpr, bool)>> {
        let (head, rest) = match name.split_once("__") {
            Some((head, rest)) => (head, Some(rest)),
            None => (name, None),
        };
        let Some(annotation) = self.annotation(head) else { return Ok(None) };
        let condition = self.on_computed(name, rest, &annotation.expr, value)?;
        Ok(Some((condition, annotation.of_group)))
    }

    /// The condition of a lookup `rest` on a computed value; `name` is the whole lookup's.
    pub(super) fn on_computed(
        &self,
        name: &str,
        rest: Option<&str>,
        expr: &CoreExpr,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<CoreExpr> {
        let py = value.py();
        let (operator, takes) = computed_operator(name, rest).map_err(|error| to_py(py, error))?;
        let one = |value: &Bound<'_, PyAny>| match value.cast::<F>() {
            Ok(field) => field.get().resolve_in(self, py),
            Err(_) => operand(value, Some(expr)),
        };
        let values = match takes {
            Takes::Value => vec![one(value)?],
            Takes::List => match selected(value)? {
                Some(select) => vec![CoreExpr::Scalar(select)],
                None => listed(name, value)?.iter().map(one).collect::<PyResult<_>>()?,
            },
            Takes::Pair => {
                let pair = listed(name, value)?;
                if pair.len() != 2 {
                    let text = format!("{name} takes two values, {} were given", pair.len());
                    return Err(PyTypeError::new_err(text));
                }
                pair.iter().map(one).collect::<PyResult<_>>()?
            }
            Takes::Text if value.is_none() => return Err(unfit(name, "a text", value)),
            Takes::Text => vec![text(self, name, value)?],
            Takes::Bool => match value.extract::<bool>() {
                Ok(constant) => vec![CoreExpr::Bool(constant)],
                Err(_) => return Err(unfit(name, "True or False", value)),
            },
        };
        computed(self.schema, expr, operator, &values).map_err(|error| to_py(py, error))
    }
}
