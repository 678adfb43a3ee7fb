//! Whether a pooler stands between us and the server.
//!
//! A pooler that gives each transaction another server (PgBouncer in transaction mode) loses statements that were prepared
//! before. It gives its clients cancel keys of its own, so that the process that serves us is not the one that the key
//! names.

use ormkit_core::driver::{Batch, Connection, Effect, Row, RowSink, Statement, StatementText};
use ormkit_core::error::Result;
use ormkit_core::value::{Params, SqlType, ValueRef};

use super::PgConnection;
use crate::config::PrepareMode;

/// Finds out where it matters and is not known yet.
///
/// # Errors
/// The connection broke. A server that does not know the question is taken for a pooler.
pub(super) async fn find(connection: &mut PgConnection, mode: PrepareMode) -> Result<()> {
    if mode != PrepareMode::Auto || connection.common.pooler().is_some() {
        return Ok(());
    }
    let question = StatementText::new(
        "SELECT pg_catalog.pg_backend_pid()".into(),
        Vec::new(),
        Some(vec![SqlType::Integer]),
        Effect::Read,
    );
    let statement = [Statement::new(question.into(), Params::new())];
    let mut answer = Pid(None);
    match connection.run(Batch { before: &[], statements: &statement }, &mut answer).await {
        Err(error) if error.diagnostics().is_none() => return Err(error),
        _ => {}
    }
    connection.common.note_pooler(answer.0 != Some(i64::from(connection.cancel.pid)));
    Ok(())
}

/// The number of a process.
struct Pid(Option<i64>);

impl RowSink for Pid {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        if let ValueRef::Int(pid) = row.cell(0)? {
            self.0 = Some(pid);
        }
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.0 = None;
    }
}
