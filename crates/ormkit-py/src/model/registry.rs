//! All models of the process and the classes that stand for them.
use super::body::metadata_of;
use super::metadata::MetaData;
use super::raise::to_python;
use crate::attribute::Attribute;
use crate::convert::Conversion;
use crate::fields::ClientDefault;
use ormkit_core::model::{FieldId, Index, ModelDef, ModelId, Registry, Schema, Space, TableName};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A model's Python side.
pub(crate) struct MappedClass {
    /// The class.
    pub(crate) class: Py<PyType>,
    /// Column by column: what UPDATE sets it to where the program does not.
    pub(crate) renewals: Box<[Option<ClientDefault>]>,
    /// Column by column: how values are converted, beside what the type says.
    pub(crate) conversions: Box<[Option<Arc<Conversion>>]>,
}

#[derive(Default)]
struct Declared {
    registry: Registry,
    /// By the numbers of their models; None: a table without a class.
    classes: Vec<Option<Arc<MappedClass>>>,
}

/// True once a column was declared whose values are converted by more than its type.
static ANY_CONVERSION: AtomicBool = AtomicBool::new(false);

/// True where some column's values are converted by more than its type.
pub(crate) fn any_conversion() -> bool {
    ANY_CONVERSION.load(Ordering::Relaxed)
}

static DECLARED: PyOnceLock<Mutex<Declared>> = PyOnceLock::new();

/// The registry; nothing that may run Python code happens while it is locked.
fn declared(py: Python<'_>) -> MutexGuard<'_, Declared> {
    // A panic while locked cannot leave half a declaration: the list of classes is filled up by the next one.
    DECLARED.get_or_init(py, Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Declares a model and its class.
///
/// # Errors
/// What the registry finds wrong with the declaration alone.
pub(super) fn declare(
    py: Python<'_>,
    metadata: &MetaData,
    def: ModelDef,
    class: MappedClass,
) -> PyResult<ModelId> {
    let (space, naming) = (metadata.space(), metadata.naming());
    if class.conversions.iter().any(Option::is_some) {
        ANY_CONVERSION.store(true, Ordering::Relaxed);
    }
    let mut declared = declared(py);
    declared.registry.name_junctions(space, naming);
    let result = declared.registry.declare_in(space, def);
    if let Ok(id) = &result {
        declared.classes.resize(id.index(), None);
        declared.classes.push(Some(Arc::new(class)));
    }
    drop(declared);
    result.map_err(to_python)
}

/// Adds an index to a model.
///
/// # Errors
/// A column that it does not have.
pub(crate) fn add_index(py: Python<'_>, model: ModelId, mut index: Index) -> PyResult<()> {
    let naming = metadata_of(mapped_class(py, model).class.bind(py))?.get().naming();
    naming.name_index(&with_def(model, |def| def.table.clone()), &mut index);
    let added = declared(py).registry.add_index(model, index);
    added.map_err(to_python)
}

/// All models, resolved.
///
/// # Errors
/// Every mistake in the references between models: unknown targets, missing or ambiguous foreign keys.
pub(crate) fn schema(py: Python<'_>) -> PyResult<Arc<Schema>> {
    let frozen = declared(py).registry.freeze();
    frozen.map_err(to_python)
}

/// A model's Python side.
///
/// # Panics
/// When the number was never declared, or is that of a table without a class.
pub(crate) fn mapped_class(py: Python<'_>, model: ModelId) -> Arc<MappedClass> {
    find_class(py, model).expect("objects and relations are of mapped classes")
}

/// A model's Python side; None for a table without a class.
pub(crate) fn find_class(py: Python<'_>, model: ModelId) -> Option<Arc<MappedClass>> {
    declared(py).classes.get(model.index()).cloned().flatten()
}

/// The class at the other end of a relation.
///
/// # Errors
/// `TypeError` for a column; every mistake in the references between models.
pub(crate) fn target_of<'py>(attribute: &Bound<'py, Attribute>) -> PyResult<Bound<'py, PyType>> {
    let py = attribute.py();
    let this = attribute.get();
    let schema = schema(py)?;
    let model = schema.model(this.model());
    let relation = this.slot().checked_sub(model.fields().len()).and_then(|at| model.relations.get(at));
    match relation {
        Some(relation) => Ok(mapped_class(py, relation.target).class.bind(py).clone()),
        None => {
            Err(PyTypeError::new_err(format!("{} is a column: a relation is needed here", attribute.repr()?)))
        }
    }
}

/// How a column's values are converted, beside what the type says.
pub(crate) fn conversion(py: Python<'_>, model: ModelId, field: FieldId) -> Option<Arc<Conversion>> {
    let class = find_class(py, model)?;
    class.conversions.get(field.index()).cloned().flatten()
}

/// The newest model of a class's name; `module` is looked in first.
pub(super) fn find(py: Python<'_>, space: Space, name: &str, module: &str) -> Option<ModelId> {
    declared(py).registry.find(space, name, module)
}

/// Looks at what was declared. `look` MUST run no Python code, raising exceptions included: the registry is locked.
pub(crate) fn with_def<R>(model: ModelId, look: impl FnOnce(&ModelDef) -> R) -> R {
    Python::attach(|py| look(declared(py).registry.def(model)))
}

/// The table, or the class of that name, that a relation of `model` goes through.
pub(super) fn find_secondary(py: Python<'_>, model: ModelId, table: &TableName) -> Option<ModelId> {
    declared(py).registry.secondary(model, table)
}

/// The newest junctions of a base that nobody declares, as far as they are made.
pub(super) fn plain_junctions(py: Python<'_>, space: Space) -> Vec<ModelId> {
    let declared = declared(py);
    let newest = declared.registry.newest(space);
    newest.into_iter().filter(|id| declared.registry.is_plain_junction(*id)).collect()
}

/// The models of a base that no later declaration of the same table replaces.
pub(super) fn newest(py: Python<'_>, space: Space) -> Vec<ModelId> {
    declared(py).registry.newest(space)
}
