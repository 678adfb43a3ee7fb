//! The class of a table.

use std::collections::{HashMap, HashSet};

use super::names::Naming;
use super::relations::{Kind, Relation};
use super::{Uses, annotation, class, names_list, types};
use crate::model::TableName;
use crate::schema::exclusion::Definition;
use crate::schema::python::{Call, quoted};
use crate::schema::token::same_name;
use crate::schema::{
    Catalog, Check, Column, Exclusion, ForeignKey, Index, IndexPart, IndexTerm, NumberingKind, Table, Timing,
    Unique,
};
use crate::sql::ddl::names as usual;
use crate::sql::{Dialect, DialectName};

pub(super) struct Printer<'a> {
    catalog: &'a Catalog,
    naming: &'a Naming,
    dialect: &'static Dialect,
    uses: &'a mut Uses,
    /// Those of the class: columns and relations.
    attributes: HashSet<String>,
}

impl<'a> Printer<'a> {
    pub(super) fn of(
        catalog: &'a Catalog,
        naming: &'a Naming,
        dialect: &'static Dialect,
        uses: &'a mut Uses,
    ) -> Self {
        Self { catalog, naming, dialect, uses, attributes: HashSet::new() }
    }

    /// The class, or a comment for a table that cannot be a model.
    pub(super) fn print(
        mut self,
        table: &Table,
        relations: &HashMap<TableName, Vec<Relation>>,
        left_out: &[String],
    ) -> String {
        let Some(key) = &table.primary_key else {
            let key = if left_out.is_empty() { "primary key" } else { "primary key that a model can say" };
            return format!("# The table {} has no {key}, which a model needs.", table.name);
        };
        let relations = relations.get(&table.name).map_or(&[][..], Vec::as_slice);
        self.attributes = self.naming.attributes(&table.name).cloned().collect();
        self.attributes.extend(relations.iter().map(|relation| relation.name.clone()));
        let mut notes = self.notes(table);
        notes.extend_from_slice(left_out);
        let mut columns: Vec<&Column> = table.columns.iter().collect();
        let place = |column: &&Column| key.columns.iter().position(|name| *name == column.name);
        let key_places: Vec<usize> = columns.iter().filter_map(place).collect();
        if !key_places.is_sorted() {
            // A key has its columns in the order of the class.
            columns.sort_by_key(|column| place(column).unwrap_or(usize::MAX));
        }
        let mut lines = Vec::new();
        for column in columns {
            lines.extend(self.column(table, column).into_iter().flatten());
        }
        let arguments = self.arguments(table, &mut notes);
        let mut body = Vec::new();
        body.extend(notes.iter().map(|note| format!("# {}", note.replace(['\n', '\r'], " "))));
        body.push(format!("__tablename__ = {}", quoted(&table.name.name)));
        if !arguments.is_empty() {
            let mut call = Call::new("");
            for argument in &arguments {
                call = call.with(argument.clone());
            }
            let text = call.written();
            let text = match arguments.len() == 1 && !text.contains('\n') {
                true => format!("{},)", &text[..text.len() - 1]),
                false => text,
            };
            body.push(format!("__table_args__ = {text}"));
        }
        body.extend(lines);
        for relation in relations {
            body.push(self.relation(relation));
        }
        let name = self.naming.class(&table.name).unwrap_or("Unnamed");
        let text = class(name, "Base", &body);
        let behind: Vec<String> = table
            .indexes
            .iter()
            .filter(|index| stands_behind(index, self.dialect))
            .filter_map(|index| self.index(table, index))
            .collect();
        match behind.is_empty() {
            true => text,
            false => format!("{text}\n\n\n{}", behind.join("\n")),
        }
    }

    /// A table that only links two others, in a variable: a column of it has the type of what it refers to.
    pub(super) fn junction(mut self, table: &Table, variable: &str) -> String {
        let mut call =
            Call::new(self.uses.ormkit("Table")).with(quoted(&table.name.name)).with("Base.metadata");
        let key = table.primary_key.iter().flat_map(|key| &key.columns);
        for column in key {
            let mut written = Call::new(self.uses.ormkit("Column")).with(quoted(column));
            for key in single_keys(table).filter(|key| key.columns[0] == *column) {
                written = written.with(self.foreign_key(table, key));
            }
            call = call.with(written.keyword("primary_key", "True").written());
        }
        if let Some(schema) = &table.name.schema {
            call = call.keyword("schema", quoted(schema));
        }
        format!("{variable} = {}", call.written())
    }

    /// What a model cannot say of the table as a whole.
    fn notes(&self, table: &Table) -> Vec<String> {
        let mut notes = Vec::new();
        let mut note = |said: bool, text: String| notes.extend(said.then_some(text));
        note(table.without_rowid, "WITHOUT ROWID is not said by a model".into());
        note(table.strict, "STRICT is not said by a model".into());
        note(table.partitioned, "its partitions are not said by a model".into());
        table.unsaid.iter().for_each(|words| note(true, format!("{words} is not said by a model")));
        if let Some(key) = &table.primary_key {
            let odd = key.timing != Timing::Immediate || !key.include.is_empty() || key.on_conflict.is_some();
            note(odd, "the primary key has options that a model does not say".into());
        }
        notes
    }

    fn column(&mut self, table: &Table, column: &Column) -> Option<Vec<String>> {
        let typed = types::of(&column.data_type, &self.naming.enums, self.uses, self.dialect)?;
        let mut notes = Vec::new();
        if !typed.exact {
            notes.push(column.data_type.clone());
        }
        notes.extend(column.collation.as_ref().map(|collation| format!("COLLATE {collation}")));
        notes.extend(column.on_null.as_ref().map(|words| format!("NOT NULL ON CONFLICT {words}")));
        let is_key = table.is_key(&column.name);
        if is_key && column.nullable {
            notes.push("NULL is allowed".into());
        }
        if column.default.as_ref().is_some_and(|default| default.starts_with("nextval(")) {
            notes.push("its sequence is not made by a model".into());
        }
        let attribute = self.naming.attribute(&table.name, &column.name).to_owned();
        let mut call = Call::new(self.uses.ormkit("mapped_column"));
        if attribute != column.name {
            call = call.with(quoted(&column.name));
        }
        let key = single_keys(table).find(|key| key.columns[0] == column.name);
        let key = key.filter(|key| {
            let is_here = self.has(key);
            notes.extend((!is_here).then(|| format!("refers to {}, which is not here", key.table)));
            is_here
        });
        if let Some(argument) = &typed.argument {
            call = call.with(argument.clone());
        }
        if let Some(key) = key {
            call = call.with(self.foreign_key(table, key));
        }
        if let Some(computed) = &column.computed {
            let stored = if computed.stored { "True" } else { "False" };
            let text = Call::new(self.uses.ormkit("Computed")).with(self.sql(&computed.expression));
            call = call.with(text.keyword("persisted", stored).written());
        }
        call = self.numbered(call, table, column, key.is_some(), &mut notes);
        call = call.flag("primary_key", is_key).flag("unique", own_unique(table, column).is_some());
        if let Some(default) = &column.default {
            let text = Call::new(self.uses.ormkit("text")).with(self.sql(default)).written();
            call = call.keyword("server_default", text);
        }
        if let Some(comment) = &column.comment {
            call = call.keyword("comment", quoted(comment));
        }
        let none = if column.nullable && !is_key { " | None" } else { "" };
        let mapped = format!("{attribute}: {}", self.mapped(&format!("{}{none}", typed.annotation)));
        let text = call.written();
        let mut lines: Vec<String> =
            notes.iter().map(|note| format!("# {}: {}", column.name, note)).collect();
        lines.push(match text.as_str() {
            "mapped_column()" => mapped,
            _ => format!("{mapped} = {text}"),
        });
        Some(lines)
    }

    /// How the column is numbered, where that is not what goes by itself.
    fn numbered(
        &mut self,
        call: Call,
        table: &Table,
        column: &Column,
        refers: bool,
        notes: &mut Vec<String>,
    ) -> Call {
        let alone = table.primary_key.as_ref().is_some_and(|key| key.columns == [column.name.clone()]);
        let is_integer = matches!(column.data_type.as_str(), "smallint" | "integer" | "bigint");
        let by_itself = alone && !refers && column.default.is_none() && column.computed.is_none();
        let Some(numbering) = &column.numbering else {
            let says_no = by_itself && is_integer && self.dialect.name == DialectName::Postgres;
            return if says_no { call.keyword("autoincrement", "False") } else { call };
        };
        match numbering.kind {
            NumberingKind::Autoincrement => {
                notes.push("AUTOINCREMENT is not said by a model".into());
                call
            }
            NumberingKind::Serial | NumberingKind::ByDefault if by_itself && numbering.options.is_empty() => {
                call
            }
            kind => {
                let mut identity =
                    Call::new(self.uses.ormkit("Identity")).flag("always", kind == NumberingKind::Always);
                for option in &numbering.options {
                    let (words, value) = option.rsplit_once(' ').unwrap_or((option, "True"));
                    let name = match words {
                        "START WITH" => "start",
                        "INCREMENT BY" => "increment",
                        "MINVALUE" => "minvalue",
                        "MAXVALUE" => "maxvalue",
                        "CACHE" => "cache",
                        _ => "cycle",
                    };
                    identity = identity.keyword(name, value);
                }
                call.with(identity.written())
            }
        }
    }

    fn foreign_key(&mut self, table: &Table, key: &ForeignKey) -> String {
        let referred = self.referred(key);
        let target = format!("{}.{}", key.table, referred.first().map_or("", String::as_str));
        let call = Call::new(self.uses.ormkit("ForeignKey")).with(quoted(&target));
        key_options(call, table, key)
    }

    /// True for a key to a table that has a class.
    fn has(&self, key: &ForeignKey) -> bool {
        self.catalog.tables.iter().any(|table| {
            table.primary_key.is_some()
                && table.name.schema == key.table.schema
                && same_name(&table.name.name, &key.table.name, self.dialect)
        })
    }

    fn referred(&self, key: &ForeignKey) -> Vec<String> {
        let target = || self.catalog.table(&key.table).and_then(|target| target.primary_key.as_ref());
        match key.referred.is_empty() {
            true => target().map(|key| key.columns.clone()).unwrap_or_default(),
            false => key.referred.clone(),
        }
    }

    /// SQL for a `text()` or its like.
    fn sql(&self, sql: &str) -> String {
        quoted(sql)
    }

    /// What is in `__table_args__`.
    fn arguments(&mut self, table: &Table, notes: &mut Vec<String>) -> Vec<String> {
        let mut arguments = Vec::new();
        for unique in &table.uniques {
            let is_own = table.columns.iter().any(|column| own_unique(table, column) == Some(unique));
            match self.unique(unique) {
                _ if is_own => {}
                Some(text) => arguments.push(text),
                None => notes.push(format!(
                    "a UNIQUE of ({}) has options that a model does not say",
                    unique.columns.join(", ")
                )),
            }
        }
        for check in &table.checks {
            arguments.push(self.check(check));
        }
        let singles: Vec<&ForeignKey> = single_keys(table).collect();
        for key in table.foreign_keys.iter().filter(|key| !singles.contains(key)) {
            if !self.has(key) {
                notes.push(format!("({}) refer to {}, which is not here", key.columns.join(", "), key.table));
                continue;
            }
            let referred = self.referred(key);
            let targets: Vec<String> =
                referred.iter().map(|column| format!("{}.{column}", key.table)).collect();
            let call = Call::new(self.uses.ormkit("ForeignKeyConstraint"))
                .with(names_list(&key.columns))
                .with(names_list(&targets));
            arguments.push(key_options(call, table, key));
        }
        for exclusion in &table.exclusions {
            match self.exclusion(exclusion) {
                Some(text) => arguments.push(text),
                None => notes.push(format!(
                    "{} has options that a model does not say: {}",
                    exclusion.name, exclusion.definition
                )),
            }
        }
        for index in &table.indexes {
            match self.index(table, index) {
                Some(_) if stands_behind(index, self.dialect) => {}
                Some(text) => arguments.push(text),
                None => notes.push(format!("the index {} has options that a model does not say", index.name)),
            }
        }
        let options = [("schema", &table.name.schema), ("comment", &table.comment)];
        let said: Vec<String> = options
            .iter()
            .filter_map(|(name, value)| value.as_ref().map(|value| format!("\"{name}\": {}", quoted(value))))
            .collect();
        if !said.is_empty() {
            arguments.push(format!("{{{}}}", said.join(", ")));
        }
        arguments
    }

    fn unique(&mut self, unique: &Unique) -> Option<String> {
        if !is_plain(unique) {
            return None;
        }
        let call = Call::new(self.uses.ormkit("UniqueConstraint"));
        let call = unique.columns.iter().fold(call, |call, column| call.with(quoted(column)));
        let call = timed(named(call, unique.name.as_deref()), unique.timing);
        Some(call.flag("postgresql_nulls_not_distinct", unique.nulls_not_distinct).written())
    }

    fn exclusion(&mut self, exclusion: &Exclusion) -> Option<String> {
        let definition = Definition::of(&exclusion.definition)?;
        let mut classes = Vec::new();
        let mut call = Call::new(self.uses.ormkit("ExcludeConstraint"));
        for (part, operator) in &definition.parts {
            let term = match &part.term {
                IndexTerm::Column(name) => quoted(name),
                IndexTerm::Expression(text) => {
                    Call::new(self.uses.ormkit("text")).with(self.sql(text)).written()
                }
            };
            call = call.with(format!("({term}, {})", quoted(operator)));
            if let Some(class) = &part.class {
                classes.push(format!("{}: {}", quoted(part.term.column()?), quoted(class)));
            }
        }
        call = named(call, Some(&exclusion.name));
        if definition.method != "gist" {
            call = call.keyword("using", quoted(&definition.method));
        }
        if let Some(predicate) = &definition.predicate {
            call = call
                .keyword("where", Call::new(self.uses.ormkit("text")).with(self.sql(predicate)).written());
        }
        if !classes.is_empty() {
            call = call.keyword("ops", format!("{{{}}}", classes.join(", ")));
        }
        Some(timed(call, definition.timing).written())
    }

    fn check(&mut self, check: &Check) -> String {
        let call = Call::new(self.uses.ormkit("CheckConstraint")).with(self.sql(&check.expression));
        named(call, check.name.as_deref()).written()
    }

    fn index(&mut self, table: &Table, index: &Index) -> Option<String> {
        let mut classes = Vec::new();
        let mut call = Call::new(self.uses.ormkit("Index")).with(quoted(&index.name));
        for part in &index.parts {
            call = call.with(self.index_part(table, part, stands_behind(index, self.dialect))?);
            if let Some(class) = &part.class {
                classes.push(format!("{}: {}", quoted(part.term.column()?), quoted(class)));
            }
        }
        call = call.flag("unique", index.unique);
        if let Some(method) = &index.method {
            call = call.keyword("postgresql_using", quoted(method));
        }
        if !index.include.is_empty() {
            call = call.keyword("postgresql_include", names_list(&index.include));
        }
        if !classes.is_empty() {
            call = call.keyword("postgresql_ops", format!("{{{}}}", classes.join(", ")));
        }
        call = call.flag("postgresql_nulls_not_distinct", index.nulls_not_distinct);
        if !index.storage.is_empty() {
            let pair = |option: &String| {
                let (name, value) = option.split_once('=')?;
                Some(format!("{}: {}", quoted(name), quoted(value)))
            };
            let pairs = index.storage.iter().map(pair).collect::<Option<Vec<String>>>()?;
            call = call.keyword("postgresql_with", format!("{{{}}}", pairs.join(", ")));
        }
        if let Some(predicate) = &index.predicate {
            let text = Call::new(self.uses.ormkit("text")).with(self.sql(predicate)).written();
            let option =
                if self.dialect.name == DialectName::Sqlite { "sqlite_where" } else { "postgresql_where" };
            call = call.keyword(option, text);
        }
        Some(call.written())
    }

    fn index_part(&mut self, table: &Table, part: &IndexPart, behind: bool) -> Option<String> {
        if part.collation.is_some() {
            return None;
        }
        let term = match &part.term {
            IndexTerm::Column(name) if behind => {
                let class = self.naming.class(&table.name)?;
                format!("{class}.{}", self.naming.attribute(&table.name, name))
            }
            IndexTerm::Column(name) => quoted(name),
            IndexTerm::Expression(text) => Call::new(self.uses.ormkit("text")).with(self.sql(text)).written(),
        };
        let ordered = match part.descending {
            true => Call::new(self.uses.ormkit("desc")).with(term).written(),
            false => term,
        };
        Some(match (has_usual_nulls(part, self.dialect), part.nulls_first) {
            (true, _) => ordered,
            (false, true) => Call::new(self.uses.ormkit("nulls_first")).with(ordered).written(),
            (false, false) => Call::new(self.uses.ormkit("nulls_last")).with(ordered).written(),
        })
    }

    fn relation(&mut self, relation: &Relation) -> String {
        let annotation = match relation.kind {
            Kind::One => relation.class.clone(),
            Kind::Maybe => format!("{} | None", relation.class),
            Kind::Many => format!("list[{}]", relation.class),
        };
        let columns = |columns: &[String]| match columns {
            [one] => quoted(one),
            _ => quoted(&format!("[{}]", columns.join(", "))),
        };
        let mut call = Call::new(self.uses.ormkit("relationship"));
        if let Some(junction) = &relation.secondary {
            call = call.keyword("secondary", junction);
        }
        call = call.keyword("back_populates", quoted(&relation.back));
        if !relation.foreign_keys.is_empty() {
            call = call.keyword("foreign_keys", columns(&relation.foreign_keys));
        }
        if !relation.remote_side.is_empty() {
            call = call.keyword("remote_side", columns(&relation.remote_side));
        }
        format!("{}: {} = {}", relation.name, self.mapped(&annotation), call.written())
    }

    fn mapped(&mut self, annotation: &str) -> String {
        let text = annotation::written(annotation, &self.attributes, self.naming, self.uses);
        format!("{}[{text}]", self.uses.ormkit("Mapped"))
    }
}

/// True where NULLs come first exactly where the order descends, as PostgreSQL has it; SQLite says nothing of them.
fn has_usual_nulls(part: &IndexPart, dialect: &Dialect) -> bool {
    part.nulls_first == (part.descending && dialect.name == DialectName::Postgres)
}

/// True for an index that says how a column sorts: order is said of attributes, which are there behind the class.
fn stands_behind(index: &Index, dialect: &Dialect) -> bool {
    let is_ordered = |part: &IndexPart| part.descending || !has_usual_nulls(part, dialect);
    index.parts.iter().any(is_ordered) && index.parts.iter().any(|part| part.term.column().is_some())
}

/// The keys of one column, one for each column.
fn single_keys(table: &Table) -> impl Iterator<Item = &ForeignKey> {
    table.foreign_keys.iter().enumerate().filter_map(|(place, key)| {
        let first = table.foreign_keys.iter().position(|other| other.columns == key.columns);
        (key.columns.len() == 1 && first == Some(place)).then_some(key)
    })
}

fn is_plain(unique: &Unique) -> bool {
    unique.include.is_empty() && unique.on_conflict.is_none() && unique.written.is_none()
}

/// The UNIQUE of one column that its `unique=True` makes.
fn own_unique<'a>(table: &'a Table, column: &Column) -> Option<&'a Unique> {
    table.uniques.iter().find(|unique| {
        let names =
            [usual::unique(&table.name, &unique.columns), format!("{}_{}_key", table.name.name, column.name)];
        unique.columns == [column.name.clone()]
            && is_plain(unique)
            && unique.timing == Timing::Immediate
            && !unique.nulls_not_distinct
            && unique.name.as_ref().is_none_or(|name| names.contains(name))
    })
}

fn named(call: Call, name: Option<&str>) -> Call {
    match name {
        Some(name) => call.keyword("name", quoted(name)),
        None => call,
    }
}

/// `deferrable=True, initially="DEFERRED"`
fn timed(call: Call, timing: Timing) -> Call {
    let call = call.flag("deferrable", timing != Timing::Immediate);
    match timing {
        Timing::Deferred => call.keyword("initially", quoted("DEFERRED")),
        Timing::Immediate | Timing::Deferrable => call,
    }
}

fn key_options(call: Call, table: &Table, key: &ForeignKey) -> String {
    let usual = usual::foreign_key(&table.name, &key.columns, &key.table);
    let said = |call: Call, name: &str, value: Option<&str>| match value {
        Some(value) => call.keyword(name, quoted(value)),
        None => call,
    };
    let call = said(call, "ondelete", key.on_delete.as_deref());
    let call = said(call, "onupdate", key.on_update.as_deref());
    let call = said(call, "match", key.match_full.then_some("FULL"));
    let call = timed(call, key.timing);
    named(call, key.name.as_deref().filter(|name| *name != usual)).written()
}
