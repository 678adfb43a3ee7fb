//! Types of columns as annotations and arguments.

use super::Uses;
use super::names::Enums;
use crate::schema::python::quoted;
use crate::schema::token::qualified;
use crate::sql::{Dialect, DialectName};

/// A type in Python.
pub(super) struct Typed {
    pub(super) annotation: String,
    /// The type for `mapped_column`, where the annotation does not say all.
    pub(super) argument: Option<String>,
    /// False where the database has another type than a model can say.
    pub(super) exact: bool,
}

impl Typed {
    fn plain(annotation: impl Into<String>) -> Self {
        Self { annotation: annotation.into(), argument: None, exact: true }
    }

    fn with(annotation: impl Into<String>, argument: impl Into<String>) -> Self {
        Self { argument: Some(argument.into()), ..Self::plain(annotation) }
    }

    /// The nearest type, which is another.
    fn near(self) -> Self {
        Self { exact: false, ..self }
    }
}

/// The type of a column; None for one that a model has nothing like.
pub(super) fn of(data_type: &str, enums: &Enums, uses: &mut Uses, dialect: &Dialect) -> Option<Typed> {
    match dialect.name {
        DialectName::Postgres => postgres(data_type, enums, uses, dialect),
        DialectName::Sqlite => Some(sqlite(data_type, uses)),
    }
}

fn sizes(data_type: &str) -> (String, Vec<u32>) {
    let Some((name, rest)) = data_type.split_once('(') else { return (data_type.to_owned(), Vec::new()) };
    let (sizes, behind) = rest.split_once(')').unwrap_or((rest, ""));
    let sizes = sizes.split(',').filter_map(|size| size.trim().parse().ok()).collect();
    (format!("{}{behind}", name.trim_end()), sizes)
}

fn postgres(data_type: &str, enums: &Enums, uses: &mut Uses, dialect: &Dialect) -> Option<Typed> {
    if let Some(element) = data_type.strip_suffix("[]") {
        // Several ranges are a multirange to a model.
        if element.ends_with("range") {
            return None;
        }
        let element = postgres(element, enums, uses, dialect)?;
        let annotation = format!("list[{}]", element.annotation);
        let argument = element.argument.map(|argument| format!("{}({argument})", uses.ormkit("ARRAY")));
        return Some(Typed { annotation, argument, exact: element.exact });
    }
    if let Some((place, kind, class)) =
        enums.all().find(|(_, kind, _)| qualified(&kind.name, dialect) == data_type)
    {
        uses.enums.insert(place);
        let schema = kind.name.schema.as_deref();
        let schema = schema.map_or_else(String::new, |schema| format!(", schema={}", quoted(schema)));
        let argument = format!("{}({class}, name={}{schema})", uses.ormkit("Enum"), quoted(&kind.name.name));
        return Some(Typed::with(class, argument));
    }
    let (name, sizes) = sizes(data_type);
    let mut sized = |name: &'static str| match sizes.as_slice() {
        [] => uses.ormkit(name).to_owned(),
        sizes => {
            let sizes: Vec<String> = sizes.iter().map(u32::to_string).collect();
            format!("{}({})", uses.ormkit(name), sizes.join(", "))
        }
    };
    Some(match name.as_str() {
        "integer" => Typed::plain("int"),
        "bigint" => Typed::with("int", uses.ormkit("BigInteger")),
        "smallint" => Typed::with("int", uses.ormkit("SmallInteger")),
        "boolean" => Typed::plain("bool"),
        "double precision" => Typed::plain("float"),
        "real" => Typed::plain("float").near(),
        "text" => Typed::plain("str"),
        "character varying" if !sizes.is_empty() => Typed::with("str", sized("String")),
        "character" if !sizes.is_empty() => Typed::with("str", sized("String")).near(),
        "character varying" => Typed::plain("str").near(),
        "bytea" => Typed::plain("bytes"),
        "numeric" if sizes.is_empty() => Typed::plain("Decimal"),
        "numeric" => {
            let argument = sized("Numeric");
            Typed::with("Decimal", argument)
        }
        "money" => Typed::plain("Decimal").near(),
        "date" => Typed::plain("date"),
        "time without time zone" => {
            let exact = sizes.is_empty();
            Typed { exact, ..Typed::plain("time") }
        }
        "time with time zone" => {
            let argument = format!("{}(timezone=True)", uses.ormkit("Time"));
            Typed { exact: sizes.is_empty(), ..Typed::with("time", argument) }
        }
        "timestamp with time zone" => Typed { exact: sizes.is_empty(), ..Typed::plain("datetime") },
        "timestamp without time zone" => {
            let argument = format!("{}(timezone=False)", uses.ormkit("DateTime"));
            Typed { exact: sizes.is_empty(), ..Typed::with("datetime", argument) }
        }
        "interval" => Typed { exact: sizes.is_empty(), ..Typed::plain("timedelta") },
        "uuid" => Typed::plain("UUID"),
        "jsonb" => Typed::with("Any", uses.ormkit("JSON")),
        "json" => Typed::with("Any", uses.ormkit("JSON")).near(),
        "inet" => Typed::with("Any", uses.ormkit("Inet")),
        "cidr" => Typed::with("Any", uses.ormkit("Cidr")),
        "macaddr" => Typed::with("str", uses.ormkit("MacAddr")),
        "macaddr8" => Typed::with("str", uses.ormkit("MacAddr8")),
        "citext" => Typed::with("str", uses.ormkit("Citext")),
        "tsvector" => Typed::with("str", uses.ormkit("Tsvector")),
        "bit" => Typed::with("str", sized("Bit")),
        "bit varying" => {
            let argument = match sizes.first() {
                Some(size) => format!("{}({size}, varying=True)", uses.ormkit("Bit")),
                None => format!("{}(varying=True)", uses.ormkit("Bit")),
            };
            Typed::with("str", argument)
        }
        "vector" => Typed::with("list[float]", sized("Vector")),
        "hstore" => Typed::with("dict[str, str | None]", uses.ormkit("Hstore")),
        _ if name.ends_with("range") => return range(&name, uses),
        _ => return None,
    })
}

/// A range type, or one of several ranges.
fn range(name: &str, uses: &mut Uses) -> Option<Typed> {
    let (of, several) = match name.strip_suffix("multirange") {
        Some(of) => (of, true),
        None => (name.strip_suffix("range")?, false),
    };
    let (element, one, many) = match of {
        "int4" => ("int", "INT4RANGE", "INT4MULTIRANGE"),
        "int8" => ("int", "INT8RANGE", "INT8MULTIRANGE"),
        "num" => ("Decimal", "NUMRANGE", "NUMMULTIRANGE"),
        "date" => ("date", "DATERANGE", "DATEMULTIRANGE"),
        "ts" => ("datetime", "TSRANGE", "TSMULTIRANGE"),
        "tstz" => ("datetime", "TSTZRANGE", "TSTZMULTIRANGE"),
        _ => return None,
    };
    let range = format!("{}[{element}]", uses.ormkit("Range"));
    Some(match several {
        true => Typed::with(format!("tuple[{range}, ...]"), uses.ormkit(many)),
        false => Typed::with(range, uses.ormkit(one)),
    })
}

/// SQLite takes any word for a type: what it means follows from its parts (SQLite documentation, "Datatypes In SQLite", 3.1).
/// A type is exact where the model's has the same affinity.
fn sqlite(data_type: &str, uses: &mut Uses) -> Typed {
    let (name, sizes) = sizes(&data_type.to_ascii_uppercase());
    let name = name.trim();
    match (name, sizes.as_slice()) {
        ("BOOLEAN" | "BOOL", _) => Typed::plain("bool"),
        ("BIGINT", _) => Typed::with("int", uses.ormkit("BigInteger")),
        ("SMALLINT", _) => Typed::with("int", uses.ormkit("SmallInteger")),
        ("INTEGER", _) => Typed::with("int", uses.ormkit("BigInteger")),
        ("DATE", _) => Typed::plain("date"),
        ("TIME", _) => Typed::plain("time"),
        ("DATETIME" | "TIMESTAMP", _) => {
            // Tools that declare it so write no time zone.
            let argument = format!("{}(timezone=False)", uses.ormkit("DateTime"));
            Typed::with("datetime", argument)
        }
        ("NUMERIC" | "DECIMAL", []) => Typed::plain("Decimal").near(),
        ("NUMERIC" | "DECIMAL", sizes) => {
            let sizes: Vec<String> = sizes.iter().map(u32::to_string).collect();
            let argument = format!("{}({})", uses.ormkit("Numeric"), sizes.join(", "));
            Typed::with("Decimal", argument).near()
        }
        ("JSON" | "JSONB", _) => Typed::with("Any", uses.ormkit("JSON")).near(),
        ("VARCHAR" | "NVARCHAR", [length]) => {
            Typed::with("str", format!("{}({length})", uses.ormkit("String")))
        }
        (name, _) if name.contains("INT") => Typed::with("int", uses.ormkit("BigInteger")),
        (name, _) if ["CHAR", "CLOB", "TEXT"].iter().any(|part| name.contains(part)) => Typed::plain("str"),
        (name, _) if name.is_empty() || name.contains("BLOB") => Typed::plain("bytes"),
        (name, _) if ["REAL", "FLOA", "DOUB"].iter().any(|part| name.contains(part)) => Typed::plain("float"),
        _ => Typed::plain("str").near(),
    }
}
