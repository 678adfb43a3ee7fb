//! The two halves of a class statement: before and after `type.__new__`.
use super::Attribute;
use super::annotation::{self, Annotation, Inner};
use super::collect::{Declared, Value, ancestors, declarations, names_of, namespace_of, place};
use super::info::{ColumnInfo, RelationshipInfo, Table};
use super::metadata::MetaData;
use super::options::{TableArgs, table_args};
use super::raise::{mapping, unsupported};
use super::registry::{self, MappedClass};
use crate::fields::types::Members;
use crate::fields::{ClientDefault, ColumnName, MappedColumn, RelationshipDecl, RelationshipTarget};
use crate::instance::{self, Held, Initial, SlotKind, SlotSpec};
use ormkit_core::model::{
    ColumnType, Constraint, Field, FieldDefault, ModelDef, ModelId, RelationDef, TableName, Target,
};
use pyo3::exceptions::{PyNameError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};
use std::sync::{Mutex, PoisonError};

/// Attributes that every model has: a column or relation cannot have their name.
const OWN_METHODS: [&str; 2] = ["to_dict", "from_dict"];

/// A class statement under way.
#[pyclass(frozen)]
pub(crate) struct ClassBody {
    /// What `type.__new__` is given: the body without its columns and relations, and with their names as slots.
    #[pyo3(get)]
    namespace: Py<PyDict>,
    plan: Mutex<Option<Plan>>,
}

/// What the class is going to be.
struct Plan {
    def: ModelDef,
    columns: Vec<Column>,
    relations: Vec<Relation>,
}

struct Column {
    field: Field,
    default: ClientDefault,
    members: Option<Members>,
    checks: Vec<Constraint>,
    /// What was said of it; None: an integer key alone is numbered.
    autoincrement: Option<bool>,
    sort_order: i64,
    /// Of the mapped class that this one extends: those come first.
    inherited: bool,
}

struct Relation {
    def: RelationDef,
    /// A target that is only asked for when the class is made.
    target: Option<Py<PyAny>>,
    cascade: String,
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
        let plan = match is_abstract(&bases, &body)? {
            true => {
                take_metadata(&bases, &body)?;
                None
            }
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

/// The metadata of a class: its base's.
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

/// A base's own metadata, or new metadata where it is derived from `DeclarativeBase`.
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

/// Reads a class body, takes what is mapped out of it, and names the new slots.
fn plan<'py>(
    name: &str,
    bases: &[Bound<'py, PyType>],
    body: &Bound<'py, PyDict>,
    locals: Option<Bound<'py, PyDict>>,
) -> PyResult<Plan> {
    let parent = mapped_parent(name, bases)?;
    if body.contains("__mapper_args__")? {
        return Err(unsupported(
            format!("{name}.__mapper_args__"),
            "give each class a table and relate them",
        ));
    }
    let names = names_of(body, locals)?;
    let own = declarations(name, body, &names)?;
    for declared in &own {
        check_name(name, &declared.name)?;
    }
    let mut plan =
        Plan { def: model_def(name, bases, body, parent.as_ref())?, columns: vec![], relations: vec![] };
    let mut seen: Vec<String> = body.keys().iter().filter_map(|key| key.extract().ok()).collect();
    let own_names: Vec<String> = own.iter().map(|declared| declared.name.clone()).collect();
    let map = type_map(bases)?;
    let context = Context { class: name, module: plan.def.module.clone(), map, own: &own };
    for declared in &own {
        context.read(declared, &mut plan)?;
        seen.push(declared.name.clone());
    }
    for ancestor in ancestors(bases)? {
        inherit(&context, &ancestor, &mut seen, &mut plan)?;
    }
    plan.columns.sort_by_key(|column| (!column.inherited, column.sort_order));
    complete(&mut plan, body, bases)?;
    name_slots(body, &own_names, &plan, parent.as_ref())?;
    Ok(plan)
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
    bases: &[Bound<'_, PyType>],
    body: &Bound<'_, PyDict>,
    parent: Option<&Bound<'_, PyType>>,
) -> PyResult<ModelDef> {
    let args = match option(body, bases, "__table_args__")? {
        Some(given) => table_args(name, &given)?,
        None => TableArgs::default(),
    };
    let said = match option(body, bases, "__tablename__")? {
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
    };
    if let Some(parent) = parent {
        let id = instance::class_table(parent)?.model;
        let above =
            registry::with_def(id, |above| ModelDef { fields: vec![], relations: vec![], ..above.clone() });
        if said.is_some_and(|said| said != above.table.name) {
            return Err(unsupported(
                format!("a table of its own for {name}, which extends the mapped class {}", above.name),
                "make the common part a mixin or __abstract__",
            ));
        }
        def.table = above.table;
        def.constraints = above.constraints.into_iter().chain(def.constraints).collect();
        def.indexes = above.indexes.into_iter().chain(def.indexes).collect();
    }
    Ok(def)
}

fn table_name_kind(name: &str) -> PyErr {
    mapping(format!("{name}: __tablename__ must be a string"))
}

/// An option of the class, its own or of an unmapped base.
fn option<'py>(
    body: &Bound<'py, PyDict>,
    bases: &[Bound<'py, PyType>],
    name: &str,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    if let Some(own) = body.get_item(name)? {
        return Ok(Some(own));
    }
    for class in ancestors(bases)? {
        if instance::class_table(&class).is_err()
            && let Some(inherited) = namespace_of(&class)?.get_item(name)?
        {
            return Ok(Some(inherited));
        }
    }
    Ok(None)
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

/// Takes over what an ancestor declares and nobody before it has redefined.
fn inherit<'py>(
    context: &Context<'_, 'py>,
    ancestor: &Bound<'py, PyType>,
    seen: &mut Vec<String>,
    plan: &mut Plan,
) -> PyResult<()> {
    let py = ancestor.py();
    let namespace = namespace_of(ancestor)?;
    if instance::class_table(ancestor).is_ok() {
        inherit_mapped(py, ancestor, seen, plan)?;
    } else if !ancestor.is(instance::model(py))
        && ancestor.getattr("__module__")?.extract::<String>()? != "builtins"
    {
        let names = names_of(&namespace, None)?;
        for declared in declarations(ancestor.name()?.to_str()?, &namespace, &names)? {
            if !seen.contains(&declared.name) {
                context.read(&declared, plan)?;
                seen.push(declared.name);
            }
        }
    }
    seen.extend(namespace.keys().iter().filter_map(|key| key.extract::<String>().ok()));
    Ok(())
}

fn inherit_mapped(
    py: Python<'_>,
    ancestor: &Bound<'_, PyType>,
    seen: &mut Vec<String>,
    plan: &mut Plan,
) -> PyResult<()> {
    let table = instance::class_table(ancestor)?;
    let class = registry::mapped_class(py, table.model);
    let (fields, relations) =
        registry::with_def(table.model, |def| (def.fields.clone(), def.relations.clone()));
    for (field, (slot, members)) in fields.into_iter().zip(table.slots.iter().zip(&class.members)) {
        if seen.contains(&field.name) {
            continue;
        }
        let default = match &slot.initial {
            Initial::None => ClientDefault::None,
            Initial::Value(value) => ClientDefault::Value(value.bind(py).unbind()),
            Initial::Callable(callable) => ClientDefault::Callable(callable.bind(py).unbind()),
        };
        let members = members.as_ref().map(|members| members.clone_ref(py));
        seen.push(field.name.clone());
        let autoincrement = Some(field.autoincrement);
        plan.columns.push(Column {
            field,
            default,
            members,
            checks: Vec::new(),
            autoincrement,
            sort_order: 0,
            inherited: true,
        });
    }
    for def in relations {
        if !seen.contains(&def.name) {
            seen.push(def.name.clone());
            plan.relations.push(Relation { def, target: None, cascade: String::new() });
        }
    }
    Ok(())
}

/// What the declarations of one class need to be read.
struct Context<'a, 'py> {
    class: &'a str,
    module: String,
    map: Option<Bound<'py, PyDict>>,
    own: &'a [Declared<'py>],
}

impl<'py> Context<'_, 'py> {
    /// Reads one declaration into the plan.
    fn read(&self, declared: &Declared<'py>, plan: &mut Plan) -> PyResult<()> {
        let py = declared.names.py();
        let name = &declared.name;
        let annotation = match &declared.annotation {
            Some(content) => Some(
                annotation::read(content.clone(), declared.textual, &declared.names)
                    .map_err(|error| place(self.class, name, error, py))?,
            ),
            None => None,
        };
        let is_relation = match (&declared.value, &annotation) {
            (Value::Relation(_), _) => true,
            (Value::Column(_), _) => false,
            (Value::Bare(_), Some(annotation)) => !matches!(annotation.inner, Inner::Type(_)),
            (Value::Bare(_), None) => false,
        };
        let read = match is_relation {
            true => self.relation(declared, annotation).map(|relation| plan.relations.push(relation)),
            false => self.column(py, declared, annotation).map(|column| plan.columns.push(column)),
        };
        read.map_err(|error| place(self.class, name, error, py))
    }

    fn column(
        &self,
        py: Python<'py>,
        declared: &Declared<'py>,
        annotation: Option<Annotation<'py>>,
    ) -> PyResult<Column> {
        let bare = Bound::new(py, MappedColumn::bare())?;
        let carried = annotation.as_ref().and_then(|annotation| annotation.column.clone());
        let (options, plain) = match &declared.value {
            Value::Column(column) => (column.clone(), None),
            Value::Bare(plain) => (carried.unwrap_or(bare), plain.clone()),
            Value::Relation(_) => (bare, None),
        };
        let options = options.get();
        let (column_type, members) = self.type_of(py, options, annotation.as_ref())?;
        let default = match plain {
            Some(value) => ClientDefault::Value(value.unbind()),
            None => options.default.clone_ref(py),
        };
        let optional = annotation.as_ref().is_none_or(|annotation| annotation.optional);
        let field = Field {
            column: options.name.clone().unwrap_or_else(|| declared.name.clone()),
            nullable: !options.primary_key && options.nullable.unwrap_or(optional),
            primary_key: options.primary_key,
            unique: options.unique,
            index: options.index,
            autoincrement: options.autoincrement.unwrap_or(false),
            default: match (&options.server_default, default.object()) {
                (Some(expr), _) => {
                    let default = ormkit_core::sql::server_default(expr);
                    FieldDefault::Server(default.map_err(|error| mapping(error.to_string()))?)
                }
                (None, Some(_)) => FieldDefault::Client,
                (None, None) => FieldDefault::None,
            },
            foreign_key: options.foreign_key.as_ref().map(|key| key.get().0.clone()),
            comment: options.comment.clone(),
            deferred: options.deferred,
            ..Field::new(declared.name.clone(), column_type)
        };
        if field.autoincrement && !field.column_type.is_integer() {
            return Err(mapping("autoincrement=True needs an integer column"));
        }
        let checks = options.checks.iter().map(|check| check.get().def()).collect();
        let (autoincrement, sort_order) = (options.autoincrement, options.sort_order);
        Ok(Column { field, default, members, checks, autoincrement, sort_order, inherited: false })
    }

    fn type_of(
        &self,
        py: Python<'py>,
        options: &MappedColumn,
        annotation: Option<&Annotation<'py>>,
    ) -> PyResult<(ColumnType, Option<Members>)> {
        let (found, members) = match (&options.column_type, annotation.map(|annotation| &annotation.inner)) {
            (Some(given), _) => annotation::parts(given.bind(py)),
            (None, Some(Inner::Type(class))) => annotation::column_type(class, self.map.as_ref())?,
            (None, Some(Inner::Name { name, .. })) => {
                return Err(mapping(format!("the annotation names `{name}`, which is not defined")));
            }
            (None, Some(Inner::Model { .. })) => {
                return Err(mapping(
                    "the annotation names a mapped class: use relationship(), not mapped_column()",
                ));
            }
            (None, None) => {
                return Err(mapping("a column needs a type: annotate it with Mapped[..] or give it one"));
            }
        };
        match (found, options.max_length) {
            (ColumnType::Text | ColumnType::VarChar(_), Some(length)) => {
                Ok((ColumnType::VarChar(length), members))
            }
            (_, Some(_)) => Err(mapping("max_length is for text")),
            (found, None) => Ok((found, members)),
        }
    }

    fn relation(&self, declared: &Declared<'py>, annotation: Option<Annotation<'py>>) -> PyResult<Relation> {
        let py = declared.names.py();
        let bare = Bound::new(py, RelationshipDecl::bare())?;
        let options = match &declared.value {
            Value::Relation(options) => options.clone(),
            _ => bare,
        };
        let options = options.get();
        let (annotated, many) = self.annotated_target(annotation)?;
        let mut asked = None;
        let target = match (&options.target, annotated) {
            (RelationshipTarget::Name(name), _) => Target::Name(last_part(name)),
            (RelationshipTarget::Object(object), _) => {
                asked = Some(object.clone_ref(py));
                Target::Name(String::new()) // known when the class is made
            }
            (RelationshipTarget::Annotated, Some(target)) => target,
            (RelationshipTarget::Annotated, None) => {
                return Err(mapping(
                    "a relation needs a target: annotate it, or name it: relationship(\"Post\")",
                ));
            }
        };
        let many = match (many, options.uselist) {
            (Some(annotated), Some(said)) if annotated != said => {
                return Err(mapping(format!(
                    "uselist={said} contradicts the annotation",
                    said = py_bool(said)
                )));
            }
            (annotated, said) => annotated.or(said),
        };
        let def = RelationDef {
            many,
            foreign_keys: self.column_names(py, &options.foreign_keys)?,
            back_populates: options.back_populates.clone(),
            order_by: self.column_names(py, &options.order_by)?,
            cascade: options.cascade,
            lazy: options.lazy,
            remote_side: self.column_names(py, &options.remote_side)?,
            passive_deletes: options.passive_deletes,
            view_only: options.view_only,
            ..RelationDef::new(declared.name.clone(), target)
        };
        Ok(Relation { def, target: asked, cascade: options.cascade_text.clone() })
    }

    /// The target that the annotation names, and whether it is a list.
    fn annotated_target(
        &self,
        annotation: Option<Annotation<'py>>,
    ) -> PyResult<(Option<Target>, Option<bool>)> {
        let Some(annotation) = annotation else { return Ok((None, None)) };
        match annotation.inner {
            Inner::Name { name, many } => Ok((Some(Target::Name(name)), Some(many))),
            Inner::Model { class, many } => {
                let target = match annotation.textual {
                    true => self.named_target(&class)?,
                    false => Target::Model(model_of(&class)?),
                };
                Ok((Some(target), Some(many)))
            }
            Inner::Type(class) => Err(mapping(format!(
                "a relation is annotated with a mapped class or a list of them, not with `{}`",
                class.str()?
            ))),
        }
    }

    /// A class that was named by text: whatever class has that name when it is first needed.
    fn named_target(&self, class: &Bound<'py, PyType>) -> PyResult<Target> {
        let name = class.name()?.to_string();
        if name == self.class && class.getattr("__module__")?.extract::<String>()? == self.module {
            return Ok(Target::Name(name));
        }
        let id = model_of(class)?;
        let space = metadata_of(class)?.get().space();
        let same = registry::find(class.py(), space, &name, &self.module).is_some_and(|found| {
            let place = |id| registry::with_def(id, |def| (def.name.clone(), def.module.clone()));
            place(found) == place(id)
        });
        Ok(if same { Target::Name(name) } else { Target::Model(id) })
    }

    /// Names of columns; those that were given as declarations are found in the class body.
    fn column_names(&self, py: Python<'py>, columns: &[ColumnName]) -> PyResult<Vec<String>> {
        let name = |column: &ColumnName| match column {
            ColumnName::Name(name) => Ok(name.clone()),
            ColumnName::Declared(given) => {
                let is_it =
                    |value: &Value<'py>| matches!(value, Value::Column(column) if column.is(given.bind(py)));
                let found = self.own.iter().find(|declared| is_it(&declared.value));
                found
                    .map(|declared| declared.name.clone())
                    .ok_or_else(|| mapping("a relation names a column that is not of this class body"))
            }
        };
        columns.iter().map(name).collect()
    }
}

fn py_bool(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// `"models.Post"` names `Post`.
fn last_part(name: &str) -> String {
    name.rsplit('.').next().unwrap_or(name).trim().to_owned()
}

fn model_of(class: &Bound<'_, PyType>) -> PyResult<ModelId> {
    match instance::class_table(class) {
        Ok(table) => Ok(table.model),
        Err(_) => {
            Err(mapping(format!("`{}` is not mapped: a relation needs a class with a table", class.name()?)))
        }
    }
}

/// Key columns named by a constraint, and the numbering of an integer key that stands alone.
fn complete(plan: &mut Plan, body: &Bound<'_, PyDict>, bases: &[Bound<'_, PyType>]) -> PyResult<()> {
    if let Some(given) = option(body, bases, "__table_args__")? {
        for column in table_args(&plan.def.name, &given)?.key {
            let known = plan.columns.iter().map(|known| known.field.column.as_str());
            let near = ormkit_core::error::near_matches(&column, known);
            match plan.columns.iter_mut().find(|known| known.field.column == column) {
                Some(found) => {
                    found.field.primary_key = true;
                    found.field.nullable = false;
                }
                None => {
                    let near =
                        near.first().map_or_else(String::new, |near| format!(": did you mean `{near}`?"));
                    return Err(mapping(format!(
                        "{}: PrimaryKeyConstraint names the column `{column}`, which it does not have{near}",
                        plan.def.name
                    )));
                }
            }
        }
    }
    let mut key: Vec<&mut Column> =
        plan.columns.iter_mut().filter(|column| column.field.primary_key).collect();
    if let [column] = &mut key[..]
        && column.field.column_type.is_integer()
        && column.field.foreign_key.is_none()
        && column.field.default == FieldDefault::None
        && column.autoincrement.is_none()
    {
        column.field.autoincrement = true;
    }
    let checks: Vec<Constraint> =
        plan.columns.iter_mut().flat_map(|column| column.checks.drain(..)).collect();
    plan.def.constraints.extend(checks);
    plan.def.fields = plan.columns.iter().map(|column| column.field.clone()).collect();
    Ok(())
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

/// Declares the model, gives the class its table, and shows the metadata.
fn finish(mut plan: Plan, class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    for relation in &mut plan.relations {
        if let Some(target) = &relation.target {
            relation.def.target = asked_target(target.bind(py))?;
        }
    }
    plan.def.relations = plan.relations.iter().map(|relation| relation.def.clone()).collect();
    let mapped = MappedClass {
        class: class.clone().unbind(),
        members: plan
            .columns
            .iter()
            .map(|column| column.members.as_ref().map(|members| members.clone_ref(py)))
            .collect(),
    };
    let id = registry::declare(py, metadata_of(class)?.get().space(), plan.def.clone(), mapped)?;
    let key: Box<[usize]> = plan
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.field.primary_key)
        .map(|(at, _)| at)
        .collect();
    instance::install(class, id, slots(py, &plan, id)?, key)?;
    show(&plan, class)
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
        let json = column.field.column_type == ColumnType::Json;
        let initial = match &column.default {
            ClientDefault::None => Initial::None,
            ClientDefault::Value(value) => Initial::Value(Held::new(value.bind(py))),
            ClientDefault::Callable(callable) => Initial::Callable(Held::new(callable.bind(py))),
        };
        slots.push((column.field.name.clone(), SlotKind::Column { json }, initial));
    }
    for relation in &plan.relations {
        let many = relation.def.many.unwrap_or(true);
        slots.push((relation.def.name.clone(), SlotKind::Relation { many }, Initial::None));
    }
    slots
        .into_iter()
        .enumerate()
        .map(|(at, (name, kind, initial))| {
            let expression = Bound::new(py, Attribute::new(id, at, name.clone()))?;
            Ok(SlotSpec { name, kind, initial, expression: Some(Held::new(expression.as_any())) })
        })
        .collect()
}

/// `__columns__`, `__relationships__`, `__primary_key__`, `__table__`, and the table in the base's metadata.
fn show(plan: &Plan, class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    let columns = PyDict::new(py);
    for column in &plan.columns {
        let info = ColumnInfo::new(column.field.clone(), column.default.clone_ref(py));
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
            secondary: None,
            uselist: relation.def.many.unwrap_or(true),
            is_many_to_many: false,
            back_populates: relation.def.back_populates.clone(),
            cascade: relation.cascade.clone(),
        };
        relations.set_item(&relation.def.name, Bound::new(py, info)?)?;
    }
    let table = Bound::new(py, Table::new(&plan.def, &columns)?)?;
    let key = plan.columns.iter().find(|column| column.field.primary_key).map(|column| &column.field.name);
    class.setattr("__columns__", columns)?;
    class.setattr("__relationships__", relations)?;
    class.setattr("__primary_key__", key)?;
    class.setattr("__tablename__", &plan.def.table.name)?;
    class.setattr("__table__", &table)?;
    metadata_of(class)?.get().add(py, &table)
}
