//! A sink that tells whether anything has come.

use crate::driver::{Column, Row, RowSink};
use crate::error::Result;

pub(super) struct Watched<'a> {
    sink: &'a mut dyn RowSink,
    saw_something: bool,
}

impl<'a> Watched<'a> {
    pub(super) fn new(sink: &'a mut dyn RowSink) -> Self {
        Self { sink, saw_something: false }
    }

    /// True when a statement has been answered, if only in part.
    pub(super) fn saw_something(&self) -> bool {
        self.saw_something
    }
}

impl RowSink for Watched<'_> {
    fn columns(&mut self, statement: usize, columns: &[Column<'_>]) -> Result<()> {
        self.saw_something = true;
        self.sink.columns(statement, columns)
    }

    fn row(&mut self, statement: usize, row: &Row<'_>) -> Result<()> {
        self.saw_something = true;
        self.sink.row(statement, row)
    }

    fn restart(&mut self, statement: usize) {
        self.sink.restart(statement);
    }

    fn suspended(&mut self, statement: usize) {
        self.saw_something = true;
        self.sink.suspended(statement);
    }

    fn done(&mut self, statement: usize, affected: u64) -> Result<()> {
        self.saw_something = true;
        self.sink.done(statement, affected)
    }
}
