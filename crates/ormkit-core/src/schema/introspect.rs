//! Reading the schema of a database, in one flight and in a number of queries that does not depend on it.

use super::Catalog;
use crate::driver::{Batch, KeptRows, Row, RowSink, Scope};
use crate::error::{Error, Result};
use crate::session::Link;
use crate::sql::{Isolation, TransactionMode};

/// Reads the schema: tables, enums and views, without those of the database itself and of its extensions. Outside of a
/// transaction it runs in one of its own that reads only, so that all queries see the same state.
///
/// # Errors
/// What the database says. `Unsupported`: the driver does not know its catalog, or the database no such scope.
///
/// # Cancelling
/// As for any read.
pub async fn introspect(link: &mut Link, scope: &Scope) -> Result<Catalog> {
    let own = !link.in_transaction();
    if own {
        let isolation = Some(Isolation::RepeatableRead);
        link.begin_as(TransactionMode { isolation, read_only: true, ..TransactionMode::default() })?;
    }
    let read = read(link, scope).await;
    if own {
        // Nothing was written.
        link.rollback().await;
    }
    read
}

async fn read(link: &mut Link, scope: &Scope) -> Result<Catalog> {
    let driver = link.introspector()?;
    let queries = driver.queries(scope)?;
    let mut answers = Answers(queries.iter().map(|_| KeptRows::new()).collect());
    link.run(Batch { before: &[], statements: &queries }, &mut answers).await?;
    link.introspector()?.read(&answers.0)
}

/// The rows of each query.
struct Answers(Vec<KeptRows>);

impl RowSink for Answers {
    fn row(&mut self, statement: usize, row: &Row<'_>) -> Result<()> {
        let rows = self.0.get_mut(statement).ok_or_else(|| Error::protocol("rows of no query"))?;
        row.keep(rows);
        Ok(())
    }

    fn restart(&mut self, statement: usize) {
        self.0.get_mut(statement).into_iter().for_each(KeptRows::clear);
    }
}
