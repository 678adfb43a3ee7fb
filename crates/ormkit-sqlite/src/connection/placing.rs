//! Where a statement runs: on the reader or the writer, here and now or on a worker.

use ormkit_core::driver::{Effect, Statement};
use ormkit_core::error::Result;
use ormkit_core::sql::scan;

use super::{SqliteConnection, Step};
use crate::error;
use crate::handle::runs;

/// Which handle of the connection.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    Reader,
    Writer,
}

impl SqliteConnection {
    /// Refuses a write in a read-only transaction, before it is run.
    pub(super) fn check_reads_only(&self, statement: &Statement) -> Result<()> {
        let text = &statement.text;
        let writes = match text.effect {
            _ if !self.read_only => false,
            Effect::Read | Effect::Unknown => self.seat().is_some_and(|seat| seat.writes(&text.sql)),
            Effect::Write { .. } | Effect::Script => true,
            Effect::Begin { .. }
            | Effect::BeginRebuild
            | Effect::Commit
            | Effect::Rollback
            | Effect::Savepoint => false,
        };
        if writes { Err(error::in_read_only_transaction().in_statement(&text.sql)) } else { Ok(()) }
    }

    pub(super) fn place(&self, statement: &Statement) -> Place {
        let Some(reader) = self.reader.as_deref() else { return Place::Writer };
        if self.read_only {
            return Place::Reader;
        }
        let text = &statement.text;
        let reads = match text.effect {
            // The ORM says so; SQLite is asked when it is prepared.
            Effect::Read => true,
            Effect::Unknown => begins_like_a_read(&text.sql) && reader.reads_only(&text.sql),
            _ => false,
        };
        if reads && !self.open && self.writer.is_none() { Place::Reader } else { Place::Writer }
    }

    /// True for a step that can follow another one to the reader's worker.
    pub(super) fn stays(&self, step: &Step<'_>) -> bool {
        self.place(step.statement) == Place::Reader
            && self.reader.as_deref().is_some_and(|reader| reader.reads_only(&step.statement.text.sql))
    }

    pub(super) fn only_reads(&self, statement: &Statement, place: Place) -> bool {
        let text = &statement.text;
        match (text.effect, &self.writer) {
            _ if place == Place::Reader => true,
            (Effect::Read, Some(grant)) => grant.handle().reads_only(&text.sql),
            (Effect::Unknown, Some(grant)) => {
                begins_like_a_read(&text.sql) && grant.handle().reads_only(&text.sql)
            }
            _ => false,
        }
    }

    pub(super) fn goes_inline(&self, statement: &Statement, place: Place) -> bool {
        let text = &statement.text;
        if statement.piece.is_some() {
            return false;
        }
        if place == Place::Reader {
            return match text.effect {
                Effect::Read => !self.engine.slow.contains(text.fingerprint()),
                Effect::Begin { .. } | Effect::Commit | Effect::Rollback | Effect::Savepoint => true,
                Effect::BeginRebuild | Effect::Write { .. } | Effect::Unknown | Effect::Script => false,
            };
        }
        let Some(grant) = &self.writer else { return false };
        match text.effect {
            Effect::Read => !self.engine.slow.contains(text.fingerprint()),
            Effect::Write { bounded } => {
                bounded && (self.open || grant.handle().quick_commit) && !grant.handle().is_half_read()
            }
            Effect::Begin { .. } | Effect::BeginRebuild => true,
            Effect::Commit => grant.bounded && grant.handle().quick_commit,
            Effect::Rollback | Effect::Savepoint => grant.bounded,
            Effect::Unknown | Effect::Script => false,
        }
    }
}

/// True for several runs with a write among them: all of it or nothing. SQL of the caller's own is left alone, because
/// some of it (VACUUM, PRAGMA) cannot run in a transaction.
pub(super) fn wants_own_transaction(steps: &[Step<'_>]) -> bool {
    let ours = |step: &Step<'_>| matches!(step.statement.text.effect, Effect::Read | Effect::Write { .. });
    let writes = |step: &Step<'_>| matches!(step.statement.text.effect, Effect::Write { .. });
    let count = |step: &Step<'_>| runs(&step.statement.text, &step.statement.params);
    steps.iter().all(ours) && steps.iter().any(writes) && steps.iter().map(count).sum::<usize>() > 1
}

/// The first word of SQL of the caller's own is that of a query. Whether it only reads is then SQLite's to say.
fn begins_like_a_read(sql: &str) -> bool {
    let reads = |word: &str| {
        ["SELECT", "WITH", "VALUES", "EXPLAIN"].iter().any(|read| word.eq_ignore_ascii_case(read))
    };
    scan::first_words(sql).next().is_some_and(reads)
}
