//! Reading the schema of SQLite: one query, for SQLite keeps the statements that made it. What its pragmas leave out (names of
//! constraints, checks, computed columns, when keys are checked) stands there.

mod index;
mod table;
#[cfg(test)]
mod tests;

use ormkit_core::driver::{Effect, Introspect, KeptRows, Scope, Statement, StatementText};
use ormkit_core::error::{Error, Result};
use ormkit_core::model::TableName;
use ormkit_core::schema::token::{same_name, tokens};
use ormkit_core::schema::{Catalog, Line, View};
use ormkit_core::sql::Dialect;
use ormkit_core::value::{Params, SqlType};

/// What the driver knows of SQLite's catalog.
pub(crate) struct SqliteCatalog;

/// `sqlite_…` are SQLite's own. What a virtual table keeps its rows in is not seen, nor is that table itself: it has no
/// columns that its statement tells.
const OBJECTS: &str = "\
SELECT m.type, m.name, m.sql FROM SOURCE.sqlite_schema m
WHERE m.sql IS NOT NULL AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    AND m.tbl_name NOT IN (SELECT l.name FROM pragma_table_list l WHERE l.schema = 'SOURCE' AND l.type IN ('virtual', 'shadow'))
ORDER BY m.type = 'index', m.name";

impl Introspect for SqliteCatalog {
    fn queries(&self, scope: &Scope) -> Result<Vec<Statement>> {
        let source = match scope {
            Scope::Default | Scope::All => "main",
            Scope::Temporary => "temp",
            Scope::Schemas(_) => {
                return Err(Error::unsupported(
                    "schemas on SQLite",
                    "open the attached file by an engine of its own",
                ));
            }
        };
        let columns = Some(vec![SqlType::Text; 3]);
        let text = StatementText::new(OBJECTS.replace("SOURCE", source), Vec::new(), columns, Effect::Read);
        Ok(vec![Statement::new(text.into(), Params::new())])
    }

    fn read(&self, answers: &[KeptRows]) -> Result<Catalog> {
        let mut catalog = Catalog { default_schema: Some("main".into()), ..Catalog::default() };
        for line in answers.iter().flat_map(Line::all) {
            add(&mut catalog, &line.text(0)?, Some(line.text(1)?), &line.text(2)?)?;
        }
        Ok(catalog)
    }

    fn foresee(&self, script: &[String]) -> Result<Option<Catalog>> {
        let mut catalog = Catalog::default();
        for sql in script {
            let words = tokens(sql, &Dialect::SQLITE);
            let what = words.iter().find(|token| token.is("TABLE") || token.is("INDEX"));
            add(
                &mut catalog,
                &what.map_or_else(String::new, |token| token.text.to_ascii_lowercase()),
                None,
                sql,
            )?;
        }
        catalog.tables.sort_by(|one, other| one.name.name.cmp(&other.name.name));
        Ok(Some(catalog))
    }
}

fn add(catalog: &mut Catalog, kind: &str, name: Option<String>, sql: &str) -> Result<()> {
    match kind {
        "table" => catalog.tables.push(table::table(sql)?),
        "view" => catalog.views.push(View {
            name: TableName { schema: None, name: name.unwrap_or_default() },
            definition: sql.to_owned(),
            materialized: false,
        }),
        "index" => {
            let (table, index) = index::index(sql)?;
            let is_it = |name: &TableName| same_name(&name.name, &table.name, &Dialect::SQLITE);
            let found = catalog.tables.iter_mut().find(|known| is_it(&known.name));
            found.into_iter().for_each(|found| found.indexes.push(index.clone()));
        }
        // Triggers are no part of the model: a rebuild takes them along as they are.
        _ => {}
    }
    Ok(())
}
