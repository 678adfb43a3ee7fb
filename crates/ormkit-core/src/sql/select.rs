//! SELECT as text.

mod derived;
mod eager;
pub(in crate::sql) mod kinds;
mod label;
mod links;
mod on;
mod per;
mod set;
pub(in crate::sql) mod sources;
mod with;

use super::expr::{FULL, INNER, Level, Render, alike, all_of, decimal_text, join_along, operand};
use super::{SqlWriter, tombstone};
use crate::error::{Error, ErrorKind};
use crate::model::{FieldId, Model};
use crate::plan::{Joined, Output};
use crate::query::{
    DerivedColumn, Expr, FromItem, Item, JoinKind, Load, On, Order, Part, Select, Shape, Source, fields_read,
};
use crate::value::SqlType;
pub(super) use derived::from_item;
use eager::Eager;
pub(super) use links::require as require_links;
use sources::Place;
pub(super) use sources::mentioned;
use std::sync::Arc;
pub(super) use with::with;

/// What a SELECT's rows hold.
#[derive(Default)]
pub(crate) struct Layout {
    pub(crate) outputs: Vec<Output>,
    pub(crate) joined: Vec<Joined>,
    pub(crate) visible: usize,
    pub(crate) types: Vec<SqlType>,
    /// The cells of [`Select::parents`].
    pub(crate) parents: Vec<usize>,
    /// Rows are made into objects: those of a family say of which class they are.
    pub(crate) whole: bool,
}

/// The column that counts rows where the statement around them needs their numbers.
const ROW_NUMBER: &str = "ormkit_row";

/// Writes a whole SELECT with its eager loads and says what its rows hold.
pub(crate) fn select(out: &mut SqlWriter<'_>, select: &Select) -> Layout {
    out.take_arguments(&select.arguments);
    let criteria = out.add_criteria(&select.criteria);
    with(out, |walk| walk.select(select));
    let around = out.enter(select.deleted);
    let mut eager = Eager::of(out.schema(), select);
    let mut layout = Layout { whole: true, ..Layout::default() };
    if let Some(error) = eager.refused.take() {
        out.fail(error);
    }
    if !select.limit_per.is_empty() {
        per::limited(out, select, &eager, &mut layout);
    } else if eager.many && (select.limit.is_some() || select.offset.is_some()) {
        limited_parents(out, select, &eager, &mut layout);
    } else {
        body(out, select, &eager, &mut layout, Place::Nested, None);
    }
    out.enter(around);
    out.set_criteria(criteria);
    layout
}

/// Writes a SELECT inside another statement: nothing is loaded along.
pub(crate) fn subquery(out: &mut SqlWriter<'_>, select: &Select) {
    let criteria = out.add_criteria(&select.criteria);
    body(out, select, &Eager::default(), &mut Layout::default(), Place::Nested, None);
    out.set_criteria(criteria);
}

/// Writes a SELECT that reads from nothing around it, its columns under the names of `columns` where some are given.
pub(super) fn apart(out: &mut SqlWriter<'_>, select: &Select, columns: Option<&[DerivedColumn]>) {
    let criteria = out.add_criteria(&select.criteria);
    body(out, select, &Eager::default(), &mut Layout::default(), Place::From, columns);
    out.set_criteria(criteria);
}

/// Writes `SELECT count(*)` over the rows of `select`.
pub(crate) fn count(out: &mut SqlWriter<'_>, select: &Select) -> Layout {
    out.take_arguments(&select.arguments);
    let criteria = out.add_criteria(&select.criteria);
    with(out, |walk| walk.select(select));
    let around = out.enter(select.deleted);
    if is_counted_as_it_is(select) {
        let sources = sources::all(out, select, &Eager::default(), Place::Nested);
        out.open_scope(&sources);
        out.push("SELECT count(*)");
        from_where(out, select, &sources, &Eager::default());
        out.close_scope();
    } else {
        out.push("SELECT count(*) FROM (");
        let mut inner = Select { lock: None, criteria: Vec::new(), ..select.clone() };
        if !inner.group_by.is_empty() && inner.items.iter().any(|item| item.model().is_some()) {
            // Groups are counted, which have no object.
            inner.items.clear();
            if inner.limit.is_none() && inner.offset.is_none() {
                inner.order_by.clear();
            }
        }
        subquery(out, &inner);
        out.push(") AS counted");
    }
    out.enter(around);
    out.set_criteria(criteria);
    single("count", SqlType::BigInt)
}

/// Writes `SELECT EXISTS (…)` over the rows of `select`.
pub(crate) fn exists(out: &mut SqlWriter<'_>, select: &Select) -> Layout {
    out.take_arguments(&select.arguments);
    with(out, |walk| walk.select(select));
    out.push("SELECT EXISTS (");
    if select.set.is_some() {
        subquery(out, select);
        out.push(")");
        return single("exists", SqlType::Bool);
    }
    let around = out.enter(select.deleted);
    let criteria = out.add_criteria(&select.criteria);
    let sources = sources::all(out, select, &Eager::default(), Place::Nested);
    out.open_scope(&sources);
    out.push("SELECT 1");
    from_where(out, select, &sources, &Eager::default());
    group(out, select);
    limit(out, select);
    out.close_scope();
    out.set_criteria(criteria);
    out.enter(around);
    out.push(")");
    single("exists", SqlType::Bool)
}

fn single(name: &str, sql_type: SqlType) -> Layout {
    let output = Output::Value { name: name.to_owned(), shape: Shape::of(sql_type), at: 0 };
    Layout { outputs: vec![output], visible: 1, types: vec![sql_type], ..Layout::default() }
}

/// True when the number of rows is that of the joined tables.
fn is_counted_as_it_is(select: &Select) -> bool {
    let plain = |item: &Item| {
        let simple = |expr: &Expr| matches!(expr, Expr::Column(_) | Expr::Part(_) | Expr::Value(_));
        !matches!(item, Item::Value { expr, .. } if !simple(expr))
    };
    select.limit.is_none()
        && select.offset.is_none()
        && !select.distinct
        && select.distinct_on.is_empty()
        && select.set.is_none()
        && select.group_by.is_empty()
        && select.having.is_empty()
        && select.items.iter().all(plain)
}

fn body(
    out: &mut SqlWriter<'_>,
    select: &Select,
    eager: &Eager,
    layout: &mut Layout,
    place: Place,
    names: Option<&[DerivedColumn]>,
) {
    out.take_arguments(&select.arguments);
    if let Some(set) = &select.set {
        return set::set(out, select, set, layout, names);
    }
    require_grouped(out, select);
    let around = out.enter(select.deleted);
    let sources = sources::all(out, select, eager, place);
    out.open_scope(&sources);
    match names {
        Some(columns) => named_items(out, select, columns),
        None => items(out, select, eager, layout),
    }
    from_where(out, select, &sources, eager);
    group(out, select);
    let terms: Vec<&Order> = select.order_by.iter().chain(&eager.order).collect();
    order(out, select, &terms);
    limit(out, select);
    lock(out, select);
    out.close_scope();
    out.enter(around);
}

/// An object is a row, not a group of them, unless its key is what makes the groups. SQLite would take any row of a group.
fn require_grouped(out: &mut SqlWriter<'_>, select: &Select) {
    let is_text = |expr: &Expr| matches!(expr, Expr::Text(_));
    if select.group_by.is_empty() || select.group_by.iter().any(is_text) {
        return;
    }
    let schema = out.schema();
    for item in &select.items {
        let Item::Entity { source, .. } = item else { continue };
        let model = schema.model(source.model);
        let is_grouped = |field: &FieldId| select.group_by.contains(&Expr::column(*source, *field));
        if !model.key.iter().all(is_grouped) {
            let key: Vec<String> = model.key.iter().map(|field| model.place(*field)).collect();
            return out.fail(Error::new(ErrorKind::Programming(format!(
                "a group of rows is no {}: group by its key ({}), or select what a group shows, as values(..) does",
                model.name(),
                key.join(", ")
            ))));
        }
    }
}

/// A to-many join multiplies rows, so that LIMIT has to be said of the parents alone, in a subquery under their own name.
fn limited_parents(out: &mut SqlWriter<'_>, select: &Select, eager: &Eager, layout: &mut Layout) {
    let [Item::Entity { source: parent, .. }] = select.items[..] else {
        return out.fail(Error::new(ErrorKind::Unsupported {
            feature: "joinedload of a list together with LIMIT when the rows hold more than one object"
                .into(),
            instead: "use selectinload".into(),
        }));
    };
    let model = out.schema().model(parent.model);
    let fields = entity_fields(model, &select.items[0], &select.loads);
    let by_columns = select.order_by.iter().all(|term| {
        matches!(&term.expr, Expr::Column(column) if column.source == parent && fields.contains(&column.field)
            && model.property(column.field).is_none())
    });

    let mut outer_sources: Vec<FromItem> = vec![parent.into()];
    outer_sources.extend(eager.joins.iter().map(|join| join.target.into()));
    out.open_scope(&outer_sources);
    items(out, select, eager, layout);
    out.push(" FROM (");
    let outer = out.leave_scopes();
    let inner_sources = sources::all(out, select, &Eager::default(), Place::Nested);
    out.open_scope(&inner_sources);
    opening(out, select);
    out.list(&columns_for(model, &fields), |out, field| out.column(parent, *field));
    let is_whole = select.reads_below || matches!(select.items[0], Item::Entity { fields: None, .. });
    kinds::columns(out, parent, (is_whole, widens(out, select)));
    let terms: Vec<&Order> = select.order_by.iter().collect();
    if !by_columns {
        out.push(", row_number() OVER (ORDER BY ");
        out.list(&terms, |out, term| term.render(out));
        out.push(") AS ");
        out.name(ROW_NUMBER);
    }
    from_where(out, select, &inner_sources, &Eager::default());
    group(out, select);
    order(out, select, &terms);
    limit(out, select);
    lock(out, select);
    out.close_scope();
    out.return_to(outer);
    out.push(") AS ");
    out.item_name(&parent.into());
    eager.joined(out);

    let children: Vec<&Order> = eager.order.iter().collect();
    if by_columns {
        order(out, select, &[terms, children].concat());
    } else {
        out.push(" ORDER BY ");
        out.item_name(&parent.into());
        out.push(".");
        out.name(ROW_NUMBER);
        out.push(" ASC");
        for term in children {
            out.push(", ");
            term.render(out);
        }
    }
    out.close_scope();
}

/// `SELECT`, and what of its rows are taken for one.
fn opening(out: &mut SqlWriter<'_>, select: &Select) {
    out.push(if select.distinct { "SELECT DISTINCT " } else { "SELECT " });
    if select.distinct_on.is_empty() {
        return;
    }
    if !out.is_postgres() {
        out.unsupported("DISTINCT ON", "number the rows with func.row_number().over(..) and take the first");
    }
    let leads = select.order_by.iter().take(select.distinct_on.len());
    if leads.into_iter().any(|term| !select.distinct_on.contains(&term.expr)) {
        out.fail(Error::new(ErrorKind::Programming(
            "DISTINCT ON keeps the first row of its columns: sort by these before all others".into(),
        )));
    }
    out.push("DISTINCT ON (");
    out.list(&select.distinct_on, |out, expr| label::grouped(out, select, expr));
    out.push(") ");
}

/// Writes the items as columns of derived rows.
fn named_items(out: &mut SqlWriter<'_>, select: &Select, columns: &[DerivedColumn]) {
    opening(out, select);
    out.list(columns, |out, column| {
        as_value(out, &column.of, select.distinct);
        let is_named = sql_name(out, &column.of).is_some_and(|name| *name == *column.column);
        if !is_named {
            out.push(" AS ");
            out.name(&column.column);
        }
    });
}

/// What SQL calls a column that has a name by itself.
fn sql_name<'a>(out: &SqlWriter<'a>, expr: &'a Expr) -> Option<&'a str> {
    match expr {
        Expr::Column(column) => {
            let field = out.schema().model(column.source.model).field(column.field);
            field.property.is_none().then_some(&field.column)
        }
        Expr::Part(part) => Some(&part.shown().column),
        _ => None,
    }
}

fn items(out: &mut SqlWriter<'_>, select: &Select, eager: &Eager, layout: &mut Layout) {
    opening(out, select);
    let below = (select.reads_below, widens(out, select));
    listed(out, &select.items, &select.loads, select.distinct, below, layout);
    for join in &eager.joins {
        out.push(", ");
        let entity_at = layout.outputs.len();
        kinds::entity(out, join.target, join.fields.clone(), (true, widens(out, select)), layout);
        let parent = match join.parent_join {
            Some(parent) => layout.visible + parent,
            None => eager.root,
        };
        layout.joined.push(Joined { parent, relation: join.relation, entity: entity_at });
    }
    for (at, parent) in select.parents.iter().enumerate() {
        out.push(", ");
        match select.limit_per.is_empty() {
            true => out.column(parent.0, parent.1),
            false => per::carried(out, select, at),
        }
        layout.parents.push(layout.types.len());
        layout.types.push(out.schema().model(parent.0.model).field(parent.1).column_type.sql_type());
    }
    if select.items.is_empty() {
        out.push("1");
    }
}

/// Writes the items behind SELECT or RETURNING; `loads` are those of the first object. `once`: rows are told apart by
/// them. `below`: whether the columns of classes below are read beside chosen ones, and other tables of a family, too.
pub(super) fn listed(
    out: &mut SqlWriter<'_>,
    items: &[Item],
    loads: &[Load],
    once: bool,
    (below, widens): (bool, bool),
    layout: &mut Layout,
) {
    let schema = out.schema();
    let mut loads = Some(loads);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(", ");
        }
        match item {
            Item::Entity { source, .. } => {
                let loads = loads.take().unwrap_or_default();
                let fields = entity_fields(schema.model(source.model), item, loads);
                let is_whole = below || matches!(item, Item::Entity { fields: None, .. });
                kinds::entity(out, *source, fields, (is_whole, widens), layout);
            }
            Item::Mapped { of, model, columns } => {
                out.list(columns, |out, (_, column)| out.part(&Part { of: Arc::clone(of), column: *column }));
                let (model, from) = (schema.model(*model), layout.types.len());
                let fields: Vec<FieldId> = columns.iter().map(|(field, _)| *field).collect();
                layout.types.extend(fields.iter().map(|field| model.field(*field).column_type.sql_type()));
                let kinds = kinds::told(out, model, &fields, from);
                layout.outputs.push(Output::Entity { model: model.id, fields, from, kinds });
            }
            Item::Value { expr, label } => value(out, expr, label.as_deref(), once, layout),
        }
    }
    layout.visible = layout.outputs.len();
}

fn value(out: &mut SqlWriter<'_>, expr: &Expr, label: Option<&str>, once: bool, layout: &mut Layout) {
    let shape = expr.shape(out.schema());
    as_value(out, expr, once);
    if let Some(label) = label {
        out.push(" AS ");
        out.name(label);
    }
    if out.writes_text() {
        let name = label.map_or_else(|| name_of(out, expr), str::to_owned);
        let (at, sql_type) = (layout.types.len(), shape.sql_type);
        layout.outputs.push(Output::Value { name, shape, at });
        layout.types.push(sql_type);
    }
}

/// Writes a value as the database keeps one. A decimal that SQLite has computed is a float; as text it is what PostgreSQL
/// answers. `once`: rows are told apart by it.
fn as_value(out: &mut SqlWriter<'_>, expr: &Expr, once: bool) {
    decimal_text(out, expr);
    if once {
        out.push(alike(out, expr));
    }
}

/// What a value without a label is called: its attribute or function.
fn name_of(out: &SqlWriter<'_>, expr: &Expr) -> String {
    match expr {
        Expr::Column(column) => out.schema().model(column.source.model).field(column.field).name.clone(),
        Expr::Part(part) => part.shown().name.to_string(),
        Expr::Call(call) => call.name.to_string(),
        _ => "value".to_owned(),
    }
}

/// The fields that an entity reads, in declaration order; `loads` are those of its relations.
pub(crate) fn entity_fields(model: &Model, item: &Item, loads: &[Load]) -> Vec<FieldId> {
    let chosen = match item {
        Item::Entity { fields, .. } => fields.as_deref(),
        Item::Mapped { .. } | Item::Value { .. } => None,
    };
    fields_read(model, chosen, loads)
}

/// The columns that a subquery answers for objects that are read out of it: those of which properties are made, too.
pub(super) fn columns_for(model: &Model, fields: &[FieldId]) -> Vec<FieldId> {
    let is_column = |field: &FieldId| model.property(*field).is_none();
    match fields.iter().all(is_column) {
        true => fields.to_vec(),
        false => model.field_ids().filter(is_column).collect(),
    }
}

fn from_where(out: &mut SqlWriter<'_>, select: &Select, sources: &[FromItem], eager: &Eager) {
    let is_joined = |item: &FromItem| {
        select.joins.iter().any(|join| join.target == *item)
            || eager.joins.iter().any(|join| *item == join.target)
    };
    sources::widen(out, select);
    let tables: Vec<&FromItem> = sources.iter().filter(|item| !is_joined(item)).collect();
    links::require_all(out, select, &tables);
    let is_full = select.joins.iter().any(|join| join.kind == JoinKind::Full);
    if !tables.is_empty() {
        out.push(" FROM ");
        // A JOIN sees all that stands before it, which a comma hides from it on PostgreSQL.
        let is_list = (select.joins.is_empty() && eager.joins.is_empty()) || !out.is_postgres();
        let separator = if is_list { ", " } else { " CROSS JOIN " };
        let mut first = true;
        out.separated(&tables, separator, |out, item| match item {
            FromItem::Table(table) if is_full => {
                tombstone::living_rows(out, *table, std::mem::take(&mut first));
            }
            item => derived::from_item(out, item),
        });
    }
    for join in &select.joins {
        let words = match join.kind {
            JoinKind::Inner => INNER,
            JoinKind::Left => " LEFT OUTER JOIN ",
            JoinKind::Full => FULL,
        };
        if join.kind == JoinKind::Full && tables.len() > 1 {
            out.fail(Error::new(ErrorKind::Programming(
                "a FULL join stands beside other tables: join those, too, or put the join into a subquery"
                    .into(),
            )));
        }
        match (&join.on, &join.target) {
            (On::Relation { parent, relation, also }, FromItem::Table(target)) => {
                join_along(out, words, *parent, *relation, *target);
                on::conditions(out, also.as_slice());
            }
            (On::Relation { .. }, FromItem::Derived(_)) => out.fail(Error::new(ErrorKind::Programming(
                "derived rows are joined on a condition, not along a relation".into(),
            ))),
            (On::Condition(condition), item) => {
                out.push(words);
                let marks = match item {
                    FromItem::Table(table) if words == FULL => {
                        tombstone::living_rows(out, *table, false);
                        false
                    }
                    item => {
                        derived::from_item(out, item);
                        item.table().is_some_and(|table| tombstone::leaves_out(out, table))
                    }
                };
                out.push(" ON ");
                match marks {
                    true => operand(out, condition, Level::Not),
                    false => condition.render(out),
                }
            }
        }
        if let FromItem::Table(target) = join.target
            && join.kind != JoinKind::Full
        {
            tombstone::and_living(out, target);
        }
    }
    eager.joined(out);
    let tables: Vec<Source> = tables.into_iter().filter_map(FromItem::table).collect();
    tombstone::where_living(out, &select.filter, &tables, is_full);
}

fn group(out: &mut SqlWriter<'_>, select: &Select) {
    if !select.group_by.is_empty() {
        out.push(" GROUP BY ");
        out.list(&select.group_by, |out, expr| label::grouped(out, select, expr));
    }
    all_of(out, " HAVING ", &select.having);
}

fn order(out: &mut SqlWriter<'_>, select: &Select, terms: &[&Order]) {
    if !terms.is_empty() {
        out.push(" ORDER BY ");
        out.list(terms, |out, term| label::ordered(out, select, term));
    }
}

fn limit(out: &mut SqlWriter<'_>, select: &Select) {
    if let Some(rows) = select.limit {
        out.push(" LIMIT ");
        out.number(rows);
    } else if let (Some(_), Some(all)) = (select.offset, out.dialect().no_limit) {
        out.push(" LIMIT ");
        out.push(all);
    }
    if let Some(rows) = select.offset {
        out.push(" OFFSET ");
        out.number(rows);
    }
}

/// False where rows are locked: what an outer join reads cannot be.
fn widens(out: &SqlWriter<'_>, select: &Select) -> bool {
    select.lock.is_none() || !out.dialect().row_locks
}

/// A database without row locks locks as a whole: the words are left out there.
fn lock(out: &mut SqlWriter<'_>, select: &Select) {
    let Some(lock) = select.lock.filter(|_| out.dialect().row_locks) else { return };
    let of: Vec<&FromItem> = select.lock_of.iter().collect();
    out.push(match (lock.read, lock.key_share) {
        (false, false) => " FOR UPDATE",
        (false, true) => " FOR NO KEY UPDATE",
        (true, false) => " FOR SHARE",
        (true, true) => " FOR KEY SHARE",
    });
    // Rows that an outer join has not found cannot be locked, and only the first table's rows are meant.
    if !of.is_empty() {
        out.push(" OF ");
        out.list(&of, |out, item| out.item_name(item));
    } else if let Some(root) = select.root().filter(|_| out.scope_len() > 1) {
        out.push(" OF ");
        out.item_name(&root.into());
    }
    if lock.nowait {
        out.push(" NOWAIT");
    }
    if lock.skip_locked {
        out.push(" SKIP LOCKED");
    }
}
