//! `exists(..)`.

use ormkit_core::query::{Expr as CoreExpr, Select as CoreSelect};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::Arc;

use super::read::{Select, items_of};
use crate::expr::{Condition, Expr};

/// Whether a SELECT has rows: `exists(select(..))`, or `exists(User.id).where(..)`, or `exists().where(..)`.
#[pyfunction]
#[pyo3(signature = (*entities))]
pub(crate) fn exists<'py>(entities: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Exists>> {
    if let [only] = entities.as_slice()
        && let Ok(select) = only.cast::<Select>()
    {
        return Exists::of(entities.py(), select.get().shared());
    }
    Exists::of(entities.py(), Arc::new(CoreSelect { items: items_of(entities)?, ..CoreSelect::default() }))
}

/// Whether there are rows: a condition that can still be narrowed down.
#[pyclass(frozen, extends = Condition, module = "ormkit")]
pub(crate) struct Exists {
    select: Select,
}

impl Exists {
    /// Whether a SELECT has rows.
    pub(super) fn of(py: Python<'_>, core: Arc<CoreSelect>) -> PyResult<Bound<'_, Self>> {
        let condition = Expr::new(CoreExpr::exists(CoreSelect::clone(&core)));
        let base = PyClassInitializer::from(condition).add_subclass(Condition);
        Bound::new(py, base.add_subclass(Self { select: Select::shared_with(core) }))
    }
}

#[pymethods]
impl Exists {
    /// Adds conditions on the rows.
    #[pyo3(signature = (*conditions))]
    fn r#where<'py>(&self, conditions: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Self>> {
        Self::of(conditions.py(), self.select.r#where(conditions)?.shared())
    }

    /// Reads from these.
    #[pyo3(signature = (*entities))]
    fn select_from<'py>(&self, entities: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Self>> {
        Self::of(entities.py(), self.select.select_from(entities)?.shared())
    }

    /// Says which tables are those of the statement around it.
    #[pyo3(signature = (*entities))]
    fn correlate<'py>(&self, entities: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Self>> {
        Self::of(entities.py(), self.select.correlate(entities)?.shared())
    }

    /// Says which tables are its own: all others are those of the statement around it.
    #[pyo3(signature = (*entities))]
    fn correlate_except<'py>(&self, entities: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Self>> {
        Self::of(entities.py(), self.select.correlate_except(entities)?.shared())
    }

    /// As a statement: `select(exists(..))` in one word.
    #[pyo3(signature = (*entities))]
    fn select(slf: &Bound<'_, Self>, entities: &Bound<'_, PyTuple>) -> PyResult<Select> {
        let expr = slf.as_super().as_super().get().core()?.clone();
        let mut core = CoreSelect::values([expr]);
        core.items.extend(items_of(entities)?);
        Ok(Select::new(core))
    }
}
