//! Foreign keys as relations, named at both ends.

use std::collections::{HashMap, HashSet};

use super::junction::Junctions;
use super::names::{Naming, free, identifier, singular};
use crate::model::TableName;
use crate::schema::{Catalog, ForeignKey, Table};

/// A relation as a class has it.
pub(super) struct Relation {
    pub(super) name: String,
    /// The class at the other end.
    pub(super) class: String,
    pub(super) back: String,
    pub(super) kind: Kind,
    /// The variable of the junction that is between.
    pub(super) secondary: Option<String>,
    /// `["Post.author_id"]`, where there is a choice.
    pub(super) foreign_keys: Vec<String>,
    /// `["Node.id"]`, at the end of a class that refers to itself.
    pub(super) remote_side: Vec<String>,
}

/// How many are at the other end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One, always.
    One,
    /// One or none.
    Maybe,
    /// A list.
    Many,
}

/// A foreign key whose two tables have classes.
struct Link<'a> {
    table: &'a Table,
    key: &'a ForeignKey,
    target: &'a Table,
    referred: Vec<String>,
}

/// The relations of each table.
pub(super) fn of(
    catalog: &Catalog,
    naming: &Naming,
    junctions: &Junctions<'_>,
) -> HashMap<TableName, Vec<Relation>> {
    let has_class = |table: &&Table| junctions.variable(&table.name).is_none();
    let links: Vec<Link<'_>> =
        catalog.tables.iter().filter(has_class).flat_map(|table| links(table, catalog)).collect();
    let mut taken: HashMap<&TableName, HashSet<String>> =
        catalog.tables.iter().map(|table| (&table.name, naming.taken(&table.name))).collect();
    let mut all: HashMap<TableName, Vec<Relation>> = HashMap::new();
    for link in &links {
        let (Some(own), Some(target)) = (naming.class(&link.table.name), naming.class(&link.target.name))
        else {
            continue;
        };
        let between = |one: &TableName, other: &TableName| {
            links.iter().filter(|link| link.table.name == *one && link.target.name == *other).count()
        };
        let several = between(&link.table.name, &link.target.name) > 1;
        let is_own = link.table.name == link.target.name;
        // A key the other way round joins the same two tables.
        let ambiguous = several || (!is_own && between(&link.target.name, &link.table.name) > 0);
        let mut name_in = |table: &TableName, wish: String| {
            let taken = taken
                .entry(if *table == link.table.name { &link.table.name } else { &link.target.name })
                .or_default();
            let name = free(&identifier(&wish), taken, "_rel");
            taken.insert(name.clone());
            name
        };
        let forth = name_in(&link.table.name, forth(link, naming));
        let single = is_unique(link);
        let back_wish = match several {
            true => format!("{}_by_{forth}", plain(link.table, single, naming)),
            false => plain(link.table, single, naming),
        };
        let back = name_in(&link.target.name, back_wish);
        let path = |class: &str, table: &TableName, columns: &[String]| -> Vec<String> {
            columns.iter().map(|column| format!("{class}.{}", naming.attribute(table, column))).collect()
        };
        let foreign_keys =
            if ambiguous { path(own, &link.table.name, &link.key.columns) } else { Vec::new() };
        let far = |wanted: bool| match wanted {
            true => path(target, &link.target.name, &link.referred),
            false => Vec::new(),
        };
        let may_miss =
            link.key.columns.iter().any(|name| link.table.column(name).is_some_and(|column| column.nullable));
        all.entry(link.table.name.clone()).or_default().push(Relation {
            name: forth.clone(),
            class: target.to_owned(),
            back: back.clone(),
            kind: if may_miss { Kind::Maybe } else { Kind::One },
            secondary: None,
            foreign_keys: foreign_keys.clone(),
            remote_side: far(is_own),
        });
        all.entry(link.target.name.clone()).or_default().push(Relation {
            name: back,
            class: own.to_owned(),
            back: forth,
            kind: if single { Kind::Maybe } else { Kind::Many },
            secondary: None,
            foreign_keys,
            remote_side: Vec::new(),
        });
    }
    for junction in &catalog.tables {
        let ([one, other], Some(variable)) =
            (junction.foreign_keys.as_slice(), junctions.variable(&junction.name))
        else {
            continue;
        };
        // Both ends list the other, under the name of the other's table.
        let mut name_of = |own: &ForeignKey, far: &ForeignKey| {
            let table = catalog.table(&own.table)?;
            let taken = taken.entry(&table.name).or_default();
            let wish = plain(catalog.table(&far.table)?, false, naming);
            let name = free(&identifier(&wish), taken, "_rel");
            taken.insert(name.clone());
            Some(name)
        };
        let (Some(forth), Some(back)) = (name_of(one, other), name_of(other, one)) else { continue };
        for (own, far, name, back) in [(one, other, &forth, &back), (other, one, &back, &forth)] {
            let Some(class) = naming.class(&far.table) else { continue };
            all.entry(own.table.clone()).or_default().push(Relation {
                name: name.clone(),
                class: class.to_owned(),
                back: back.clone(),
                kind: Kind::Many,
                secondary: Some(variable.to_owned()),
                foreign_keys: Vec::new(),
                remote_side: Vec::new(),
            });
        }
    }
    all
}

fn links<'a>(table: &'a Table, catalog: &'a Catalog) -> Vec<Link<'a>> {
    let link = |key: &'a ForeignKey| {
        let target = catalog.table(&key.table).or_else(|| {
            let same = |known: &&Table| {
                known.name.schema == key.table.schema && known.name.name.eq_ignore_ascii_case(&key.table.name)
            };
            catalog.tables.iter().find(same)
        })?;
        let primary = || target.primary_key.as_ref().map(|key| key.columns.clone()).unwrap_or_default();
        let referred = if key.referred.is_empty() { primary() } else { key.referred.clone() };
        let has_key = table.primary_key.is_some() && target.primary_key.is_some();
        (has_key && referred.len() == key.columns.len()).then_some(Link { table, key, target, referred })
    };
    let mut links: Vec<Link<'a>> = table.foreign_keys.iter().filter_map(link).collect();
    // The same key twice is one relation.
    let mut seen: Vec<(&Vec<String>, &TableName)> = Vec::new();
    links.retain(|link| {
        let known = seen.contains(&(&link.key.columns, &link.target.name));
        seen.push((&link.key.columns, &link.target.name));
        !known
    });
    links
}

/// `author_id` → `author`; the target's name where the column says nothing.
fn forth(link: &Link<'_>, naming: &Naming) -> String {
    if let [column] = link.key.columns.as_slice() {
        let attribute = naming.attribute(&link.table.name, column);
        let lower = attribute.to_ascii_lowercase();
        if let Some(place) =
            ["_id", "_key", "_code", "_fk"].iter().find_map(|end| lower.strip_suffix(end)).map(str::len)
            && place > 0
        {
            return attribute[..place].to_owned();
        }
    }
    snake(naming.class(&link.target.name).unwrap_or("target"))
}

/// `OrderItem` → `order_items`; one of them where there is but one.
fn plain(table: &Table, single: bool, naming: &Naming) -> String {
    let class = snake(naming.class(&table.name).unwrap_or("source"));
    match (single, identifier(&table.name.name).to_ascii_lowercase()) {
        (true, _) => class,
        (false, name) if name != class && singular(&name) == class => name,
        (false, _) => format!("{class}_list"),
    }
}

fn snake(class: &str) -> String {
    let mut name = String::new();
    for (place, char) in class.char_indices() {
        if char.is_uppercase() && place > 0 && !name.ends_with('_') {
            name.push('_');
        }
        name.extend(char.to_lowercase());
    }
    name
}

/// True when no two rows refer to the same one.
fn is_unique(link: &Link<'_>) -> bool {
    let columns = &link.key.columns;
    let same =
        |names: &[String]| names.len() == columns.len() && names.iter().all(|name| columns.contains(name));
    link.table.primary_key.as_ref().is_some_and(|key| same(&key.columns))
        || link.table.uniques.iter().any(|unique| same(&unique.columns))
        || link.table.indexes.iter().any(|index| {
            let names: Option<Vec<String>> =
                index.parts.iter().map(|part| part.term.column().map(str::to_owned)).collect();
            index.unique && index.predicate.is_none() && names.is_some_and(|names| same(&names))
        })
}
