//! Which names the tables of a SELECT go by.

use crate::model::Schema;
use crate::query::Source;

/// The tables of one SELECT, UPDATE or DELETE and their names in its text.
pub(crate) struct Scope {
    names: Vec<(Source, String)>,
    /// Its own columns are written with their table: it has several, or stands inside another statement.
    qualifies: bool,
}

impl Scope {
    /// Names for `sources` inside `outer` scopes: the table's own name for number 0, `table_1`, `table_2` … otherwise.
    /// A table under number 0 may hide the same one of an outer scope: the two cannot be meant at once.
    pub(crate) fn new(schema: &Schema, outer: &[Self], sources: &[Source]) -> Self {
        let mut names: Vec<(Source, String)> = Vec::with_capacity(sources.len());
        for source in sources {
            let table = &schema.model(source.model).table().name;
            let name = if source.alias == 0 && !names.iter().any(|(_, name)| name == table) {
                table.clone()
            } else {
                free_name(table, outer, &names)
            };
            names.push((*source, name));
        }
        let qualifies = names.len() > 1 || !outer.is_empty();
        Self { names, qualifies }
    }

    /// The name of `source`, if it is one of the scope's tables.
    pub(crate) fn name(&self, source: Source) -> Option<&str> {
        self.names.iter().find(|(known, _)| *known == source).map(|(_, name)| name.as_str())
    }

    /// Number of tables.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// True when the scope's columns are written with their table.
    pub(crate) fn qualifies(&self) -> bool {
        self.qualifies
    }

    fn takes(&self, name: &str) -> bool {
        self.names.iter().any(|(_, known)| known == name)
    }
}

fn free_name(table: &str, outer: &[Scope], names: &[(Source, String)]) -> String {
    let taken = |name: &str| {
        names.iter().any(|(_, known)| known == name) || outer.iter().any(|scope| scope.takes(name))
    };
    // There are fewer taken names than numbers.
    (1_u32..).map(|number| format!("{table}_{number}")).find(|name| !taken(name)).unwrap_or_default()
}
