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
    /// How many there have been, in all transactions.
    begun: u64,
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
    number: u64,
    release: Arc<StatementText>,
    pub(super) rollback: Arc<StatementText>,
}

impl Savepoints {
    /// Begins a savepoint inside the others; its name begins with `prefix`. Answers its number, which no other one gets.
    pub(super) fn push(&mut self, prefix: &str) -> u64 {
        self.begun += 1;
        let name = format!("{prefix}{}", self.open.len() + 1);
        let command =
            |verb: &str| Arc::new(StatementText::command(format!("{verb} {name}"), Effect::Savepoint));
        let savepoint = Savepoint {
            number: self.begun,
            release: command("RELEASE SAVEPOINT"),
            rollback: command("ROLLBACK TO SAVEPOINT"),
        };
        self.open.push(Mark::Unsent(self.unsent.len(), savepoint));
        self.unsent.push(Statement::new(command("SAVEPOINT"), Params::new()));
        self.begun
    }

    /// True while the savepoint of this number is open.
    pub(super) fn contains(&self, number: u64) -> bool {
        self.open.iter().any(|mark| {
            let (Mark::Sent(savepoint) | Mark::Unsent(_, savepoint)) = mark;
            savepoint.number == number
        })
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
            if let Mark::Unsent(_, savepoint) = mark {
                *mark = Mark::Sent(savepoint.clone());
            }
        }
    }

    /// The transaction has ended, and they with it.
    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.unsent.clear();
    }
}
