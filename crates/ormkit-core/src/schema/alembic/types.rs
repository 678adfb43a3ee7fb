//! The types of columns in SQLAlchemy's words.

use crate::schema::python::{Call, string};
use crate::schema::token::qualified;
use crate::schema::{Enum, Table};
use crate::sql::{Dialect, DialectName};

/// The enum types of the database.
#[derive(Clone, Copy)]
pub(super) struct Enums<'a> {
    all: &'a [Enum],
    /// SQLAlchemy makes them along with their columns.
    made: bool,
}

impl<'a> Enums<'a> {
    /// Types that steps of their own have made.
    pub(super) fn known(all: &'a [Enum]) -> Self {
        Self { all, made: false }
    }

    /// Types that their columns bring along.
    pub(super) fn own(all: &'a [Enum]) -> Self {
        Self { all, made: true }
    }
}

/// The type that SQLAlchemy writes as `data_type` on this database; None where it has no word for it.
pub(super) fn written(
    data_type: &str,
    collation: Option<&str>,
    enums: Enums<'_>,
    dialect: &Dialect,
) -> Option<String> {
    match dialect.name {
        DialectName::Postgres => postgres(data_type, collation, enums, dialect),
        DialectName::Sqlite => sqlite(data_type, collation),
    }
}

/// A type's name, what stands in its parentheses, and what follows: `timestamp(3) with time zone`.
fn parts(data_type: &str) -> Option<(String, Vec<u32>)> {
    let Some((name, rest)) = data_type.split_once('(') else {
        return Some((data_type.to_owned(), Vec::new()));
    };
    let (sizes, behind) = rest.split_once(')')?;
    let sizes: Option<Vec<u32>> = sizes.split(',').map(|size| size.trim().parse().ok()).collect();
    Some((format!("{}{behind}", name.trim_end()), sizes?))
}

fn postgres(data_type: &str, collation: Option<&str>, enums: Enums<'_>, dialect: &Dialect) -> Option<String> {
    if let Some(element) = data_type.strip_suffix("[]") {
        let element = postgres(element, collation, enums, dialect)?;
        return Some(Call::new("postgresql.ARRAY").with(element).written());
    }
    if let Some(kind) = enums.all.iter().find(|kind| is_name_of(data_type, kind, dialect)) {
        return collation.is_none().then(|| enumeration(kind, enums.made));
    }
    let (name, sizes) = parts(data_type)?;
    let collated = |call: Call| call.maybe("collation", collation).written();
    let text = match (name.as_str(), sizes.as_slice()) {
        ("text", []) => Call::new("sa.Text"),
        ("character varying", []) => Call::new("sa.String"),
        ("character varying", [length]) => Call::new("sa.String").keyword("length", length.to_string()),
        ("character", [length]) => Call::new("sa.CHAR").keyword("length", length.to_string()),
        ("citext", []) if collation.is_none() => Call::new("postgresql.CITEXT"),
        _ => return collation.is_none().then(|| postgres_plain(&name, &sizes)).flatten(),
    };
    Some(collated(text))
}

fn postgres_plain(name: &str, sizes: &[u32]) -> Option<String> {
    let plain = match name {
        "smallint" => "sa.SmallInteger",
        "integer" => "sa.Integer",
        "bigint" => "sa.BigInteger",
        "boolean" => "sa.Boolean",
        "real" => "sa.REAL",
        "double precision" => "sa.Double",
        "bytea" => "sa.LargeBinary",
        "date" => "sa.Date",
        "uuid" => "sa.Uuid",
        "json" => "sa.JSON",
        "jsonb" => "postgresql.JSONB",
        "inet" => "postgresql.INET",
        "cidr" => "postgresql.CIDR",
        "macaddr" => "postgresql.MACADDR",
        "macaddr8" => "postgresql.MACADDR8",
        "hstore" => "postgresql.HSTORE",
        "tsvector" => "postgresql.TSVECTOR",
        "tsquery" => "postgresql.TSQUERY",
        "money" => "postgresql.MONEY",
        "oid" => "postgresql.OID",
        "int4range" => "postgresql.INT4RANGE",
        "int8range" => "postgresql.INT8RANGE",
        "numrange" => "postgresql.NUMRANGE",
        "daterange" => "postgresql.DATERANGE",
        "tsrange" => "postgresql.TSRANGE",
        "tstzrange" => "postgresql.TSTZRANGE",
        "int4multirange" => "postgresql.INT4MULTIRANGE",
        "int8multirange" => "postgresql.INT8MULTIRANGE",
        "nummultirange" => "postgresql.NUMMULTIRANGE",
        "datemultirange" => "postgresql.DATEMULTIRANGE",
        "tsmultirange" => "postgresql.TSMULTIRANGE",
        "tstzmultirange" => "postgresql.TSTZMULTIRANGE",
        _ => return sized(name, sizes),
    };
    sizes.is_empty().then(|| format!("{plain}()"))
}

fn sized(name: &str, sizes: &[u32]) -> Option<String> {
    let numbers = |call: Call, names: &[&str]| {
        let pairs = names.iter().zip(sizes);
        pairs.fold(call, |call, (name, size)| call.keyword(name, size.to_string()))
    };
    let (call, most) = match (name, sizes) {
        ("numeric", _) => (numbers(Call::new("sa.Numeric"), &["precision", "scale"]), 2),
        ("timestamp without time zone", []) => (Call::new("sa.DateTime"), 0),
        ("timestamp with time zone", []) => (Call::new("sa.DateTime").flag("timezone", true), 0),
        ("time without time zone", []) => (Call::new("sa.Time"), 0),
        ("time with time zone", []) => (Call::new("sa.Time").flag("timezone", true), 0),
        ("interval", []) => (Call::new("sa.Interval"), 0),
        ("interval", _) => (numbers(Call::new("postgresql.INTERVAL"), &["precision"]), 1),
        ("timestamp without time zone", _) => (numbers(Call::new("postgresql.TIMESTAMP"), &["precision"]), 1),
        ("timestamp with time zone", _) => {
            (numbers(Call::new("postgresql.TIMESTAMP").flag("timezone", true), &["precision"]), 1)
        }
        ("time without time zone", _) => (numbers(Call::new("postgresql.TIME"), &["precision"]), 1),
        ("time with time zone", _) => {
            (numbers(Call::new("postgresql.TIME").flag("timezone", true), &["precision"]), 1)
        }
        ("bit", [_]) => (numbers(Call::new("postgresql.BIT"), &["length"]), 1),
        ("bit varying", _) => (numbers(Call::new("postgresql.BIT"), &["length"]).flag("varying", true), 1),
        _ => return None,
    };
    (sizes.len() <= most).then(|| call.written())
}

fn is_name_of(data_type: &str, kind: &Enum, dialect: &Dialect) -> bool {
    data_type == qualified(&kind.name, dialect)
}

fn enumeration(kind: &Enum, made: bool) -> String {
    let call = kind.labels.iter().fold(Call::new("postgresql.ENUM"), |call, label| call.text(label));
    let call = call.keyword("name", string(&kind.name.name)).maybe("schema", kind.name.schema.as_deref());
    let call = if made { call } else { call.keyword("create_type", "False") };
    call.written()
}

/// SQLite keeps the words that were written: SQLAlchemy must write the same ones.
fn sqlite(data_type: &str, collation: Option<&str>) -> Option<String> {
    let (name, sizes) = parts(data_type)?;
    let name = name.to_ascii_uppercase();
    let text = match (name.as_str(), sizes.as_slice()) {
        ("TEXT", []) => Call::new("sa.Text"),
        ("VARCHAR", []) => Call::new("sa.String"),
        ("VARCHAR", [length]) => Call::new("sa.String").keyword("length", length.to_string()),
        ("CHAR", [length]) => Call::new("sa.CHAR").keyword("length", length.to_string()),
        _ if collation.is_some() => return None,
        ("NUMERIC", [precision, scale]) => Call::new("sa.Numeric")
            .keyword("precision", precision.to_string())
            .keyword("scale", scale.to_string()),
        ("NUMERIC", [precision]) => Call::new("sa.Numeric").keyword("precision", precision.to_string()),
        ("DECIMAL", [precision, scale]) => Call::new("sa.DECIMAL")
            .keyword("precision", precision.to_string())
            .keyword("scale", scale.to_string()),
        (_, []) => Call::new(match name.as_str() {
            "INTEGER" => "sa.Integer",
            "BIGINT" => "sa.BigInteger",
            "SMALLINT" => "sa.SmallInteger",
            "INT" => "sa.INT",
            "BOOLEAN" => "sa.Boolean",
            "BLOB" => "sa.LargeBinary",
            "REAL" => "sa.REAL",
            "FLOAT" => "sa.Float",
            "DOUBLE" => "sa.DOUBLE",
            "NUMERIC" => "sa.Numeric",
            "DATE" => "sa.Date",
            "TIME" => "sa.Time",
            "DATETIME" => "sa.DateTime",
            "TIMESTAMP" => "sa.TIMESTAMP",
            "JSON" => "sa.JSON",
            _ => return None,
        }),
        _ => return None,
    };
    Some(text.maybe("collation", collation).written())
}

/// Types that an integer key would be numbered by, unless something else is said.
pub(super) fn is_numbered_by_itself(table: &Table, column: &str, dialect: &Dialect) -> bool {
    let is_integer = |data_type: &str| matches!(data_type, "smallint" | "integer" | "bigint");
    dialect.name == DialectName::Postgres
        && table.primary_key.as_ref().is_some_and(|key| key.columns == [column])
        && table.column(column).is_some_and(|column| is_integer(&column.data_type))
}
