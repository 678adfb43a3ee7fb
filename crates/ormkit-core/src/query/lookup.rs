//! Lookups by name: `author__team__name__icontains`.
//!
//! A name is resolved against the models first ([`resolve`]), which finds every mistake before any SQL; it then says
//! what kind of value it takes ([`Lookup::expects`]); with its values it is a [`Condition`], and the conditions of one
//! call together are an expression ([`conditions`]).

mod computed;
mod condition;
mod operator;
mod path;
mod tree;

pub use computed::{Takes, computed, computed_operator};
pub use operator::Operator;
pub use path::{Path, correlated};
pub use tree::{Condition, conditions};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{ColumnType, FieldId, FieldIds, Model, ModelId, RelationId, RelationKind, Schema};

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

/// What a lookup looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A field.
    Field(FieldId),
    /// The object at the other end of a relation.
    Relation(RelationId),
}

/// What a lookup takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expects {
    /// One value of the field; None is NULL.
    Value(ModelId, FieldId),
    /// A list of values of the field.
    List(ModelId, FieldId),
    /// Two values of the field.
    Pair(ModelId, FieldId),
    /// A text, whatever the field's type.
    Text,
    /// True or false.
    Bool,
    /// An object of the relation's target, or None. It is given by its values of [`Expects::fields`].
    Object(ModelId, RelationId),
    /// A list of such objects; only where one field gives an object.
    Objects(ModelId, RelationId),
}

impl Expects {
    /// The fields of a relation's target that give an object in a condition: those that a many-to-one refers to, the key
    /// of a member of a list.
    pub fn fields(schema: &Schema, model: ModelId, relation: RelationId) -> FieldIds {
        let relation = schema.model(model).relation(relation);
        match relation.kind {
            RelationKind::ManyToOne => relation.remote.clone(),
            RelationKind::OneToMany => schema.model(relation.target).key.clone(),
        }
    }
}

impl Lookup {
    /// What it takes.
    pub fn expects(&self) -> Expects {
        use Operator as O;
        match (self.subject, self.operator) {
            (_, O::IsNull | O::IsNotNull) => Expects::Bool,
            (Subject::Relation(relation), O::In | O::NotIn) => Expects::Objects(self.model, relation),
            (Subject::Relation(relation), _) => Expects::Object(self.model, relation),
            (Subject::Field(field), O::In | O::NotIn) => Expects::List(self.model, field),
            (Subject::Field(field), O::Between) => Expects::Pair(self.model, field),
            (Subject::Field(_), operator) if operator.is_of_text() => Expects::Text,
            (Subject::Field(field), _) => Expects::Value(self.model, field),
        }
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
        if let Some(field) = field_of(at, part)? {
            let operator = operator_of(at.place(field), parts)?;
            return lookup(schema, path, at, Subject::Field(field), operator);
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
                let operator = operator_of(place, parts)?;
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
            feature: format!("the lookup `pk` on {}", model.name()),
            instead: "its key has several columns: name them one by one".into(),
        })),
        _ => Ok(None),
    }
}

fn operator_of<'a>(place: String, mut rest: impl Iterator<Item = &'a str>) -> Result<Operator> {
    let Some(name) = rest.next() else { return Ok(Operator::Exact) };
    let operator = Operator::of(name).ok_or_else(|| {
        Error::unknown_name("lookup", name, place.as_str(), Operator::NAMES.iter().copied())
    })?;
    match rest.next() {
        Some(extra) => Err(Error::unknown_name("lookup", extra, format!("{place}__{name}"), [])),
        None => Ok(operator),
    }
}

fn lookup(
    schema: &Schema,
    path: Vec<RelationId>,
    model: &Model,
    subject: Subject,
    operator: Operator,
) -> Result<Lookup> {
    if let Subject::Field(field) = subject
        && operator.is_of_text()
        && matches!(model.field(field).column_type, ColumnType::Array(_))
    {
        return Err(Error::new(ErrorKind::Unsupported {
            feature: format!("`{}` on the array {}", operator.name(), model.place(field)),
            instead: "use contains() or overlap() of the attribute, with a list".into(),
        }));
    }
    let fits = match subject {
        Subject::Field(_) => true,
        Subject::Relation(relation) => match operator {
            Operator::In | Operator::NotIn => Expects::fields(schema, model.id, relation).len() == 1,
            other => matches!(other, Operator::Exact | Operator::Ne | Operator::IsNull | Operator::IsNotNull),
        },
    };
    if !fits {
        return Err(Error::new(ErrorKind::Unsupported {
            feature: format!("`{}` on a relation", operator.name()),
            instead: "name a field of the related model as well".into(),
        }));
    }
    Ok(Lookup { path, model: model.id, subject, operator })
}

#[cfg(test)]
mod tests;
