//! A table of SQLite made anew, with its rows (SQLite documentation, "ALTER TABLE", section 7).
//!
//! The old table is renamed, the new one made and filled, the old one dropped, and what belongs to it made again from its own
//! text. All of it runs in one transaction of [`Effect::BeginRebuild`](crate::driver::Effect::BeginRebuild), so that renaming
//! and dropping touch nothing that refers to the table.

use std::sync::Arc;

use super::migrate::run;
use super::write::{create_index, create_table};
use super::{Line, NumberingKind, Operation, Part, Table, named};
use crate::driver::{Batch, KeptRows, Row, RowSink, Statement, StatementText};
use crate::error::Result;
use crate::session::Link;
use crate::sql::Dialect;
use crate::sql::ddl::written;
use crate::value::Params;

/// A table before and after.
pub(super) struct Rebuild {
    pub(super) from: Table,
    pub(super) to: Table,
    /// Columns that keep their values: the new name and the old one.
    kept: Vec<(String, String)>,
}

impl Rebuild {
    pub(super) fn of(table: &Table) -> Self {
        let plain = table.columns.iter().filter(|column| column.computed.is_none());
        let kept = plain.map(|column| (column.name.clone(), column.name.clone())).collect();
        Self { from: table.clone(), to: table.clone(), kept }
    }

    /// Notes what an operation does to the columns.
    pub(super) fn follow(&mut self, operation: &Operation) {
        if let Operation::Drop { part: Part::Column(column), .. } = operation {
            self.kept.retain(|(name, _)| *name != column.name);
        }
    }

    /// Notes that a column is renamed before the rebuild; false where it is not there by then, or the new name is not free.
    pub(super) fn renames(&mut self, from: &str, to: &str) -> bool {
        let is_there =
            |name: &str| self.from.columns.iter().any(|known| known.name.eq_ignore_ascii_case(name));
        if !is_there(from) || is_there(to) {
            return false;
        }
        let columns = self.from.columns.iter_mut().map(|column| &mut column.name);
        let keys = self.from.primary_key.iter_mut().flat_map(|key| &mut key.columns);
        let kept = self.kept.iter_mut().flat_map(|(name, old)| [name, old]);
        columns.chain(keys).chain(kept).filter(|name| *name == from).for_each(|name| to.clone_into(name));
        true
    }

    /// The name of the row number in SQL, where it is not that of a column and no key column shows it already.
    fn rowid(&self) -> Option<&'static str> {
        let shows = |table: &Table| {
            table.primary_key.as_ref().is_some_and(|key| {
                key.columns.len() == 1
                    && key.written.as_deref() != Some("DESC")
                    && table
                        .column(&key.columns[0])
                        .is_some_and(|column| column.data_type.eq_ignore_ascii_case("INTEGER"))
                    && self.kept.iter().any(|(to, _)| *to == key.columns[0])
            })
        };
        if self.from.without_rowid || self.to.without_rowid || shows(&self.to) {
            return None;
        }
        let is_column = |name: &str| {
            let mut all = self.from.columns.iter().chain(&self.to.columns);
            all.any(|column| column.name.eq_ignore_ascii_case(name))
        };
        ["rowid", "_rowid_", "oid"].into_iter().find(|name| !is_column(name))
    }

    /// Moves the rows from `aside`. Words of `ON CONFLICT` in constraints must not lose any: `OR ABORT` overrides them.
    fn copy(&self, aside: &str, dialect: &'static Dialect) -> String {
        let rowid = self.rowid().map(str::to_owned);
        let names = |side: fn(&(String, String)) -> &String| -> Vec<String> {
            rowid.iter().cloned().chain(self.kept.iter().map(|pair| dialect.quoted(side(pair)))).collect()
        };
        let (to, from) = (names(|pair| &pair.0), names(|pair| &pair.1));
        format!(
            "INSERT OR ABORT INTO {} ({}) SELECT {} FROM {aside}",
            dialect.quoted(&self.to.name.name),
            to.join(", "),
            from.join(", ")
        )
    }

    fn is_counted(table: &Table) -> bool {
        let counts = |kind| kind == NumberingKind::Autoincrement;
        table
            .columns
            .iter()
            .any(|column| column.numbering.as_ref().is_some_and(|numbering| counts(numbering.kind)))
    }
}

/// Rebuilds a table inside of the open transaction.
///
/// # Errors
/// What SQLite says: rows that do not fit the new table, a view or trigger that names a column that is gone.
pub(super) async fn rebuild(link: &mut Link, table: &Rebuild, dialect: &'static Dialect) -> Result<()> {
    let name = &table.to.name.name;
    let literal = written(dialect, |out| out.literal(name));
    let triggers = lines(
        link,
        format!(
            "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = {literal} COLLATE NOCASE"
        ),
    )
    .await?;
    let aside_name = format!("ormkit_old_{name}");
    let aside = dialect.quoted(&aside_name);
    run(link, format!("ALTER TABLE {} RENAME TO {aside}", dialect.quoted(name))).await?;
    run(link, written(dialect, |out| create_table(out, &table.to))).await?;
    if !table.kept.is_empty() {
        run(link, table.copy(&aside, dialect)).await?;
    }
    if Rebuild::is_counted(&table.from) && Rebuild::is_counted(&table.to) {
        let aside = written(dialect, |out| out.literal(&aside_name));
        run(link, format!("DELETE FROM sqlite_sequence WHERE name = {literal}")).await?;
        let counter = format!("SELECT {literal}, seq FROM sqlite_sequence WHERE name = {aside}");
        run(link, format!("INSERT INTO sqlite_sequence (name, seq) {counter}")).await?;
    }
    run(link, format!("DROP TABLE {aside}")).await?;
    for index in &table.to.indexes {
        run(link, written(dialect, |out| create_index(out, &table.to.name, index))).await?;
    }
    for line in Line::all(&triggers) {
        run(link, line.text(0)?).await?;
    }
    named::check(link, name, dialect).await
}

/// Runs a query; its rows.
pub(super) async fn lines(link: &mut Link, sql: String) -> Result<KeptRows> {
    let statements = [Statement::new(Arc::new(StatementText::raw(sql)), Params::new())];
    let mut kept = Kept(KeptRows::new());
    link.run(Batch { before: &[], statements: &statements }, &mut kept).await?;
    Ok(kept.0)
}

struct Kept(KeptRows);

impl RowSink for Kept {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        row.keep(&mut self.0);
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.0.clear();
    }
}
