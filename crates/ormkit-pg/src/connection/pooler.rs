//! Whether a pooler stands between us and the server.
//!
//! A pooler that gives each transaction another server (PgBouncer in transaction mode) loses statements that were prepared
//! before. It gives its clients cancel keys of its own, so that the process that serves us is not the one that the key
//! names.

use ormkit_core::driver::{Batch, Connection, Effect, Health, Row, RowSink, Statement, StatementText};
use ormkit_core::error::Result;
use ormkit_core::value::{Params, SqlType, ValueRef};

use super::PgConnection;
use crate::config::PrepareMode;
use crate::statement_cache::Keeping;

/// How far a connection is with the question, which the first connections of an engine ask.
///
/// It waits for the second flight: the first runs just as well without a name, and a program of one statement is spared a
/// round trip (9 % of connect, SCRAM and query).
#[derive(Clone, Copy)]
pub(super) enum Question {
    /// Nothing has run yet. The number is what the names of its statements begin with.
    Unasked(u64),
    /// Something has run: it is time to ask.
    Due(u64),
    /// What is to be kept of statements is known.
    Settled,
}

impl PgConnection {
    /// Chooses what is kept of statements, for as long as it is not known whether there is a pooler: no names.
    pub(super) fn prepare_by(&mut self, mode: PrepareMode, chance: u64) {
        let open = mode == PrepareMode::Auto && self.common.pooler().is_none();
        let keeping = if open { Keeping::Described } else { self.common.keeping(mode, chance) };
        self.question = if open { Question::Unasked(chance) } else { Question::Settled };
        self.wire.cache.keep(keeping);
    }

    /// Asks where it is time to, outside of transactions: `SET TRANSACTION` has to be the first that a transaction hears.
    ///
    /// # Errors
    /// The connection broke. A server that does not know the question is taken for a pooler.
    pub(super) async fn settle_names(&mut self) -> Result<()> {
        match self.question {
            Question::Settled => {}
            Question::Unasked(chance) => self.question = Question::Due(chance),
            Question::Due(chance) if self.health() == Health::Idle => {
                if self.common.pooler().is_none() {
                    let found = self.is_pooled().await?;
                    self.common.note_pooler(found);
                }
                self.question = Question::Settled;
                self.wire.cache.forget_all();
                self.wire.cache.keep(self.common.keeping(PrepareMode::Auto, chance));
            }
            Question::Due(_) => {}
        }
        Ok(())
    }

    /// True when the process that answers is not the one that the cancel key names.
    async fn is_pooled(&mut self) -> Result<bool> {
        let question = StatementText::new(
            "SELECT pg_catalog.pg_backend_pid()".into(),
            Vec::new(),
            Some(vec![SqlType::Integer]),
            Effect::Read,
        );
        let statement = [Statement::new(question.into(), Params::new())];
        let mut answer = Pid(None);
        match self.attempt(Batch { before: &[], statements: &statement }, &mut answer).await {
            Err(error) if error.diagnostics().is_none() || self.closed.is_some() => Err(error),
            _ => Ok(answer.0 != Some(i64::from(self.cancel.pid))),
        }
    }
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
