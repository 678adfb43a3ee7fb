//! What one call says: lookups and other conditions, combined, gathered by the relations that they cross.
//!
//! All that one call says of a list is said of one row of it: `filter(Q(books__year=1843) & Q(books__title="Notes"))` asks
//! for a book that is both, as Django's join does. A row that has nothing at the end of a relation has NULL there.

use super::super::{Expr, Source};
use super::condition::{at_end, is_null, is_object, is_true};
use super::{FIRST_ALIAS, Lookup, Operator, Subject};
use crate::model::{ModelId, RelationId, RelationKind, Schema};

/// A lookup with its values.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The lookup.
    pub lookup: Lookup,
    /// Its values, as [`Lookup::expects`] says: one, two or a list. For an object of a to-one relation the values of
    /// its join fields, of a list those of its key; for no object none.
    pub values: Vec<Expr>,
}

/// What a call says.
#[derive(Clone, Debug)]
pub enum Formula {
    /// A lookup on a row of a source.
    Lookup(Source, Condition),
    /// A condition of another kind.
    Said(Expr),
    /// All of them hold.
    All(Vec<Self>),
    /// One of them holds.
    Any(Vec<Self>),
}

/// All of `conditions` on a row of `source`. Conditions that cross the same relations meet in one related row, and each
/// parent matches once however many rows do; those that deny (`ne`, `notin`) hold when no related row has it. A parent
/// without any related row has nothing but NULL there, as in a LEFT JOIN: it matches where all of them ask for NULL.
pub fn conditions(schema: &Schema, source: Source, conditions: &[Condition]) -> Expr {
    let all = conditions.iter().map(|condition| Part::Lookup(Place { condition, source, depth: 0 }));
    Writer::around(schema, &[source]).all(all.collect())
}

impl Formula {
    /// The condition that says it. `around` are the sources that it may speak of, so that rows further away get other
    /// numbers.
    pub fn written(&self, schema: &Schema, around: &[Source]) -> Expr {
        Writer::around(schema, around).written(self.part())
    }

    fn part(&self) -> Part<'_> {
        match self {
            Self::Lookup(source, condition) => Part::Lookup(Place { condition, source: *source, depth: 0 }),
            Self::Said(expr) => Part::Said(expr),
            Self::All(all) => Part::All(all.iter().map(Self::part).collect()),
            Self::Any(any) => Part::Any(any.iter().map(Self::part).collect()),
        }
    }
}

/// A formula on its way across relations.
#[derive(Clone)]
enum Part<'a> {
    Lookup(Place<'a>),
    Said(&'a Expr),
    Known(bool),
    All(Vec<Self>),
    Any(Vec<Self>),
}

/// How far a lookup has come.
#[derive(Clone, Copy)]
struct Place<'a> {
    condition: &'a Condition,
    /// The row that it is at.
    source: Source,
    /// The relations that it has crossed.
    depth: usize,
}

/// A relation of a row.
type Way = (Source, RelationId);

impl Place<'_> {
    /// The relation that it crosses next to a row that others may ask about as well.
    fn way(&self, schema: &Schema) -> Option<Way> {
        let Condition { lookup, values } = self.condition;
        if let Some(relation) = lookup.path.get(self.depth) {
            let alone = lookup.operator.denied().is_some() || self.own_key(schema, *relation).is_some();
            return (!alone).then_some((self.source, *relation));
        }
        // `books=book` is a book of that key.
        let Subject::Relation(relation) = lookup.subject else { return None };
        if self.depth > lookup.path.len() {
            return None;
        }
        let is_list = schema.model(self.source.model).relation(relation).kind != RelationKind::ManyToOne;
        let is_object = match lookup.operator {
            Operator::In => true,
            Operator::Exact => !values.iter().all(is_null),
            _ => false,
        };
        (is_list && is_object).then_some((self.source, relation))
    }

    /// `author__id` is the own `author_id`: the related row need not be looked at.
    fn own_key(&self, schema: &Schema, relation: RelationId) -> Option<Expr> {
        let Condition { lookup, values } = self.condition;
        let relation = schema.model(self.source.model).relation(relation);
        let Subject::Field(field) = lookup.subject else { return None };
        let is_own =
            relation.kind == RelationKind::ManyToOne && relation.condition.is_none() && !relation.keyless;
        if lookup.path.len() != self.depth + 1 || !is_own {
            return None;
        }
        let at = relation.remote.iter().position(|remote| *remote == field)?;
        let own = Lookup {
            path: Vec::new(),
            model: self.source.model,
            subject: Subject::Field(*relation.local.get(at)?),
            operator: lookup.operator,
        };
        Some(at_end(schema, &own, own.operator, values, self.source, 0))
    }

    /// True where it holds of what is not there.
    fn asks_for_null(&self) -> bool {
        let Condition { lookup, values } = self.condition;
        let null = |otherwise| values.first().map_or(otherwise, is_null);
        match lookup.operator {
            Operator::IsNull => values.first().is_some_and(is_true),
            Operator::IsNotNull => !values.first().is_some_and(is_true),
            // No object is given by no values.
            Operator::Exact => null(matches!(lookup.subject, Subject::Relation(_))),
            Operator::IExact => null(false),
            _ => false,
        }
    }
}

impl Part<'_> {
    fn goes(&self, schema: &Schema, way: Way) -> bool {
        match self {
            Self::Lookup(place) => place.way(schema) == Some(way),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.goes(schema, way)),
            Self::Said(_) | Self::Known(_) => false,
        }
    }

    fn ways(&self, schema: &Schema, into: &mut Vec<Way>) {
        match self {
            Self::Lookup(place) => into.extend(place.way(schema)),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.ways(schema, into)),
            Self::Said(_) | Self::Known(_) => {}
        }
    }

    /// The same once `way` has led to a row of `target`.
    fn entered(&mut self, schema: &Schema, way: Way, target: Source) {
        match self {
            Self::Lookup(place) if place.way(schema) == Some(way) => {
                (place.source, place.depth) = (target, place.depth + 1);
            }
            Self::All(parts) | Self::Any(parts) => {
                parts.iter_mut().for_each(|part| part.entered(schema, way, target));
            }
            Self::Lookup(_) | Self::Said(_) | Self::Known(_) => {}
        }
    }

    /// What is left to be asked where `way` leads to nothing.
    fn missing(self, schema: &Schema, way: Way) -> Self {
        match self {
            Self::Lookup(place) if place.way(schema) == Some(way) => Self::Known(place.asks_for_null()),
            Self::All(parts) => {
                let parts = parts.into_iter().map(|part| part.missing(schema, way));
                let parts: Vec<Self> = parts.filter(|part| !matches!(part, Self::Known(true))).collect();
                match parts.iter().any(|part| matches!(part, Self::Known(false))) {
                    true => Self::Known(false),
                    false if parts.is_empty() => Self::Known(true),
                    false => Self::All(parts),
                }
            }
            Self::Any(parts) => {
                let parts = parts.into_iter().map(|part| part.missing(schema, way));
                let parts: Vec<Self> = parts.filter(|part| !matches!(part, Self::Known(false))).collect();
                match parts.iter().any(|part| matches!(part, Self::Known(true))) {
                    true => Self::Known(true),
                    false if parts.is_empty() => Self::Known(false),
                    false => Self::Any(parts),
                }
            }
            other => other,
        }
    }

    fn flat(self, into: &mut Vec<Self>) {
        match self {
            Self::All(parts) => parts.into_iter().for_each(|part| part.flat(into)),
            other => into.push(other),
        }
    }
}

struct Writer<'s> {
    schema: &'s Schema,
    /// The models of the rows around: a row of one of them needs another number.
    passed: Vec<ModelId>,
    /// The highest number that a table around has.
    used: u32,
}

impl<'s> Writer<'s> {
    /// Of conditions on rows of these.
    fn around(schema: &'s Schema, sources: &[Source]) -> Self {
        let numbers = sources.iter().map(|source| source.alias).filter(|number| *number < FIRST_ALIAS);
        let used = numbers.max().unwrap_or(0);
        Self { schema, passed: sources.iter().map(|source| source.model).collect(), used }
    }
}

impl Writer<'_> {
    fn written(&mut self, part: Part<'_>) -> Expr {
        match part {
            Part::Lookup(place) => match place.way(self.schema) {
                Some(way) => self.across(way, vec![part]),
                None => self.lookup(place),
            },
            Part::Said(expr) => expr.clone(),
            Part::Known(known) => Expr::Bool(known),
            Part::All(parts) => self.all(parts),
            // Some row has one or the other where some row has one, or some row has the other.
            Part::Any(parts) => {
                Expr::any(parts.into_iter().map(|part| self.written(part)).collect::<Vec<_>>())
            }
        }
    }

    /// Those that go the same way go it together.
    fn all(&mut self, parts: Vec<Part<'_>>) -> Expr {
        let mut flat = Vec::new();
        Part::All(parts).flat(&mut flat);
        let mut said = Vec::new();
        while !flat.is_empty() {
            let mut group = vec![flat.remove(0)];
            let mut ways = Vec::new();
            group[0].ways(self.schema, &mut ways);
            let mut shared = None;
            while let Some((way, at)) = first_along(self.schema, &ways, &flat) {
                shared.get_or_insert(way);
                let next = flat.remove(at);
                next.ways(self.schema, &mut ways);
                group.push(next);
            }
            said.push(match shared {
                Some(way) => self.across(way, group),
                None => self.written(group.remove(0)),
            });
        }
        Expr::all(said)
    }

    /// Some row at the end of `way` has all of it.
    fn across(&mut self, way: Way, parts: Vec<Part<'_>>) -> Expr {
        let (source, relation) = way;
        let model = self.schema.model(source.model).relation(relation).target;
        let target = Source { model, alias: self.number(model) };
        let without = match self.may_be_missing(source.model, relation) {
            true => Part::All(parts.clone()).missing(self.schema, way),
            false => Part::Known(false),
        };
        let mut inner = parts;
        inner.iter_mut().for_each(|part| part.entered(self.schema, way, target));
        self.passed.push(model);
        let inner = self.all(inner);
        self.passed.pop();
        let found = Expr::related(source, relation, target, Some(inner));
        if let Part::Known(false) = without {
            return found;
        }
        let nothing = Expr::related(source, relation, target, None).negate();
        Expr::any([found, Expr::all([nothing, self.written(without)])])
    }

    /// A lookup that looks at no row which another could share.
    fn lookup(&mut self, place: Place<'_>) -> Expr {
        let Place { condition, source, depth } = place;
        let Condition { lookup, values } = condition;
        if depth > lookup.path.len() {
            return is_object(
                self.schema,
                source,
                &self.schema.model(source.model).key,
                lookup.operator,
                values,
            );
        }
        let Some(relation) = lookup.path.get(depth) else {
            let alias = match lookup.subject {
                Subject::Relation(relation) => {
                    self.number(self.schema.model(source.model).relation(relation).target)
                }
                _ => 0,
            };
            return at_end(self.schema, lookup, lookup.operator, values, source, alias);
        };
        if let Some(own) = place.own_key(self.schema, *relation) {
            return own;
        }
        let denied = lookup.operator.denied().unwrap_or(lookup.operator);
        let lookup = Lookup { operator: denied, ..lookup.clone() };
        let asked = Condition { lookup, values: values.clone() };
        let part = Part::Lookup(Place { condition: &asked, ..place });
        self.across((source, *relation), vec![part]).negate()
    }

    /// False where each row has a related one.
    fn may_be_missing(&self, model: ModelId, relation: RelationId) -> bool {
        let model = self.schema.model(model);
        let relation = model.relation(relation);
        relation.kind != RelationKind::ManyToOne
            || relation.keyless
            || relation.condition.is_some()
            || relation.local.iter().any(|field| model.field(*field).nullable)
            || self.schema.model(relation.target).fields().iter().any(|field| field.tombstone)
    }

    /// A table that was passed before needs another number, so that the two rows are told apart.
    fn number(&self, model: ModelId) -> u32 {
        let table = self.schema.model(model).table();
        let passed = self.passed.iter().filter(|known| self.schema.model(**known).table() == table).count();
        if passed == 0 { 0 } else { self.used + passed as u32 }
    }
}

/// The first part that goes one of these ways, too.
fn first_along(schema: &Schema, ways: &[Way], parts: &[Part<'_>]) -> Option<(Way, usize)> {
    ways.iter().find_map(|way| {
        let at = parts.iter().position(|part| part.goes(schema, *way))?;
        Some((*way, at))
    })
}
