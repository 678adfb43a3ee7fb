//! Which savepoints are open, and which commands for them are still to be sent.

use std::sync::Arc;

use crate::driver::{Effect, Statement, StatementText};
use crate::value::Params;

/// The savepoints of one transaction, the innermost last.
#[derive(Clone, Default)]
pub(super) struct Savepoints {
    open: Vec<Mark>,
    /// SAVEPOINT and RELEASE commands in the order in which they are to be sent. An unsent SAVEPOINT has its mark in
    /// `open`, and everything behind it belongs to its inside.
    unsent: Vec<Statement>,
}

/// An open savepoint.
#[derive(Clone)]
pub(super) enum Mark {
    /// The database knows it.
    Sent(Savepoint),
    /// Its SAVEPOINT stands in `unsent` at this position.
    Unsent(usize, Savepoint),
}

/// The commands of one savepoint.
#[derive(Clone)]
pub(super) struct Savepoint {
    release: Arc<StatementText>,
    pub(super) rollback: Arc<StatementText>,
}

impl Savepoints {
    /// Begins a savepoint inside the others; its name begins with `prefix`.
    pub(super) fn push(&mut self, prefix: &str) {
        let name = format!("{prefix}{}", self.open.len() + 1);
        let command =
            |verb: &str| Arc::new(StatementText::command(format!("{verb} {name}"), Effect::Savepoint));
        let savepoint =
            Savepoint { release: command("RELEASE SAVEPOINT"), rollback: command("ROLLBACK TO SAVEPOINT") };
        self.open.push(Mark::Unsent(self.unsent.len(), savepoint));
        self.unsent.push(Statement::new(command("SAVEPOINT"), Params::new()));
    }

    /// Ends the innermost savepoint and keeps what was done in it; false when none is open.
    pub(super) fn release(&mut self) -> bool {
        match self.pop() {
            Some(Mark::Sent(savepoint)) => {
                self.unsent.push(Statement::new(savepoint.release, Params::new()));
                true
            }
            Some(Mark::Unsent(..)) => true,
            None => false,
        }
    }

    /// Takes the innermost savepoint off; one that was not sent never will be.
    pub(super) fn pop(&mut self) -> Option<Mark> {
        let mark = self.open.pop()?;
        if let Mark::Unsent(at, _) = &mark {
            self.unsent.truncate(*at);
        }
        Some(mark)
    }

    /// After ROLLBACK TO the savepoint still exists, empty, and all inside it are gone.
    pub(super) fn release_later(&mut self, savepoint: &Savepoint) {
        self.unsent.clear();
        self.unsent.push(Statement::new(Arc::clone(&savepoint.release), Params::new()));
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// The commands that are still to be sent.
    pub(super) fn unsent(&self) -> &[Statement] {
        &self.unsent
    }

    /// Notes that the database has executed them.
    pub(super) fn sent(&mut self) {
        self.unsent.clear();
        for mark in &mut self.open {
            if let Mark::Unsent(_, Savepoint { release, rollback }) = mark {
                *mark =
                    Mark::Sent(Savepoint { release: Arc::clone(release), rollback: Arc::clone(rollback) });
            }
        }
    }

    /// The transaction has ended, and they with it.
    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.unsent.clear();
    }
}
