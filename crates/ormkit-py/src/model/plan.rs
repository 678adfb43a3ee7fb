//! What a class is going to be: its own declarations, and those of its mixins and of the class that it extends.
use super::collect::{Declared, Value, ancestors, declarations, names_of, namespace_of};
use super::dataclass::DataclassField;
use super::declaration::Context;
use super::extension;
use super::family::{self, Kin};
use super::gathered::Gathered;
use super::late_columns::LateColumns;
use super::making::Making;
use super::mapper;
use super::options::{TableArgs, column_named, table_args};
use super::properties::{self, Pending};
use super::raise::{mapping, to_python, unsupported};
use super::registry;
use super::soft_delete;
use crate::convert::Conversion;
use crate::derived::Validator;
use crate::fields::{ClientDefault, DataclassOptions, Notes, RelationJoin};
use crate::instance;
use ormkit_core::error::Error;
use ormkit_core::model::{Constraint, Field, FieldDefault, ModelDef, RelationDef, TableName};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyType};
use std::sync::Arc;

/// Attributes that every model has: a column or relation cannot have their name.
const OWN_METHODS: [&str; 2] = ["to_dict", "from_dict"];

/// What the class is going to be.
pub(super) struct Plan {
    pub(super) def: ModelDef,
    pub(super) columns: Vec<Column>,
    pub(super) relations: Vec<Relation>,
    /// Methods that see values before they are stored, and the attributes that they are for; the class's own last.
    pub(super) validators: Vec<(Vec<String>, Py<PyAny>)>,
    /// Its attributes, as a dataclass has them.
    pub(super) dataclass: Vec<DataclassField>,
    /// What it is to the classes that it shares rows with.
    pub(super) kin: Option<Kin>,
    /// The table of the mapped class that it extends.
    pub(super) above: Option<TableName>,
    /// Who stands in for the class until it is made.
    pub(super) making: Py<Making>,
    /// What stands for its columns in expressions of the body, and their attributes' names.
    pub(super) placeholders: Vec<(String, String)>,
    /// Of its table.
    pub(super) notes: Notes,
}

pub(super) struct Column {
    pub(super) field: Field,
    pub(super) default: ClientDefault,
    /// What the host sets it to on UPDATE.
    pub(super) renewal: Option<ClientDefault>,
    pub(super) conversion: Option<Arc<Conversion>>,
    pub(super) checks: Vec<Constraint>,
    /// What was said of it; None: an integer key alone is numbered.
    pub(super) autoincrement: Option<bool>,
    pub(super) sort_order: i64,
    /// Of the mapped class that this one extends: those come first.
    pub(super) inherited: bool,
    /// What a property is made of, until it is read.
    pub(super) property: Option<Pending>,
    pub(super) notes: Notes,
}

impl Column {
    /// A column that nothing more is said of.
    pub(super) fn of(field: Field, default: ClientDefault) -> Self {
        Self {
            field,
            default,
            renewal: None,
            conversion: None,
            checks: Vec::new(),
            autoincrement: None,
            sort_order: 0,
            inherited: false,
            property: None,
            notes: Notes::default(),
        }
    }
}

pub(super) struct Relation {
    pub(super) def: RelationDef,
    /// A target that is only asked for when the class is made.
    pub(super) target: Option<Py<PyAny>>,
    /// A junction that is only asked for then.
    pub(super) secondary: Option<Py<PyAny>>,
    /// `primaryjoin` and `secondaryjoin`.
    pub(super) joins: [Option<RelationJoin>; 2],
    pub(super) late: LateColumns,
    pub(super) cascade: String,
    pub(super) notes: Notes,
}

/// Reads a class body, takes what is mapped out of it, and names the new slots.
pub(super) fn plan<'py>(
    name: &str,
    bases: &[Bound<'py, PyType>],
    body: &Bound<'py, PyDict>,
    locals: Option<Bound<'py, PyDict>>,
) -> PyResult<Plan> {
    let parent = mapped_parent(name, bases)?;
    let names = names_of(body, locals)?;
    let making = Bound::new(body.py(), Making::new(name, bases, body))?;
    Making::expand(&making, body)?;
    let own = declarations(name, body, &names)?;
    for declared in &own {
        check_name(name, &declared.name)?;
    }
    let own_names: Vec<String> = own.iter().map(|declared| declared.name.clone()).collect();
    let mut gathered = Gathered::new(&making, body, own)?;
    for ancestor in ancestors(bases)? {
        gathered.take_cascading(&ancestor)?;
    }
    for ancestor in ancestors(bases)? {
        gathered.take(&ancestor)?;
    }
    let Gathered { declared, columns, relations, .. } = gathered;
    let mut plan = Plan {
        def: model_def(name, body, parent.as_ref(), &making, &declared)?,
        columns: vec![],
        relations: vec![],
        making: making.clone().unbind(),
        kin: None,
        above: parent.as_ref().map(table_of).transpose()?,
        validators: vec![],
        dataclass: vec![],
        placeholders: properties::placeholders(&declared),
        notes: Notes::default(),
    };
    let map = type_map(bases)?;
    let context = Context { class: name, module: plan.def.module.clone(), map, own: &declared };
    for declared in &declared {
        context.read(declared, &mut plan)?;
        let is_own = own_names.contains(&declared.name);
        plan.dataclass.push(dataclass_field(body.py(), declared, is_own, &plan));
    }
    inherit_dataclass(body.py(), parent.as_ref(), &mut plan)?;
    plan.columns.extend(columns);
    // As columns, those of the class that is extended come first: their numbers are the same there.
    let own = std::mem::replace(&mut plan.relations, relations);
    plan.relations.extend(own);
    plan.columns.sort_by_key(|column| (!column.inherited, column.sort_order));
    mapper::apply(&mut plan, &making, &declared)?;
    soft_delete::apply(&mut plan, &making)?;
    complete(&mut plan, &making, &declared)?;
    family::apply(&mut plan, &making, &declared, parent.as_ref())?;
    if let Some(parent) = parent.as_ref().filter(|_| plan.kin.is_none()) {
        extension::check(&plan, parent)?;
    }
    plan.validators = validators(&plan, body, bases)?;
    name_slots(body, &own_names, &plan, parent.as_ref())?;
    Ok(plan)
}

/// An attribute as a dataclass has it; the last column is its own, where it is one.
fn dataclass_field(py: Python<'_>, declared: &Declared<'_>, own: bool, plan: &Plan) -> DataclassField {
    let (options, is_column) = match &declared.value {
        Value::Column(column) => (column.get().dataclass.clone_ref(py), true),
        Value::Relation(relation) => (relation.get().dataclass.clone_ref(py), false),
        Value::Property(property) => (property.get().dataclass.clone_ref(py), true),
        Value::Bare(plain) => {
            let value = plain.as_ref().map(|plain| plain.clone().unbind());
            let is_column = plan.columns.last().is_some_and(|column| column.field.name == declared.name);
            (DataclassOptions { value, ..DataclassOptions::default() }, is_column)
        }
    };
    let column = plan.columns.last().filter(|_| is_column);
    let has_insert_default = column.is_some_and(|column| {
        column.field.filled_by_database() || column.field.default != FieldDefault::None
    });
    let is_generated = column.is_some_and(|column| column.field.is_generated());
    DataclassField { name: declared.name.clone(), options, has_insert_default, is_column, is_generated, own }
}

/// Those of the mapped class that is extended.
fn inherit_dataclass(py: Python<'_>, parent: Option<&Bound<'_, PyType>>, plan: &mut Plan) -> PyResult<()> {
    let Some(fields) = parent.map(|parent| parent.getattr_opt("__dataclass_fields__")).transpose()?.flatten()
    else {
        return Ok(());
    };
    let missing = py.import("dataclasses")?.getattr("MISSING")?;
    for (at, (name, field)) in fields.cast_into::<PyDict>()?.into_iter().enumerate() {
        let name: String = name.extract()?;
        if plan.dataclass.iter().any(|known| known.name == name) {
            continue;
        }
        let given = |option: &str| -> PyResult<Option<Py<PyAny>>> {
            Ok(Some(field.getattr(option)?).filter(|given| !given.is(&missing)).map(Bound::unbind))
        };
        let options = DataclassOptions {
            init: Some(field.getattr("init")?.extract()?),
            repr: Some(field.getattr("repr")?.extract()?),
            compare: Some(field.getattr("compare")?.extract()?),
            kw_only: field.getattr("kw_only")?.extract().ok(),
            value: given("default")?,
            factory: given("default_factory")?,
        };
        let inherited = DataclassField {
            name,
            options,
            has_insert_default: true,
            is_column: true,
            is_generated: false,
            own: false,
        };
        plan.dataclass.insert(at, inherited);
    }
    Ok(())
}

/// The validators of a class and its ancestors, its own last.
///
/// # Errors
/// One for an attribute that the class does not have, with the near one.
fn validators(
    plan: &Plan,
    body: &Bound<'_, PyDict>,
    bases: &[Bound<'_, PyType>],
) -> PyResult<Vec<(Vec<String>, Py<PyAny>)>> {
    let mut spaces = vec![body.clone()];
    for ancestor in ancestors(bases)? {
        spaces.push(namespace_of(&ancestor)?);
    }
    let mut found = Vec::new();
    for (_, value) in spaces.into_iter().rev().flat_map(|space| space.into_iter().collect::<Vec<_>>()) {
        let Ok(validator) = value.cast::<Validator>() else { continue };
        let validator = validator.get();
        let columns = plan.columns.iter().map(|column| &column.field.name);
        let known: Vec<&str> = columns
            .chain(plan.relations.iter().map(|relation| &relation.def.name))
            .map(String::as_str)
            .collect();
        if let Some(name) = validator.names.iter().find(|name| !known.contains(&name.as_str())) {
            let error = Error::unknown_name("attribute", name, plan.def.name.as_str(), known);
            return Err(to_python(error));
        }
        found.push((validator.names.clone(), validator.function.clone_ref(value.py())));
    }
    Ok(found)
}

/// The mapped class that this one extends.
fn mapped_parent<'py>(name: &str, bases: &[Bound<'py, PyType>]) -> PyResult<Option<Bound<'py, PyType>>> {
    let mut parent: Option<Bound<'py, PyType>> = None;
    for class in ancestors(bases)? {
        if instance::class_table(&class).is_err() {
            continue;
        }
        match &parent {
            None => parent = Some(class),
            Some(first) if first.is_subclass(&class)? => {}
            Some(first) => {
                return Err(PyTypeError::new_err(format!(
                    "{name} extends two mapped classes, {} and {}: make one of them a mixin or __abstract__",
                    first.name()?,
                    class.name()?
                )));
            }
        }
    }
    Ok(parent)
}

fn check_name(class: &str, name: &str) -> PyResult<()> {
    let dunder = name.starts_with("__") && name.ends_with("__");
    if dunder || OWN_METHODS.contains(&name) {
        return Err(mapping(format!(
            "{class}.{name}: the name is ormkit's own: call the attribute otherwise, and the column with \
             mapped_column({name:?}, ..)"
        )));
    }
    Ok(())
}

/// The definition without fields and relations.
fn model_def(
    name: &str,
    body: &Bound<'_, PyDict>,
    parent: Option<&Bound<'_, PyType>>,
    making: &Bound<'_, Making>,
    own: &[Declared<'_>],
) -> PyResult<ModelDef> {
    if body.contains("__table__")? {
        return Err(unsupported(
            format!("{name}.__table__, a class of a table that is there,"),
            "write the columns in the class: `ormkit inspect` prints classes of the tables of a database",
        ));
    }
    let args = match Making::find(making, "__table_args__")? {
        Some(given) => table_args(name, &given, &column_named(name, own))?,
        None => TableArgs::default(),
    };
    let said = match Making::find(making, "__tablename__")? {
        Some(given) if given.is_none() => None,
        Some(given) => {
            Some(given.cast::<PyString>().map_err(|_| table_name_kind(name))?.to_str()?.to_owned())
        }
        None => None,
    };
    let mut def = ModelDef {
        name: name.to_owned(),
        module: match body.get_item("__module__")? {
            Some(module) => module.extract()?,
            None => String::new(),
        },
        table: TableName {
            schema: args.schema,
            name: said.clone().unwrap_or_else(|| format!("{}s", name.to_lowercase())),
        },
        fields: Vec::new(),
        relations: Vec::new(),
        constraints: args.constraints,
        indexes: args.indexes,
        comment: args.comment,
        renamed_from: args.renamed_from,
    };
    if let Some(parent) = parent {
        let id = instance::class_table(parent)?.model;
        let above =
            registry::with_def(id, |above| ModelDef { fields: vec![], relations: vec![], ..above.clone() });
        if said.is_some_and(|said| said != above.table.name) {
            if family::is_kin(parent)? {
                return Ok(def);
            }
            return Err(unsupported(
                format!("a table of its own for {name}, which extends the mapped class {}", above.name),
                "give it a polymorphic_on, or make the common part a mixin or __abstract__",
            ));
        }
        def.table = above.table;
        def.constraints = above.constraints.into_iter().chain(def.constraints).collect();
        def.indexes = above.indexes.into_iter().chain(def.indexes).collect();
    }
    Ok(def)
}

fn table_of(class: &Bound<'_, PyType>) -> PyResult<TableName> {
    Ok(registry::with_def(instance::class_table(class)?.model, |def| def.table.clone()))
}

fn table_name_kind(name: &str) -> PyErr {
    mapping(format!("{name}: __tablename__ must be a string"))
}

/// The base's `type_annotation_map`.
fn type_map<'py>(bases: &[Bound<'py, PyType>]) -> PyResult<Option<Bound<'py, PyDict>>> {
    for base in bases {
        if let Some(map) = base.getattr_opt("type_annotation_map")? {
            return Ok(map.cast_into().ok());
        }
    }
    Ok(None)
}

/// Key columns named by a constraint, and the numbering of an integer key that stands alone.
fn complete(plan: &mut Plan, making: &Bound<'_, Making>, own: &[Declared<'_>]) -> PyResult<()> {
    if let Some(given) = Making::find(making, "__table_args__")? {
        let class = plan.def.name.clone();
        let args = table_args(&class, &given, &column_named(&class, own))?;
        key_columns(&class, &mut plan.columns, &args.key)?;
        plan.notes = args.notes;
    }
    number_alone(&mut plan.columns);
    let checks: Vec<Constraint> =
        plan.columns.iter_mut().flat_map(|column| column.checks.drain(..)).collect();
    plan.def.constraints.extend(checks);
    plan.def.fields = plan.columns.iter().map(|column| column.field.clone()).collect();
    Ok(())
}

/// Makes columns part of the key that a `PrimaryKeyConstraint` names.
///
/// # Errors
/// One that is not there, with the near one.
pub(super) fn key_columns(class: &str, columns: &mut [Column], named: &[String]) -> PyResult<()> {
    for column in named {
        let known = columns.iter().map(|known| known.field.column.as_str());
        let near = ormkit_core::error::near_matches(column, known);
        match columns.iter_mut().find(|known| known.field.column == *column) {
            Some(found) => {
                found.field.primary_key = true;
                found.field.nullable = false;
            }
            None => {
                let near = near.first().map_or_else(String::new, |near| format!(": did you mean `{near}`?"));
                return Err(mapping(format!(
                    "{class}: PrimaryKeyConstraint names the column `{column}`, which it does not have{near}"
                )));
            }
        }
    }
    Ok(())
}

/// An integer key that stands alone is numbered.
pub(super) fn number_alone(columns: &mut [Column]) {
    let mut key: Vec<&mut Column> = columns.iter_mut().filter(|column| column.field.primary_key).collect();
    if let [column] = &mut key[..]
        && column.field.column_type.is_integer()
        && column.field.foreign_key.is_none()
        && column.field.default == FieldDefault::None
        && !column.field.is_generated()
        && column.autoincrement.is_none()
    {
        column.field.autoincrement = true;
    }
}

/// Takes the mapped names out of the body and names those as slots that no ancestor has.
fn name_slots(
    body: &Bound<'_, PyDict>,
    own: &[String],
    plan: &Plan,
    parent: Option<&Bound<'_, PyType>>,
) -> PyResult<()> {
    let py = body.py();
    for name in own {
        if body.contains(name)? {
            body.del_item(name)?;
        }
    }
    let slots = PyList::empty(py);
    if let Some(given) = body.get_item("__slots__")? {
        let given = match given.cast::<PyString>() {
            Ok(one) => PyList::new(py, [one])?.into_any(),
            Err(_) => given,
        };
        for name in given.try_iter()? {
            let name = name?;
            // every model has both already
            if !matches!(name.extract::<&str>()?, "__dict__" | "__weakref__") {
                slots.append(name)?;
            }
        }
    }
    let columns = plan.columns.iter().map(|column| &column.field.name);
    for name in columns.chain(plan.relations.iter().map(|relation| &relation.def.name)) {
        if !parent.is_some_and(|parent| instance::has_slot(parent, name)) {
            slots.append(name)?;
        }
    }
    body.set_item("__slots__", slots.to_tuple())
}
