//! What `User.id` and `User.posts` are on the class: the attribute itself, to be put into statements.

use ormkit_core::model::{FieldId, ModelId, TableName};
use ormkit_core::query::{ArraysOp, Expr as CoreExpr, FromItem, Source};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::expr::{Condition, Expr, condition, conditions_of, related_condition};
use crate::model::{schema, with_def};
use crate::query::{RelationPart, lookup_condition};

/// A column or relation of a model.
#[pyclass(frozen, extends = Expr, module = "ormkit")]
pub(crate) struct Attribute {
    model: ModelId,
    slot: usize,
    name: String,
    /// What a relation is said to lead to: an alias of its target.
    of_type: Option<FromItem>,
}

impl Attribute {
    /// The attribute in a slot of a model: columns first, then relations.
    pub(crate) fn new(model: ModelId, slot: usize, name: String) -> PyClassInitializer<Self> {
        Self::of(Source::plain(model), slot, name)
    }

    /// The same of rows of `source`.
    pub(crate) fn of(source: Source, slot: usize, name: String) -> PyClassInitializer<Self> {
        let columns = with_def(source.model, |def| def.fields.len());
        let base = match u16::try_from(slot) {
            Ok(field) if slot < columns => Expr::new(CoreExpr::column(source, FieldId(field))),
            _ => Expr::of_relation(source.model, slot, Some(source)),
        };
        Self::with(base, source.model, slot, name, None)
    }

    /// The same of objects out of derived rows: the column there, or a relation.
    pub(crate) fn of_rows(
        column: Option<CoreExpr>,
        model: ModelId,
        slot: usize,
        name: String,
    ) -> PyClassInitializer<Self> {
        let base = column.map_or_else(|| Expr::of_relation(model, slot, None), Expr::new);
        Self::with(base, model, slot, name, None)
    }

    fn with(
        base: Expr,
        model: ModelId,
        slot: usize,
        name: String,
        of_type: Option<FromItem>,
    ) -> PyClassInitializer<Self> {
        PyClassInitializer::from(base).add_subclass(Self { model, slot, name, of_type })
    }

    /// What the relation leads to, where it was said.
    pub(crate) fn target(&self) -> Option<&FromItem> {
        self.of_type.as_ref()
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
        let alias = slf.get().of_type.as_ref().and_then(FromItem::table);
        let related = related_condition(py, this, given, alias, |schema, source| match lookups {
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

    /// Of a relation: the same, leading to an alias of its target: `join(User.manager.of_type(boss))`.
    ///
    /// Raises:
    ///     TypeError: This is a column, or the alias is one of another class.
    fn of_type<'py>(slf: &Bound<'py, Self>, alias: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let (py, this) = (slf.py(), slf.get());
        let relation = crate::query::relation_id(&*schema(py)?, slf)?;
        let to = schema(py)?.model(this.model).relation(relation).target;
        let (item, model) = crate::query::mapped_item(alias)?;
        if !schema(py)?.model(model).is_a(to) {
            let (name, expected) = (slf.repr()?, with_def(to, |def| def.name.clone()));
            return Err(PyTypeError::new_err(format!(
                "{name} leads to {expected}: give it, a class that extends it, or an alias"
            )));
        }
        let base = slf.as_super().get().relation_like();
        Bound::new(py, Self::with(base, this.model, this.slot, this.name.clone(), Some(item)))
    }

    /// A part of a relation, for a loader or a join: the related objects that meet the conditions.
    #[pyo3(signature = (*conditions))]
    fn and_(slf: &Bound<'_, Self>, conditions: &Bound<'_, PyTuple>) -> PyResult<RelationPart> {
        let this = slf.get();
        if slf.as_super().get().relation().is_none() {
            return Err(PyTypeError::new_err(format!(
                "{} is a column: and_() is for relations in loaders and joins; conditions are combined with &",
                this.__repr__()
            )));
        }
        Ok(RelationPart::new(slf, conditions_of(conditions)?))
    }

    fn __repr__(&self) -> String {
        with_def(self.model, |def| format!("{}.{}", def.name, self.name))
    }
}
