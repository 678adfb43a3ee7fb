//! Many rows as one array per column, where arrays can be bound.

use super::super::SqlWriter;
use crate::model::{ColumnType, FieldId, Model};
use crate::value::{ParamType, SqlType};

/// Columns of `unnest(…) AS r(c0, c1)`: some fields of a model under names of one letter and a number, which no column
/// of the table can clash with once they are qualified.
pub(super) struct Rows<'a> {
    model: &'a Model,
    fields: &'a [FieldId],
    letter: char,
}

impl<'a> Rows<'a> {
    pub(super) fn new(model: &'a Model, fields: &'a [FieldId], letter: char) -> Self {
        Self { model, fields, letter }
    }

    /// `r`: the name of the rows beside the table, which may have that name itself.
    pub(super) fn alias(model: &Model) -> &'static str {
        if model.table().name == "r" { "r_1" } else { "r" }
    }

    /// `unnest($1::int4[], $2::text[])`
    pub(super) fn unnest(&self, out: &mut SqlWriter<'_>) {
        out.push("unnest(");
        self.arrays(out);
        out.push(")");
    }

    /// `$1::int4[], $2::text[]`
    pub(super) fn arrays(&self, out: &mut SqlWriter<'_>) {
        out.list(self.fields, |out, field| {
            let column_type = &self.model.field(*field).column_type;
            out.placeholder(ParamType::array(element(column_type)));
            out.push("::");
            out.push(array_type(column_type));
        });
    }

    /// The array of a key of one column, for `= ANY(…)`.
    pub(super) fn key_array(&self, out: &mut SqlWriter<'_>) {
        self.arrays(out);
        let column_type = &self.model.field(self.fields[0]).column_type;
        cast(out, column_type);
        if is_cast(column_type) {
            out.push("[]");
        }
    }

    /// `c0, c1`
    pub(super) fn names(&self, out: &mut SqlWriter<'_>) {
        self.each(out, ", ", |out, _, name| out.push(name));
    }

    /// `c0, c1::mood`: the same with the types that arrays do not carry.
    pub(super) fn columns(&self, out: &mut SqlWriter<'_>) {
        self.each(out, ", ", |out, field, name| self.value(out, field, name));
    }

    /// `name = r.c0, mood = r.c1::mood`
    pub(super) fn assignments(&self, out: &mut SqlWriter<'_>) {
        self.each(out, ", ", |out, field, name| {
            out.name(&self.model.field(field).column);
            out.push(" = ");
            out.push(Self::alias(self.model));
            out.push(".");
            self.value(out, field, name);
        });
    }

    /// `users.id = r.k0 AND …`
    pub(super) fn matches(&self, out: &mut SqlWriter<'_>) {
        self.each(out, " AND ", |out, field, name| {
            out.name(&self.model.table().name);
            out.push(".");
            out.name(&self.model.field(field).column);
            out.push(" = ");
            out.push(Self::alias(self.model));
            out.push(".");
            self.value(out, field, name);
        });
    }

    fn value(&self, out: &mut SqlWriter<'_>, field: FieldId, name: &str) {
        out.push(name);
        cast(out, &self.model.field(field).column_type);
    }

    fn each(
        &self,
        out: &mut SqlWriter<'_>,
        separator: &str,
        mut write: impl FnMut(&mut SqlWriter<'_>, FieldId, &str),
    ) {
        for (index, field) in self.fields.iter().enumerate() {
            if index > 0 {
                out.push(separator);
            }
            write(out, *field, &format!("{}{index}", self.letter));
        }
    }
}

/// The type of the elements that are sent. Labels of an enum travel as text, because the server's type of that name
/// has no number that could be known beforehand; so do arrays, because rows of different lengths make no array of more
/// dimensions, and unnest takes all of them apart.
fn element(column_type: &ColumnType) -> SqlType {
    if is_cast(column_type) { SqlType::Text } else { column_type.sql_type() }
}

/// True for values that travel as text and are cast to the column's type.
fn is_cast(column_type: &ColumnType) -> bool {
    use ColumnType as C;
    matches!(
        column_type,
        C::Enum(_) | C::Native(_) | C::Array(_) | C::Range(_) | C::MultiRange(_) | C::Hstore
    )
}

/// `::mood`, `::int4[]`: the type of values that travel as text, without a size, which a cast would cut them to.
fn cast(out: &mut SqlWriter<'_>, column_type: &ColumnType) {
    let (scalar, brackets) = match column_type {
        ColumnType::Array(element) => (&**element, "[]"),
        column_type => (column_type, ""),
    };
    if let ColumnType::Enum(enumeration) = scalar {
        out.push("::");
        out.enumeration(enumeration);
        return out.push(brackets);
    }
    match (type_of_text(scalar), brackets) {
        (Some(name), _) => {
            out.push("::");
            out.push(name);
            out.push(brackets);
        }
        (None, "[]") => {
            out.push("::");
            out.push(array_type(scalar));
        }
        (None, _) => {}
    }
}

/// What values that travel as text are cast to, where its name is PostgreSQL's.
fn type_of_text(column_type: &ColumnType) -> Option<&'static str> {
    match column_type {
        ColumnType::Native(native) => Some(native.name()),
        ColumnType::Range(range) => Some(range.name()),
        ColumnType::MultiRange(range) => Some(range.multirange_name()),
        ColumnType::Hstore => Some("hstore"),
        _ => None,
    }
}

fn array_type(column_type: &ColumnType) -> &'static str {
    match column_type {
        ColumnType::Bool => "bool[]",
        ColumnType::SmallInt => "int2[]",
        ColumnType::Integer => "int4[]",
        ColumnType::BigInt => "int8[]",
        ColumnType::Double => "float8[]",
        ColumnType::Text | ColumnType::VarChar(_) => "text[]",
        ColumnType::Enum(_) | ColumnType::Native(_) | ColumnType::Array(_) => "text[]",
        ColumnType::Range(_) | ColumnType::MultiRange(_) | ColumnType::Hstore => "text[]",
        ColumnType::Bytes => "bytea[]",
        ColumnType::Numeric(_) => "numeric[]",
        ColumnType::Date => "date[]",
        ColumnType::Time => "time[]",
        ColumnType::Timestamp => "timestamp[]",
        ColumnType::TimestampTz => "timestamptz[]",
        ColumnType::Interval => "interval[]",
        ColumnType::Uuid => "uuid[]",
        ColumnType::Json => "jsonb[]",
        ColumnType::TimeTz => "timetz[]",
        ColumnType::Inet => "inet[]",
        ColumnType::Cidr => "cidr[]",
    }
}
