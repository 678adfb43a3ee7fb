//! Columns of relations that callables name: `order_by=lambda: Post.id.desc()`, asked when all classes are there.
use super::raise::Mistake;
use super::registry;
use crate::fields::{RelationColumn, columns_given};
use ormkit_core::model::{ModelId, RelationDef, RelationId};
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// An option of `relationship` that takes columns.
#[derive(Clone, Copy)]
pub(super) enum ColumnsOf {
    ForeignKeys,
    RemoteSide,
    OrderBy,
}

/// Options whose columns a callable names.
#[derive(Default)]
pub(super) struct LateColumns(Vec<(ColumnsOf, Py<PyAny>)>);

impl ColumnsOf {
    fn word(self) -> &'static str {
        match self {
            Self::ForeignKeys => "foreign_keys",
            Self::RemoteSide => "remote_side",
            Self::OrderBy => "order_by",
        }
    }

    fn of(self, relation: &mut RelationDef) -> &mut Vec<String> {
        match self {
            Self::ForeignKeys => &mut relation.foreign_keys,
            Self::RemoteSide => &mut relation.remote_side,
            Self::OrderBy => &mut relation.order_by,
        }
    }
}

impl LateColumns {
    /// The callables among what an option was given.
    pub(super) fn collect(&mut self, py: Python<'_>, option: ColumnsOf, given: &[RelationColumn]) {
        let late = given.iter().filter_map(|name| match name {
            RelationColumn::Late(callable) => Some((option, callable.clone_ref(py))),
            _ => None,
        });
        self.0.extend(late);
    }

    fn clone_ref(&self, py: Python<'_>) -> Self {
        Self(self.0.iter().map(|(option, callable)| (*option, callable.clone_ref(py))).collect())
    }
}

static WAITING: Mutex<Vec<(ModelId, RelationId, LateColumns)>> = Mutex::new(Vec::new());
static IS_WAITING: AtomicBool = AtomicBool::new(false);

/// Notes what a relation will be asked.
pub(super) fn note(model: ModelId, relation: RelationId, late: LateColumns) {
    if late.0.is_empty() {
        return;
    }
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).push((model, relation, late));
    IS_WAITING.store(true, Ordering::Release);
}

/// What a relation was not asked yet: a class that extends its class says the same.
pub(super) fn said(py: Python<'_>, model: ModelId, relation: RelationId) -> LateColumns {
    let waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    let found = waiting.iter().find(|known| known.0 == model && known.1 == relation);
    found.map_or_else(LateColumns::default, |found| found.2.clone_ref(py))
}

/// Asks all that wait; answers what is wrong: what a callable raises, or that it answers something else than columns. Those
/// of classes that were declared again since are left out. They are asked again by the next call.
pub(super) fn resolve(py: Python<'_>) -> Vec<Mistake> {
    if !IS_WAITING.load(Ordering::Acquire) {
        return Vec::new();
    }
    let waiting = std::mem::take(&mut *WAITING.lock().unwrap_or_else(PoisonError::into_inner));
    let (mut kept, mut mistakes) = (Vec::new(), Vec::new());
    for (model, relation, late) in waiting {
        match late
            .0
            .iter()
            .map(|(option, callable)| names(py, *option, callable))
            .collect::<PyResult<Vec<_>>>()
        {
            Ok(found) => {
                for ((option, _), names) in late.0.iter().zip(found) {
                    registry::with_relation(py, model, relation, |def| option.of(def).extend(names));
                }
            }
            Err(_) if registry::is_replaced(py, model) => {}
            Err(error) => {
                mistakes.push(Mistake::of_relation(model, relation, error));
                kept.push((model, relation, late));
            }
        }
    }
    IS_WAITING.store(!kept.is_empty(), Ordering::Release);
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).extend(kept);
    mistakes
}

fn names(py: Python<'_>, option: ColumnsOf, callable: &Py<PyAny>) -> PyResult<Vec<String>> {
    let answer = callable.bind(py).call0()?;
    columns_given(&answer, option.word())
}
