//! `target_session_attrs`: whether a server is of the kind that was asked for.

use ormkit_core::driver::{Batch, Connection, Effect, Row, RowSink, Statement, StatementText};
use ormkit_core::error::Result;
use ormkit_core::value::{Params, SqlType, ValueRef};

use super::PgConnection;
use crate::config::TargetSession;
use crate::error::connection_lost;

/// Asks the server where that matters.
///
/// # Errors
/// `ConnectionLost` when it is of another kind: the next one may be of this.
pub(super) async fn require(connection: &mut PgConnection, target: TargetSession) -> Result<()> {
    // Of a standby every session is read-only, however it is set.
    const READ_ONLY: &str =
        "SELECT pg_catalog.pg_is_in_recovery() OR pg_catalog.current_setting('transaction_read_only')::bool";
    const STANDBY: &str = "SELECT pg_catalog.pg_is_in_recovery()";
    let (question, wanted, kind) = match target {
        TargetSession::Any | TargetSession::PreferStandby => return Ok(()),
        TargetSession::ReadWrite => (READ_ONLY, false, "read-only"),
        TargetSession::ReadOnly => (READ_ONLY, true, "not read-only"),
        TargetSession::Primary => (STANDBY, false, "a standby"),
        TargetSession::Standby => (STANDBY, true, "not a standby"),
    };
    if ask(connection, question).await? == wanted {
        return Ok(());
    }
    Err(connection_lost(format!("the server at {} is {kind}", connection.cancel.route.place())))
}

async fn ask(connection: &mut PgConnection, question: &str) -> Result<bool> {
    let question = StatementText::new(question.into(), Vec::new(), Some(vec![SqlType::Bool]), Effect::Read);
    let statement = [Statement::new(question.into(), Params::new())];
    let mut answer = Answer(false);
    connection.run(Batch { before: &[], statements: &statement }, &mut answer).await?;
    Ok(answer.0)
}

/// One truth value.
struct Answer(bool);

impl RowSink for Answer {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        self.0 = matches!(row.cell(0)?, ValueRef::Bool(true));
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.0 = false;
    }
}
