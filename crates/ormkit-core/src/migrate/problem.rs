//! What stands in the way of a migration, and what to do about it.

use std::fmt;

use super::Revision;
use crate::error::{Error, ErrorKind};

/// Why revisions cannot be ordered, found or run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationProblem {
    /// What is wrong, in words.
    pub problem: String,
    /// The revisions that it is about.
    pub revisions: Vec<String>,
    /// The file of the first of them that has one.
    pub file: Option<String>,
    /// The command to type next, or what else helps; None where nothing general can be said.
    pub next: Option<String>,
}

impl MigrationProblem {
    /// A problem that is about no revision of its own.
    pub fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), revisions: Vec::new(), file: None, next: None }
    }

    /// The same, about revisions.
    #[must_use]
    pub fn about<'a>(mut self, revisions: impl IntoIterator<Item = &'a Revision>) -> Self {
        for revision in revisions {
            self.file = self.file.or_else(|| revision.file.clone());
            self.revisions.push(revision.id.clone());
        }
        self
    }

    /// The same, about an id that no revision has.
    #[must_use]
    pub fn about_id(mut self, id: &str) -> Self {
        self.revisions.push(id.to_owned());
        self
    }

    /// The same, with what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// The error.
    pub fn error(self) -> Error {
        Error::new(ErrorKind::Migration(Box::new(self)))
    }
}

impl fmt::Display for MigrationProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.problem)?;
        match &self.next {
            Some(next) => write!(out, ": {next}"),
            None => Ok(()),
        }
    }
}

/// `` `a` (a.py) and `b` (b.py) ``.
pub(super) fn places<'a>(revisions: impl IntoIterator<Item = &'a Revision>) -> String {
    let places: Vec<String> = revisions.into_iter().map(Revision::place).collect();
    match places.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => places.concat(),
    }
}
