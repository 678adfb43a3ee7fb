//! Tables along a relation: what joins them, and the junction between them where there is one.

use super::super::{SqlWriter, tombstone};
use crate::model::{ColumnType, FieldId, Junction, Model, Relation, RelationId};
use crate::query::{Deleted, Source};

/// Joins `target` along a relation of `parent`; `words` are one of SQL's joins. More conditions may follow.
///
/// An outer join takes junction and target as one: a link without a target that fits is no partner.
pub(crate) fn join_along(
    out: &mut SqlWriter<'_>,
    words: &str,
    parent: Source,
    relation: RelationId,
    target: Source,
) {
    let schema = out.schema();
    let relation = schema.model(parent.model).relation(relation);
    if !out.writes_text() {
        return and_condition(out, relation, target);
    }
    out.push(words);
    let Some(junction) = &relation.junction else {
        match words == FULL {
            true => tombstone::living_rows(out, target, false),
            false => out.source(target),
        }
        out.push(" ON ");
        equal(out, target, &relation.remote, parent, &relation.local);
        return and_condition(out, relation, target);
    };
    let link = Link::new(out, junction);
    if words == INNER {
        link.table(out);
        out.push(" ON ");
        link.equals(out, &junction.near, parent, &relation.local);
        link.and_living(out);
        out.push(INNER);
        out.source(target);
        out.push(" ON ");
        link.equals(out, &junction.far, target, &relation.remote);
        return and_condition(out, relation, target);
    }
    out.push("(");
    link.table(out);
    out.push(INNER);
    out.source(target);
    out.push(" ON ");
    link.equals(out, &junction.far, target, &relation.remote);
    link.and_living(out);
    and_condition(out, relation, target);
    if words == FULL {
        tombstone::and_living(out, target);
    }
    out.push(") ON ");
    link.equals(out, &junction.near, parent, &relation.local);
}

/// Begins a subquery's FROM with the rows of `target` that belong to the row of `parent` around it: `roles JOIN … WHERE …`.
pub(super) fn from_along(out: &mut SqlWriter<'_>, parent: Source, relation: RelationId, target: Source) {
    let schema = out.schema();
    let relation = schema.model(parent.model).relation(relation);
    if !out.writes_text() {
        return and_condition(out, relation, target);
    }
    out.source(target);
    let Some(junction) = &relation.junction else {
        out.push(" WHERE ");
        equal(out, target, &relation.remote, parent, &relation.local);
        return and_condition(out, relation, target);
    };
    let link = Link::new(out, junction);
    out.push(INNER);
    link.table(out);
    out.push(" ON ");
    link.equals(out, &junction.far, target, &relation.remote);
    out.push(" WHERE ");
    link.equals(out, &junction.near, parent, &relation.local);
    link.and_living(out);
    and_condition(out, relation, target);
}

/// What else a relation says of the rows that it leads to, behind a condition that is there.
fn and_condition(out: &mut SqlWriter<'_>, relation: &Relation, target: Source) {
    if let Some(condition) = &relation.condition {
        out.push(" AND ");
        out.property(condition, target);
    }
}

/// SQL's inner join.
pub(crate) const INNER: &str = " JOIN ";

/// SQL's full join.
pub(crate) const FULL: &str = " FULL OUTER JOIN ";

/// `posts.author_id = users.id`
fn equal(out: &mut SqlWriter<'_>, one: Source, fields: &[FieldId], other: Source, others: &[FieldId]) {
    for (index, (field, with)) in fields.iter().zip(others).enumerate() {
        if index > 0 {
            out.push(" AND ");
        }
        out.column(one, *field);
        out.push(same(out, out.schema().model(one.model), *field));
        out.column(other, *with);
    }
}

/// Joins of decimals, too, are by their numbers.
fn same(out: &SqlWriter<'_>, model: &Model, field: FieldId) -> &'static str {
    match (&model.field(field).column_type, out.is_postgres()) {
        (ColumnType::Numeric(_), false) => " COLLATE ormkit_decimal = ",
        _ => " = ",
    }
}

/// A junction in one join: nothing but the join knows its name.
struct Link<'a> {
    model: &'a Model,
    name: String,
}

impl<'a> Link<'a> {
    fn new(out: &mut SqlWriter<'a>, junction: &Junction) -> Self {
        let model = out.schema().model(junction.model);
        let name = out.name_link(&model.table().name);
        Self { model, name }
    }

    fn table(&self, out: &mut SqlWriter<'_>) {
        out.base_table(self.model.table());
        out.push(" AS ");
        out.name(&self.name);
    }

    /// Leaves links out that count as deleted, behind a condition that is there.
    fn and_living(&self, out: &mut SqlWriter<'_>) {
        if let (Some(field), true) = (self.model.tombstone, out.deleted() != Deleted::Included) {
            out.push(" AND ");
            out.name(&self.name);
            out.push(".");
            out.name(&self.model.field(field).column);
            out.push(" IS NULL");
        }
    }

    /// `user_roles_1.user_id = users.id`
    fn equals(&self, out: &mut SqlWriter<'_>, fields: &[FieldId], other: Source, others: &[FieldId]) {
        for (index, (field, with)) in fields.iter().zip(others).enumerate() {
            if index > 0 {
                out.push(" AND ");
            }
            out.name(&self.name);
            out.push(".");
            out.name(&self.model.field(*field).column);
            out.push(same(out, self.model, *field));
            out.column(other, *with);
        }
    }
}
