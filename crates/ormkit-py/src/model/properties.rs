//! `column_property`: expressions of a class body become properties of the model.
use super::Attribute;
use super::collect::{Declared, Value};
use super::plan::{Column, Plan};
use super::raise::{Mistake, mapping, to_python};
use super::registry;
use crate::convert::Conversion;
use crate::expr::{DeclaredColumns, Expr, Told, is_text};
use crate::fields::{ClientDefault, ColumnProperty, MappedColumn, RelationshipDecl};
use crate::instance;
use crate::query::Select;
use ormkit_core::model::{ColumnType, Field, FieldId, ModelId, Property, Schema};
use ormkit_core::query::{Column as CoreColumn, ColumnTypes, Expr as CoreExpr, Form, Source, Whose};
use ormkit_core::value::SqlType;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Properties whose expressions a callable answers, asked when all classes are there.
static WAITING: Mutex<Vec<(ModelId, FieldId, Py<PyAny>)>> = Mutex::new(Vec::new());
static IS_WAITING: AtomicBool = AtomicBool::new(false);

/// A property as a column of the plan; its expression is read when all columns have their places.
pub(super) fn column(
    py: Python<'_>,
    name: &str,
    declared: &ColumnProperty,
    annotated: Option<(ColumnType, Option<Arc<Conversion>>)>,
) -> Column {
    let is_typed = annotated.is_some();
    let (column_type, conversion) = annotated.unwrap_or((ColumnType::Text, None));
    let field = Field {
        deferred: declared.deferred,
        deferred_group: declared.deferred_group.clone(),
        property: Some(Arc::new(Property::undefined())),
        decorated: conversion.as_deref().is_some_and(Conversion::is_decorated),
        ..Field::new(name, column_type)
    };
    let expression = declared.expression.clone_ref(py);
    let notes = declared.notes.clone_ref(py);
    Column {
        property: Some(Pending { expression, is_typed }),
        notes,
        conversion,
        ..Column::of(field, ClientDefault::None)
    }
}

/// The expression of a property that is not read yet.
pub(super) struct Pending {
    expression: Py<PyAny>,
    /// The annotation says its type.
    is_typed: bool,
}

/// The placeholders of declared columns and the attributes that they stand for.
pub(super) fn placeholders(declared: &[Declared<'_>]) -> Vec<(String, String)> {
    let placeholder = |declared: &Declared<'_>| match &declared.value {
        Value::Column(column) => Some((column.get().placeholder(), declared.name.clone())),
        _ => None,
    };
    declared.iter().filter_map(placeholder).collect()
}

/// Reads the expressions of a class's own properties. Those of callables are left for later, and are answered.
///
/// # Errors
/// An expression on what is no column of the class; a type that nobody knows.
pub(super) fn define(plan: &mut Plan, class: &Bound<'_, PyType>) -> PyResult<Vec<(FieldId, Py<PyAny>)>> {
    let py = class.py();
    let mut late = Vec::new();
    let above = above(class)?;
    check_numbers(plan, &above)?;
    for at in 0..plan.columns.len() {
        let Some(pending) = plan.columns[at].property.take() else { continue };
        let place = format!("{}.{}", plan.def.name, plan.columns[at].field.name);
        let given = pending.expression.bind(py);
        let Some(expr) = core_of(given)? else {
            if !pending.is_typed {
                return Err(mapping(format!(
                    "{place}: the type of what a callable answers is not known: annotate it, Mapped[int]"
                )));
            }
            late.push((FieldId(at as u16), pending.expression));
            continue;
        };
        let expr = placed(plan, &above, expr, &place)?;
        if let Some((column_type, conversion)) = kept_type(py, plan, &expr) {
            if conversion.is_some() || !pending.is_typed {
                (plan.columns[at].field.column_type, plan.columns[at].conversion) = (column_type, conversion);
            }
        } else if !pending.is_typed {
            plan.columns[at].field.column_type = type_of(plan, &expr).ok_or_else(|| {
                mapping(format!("{place}: the type of the expression is not known: annotate it, Mapped[int]"))
            })?;
        }
        let conversion = plan.columns[at].conversion.as_deref();
        plan.columns[at].field.decorated = conversion.is_some_and(Conversion::is_decorated);
        let property = Property::new(expr).map_err(to_python)?;
        plan.columns[at].field.property = Some(Arc::new(property));
    }
    Ok(late)
}

/// The mapped classes that a class extends, the nearest first.
fn above(class: &Bound<'_, PyType>) -> PyResult<Vec<ModelId>> {
    let mut found = Vec::new();
    for ancestor in class.mro().iter().skip(1) {
        if let Ok(table) = instance::class_table(ancestor.cast::<PyType>()?) {
            found.push(table.model);
        }
    }
    Ok(found)
}

/// Properties that are inherited name columns by their numbers: those must be the same here.
fn check_numbers(plan: &Plan, above: &[ModelId]) -> PyResult<()> {
    let Some(parent) = above.first() else { return Ok(()) };
    let (has, names): (bool, Vec<String>) = registry::with_def(*parent, |def| {
        let names = def.fields.iter().map(|field| field.name.clone()).collect();
        (def.fields.iter().any(|field| field.property.is_some()), names)
    });
    let own = plan.columns.iter().map(|column| &column.field.name);
    match has && !names.iter().eq(own.take(names.len())) {
        true => Err(mapping(format!(
            "{}: a column of a class with a column_property is declared again: declare the property again, too",
            plan.def.name
        ))),
        false => Ok(()),
    }
}

/// The expression of the core; None for a callable.
fn core_of(given: &Bound<'_, PyAny>) -> PyResult<Option<CoreExpr>> {
    if let Ok(select) = given.cast::<Select>() {
        return Ok(Some(CoreExpr::Scalar(select.get().shared())));
    }
    match given.cast::<Expr>() {
        Ok(expr) => expr.get().core().cloned().map(Some),
        Err(_) => Ok(None),
    }
}

/// The expression with the class's columns read from the row at hand.
fn placed(plan: &Plan, above: &[ModelId], expr: CoreExpr, place: &str) -> PyResult<CoreExpr> {
    let converted = std::cell::Cell::new(None);
    let fill = |param: &ormkit_core::query::Param| {
        let (_, name) = plan.placeholders.iter().find(|(known, _)| *known == *param.name)?;
        let at = plan.columns.iter().position(|column| column.field.name == *name)?;
        if plan.columns[at].conversion.is_some() {
            converted.set(Some(at));
        }
        Some(CoreExpr::column(Property::ROW, FieldId(at as u16)))
    };
    let is_text = |expr: &CoreExpr| match expr {
        CoreExpr::Column(column) if column.source == Property::ROW => matches!(
            plan.columns[column.field.index()].field.column_type,
            ColumnType::Text | ColumnType::VarChar(_)
        ),
        other => is_text(other),
    };
    let is_alone = matches!(expr, CoreExpr::Param(_));
    let mut expr = expr.filled(&fill, &is_text);
    if let Some(at) = converted.get().filter(|_| !is_alone) {
        let name = &plan.columns[at].field.name;
        return Err(mapping(format!(
            "{place}: how values of `{name}` are converted is not known before the class is made: write \
             column_property(lambda: ..) with attributes of the class, and annotate it"
        )));
    }
    for model in above {
        expr = expr.renamed(Source::plain(*model), Property::ROW);
    }
    Ok(expr)
}

/// The type and conversion of an expression that is a value of a column.
fn kept_type(py: Python<'_>, plan: &Plan, expr: &CoreExpr) -> Option<(ColumnType, Option<Arc<Conversion>>)> {
    let columns = Columns(plan);
    let Some(origin) = expr.origin(&columns) else {
        return match expr {
            CoreExpr::Cast(node) => Some((node.to.clone(), None)),
            CoreExpr::Labelled(node) => kept_type(py, plan, &node.expr),
            _ => None,
        };
    };
    let (column_type, conversion) = match &origin.whose {
        Whose::Column(model, field) => {
            (columns.column_type(*model, *field), columns.conversion(py, *model, *field))
        }
        Whose::Type(of) => {
            let told: &Told = of.host()?;
            (told.column_type().clone(), told.conversion().cloned())
        }
    };
    match origin.form {
        Form::Column | Form::Value => Some((column_type, conversion)),
        Form::Computed => Some((type_of(plan, expr)?, conversion)),
        Form::List => Some((
            ColumnType::Array(Arc::new(column_type)),
            conversion.map(|conversion| conversion.of_list()),
        )),
    }
}

/// The columns of the plan, by the rows of its properties, and those of classes that are there.
struct Columns<'a>(&'a Plan);

impl Columns<'_> {
    fn conversion(&self, py: Python<'_>, model: ModelId, field: FieldId) -> Option<Arc<Conversion>> {
        match model == Property::ROW.model {
            true => self.0.columns[field.index()].conversion.clone(),
            false => registry::conversion(py, model, field),
        }
    }
}

impl ColumnTypes for Columns<'_> {
    fn column_type(&self, model: ModelId, field: FieldId) -> ColumnType {
        match model == Property::ROW.model {
            true => self.0.columns[field.index()].field.column_type.clone(),
            false => DeclaredColumns.column_type(model, field),
        }
    }

    fn is_decorated(&self, model: ModelId, field: FieldId) -> bool {
        match model == Property::ROW.model {
            true => self.0.columns[field.index()].field.decorated,
            false => DeclaredColumns.is_decorated(model, field),
        }
    }
}

/// The type of any other expression, as far as it is known.
fn type_of(plan: &Plan, expr: &CoreExpr) -> Option<ColumnType> {
    let typed = |column: CoreColumn| {
        let of_field = |field: &Field| field.column_type.clone();
        let column_type = match column.source == Property::ROW {
            true => of_field(&plan.columns[column.field.index()].field),
            false => {
                registry::with_def(column.source.model, |def| of_field(&def.fields[column.field.index()]))
            }
        };
        CoreExpr::Null.cast(column_type)
    };
    let bare = expr.with_columns(&typed)?;
    use SqlType as S;
    Some(match bare.sql_type(&Schema::default()) {
        S::Bool => ColumnType::Bool,
        S::SmallInt => ColumnType::SmallInt,
        S::Integer => ColumnType::Integer,
        S::BigInt => ColumnType::BigInt,
        S::Real | S::Double => ColumnType::Double,
        S::Numeric => ColumnType::Numeric(None),
        S::Text => ColumnType::Text,
        S::Bytes => ColumnType::Bytes,
        S::Date => ColumnType::Date,
        S::Time => ColumnType::Time,
        S::Timestamp => ColumnType::Timestamp,
        S::TimestampTz => ColumnType::TimestampTz,
        S::Interval => ColumnType::Interval,
        S::Uuid => ColumnType::Uuid,
        S::Json | S::Jsonb => ColumnType::Json,
        _ => return None,
    })
}

/// Notes what will be asked of callables.
pub(super) fn note(model: ModelId, late: Vec<(FieldId, Py<PyAny>)>) {
    if late.is_empty() {
        return;
    }
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.extend(late.into_iter().map(|(field, callable)| (model, field, callable)));
    IS_WAITING.store(true, Ordering::Release);
}

/// What was not asked yet of a class's property: one that extends it asks the same.
pub(super) fn said(py: Python<'_>, model: ModelId, field: FieldId) -> Option<Pending> {
    let waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    let found = waiting.iter().find(|known| known.0 == model && known.1 == field)?;
    Some(Pending { expression: found.2.clone_ref(py), is_typed: true })
}

/// Asks all that wait; answers what is wrong: what a callable raises, or that it answers no expression. Those of classes that
/// were declared again since are left out. They are asked again by the next call.
pub(super) fn resolve(py: Python<'_>) -> Vec<Mistake> {
    if !IS_WAITING.load(Ordering::Acquire) {
        return Vec::new();
    }
    let waiting = std::mem::take(&mut *WAITING.lock().unwrap_or_else(PoisonError::into_inner));
    let (mut kept, mut mistakes) = (Vec::new(), Vec::new());
    for (model, field, callable) in waiting {
        match answered(py, model, field, &callable) {
            Ok(property) => registry::define(py, model, field, property),
            Err(_) if registry::is_replaced(py, model) => {}
            Err(error) => {
                mistakes.push(Mistake::of_field(model, field, error));
                kept.push((model, field, callable));
            }
        }
    }
    IS_WAITING.store(!kept.is_empty(), Ordering::Release);
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).extend(kept);
    mistakes
}

fn answered(py: Python<'_>, model: ModelId, field: FieldId, callable: &Py<PyAny>) -> PyResult<Property> {
    let answer = callable.bind(py).call0()?;
    let Some(expr) = core_of(&answer)? else {
        let place =
            registry::with_def(model, |def| format!("{}.{}", def.name, def.fields[field.index()].name));
        return Err(mapping(format!(
            "{place}: the callable of column_property() answers {}, not an expression",
            answer.repr()?
        )));
    };
    check_conversion(py, model, field, &expr)?;
    let mut expr = expr.renamed(Source::plain(model), Property::ROW);
    for above in above(registry::mapped_class(py, model).class.bind(py))? {
        expr = expr.renamed(Source::plain(above), Property::ROW);
    }
    Property::new(expr).map_err(to_python)
}

/// What a callable answers has values that are converted by more than its annotation says.
///
/// # Errors
/// `InvalidRequestError`: they would be read as the database has them.
fn check_conversion(py: Python<'_>, model: ModelId, field: FieldId, expr: &CoreExpr) -> PyResult<()> {
    let Some(Whose::Column(of, column)) = expr.origin(&DeclaredColumns).map(|origin| origin.whose) else {
        return Ok(());
    };
    let converted =
        registry::conversion(py, of, column).is_some_and(|own| own.user.is_some() || own.members.is_some());
    if !converted || registry::conversion(py, model, field).is_some() {
        return Ok(());
    }
    let place = |model, field: FieldId| {
        registry::with_def(model, |def| format!("{}.{}", def.name, def.fields[field.index()].name))
    };
    let (this, of) = (place(model, field), place(of, column));
    Err(mapping(format!(
        "{this} has values of {of}, whose type its annotation does not say: Mapped[Annotated[int, mapped_column(Type)]]"
    )))
}

/// What sees a value that is assigned to a property: it refuses it.
#[pyfunction]
pub(super) fn refuse_assignment(
    object: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    value: Bound<'_, PyAny>,
) -> PyResult<()> {
    drop(value);
    Err(PyAttributeError::new_err(format!(
        "{}.{name} is a column_property: it is computed by the database, set the columns that it is made of",
        object.get_type().name()?
    )))
}

/// Refuses declarations that are assigned to a class that is made: its objects have no place for them.
///
/// # Errors
/// `InvalidRequestError` naming what to write instead.
#[pyfunction]
pub(crate) fn check_assignment(
    class: &Bound<'_, PyType>,
    name: &Bound<'_, PyString>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let is_declaration = value.is_instance_of::<MappedColumn>() && !value.is_instance_of::<Attribute>();
    let instead = if value.is_instance_of::<ColumnProperty>() {
        format!("{name}: Mapped[..] = column_property(lambda: ..), which is asked when all classes are there")
    } else if is_declaration {
        format!("{name}: Mapped[..] = mapped_column(..)")
    } else if value.is_instance_of::<RelationshipDecl>() {
        format!("{name}: Mapped[\"Target\"] = relationship(..), whose target may be declared later")
    } else {
        return Ok(());
    };
    Err(mapping(format!(
        "{}.{name}: the class is made and its objects have no place for another attribute: write in its body {instead}",
        class.name()?
    )))
}
