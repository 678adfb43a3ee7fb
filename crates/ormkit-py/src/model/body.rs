//! The two halves of a class statement: before and after `type.__new__`.
use super::Attribute;
use super::dataclass;
use super::declaration::{last_part, model_of, table_named};
use super::info::{ColumnInfo, RelationshipInfo};
use super::joining;
use super::late_columns;
use super::metadata::MetaData;
use super::plan::{Plan, plan};
use super::properties;
use super::registry::{self, MappedClass};
use super::table::Table;
use crate::fields::ClientDefault;
use crate::instance::{self, Held, Initial, SlotKind, SlotSpec};
use ormkit_core::model::{Lazy, ModelDef, ModelId, RelationId, Secondary, Target};
use pyo3::exceptions::{PyNameError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};
use std::sync::{Mutex, PoisonError};

/// A class statement under way.
#[pyclass(frozen)]
pub(crate) struct ClassBody {
    /// What `type.__new__` is given: the body without its columns and relations, and with their names as slots.
    #[pyo3(get)]
    namespace: Py<PyDict>,
    plan: Mutex<Option<Plan>>,
}

#[pymethods]
impl ClassBody {
    /// Args:
    ///     name: The class's name.
    ///     bases: Its bases.
    ///     namespace: Its body; left as it is.
    ///     locals: The names of the function around the class statement, for annotations.
    #[new]
    fn new(
        name: &str,
        bases: &Bound<'_, PyTuple>,
        namespace: &Bound<'_, PyDict>,
        locals: Option<Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let body = namespace.copy()?;
        let bases = bases.iter().map(|base| Ok(base.cast_into::<PyType>()?)).collect::<PyResult<Vec<_>>>()?;
        take_metadata(&bases, &body)?;
        let plan = match is_abstract(&bases, &body)? {
            true => None,
            false => Some(plan(name, &bases, &body, locals)?),
        };
        Ok(Self { namespace: body.unbind(), plan: Mutex::new(plan) })
    }

    /// Declares the model of the class that was made of this body.
    fn finish(&self, class: &Bound<'_, PyType>) -> PyResult<()> {
        let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner).take();
        match plan {
            Some(plan) => finish(plan, class),
            None => Ok(()),
        }
    }
}

/// The metadata of a class: its own, or its base's.
#[pyfunction]
pub(crate) fn metadata_of<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, MetaData>> {
    let own = class.getattr_opt("__ormkit_metadata__")?;
    let own =
        own.ok_or_else(|| PyTypeError::new_err("DeclarativeBase has no metadata: derive a base from it"))?;
    Ok(own.cast_into()?)
}

/// Bases have no table: `DeclarativeBase`, those derived from it, and those that say so.
fn is_abstract(bases: &[Bound<'_, PyType>], body: &Bound<'_, PyDict>) -> PyResult<bool> {
    if let Some(said) = body.get_item("__abstract__")? {
        return said.is_truthy();
    }
    Ok(bases.iter().any(is_root_parent))
}

/// True for `DeclarativeBase`: derived from `Model` itself.
fn is_root_parent(class: &Bound<'_, PyType>) -> bool {
    let model = instance::model(class.py());
    class.bases().iter().any(|base| base.is(&model))
}

/// A class's own metadata, or new metadata where it is derived from `DeclarativeBase`.
fn take_metadata(bases: &[Bound<'_, PyType>], body: &Bound<'_, PyDict>) -> PyResult<()> {
    let py = body.py();
    let given = body.get_item("metadata")?.filter(|given| given.is_instance_of::<MetaData>());
    if let Some(given) = given {
        body.del_item("metadata")?;
        body.set_item("__ormkit_metadata__", given)?;
    } else if bases.iter().any(is_root_parent) {
        body.set_item("__ormkit_metadata__", Bound::new(py, MetaData::empty(py))?)?;
    }
    Ok(())
}

/// Declares the model, gives the class its table, and shows the metadata.
fn finish(mut plan: Plan, class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    plan.making.get().finish(class);
    for relation in &mut plan.relations {
        if let Some(target) = &relation.target {
            relation.def.target = asked_target(target.bind(py))?;
        }
        if let Some(secondary) = &relation.secondary {
            relation.def.secondary = Some(asked_secondary(secondary.bind(py))?);
        }
    }
    plan.def.relations = plan.relations.iter().map(|relation| relation.def.clone()).collect();
    let late = properties::define(&mut plan, class)?;
    plan.def.fields = plan.columns.iter().map(|column| column.field.clone()).collect();
    metadata_of(class)?.get().complete(&mut plan.def)?;
    for (column, field) in plan.columns.iter_mut().zip(&plan.def.fields) {
        column.field = field.clone(); // with its names and schema
    }
    let mapped = MappedClass {
        class: class.clone().unbind(),
        conversions: plan.columns.iter().map(|column| column.conversion.clone()).collect(),
        renewals: plan
            .columns
            .iter()
            .map(|column| column.renewal.as_ref().map(|renewal| renewal.clone_ref(py)))
            .collect(),
    };
    let mut kin = plan.kin.take();
    if let Some(table) = kin.as_mut().and_then(|kin| kin.kinship.joined.as_mut()) {
        metadata_of(class)?.get().complete(&mut table.def)?;
    }
    let id = registry::declare(py, metadata_of(class)?.get(), plan.def.clone(), mapped, kin)?;
    properties::note(id, late);
    for (at, relation) in plan.relations.iter_mut().enumerate() {
        let [primary, secondary] = std::mem::take(&mut relation.joins);
        joining::note(id, RelationId(at as u16), primary, secondary);
        late_columns::note(id, RelationId(at as u16), std::mem::take(&mut relation.late));
    }
    let key: Box<[usize]> = plan
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.field.primary_key)
        .map(|(at, _)| at)
        .collect();
    instance::install(class, id, slots(py, &plan, id)?, key)?;
    show(&plan, id, class)?;
    dataclass::apply(&plan, class)
}

/// A junction that was given as an object: itself, what a callable answers, or the name that it could not find yet.
fn asked_secondary(secondary: &Bound<'_, PyAny>) -> PyResult<Secondary> {
    let py = secondary.py();
    let is_itself = secondary.is_instance_of::<PyType>() || secondary.is_instance_of::<Table>();
    let answered = match is_itself {
        true => secondary.clone(),
        false => match secondary.call0() {
            Ok(answered) => answered,
            Err(error) if error.is_instance_of::<PyNameError>(py) => error.value(py).getattr("name")?,
            Err(error) => return Err(error),
        },
    };
    if let Ok(name) = answered.cast::<PyString>() {
        return Ok(Secondary::Table(table_named(name.to_str()?)));
    }
    if let Ok(table) = answered.cast::<Table>() {
        return Ok(Secondary::Model(table.get().model()));
    }
    Ok(Secondary::Model(model_of(answered.cast::<PyType>()?)?))
}

/// A class that was given as an object: itself, what a callable answers, or the name that it could not find yet.
fn asked_target(target: &Bound<'_, PyAny>) -> PyResult<Target> {
    let py = target.py();
    let answered = match target.is_instance_of::<PyType>() {
        true => target.clone(),
        false => match target.call0() {
            Ok(answered) => answered,
            Err(error) if error.is_instance_of::<PyNameError>(py) => error.value(py).getattr("name")?,
            Err(error) => return Err(error),
        },
    };
    if let Ok(name) = answered.cast::<PyString>() {
        return Ok(Target::Name(last_part(name.to_str()?)));
    }
    Ok(Target::Model(model_of(answered.cast::<PyType>()?)?))
}

fn slots(py: Python<'_>, plan: &Plan, id: ModelId) -> PyResult<Vec<SlotSpec>> {
    let mut slots = Vec::new();
    for column in &plan.columns {
        let json = column.field.column_type.is_changed_in_place();
        let initial = match &column.default {
            ClientDefault::None => Initial::None,
            ClientDefault::Value(value) => Initial::Value(Held::new(value.bind(py))),
            ClientDefault::Callable(callable) => Initial::Callable(Held::new(callable.bind(py))),
        };
        slots.push((column.field.name.clone(), SlotKind::Column { json }, false, initial));
    }
    for relation in &plan.relations {
        let many = relation.def.many.unwrap_or(true);
        let write_only = relation.def.lazy == Lazy::WriteOnly;
        slots.push((relation.def.name.clone(), SlotKind::Relation { many }, write_only, Initial::None));
    }
    slots
        .into_iter()
        .enumerate()
        .map(|(at, (name, kind, write_only, initial))| {
            let expression = Bound::new(py, Attribute::new(id, at, name.clone()))?;
            let validator = plan.validators.iter().rev().find(|(names, _)| names.contains(&name));
            let validator = match plan.columns.get(at).is_some_and(|column| column.field.property.is_some()) {
                true => Some(Held::new(wrap_pyfunction!(properties::refuse_assignment, py)?.as_any())),
                false => validator.map(|(_, function)| Held::new(function.bind(py))),
            };
            let expression = Some(Held::new(expression.as_any()));
            Ok(SlotSpec { name, kind, write_only, initial, expression, validator })
        })
        .collect()
}

/// `__columns__`, `__relationships__`, `__primary_key__`, `__table__`, and the table in the base's metadata.
fn show(plan: &Plan, id: ModelId, class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    let columns = PyDict::new(py);
    for column in plan.columns.iter().filter(|column| column.field.property.is_none()) {
        let info =
            ColumnInfo::new(column.field.clone(), column.default.clone_ref(py), column.notes.shown(py));
        columns.set_item(&column.field.name, Bound::new(py, info)?)?;
    }
    let relations = PyDict::new(py);
    for relation in &plan.relations {
        let info = RelationshipInfo {
            key: relation.def.name.clone(),
            target: match &relation.def.target {
                Target::Name(name) => name.clone(),
                Target::Model(id) => registry::with_def(*id, |def| def.name.clone()),
            },
            junction: relation.def.secondary.clone(),
            model: id,
            uselist: relation.def.many.unwrap_or(true),
            back_populates: relation.def.back_populates.clone(),
            cascade: relation.cascade.clone(),
            notes: relation.notes.shown(py),
        };
        relations.set_item(&relation.def.name, Bound::new(py, info)?)?;
    }
    let shared = registry::shared_table(py, id);
    let table = match shared {
        Some(shared) => {
            let info = Table::info_above(class)?;
            Table::plain(py, shared, &registry::with_def(shared, ModelDef::clone), &[], info)?
        }
        None => Bound::new(py, Table::new(id, &plan.def, &columns, plan.notes.shown(py))?)?,
    };
    for above in class.mro().iter().skip(1).filter(|_| shared.is_some()) {
        let above = above.cast_into::<PyType>()?;
        if instance::class_table(&above)
            .is_ok_and(|known| registry::with_def(known.model, |def| def.table == plan.def.table))
        {
            above.setattr("__table__", &table)?;
        }
    }
    let key = plan.columns.iter().find(|column| column.field.primary_key).map(|column| &column.field.name);
    class.setattr("__columns__", columns)?;
    class.setattr("__relationships__", relations)?;
    class.setattr("__primary_key__", key)?;
    let mark = plan.columns.iter().find(|column| column.field.tombstone).map(|column| &column.field.name);
    class.setattr("__soft_delete__", mark)?;
    class.setattr("__tablename__", &plan.def.table.name)?;
    class.setattr("__table__", &table)?;
    metadata_of(class)?.get().add(py, &table)
}
