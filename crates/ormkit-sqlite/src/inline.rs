//! Statements on the polling thread: reads within a budget, bounded writes to their end.
//!
//! Handing a statement to another thread and back costs 60 µs where a get by key takes 4. So a statement starts right
//! here; a read that is still running after [`INLINE_BUDGET`](crate::control::INLINE_BUDGET) is stopped and run again
//! on the worker. Locks of other processes are never waited for here.

use std::time::Instant;

use ormkit_core::driver::{Column, Row, RowSink, Statement};
use ormkit_core::error::Result;
use ormkit_core::value::SqlType;

use crate::handle::{Failure, Handle, Receiver};

/// The clock is looked at every so many rows.
const CLOCK_ROWS: u32 = 32;

/// Runs a read until it is done or its budget is over ([`Failure::Stopped`]).
pub(crate) fn read(
    handle: &Handle,
    statement: &Statement,
    number: Option<usize>,
    sink: &mut dyn RowSink,
) -> Result<u64, Failure> {
    let deadline = handle.control().start_budget();
    let mut rows = Rows { sink, number, deadline: Some(deadline), seen: 0 };
    let result = handle.execute(statement, true, &mut rows);
    handle.control().end_budget();
    result
}

/// Runs a statement whose work is known to be small. It is never stopped.
pub(crate) fn write(
    handle: &Handle,
    statement: &Statement,
    number: Option<usize>,
    sink: &mut dyn RowSink,
) -> Result<u64, Failure> {
    let mut rows = Rows { sink, number, deadline: None, seen: 0 };
    handle.execute(statement, false, &mut rows)
}

/// Tells the sink the names of columns; their types are not known.
pub(crate) fn show_columns(sink: &mut dyn RowSink, number: usize, names: &[String]) -> Result<()> {
    let columns: Vec<Column<'_>> =
        names.iter().map(|name| Column { name, sql_type: SqlType::Unknown }).collect();
    sink.columns(number, &columns)
}

/// Rows on their way to the sink.
struct Rows<'a> {
    sink: &'a mut dyn RowSink,
    /// None: nobody wants to see them.
    number: Option<usize>,
    deadline: Option<Instant>,
    seen: u32,
}

impl Receiver for Rows<'_> {
    fn columns(&mut self, names: Vec<String>) -> Result<()> {
        match self.number {
            Some(number) => show_columns(self.sink, number, &names),
            None => Ok(()),
        }
    }

    fn row(&mut self, row: &Row<'_>) -> Result<bool> {
        if let Some(number) = self.number {
            self.sink.row(number, row)?;
        }
        self.seen = self.seen.wrapping_add(1);
        let look = self.seen.is_multiple_of(CLOCK_ROWS);
        Ok(!(look && self.deadline.is_some_and(|deadline| Instant::now() > deadline)))
    }
}
