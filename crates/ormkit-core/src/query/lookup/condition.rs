//! A lookup with its values, at the end of its way.

use super::super::{ArraysOp, CompareOp, Expr, JsonRead, Pattern, Source};
use super::{Lookup, Operator, Subject};
use crate::model::{ColumnType, FieldId, Model, RelationId, RelationKind, Schema};
use crate::value::{SqlType, Value};

/// The condition on a row of `source`, whose model is the lookup's.
pub(super) fn at_end(
    schema: &Schema,
    lookup: &Lookup,
    operator: Operator,
    values: &[Expr],
    source: Source,
    alias: u32,
) -> Expr {
    let model = schema.model(source.model);
    if let Some(denied) = operator.denied() {
        return at_end(schema, lookup, denied, values, source, alias).not_true(schema);
    }
    match &lookup.subject {
        Subject::Relation(relation) => on_relation(schema, model, source, *relation, operator, values, alias),
        Subject::Key => is_object(schema, source, &model.key, operator, values),
        subject => match subject.value(source) {
            Some(value) => on_value(schema, model, subject, value, operator, values),
            None => Expr::Bool(false),
        },
    }
}

fn on_value(
    schema: &Schema,
    model: &Model,
    subject: &Subject,
    value: Expr,
    operator: Operator,
    values: &[Expr],
) -> Expr {
    use Operator as O;
    let sql_type = value.sql_type(schema);
    let first = || values.first().cloned().unwrap_or(Expr::Null);
    let second = || values.get(1).cloned().unwrap_or(Expr::Null);
    let is_json = matches!(sql_type, SqlType::Json | SqlType::Jsonb);
    let has_members = match subject {
        Subject::Field(field) => model.field(*field).column_type.has_members(),
        _ => matches!(sql_type, SqlType::Array(_)),
    };
    // JSON values of one kind have an order; others are not compared.
    let in_order = || match subject {
        Subject::Path(..) => of_kind(schema, value.clone(), &first()),
        _ => value.clone(),
    };
    let compare = |op| Expr::compare(in_order(), op, first());
    let text = |pattern, any_case| {
        // NULL is no part of anything; as a whole it is NULL.
        if is_null(&first()) {
            return value.clone().is_null();
        }
        as_text(model, subject, value.clone()).like(pattern, first(), any_case)
    };
    let regex = |any_case| as_text(model, subject, value.clone()).regex(first(), any_case);
    match operator {
        O::Exact | O::Ne => Expr::compare(value, CompareOp::Eq, first()),
        O::Gt => compare(CompareOp::Gt),
        O::Gte => compare(CompareOp::Ge),
        O::Lt => compare(CompareOp::Lt),
        O::Lte => compare(CompareOp::Le),
        O::In | O::NotIn => among(value, values, sql_type),
        O::IsNull => null_if(value, is_true(&first())),
        O::IsNotNull => null_if(value, !is_true(&first())),
        O::Between => in_order().between(first(), second()),
        O::Contains if is_json => value.json_contains(first()),
        O::Contains if has_members => value.arrays(ArraysOp::Contains, first()),
        O::JsonContains => value.json_contains(first()),
        O::ContainedBy if has_members => first().arrays(ArraysOp::Contains, value),
        O::ContainedBy => first().json_contains(value),
        O::Overlap => value.arrays(ArraysOp::Overlaps, first()),
        O::HasKey => value.json_has(first()),
        O::HasKeys => value.json_has_keys(constants(values), true),
        O::HasAnyKeys => value.json_has_keys(constants(values), false),
        O::Regex => regex(false),
        O::IRegex => regex(true),
        O::IExact => text(Pattern::Exact, true),
        O::Like => text(Pattern::Like, false),
        O::ILike => text(Pattern::Like, true),
        O::Contains => text(Pattern::Contains, false),
        O::IContains => text(Pattern::Contains, true),
        O::StartsWith => text(Pattern::StartsWith, false),
        O::IStartsWith => text(Pattern::StartsWith, true),
        O::EndsWith => text(Pattern::EndsWith, false),
        O::IEndsWith => text(Pattern::EndsWith, true),
    }
}

/// What lies at the end of a JSON path, where it is of the kind of `other`.
fn of_kind(schema: &Schema, value: Expr, other: &Expr) -> Expr {
    let read = match other.sql_type(schema) {
        SqlType::Text => JsonRead::String,
        _ => JsonRead::Numeric,
    };
    value.json([], read)
}

fn constants(values: &[Expr]) -> Vec<Value> {
    let constant = |value: &Expr| match value {
        Expr::Value(bound) => Some(bound.value.clone()),
        _ => None,
    };
    values.iter().filter_map(constant).collect()
}

/// A relation takes an object by the values of its join fields; nothing and NULL mean "none".
fn on_relation(
    schema: &Schema,
    model: &Model,
    source: Source,
    relation: RelationId,
    operator: Operator,
    values: &[Expr],
    alias: u32,
) -> Expr {
    use Operator as O;
    let relation = model.relation(relation);
    // The own key says which object it is, unless more has to hold of that, or nobody sees to it that there is one.
    let by_key =
        relation.kind == RelationKind::ManyToOne && relation.condition.is_none() && !relation.keyless;
    let absent = |absent: bool| {
        let present = match by_key {
            true => Expr::all(relation.local.iter().map(|field| Expr::column(source, *field).is_not_null())),
            false => Expr::related(source, relation.id, Source { model: relation.target, alias }, None),
        };
        if absent { present.negate() } else { present }
    };
    let target = Source { model: relation.target, alias };
    let (at, fields) = match relation.kind {
        RelationKind::ManyToOne if by_key => (source, &relation.local),
        RelationKind::ManyToOne => (target, &relation.remote),
        RelationKind::OneToMany | RelationKind::ManyToMany => (target, &schema.model(relation.target).key),
    };
    let is_object = match operator {
        O::IsNull | O::IsNotNull => {
            return absent(is_true(values.first().unwrap_or(&Expr::Null)) == (operator == O::IsNull));
        }
        O::In => is_object(schema, at, fields, operator, values),
        _ if values.iter().all(is_null) => return absent(true),
        _ => is_object(schema, at, fields, operator, values),
    };
    match by_key {
        true => is_object,
        // A list holds an object when a related row has its key.
        false => Expr::related(source, relation.id, target, Some(is_object)),
    }
}

/// True where `fields` of a row of `source` are a key, or one of a list of them, one behind the other.
pub(super) fn is_object(
    schema: &Schema,
    source: Source,
    fields: &[FieldId],
    operator: Operator,
    values: &[Expr],
) -> Expr {
    let columns: Vec<Expr> = fields.iter().map(|field| Expr::column(source, *field)).collect();
    let is_key = |key: &[Expr]| {
        Expr::all(columns.iter().zip(key).map(|(column, value)| column.clone().eq(value.clone())))
    };
    if operator != Operator::In {
        return is_key(values);
    }
    let model = schema.model(source.model);
    let element = |field: FieldId| model.field(field).column_type.sql_type();
    if let [field] = fields {
        return among(Expr::column(source, *field), values, element(*field));
    }
    let mut lists: Vec<(SqlType, Vec<Value>)> =
        fields.iter().map(|field| (element(*field), Vec::new())).collect();
    for (at, value) in values.iter().enumerate() {
        let Expr::Value(bound) = value else {
            return Expr::any(values.chunks(columns.len()).map(is_key));
        };
        lists[at % columns.len()].1.push(bound.value.clone());
    }
    Expr::in_rows(columns, lists)
}

/// One of the values: as one list where all are constants.
pub(super) fn among(column: Expr, values: &[Expr], element: SqlType) -> Expr {
    let constants: Option<Vec<Value>> = values
        .iter()
        .map(|value| match value {
            Expr::Value(bound) => Some(bound.value.clone()),
            Expr::Null => Some(Value::Null),
            _ => None,
        })
        .collect();
    match (constants, values) {
        (Some(constants), _) => column.in_values(constants, element),
        (None, [Expr::Scalar(select)]) => column.in_select((**select).clone()),
        (None, several) => Expr::any(several.iter().map(|value| column.clone().eq(value.clone()))),
    }
}

/// The value's text: other types are converted, as the text of a number is what a person looks through.
fn as_text(model: &Model, subject: &Subject, value: Expr) -> Expr {
    let column_type = subject.field().map(|field| &model.field(field).column_type);
    match column_type {
        Some(ColumnType::Json) => value.json([], JsonRead::Text),
        Some(ColumnType::Text | ColumnType::VarChar(_)) => value,
        _ => value.cast(ColumnType::Text),
    }
}

fn null_if(column: Expr, null: bool) -> Expr {
    if null { column.is_null() } else { column.is_not_null() }
}

pub(super) fn is_true(value: &Expr) -> bool {
    match value {
        Expr::Value(bound) => bound.value == Value::Bool(true),
        Expr::Bool(value) => *value,
        _ => false,
    }
}

pub(super) fn is_null(value: &Expr) -> bool {
    match value {
        Expr::Null => true,
        Expr::Value(bound) => bound.value.is_null(),
        _ => false,
    }
}
