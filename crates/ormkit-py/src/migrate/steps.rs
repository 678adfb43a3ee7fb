//! What becomes of an operation: statements, or, on SQLite, steps of the schema that need a rebuild.

use ormkit_core::error::{Error, Result};
use ormkit_core::model::TableName;
use ormkit_core::schema::token::same_tokens;
use ormkit_core::schema::{Catalog, Change, Check, Column, Operation, Part, Table};
use ormkit_core::sql::{Dialect, DialectName};

use super::convention;
use super::spec::{Added, ColumnChanges, Spec};

impl Spec {
    /// True on SQLite where only a rebuild of the table does it.
    pub(super) fn rebuilds(&self) -> bool {
        match self {
            // SQLite has no IF NOT EXISTS for columns: what is there is looked up.
            Self::AddColumn { column, if_not_exists, .. } => {
                *if_not_exists || !column.nullable || column.default.is_some() || column.computed.is_some()
            }
            Self::AlterColumn { changes, .. } => {
                changes.nullable.is_some() || changes.data_type.is_some() || changes.default.is_some()
            }
            Self::DropColumn { .. } | Self::Add { .. } | Self::DropConstraint { .. } => true,
            _ => false,
        }
    }
}

/// The statements.
///
/// # Errors
/// `Unsupported`: on SQLite only a rebuild of the table does it.
pub(super) fn statements(spec: &Spec, dialect: &'static Dialect) -> Result<Vec<String>> {
    let sql = |operation: Operation| operation.sql(dialect);
    let add = |table: &TableName, part| sql(Operation::Add { table: table.clone(), part });
    let quoted = |table: &TableName| match &table.schema {
        Some(schema) => format!("{}.{}", dialect.quoted(schema), dialect.quoted(&table.name)),
        None => dialect.quoted(&table.name),
    };
    let when = |said: bool, sql: String, verb: &str, words: &str| match said {
        true => sql.replacen(verb, &format!("{verb} {words}"), 1),
        false => sql,
    };
    Ok(match spec {
        Spec::CreateTable { table, if_not_exists } => {
            let mut made = (**table).clone();
            let (indexes, comment) = (std::mem::take(&mut made.indexes), made.comment.take());
            let comments: Vec<(String, Option<String>)> = made
                .columns
                .iter_mut()
                .filter_map(|column| column.comment.take().map(|text| (column.name.clone(), Some(text))))
                .collect();
            let mut all = vec![when(
                *if_not_exists,
                sql(Operation::CreateTable(made))?,
                "CREATE TABLE",
                "IF NOT EXISTS",
            )];
            for index in indexes {
                all.push(add(&table.name, Part::Index(index))?);
            }
            if dialect.name == DialectName::Postgres {
                let table = &table.name;
                if comment.is_some() {
                    all.push(sql(Operation::Comment { table: table.clone(), from: None, to: comment })?);
                }
                for (column, to) in comments {
                    let change = Change::Comment { from: None, to };
                    all.push(sql(Operation::Alter { table: table.clone(), column, change })?);
                }
            }
            all
        }
        Spec::DropTable { table, if_exists } => {
            let dropped = sql(Operation::DropTable(Table::new(table.clone())))?;
            vec![when(*if_exists, dropped, "DROP TABLE", "IF EXISTS")]
        }
        Spec::RenameTable { table, to } => {
            vec![sql(Operation::RenameTable { from: table.clone(), to: to.clone() })?]
        }
        Spec::AddColumn { table, column, if_not_exists } => {
            let mut made = (**column).clone();
            let comment = made.comment.take();
            let added = match dialect.name {
                DialectName::Sqlite => added_plainly(table, made, dialect)?,
                DialectName::Postgres => add(table, Part::Column(made))?,
            };
            let mut all = vec![when(*if_not_exists, added, "ADD COLUMN", "IF NOT EXISTS")];
            if comment.is_some() && dialect.name == DialectName::Postgres {
                let change = Change::Comment { from: None, to: comment };
                let column = column.name.clone();
                all.push(sql(Operation::Alter { table: table.clone(), column, change })?);
            }
            all
        }
        Spec::DropColumn { table, column, if_exists } => {
            let dropped = format!("ALTER TABLE {} DROP COLUMN {}", quoted(table), dialect.quoted(column));
            vec![when(*if_exists, dropped, "DROP COLUMN", "IF EXISTS")]
        }
        Spec::AlterColumn { table, column, changes } => altered(table, column, changes, dialect)?,
        Spec::Add { table, part } => match part.clone() {
            Added::PrimaryKey(key) => vec![add(table, Part::PrimaryKey(key))?],
            Added::Unique(unique) => vec![add(table, Part::Unique(unique))?],
            Added::Check(check) => vec![add(table, Part::Check(check))?],
            Added::ForeignKey(key) => vec![add(table, Part::ForeignKey(key))?],
            Added::Exclusion(exclusion) => vec![add(table, Part::Exclusion(exclusion))?],
        },
        Spec::DropConstraint { table, name, if_exists, .. } => {
            let part = Part::Check(Check { name: Some(name.clone()), expression: String::new() });
            let dropped = sql(Operation::Drop { table: table.clone(), part })?;
            vec![when(*if_exists, dropped, "DROP CONSTRAINT", "IF EXISTS")]
        }
        Spec::CreateIndex { table, index, concurrently, if_not_exists } => {
            let made = add(table, Part::Index((**index).clone()))?;
            let made = when(*if_not_exists, made, "INDEX", "IF NOT EXISTS");
            vec![when(*concurrently, made, "INDEX", "CONCURRENTLY")]
        }
        Spec::DropIndex { schema, name, concurrently, if_exists, .. } => {
            let words = [(*concurrently, " CONCURRENTLY"), (*if_exists, " IF EXISTS")];
            let words: String = words.iter().filter(|(said, _)| *said).map(|(_, words)| *words).collect();
            let index = TableName { schema: schema.clone(), name: name.clone() };
            vec![format!("DROP INDEX{words} {}", quoted(&index))]
        }
        Spec::TableComment { table, comment } => {
            if dialect.name == DialectName::Sqlite {
                // As Alembic does: comments are for PostgreSQL.
                return Ok(Vec::new());
            }
            vec![sql(Operation::Comment { table: table.clone(), from: None, to: comment.clone() })?]
        }
    })
}

/// SQLite adds a column by one statement where its default is a constant. A rebuild does it otherwise, and where there is a
/// database to do it in.
fn added_plainly(table: &TableName, column: Column, dialect: &'static Dialect) -> Result<String> {
    let is_constant = |text: &String| {
        let quoted = text.len() > 1 && text.starts_with('\'') && text.ends_with('\'');
        quoted && !text[1..text.len() - 1].replace("''", "").contains('\'') || text.parse::<f64>().is_ok()
    };
    let Some(default) = column.default.clone().filter(is_constant) else {
        return Operation::Add { table: table.clone(), part: Part::Column(column) }.sql(dialect);
    };
    let allowed = column.nullable;
    let bare = Column { default: None, nullable: true, ..column };
    let added = Operation::Add { table: table.clone(), part: Part::Column(bare) }.sql(dialect)?;
    Ok(format!("{added}{} DEFAULT {default}", if allowed { "" } else { " NOT NULL" }))
}

/// On PostgreSQL values are cast as ALTER TABLE does, unless `using` says how.
fn altered(
    table: &TableName,
    column: &str,
    changes: &ColumnChanges,
    dialect: &'static Dialect,
) -> Result<Vec<String>> {
    let sql =
        |change| Operation::Alter { table: table.clone(), column: column.to_owned(), change }.sql(dialect);
    let mut all = Vec::new();
    if let Some(allowed) = changes.nullable {
        all.push(sql(Change::Nullable(allowed))?);
    }
    if let Some((to,)) = &changes.default {
        all.push(sql(Change::Default { from: None, to: to.clone() })?);
    }
    if let Some(data_type) = &changes.data_type {
        let change = Change::Type { from: (String::new(), None), to: (data_type.clone(), None) };
        let cast = sql(change)?;
        let plain = cast.split_once(" USING ").map_or(&*cast, |(plain, _)| plain);
        all.push(match &changes.using {
            Some(using) => format!("{plain} USING {using}"),
            None => plain.to_owned(),
        });
    }
    if let (Some((to,)), DialectName::Postgres) = (&changes.comment, dialect.name) {
        all.push(sql(Change::Comment { from: None, to: to.clone() })?);
    }
    if let Some(to) = &changes.rename {
        let (table, from, to) = (table.clone(), column.to_owned(), to.clone());
        all.push(Operation::RenameColumn { table, from, to }.sql(dialect)?);
    }
    Ok(all)
}

/// The steps of SQLite's schema; none where there is nothing to do. What `before` had, and a column has taken along, is dropped.
///
/// # Errors
/// `InvalidRequest`: there is no such table, column or constraint.
pub(super) fn operations(spec: &Spec, found: &Catalog, before: &Catalog) -> Result<Vec<Operation>> {
    let known = |table: &TableName| {
        let unknown = || Error::invalid_request(format!("there is no table `{table}`"));
        found.table(table).ok_or_else(unknown)
    };
    let column = |table: &TableName, name: &str| {
        let unknown = || Error::invalid_request(format!("`{table}` has no column `{name}`"));
        known(table)?.column(name).ok_or_else(unknown)
    };
    Ok(match spec {
        Spec::AddColumn { table, column, if_not_exists } => {
            if *if_not_exists && known(table)?.column(&column.name).is_some() {
                return Ok(Vec::new());
            }
            vec![Operation::Add { table: table.clone(), part: Part::Column((**column).clone()) }]
        }
        Spec::DropColumn { table, column: name, if_exists } => {
            if *if_exists && known(table)?.column(name).is_none() {
                return Ok(Vec::new());
            }
            let part = Part::Column(column(table, name)?.clone());
            let along = known(table)?.made_of(name, &Dialect::SQLITE).into_iter().chain([part]);
            along.map(|part| Operation::Drop { table: table.clone(), part }).collect()
        }
        Spec::AlterColumn { table, column: name, changes } => {
            let now = column(table, name)?;
            let alter = |change| Operation::Alter { table: table.clone(), column: name.clone(), change };
            let data_type = changes.data_type.as_ref().map(|to| Change::Type {
                from: (now.data_type.clone(), now.collation.clone()),
                to: (to.clone(), now.collation.clone()),
            });
            let nullable = changes.nullable.filter(|allowed| *allowed != now.nullable);
            let default = changes.default.as_ref();
            let default = default.map(|(to,)| Change::Default { from: now.default.clone(), to: to.clone() });
            let changed = [data_type, nullable.map(Change::Nullable), default];
            let renamed = changes.rename.as_ref().map(|to| Operation::RenameColumn {
                table: table.clone(),
                from: name.clone(),
                to: to.clone(),
            });
            changed.into_iter().flatten().map(alter).chain(renamed).collect()
        }
        Spec::Add { table, part } => {
            let part = match part.clone() {
                Added::PrimaryKey(key) => Part::PrimaryKey(key),
                Added::Unique(unique) => Part::Unique(unique),
                Added::Check(check) => Part::Check(check),
                Added::ForeignKey(key) => Part::ForeignKey(key),
                Added::Exclusion(_) => {
                    return Err(Error::unsupported("EXCLUDE on SQLite", "it is for PostgreSQL"));
                }
            };
            let is_there = |check: &Check| {
                let same =
                    |known: &Check| same_tokens(&known.expression, &check.expression, &Dialect::SQLITE);
                check.name.is_none() && known(table).is_ok_and(|table| table.checks.iter().any(same))
            };
            known(table)?;
            match &part {
                // A rebuild keeps it, where Alembic has to be told of it.
                Part::Check(check) if is_there(check) => Vec::new(),
                _ => vec![Operation::Add { table: table.clone(), part }],
            }
        }
        Spec::DropConstraint { table, name, kind, conventions, if_exists } => {
            let now = known(table)?;
            let found = constraint(now, name, kind.as_deref());
            match found.or_else(|| convention::find(now, name, conventions)) {
                Some(part) => vec![Operation::Drop { table: table.clone(), part }],
                None if *if_exists => Vec::new(),
                None if before
                    .table(table)
                    .is_some_and(|table| constraint(table, name, kind.as_deref()).is_some()) =>
                {
                    Vec::new()
                }
                None => {
                    let text = format!("`{table}` has no constraint `{name}`");
                    return Err(Error::invalid_request(text));
                }
            }
        }
        Spec::CreateIndex { table, index, if_not_exists, .. } => {
            let there = known(table)?.indexes.iter().any(|known| known.name == index.name);
            if *if_not_exists && there {
                return Ok(Vec::new());
            }
            vec![Operation::Add { table: table.clone(), part: Part::Index((**index).clone()) }]
        }
        Spec::DropIndex { name, if_exists, .. } => {
            let all =
                found.tables.iter().flat_map(|table| table.indexes.iter().map(move |index| (table, index)));
            let mut known = before.tables.iter().flat_map(|table| &table.indexes);
            match all.into_iter().find(|(_, index)| index.name == *name) {
                Some((table, index)) => {
                    vec![Operation::Drop { table: table.name.clone(), part: Part::Index(index.clone()) }]
                }
                None if *if_exists || known.any(|index| index.name == *name) => Vec::new(),
                None => return Err(Error::invalid_request(format!("there is no index `{name}`"))),
            }
        }
        Spec::RenameTable { table, to } => {
            vec![Operation::RenameTable { from: table.clone(), to: to.clone() }]
        }
        Spec::CreateTable { .. } | Spec::DropTable { .. } | Spec::TableComment { .. } => Vec::new(),
    })
}

/// The constraint of a name. A primary key may have none.
fn constraint(table: &Table, name: &str, kind: Option<&str>) -> Option<Part> {
    let of = |wanted: &str| kind.is_none_or(|kind| kind == wanted);
    let named = |known: &Option<String>| known.as_deref() == Some(name);
    let unique = table.uniques.iter().find(|unique| named(&unique.name)).cloned().map(Part::Unique);
    let check = table.checks.iter().find(|check| named(&check.name)).cloned().map(Part::Check);
    let key = table.foreign_keys.iter().find(|key| named(&key.name)).cloned().map(Part::ForeignKey);
    let is_key = |known: &Option<String>| named(known) || kind == Some("primary");
    let primary = table.primary_key.clone().filter(|key| is_key(&key.name)).map(Part::PrimaryKey);
    unique
        .filter(|_| of("unique"))
        .or(check.filter(|_| of("check")))
        .or(key.filter(|_| of("foreignkey")))
        .or(primary.filter(|_| of("primary")))
}
