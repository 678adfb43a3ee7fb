//! Lookups by name: `author__team__name__icontains`.
//!
//! A name is resolved against the models first ([`resolve`]), which finds every mistake before any SQL; it then says
//! what kind of value it takes ([`Lookup::expects`]); with its values it is a [`Condition`], and the conditions of one
//! call together are an expression ([`conditions`], [`Formula`]).

mod computed;
mod condition;
mod operator;
mod owned;
mod path;
mod subject;
mod tree;

pub use computed::{Takes, computed, computed_operator};
pub use operator::Operator;
pub use owned::owned_by;
pub(super) use path::FIRST_ALIAS;
pub use path::{Path, correlated};
pub use subject::Subject;
pub use tree::{Condition, Formula, conditions};

use super::{Expr, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{FieldId, FieldIds, Model, ModelId, RelationId, RelationKind, Schema};
use crate::value::SqlType;

/// A resolved name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The relations on the way, each of the model that the one before it leads to.
    pub path: Vec<RelationId>,
    /// The model at the end of the way.
    pub model: ModelId,
    /// What is looked at there.
    pub subject: Subject,
    /// How.
    pub operator: Operator,
}

/// What a lookup takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expects {
    /// One value of the field; None is NULL.
    Value(ModelId, FieldId),
    /// A list of values of the field.
    List(ModelId, FieldId),
    /// Two values of the field.
    Pair(ModelId, FieldId),
    /// What a field contains: JSON of a JSON field, a list of an array, otherwise a text.
    Part(ModelId, FieldId),
    /// One value of a type.
    Typed(SqlType),
    /// A list of values of a type.
    TypedList(SqlType),
    /// Two values of a type.
    TypedPair(SqlType),
    /// One JSON value; None is JSON's null.
    Json,
    /// A list of JSON values.
    JsonList,
    /// A number or a text, which JSON values of the same kind are compared with.
    Ordered,
    /// Two of them.
    OrderedPair,
    /// Elements of an array, as many as the operator takes.
    Elements(ModelId, FieldId, Takes),
    /// A text, whatever the field's type.
    Text,
    /// A list of texts.
    Texts,
    /// True or false.
    Bool,
    /// An object of the relation's target, or None. It is given by its values of [`Expects::fields`].
    Object(ModelId, RelationId),
    /// A list of such objects; only where one field gives an object.
    Objects(ModelId, RelationId),
    /// A key of several columns: a value for each of them.
    Key(ModelId),
    /// A list of such keys, one behind the other.
    Keys(ModelId),
}

impl Expects {
    /// The fields of a relation's target that give an object in a condition: those that a many-to-one refers to, the key
    /// of a member of a list.
    pub fn fields(schema: &Schema, model: ModelId, relation: RelationId) -> FieldIds {
        let relation = schema.model(model).relation(relation);
        match relation.kind {
            RelationKind::ManyToOne => relation.remote.clone(),
            RelationKind::OneToMany | RelationKind::ManyToMany => schema.model(relation.target).key.clone(),
        }
    }
}

impl Lookup {
    /// What it takes.
    pub fn expects(&self) -> Expects {
        use Operator as O;
        let typed = |sql_type| match self.operator {
            O::In | O::NotIn => Expects::TypedList(sql_type),
            O::Between => Expects::TypedPair(sql_type),
            _ => Expects::Typed(sql_type),
        };
        match (&self.subject, self.operator) {
            (_, O::IsNull | O::IsNotNull) => Expects::Bool,
            (Subject::Key, O::In | O::NotIn) => Expects::Keys(self.model),
            (Subject::Key, _) => Expects::Key(self.model),
            (Subject::Relation(relation), O::In | O::NotIn) => Expects::Objects(self.model, *relation),
            (Subject::Relation(relation), _) => Expects::Object(self.model, *relation),
            (_, O::HasKey) => Expects::Text,
            (_, O::HasKeys | O::HasAnyKeys) => Expects::Texts,
            (_, O::JsonContains) => Expects::Json,
            (Subject::Part(_, part), _) => typed(part.sql_type()),
            (Subject::Length(..), _) => typed(SqlType::Integer),
            (Subject::Element(..), operator) if operator.is_of_text() => Expects::Text,
            (Subject::Element(field, _), operator) => Expects::Elements(self.model, *field, operator.takes()),
            (Subject::Slice(field, ..), O::In | O::NotIn) => Expects::List(self.model, *field),
            (Subject::Slice(field, ..), _) => Expects::Value(self.model, *field),
            (Subject::Path(..), O::In | O::NotIn) => Expects::JsonList,
            (Subject::Path(..), O::Between) => Expects::OrderedPair,
            (Subject::Path(..), operator) if operator.is_of_order() => Expects::Ordered,
            (Subject::Path(..), O::Exact | O::Ne | O::Contains | O::ContainedBy) => Expects::Json,
            (Subject::Field(field), O::In | O::NotIn) => Expects::List(self.model, *field),
            (Subject::Field(field), O::Between) => Expects::Pair(self.model, *field),
            (Subject::Field(field), O::Contains) => Expects::Part(self.model, *field),
            (_, operator) if operator.is_of_text() => Expects::Text,
            (Subject::Field(field) | Subject::Path(field, _), _) => Expects::Value(self.model, *field),
        }
    }
}

/// The value that a name without an operator stands for on a row of `source`: a field, a part of a time
/// (`created__year`), what lies in a JSON field (`meta__a__0`), a length (`tags__len`).
///
/// # Errors
/// [`ErrorKind::UnknownName`] with near matches; [`ErrorKind::Unsupported`] for a name that crosses a relation or holds
/// an operator.
pub fn resolve_value(schema: &Schema, source: Source, name: &str) -> Result<Expr> {
    let model = schema.model(source.model);
    if !name.contains("__") {
        return resolve_field(model, name).map(|field| Expr::column(source, field));
    }
    let lookup = resolve(schema, source.model, name)?;
    let plain = lookup.path.is_empty() && lookup.operator == Operator::Exact && !name.ends_with("__exact");
    match lookup.subject.value(source) {
        Some(value) if plain => Ok(value),
        _ => Err(Error::new(ErrorKind::Unsupported {
            feature: format!("`{name}` as a value of {}", model.name()),
            instead: "name a field, a part of a date, or a JSON path".into(),
        })),
    }
}

/// Resolves a lookup's name for objects of `model`.
///
/// # Errors
/// [`ErrorKind::UnknownName`] with near matches: no such attribute or relation, or no such lookup;
/// [`ErrorKind::Unsupported`] for lookups that the subject does not have.
pub fn resolve(schema: &Schema, model: ModelId, name: &str) -> Result<Lookup> {
    let mut at = schema.model(model);
    let mut path = Vec::new();
    let mut parts = name.split("__").peekable();
    // `split` answers at least one part.
    let mut part = parts.next().unwrap_or_default();
    loop {
        if part == "pk" && at.key.len() > 1 && at.find_field(part).is_none() {
            let operator = operator_of(&format!("{}.pk", at.name()), parts)?;
            return lookup(schema, path, at, Subject::Key, operator);
        }
        if let Some(field) = field_of(at, part)? {
            let (subject, operator) = subject::behind(at, field, parts)?;
            return lookup(schema, path, at, subject, operator);
        }
        let relation = at.find_relation(part).ok_or_else(|| at.unknown("attribute", part))?;
        let target = schema.model(at.relation(relation).target);
        match parts.peek() {
            Some(next) if is_attribute(target, next) => {
                path.push(relation);
                at = target;
                part = parts.next().unwrap_or_default();
            }
            Some(next) if Operator::of(next).is_none() => return Err(target.unknown("attribute", next)),
            _ => {
                let place = format!("{}.{}", at.name(), at.relation(relation).name);
                let operator = operator_of(&place, parts)?;
                return lookup(schema, path, at, Subject::Relation(relation), operator);
            }
        }
    }
}

/// Resolves the name of a field on `model` itself, as ORDER BY and `F` take it.
///
/// # Errors
/// [`ErrorKind::UnknownName`] with near matches.
pub fn resolve_field(model: &Model, name: &str) -> Result<FieldId> {
    match field_of(model, name)? {
        Some(field) => Ok(field),
        None => Err(model.unknown("attribute", name)),
    }
}

fn is_attribute(model: &Model, name: &str) -> bool {
    name == "pk" || model.find_field(name).is_some() || model.find_relation(name).is_some()
}

/// The field of a name; `pk` is the key, unless a field has that name.
fn field_of(model: &Model, name: &str) -> Result<Option<FieldId>> {
    match (model.find_field(name), name, &model.key[..]) {
        (Some(field), ..) => Ok(Some(field)),
        (None, "pk", [key]) => Ok(Some(*key)),
        (None, "pk", _) => Err(Error::new(ErrorKind::Unsupported {
            feature: format!("`pk` as one value of {}", model.name()),
            instead: "its key has several columns: name them one by one".into(),
        })),
        _ => Ok(None),
    }
}

fn lookup(
    schema: &Schema,
    path: Vec<RelationId>,
    model: &Model,
    subject: Subject,
    operator: Option<Operator>,
) -> Result<Lookup> {
    let operator = operator.unwrap_or(Operator::Exact);
    subject.require(schema, model, operator)?;
    Ok(Lookup { path, model: model.id, subject, operator })
}

/// The operator of a relation or of a key, which nothing else may follow.
fn operator_of<'a>(place: &str, mut rest: impl Iterator<Item = &'a str>) -> Result<Option<Operator>> {
    let Some(name) = rest.next() else { return Ok(None) };
    let operator =
        Operator::of(name).ok_or_else(|| Error::unknown_name("lookup", name, place, Operator::NAMES))?;
    match rest.next() {
        Some(extra) => Err(Error::unknown_name("lookup", extra, format!("{place}__{name}"), [])),
        None => Ok(Some(operator)),
    }
}

#[cfg(test)]
mod tests;
