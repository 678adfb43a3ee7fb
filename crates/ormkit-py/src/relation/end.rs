//! What is known of a relation, resolved once per class.
use crate::errors::to_py;
use crate::host::class_info;
use crate::instance::{self, ClassTable};
use crate::model::schema;
use ormkit_core::error::Error;
use ormkit_core::model::{FieldIds, Lazy, Model, ModelId, Relation, RelationKind};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyType;
use rustc_hash::FxHashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

/// A relation of a class, as its objects need it.
pub(super) struct End {
    /// `Model.relation`, for messages.
    pub(super) place: String,
    /// The class at the other end.
    pub(super) target_class: Py<PyType>,
    pub(super) target: ModelId,
    /// Own fields of the foreign key, where this side holds it and it refers to the target's primary key.
    pub(super) key: Option<FieldIds>,
    /// The target's relation that shows the other direction.
    pub(super) back: Option<Back>,
    /// Own columns and those of the target that equal them, by name, where the target holds the key.
    pub(super) pairs: Vec<(String, String)>,
    /// It is never loaded.
    pub(super) is_write_only: bool,
    /// Its objects are linked through a junction: each may be in several lists, in each once.
    pub(super) is_linked: bool,
}

/// The other direction.
pub(super) struct Back {
    name: String,
    slot: usize,
    pub(super) many: bool,
}

impl Back {
    /// The slot of the other direction in `object`, which may be of a subclass.
    pub(super) fn slot(&self, object: &Bound<'_, PyAny>) -> PyResult<usize> {
        let table = instance::table_of(object)?;
        match table.slots.get(self.slot) {
            Some(slot) if slot.text == self.name => Ok(self.slot),
            _ => table.position(&self.name).ok_or_else(|| {
                PyTypeError::new_err(format!("{} has no relation `{}`", table.class, self.name))
            }),
        }
    }
}

impl End {
    /// Checks that an object can stand at the other end.
    ///
    /// # Errors
    /// `TypeError` naming relation and class.
    pub(super) fn check(&self, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let class = self.target_class.bind(object.py());
        if object.get_type().is(class) || object.is_instance(class)? {
            return Ok(());
        }
        let found = object.get_type().name()?;
        Err(PyTypeError::new_err(format!(
            "{} takes objects of {}, not of {found}",
            self.place,
            class.name()?
        )))
    }
}

type Ends = FxHashMap<(ModelId, usize), &'static End>;

static ENDS: LazyLock<RwLock<Ends>> = LazyLock::new(RwLock::default);

/// The relation in a slot of an object.
///
/// # Errors
/// Every mistake in the references between models, when they are resolved for the first time.
pub(super) fn end(object: &Bound<'_, PyAny>, slot: usize) -> PyResult<&'static End> {
    let table = instance::table_of(object)?;
    let known = ENDS.read().unwrap_or_else(PoisonError::into_inner).get(&(table.model, slot)).copied();
    match known {
        Some(end) => Ok(end),
        None => learn(object.py(), table, slot),
    }
}

fn pairs(model: &Model, target: &Model, relation: &Relation) -> Vec<(String, String)> {
    let pairs = relation.local.iter().zip(&relation.remote);
    pairs.map(|(own, other)| (model.field(*own).name.clone(), target.field(*other).name.clone())).collect()
}

#[cold]
fn learn(py: Python<'_>, table: &ClassTable, slot: usize) -> PyResult<&'static End> {
    let schema = schema(py)?;
    let model = schema.model(table.model);
    model.check().map_err(|error| to_py(py, error))?;
    let relation = slot.checked_sub(table.columns).and_then(|at| model.relations.get(at));
    let Some(relation) = relation else {
        return Err(to_py(
            py,
            Error::invalid_request(format!("{} has no relation in slot {slot}", table.class)),
        ));
    };
    let target = schema.model(relation.target);
    let back = relation.back.map(|back| Back {
        name: target.relation(back).name.clone(),
        slot: target.fields().len() + back.index(),
        many: target.relation(back).many,
    });
    let holds_key = relation.kind == RelationKind::ManyToOne
        && relation.remote == target.key
        && relation.condition.is_none();
    let end: &'static End = Box::leak(Box::new(End {
        place: format!("{}.{}", table.class, relation.name),
        target_class: class_info(py, relation.target).class(py).clone().unbind(),
        target: relation.target,
        key: holds_key.then(|| relation.local.clone()),
        back,
        pairs: match relation.kind {
            RelationKind::OneToMany => pairs(model, target, relation),
            RelationKind::ManyToOne | RelationKind::ManyToMany => Vec::new(),
        },
        is_write_only: relation.lazy == Lazy::WriteOnly,
        is_linked: relation.junction.is_some(),
    }));
    let mut ends = ENDS.write().unwrap_or_else(PoisonError::into_inner);
    Ok(ends.entry((table.model, slot)).or_insert(end))
}
