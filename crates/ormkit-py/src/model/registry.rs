//! All models of the process and the classes that stand for them.
use super::family::Kin;
use super::joining;
use super::late_columns;
use super::metadata::MetaData;
use super::properties;
use super::raise::to_python;
use crate::attribute::Attribute;
use crate::convert::Conversion;
use crate::fields::ClientDefault;
use ormkit_core::model::{
    FieldId, Index, ModelDef, ModelId, Property, Registry, RelationDef, RelationId, Schema, Space, TableName,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::collections::HashMap;
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

/// Column by column: how values are converted, beside what the type says.
pub(super) type Conversions = Box<[Option<Arc<Conversion>>]>;

#[derive(Default)]
struct Declared {
    registry: Registry,
    /// By the numbers of their models; None: a table without a class.
    classes: Vec<Option<Arc<MappedClass>>>,
    /// Of declared tables without a class, column by column: how values are converted.
    tables: HashMap<ModelId, Conversions>,
}

impl Declared {
    /// Declares a class of a family; the values of its tables are converted as its own are.
    fn declare_kin(
        &mut self,
        space: Space,
        def: ModelDef,
        kin: Kin,
        class: &MappedClass,
    ) -> ormkit_core::error::Result<ModelId> {
        let own = def.fields.iter().map(|field| field.column.clone()).zip(class.conversions.iter().cloned());
        let mut known: HashMap<String, Option<Arc<Conversion>>> = own.collect();
        if let Some(table) = &kin.kinship.joined {
            let columns = table.def.fields.iter().map(|field| field.column.clone());
            known.extend(columns.zip(kin.conversions));
        }
        let shared = kin.kinship.parent.and_then(|parent| self.registry.shared_table(parent));
        if let Some((table, conversions)) = shared.and_then(|table| Some((table, self.tables.get(&table)?))) {
            let fields = &self.registry.def(table).fields;
            for (field, conversion) in fields.iter().zip(conversions) {
                known.entry(field.column.clone()).or_insert_with(|| conversion.clone());
            }
        }
        let id = self.registry.declare_kin(space, def, kin.kinship)?;
        if let Some(table) = self.registry.shared_table(id) {
            let fields = &self.registry.def(table).fields;
            let conversions = fields.iter().map(|field| known.get(&field.column).cloned().flatten());
            let conversions = conversions.collect();
            self.tables.insert(table, conversions);
        }
        Ok(id)
    }
}

/// True where a class begins a family or is of one.
pub(super) fn is_kin(py: Python<'_>, model: ModelId) -> bool {
    declared(py).registry.discriminator(model).is_some()
}

/// The column that tells of which class of its family a row is.
///
/// # Panics
/// When the class is of none.
pub(super) fn discriminator(py: Python<'_>, model: ModelId) -> FieldId {
    declared(py).registry.discriminator(model).expect("the class is of a family")
}

/// The table that a class of a family shares with others, or has beside that of the class it extends, with all its columns.
pub(super) fn shared_table(py: Python<'_>, model: ModelId) -> Option<ModelId> {
    declared(py).registry.shared_table(model)
}

/// True once a column was declared whose values are converted by more than its type.
static ANY_CONVERSION: AtomicBool = AtomicBool::new(false);

/// True where some column's values are converted by more than its type.
pub(crate) fn any_conversion() -> bool {
    ANY_CONVERSION.load(Ordering::Relaxed)
}

/// Some value of a statement is converted by more than its type.
pub(crate) fn note_conversion() {
    ANY_CONVERSION.store(true, Ordering::Relaxed);
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
    kin: Option<Kin>,
) -> PyResult<ModelId> {
    let (space, naming) = (metadata.space(), metadata.naming());
    if class.conversions.iter().any(Option::is_some) {
        ANY_CONVERSION.store(true, Ordering::Relaxed);
    }
    let mut declared = declared(py);
    declared.registry.set_naming(space, naming);
    let result = match kin {
        None => declared.registry.declare_in(space, def),
        Some(kin) => declared.declare_kin(space, def, kin, &class),
    };
    if let Ok(id) = &result {
        declared.classes.resize(id.index(), None);
        declared.classes.push(Some(Arc::new(class)));
    }
    drop(declared);
    result.map_err(to_python)
}

/// Declares a table without a class; `untyped` columns have the types of what they refer to.
///
/// # Errors
/// What the registry finds wrong with the declaration alone.
pub(super) fn declare_table(
    py: Python<'_>,
    metadata: &MetaData,
    def: ModelDef,
    untyped: Vec<FieldId>,
    conversions: Conversions,
) -> PyResult<ModelId> {
    if conversions.iter().any(Option::is_some) {
        ANY_CONVERSION.store(true, Ordering::Relaxed);
    }
    let (space, naming) = (metadata.space(), metadata.naming());
    let mut declared = declared(py);
    declared.registry.set_naming(space, naming);
    let result = declared.registry.declare_table(space, def, untyped);
    if let Ok(id) = &result {
        declared.tables.insert(*id, conversions);
    }
    drop(declared);
    result.map_err(to_python)
}

/// Adds an index to a model.
///
/// # Errors
/// A column that it does not have.
pub(crate) fn add_index(py: Python<'_>, model: ModelId, mut index: Index) -> PyResult<()> {
    let naming = declared(py).registry.naming(model);
    naming.name_index(&with_def(model, |def| def.table.clone()), &mut index);
    let added = declared(py).registry.add_index(model, index);
    added.map_err(to_python)
}

/// All models, resolved. Those that have mistakes in their references to others tell them when they are used:
/// [`Model::check`](ormkit_core::model::Model::check).
///
/// # Errors
/// What stops a program and is no mistake of a class, such as `KeyboardInterrupt` in a callable of one.
pub(crate) fn schema(py: Python<'_>) -> PyResult<Arc<Schema>> {
    let late = [late_columns::resolve(py), joining::resolve(py), properties::resolve(py)];
    let said = late.into_iter().flatten().map(|mistake| mistake.told(py)).collect::<PyResult<Vec<_>>>()?;
    Ok(declared(py).registry.resolve(&said))
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

/// The mapped classes that are a class or derive from it, in the order of their declaration.
///
/// # Errors
/// What Python raises when it is asked what derives from what.
pub(crate) fn classes_below(class: &Bound<'_, PyType>) -> PyResult<Vec<(ModelId, Arc<MappedClass>)>> {
    let py = class.py();
    let classes = declared(py).classes.clone();
    let mut below = Vec::new();
    for (at, mapped) in classes.into_iter().enumerate() {
        let Some(mapped) = mapped else { continue };
        if mapped.class.bind(py).is_subclass(class)? {
            below.push((ModelId(u32::try_from(at).unwrap_or(u32::MAX)), mapped));
        }
    }
    Ok(below)
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
    model.check().map_err(to_python)?;
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
    match find_class(py, model) {
        Some(class) => class.conversions.get(field.index()).cloned().flatten(),
        None => declared(py).tables.get(&model)?.get(field.index()).cloned().flatten(),
    }
}

/// The newest model of a class's name; `module` is looked in first.
pub(super) fn find(py: Python<'_>, space: Space, name: &str, module: &str) -> Option<ModelId> {
    declared(py).registry.find(space, name, module)
}

/// Looks at what was declared. `look` MUST run no Python code, raising exceptions included: the registry is locked.
pub(crate) fn with_def<R>(model: ModelId, look: impl FnOnce(&ModelDef) -> R) -> R {
    Python::attach(|py| look(declared(py).registry.def(model)))
}

/// The newest model of a table.
pub(super) fn find_table(py: Python<'_>, space: Space, table: &TableName) -> Option<ModelId> {
    declared(py).registry.find_table(space, table)
}

/// The table, or the class of that name, that a relation of `model` goes through.
pub(super) fn find_secondary(py: Python<'_>, model: ModelId, table: &TableName) -> Option<ModelId> {
    declared(py).registry.secondary(model, table)
}

/// Says which columns a relation goes by.
pub(super) fn choose_keys(
    py: Python<'_>,
    model: ModelId,
    relation: RelationId,
    near: Vec<String>,
    far: Vec<String>,
) {
    declared(py).registry.choose_keys(model, relation, near, far);
}

/// Changes the declaration of a relation before it is resolved.
pub(super) fn with_relation(
    py: Python<'_>,
    model: ModelId,
    relation: RelationId,
    change: impl FnOnce(&mut RelationDef),
) {
    change(declared(py).registry.relation_mut(model, relation));
}

/// Says what a property is, before its model is resolved.
pub(super) fn define(py: Python<'_>, model: ModelId, field: FieldId, property: Property) {
    declared(py).registry.define(model, field, property);
}

/// The mapped classes under the base of a model, by their names; of one name the newest.
pub(super) fn classes_beside(py: Python<'_>, model: ModelId) -> Vec<(String, Py<PyType>)> {
    let declared = declared(py);
    let newest = declared.registry.newest(declared.registry.space(model));
    let class = |id: ModelId| {
        let mapped = declared.classes.get(id.index())?.as_ref()?;
        Some((declared.registry.def(id).name.clone(), mapped.class.clone_ref(py)))
    };
    newest.into_iter().filter_map(class).collect()
}

/// True when the same class of the same module was declared again.
pub(super) fn is_replaced(py: Python<'_>, model: ModelId) -> bool {
    declared(py).registry.is_replaced(model)
}

/// The models of a base that no later declaration of the same table replaces.
pub(super) fn newest(py: Python<'_>, space: Space) -> Vec<ModelId> {
    declared(py).registry.newest(space)
}
