//! What a lookup looks at, and which words fit it.

use super::super::{Expr, JsonRead, JsonStep, Source, TimePart};
use super::Operator;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ColumnType, FieldId, Model, RelationId, Schema};

/// What a lookup looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A field.
    Field(FieldId),
    /// The object at the other end of a relation.
    Relation(RelationId),
    /// The key, where it has several columns.
    Key,
    /// A part of a day or time; of a timestamp with time zone, in UTC.
    Part(FieldId, TimePart),
    /// What lies in a JSON field at the end of a path that has at least one step.
    Path(FieldId, Vec<JsonStep>),
    /// An element of an array, whose first one is 0.
    Element(FieldId, i64),
    /// A part of an array: from the first place, which is 0, up to the second, which is outside.
    Slice(FieldId, i64, i64),
    /// The length of a text, an array or a JSON list, the last one at the end of a path.
    Length(FieldId, Vec<JsonStep>),
}

/// The words between a field and its operator. `len` is the other one.
const PARTS: [&str; 12] = [
    "year",
    "iso_year",
    "quarter",
    "month",
    "day",
    "week",
    "week_day",
    "iso_week_day",
    "hour",
    "minute",
    "second",
    "date",
];

/// Every word that may stand behind a field.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    Operator::NAMES.into_iter().chain(PARTS).chain(["time", "len"])
}

/// The part of a day or time that `word` names.
fn part_of(word: &str) -> Option<TimePart> {
    match word {
        "iso_year" => Some(TimePart::IsoYear),
        "iso_week_day" => Some(TimePart::IsoDayOfWeek),
        word => (PARTS.contains(&word) || word == "time").then(|| TimePart::of(word)).flatten(),
    }
}

/// What the words behind a field say: the subject, and the operator where one is named.
///
/// # Errors
/// [`ErrorKind::UnknownName`] for a word that is none, with near matches.
pub(super) fn behind<'a>(
    model: &Model,
    field: FieldId,
    rest: impl Iterator<Item = &'a str>,
) -> Result<(Subject, Option<Operator>)> {
    let mut words_left: Vec<&str> = rest.collect();
    let place = model.place(field);
    let column_type = &model.field(field).column_type;
    let operator = words_left.last().and_then(|word| Operator::of(word));
    if operator.is_some() {
        words_left.pop();
    }
    if matches!(column_type, ColumnType::Json) {
        return on_json(field, words_left, &place).map(|subject| (subject, operator));
    }
    let subject = match words_left.first() {
        None => Subject::Field(field),
        Some(&"len") => Subject::Length(field, Vec::new()),
        Some(word) => match part_of(word) {
            Some(part) => Subject::Part(field, part),
            None if matches!(column_type, ColumnType::Array(_))
                && word.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                on_array(field, word, &place)?
            }
            // an operator behind which something stands
            None if Operator::of(word).is_some() => {
                let at = format!("{place}__{word}");
                let extra = words_left.get(1).copied().or(operator.map(Operator::name)).unwrap_or_default();
                return Err(Error::unknown_name("lookup", extra, at, []));
            }
            None => return Err(Error::unknown_name("lookup", word, place, words())),
        },
    };
    if let (Some(word), Some(extra)) = (words_left.first(), words_left.get(1)) {
        return Err(Error::unknown_name("lookup", extra, format!("{place}__{word}"), Operator::NAMES));
    }
    Ok((subject, operator))
}

/// Words behind a JSON field are steps into it; `len` at their end is its length.
fn on_json(field: FieldId, mut words_left: Vec<&str>, place: &str) -> Result<Subject> {
    let length = words_left.last() == Some(&"len");
    if length {
        words_left.pop();
    }
    if words_left.iter().any(|word| word.is_empty()) {
        return Err(Error::unknown_name("lookup", "", place, []));
    }
    let steps: Vec<JsonStep> = words_left
        .iter()
        .map(|word| word.parse().map_or_else(|_| JsonStep::Key((*word).into()), JsonStep::Place))
        .collect();
    Ok(match steps.is_empty() {
        _ if length => Subject::Length(field, steps),
        true => Subject::Field(field),
        false => Subject::Path(field, steps),
    })
}

/// `0` behind an array is its first element, `0_2` its first two, as Django counts.
fn on_array(field: FieldId, word: &str, place: &str) -> Result<Subject> {
    let number = |word: &str| {
        let digits = word.bytes().all(|byte| byte.is_ascii_digit());
        word.parse::<i64>().ok().filter(|number| digits && *number < i64::from(i32::MAX))
    };
    let found = match word.split_once('_') {
        None => number(word).map(|at| Subject::Element(field, at)),
        Some((from, to)) => number(from).zip(number(to)).map(|(from, to)| Subject::Slice(field, from, to)),
    };
    found.ok_or_else(|| Error::unknown_name("lookup", word, place, words()))
}

impl Subject {
    /// Its field, where it is of one.
    pub fn field(&self) -> Option<FieldId> {
        match self {
            Self::Field(field)
            | Self::Part(field, _)
            | Self::Path(field, _)
            | Self::Element(field, _)
            | Self::Slice(field, ..)
            | Self::Length(field, _) => Some(*field),
            Self::Relation(_) | Self::Key => None,
        }
    }

    /// Its value on a row of `source`; None for a relation and a key of several columns, which have none.
    pub fn value(&self, source: Source) -> Option<Expr> {
        let column = Expr::column(source, self.field()?);
        Some(match self {
            Self::Field(_) | Self::Relation(_) | Self::Key => column,
            Self::Part(_, part) => column.extract(*part),
            Self::Element(_, at) => column.element(vec![at + 1]),
            Self::Slice(_, from, to) => column.slice(Some(from + 1), Some(*to)),
            Self::Path(_, steps) => column.json(steps.iter().cloned(), JsonRead::Json),
            Self::Length(_, steps) if steps.is_empty() => column.length(),
            Self::Length(_, steps) => column.json(steps.iter().cloned(), JsonRead::Json).length(),
        })
    }

    /// Refuses what it does not have.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`].
    pub(super) fn require(&self, schema: &Schema, model: &Model, operator: Operator) -> Result<()> {
        let Some(field) = self.field() else { return self.require_of_object(schema, model, operator) };
        let column_type = &model.field(field).column_type;
        let refused = |what: String, instead: &str| {
            let feature = format!("{what} on {}", model.place(field));
            Err(Error::new(ErrorKind::Unsupported { feature, instead: instead.into() }))
        };
        let name = operator.name();
        match self {
            Self::Part(_, part) if !part.is_of(column_type.sql_type()) => {
                let names = "it is for columns of dates and times that have such a part";
                return refused(format!("`{}`", part.name()), names);
            }
            Self::Length(..)
                if !matches!(
                    column_type,
                    ColumnType::Text | ColumnType::VarChar(_) | ColumnType::Array(_) | ColumnType::Json
                ) =>
            {
                return refused("`len`".into(), "it is for texts, arrays and JSON lists");
            }
            Self::Slice(..) if operator.is_of_order() => {
                return refused(format!("`{name}` of a part of an array"), "compare it with a list");
            }
            Self::Part(..) | Self::Length(..) if !operator.is_general() => {
                return refused(format!("`{name}` of a number or time"), "compare it with a value");
            }
            _ => {}
        }
        let has_members = column_type.has_members() && matches!(self, Self::Field(_) | Self::Slice(..));
        let is_json = matches!(column_type, ColumnType::Json) && !matches!(self, Self::Length(..));
        match operator {
            Operator::Contains if has_members => Ok(()),
            _ if operator.is_of_text() && has_members => {
                refused(format!("`{name}` of an array or range"), "use contains, contained_by or overlap")
            }
            _ if operator.is_of_keys() && !is_json => refused(format!("`{name}`"), "it is for JSON columns"),
            Operator::JsonContains if !is_json => refused(format!("`{name}`"), "it is for JSON columns"),
            Operator::Overlap if !has_members => {
                refused(format!("`{name}`"), "it is for array and range columns")
            }
            Operator::ContainedBy if !(has_members || is_json) => {
                refused(format!("`{name}`"), "it is for JSON, array and range columns")
            }
            _ => Ok(()),
        }
    }

    fn require_of_object(&self, schema: &Schema, model: &Model, operator: Operator) -> Result<()> {
        let fits = match (self, operator) {
            (Self::Key, Operator::IsNull | Operator::IsNotNull) => false,
            (Self::Relation(relation), Operator::In | Operator::NotIn) => {
                super::Expects::fields(schema, model.id, *relation).len() == 1
            }
            (_, Operator::In | Operator::NotIn) => true,
            (_, other) => {
                matches!(other, Operator::Exact | Operator::Ne | Operator::IsNull | Operator::IsNotNull)
            }
        };
        if fits {
            return Ok(());
        }
        let (what, instead) = match self {
            Self::Key => ("the key of several columns", "name one of them"),
            _ => ("a relation", "name a field of the related model as well"),
        };
        Err(Error::new(ErrorKind::Unsupported {
            feature: format!("`{}` on {what}", operator.name()),
            instead: instead.into(),
        }))
    }
}
