//! How far the results of a transaction that are read in pieces may go: to its end, and to that of their savepoint.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use super::Link;
use crate::error::{Error, Result};

/// Whether a result that is read in pieces goes on: what its reader and its link, or its session, both know. Rows that were
/// read and not given out are over as well when it ends.
#[derive(Default)]
pub struct Course {
    /// 0, or the [`End`].
    ended: AtomicU8,
    /// How many of the open savepoints it was begun in.
    depth: AtomicUsize,
}

/// What has ended a result before its last row.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// The transaction that it is read in.
    Transaction = 1,
    /// The savepoint that it began in was rolled back.
    Savepoint = 2,
    /// The session has let its objects go, or was told to undo everything.
    Session = 3,
}

impl Course {
    /// Refuses further rows where it has ended. An atomic load.
    ///
    /// # Errors
    /// `InvalidRequest` that says what has ended it.
    #[inline]
    pub fn check(&self) -> Result<()> {
        match self.ended.load(Ordering::Relaxed) {
            0 => Ok(()),
            end => Err(over(end)),
        }
    }

    pub(crate) fn end(&self, end: End) {
        // Whatever was first is told.
        let _ = self.ended.compare_exchange(0, end as u8, Ordering::Relaxed, Ordering::Relaxed);
    }
}

#[cold]
fn over(end: u8) -> Error {
    const TRANSACTION: u8 = End::Transaction as u8;
    const SAVEPOINT: u8 = End::Savepoint as u8;
    Error::invalid_request(match end {
        TRANSACTION => {
            "the stream has ended with the transaction that it was begun in: read it to its end before commit() or \
             rollback(), or begin it outside of a transaction"
        }
        SAVEPOINT => "the stream has ended with the savepoint that it was begun in, which was rolled back",
        _ => "the stream has ended with rollback(), close() or expunge_all() of its session",
    })
}

/// The courses of one transaction.
#[derive(Default)]
pub(super) struct Courses(Vec<Weak<Course>>);

impl Courses {
    fn begin(&mut self, depth: usize) -> Arc<Course> {
        self.0.retain(|course| course.strong_count() > 0);
        let course = Arc::new(Course { depth: AtomicUsize::new(depth), ..Course::default() });
        self.0.push(Arc::downgrade(&course));
        course
    }

    /// Ends those that were begun with at least so many savepoints open.
    pub(super) fn end(&mut self, depth: usize, end: End) {
        self.0.retain(|course| match course.upgrade() {
            Some(course) if course.depth.load(Ordering::Relaxed) < depth => true,
            Some(course) => {
                course.end(end);
                false
            }
            None => false,
        });
    }

    /// A savepoint was released: so many are open still, and what was begun in it belongs to them.
    pub(super) fn rise(&mut self, depth: usize) {
        for course in self.0.iter().filter_map(Weak::upgrade) {
            course.depth.fetch_min(depth, Ordering::Relaxed);
        }
    }
}

impl Link {
    /// The course of a result that is begun now, inside of the open transaction.
    pub fn course(&mut self) -> Arc<Course> {
        self.courses.begin(self.savepoints.len())
    }

    /// Ends every result of the open transaction.
    pub(crate) fn end_courses(&mut self, end: End) {
        self.courses.end(0, end);
    }
}
