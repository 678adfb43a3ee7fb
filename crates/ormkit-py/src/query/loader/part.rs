//! A part of a relation: `User.posts.and_(Post.published)`.

use ormkit_core::model::ModelId;
use ormkit_core::query::Expr as CoreExpr;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::expr::conditions_of;
use crate::model::with_def;

/// A relation and conditions on its objects, for a loader.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct RelationPart {
    pub(super) model: ModelId,
    pub(super) name: String,
    pub(super) filter: Vec<CoreExpr>,
}

impl RelationPart {
    /// A part of a relation of `model`.
    pub(crate) fn new(model: ModelId, name: &str, filter: Vec<CoreExpr>) -> Self {
        Self { model, name: name.to_owned(), filter }
    }
}

#[pymethods]
impl RelationPart {
    /// Adds conditions: all of them hold.
    #[pyo3(signature = (*conditions))]
    fn and_(&self, conditions: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let filter = self.filter.iter().cloned().chain(conditions_of(conditions)?).collect();
        Ok(Self { filter, ..Self::new(self.model, &self.name, Vec::new()) })
    }

    fn __repr__(&self) -> String {
        with_def(self.model, |def| format!("{}.{}.and_(..)", def.name, self.name))
    }
}
