//! What operations make of a schema, in memory.

use super::token::{qualified, renamed, same_name};
use super::{Catalog, Change, IndexTerm, Operation, Part, Table};
use crate::model::TableName;
use crate::sql::Dialect;

impl Catalog {
    /// Does an operation here. One that is about something that is not here does nothing.
    pub fn apply(&mut self, operation: &Operation, dialect: &Dialect) {
        match operation {
            Operation::CreateSchema(name) => self.schemas.push(name.clone()),
            Operation::DropSchema(name) => self.schemas.retain(|known| known != name),
            Operation::CreateEnum(kind) => self.enums.push(kind.clone()),
            Operation::DropEnum(kind) => self.enums.retain(|known| known.name != kind.name),
            Operation::AddEnumValue { name, label, before } => {
                for kind in self.enums.iter_mut().filter(|kind| kind.name == *name) {
                    let place = before
                        .as_ref()
                        .and_then(|before| kind.labels.iter().position(|label| label == before));
                    kind.labels.insert(place.unwrap_or(kind.labels.len()), label.clone());
                }
            }
            Operation::RenameEnum { from, to } => self.rename_enum(from, to, dialect),
            Operation::CreateSequence(sequence) => self.sequences.push(sequence.clone()),
            Operation::DropSequence(sequence) => {
                self.sequences.retain(|known| known.name != sequence.name);
            }
            Operation::CreateTable(table) => {
                self.tables.push(table.clone());
                self.sort_tables();
            }
            Operation::DropTable(table) => self.tables.retain(|known| known.name != table.name),
            Operation::RenameTable { from, to } => {
                let to = TableName { schema: from.schema.clone(), name: to.clone() };
                self.move_table(from, &to);
            }
            Operation::RenameColumn { table, from, to } => self.rename_column(table, from, to, dialect),
            Operation::Renumber { .. } => {}
            Operation::Comment { table, to, .. } => {
                self.table_mut(table).into_iter().for_each(|table| table.comment.clone_from(to));
            }
            Operation::Add { table, part } => {
                self.table_mut(table).into_iter().for_each(|table| add(table, part))
            }
            Operation::Drop { table, part } => {
                self.table_mut(table).into_iter().for_each(|table| drop_part(table, part));
            }
            Operation::Alter { table, column, change } => {
                let column = self.table_mut(table).and_then(|table| table.column_mut(column));
                let Some(column) = column else { return };
                match change {
                    Change::Type { to: (data_type, collation), .. } => {
                        column.data_type.clone_from(data_type);
                        column.collation.clone_from(collation);
                    }
                    Change::Nullable(allowed) => column.nullable = *allowed,
                    Change::Default { to, .. } => column.default.clone_from(to),
                    Change::Numbering { to, .. } => column.numbering.clone_from(to),
                    Change::Comment { to, .. } => column.comment.clone_from(to),
                }
            }
        }
    }

    fn rename_enum(&mut self, from: &TableName, to: &str, dialect: &Dialect) {
        for kind in self.enums.iter_mut().filter(|kind| kind.name == *from) {
            kind.name.name = to.to_owned();
        }
        let old = qualified(from, dialect);
        let new = qualified(&TableName { schema: from.schema.clone(), name: to.to_owned() }, dialect);
        for column in self.tables.iter_mut().flat_map(|table| &mut table.columns) {
            let element = column.data_type.trim_end_matches("[]");
            if element == old {
                column.data_type = format!("{new}{}", &column.data_type[element.len()..]);
            }
        }
    }

    /// Gives a table another name, or another schema.
    pub(super) fn move_table(&mut self, from: &TableName, to: &TableName) {
        for table in &mut self.tables {
            let keys = table.foreign_keys.iter_mut().filter(|key| key.table == *from);
            keys.for_each(|key| key.table = to.clone());
            if table.name == *from {
                table.name = to.clone();
            }
        }
        self.sort_tables();
    }

    /// Gives a schema another name.
    pub(super) fn rename_schema(&mut self, from: &str, to: &str) {
        let swap = |name: &mut Option<String>| {
            if name.as_deref() == Some(from) {
                *name = Some(to.to_owned());
            }
        };
        for table in &mut self.tables {
            swap(&mut table.name.schema);
            table.foreign_keys.iter_mut().for_each(|key| swap(&mut key.table.schema));
        }
        self.enums.iter_mut().for_each(|kind| swap(&mut kind.name.schema));
        self.schemas.iter_mut().filter(|name| *name == from).for_each(|name| to.clone_into(name));
        self.sort_tables();
    }

    pub(super) fn sort_tables(&mut self) {
        self.tables.sort_by(|one, other| order(&one.name).cmp(&order(&other.name)));
    }

    fn rename_column(&mut self, table: &TableName, from: &str, to: &str, dialect: &Dialect) {
        let swap = |name: &mut String| {
            if same_name(name, from, dialect) {
                to.clone_into(name);
            }
        };
        for known in &mut self.tables {
            let keys = known.foreign_keys.iter_mut().filter(|key| key.table == *table);
            keys.for_each(|key| key.referred.iter_mut().for_each(swap));
        }
        let Some(table) = self.table_mut(table) else { return };
        let reword = |text: &mut String| *text = renamed(text, from, to, dialect);
        for column in &mut table.columns {
            swap(&mut column.name);
            column.computed.iter_mut().for_each(|computed| reword(&mut computed.expression));
        }
        if let Some(key) = &mut table.primary_key {
            key.columns.iter_mut().chain(&mut key.include).for_each(swap);
            key.written.iter_mut().for_each(reword);
        }
        for unique in &mut table.uniques {
            unique.columns.iter_mut().chain(&mut unique.include).for_each(swap);
            unique.written.iter_mut().for_each(reword);
        }
        table.checks.iter_mut().for_each(|check| reword(&mut check.expression));
        table.exclusions.iter_mut().for_each(|exclusion| reword(&mut exclusion.definition));
        table.foreign_keys.iter_mut().flat_map(|key| &mut key.columns).for_each(swap);
        for index in &mut table.indexes {
            index.include.iter_mut().for_each(swap);
            index.predicate.iter_mut().for_each(reword);
            for part in &mut index.parts {
                match &mut part.term {
                    IndexTerm::Column(name) => swap(name),
                    IndexTerm::Expression(text) => reword(text),
                }
            }
        }
    }
}

/// Tables of the default schema first.
fn order(name: &TableName) -> (Option<&String>, &String) {
    (name.schema.as_ref(), &name.name)
}

fn add(table: &mut Table, part: &Part) {
    match part.clone() {
        Part::Column(column) => table.columns.push(column),
        Part::PrimaryKey(key) => {
            // What is in it is never NULL.
            for name in &key.columns {
                table.column_mut(name).into_iter().for_each(|column| column.nullable = false);
            }
            table.primary_key = Some(key);
        }
        Part::Unique(unique) => table.uniques.push(unique),
        Part::Check(check) => table.checks.push(check),
        Part::ForeignKey(key) => table.foreign_keys.push(key),
        Part::Exclusion(exclusion) => table.exclusions.push(exclusion),
        Part::Index(index) => table.indexes.push(index),
    }
}

fn drop_part(table: &mut Table, part: &Part) {
    match part {
        Part::Column(column) => table.columns.retain(|known| known.name != column.name),
        Part::PrimaryKey(_) => table.primary_key = None,
        Part::Unique(unique) => remove(&mut table.uniques, unique),
        Part::Check(check) => remove(&mut table.checks, check),
        Part::ForeignKey(key) => remove(&mut table.foreign_keys, key),
        Part::Exclusion(exclusion) => remove(&mut table.exclusions, exclusion),
        Part::Index(index) => remove(&mut table.indexes, index),
    }
}

/// Removes one of them: a database may have the same constraint twice.
fn remove<T: PartialEq>(all: &mut Vec<T>, one: &T) {
    if let Some(place) = all.iter().position(|known| known == one) {
        all.remove(place);
    }
}
