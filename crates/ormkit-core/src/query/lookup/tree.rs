//! The conditions of one call, gathered by the relations that they cross.

use super::super::{Expr, Source};
use super::condition::at_end;
use super::{Lookup, Subject};
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

/// All of `conditions` on a row of `source`. Conditions that cross the same relations meet in one related row, and each
/// parent matches once however many rows do; those that deny (`ne`, `notin`) hold when no related row has it.
pub fn conditions(schema: &Schema, source: Source, conditions: &[Condition]) -> Expr {
    let all: Vec<&Condition> = conditions.iter().collect();
    at(schema, source, &all, 0, &mut vec![source.model])
}

/// The same on a row of `source` inside a SELECT about a row of `around`, which the values may speak of.
pub fn conditions_within(schema: &Schema, around: Source, source: Source, conditions: &[Condition]) -> Expr {
    let all: Vec<&Condition> = conditions.iter().collect();
    at(schema, source, &all, 0, &mut vec![around.model, source.model])
}

/// Conditions whose ways have come to `source` after `depth` relations.
fn at(
    schema: &Schema,
    source: Source,
    conditions: &[&Condition],
    depth: usize,
    passed: &mut Vec<ModelId>,
) -> Expr {
    let mut parts = Vec::new();
    let mut crossed: Vec<RelationId> = Vec::new();
    for condition in conditions {
        let lookup = &condition.lookup;
        match lookup.path.get(depth) {
            None => {
                let alias = alias_of(schema, source, &lookup.subject, passed);
                parts.push(at_end(schema, lookup, lookup.operator, &condition.values, source, alias));
            }
            Some(relation) => {
                if let Some(local) = own_key(schema, source, condition, *relation, depth) {
                    parts.push(local);
                } else if let Some(denied) = lookup.operator.denied() {
                    let asked = Condition {
                        lookup: Lookup { operator: denied, ..lookup.clone() },
                        values: condition.values.clone(),
                    };
                    parts.push(related(schema, source, *relation, &[&asked], depth, passed).negate());
                } else if !crossed.contains(relation) {
                    crossed.push(*relation);
                    let together: Vec<&Condition> = conditions
                        .iter()
                        .filter(|other| {
                            other.lookup.path.get(depth) == Some(relation)
                                && other.lookup.operator.denied().is_none()
                                && own_key(schema, source, other, *relation, depth).is_none()
                        })
                        .copied()
                        .collect();
                    parts.push(related(schema, source, *relation, &together, depth, passed));
                }
            }
        }
    }
    Expr::all(parts)
}

fn related(
    schema: &Schema,
    source: Source,
    relation: RelationId,
    conditions: &[&Condition],
    depth: usize,
    passed: &mut Vec<ModelId>,
) -> Expr {
    let model = schema.model(source.model).relation(relation).target;
    let target = Source { model, alias: number(model, passed) };
    passed.push(model);
    let inner = at(schema, target, conditions, depth + 1, passed);
    passed.pop();
    Expr::related(source, relation, target, Some(inner))
}

/// `author__id` is the own `author_id`: the related row need not be looked at.
fn own_key(
    schema: &Schema,
    source: Source,
    condition: &Condition,
    relation: RelationId,
    depth: usize,
) -> Option<Expr> {
    let lookup = &condition.lookup;
    let relation = schema.model(source.model).relation(relation);
    let Subject::Field(field) = lookup.subject else { return None };
    if lookup.path.len() != depth + 1 || relation.kind != RelationKind::ManyToOne {
        return None;
    }
    let at = relation.remote.iter().position(|remote| *remote == field)?;
    let own = Lookup {
        path: Vec::new(),
        model: source.model,
        subject: Subject::Field(*relation.local.get(at)?),
        operator: lookup.operator,
    };
    Some(at_end(schema, &own, own.operator, &condition.values, source, 0))
}

fn alias_of(schema: &Schema, source: Source, subject: &Subject, passed: &[ModelId]) -> u32 {
    match subject {
        Subject::Relation(relation) => number(schema.model(source.model).relation(*relation).target, passed),
        _ => 0,
    }
}

/// A model that was passed before needs another number, so that the two rows are told apart.
fn number(model: ModelId, passed: &[ModelId]) -> u32 {
    passed.iter().filter(|known| **known == model).count() as u32
}
