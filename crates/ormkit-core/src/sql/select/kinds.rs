//! Objects of a family: what their rows hold beyond the columns of the class that is asked for.

use std::sync::Arc;

use super::super::SqlWriter;
use super::Layout;
use crate::model::{FieldId, Model, ModelId, Schema};
use crate::plan::{Kind, Kinds, Output};
use crate::query::Source;

/// Writes the columns of an object. `is_whole`: those that only some classes of its family have, too.
pub(super) fn entity(
    out: &mut SqlWriter<'_>,
    source: Source,
    fields: Vec<FieldId>,
    is_whole: bool,
    layout: &mut Layout,
) {
    let schema = out.schema();
    let model = schema.model(source.model);
    out.list(&fields, |out, field| out.column(source, *field));
    let from = layout.types.len();
    layout.types.extend(fields.iter().map(|field| model.field(*field).column_type.sql_type()));
    let kinds = kinds(out, source, &fields, from, is_whole, layout);
    layout.outputs.push(Output::Entity { model: source.model, fields, from, kinds });
}

fn kinds(
    out: &mut SqlWriter<'_>,
    source: Source,
    fields: &[FieldId],
    from: usize,
    is_whole: bool,
    layout: &mut Layout,
) -> Option<Arc<Kinds>> {
    let schema = out.schema();
    let model = schema.model(source.model);
    let family = model.family.as_ref()?;
    let cell = from + fields.iter().position(|field| *field == family.discriminator)?;
    // By class, so that one that extends another finds its cells.
    let mut runs: Vec<(ModelId, Vec<FieldId>, usize)> = Vec::new();
    for id in family.below.iter().filter(|_| is_whole) {
        let class = schema.model(*id);
        let own = own_fields(class);
        let first = layout.types.len();
        for field in &own {
            out.push(", ");
            out.kind_column(source, class, *field);
            layout.types.push(class.field(*field).column_type.sql_type());
        }
        runs.push((*id, own, first));
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

/// Writes the columns that only some classes of a family have, each once, as columns of a subquery.
pub(super) fn columns(out: &mut SqlWriter<'_>, source: Source, is_whole: bool) {
    let schema = out.schema();
    let Some(family) = schema.model(source.model).family.as_ref().filter(|_| is_whole) else { return };
    let mut seen: Vec<String> = Vec::new();
    for id in &family.below {
        let class = schema.model(*id);
        for field in own_fields(class) {
            let name = shown_column(schema, source, class, field);
            if !seen.contains(&name) {
                out.push(", ");
                out.kind_column(source, class, field);
                seen.push(name);
            }
        }
    }
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
