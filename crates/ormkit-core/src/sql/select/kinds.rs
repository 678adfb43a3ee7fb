//! Objects of a family: what their rows hold beyond the columns of the class that is asked for.

use std::sync::Arc;

use super::super::SqlWriter;
use super::Layout;
use crate::error::{Error, ErrorKind};
use crate::model::{FieldId, Model, ModelId, Schema};
use crate::plan::{Kind, Kinds, Output};
use crate::query::Source;
use crate::sql::expr::INNER;

/// Writes the columns of an object. `is_whole`: those that only some classes of its family have, too, also where they stand
/// in other tables if `widens`.
pub(super) fn entity(
    out: &mut SqlWriter<'_>,
    source: Source,
    fields: Vec<FieldId>,
    (is_whole, widens): (bool, bool),
    layout: &mut Layout,
) {
    let schema = out.schema();
    let model = schema.model(source.model);
    out.list(&fields, |out, field| match model.property(*field) {
        None => out.column(source, *field),
        Some(property) => out.selected_property(property, source),
    });
    let from = layout.types.len();
    layout.types.extend(fields.iter().map(|field| model.field(*field).column_type.sql_type()));
    let kinds = kinds(out, source, &fields, from, (is_whole, widens), layout);
    layout.outputs.push(Output::Entity { model: source.model, fields, from, kinds });
}

/// What tells of which class objects are that are made of derived rows or of a text, where nothing but `fields` is known.
/// A family whose rows do not say it is refused.
pub(super) fn told(
    out: &mut SqlWriter<'_>,
    model: &Model,
    fields: &[FieldId],
    from: usize,
) -> Option<Arc<Kinds>> {
    let schema = out.schema();
    let family = model.family.as_ref()?;
    let Some(at) = fields.iter().position(|field| *field == family.discriminator) else {
        out.fail(Error::new(ErrorKind::Programming(format!(
            "objects of {} are read from rows without {}, which says of which class they are: select it, too",
            model.name(),
            model.place(family.discriminator)
        ))));
        return None;
    };
    let each = std::iter::once(model.id).chain(family.below.iter().copied()).filter_map(|id| {
        let mark = schema.model(id).family.as_ref()?.mark.clone()?;
        Some(Kind { mark, model: id, more: Vec::new() })
    });
    Some(Arc::new(Kinds { cell: from + at, each: each.collect() }))
}

fn kinds(
    out: &mut SqlWriter<'_>,
    source: Source,
    fields: &[FieldId],
    from: usize,
    whole: (bool, bool),
    layout: &mut Layout,
) -> Option<Arc<Kinds>> {
    let schema = out.schema();
    let model = schema.model(source.model);
    let family = model.family.as_ref().filter(|_| layout.whole)?;
    let cell = from + fields.iter().position(|field| *field == family.discriminator)?;
    // By class, so that one that extends another finds its cells.
    let mut runs: Vec<(ModelId, Vec<FieldId>, usize)> = Vec::new();
    for class in read_along(schema, model, whole) {
        let own = own_fields(class);
        let first = layout.types.len();
        for field in &own {
            out.push(", ");
            match class.property(*field) {
                None => out.kind_column(source, class, *field),
                Some(property) => out.selected_property(property, Source { model: class.id, ..source }),
            }
            layout.types.push(class.field(*field).column_type.sql_type());
        }
        runs.push((class.id, own, first));
    }
    let each = std::iter::once(model.id).chain(family.below.iter().copied()).filter_map(|id| {
        let class = schema.model(id);
        let known = class.family.as_ref()?;
        let of_class = runs.iter().filter(|(of, own, _)| class.is_a(*of) && !own.is_empty());
        let more = of_class.map(|(_, own, first)| (own.clone(), *first)).collect();
        Some(Kind { mark: known.mark.clone()?, model: id, more })
    });
    Some(Arc::new(Kinds { cell, each: each.collect() }))
}

/// The classes below one whose own columns are read with it.
fn read_along<'a>(
    schema: &'a Schema,
    model: &'a Model,
    (is_whole, widens): (bool, bool),
) -> impl Iterator<Item = &'a Model> {
    let below = model.family.iter().filter(move |_| is_whole).flat_map(|family| &family.below);
    let classes = below.map(|id| &**schema.model(*id));
    classes.filter(move |class| widens || class.table() == model.table())
}

/// Writes the columns that only some classes of a family have, each once, as columns of a subquery.
pub(super) fn columns(out: &mut SqlWriter<'_>, source: Source, whole: (bool, bool)) {
    let schema = out.schema();
    let mut seen: Vec<String> = Vec::new();
    for class in read_along(schema, schema.model(source.model), whole) {
        for field in own_fields(class).into_iter().filter(|field| class.property(*field).is_none()) {
            let name = shown_column(schema, source, class, field);
            if !seen.contains(&name) {
                out.push(", ");
                out.kind_column(source, class, field);
                seen.push(name);
            }
        }
    }
}

/// True where a class is read from more than its own table; `is_wide`: together with those below it.
pub(in crate::sql) fn is_joined(schema: &Schema, model: &Model, is_wide: bool) -> bool {
    let is_elsewhere = |id: &ModelId| schema.model(*id).table() != model.table();
    let below = model.family.iter().flat_map(|family| &family.below);
    !model.parts().is_empty() || (is_wide && below.into_iter().any(is_elsewhere))
}

/// Writes the tables of a class as one, in which each column has its name: `(SELECT … FROM employees JOIN managers ON …)`.
pub(in crate::sql) fn joined_tables(out: &mut SqlWriter<'_>, source: Source, is_wide: bool) {
    let schema = out.schema();
    let model = schema.model(source.model);
    out.push("(SELECT ");
    let mut tables: Vec<&Model> = model.parts().iter().map(|part| &**schema.model(part.model)).collect();
    if tables.is_empty() {
        tables.push(model);
    }
    let first = tables[0];
    let mut names = Vec::new();
    for field in model.field_ids().filter(|field| model.property(*field).is_none()) {
        let column = &model.field(field).column;
        let part = model.parts().iter().enumerate().find_map(|(at, part)| {
            let known =
                part.fields.iter().find(|(of_class, _)| *of_class == field).map(|(_, column)| *column);
            let mirror = || part.mirrors.iter().position(|mirror| *mirror == field);
            Some((tables[at], known.or_else(|| mirror().map(|at| FieldId(at as u16)))?))
        });
        let (table, of_table) = part.unwrap_or((first, field));
        list(out, &mut names, (table, of_table), column.clone());
    }
    let mut others: Vec<&Model> = Vec::new();
    for class in read_along(schema, model, (true, is_wide)) {
        let table = class.parts().last().map_or(class, |part| &**schema.model(part.model));
        if table.table() != model.table() && !others.iter().any(|known| known.table() == table.table()) {
            others.push(table);
        }
        for field in own_fields(class).into_iter().filter(|field| class.property(*field).is_none()) {
            let column = &class.field(field).column;
            let Some(of_table) = table.find_column(column) else { continue };
            list(out, &mut names, (table, of_table), shown_column(schema, source, class, field));
        }
    }
    out.push(" FROM ");
    out.table(first.table());
    let joins = tables.iter().skip(1).map(|table| (INNER, *table));
    for (words, table) in joins.chain(others.into_iter().map(|table| (" LEFT OUTER JOIN ", table))) {
        out.push(words);
        out.table(table.table());
        out.push(" ON ");
        for (at, (own, of_first)) in table.key.iter().zip(&first.key).enumerate() {
            out.push(if at > 0 { " AND " } else { "" });
            qualified(out, table, *own);
            out.push(" = ");
            qualified(out, first, *of_first);
        }
    }
    out.push(")");
}

/// Writes a column of one of the tables under a name, unless it is there already.
fn list<'a>(
    out: &mut SqlWriter<'_>,
    names: &mut Vec<(String, &'a Model, FieldId)>,
    (table, field): (&'a Model, FieldId),
    name: String,
) {
    if let Some((_, other, known)) = names.iter().find(|(known, ..)| *known == name) {
        if (other.table(), *known) != (table.table(), field) {
            out.fail(Error::new(ErrorKind::Programming(format!(
                "two columns of a family would be called `{name}` when its tables are read together: call one otherwise"
            ))));
        }
        return;
    }
    out.push(if names.is_empty() { "" } else { ", " });
    qualified(out, table, field);
    if table.field(field).column != name {
        out.push(" AS ");
        out.name(&name);
    }
    names.push((name, table, field));
}

fn qualified(out: &mut SqlWriter<'_>, table: &Model, field: FieldId) {
    out.name(&table.table().name);
    out.push(".");
    out.name(&table.field(field).column);
}

/// The fields of a class that the class it extends does not have, as far as they are read by default.
pub(in crate::sql) fn own_fields(class: &Model) -> Vec<FieldId> {
    let own = class.family.as_ref().map_or(0, |family| family.own);
    class.field_ids().skip(own).filter(|field| !class.field(*field).deferred).collect()
}

/// What the column of a class is called among those of a table of the class that it extends.
pub(in crate::sql) fn shown_column(schema: &Schema, source: Source, class: &Model, field: FieldId) -> String {
    let column = &class.field(field).column;
    match class.table() == schema.model(source.model).table() {
        true => column.clone(),
        false => format!("{}_{column}", class.table().name),
    }
}
