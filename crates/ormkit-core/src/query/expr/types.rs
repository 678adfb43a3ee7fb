//! Which type an expression has.

use super::super::{Item, Select, Shape};
use super::{Arithmetic, ArithmeticOp, Call, Case, ColumnTypes, Expr};
use crate::model::{ColumnType, Schema};
use crate::value::{Element, SqlType};

impl Expr {
    /// Its type, as far as it is known without asking the database.
    pub fn sql_type(&self, schema: &dyn ColumnTypes) -> SqlType {
        match self {
            Self::Column(column) => schema.column_type(column.source.model, column.field).sql_type(),
            Self::Part(part) => part.shown().of.sql_type(schema),
            Self::Excluded(model, field) => schema.column_type(*model, *field).sql_type(),
            Self::Value(bound) => bound.sql_type,
            Self::Param(param) => param.sql_type(),
            Self::Bool(_)
            | Self::Compare(_)
            | Self::Distinct(_)
            | Self::And(_)
            | Self::Or(_)
            | Self::Not(_)
            | Self::IsNull(_)
            | Self::IsTrue(_)
            | Self::Between(_)
            | Self::Like(_)
            | Self::Arrays(_)
            | Self::InList(_)
            | Self::InParam(_)
            | Self::InRows(_)
            | Self::InSelect(_)
            | Self::Exists(_) => SqlType::Bool,
            Self::Arithmetic(node) => node.sql_type(schema),
            Self::Negative(inner) => inner.sql_type(schema),
            Self::Call(node) => node.sql_type(schema),
            Self::Operation(node) => node.sql_type(schema),
            Self::Cast(node) => node.to.sql_type(),
            Self::Case(node) => node.sql_type(schema),
            Self::Scalar(select) => select.first_type(schema),
            Self::Labelled(node) => node.expr.sql_type(schema),
            Self::Null | Self::Text(_) => SqlType::Unknown,
        }
    }

    /// Its shape in a result.
    pub fn shape(&self, schema: &Schema) -> Shape {
        Shape { sql_type: self.sql_type(schema), origin: self.origin(schema) }
    }
}

impl Select {
    /// The type of its first column.
    pub(crate) fn first_type(&self, schema: &dyn ColumnTypes) -> SqlType {
        match (self.items.first(), &self.set) {
            (Some(Item::Value { expr, .. }), _) => expr.sql_type(schema),
            (None, Some(set)) => set.parts[0].first_type(schema),
            _ => SqlType::Unknown,
        }
    }
}

/// The type of what is one of several values: of numbers the one that holds them all, else the first that is known.
pub(super) fn widest(types: impl Iterator<Item = SqlType>) -> SqlType {
    types.fold(SqlType::Unknown, |known, sql_type| match (known.number_rank(), sql_type.number_rank()) {
        (Some(rank), Some(other)) if other > rank => sql_type,
        _ if known == SqlType::Unknown => sql_type,
        _ => known,
    })
}

impl Case {
    /// Its type, as far as it is known.
    pub(crate) fn sql_type(&self, schema: &dyn ColumnTypes) -> SqlType {
        let values = self.whens.iter().map(|(_, value)| value).chain(&self.otherwise);
        widest(values.map(|value| value.sql_type(schema)))
    }
}

impl Arithmetic {
    fn sql_type(&self, schema: &dyn ColumnTypes) -> SqlType {
        use SqlType as S;
        if self.op == ArithmeticOp::Concat {
            return S::Text;
        }
        let (left, right) = (self.left.sql_type(schema), self.right.sql_type(schema));
        let is_int = |sql_type| matches!(sql_type, S::SmallInt | S::Integer | S::BigInt);
        if self.op == ArithmeticOp::Divide && is_int(left) && is_int(right) {
            return S::Double;
        }
        if let Some(sql_type) = self.of_times(left, right) {
            return sql_type;
        }
        match (left.number_rank(), right.number_rank()) {
            (Some(_), Some(_)) => widest([left, right].into_iter()),
            _ => S::Unknown,
        }
    }
}

impl Arithmetic {
    /// Of days, times and spans.
    fn of_times(&self, left: SqlType, right: SqlType) -> Option<SqlType> {
        use SqlType as S;
        let whole = |sql_type| matches!(sql_type, S::SmallInt | S::Integer);
        Some(match (left, self.op, right) {
            (S::Timestamp | S::TimestampTz, ArithmeticOp::Add | ArithmeticOp::Subtract, S::Interval) => left,
            (S::Interval, ArithmeticOp::Add, S::Timestamp | S::TimestampTz) => right,
            (S::Timestamp, ArithmeticOp::Subtract, S::Timestamp)
            | (S::TimestampTz, ArithmeticOp::Subtract, S::TimestampTz)
            | (S::Timestamp | S::TimestampTz, ArithmeticOp::Subtract, S::Date)
            | (S::Date, ArithmeticOp::Subtract, S::Timestamp | S::TimestampTz) => S::Interval,
            (S::Interval, ArithmeticOp::Add, S::Date) => S::Timestamp,
            (S::Interval, ArithmeticOp::Add | ArithmeticOp::Subtract, S::Interval) => S::Interval,
            (S::Interval, ArithmeticOp::Multiply | ArithmeticOp::Divide, by)
                if by.number_rank().is_some() =>
            {
                S::Interval
            }
            (by, ArithmeticOp::Multiply, S::Interval) if by.number_rank().is_some() => S::Interval,
            (S::Date, ArithmeticOp::Subtract, S::Date) => S::Integer,
            (S::Date, ArithmeticOp::Add | ArithmeticOp::Subtract, days) if whole(days) => S::Date,
            (S::Date, ArithmeticOp::Add | ArithmeticOp::Subtract, S::Interval) => S::Timestamp,
            _ => return None,
        })
    }
}

impl Call {
    /// True for what answers one of its arguments.
    pub fn keeps_type(&self) -> bool {
        matches!(
            self.name.to_ascii_lowercase().as_str(),
            "coalesce"
                | "nullif"
                | "min"
                | "max"
                | "abs"
                | "lag"
                | "lead"
                | "first_value"
                | "last_value"
                | "nth_value"
                | "mode"
        )
    }

    /// True for functions whose value is a text.
    pub fn is_text(&self) -> bool {
        matches!(
            self.name.to_ascii_lowercase().as_str(),
            "lower"
                | "upper"
                | "initcap"
                | "trim"
                | "ltrim"
                | "rtrim"
                | "replace"
                | "substr"
                | "substring"
                | "concat"
                | "concat_ws"
                | "left"
                | "right"
                | "lpad"
                | "rpad"
                | "reverse"
                | "md5"
                | "string_agg"
                | "group_concat"
                | "to_char"
        )
    }

    /// Its type, as far as it is known.
    pub fn sql_type(&self, schema: &dyn ColumnTypes) -> SqlType {
        use SqlType as S;
        let known = |args: &[Expr]| widest(args.iter().map(|arg| arg.sql_type(schema)));
        let first = || self.args.first().map_or(S::Unknown, |arg| arg.sql_type(schema));
        match self.name.to_ascii_lowercase().as_str() {
            "count" | "row_number" | "rank" | "dense_rank" => S::BigInt,
            "ntile" | "grouping" | "cardinality" | "length" | "char_length" | "octet_length" | "ascii"
            | "strpos" => S::Integer,
            "percent_rank" | "cume_dist" => S::Double,
            "sum" => match first() {
                S::SmallInt | S::Integer => S::BigInt,
                S::BigInt | S::Numeric => S::Numeric,
                other => other,
            },
            "avg" => match first() {
                S::SmallInt | S::Integer | S::BigInt | S::Numeric => S::Numeric,
                S::Real => S::Double,
                other => other,
            },
            "coalesce" | "ifnull" | "nullif" => known(&self.args),
            "round" | "ceil" | "ceiling" | "floor" | "trunc" | "sign" if first() == S::Numeric => S::Numeric,
            "mod" | "div" if self.args.len() == 2 && known(&self.args) == S::Numeric => S::Numeric,
            "lower" | "upper" => match self.args.first() {
                // The bounds of a range.
                Some(Expr::Column(column)) => match schema.column_type(column.source.model, column.field) {
                    ColumnType::Range(of) | ColumnType::MultiRange(of) => of.bound().sql_type(),
                    _ => S::Text,
                },
                _ => S::Text,
            },
            _ if self.keeps_type() => first(),
            _ if self.is_text() => S::Text,
            "bool_and" | "bool_or" | "every" => S::Bool,
            "array_agg" => Element::of(first()).map_or(S::Unknown, S::Array),
            "json_agg" | "json_object_agg" | "json_build_object" | "json_build_array" | "to_json"
            | "array_to_json" | "row_to_json" => S::Json,
            "jsonb_agg" | "jsonb_object_agg" | "to_jsonb" | "jsonb_build_object" | "jsonb_build_array" => {
                S::Jsonb
            }
            "now" | "current_timestamp" => S::TimestampTz,
            "current_date" => S::Date,
            "gen_random_uuid" => S::Uuid,
            _ => S::Unknown,
        }
    }
}
