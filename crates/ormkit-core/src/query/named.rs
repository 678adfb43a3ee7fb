//! Conditions and orders by name, for programs that have values and no expressions.

use super::lookup::{Condition, Expects, Lookup, Takes, conditions, resolve, resolve_value};
use super::{Expr, Load, Order, Select, Source, Strategy};
use crate::error::{Error, Result};
use crate::model::{ColumnType, FieldId, ModelId, Schema};
use crate::value::{SqlType, Value};

impl Select {
    /// Keeps the rows of the statement's class that a lookup finds: `filter_by(&schema, "books__year__gte", [1970])`.
    /// It takes one value; `between` two, `in` and `notin` any number, an object or a key the values of its columns.
    ///
    /// # Errors
    /// [`UnknownName`](crate::error::ErrorKind::UnknownName) with near matches; `DataError` that names the lookup for
    /// too few or too many values, and for those that cannot stand beside it; an invalid request for a statement that
    /// reads no class.
    pub fn filter_by<V: Into<Value>>(
        self,
        schema: &Schema,
        name: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Result<Self> {
        let source = self.named_root(name)?;
        let lookup = resolve(schema, source.model, name)?;
        let values: Vec<Value> = values.into_iter().map(Into::into).collect();
        let values = beside(schema, &lookup, &values).map_err(|error| error.at(|| name.to_owned()))?;
        Ok(self.filter(conditions(schema, source, &[Condition { lookup, values }])))
    }

    /// Sorts by a value of the statement's class, downwards where its name has a minus sign: `-year`, `meta__size`.
    ///
    /// # Errors
    /// [`UnknownName`](crate::error::ErrorKind::UnknownName) with near matches; an invalid request for a statement that
    /// reads no class.
    pub fn order_by_name(self, schema: &Schema, name: &str) -> Result<Self> {
        let source = self.named_root(name)?;
        let (bare, down) = name.strip_prefix('-').map_or((name, false), |bare| (bare, true));
        let value = resolve_value(schema, source, bare)?;
        Ok(self.order_by(if down { Order::desc(value) } else { Order::asc(value) }))
    }

    /// Loads relations along with the statement's objects, each of the class that the one before it leads to:
    /// `books.tags`.
    ///
    /// # Errors
    /// [`UnknownName`](crate::error::ErrorKind::UnknownName) with near matches; an invalid request for a statement that
    /// reads no class.
    pub fn load_path(self, schema: &Schema, path: &str, strategy: Strategy) -> Result<Self> {
        let mut model = self.named_root(path)?.model;
        let mut relations = Vec::new();
        for name in path.split('.') {
            let relation = schema.model(model).relation_named(name)?;
            relations.push(relation);
            model = schema.model(model).relation(relation).target;
        }
        let chained = relations.into_iter().rev().fold(None, |then: Option<Load>, relation| {
            Some(Load { then: then.into_iter().collect(), ..Load::new(relation, strategy) })
        });
        Ok(chained.into_iter().fold(self, Self::load))
    }

    fn named_root(&self, name: &str) -> Result<Source> {
        self.root().ok_or_else(|| {
            Error::invalid_request(format!("`{name}` is a name of a class: the statement reads none"))
        })
    }
}

/// The values of a lookup in their types.
fn beside(schema: &Schema, lookup: &Lookup, values: &[Value]) -> Result<Vec<Expr>> {
    let column = |model: ModelId, field: FieldId| schema.model(model).field(field).column_type.clone();
    let fitted = |column_type: &ColumnType, values: &[Value]| {
        values.iter().map(|value| fit(column_type, value)).collect()
    };
    match lookup.expects() {
        Expects::Value(model, field) => fitted(&column(model, field), so_many(1, values)?),
        Expects::List(model, field) => fitted(&column(model, field), values),
        Expects::Pair(model, field) => fitted(&column(model, field), so_many(2, values)?),
        Expects::Part(model, field) => match column(model, field) {
            of @ (ColumnType::Json | ColumnType::Array(_)) => fitted(&of, so_many(1, values)?),
            _ => fitted(&ColumnType::Text, so_many(1, values)?),
        },
        Expects::Elements(model, field, takes) => {
            let of = match column(model, field) {
                ColumnType::Array(element) => ColumnType::clone(&element),
                other => other,
            };
            match takes {
                Takes::List => fitted(&of, values),
                Takes::Pair => fitted(&of, so_many(2, values)?),
                Takes::Value | Takes::Text | Takes::Bool => fitted(&of, so_many(1, values)?),
            }
        }
        Expects::Typed(sql_type) => Ok(vec![Expr::value(so_many(1, values)?[0].clone(), sql_type)]),
        Expects::TypedPair(sql_type) => Ok(typed(sql_type, so_many(2, values)?)),
        Expects::TypedList(sql_type) => Ok(typed(sql_type, values)),
        Expects::Json => so_many(1, values)?.iter().map(json).collect(),
        Expects::JsonList => values.iter().map(json).collect(),
        Expects::Ordered => so_many(1, values)?.iter().map(ordered).collect(),
        Expects::OrderedPair => so_many(2, values)?.iter().map(ordered).collect(),
        Expects::Text => fitted(&ColumnType::Text, so_many(1, values)?),
        Expects::Texts => fitted(&ColumnType::Text, values),
        Expects::Bool => match so_many(1, values)? {
            [Value::Bool(value)] => Ok(vec![Expr::Bool(*value)]),
            _ => Err(Error::data(None, "expected true or false")),
        },
        Expects::Object(model, relation) => match values {
            [Value::Null] => Ok(Vec::new()),
            _ => {
                let target = schema.model(model).relation(relation).target;
                key(schema, target, &Expects::fields(schema, model, relation), values)
            }
        },
        Expects::Objects(model, relation) => {
            let target = schema.model(model).relation(relation).target;
            keys(schema, target, &Expects::fields(schema, model, relation), values)
        }
        Expects::Key(model) => key(schema, model, &schema.model(model).key, values),
        Expects::Keys(model) => keys(schema, model, &schema.model(model).key, values),
    }
}

fn so_many(count: usize, values: &[Value]) -> Result<&[Value]> {
    match values.len() == count {
        true => Ok(values),
        false => Err(Error::data(None, format!("expected {count} value(s), found {}", values.len()))),
    }
}

fn fit(column_type: &ColumnType, value: &Value) -> Result<Expr> {
    Ok(Expr::value(column_type.fitted(value)?, column_type.sql_type()))
}

fn typed(sql_type: SqlType, values: &[Value]) -> Vec<Expr> {
    values.iter().map(|value| Expr::value(value.clone(), sql_type)).collect()
}

fn key(schema: &Schema, model: ModelId, fields: &[FieldId], values: &[Value]) -> Result<Vec<Expr>> {
    keys(schema, model, fields, so_many(fields.len(), values)?)
}

/// The values of keys, one behind the other.
fn keys(schema: &Schema, model: ModelId, fields: &[FieldId], values: &[Value]) -> Result<Vec<Expr>> {
    if !values.len().is_multiple_of(fields.len()) {
        let columns = fields.len();
        return Err(Error::data(
            None,
            format!("expected keys of {columns} value(s), found {}", values.len()),
        ));
    }
    let model = schema.model(model);
    let part = |(field, value): (&FieldId, &Value)| match value {
        Value::Null => Err(Error::data(None, format!("NULL is no {}", model.place(*field)))),
        value => fit(&model.field(*field).column_type, value),
    };
    fields.iter().cycle().zip(values).map(part).collect()
}

/// A value as JSON: text becomes a string.
fn json(value: &Value) -> Result<Expr> {
    let json = match value {
        Value::Json(text) => text.clone(),
        Value::Null => "null".into(),
        Value::Text(text) => serde_json::Value::from(&**text).to_string().into(),
        Value::Bool(value) => value.to_string().into(),
        Value::Int(value) => value.to_string().into(),
        Value::Numeric(value) if !value.as_numeric().is_special() => value.as_numeric().to_string().into(),
        Value::Float(value) if value.is_finite() => serde_json::Value::from(*value).to_string().into(),
        _ => return Err(Error::data(None, "the value has no form in JSON")),
    };
    fit(&ColumnType::Json, &Value::Json(json))
}

/// What JSON of its kind is put in order beside.
fn ordered(value: &Value) -> Result<Expr> {
    match value {
        Value::Text(_) => fit(&ColumnType::Text, value),
        Value::Float(float) if float.is_finite() => {
            fit(&ColumnType::Numeric(None), &Value::Text(float.to_string().into()))
        }
        _ => fit(&ColumnType::Numeric(None), value),
    }
}
