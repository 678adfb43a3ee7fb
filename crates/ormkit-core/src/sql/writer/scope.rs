//! Which names the tables of a SELECT go by.

use crate::model::{FieldId, ModelId, Schema};
use crate::query::{FromItem, Rows, Source};

/// What one SELECT, UPDATE or DELETE reads from, and the names in its text.
pub(crate) struct Scope {
    names: Vec<(FromItem, String)>,
    /// Junctions of the joins that are written in it.
    links: Vec<String>,
    /// Its own columns are written with their table: it has several, or stands inside another statement.
    qualifies: bool,
    /// Tables of classes that are read together with those of the classes that extend them.
    wide: Vec<Source>,
    /// Of a row that is written to one of several tables of its class: the fields that this one holds, and their columns.
    held: Option<Vec<(FieldId, String)>>,
}

impl Scope {
    /// Names for `items` inside `outer` scopes: those that were given; else the table's own name for number 0 and
    /// `table_1`, `table_2` … otherwise, `anon_1`, `anon_2` … for derived rows. A table under number 0 may hide the same
    /// one of an outer scope, since the two cannot be meant at once, but not that of another class.
    pub(crate) fn new(schema: &Schema, outer: &[Self], ctes: &[(u32, String)], items: &[FromItem]) -> Self {
        let mut names: Vec<(FromItem, String)> = Vec::with_capacity(items.len());
        for item in items {
            let name = match item {
                FromItem::Table(source) => {
                    let table = &schema.model(source.model).table().name;
                    match source.name() {
                        Some(name) => name.to_string(),
                        None if source.alias == 0
                            && !has(&names, table)
                            && !outer.iter().any(|scope| scope.gives_another(item, table)) =>
                        {
                            table.clone()
                        }
                        None => free_name(table, outer, ctes, |name| has(&names, name)),
                    }
                }
                FromItem::Derived(derived) => match (&derived.rows, &derived.name) {
                    (Rows::Cte(cte), _) if cte.number == derived.number() => {
                        let known = ctes.iter().find(|(number, _)| *number == cte.number);
                        known.map(|(_, name)| name.clone()).unwrap_or_default()
                    }
                    (_, Some(name)) => name.to_string(),
                    (_, None) => free_name("anon", outer, ctes, |name| has(&names, name)),
                },
            };
            names.push((item.clone(), name));
        }
        let qualifies = names.len() > 1 || !outer.is_empty();
        Self { names, links: Vec::new(), qualifies, wide: Vec::new(), held: None }
    }

    /// The scope of one row, which is of each of `classes`. It `qualifies` its columns where it stands beside others, and
    /// knows those alone that its table has `held`, where that is not all.
    pub(crate) fn of_row(
        classes: impl Iterator<Item = ModelId>,
        table: &str,
        qualifies: bool,
        held: Option<Vec<(FieldId, String)>>,
    ) -> Self {
        let name = |class| (FromItem::Table(Source::plain(class)), table.to_owned());
        Self { names: classes.map(name).collect(), links: Vec::new(), qualifies, wide: Vec::new(), held }
    }

    /// The column of a row of several tables; None: this one does not hold it.
    pub(super) fn held<'a>(&'a self, field: FieldId, column: &'a str) -> Option<&'a str> {
        match &self.held {
            Some(held) => held.iter().find(|(known, _)| *known == field).map(|(_, column)| column.as_str()),
            None => Some(column),
        }
    }

    /// The name of `item`, if it is one of the scope's.
    pub(crate) fn name(&self, item: &FromItem) -> Option<&str> {
        match item {
            FromItem::Table(source) => self.table(*source),
            FromItem::Derived(derived) => self.derived(derived.number()),
        }
    }

    /// The name of a table, if it is one of the scope's.
    pub(crate) fn table(&self, source: Source) -> Option<&str> {
        self.names.iter().find(|(known, _)| *known == source).map(|(_, name)| name.as_str())
    }

    /// The name of derived rows by their number, if they are some of the scope's.
    pub(crate) fn derived(&self, number: u32) -> Option<&str> {
        let is_it =
            |item: &FromItem| matches!(item, FromItem::Derived(derived) if derived.number() == number);
        self.names.iter().find(|(known, _)| is_it(known)).map(|(_, name)| name.as_str())
    }

    /// Has a class read together with the tables of those that extend it.
    pub(super) fn widen(&mut self, source: Source) {
        self.wide.push(source);
    }

    /// True where it is.
    pub(super) fn is_wide(&self, source: Source) -> bool {
        self.wide.contains(&source)
    }

    /// Number of tables.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// True when the scope's columns are written with their table.
    pub(crate) fn qualifies(&self) -> bool {
        self.qualifies
    }

    /// Has the scope's columns written with their table, or as they were; answers how they were.
    pub(crate) fn qualify(&mut self, qualifies: bool) -> bool {
        std::mem::replace(&mut self.qualifies, qualifies)
    }

    /// A name that two of its tables have.
    pub(crate) fn repeated(&self) -> Option<&str> {
        let repeats = |(at, name): (usize, &String)| self.names[..at].iter().any(|(_, known)| known == name);
        let mut names = self.names.iter().map(|(_, name)| name).enumerate();
        names.find(|(at, name)| repeats((*at, name))).map(|(_, name)| name.as_str())
    }

    /// A name for one more junction, which nothing else of the statement has so far.
    pub(super) fn name_link(&mut self, table: &str, outer: &[Self], ctes: &[(u32, String)]) -> String {
        let name = free_name(table, outer, ctes, |name| self.takes(name));
        self.links.push(name.clone());
        name
    }

    /// True where `name` is that of something else than `item`.
    fn gives_another(&self, item: &FromItem, name: &str) -> bool {
        self.names.iter().any(|(known, taken)| taken == name && known != item)
    }

    fn takes(&self, name: &str) -> bool {
        self.names.iter().map(|(_, known)| known).chain(&self.links).any(|known| known == name)
    }
}

fn has(names: &[(FromItem, String)], name: &str) -> bool {
    names.iter().any(|(_, known)| known == name)
}

fn free_name(table: &str, outer: &[Scope], ctes: &[(u32, String)], own: impl Fn(&str) -> bool) -> String {
    let taken = |name: &str| {
        own(name)
            || ctes.iter().any(|(_, known)| known == name)
            || outer.iter().any(|scope| scope.takes(name))
    };
    // There are fewer taken names than numbers.
    (1_u32..).map(|number| format!("{table}_{number}")).find(|name| !taken(name)).unwrap_or_default()
}
