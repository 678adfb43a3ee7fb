//! `polymorphic_on`, `polymorphic_identity`: classes that share the rows of the class that they extend.
use super::collect::Declared;
use super::making::Making;
use super::mapper::{self, Options};
use super::options::column_named;
use super::plan::{Column, Plan};
use super::raise::{mapping, to_python, unsupported};
use super::registry;
use crate::convert::Conversion;
use crate::fields::{ClientDefault, MappedColumn};
use crate::instance;
use crate::model::Attribute;
use ormkit_core::error::Error;
use ormkit_core::model::{ColumnType, Constraint, FieldDefault, FieldId, Kinship, Mark, ModelDef, OwnTable};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyString, PyType};
use std::sync::Arc;

/// What the class is to those that it shares rows with.
pub(super) struct Kin {
    pub(super) kinship: Kinship,
    /// Column by column of its own table how values are converted, where it has one.
    pub(super) conversions: Vec<Option<Arc<Conversion>>>,
}

/// True where a class begins a family or is of one: those that extend it are, too.
pub(super) fn is_kin(class: &Bound<'_, PyType>) -> PyResult<bool> {
    Ok(registry::is_kin(class.py(), instance::class_table(class)?.model))
}

/// Reads the options that say of which family a class is, and gives its own columns their place.
///
/// # Errors
/// An option that does not fit the class, a column that the class it extends has already, a table of its own whose key does
/// not refer to that class.
pub(super) fn apply(
    plan: &mut Plan,
    making: &Bound<'_, Making>,
    declared: &[Declared<'_>],
    parent: Option<&Bound<'_, PyType>>,
) -> PyResult<()> {
    let py = making.py();
    let options = mapper::options(plan, making)?;
    let class = plan.def.name.clone();
    let parent = parent.map(|parent| Ok::<_, PyErr>((instance::class_table(parent)?.model, is_kin(parent)?)));
    let parent = parent.transpose()?;
    let Some((above, _)) = parent.filter(|(_, is_kin)| *is_kin) else {
        return begin(plan, &options, declared, parent.is_some());
    };
    if options.on.is_some() {
        return Err(unsupported(
            format!("{class}.__mapper_args__[\"polymorphic_on\"] beside that of the class it extends"),
            "the first class of a family says it",
        ));
    }
    let (name, above_table, known) = registry::with_def(above, |def| {
        let known: Vec<String> = def.fields.iter().map(|field| field.name.clone()).collect();
        (def.name.clone(), def.table.clone(), known)
    });
    let has_table = plan.def.table != above_table;
    let is_again = |column: &&Column| {
        let is_key = has_table && column.field.primary_key;
        !column.inherited && !is_key && known.contains(&column.field.name)
    };
    if let Some(column) = plan.columns.iter().find(is_again) {
        return Err(mapping(format!(
            "{class}.{}: {name} has that column; rows of both are read together, so it cannot be another one here",
            column.field.name
        )));
    }
    let root = registry::discriminator(py, above);
    let mark = mark(plan, root, &options, false)?;
    let joined = if has_table { Some(own_table(plan)?) } else { None };
    let (joined, conversions) = joined.map_or((None, Vec::new()), |(table, own)| (Some(table), own));
    let kinship = Kinship { parent: Some(above), discriminator: None, mark, joined };
    plan.kin = Some(Kin { kinship, conversions });
    Ok(())
}

/// The first class of a family, if it is one.
fn begin(plan: &mut Plan, options: &Options<'_>, declared: &[Declared<'_>], extends: bool) -> PyResult<()> {
    let class = plan.def.name.clone();
    let Some(on) = &options.on else {
        return match options.identity.is_some() || options.is_abstract {
            true => Err(mapping(format!(
                "{class}: polymorphic_identity needs a polymorphic_on in the __mapper_args__ of the class that the \
                 family begins with"
            ))),
            false => Ok(()),
        };
    };
    if extends {
        return Err(unsupported(
            format!("{class}.__mapper_args__[\"polymorphic_on\"] below a mapped class without one"),
            "give it to the first class of the family",
        ));
    }
    let name = if let Ok(column) = on.cast::<MappedColumn>() {
        column_named(&class, declared)(column)?
    } else if let Ok(attribute) = on.cast::<Attribute>() {
        attribute.get().name().to_owned()
    } else {
        on.extract().map_err(|_| {
            let instead = "name the column that holds it, or declare a column that is computed";
            unsupported(format!("{class}: polymorphic_on as an expression"), instead)
        })?
    };
    let at = plan.columns.iter().position(|column| column.field.name == name || column.field.column == name);
    let Some(at) = at else {
        let known: Vec<String> = plan.columns.iter().map(|column| column.field.name.clone()).collect();
        return Err(to_python(Error::unknown_name("column", &name, class, known.iter().map(String::as_str))));
    };
    let column = &plan.columns[at];
    let has_kind =
        matches!(column.field.column_type, ColumnType::Enum(_) | ColumnType::Text | ColumnType::VarChar(_))
            || column.field.column_type.is_integer();
    let has_user = column.conversion.as_ref().is_some_and(|own| own.user.is_some());
    if !has_kind || has_user || column.field.deferred || column.field.primary_key {
        return Err(mapping(format!(
            "{class}.{name}: polymorphic_on is a plain column of text, whole numbers or an Enum"
        )));
    }
    let discriminator = FieldId(at as u16);
    let mark = mark(plan, discriminator, options, true)?;
    let kinship = Kinship { parent: None, discriminator: Some(discriminator), mark, joined: None };
    plan.kin = Some(Kin { kinship, conversions: Vec::new() });
    Ok(())
}

/// What the discriminator holds for the class; new objects have it from the beginning.
fn mark(
    plan: &mut Plan,
    discriminator: FieldId,
    options: &Options<'_>,
    is_first: bool,
) -> PyResult<Option<Mark>> {
    let class = &plan.def.name;
    let column = &mut plan.columns[discriminator.index()];
    let Some(identity) = &options.identity else {
        if options.is_abstract || is_first {
            return Ok(None);
        }
        return Err(mapping(format!(
            "{class} needs a polymorphic_identity in its __mapper_args__, or \"polymorphic_abstract\": True"
        )));
    };
    let place = format!("{class}.__mapper_args__[\"polymorphic_identity\"]");
    let mark = if let ColumnType::Enum(labels) = &column.field.column_type {
        let shown = |name: &str| identity.getattr_opt(name).ok().flatten()?.extract::<String>().ok();
        let candidates = [identity.extract::<String>().ok(), shown("value"), shown("name")];
        let label = candidates.into_iter().flatten().find(|label| labels.labels.contains(label));
        label.map(Mark::Text).ok_or_else(|| mapping(format!("{place} is no value of {}", labels.name)))?
    } else if column.field.column_type.is_integer() {
        let number = identity.cast::<PyInt>().ok().filter(|number| !number.is_instance_of::<PyBool>());
        let number = number.ok_or_else(|| mapping(format!("{place} is an int, as its column is")))?;
        Mark::Int(number.extract()?)
    } else {
        let text = identity.cast::<PyString>();
        Mark::Text(text.map_err(|_| mapping(format!("{place} is a str, as its column is")))?.to_str()?.into())
    };
    let is_said =
        !matches!(column.default, ClientDefault::None) || column.field.default != FieldDefault::None;
    if is_said && !column.inherited {
        return Err(mapping(format!(
            "{class}.{}: a column that tells of which class a row is takes no default",
            column.field.name
        )));
    }
    column.field.default = FieldDefault::Client;
    column.default = ClientDefault::Value(identity.clone().unbind());
    Ok(Some(mark))
}

/// Moves the class's own columns to a table of their own. Its key holds what that of the class it extends does.
fn own_table(plan: &mut Plan) -> PyResult<(OwnTable, Vec<Option<Arc<Conversion>>>)> {
    let class = plan.def.name.clone();
    let key_of_class: Vec<usize> =
        positions(&plan.columns, |column| column.inherited && column.field.primary_key);
    let own_key = positions(&plan.columns, |column| !column.inherited && column.field.primary_key);
    let refers = |column: &Column| {
        let in_constraint = |constraint: &Constraint| matches!(constraint, Constraint::ForeignKey { columns, .. } if columns.contains(&column.field.column));
        column.field.foreign_key.is_some() || plan.def.constraints.iter().any(in_constraint)
    };
    if own_key.len() != key_of_class.len() || !own_key.iter().all(|at| refers(&plan.columns[*at])) {
        return Err(mapping(format!(
            "{class} has the table `{}` and extends a mapped class: its key refers to that class, as in \
             id: Mapped[int] = mapped_column(ForeignKey(\"{}.id\"), primary_key=True)",
            plan.def.table.name,
            registry_table(plan)
        )));
    }
    let rest = positions(&plan.columns, |column| {
        !column.inherited && !column.field.primary_key && column.field.property.is_none()
    });
    let order: Vec<usize> = own_key.iter().chain(&rest).copied().collect();
    let def = ModelDef {
        fields: order.iter().map(|at| plan.columns[*at].field.clone()).collect(),
        relations: Vec::new(),
        ..plan.def.clone()
    };
    let conversions = order.iter().map(|at| plan.columns[*at].conversion.clone()).collect();
    let names: Vec<String> = plan
        .columns
        .iter()
        .filter(|column| column.inherited)
        .map(|column| column.field.name.clone())
        .collect();
    for column in &mut plan.columns {
        if !column.inherited && column.field.primary_key {
            // The class has its key from the class that it extends; this one is another name of it.
            column.field.primary_key = false;
            column.field.foreign_key = None;
            column.field.autoincrement = false;
            column.field.nullable = true;
        }
    }
    plan.columns.retain(|column| column.inherited || !names.contains(&column.field.name));
    plan.def.fields = plan.columns.iter().map(|column| column.field.clone()).collect();
    plan.def.constraints.clear();
    plan.def.indexes.clear();
    let key = key_of_class.into_iter().map(|at| FieldId(at as u16)).collect();
    Ok((OwnTable { def, key }, conversions))
}

fn registry_table(plan: &Plan) -> String {
    plan.above.as_ref().map_or_else(|| "parent".to_owned(), |table| table.name.clone())
}

fn positions(columns: &[Column], wanted: impl Fn(&Column) -> bool) -> Vec<usize> {
    columns.iter().enumerate().filter(|(_, column)| wanted(column)).map(|(at, _)| at).collect()
}
