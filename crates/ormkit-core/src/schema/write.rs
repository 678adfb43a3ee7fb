//! The statements of operations.

use super::retype::conversion;
use super::token::bare;
use super::{
    Change, Check, Column, Enum, Exclusion, ForeignKey, Index, IndexPart, IndexTerm, NumberingKind,
    Operation, Part, PrimaryKey, Table, Unique,
};
use crate::error::{Error, Result};
use crate::model::TableName;
use crate::sql::ddl::written;
use crate::sql::{Dialect, DialectName, SqlWriter};

impl Operation {
    /// The statement, without a semicolon.
    ///
    /// # Errors
    /// `Unsupported` on SQLite for what only a rebuild of the table does, which [`migrate`](super::migrate) carries out.
    /// `InvalidRequest`: a new name that PostgreSQL would cut.
    pub fn sql(&self, dialect: &'static Dialect) -> Result<String> {
        if dialect.name == DialectName::Sqlite && !self.is_plain_on_sqlite() {
            return Err(Error::unsupported(
                "ALTER TABLE for this change on SQLite",
                "it is done by a rebuild of the table, of several statements",
            ));
        }
        self.check_names(dialect)?;
        Ok(written(dialect, |out| self.write(out)))
    }

    /// SQLite alters names, and adds columns that have nothing but NULL in the rows that there are.
    pub(super) fn is_plain_on_sqlite(&self) -> bool {
        match self {
            Self::CreateTable(_)
            | Self::DropTable(_)
            | Self::RenameTable { .. }
            | Self::RenameColumn { .. } => true,
            Self::Add { part, .. } => match part {
                Part::Index(_) => true,
                Part::Column(column) => {
                    column.nullable && column.default.is_none() && column.computed.is_none()
                }
                _ => false,
            },
            Self::Drop { part, .. } => matches!(part, Part::Index(_)),
            _ => false,
        }
    }

    fn write(&self, out: &mut SqlWriter<'_>) {
        match self {
            Self::CreateSchema(name) => {
                out.push("CREATE SCHEMA IF NOT EXISTS ");
                out.name(name);
            }
            Self::DropSchema(name) => {
                out.push("DROP SCHEMA ");
                out.name(name);
            }
            Self::CreateEnum(kind) => create_enum(out, kind),
            Self::DropEnum(kind) => {
                out.push("DROP TYPE ");
                out.table(&kind.name);
            }
            Self::AddEnumValue { name, label, before } => {
                out.push("ALTER TYPE ");
                out.table(name);
                // It stays where the rest of a migration fails, or is undone.
                out.push(" ADD VALUE IF NOT EXISTS ");
                out.literal(label);
                if let Some(before) = before {
                    out.push(" BEFORE ");
                    out.literal(before);
                }
            }
            Self::RenameEnum { from, to } => {
                out.push("ALTER TYPE ");
                out.table(from);
                out.push(" RENAME TO ");
                out.name(to);
            }
            Self::CreateSequence(sequence) => {
                out.push("CREATE SEQUENCE ");
                out.table(&sequence.name);
                for option in &sequence.options {
                    out.push(" ");
                    out.push(option);
                }
            }
            Self::DropSequence(sequence) => {
                out.push("DROP SEQUENCE ");
                out.table(&sequence.name);
            }
            Self::CreateTable(table) => create_table(out, table),
            Self::DropTable(table) => {
                out.push("DROP TABLE ");
                out.table(&table.name);
            }
            Self::RenameTable { from, to } => {
                alter(out, from);
                out.push("RENAME TO ");
                out.name(to);
            }
            Self::RenameColumn { table, from, to } => {
                alter(out, table);
                out.push("RENAME COLUMN ");
                out.name(from);
                out.push(" TO ");
                out.name(to);
            }
            Self::Add { table, part } => add(out, table, part),
            Self::Drop { table, part } => drop_part(out, table, part),
            Self::Alter { table, column, change } => alter_column(out, table, column, change),
            Self::Renumber { table, column } => renumber(out, table, column),
            Self::Comment { table, to, .. } => {
                out.push("COMMENT ON TABLE ");
                out.table(table);
                comment(out, to.as_deref());
            }
        }
    }
}

fn alter(out: &mut SqlWriter<'_>, table: &TableName) {
    out.push("ALTER TABLE ");
    out.table(table);
    out.push(" ");
}

fn comment(out: &mut SqlWriter<'_>, text: Option<&str>) {
    out.push(" IS ");
    match text {
        Some(text) => out.literal(text),
        None => out.push("NULL"),
    }
}

fn create_enum(out: &mut SqlWriter<'_>, kind: &Enum) {
    out.push("CREATE TYPE ");
    out.table(&kind.name);
    out.push(" AS ENUM (");
    out.list(&kind.labels, |out, label| out.literal(label));
    out.push(")");
}

fn add(out: &mut SqlWriter<'_>, table: &TableName, part: &Part) {
    if let Part::Index(index) = part {
        return create_index(out, table, index);
    }
    alter(out, table);
    out.push("ADD ");
    match part {
        Part::Column(column) => {
            out.push("COLUMN ");
            write_column(out, column, None);
        }
        Part::PrimaryKey(key) => write_key(out, key),
        Part::Unique(unique) => write_unique(out, unique),
        Part::Check(check) => write_check(out, check),
        Part::ForeignKey(key) => write_foreign_key(out, key),
        Part::Exclusion(exclusion) => write_exclusion(out, exclusion),
        Part::Index(_) => {}
    }
}

fn drop_part(out: &mut SqlWriter<'_>, table: &TableName, part: &Part) {
    if let Part::Index(index) = part {
        out.push("DROP INDEX ");
        return out.table(&TableName { schema: table.schema.clone(), name: index.name.clone() });
    }
    alter(out, table);
    let name = match part {
        Part::Column(column) => {
            out.push("DROP COLUMN ");
            return out.name(&column.name);
        }
        Part::PrimaryKey(PrimaryKey { name, .. })
        | Part::Unique(Unique { name, .. })
        | Part::Check(Check { name, .. })
        | Part::ForeignKey(ForeignKey { name, .. }) => name.as_deref(),
        Part::Exclusion(exclusion) => Some(exclusion.name.as_str()),
        Part::Index(_) => None,
    };
    out.push("DROP CONSTRAINT ");
    // On PostgreSQL every constraint has a name.
    out.name(name.unwrap_or_default());
}

fn alter_column(out: &mut SqlWriter<'_>, table: &TableName, column: &str, change: &Change) {
    if let Change::Comment { to, .. } = change {
        out.push("COMMENT ON COLUMN ");
        out.table(table);
        out.push(".");
        out.name(column);
        return comment(out, to.as_deref());
    }
    alter(out, table);
    out.push("ALTER COLUMN ");
    out.name(column);
    match change {
        Change::Type { from, to: (data_type, collation) } => {
            out.push(" TYPE ");
            out.push(data_type);
            write_collation(out, collation.as_deref());
            // A cast that is said writes every row.
            if let Some(using) = conversion(&out.dialect().quoted(column), &from.0, data_type) {
                out.push(" USING ");
                out.push(&using);
            }
        }
        Change::Nullable(true) => out.push(" DROP NOT NULL"),
        Change::Nullable(false) => out.push(" SET NOT NULL"),
        Change::Default { to: None, .. } => out.push(" DROP DEFAULT"),
        Change::Default { to: Some(expression), .. } => {
            out.push(" SET DEFAULT ");
            out.push(expression);
        }
        Change::Numbering { from, to } => match (from, to) {
            (_, Some(numbering)) if from.as_ref().is_none_or(|from| from.kind == NumberingKind::Serial) => {
                out.push(" ADD");
                out.push(identity(numbering.kind));
                write_options(out, &numbering.options);
            }
            (_, Some(numbering)) => {
                out.push(" SET GENERATED");
                out.push(if numbering.kind == NumberingKind::Always { " ALWAYS" } else { " BY DEFAULT" });
            }
            (Some(from), None) if from.kind == NumberingKind::Serial => out.push(" DROP DEFAULT"),
            (_, None) => out.push(" DROP IDENTITY"),
        },
        Change::Comment { .. } => {}
    }
}

/// Sets the sequence to the highest number there is, where it would not begin behind it anyway. An empty table leaves it as
/// it is: asking a sequence takes a number.
///
/// The sequence is that of the identity: `pg_get_serial_sequence` may answer one that a SERIAL has left behind.
fn renumber(out: &mut SqlWriter<'_>, table: &TableName, column: &str) {
    let dialect = out.dialect();
    let quoted = written(dialect, |out| out.table(table));
    let class = format!("{}::regclass", written(dialect, |out| out.literal(&quoted)));
    let name = written(dialect, |out| out.literal(column));
    let highest = format!("max({})", dialect.quoted(column));
    let sequence = format!(
        "(SELECT objid::regclass FROM pg_depend WHERE classid = 'pg_class'::regclass AND refobjid = {class} \
         AND refobjsubid = (SELECT attnum FROM pg_attribute WHERE attrelid = {class} AND attname = {name}) \
         AND deptype = 'i')"
    );
    out.push(&format!(
        "SELECT setval({sequence}, {highest}) FROM {quoted} \
         HAVING CASE WHEN {highest} IS NULL THEN FALSE ELSE {highest} >= nextval({sequence}) END"
    ));
}

/// CREATE TABLE with all of its constraints.
pub(super) fn create_table(out: &mut SqlWriter<'_>, table: &Table) {
    out.push("CREATE TABLE ");
    out.table(&table.name);
    out.push(" (\n    ");
    let inline = table.primary_key.as_ref().filter(|key| !out.is_postgres() && is_inline(key));
    out.separated(&table.columns, ",\n    ", |out, column| {
        let key = inline.filter(|key| key.columns[0] == column.name);
        write_column(out, column, key);
    });
    let next = |out: &mut SqlWriter<'_>| out.push(",\n    ");
    if let (Some(key), None) = (&table.primary_key, inline) {
        next(out);
        write_key(out, key);
    }
    for unique in &table.uniques {
        next(out);
        write_unique(out, unique);
    }
    for check in &table.checks {
        next(out);
        write_check(out, check);
    }
    for exclusion in &table.exclusions {
        next(out);
        write_exclusion(out, exclusion);
    }
    for key in &table.foreign_keys {
        next(out);
        write_foreign_key(out, key);
    }
    out.push("\n)");
    let options = [(table.strict, "STRICT"), (table.without_rowid, "WITHOUT ROWID")];
    let said: Vec<&str> = options.iter().filter(|(said, _)| *said).map(|(_, words)| *words).collect();
    if !said.is_empty() {
        out.push(" ");
        out.push(&said.join(", "));
    }
}

/// SQLite numbers a key that stands with its column.
fn is_inline(key: &PrimaryKey) -> bool {
    key.columns.len() == 1 && key.written.as_deref().is_none_or(|written| written == "DESC")
}

fn write_column(out: &mut SqlWriter<'_>, column: &Column, key: Option<&PrimaryKey>) {
    out.name(&column.name);
    if !column.data_type.is_empty() {
        out.push(" ");
        out.push(declared_type(column));
    }
    write_collation(out, column.collation.as_deref());
    if let Some(key) = key {
        out.push(" ");
        constraint(out, key.name.as_deref());
        out.push("PRIMARY KEY");
        out.push(if key.written.is_some() { " DESC" } else { "" });
        on_conflict(out, key.on_conflict.as_deref());
        if column.numbering.as_ref().is_some_and(|numbering| numbering.kind == NumberingKind::Autoincrement) {
            out.push(" AUTOINCREMENT");
        }
    }
    if let Some(computed) = &column.computed {
        out.push(" GENERATED ALWAYS AS (");
        out.push(&computed.expression);
        out.push(if computed.stored { ") STORED" } else { ") VIRTUAL" });
    }
    let numbering = column.numbering.as_ref();
    let is_identity = |kind| matches!(kind, NumberingKind::Always | NumberingKind::ByDefault);
    if let Some(numbering) = numbering.filter(|numbering| is_identity(numbering.kind)) {
        out.push(identity(numbering.kind));
        write_options(out, &numbering.options);
    }
    if !column.nullable {
        out.push(" NOT NULL");
        on_conflict(out, column.on_null.as_deref());
    }
    if let Some(default) = &column.default {
        out.push(" DEFAULT (");
        out.push(default);
        out.push(")");
    }
}

/// The type, as a word that makes its sequence along where it has one.
fn declared_type(column: &Column) -> &str {
    let is_serial =
        column.numbering.as_ref().is_some_and(|numbering| numbering.kind == NumberingKind::Serial);
    match (is_serial, column.data_type.as_str()) {
        (true, "smallint") => "SMALLSERIAL",
        (true, "integer") => "SERIAL",
        (true, "bigint") => "BIGSERIAL",
        (_, data_type) => data_type,
    }
}

fn write_collation(out: &mut SqlWriter<'_>, collation: Option<&str>) {
    if let Some(collation) = collation {
        out.push(" COLLATE ");
        out.name(collation);
    }
}

fn identity(kind: NumberingKind) -> &'static str {
    match kind {
        NumberingKind::Always => " GENERATED ALWAYS AS IDENTITY",
        NumberingKind::ByDefault | NumberingKind::Serial | NumberingKind::Autoincrement => {
            " GENERATED BY DEFAULT AS IDENTITY"
        }
    }
}

fn write_options(out: &mut SqlWriter<'_>, options: &[String]) {
    if !options.is_empty() {
        out.push(" (");
        out.push(&options.join(" "));
        out.push(")");
    }
}

fn constraint(out: &mut SqlWriter<'_>, name: Option<&str>) {
    if let Some(name) = name {
        out.push("CONSTRAINT ");
        out.name(name);
        out.push(" ");
    }
}

fn on_conflict(out: &mut SqlWriter<'_>, word: Option<&str>) {
    if let Some(word) = word {
        out.push(" ON CONFLICT ");
        out.push(word);
    }
}

fn columns(out: &mut SqlWriter<'_>, columns: &[String], written: Option<&str>) {
    out.push(" (");
    match written {
        Some(written) => out.push(written),
        None => out.list(columns, |out, column| out.name(column)),
    }
    out.push(")");
}

fn include(out: &mut SqlWriter<'_>, names: &[String]) {
    if !names.is_empty() {
        out.push(" INCLUDE");
        columns(out, names, None);
    }
}

fn write_key(out: &mut SqlWriter<'_>, key: &PrimaryKey) {
    constraint(out, key.name.as_deref());
    out.push("PRIMARY KEY");
    columns(out, &key.columns, key.written.as_deref());
    include(out, &key.include);
    on_conflict(out, key.on_conflict.as_deref());
    out.push(key.timing.sql());
}

fn write_unique(out: &mut SqlWriter<'_>, unique: &Unique) {
    constraint(out, unique.name.as_deref());
    out.push("UNIQUE");
    out.push(if unique.nulls_not_distinct { " NULLS NOT DISTINCT" } else { "" });
    columns(out, &unique.columns, unique.written.as_deref());
    include(out, &unique.include);
    on_conflict(out, unique.on_conflict.as_deref());
    out.push(unique.timing.sql());
}

fn write_check(out: &mut SqlWriter<'_>, check: &Check) {
    constraint(out, check.name.as_deref());
    out.push("CHECK (");
    out.push(&check.expression);
    out.push(")");
}

fn write_foreign_key(out: &mut SqlWriter<'_>, key: &ForeignKey) {
    constraint(out, key.name.as_deref());
    out.push("FOREIGN KEY");
    columns(out, &key.columns, None);
    out.push(" REFERENCES ");
    out.table(&key.table);
    if !key.referred.is_empty() {
        columns(out, &key.referred, None);
    }
    out.push(if key.match_full { " MATCH FULL" } else { "" });
    for (clause, action) in [(" ON DELETE ", &key.on_delete), (" ON UPDATE ", &key.on_update)] {
        if let Some(action) = action {
            out.push(clause);
            out.push(action);
        }
    }
    out.push(key.timing.sql());
}

fn write_exclusion(out: &mut SqlWriter<'_>, exclusion: &Exclusion) {
    constraint(out, Some(&exclusion.name));
    out.push(&exclusion.definition);
}

/// CREATE INDEX.
pub(super) fn create_index(out: &mut SqlWriter<'_>, table: &TableName, index: &Index) {
    out.push(if index.unique { "CREATE UNIQUE INDEX " } else { "CREATE INDEX " });
    out.name(&index.name);
    out.push(" ON ");
    out.table(table);
    if let Some(method) = &index.method {
        out.push(" USING ");
        out.name(method);
    }
    out.push(" (");
    out.list(&index.parts, write_index_part);
    out.push(")");
    include(out, &index.include);
    out.push(if index.nulls_not_distinct { " NULLS NOT DISTINCT" } else { "" });
    if !index.storage.is_empty() {
        out.push(" WITH (");
        out.push(&index.storage.join(", "));
        out.push(")");
    }
    if let Some(predicate) = &index.predicate {
        out.push(" WHERE ");
        out.push(predicate);
    }
}

/// A part of an index.
pub(super) fn write_index_part(out: &mut SqlWriter<'_>, part: &IndexPart) {
    match &part.term {
        IndexTerm::Column(name) => out.name(name),
        IndexTerm::Expression(text) => {
            out.push("(");
            out.push(bare(text, out.dialect()));
            out.push(")");
        }
    }
    write_collation(out, part.collation.as_deref());
    if let Some(class) = &part.class {
        out.push(" ");
        out.name(class);
    }
    out.push(if part.descending { " DESC" } else { "" });
    // PostgreSQL puts NULLs first where the order descends.
    if out.is_postgres() && part.nulls_first != part.descending {
        out.push(if part.nulls_first { " NULLS FIRST" } else { " NULLS LAST" });
    }
}
