//! What `User.id` and `User.posts` are on the class: the attribute itself, to be put into statements.

use ormkit_core::model::{FieldId, ModelId, TableName};
use ormkit_core::query::{ArraysOp, Expr as CoreExpr, Source};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::expr::{Condition, Expr, condition, conditions_of, related_condition};
use crate::model::with_def;
use crate::query::lookup_condition;

/// A column or relation of a model.
#[pyclass(frozen, extends = Expr, module = "ormkit")]
pub(crate) struct Attribute {
    model: ModelId,
    slot: usize,
    name: String,
}

impl Attribute {
    /// The attribute in a slot of a model: columns first, then relations.
    pub(crate) fn new(model: ModelId, slot: usize, name: String) -> PyClassInitializer<Self> {
        let columns = with_def(model, |def| def.fields.len());
        let base = match u16::try_from(slot) {
            Ok(field) if slot < columns => Expr::new(CoreExpr::column(Source::plain(model), FieldId(field))),
            _ => Expr::of_relation(model, slot),
        };
        PyClassInitializer::from(base).add_subclass(Self { model, slot, name })
    }

    /// The attribute's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The model.
    pub(crate) fn model(&self) -> ModelId {
        self.model
    }

    /// The slot: columns first, then relations.
    pub(crate) fn slot(&self) -> usize {
        self.slot
    }

    /// Table and column; None for a relation.
    pub(crate) fn column_place(&self) -> Option<(TableName, String)> {
        with_def(self.model, |def| {
            def.fields.get(self.slot).map(|field| (def.table.clone(), field.column.clone()))
        })
    }
}

#[pymethods]
impl Attribute {
    /// The attribute's name.
    #[getter]
    fn key(&self) -> &str {
        &self.name
    }

    /// Whether a related object meets the conditions; of an array: whether it has an element, `any("x")`.
    #[pyo3(signature = (*conditions, **lookups))]
    fn any<'py>(
        slf: &Bound<'py, Self>,
        conditions: &Bound<'py, PyTuple>,
        lookups: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Condition>> {
        let py = slf.py();
        let this = slf.as_super().get();
        if this.is_array()?
            && let ([element], None) = (conditions.as_slice(), lookups)
        {
            let list = PyList::new(py, [element])?;
            return this.compared(ArraysOp::Contains, &list);
        }
        if this.relation().is_none() {
            let name = slf.repr()?;
            return Err(PyTypeError::new_err(format!(
                "{name} is a column: any() and has() are for relations, and any() with one value for arrays"
            )));
        }
        let given = conditions_of(conditions)?;
        let related = related_condition(py, this, given, |schema, source| match lookups {
            Some(lookups) => lookup_condition(schema, source, lookups),
            None => Ok(CoreExpr::Bool(true)),
        })?;
        condition(py, related)
    }

    /// The same, as it is called for a relation to one object.
    #[pyo3(signature = (*conditions, **lookups))]
    fn has<'py>(
        slf: &Bound<'py, Self>,
        conditions: &Bound<'py, PyTuple>,
        lookups: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Condition>> {
        Self::any(slf, conditions, lookups)
    }

    fn __repr__(&self) -> String {
        with_def(self.model, |def| format!("{}.{}", def.name, self.name))
    }
}
