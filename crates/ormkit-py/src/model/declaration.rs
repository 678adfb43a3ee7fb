//! One declaration of a class body: annotation and value become a column or a relation of the plan.
use super::annotation::{self, Annotation, Inner};
use super::body::metadata_of;
use super::collect::{Declared, Value, place};
use super::late_columns::{ColumnsOf, LateColumns};
use super::plan::{Column, Plan, Relation};
use super::properties;
use super::raise::{mapping, to_python, unsupported};
use super::registry;
use crate::convert::Conversion;
use crate::fields::{
    ClientDefault, ColumnName, JoinCondition, MappedColumn, RelationColumn, RelationJoin, RelationshipDecl,
    RelationshipTarget, Renewal, SecondaryTable, ServerValue,
};
use crate::instance;
use ormkit_core::model::{
    ColumnType, Constraint, Field, FieldDefault, Lazy, ModelId, OnUpdate, RelationDef, Secondary,
    ServerDefault, TableName, Target,
};
use ormkit_core::query::Expr as CoreExpr;
use ormkit_core::sql::{Dialect, quote};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};
use std::sync::Arc;

/// What the declarations of one class need to be read.
pub(super) struct Context<'a, 'py> {
    pub(super) class: &'a str,
    pub(super) module: String,
    pub(super) map: Option<Bound<'py, PyDict>>,
    pub(super) own: &'a [Declared<'py>],
}

/// How a relation is loaded by itself.
///
/// # Errors
/// A write-only one that is no list, that is a view, or that is said to be loaded.
fn lazy_of(options: &RelationshipDecl, is_write_only: bool, many: Option<bool>) -> PyResult<Lazy> {
    if !is_write_only && options.lazy != Lazy::WriteOnly {
        return Ok(options.lazy);
    }
    if !matches!(options.lazy, Lazy::WriteOnly | Lazy::Select) {
        return Err(mapping("WriteOnlyMapped is never loaded: leave out lazy="));
    }
    if many == Some(false) {
        return Err(mapping(
            "only a list is write-only: annotate it WriteOnlyMapped[\"Post\"], or leave out lazy=\"write_only\"",
        ));
    }
    if options.view_only {
        return Err(mapping(
            "a write-only relation is written, viewonly=True is not: leave one of them out; with_parent(..) reads a relation \
             that is not loaded",
        ));
    }
    Ok(Lazy::WriteOnly)
}

impl<'py> Context<'_, 'py> {
    /// Reads one declaration into the plan.
    pub(super) fn read(&self, declared: &Declared<'py>, plan: &mut Plan) -> PyResult<()> {
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
            (Value::Column(_) | Value::Property(_), _) => false,
            (Value::Bare(_), Some(annotation)) => !matches!(annotation.inner, Inner::Type(_)),
            (Value::Bare(_), None) => false,
        };
        let read = match is_relation {
            false if matches!(declared.value, Value::Property(_)) => {
                self.property(py, declared, annotation).map(|column| plan.columns.push(column))
            }
            true => self.relation(declared, annotation).map(|relation| plan.relations.push(relation)),
            false => self.column(py, declared, annotation).map(|column| plan.columns.push(column)),
        };
        read.map_err(|error| place(self.class, name, error, py))
    }

    /// A column of a table without a class.
    pub(super) fn table_column(&self, declared: &Declared<'py>) -> PyResult<Column> {
        let py = declared.names.py();
        self.column(py, declared, None).map_err(|error| place(self.class, &declared.name, error, py))
    }

    fn column(
        &self,
        py: Python<'py>,
        declared: &Declared<'py>,
        annotation: Option<Annotation<'py>>,
    ) -> PyResult<Column> {
        let bare = MappedColumn::bare().object(py)?;
        let carried = annotation.as_ref().and_then(|annotation| annotation.column.clone());
        let (options, plain) = match &declared.value {
            Value::Column(column) => (column.clone(), None),
            Value::Bare(plain) => (carried.unwrap_or(bare), plain.clone()),
            Value::Relation(_) | Value::Property(_) => (bare, None),
        };
        let options = options.get();
        let (column_type, conversion) = self.type_of(py, options, annotation.as_ref())?;
        let default = match plain {
            Some(value) => ClientDefault::Value(value.unbind()),
            None => options.default.clone_ref(py),
        };
        let optional = annotation.as_ref().is_none_or(|annotation| annotation.optional);
        let field = Field {
            column: options.name.clone().unwrap_or_else(|| declared.name.clone()),
            nullable: !options.primary_key
                && options.nullable.unwrap_or(optional)
                && options.identity.is_none(),
            primary_key: options.primary_key,
            unique: options.unique,
            index: options.index,
            autoincrement: options.autoincrement.unwrap_or(false),
            default: match (&options.server_default, default.object()) {
                (None, None) if let Some(sequence) = &options.sequence => {
                    FieldDefault::Sequence(Arc::clone(&sequence.get().0))
                }
                (Some(ServerValue::Default(expr)), _) => FieldDefault::Server(constant(expr, &column_type)?),
                (Some(ServerValue::Insert(expr)), _) => {
                    FieldDefault::Expression(constant(expr, &column_type)?)
                }
                (Some(ServerValue::Fetched), _) => FieldDefault::Fetched,
                (None, Some(_)) => FieldDefault::Client,
                (None, None) => FieldDefault::None,
            },
            computed: options.computed.as_ref().map(|computed| computed.get().0.clone()),
            identity: options.identity.as_ref().map(|identity| identity.get().0),
            on_update: match &options.on_update {
                Renewal::Keep => OnUpdate::Keep,
                Renewal::Value(_) | Renewal::Callable(_) => OnUpdate::Client,
                Renewal::Sql(expr) => OnUpdate::Sql(constant(expr, &column_type)?),
                Renewal::Fetched => OnUpdate::Fetched,
            },
            foreign_key: options.foreign_key.as_ref().map(|key| key.get().0.clone()),
            comment: options.comment.clone(),
            renamed_from: options.renamed_from.clone(),
            deferred: options.deferred,
            deferred_group: options.deferred_group.clone(),
            decorated: conversion.as_deref().is_some_and(Conversion::is_decorated),
            ..Field::new(declared.name.clone(), column_type)
        };
        if field.autoincrement && !field.column_type.is_integer() {
            return Err(mapping("autoincrement=True needs an integer column"));
        }
        check_generated(&field, default.object().is_some(), options.sequence.is_some())?;
        let mut checks: Vec<Constraint> = options.checks.iter().map(|check| check.get().def()).collect();
        if let (None, Some(Inner::Type(class))) =
            (&options.column_type, annotation.as_ref().map(|annotation| &annotation.inner))
            && matches!(field.column_type, ColumnType::VarChar(_))
            && let Some(labels) = annotation::literals(class)?
        {
            checks.push(one_of(&field.column, &labels)?);
        }
        let (autoincrement, sort_order) = (options.autoincrement, options.sort_order);
        let renewal = match &options.on_update {
            Renewal::Value(value) => Some(ClientDefault::Value(value.clone_ref(py))),
            Renewal::Callable(callable) => Some(ClientDefault::Callable(callable.clone_ref(py))),
            _ => None,
        };
        Ok(Column {
            field,
            default,
            renewal,
            conversion,
            checks,
            autoincrement,
            sort_order,
            inherited: false,
            property: None,
            notes: options.notes.clone_ref(py),
        })
    }

    fn property(
        &self,
        py: Python<'py>,
        declared: &Declared<'py>,
        annotation: Option<Annotation<'py>>,
    ) -> PyResult<Column> {
        let Value::Property(property) = &declared.value else {
            return Err(mapping("no property"));
        };
        let bare = MappedColumn::bare();
        let any = py.import("typing")?.getattr("Any")?;
        let says_nothing =
            |annotation: &Annotation<'py>| matches!(&annotation.inner, Inner::Type(class) if class.is(&any));
        let annotation = annotation.filter(|annotation| !says_nothing(annotation));
        let typed = annotation.map(|annotation| {
            let options = annotation.column.as_ref().map_or(&bare, |carried| carried.get());
            self.type_of(py, options, Some(&annotation))
        });
        let typed = typed.transpose()?;
        Ok(properties::column(py, &declared.name, property.get(), typed))
    }

    fn type_of(
        &self,
        py: Python<'py>,
        options: &MappedColumn,
        annotation: Option<&Annotation<'py>>,
    ) -> PyResult<(ColumnType, Option<Arc<Conversion>>)> {
        let (found, conversion) = match (&options.column_type, annotation.map(|annotation| &annotation.inner))
        {
            (Some(given), inner) => match (annotation::parts(given.bind(py)), inner) {
                ((ColumnType::Json, None), Some(Inner::Type(class))) => {
                    (ColumnType::Json, annotation::document(class)?)
                }
                (given, _) => given,
            },
            (None, Some(Inner::Type(class))) => {
                let map = self.map.as_ref();
                let named = annotation.and_then(|annotation| annotation.mapped(map));
                annotation::column_type(named.unwrap_or(class), map)?
            }
            (None, Some(Inner::Name { name, .. })) => {
                return Err(mapping(format!("the annotation names `{name}`, which is not defined")));
            }
            (None, Some(Inner::Model { .. })) => {
                return Err(mapping(
                    "the annotation names a mapped class: use relationship(), not mapped_column()",
                ));
            }
            // Of a table without a class: the type of what it refers to, known when that is.
            (None, None) if options.foreign_key.is_some() && self.own.is_empty() => {
                (ColumnType::Integer, None)
            }
            (None, None) => {
                return Err(mapping("a column needs a type: annotate it with Mapped[..] or give it one"));
            }
        };
        match (found, options.max_length) {
            (ColumnType::Text | ColumnType::VarChar(_), Some(length)) => {
                Ok((ColumnType::VarChar(length), conversion))
            }
            (_, Some(_)) => Err(mapping("max_length is for text")),
            (found, None) => Ok((found, conversion)),
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
        let is_write_only = annotation.as_ref().is_some_and(|annotation| annotation.write_only);
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
        let mut late = None;
        let secondary = match &options.secondary {
            None => None,
            Some(SecondaryTable::Name(name)) => Some(Secondary::Table(table_named(name))),
            Some(SecondaryTable::Object(object)) => {
                late = Some(object.clone_ref(py));
                None // known when the class is made
            }
        };
        let def = RelationDef {
            many: if options.secondary.is_some() { many.or(Some(true)) } else { many },
            secondary,
            foreign_keys: self.column_names(py, known(&options.foreign_keys))?,
            back_populates: options.back_populates.clone(),
            order_by: self.column_names(py, known(&options.order_by))?,
            cascade: options.cascade,
            lazy: lazy_of(options, is_write_only, many)?,
            inner_join: options.inner_join,
            remote_side: self.column_names(py, known(&options.remote_side))?,
            passive_deletes: options.passive_deletes,
            post_update: options.post_update,
            view_only: options.view_only,
            single_parent: options.single_parent,
            ..RelationDef::new(declared.name.clone(), target)
        };
        let mut columns = LateColumns::default();
        columns.collect(py, ColumnsOf::ForeignKeys, &options.foreign_keys);
        columns.collect(py, ColumnsOf::RemoteSide, &options.remote_side);
        columns.collect(py, ColumnsOf::OrderBy, &options.order_by);
        if options.single_parent && options.secondary.is_some() {
            return Err(unsupported(
                format!("relationship(single_parent=True) of {}", declared.name),
                "give the members a foreign key instead of a junction: each has one parent then",
            ));
        }
        let joins = [&options.primary_join, &options.secondary_join];
        let joins = joins.map(|join| join.as_ref().map(|join| self.own_join(py, join)).transpose());
        let [primary, secondary] = joins;
        Ok(Relation {
            def,
            target: asked,
            secondary: late,
            joins: [primary?, secondary?],
            late: columns,
            cascade: options.cascade_text.clone(),
            notes: options.notes.clone_ref(py),
        })
    }

    /// A join; a condition on a column of this class body knows its name now.
    fn own_join(&self, py: Python<'py>, join: &RelationJoin) -> PyResult<RelationJoin> {
        if let RelationJoin::Object(object) = join
            && let Ok(condition) = object.bind(py).cast::<JoinCondition>()
        {
            let given = [ColumnName::Declared(condition.get().column.clone_ref(py))];
            let own = self.column_names(py, &given)?.remove(0);
            return Ok(RelationJoin::Object(condition.get().named(py, own)?));
        }
        Ok(join.clone_ref(py))
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

    /// Names of columns, with that of the class where it is known; those that were given as declarations are found in the
    /// class body.
    fn column_names<'a>(
        &self,
        py: Python<'py>,
        columns: impl IntoIterator<Item = &'a ColumnName>,
    ) -> PyResult<Vec<String>> {
        let name = |column: &ColumnName| match column {
            ColumnName::Name(name) => Ok(name.clone()),
            ColumnName::Declared(given) => {
                let is_it =
                    |value: &Value<'py>| matches!(value, Value::Column(column) if column.is(given.bind(py)));
                let found = self.own.iter().find(|declared| is_it(&declared.value));
                found
                    .map(|declared| format!("{}.{}", self.class, declared.name))
                    .ok_or_else(|| mapping("a relation names a column that is not of this class body"))
            }
        };
        columns.into_iter().map(name).collect()
    }
}

/// The columns that are named already.
fn known(columns: &[RelationColumn]) -> impl Iterator<Item = &ColumnName> {
    columns.iter().filter_map(|column| match column {
        RelationColumn::Known(name) => Some(name),
        RelationColumn::Late(_) => None,
    })
}

/// The CHECK of a column that holds one of these texts.
fn one_of(column: &str, labels: &[String]) -> PyResult<Constraint> {
    // Both dialects quote alike.
    let column = quote::identifier([column], &Dialect::POSTGRES).map_err(to_python)?;
    let labels: Vec<String> = labels.iter().map(|label| format!("'{}'", label.replace('\'', "''"))).collect();
    Ok(Constraint::Check { name: None, condition: format!("{column} IN ({})", labels.join(", ")) })
}

/// SQL that depends on no row.
fn constant(expr: &CoreExpr, column_type: &ColumnType) -> PyResult<ServerDefault> {
    ormkit_core::sql::server_default(expr, column_type).map_err(|error| mapping(error.to_string()))
}

/// Refuses what contradicts a column that the database writes.
fn check_generated(field: &Field, has_default: bool, has_sequence: bool) -> PyResult<()> {
    if has_sequence && !(matches!(field.default, FieldDefault::Sequence(_)) && field.column_type.is_integer())
    {
        return Err(mapping(
            "a Sequence numbers a column of integers without another default: INSERT asks it, leave server_default= out",
        ));
    }
    let has_default = has_default || field.default != FieldDefault::None;
    let is_renewed = field.on_update != OnUpdate::Keep;
    if field.computed.is_some() && (has_default || is_renewed || field.identity.is_some()) {
        return Err(mapping(
            "a Computed column has no default, onupdate or Identity: the database writes it",
        ));
    }
    if field.identity.is_some() && has_default {
        return Err(mapping("an Identity column has no default: the database numbers it"));
    }
    if field.identity.is_some() && !field.column_type.is_integer() {
        return Err(mapping("Identity() needs an integer column"));
    }
    Ok(())
}

fn py_bool(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// `"app.links"` names a table of the schema `app`.
pub(super) fn table_named(name: &str) -> TableName {
    let (schema, name) = match name.rsplit_once('.') {
        Some((schema, name)) => (Some(schema.to_owned()), name),
        None => (None, name),
    };
    TableName { schema, name: name.to_owned() }
}

/// `"models.Post"` names `Post`.
pub(super) fn last_part(name: &str) -> String {
    name.rsplit('.').next().unwrap_or(name).trim().to_owned()
}

pub(super) fn model_of(class: &Bound<'_, PyType>) -> PyResult<ModelId> {
    match instance::class_table(class) {
        Ok(table) => Ok(table.model),
        Err(_) => {
            Err(mapping(format!("`{}` is not mapped: a relation needs a class with a table", class.name()?)))
        }
    }
}
