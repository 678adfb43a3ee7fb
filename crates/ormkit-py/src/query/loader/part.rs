//! A part of a relation: `User.posts.and_(Post.published)`.

use ormkit_core::model::ModelId;
use ormkit_core::query::Expr as CoreExpr;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::attribute::Attribute;
use crate::expr::conditions_of;
use crate::model::with_def;

/// A relation and conditions on its objects, for a loader or a join.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct RelationPart {
    pub(super) model: ModelId,
    pub(super) name: String,
    pub(super) filter: Vec<CoreExpr>,
    /// `User.posts`, or that of an alias.
    attribute: Py<Attribute>,
}

impl RelationPart {
    /// A part of a relation.
    pub(crate) fn new(attribute: &Bound<'_, Attribute>, filter: Vec<CoreExpr>) -> Self {
        let this = attribute.get();
        let (model, name) = (this.model(), this.name().to_owned());
        Self { model, name, filter, attribute: attribute.clone().unbind() }
    }

    /// The relation, and the condition on its objects.
    pub(crate) fn joined<'py>(&self, py: Python<'py>) -> (&Bound<'py, Attribute>, CoreExpr) {
        (self.attribute.bind(py), CoreExpr::all(self.filter.iter().cloned()))
    }
}

#[pymethods]
impl RelationPart {
    /// Adds conditions: all of them hold.
    #[pyo3(signature = (*conditions))]
    fn and_(&self, conditions: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let filter = self.filter.iter().cloned().chain(conditions_of(conditions)?).collect();
        Ok(Self::new(self.attribute.bind(conditions.py()), filter))
    }

    fn __repr__(&self) -> String {
        with_def(self.model, |def| format!("{}.{}.and_(..)", def.name, self.name))
    }
}
