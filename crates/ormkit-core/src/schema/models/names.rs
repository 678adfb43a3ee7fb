//! Names of classes and attributes.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::class;
use super::junction::Junctions;
use crate::model::TableName;
use crate::schema::python::quoted;
use crate::schema::{Catalog, Enum, Table};

/// The names that classes and attributes have in the module.
pub(super) struct Naming {
    classes: HashMap<TableName, String>,
    attributes: HashMap<TableName, HashMap<String, String>>,
    pub(super) enums: Enums,
}

impl Naming {
    pub(super) fn of(catalog: &Catalog) -> Self {
        let mut taken: HashSet<String> = VALUES.iter().map(|name| (*name).to_owned()).collect();
        taken.extend(TYPES.iter().map(|name| (*name).to_owned()));
        let attributes: HashMap<_, _> =
            catalog.tables.iter().map(|table| (table.name.clone(), attributes(table))).collect();
        // A class that is called like an attribute cannot be named beside it.
        let junctions = Junctions::of(catalog);
        let of_classes = attributes.iter().filter(|(table, _)| junctions.variable(table).is_none());
        taken.extend(of_classes.flat_map(|(_, names)| names.values()).cloned());
        let enums = Enums::of(catalog, &mut taken);
        let mut classes = HashMap::new();
        for table in &catalog.tables {
            let name = free(&camel(&singular(&table.name.name)), &taken, "Row");
            taken.insert(name.clone());
            classes.insert(table.name.clone(), name);
        }
        Self { classes, attributes, enums }
    }

    /// The class of a table.
    pub(super) fn class(&self, table: &TableName) -> Option<&str> {
        self.classes.get(table).map(String::as_str)
    }

    /// The attribute of a column.
    pub(super) fn attribute<'a>(&'a self, table: &TableName, column: &'a str) -> &'a str {
        let names = self.attributes.get(table);
        names.and_then(|names| names.get(column)).map_or(column, String::as_str)
    }

    /// The names that a relation of a class cannot have: what its body calls, and the attributes that are columns.
    pub(super) fn taken(&self, table: &TableName) -> HashSet<String> {
        self.attributes(table).cloned().chain(reserved()).collect()
    }

    /// The attributes that are columns.
    pub(super) fn attributes(&self, table: &TableName) -> impl Iterator<Item = &String> {
        self.attributes.get(table).into_iter().flat_map(HashMap::values)
    }

    /// True where a column of any class is called so.
    pub(super) fn is_attribute(&self, name: &str) -> bool {
        self.attributes.values().flat_map(HashMap::values).any(|known| known == name)
    }
}

/// What class bodies call: an attribute of that name would hide it.
const VALUES: [&str; 59] = [
    "ARRAY",
    "BigInteger",
    "Bit",
    "Boolean",
    "CheckConstraint",
    "Cidr",
    "Citext",
    "Column",
    "Computed",
    "Date",
    "DateTime",
    "Double",
    "Enum",
    "ExcludeConstraint",
    "ForeignKey",
    "ForeignKeyConstraint",
    "Identity",
    "Index",
    "Inet",
    "Integer",
    "Interval",
    "JSON",
    "LargeBinary",
    "MacAddr",
    "MacAddr8",
    "Numeric",
    "SmallInteger",
    "String",
    "Table",
    "Text",
    "Time",
    "Tsvector",
    "UniqueConstraint",
    "Uuid",
    "Vector",
    "desc",
    "mapped_column",
    "nulls_first",
    "nulls_last",
    "relationship",
    "text",
    "Mapped",
    "Base",
    "DeclarativeBase",
    "MappedAsDataclass",
    "Hstore",
    "Range",
    "INT4RANGE",
    "INT4MULTIRANGE",
    "INT8RANGE",
    "INT8MULTIRANGE",
    "NUMRANGE",
    "NUMMULTIRANGE",
    "DATERANGE",
    "DATEMULTIRANGE",
    "TSRANGE",
    "TSMULTIRANGE",
    "TSTZRANGE",
    "TSTZMULTIRANGE",
];

/// What annotations name: a class of that name would hide it.
const TYPES: [&str; 8] = ["Any", "Decimal", "UUID", "date", "datetime", "time", "timedelta", "enum"];

/// Methods of every model.
const METHODS: [&str; 2] = ["to_dict", "from_dict"];

/// Python's keywords.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// What no attribute is called.
fn reserved() -> impl Iterator<Item = String> {
    VALUES.iter().chain(&METHODS).map(|name| (*name).to_owned())
}

fn attributes(table: &Table) -> HashMap<String, String> {
    let mut taken: HashSet<String> = reserved().collect();
    let mut names = HashMap::new();
    for column in &table.columns {
        let name = free(&identifier(&column.name), &taken, "");
        taken.insert(name.clone());
        names.insert(column.name.clone(), name);
    }
    names
}

/// The name itself, with something behind it, or with a number.
pub(super) fn free(name: &str, taken: &HashSet<String>, suffix: &str) -> String {
    let ours = |name: &String| !taken.contains(name);
    let mut tries = [name.to_owned(), format!("{name}{suffix}"), format!("{name}_")].into_iter();
    if let Some(free) = tries.find(|name| ours(name)) {
        return free;
    }
    let mut numbers = (2_u32..).map(|number| format!("{name}_{number}"));
    numbers.find(ours).unwrap_or_else(|| name.to_owned())
}

/// A name that Python takes, and that is neither private nor mangled.
pub(super) fn identifier(name: &str) -> String {
    let is_part = |char: char| {
        char.is_ascii_alphanumeric() || char == '_' || (!char.is_ascii() && char.is_alphabetic())
    };
    let words: String = name.chars().map(|char| if is_part(char) { char } else { '_' }).collect();
    let words = words.trim_start_matches('_');
    match words.chars().next() {
        None => "column".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("column_{words}"),
        Some(_) if KEYWORDS.contains(&words) => format!("{words}_"),
        Some(_) => words.to_owned(),
    }
}

/// `order_items` → `OrderItems`
pub(super) fn camel(name: &str) -> String {
    let name = identifier(name);
    let parts = name.split('_').filter(|part| !part.is_empty());
    let camel: String = parts
        .map(|part| {
            let mut chars = part.chars();
            let first: String = chars.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
            first + chars.as_str()
        })
        .collect();
    if KEYWORDS.contains(&&*camel) { format!("{camel}_") } else { camel }
}

/// One of many, as far as English goes by rules.
pub(super) fn singular(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| lower.ends_with(end));
    let cut = |count: usize| name[..name.len() - count].to_owned();
    match () {
        () if !name.is_ascii() || ends(&["ss", "us", "is", "news", "series", "data"]) => name.to_owned(),
        () if ends(&["ies"]) && name.len() > 4 => cut(3) + "y",
        () if ends(&["sses", "xes", "ches", "shes", "zzes"]) => cut(2),
        () if ends(&["s"]) && name.len() > 2 => cut(1),
        () => name.to_owned(),
    }
}

/// The enum types of the database, as classes.
pub(super) struct Enums {
    classes: Vec<(Enum, String)>,
}

impl Enums {
    fn of(catalog: &Catalog, taken: &mut HashSet<String>) -> Self {
        let mut classes = Vec::new();
        for kind in &catalog.enums {
            let name = free(&camel(&kind.name.name), taken, "Enum");
            taken.insert(name.clone());
            classes.push((kind.clone(), name));
        }
        Self { classes }
    }

    /// Those in the order of the database, with their classes' names.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, &Enum, &str)> {
        self.classes.iter().enumerate().map(|(place, (kind, name))| (place, kind, name.as_str()))
    }

    pub(super) fn used<'a>(&'a self, used: &'a BTreeSet<usize>) -> impl Iterator<Item = &'a (Enum, String)> {
        used.iter().filter_map(|place| self.classes.get(*place))
    }

    pub(super) fn written((kind, name): &(Enum, String)) -> String {
        let mut taken = HashSet::new();
        let members: Vec<String> = kind
            .labels
            .iter()
            .map(|label| {
                let member = free(&member(label), &taken, "");
                taken.insert(member.clone());
                format!("{member} = {}", quoted(label))
            })
            .collect();
        class(name, "enum.Enum", &if members.is_empty() { vec!["pass".to_owned()] } else { members })
    }
}

/// `it's ok` → `IT_S_OK`
fn member(label: &str) -> String {
    let is_part = |char: char| char.is_ascii_alphanumeric();
    let words: Vec<&str> = label.split(|char| !is_part(char)).filter(|word| !word.is_empty()).collect();
    let name = words.join("_").to_ascii_uppercase();
    match name.chars().next() {
        None => "EMPTY".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("VALUE_{name}"),
        Some(_) => name,
    }
}
