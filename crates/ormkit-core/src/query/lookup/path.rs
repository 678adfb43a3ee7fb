//! Names that lead across relations to a value: `author__team__name`.

use super::super::source::NAMED;
use super::super::{Deleted, Expr, FromItem, Item, JoinKind, On, Select, Source};
use super::{Lookup, Operator, Subject, field_of};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{FieldId, ModelId, RelationId, RelationKind, Schema};

/// Where a name leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The relations on the way, each of the model that the one before it leads to.
    pub relations: Vec<RelationId>,
    /// The model at the end of the way.
    pub model: ModelId,
    /// The field there; None: the name ends with a relation, and means its objects.
    pub field: Option<FieldId>,
}

/// Numbers of tables on the way to a value begin here: above those of lookups, and below those of named and fresh aliases.
pub(in super::super) const FIRST_ALIAS: u32 = 1 << 15;

/// The number of the junction that such a way begins with.
pub(super) const LINK_ALIAS: u32 = FIRST_ALIAS - 1;

impl Path {
    /// Resolves a name for objects of `model`. What a foreign key says itself (`author__id`) crosses no relation.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownName`] with near matches.
    pub fn resolve(schema: &Schema, model: ModelId, name: &str) -> Result<Self> {
        let mut path = Self { relations: Vec::new(), model, field: None };
        for part in name.split("__") {
            let at = schema.model(path.model);
            if path.field.is_some() {
                return Err(at.unknown("relation", part));
            }
            if let Some(field) = field_of(at, part)? {
                path.field = Some(field);
                path.shorten(schema, model);
                continue;
            }
            let relation = at.find_relation(part).ok_or_else(|| at.unknown("attribute", part))?;
            path.relations.push(relation);
            path.model = at.relation(relation).target;
        }
        Ok(path)
    }

    /// The same, where a value is meant: a reference stands for its foreign key.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve); [`ErrorKind::OtherKind`] for a list, `Unsupported` for a reference by several columns.
    pub fn resolve_value(schema: &Schema, model: ModelId, name: &str) -> Result<Self> {
        let mut path = Self::resolve(schema, model, name)?;
        if path.field.is_none()
            && let Some(last) = path.relations.pop()
        {
            path.model = path.models(schema, model).last().copied().unwrap_or(model);
            let relation = schema.model(path.model).relation(last);
            let [field] = relation.local[..] else {
                return Err(no_value(name, "its key has several columns: name one of them"));
            };
            if relation.kind != RelationKind::ManyToOne {
                return Err(schema.model(path.model).unknown("attribute", &relation.name));
            }
            path.field = Some(field);
        }
        Ok(path)
    }

    /// A name that goes on behind a column: a JSON path, a part of a date, an element of an array, across relations too. None
    /// for other names, which [`resolve`](Self::resolve) tells of.
    pub fn within(schema: &Schema, model: ModelId, name: &str) -> Option<(Self, Subject)> {
        let Lookup { path, model, subject, operator } = super::resolve(schema, model, name).ok()?;
        let field = subject.field()?;
        let is_plain = operator == Operator::Exact && !name.ends_with("__exact");
        is_plain.then_some((Self { relations: path, model, field: Some(field) }, subject))
    }

    /// The value of such a name on a row of `source`, without a join.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    pub fn value_within(schema: &Schema, source: Source, name: &str) -> Result<Option<Expr>> {
        let Some((path, subject)) = Self::within(schema, source.model, name) else { return Ok(None) };
        if path.relations.is_empty() {
            return Ok(subject.value(source));
        }
        if path.is_many(schema, source.model) {
            return Err(no_value(name, "it means several rows: use an aggregate"));
        }
        let (mut select, end) = correlated(schema, source, &path.relations);
        let Some(expr) = subject.value(end) else { return Ok(None) };
        select.items.push(Item::Value { expr, label: None });
        Ok(Some(Expr::Scalar(select.into())))
    }

    /// True when a relation on the way leads to several objects.
    pub fn is_many(&self, schema: &Schema, model: ModelId) -> bool {
        self.last_many(schema, model).is_some()
    }

    /// The number of relations up to and with the last one that leads to several objects.
    pub fn last_many(&self, schema: &Schema, model: ModelId) -> Option<usize> {
        let mut at = model;
        let mut last = None;
        for (index, relation) in self.relations.iter().enumerate() {
            let relation = schema.model(at).relation(*relation);
            if relation.many {
                last = Some(index + 1);
            }
            at = relation.target;
        }
        last
    }

    /// The value on a row of `source`, without a join: a SELECT of one value where relations are crossed.
    ///
    /// # Errors
    /// `Unsupported` for a way that leads to several objects.
    pub fn value(&self, schema: &Schema, source: Source, name: &str) -> Result<Expr> {
        let Some(field) = self.field else {
            return Err(no_value(name, "it is a relation: name a column"));
        };
        if self.relations.is_empty() {
            return Ok(Expr::column(source, field));
        }
        if self.is_many(schema, source.model) {
            return Err(no_value(name, "it means several rows: use an aggregate"));
        }
        let (mut select, end) = correlated(schema, source, &self.relations);
        select.items.push(Item::Value { expr: Expr::column(end, field), label: None });
        Ok(Expr::Scalar(select.into()))
    }

    /// The models that the way comes to, in order.
    fn models(&self, schema: &Schema, model: ModelId) -> Vec<ModelId> {
        let mut at = model;
        let step = |relation: &RelationId| {
            at = schema.model(at).relation(*relation).target;
            at
        };
        self.relations.iter().map(step).collect()
    }

    /// Leaves out a last reference whose foreign key is the field that is meant.
    fn shorten(&mut self, schema: &Schema, model: ModelId) {
        let Some((last, before)) = self.relations.split_last() else { return };
        let before = Self { relations: before.to_vec(), model, field: None };
        let holder = before.models(schema, model).last().copied().unwrap_or(model);
        let relation = schema.model(holder).relation(*last);
        let at = relation.remote.iter().position(|remote| Some(*remote) == self.field);
        let is_own = relation.condition.is_none() && !relation.keyless;
        if let (RelationKind::ManyToOne, Some(at), true) = (relation.kind, at, is_own) {
            *self = Self { relations: before.relations, model: holder, field: Some(relation.local[at]) };
        }
    }
}

/// The rows at the end of `relations` that belong to the row of `source` at hand, as a SELECT to stand in an expression:
/// it has no items yet. Also the table at its end.
pub fn correlated(schema: &Schema, source: Source, relations: &[RelationId]) -> (Select, Source) {
    let mut select = Select { deleted: Deleted::AsAround, ..Select::default() };
    let mut at = source;
    // A way that goes on from the end of another one must not hide it.
    let first = if (FIRST_ALIAS..NAMED).contains(&source.alias) { source.alias + 1 } else { FIRST_ALIAS };
    for (depth, id) in relations.iter().enumerate() {
        let relation = schema.model(at.model).relation(*id);
        let target = Source { model: relation.target, alias: first + depth as u32 };
        if depth == 0 {
            select.from.push(FromItem::Table(target));
            let (near, keys) = match &relation.junction {
                None => (target, &relation.remote),
                Some(junction) => {
                    let link = Source { model: junction.model, alias: LINK_ALIAS };
                    let links = Expr::matching(link, &junction.far, target, &relation.remote);
                    select = select.join_on(JoinKind::Inner, link, links);
                    (link, &junction.near)
                }
            };
            select = select.filter(Expr::matching(near, keys, at, &relation.local));
            select.filter.extend(relation.condition_on(target));
        } else {
            select = select.join(JoinKind::Inner, at, *id, target);
        }
        at = target;
    }
    (select, at)
}

impl Select {
    /// The table at the end of `relations` from `from`, joined where it is not yet: rows without a partner stay.
    pub fn join_path(&mut self, schema: &Schema, from: Source, relations: &[RelationId]) -> Source {
        let mut at = from;
        for id in relations {
            let on = On::Relation { parent: at, relation: *id, also: None };
            let known = self.joins.iter().find(|join| join.on == on && join.kind == JoinKind::Left);
            let known = known.and_then(|join| join.target.table());
            at = known.unwrap_or_else(|| {
                let model = schema.model(at.model).relation(*id).target;
                let target = Source { model, alias: FIRST_ALIAS + self.joins.len() as u32 };
                self.joins.push(super::super::Join {
                    target: FromItem::Table(target),
                    kind: JoinKind::Left,
                    on,
                });
                target
            });
        }
        at
    }
}

fn no_value(name: &str, instead: &str) -> Error {
    Error::new(ErrorKind::Unsupported { feature: format!("`{name}` as a value"), instead: instead.into() })
}
