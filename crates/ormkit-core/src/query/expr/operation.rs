//! Operations that need nothing but their operands: operators by name, JSON, parts of a time, regular expressions.

use std::sync::Arc;

use super::super::Bound;
use super::types::widest;
use super::{ColumnTypes, CompareOp, Expr};
use crate::error::{Error, ErrorKind, Result};
use crate::value::{SqlType, Value};

/// What is done with some operands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// What.
    pub kind: OperationKind,
    /// With what, in order.
    pub args: Vec<Expr>,
}

/// What is done, and with how many operands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// An operator between two operands, by its text; checked by [`Expr::operator`].
    Infix {
        /// Its text.
        text: Box<str>,
        /// It answers a truth value.
        condition: bool,
    },
    /// `a COLLATE name`.
    Collate(Box<str>),
    /// A text, and a regular expression of which a part of it is looked for.
    Regex {
        /// Upper and lower case are the same.
        any_case: bool,
        /// What does not match.
        negated: bool,
    },
    /// `(a, b, …)`, compared from left to right.
    Row,
    /// `a < ANY (array)`: a value, and an array whose elements it is compared with.
    Quantified {
        /// How.
        op: CompareOp,
        /// Every element, and not any.
        all: bool,
    },
    /// A JSON value, and the way into it: texts are keys of objects, integers are places in lists, from the end where
    /// they are negative; a scalar is a list of itself. NULL where there is nothing.
    Json(JsonRead),
    /// Two JSON values: the first holds the second, as PostgreSQL's `@>` says.
    JsonContains,
    /// A JSON value and a key, or a list of them ([`Value::Array`] of texts).
    JsonHas(JsonKeys),
    /// A part of a day, a time or a timestamp; of a timestamp with time zone, in UTC.
    Extract(TimePart),
    /// The number of characters of a text, or of elements of an array or of a JSON list.
    Length,
    /// An array and the way to an element of it, counted from 1: one place for each dimension. NULL where there is nothing.
    Element(Box<[i64]>),
    /// An array, and the places of the first and the last element of a part of it, counted from 1; None: its end.
    Slice(Option<i64>, Option<i64>),
    /// `~a`, bit by bit.
    BitNot,
    /// The greatest of the operands; NULLs do not count.
    Greatest,
    /// The least of the operands; NULLs do not count.
    Least,
    /// SQL text of the program's own around the operands: one piece more than there are operands.
    Template(Box<[Box<str>]>),
}

/// As what a JSON value is read. What is of another kind is NULL, JSON's null as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JsonRead {
    /// As JSON, of any kind; JSON's null is itself.
    Json,
    /// As text: of a JSON text its value, of anything else but null its JSON.
    Text,
    /// A JSON text.
    String,
    /// A JSON number, exactly.
    Numeric,
    /// A JSON number, rounded to an integer.
    Integer,
    /// A JSON number.
    Float,
    /// JSON's true or false.
    Bool,
}

/// How many of the keys there must be. Texts of a list, and a text by itself, count as keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JsonKeys {
    /// The one.
    One,
    /// Any.
    Any,
    /// All.
    All,
}

/// A part of a day, a time or a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimePart {
    /// The year.
    Year,
    /// The quarter, 1 to 4.
    Quarter,
    /// The month, 1 to 12.
    Month,
    /// The week of ISO 8601, 1 to 53.
    Week,
    /// The year that this week belongs to.
    IsoYear,
    /// The day of the month.
    Day,
    /// The day of the year, from 1.
    DayOfYear,
    /// The day of the week, Sunday being 0.
    DayOfWeek,
    /// The day of the week, Sunday being 1.
    WeekDay,
    /// The day of the week, Monday being 1 and Sunday 7.
    IsoDayOfWeek,
    /// The hour, 0 to 23.
    Hour,
    /// The minute.
    Minute,
    /// The second, without its fraction.
    Second,
    /// The seconds with their fraction, in microseconds.
    Microseconds,
    /// Seconds since 1970, with their fraction.
    Epoch,
    /// The day, as a date.
    Date,
    /// The time of day.
    Time,
}

const PARTS: [(&str, TimePart); 17] = [
    ("year", TimePart::Year),
    ("quarter", TimePart::Quarter),
    ("month", TimePart::Month),
    ("week", TimePart::Week),
    ("isoyear", TimePart::IsoYear),
    ("day", TimePart::Day),
    ("doy", TimePart::DayOfYear),
    ("dow", TimePart::DayOfWeek),
    ("week_day", TimePart::WeekDay),
    ("isodow", TimePart::IsoDayOfWeek),
    ("hour", TimePart::Hour),
    ("minute", TimePart::Minute),
    ("second", TimePart::Second),
    ("microseconds", TimePart::Microseconds),
    ("epoch", TimePart::Epoch),
    ("date", TimePart::Date),
    ("time", TimePart::Time),
];

impl TimePart {
    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PARTS.iter().map(|(name, _)| *name)
    }

    /// The part of a name: PostgreSQL's words, `week_day`, `date` and `time`.
    pub fn of(name: &str) -> Option<Self> {
        PARTS.iter().find(|(known, _)| *known == name).map(|(_, part)| *part)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        PARTS.iter().find(|(_, part)| *part == self).map_or("year", |(name, _)| name)
    }

    /// The type of its values.
    pub fn sql_type(self) -> SqlType {
        match self {
            Self::Date => SqlType::Date,
            Self::Time => SqlType::Time,
            Self::Epoch => SqlType::Double,
            _ => SqlType::Integer,
        }
    }

    /// True where values of `sql_type` have it.
    pub fn is_of(self, sql_type: SqlType) -> bool {
        let of_time =
            matches!(self, Self::Hour | Self::Minute | Self::Second | Self::Microseconds | Self::Time);
        match sql_type {
            SqlType::Timestamp | SqlType::TimestampTz => true,
            SqlType::Date => !of_time,
            SqlType::Time => of_time && self != Self::Time,
            _ => false,
        }
    }
}

impl JsonRead {
    /// The type of what is read.
    pub fn sql_type(self) -> SqlType {
        match self {
            Self::Json => SqlType::Jsonb,
            Self::Text | Self::String => SqlType::Text,
            Self::Numeric => SqlType::Numeric,
            Self::Integer => SqlType::BigInt,
            Self::Float => SqlType::Double,
            Self::Bool => SqlType::Bool,
        }
    }
}

impl Operation {
    pub(super) fn sql_type(&self, schema: &dyn ColumnTypes) -> SqlType {
        use OperationKind as K;
        let first = || self.args.first().map_or(SqlType::Unknown, |arg| arg.sql_type(schema));
        match &self.kind {
            K::Infix { condition: true, .. }
            | K::Regex { .. }
            | K::Quantified { .. }
            | K::JsonContains
            | K::JsonHas(_) => SqlType::Bool,
            K::Infix { condition: false, .. } | K::Row | K::Template(_) => SqlType::Unknown,
            K::Collate(_) | K::BitNot | K::Slice(..) => first(),
            K::Greatest | K::Least => widest(self.args.iter().map(|arg| arg.sql_type(schema))),
            K::Element(_) => match first() {
                SqlType::Array(element) => element.sql_type(),
                _ => SqlType::Unknown,
            },
            K::Json(read) => read.sql_type(),
            K::Extract(part) => part.sql_type(),
            K::Length => SqlType::Integer,
        }
    }

    /// False where it is known not to be NULL while its operands are not.
    pub(super) fn may_be_null_itself(&self) -> bool {
        matches!(
            self.kind,
            OperationKind::Infix { .. }
                | OperationKind::Json(_)
                | OperationKind::Length
                | OperationKind::Element(_)
                | OperationKind::Quantified { .. }
                | OperationKind::Template(_)
        )
    }
}

impl Expr {
    fn operation(kind: OperationKind, args: Vec<Self>) -> Self {
        Self::Operation(Arc::new(Operation { kind, args }))
    }

    /// An operator by its text: `@>`, `&&`, `MATCH`. `condition`: it answers a truth value.
    ///
    /// # Errors
    /// The text is neither a sign of SQL's nor words: it is written as it is.
    pub fn operator(self, text: &str, other: Self, condition: bool) -> Result<Self> {
        let is_sign = |byte: u8| b"+-*/<>=~!@#%^&|`?".contains(&byte);
        let sign = text.bytes().all(is_sign) && !text.contains("--") && !text.contains("/*");
        let words = text.split(' ').all(|word| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        });
        if text.is_empty() || !(sign || words) {
            return Err(Error::new(ErrorKind::Programming(format!(
                "{text:?} is no operator: signs such as @> or words such as SIMILAR TO are"
            ))));
        }
        Ok(Self::operation(OperationKind::Infix { text: text.into(), condition }, vec![self, other]))
    }

    /// `self COLLATE name`.
    #[must_use]
    pub fn collate(self, name: &str) -> Self {
        Self::operation(OperationKind::Collate(name.into()), vec![self])
    }

    /// A part of the text matches a regular expression.
    #[must_use]
    pub fn regex(self, pattern: Self, any_case: bool) -> Self {
        Self::operation(OperationKind::Regex { any_case, negated: false }, vec![self, pattern])
    }

    /// `(a, b, …)`.
    pub fn row(exprs: Vec<Self>) -> Self {
        Self::operation(OperationKind::Row, exprs)
    }

    /// `self op ANY (array)`, or ALL.
    #[must_use]
    pub fn quantified(self, op: CompareOp, array: Self, all: bool) -> Self {
        Self::operation(OperationKind::Quantified { op, all }, vec![self, array])
    }

    /// What lies in a JSON value at the end of `path`. A path into what was itself reached by one is one path.
    #[must_use]
    pub fn json(self, path: impl IntoIterator<Item = JsonStep>, read: JsonRead) -> Self {
        let mut args = match &self {
            Self::Operation(node) if node.kind == OperationKind::Json(JsonRead::Json) => node.args.clone(),
            _ => vec![self],
        };
        args.extend(path.into_iter().map(|step| match step {
            JsonStep::Key(key) => Self::value(Value::Text(key), SqlType::Text),
            JsonStep::Place(place) => Self::value(i64::from(place), SqlType::Integer),
        }));
        Self::operation(OperationKind::Json(read), args)
    }

    /// `self @> part` of JSON.
    #[must_use]
    pub fn json_contains(self, part: Self) -> Self {
        Self::operation(OperationKind::JsonContains, vec![self, part])
    }

    /// A JSON object has a key.
    #[must_use]
    pub fn json_has(self, key: Self) -> Self {
        Self::operation(OperationKind::JsonHas(JsonKeys::One), vec![self, key])
    }

    /// A JSON object has any, or all, of `keys`.
    #[must_use]
    pub fn json_has_keys(self, keys: Vec<Value>, all: bool) -> Self {
        let list = Self::Value(Bound::new(Value::Array(SqlType::Text, keys), SqlType::Text));
        let kind = OperationKind::JsonHas(if all { JsonKeys::All } else { JsonKeys::Any });
        Self::operation(kind, vec![self, list])
    }

    /// A part of a day, a time or a timestamp.
    #[must_use]
    pub fn extract(self, part: TimePart) -> Self {
        Self::operation(OperationKind::Extract(part), vec![self])
    }

    /// Its length.
    #[must_use]
    pub fn length(self) -> Self {
        Self::operation(OperationKind::Length, vec![self])
    }

    /// An element of an array: its places in each dimension, counted from 1.
    #[must_use]
    pub fn element(self, places: Vec<i64>) -> Self {
        Self::operation(OperationKind::Element(places.into()), vec![self])
    }

    /// A part of an array: the places of its first and last element, counted from 1.
    #[must_use]
    pub fn slice(self, first: Option<i64>, last: Option<i64>) -> Self {
        Self::operation(OperationKind::Slice(first, last), vec![self])
    }

    /// `~self`.
    #[must_use]
    pub fn bit_not(self) -> Self {
        Self::operation(OperationKind::BitNot, vec![self])
    }

    /// SQL text of the program's own with values in it: one piece more than values.
    pub fn template(pieces: Vec<Box<str>>, values: Vec<Self>) -> Self {
        Self::operation(OperationKind::Template(pieces.into()), values)
    }

    /// The greatest of several values, or NULL where all are.
    pub fn greatest(exprs: Vec<Self>) -> Self {
        Self::operation(OperationKind::Greatest, exprs)
    }

    /// The least of several values, or NULL where all are.
    pub fn least(exprs: Vec<Self>) -> Self {
        Self::operation(OperationKind::Least, exprs)
    }
}

/// A step of a way into a JSON value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum JsonStep {
    /// The value of an object's key.
    Key(Box<str>),
    /// The element at a place of a list, from 0; from the end where negative.
    Place(i32),
}
