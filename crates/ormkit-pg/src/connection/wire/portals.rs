//! Results that are read in pieces: portals with a name (PostgreSQL manual, section 55.2.3). They end with their
//! transaction.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::row::Shape;

/// The open portals of a connection, by their number.
#[derive(Default)]
pub(super) struct Portals {
    /// How their rows are read.
    open: FxHashMap<u32, Arc<Shape>>,
    /// To be closed with the next flight.
    pub(super) closing: Vec<u32>,
}

impl Portals {
    /// How the rows of a portal are read; None when it is not open.
    pub(super) fn shape(&self, number: u32) -> Option<&Arc<Shape>> {
        self.open.get(&number)
    }

    /// There is more to be read.
    pub(super) fn keep(&mut self, number: u32, shape: &Arc<Shape>) {
        self.open.insert(number, Arc::clone(shape));
    }

    /// Closes one, with the next flight.
    pub(super) fn close(&mut self, number: u32) {
        self.open.remove(&number);
        self.closing.push(number);
    }

    /// The transaction has ended, and they with it.
    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.closing.clear();
    }
}
