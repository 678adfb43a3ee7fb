//! Several statements of one flight, each made into items by a plan of its own.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::hydrate::{Hydrator, Item, Layouts};
use crate::driver::{Row, RowSink};
use crate::error::Result;
use crate::host::Host;
use crate::plan::Plan;
use crate::session::identity::Key;

/// A planned statement's answer goes by these.
pub(crate) type Planned<H> = (Arc<Plan>, Arc<Layouts<H>>);

/// The items of a statement, and row after row whom they were loaded for, where the statement tells.
pub(crate) type Answer<H> = (Vec<Item<H>>, Vec<Key>);

/// Turns the rows of one statement after the other into items.
pub(crate) struct Several<'a, H: Host> {
    /// Of the statement at hand.
    pub(crate) hydrator: Hydrator<'a, H>,
    pub(crate) planned: &'a [Planned<H>],
    /// Of the statements before it.
    pub(crate) answers: Vec<Answer<H>>,
}

impl<H: Host> Several<'_, H> {
    /// Closes the answers of all statements before `statement`.
    fn advance(&mut self, statement: usize) -> Result<()> {
        while self.answers.len() < statement {
            self.hydrator.finish()?;
            let parents = std::mem::take(&mut self.hydrator.parents).keys;
            self.answers.push((std::mem::take(&mut self.hydrator.items), parents));
            if let Some((plan, layouts)) = self.planned.get(self.answers.len()) {
                self.hydrator.plan = plan;
                self.hydrator.layouts = layouts;
            }
            self.hydrator.seen = self.hydrator.layouts.multiplies().then(FxHashSet::default);
            self.hydrator.pairs.clear();
        }
        Ok(())
    }

    /// The answers of every statement.
    pub(crate) fn finish(mut self) -> Result<Vec<Answer<H>>> {
        self.advance(self.planned.len())?;
        Ok(self.answers)
    }
}

impl<H: Host> RowSink for Several<'_, H> {
    fn row(&mut self, statement: usize, row: &Row<'_>) -> Result<()> {
        if statement != self.answers.len() {
            self.advance(statement)?;
        }
        self.hydrator.row(statement, row)
    }

    fn restart(&mut self, statement: usize) {
        // Its first row has closed what came before it; without one there is nothing to forget.
        if statement == self.answers.len() {
            self.hydrator.restart(statement);
        }
    }
}
