//! Who hears of the transactions and statements of a session: an ear that a program gives it.
//!
//! Where nobody listens it costs a look at a flag for each statement.

use std::sync::Arc;

use super::{Link, Session};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::model::Model;
use crate::query::{Criterion, Select, Write};
use crate::runtime::BoxFuture;

/// Hears of what a session does.
pub trait SessionListener: Send + Sync + 'static {
    /// True where it wants to hear of transactions: then whatever is run opens one, reading too.
    fn hears_begin(&self) -> bool {
        false
    }

    /// A transaction begins. Statements that are run by `link` follow BEGIN, before anything else; savepoints come behind
    /// them, so that their rollback undoes none. MUST answer the link as it was: without it the transaction waits for its
    /// rollback. An error makes the transaction fail before anything of the session was sent.
    ///
    /// # Cancelling
    /// The link that is dropped with the future is rolled back.
    fn begun<'a>(&'a self, link: Link) -> BoxFuture<'a, (Option<Link>, Result<()>)> {
        Box::pin(async move { (Some(link), Ok(())) })
    }

    /// True where it wants to see statements.
    fn hears_execute(&self) -> bool {
        false
    }

    /// What is to run in place of a query; None for the query itself. It MUST answer the same columns.
    ///
    /// # Errors
    /// Its own: the query is not run.
    fn select(&self, select: &Select) -> Result<Option<Select>> {
        let _ = select;
        Ok(None)
    }

    /// What is to run in place of an INSERT, UPDATE or DELETE that is not of the unit of work: of the same kind, into the same
    /// table.
    ///
    /// # Errors
    /// Its own: the statement is not run.
    fn write(&self, write: &Write) -> Result<Option<Write>> {
        let _ = write;
        Ok(None)
    }
}

impl<H: Host> Session<H> {
    /// Gives the session an ear; another one takes the first one's place.
    pub fn set_listener(&mut self, listener: Arc<dyn SessionListener>) {
        self.link.set_listener(Arc::clone(&listener));
        self.listener = Some(listener);
    }

    fn reviser(&self) -> Option<&dyn SessionListener> {
        self.listener.as_deref().filter(|listener| listener.hears_execute())
    }

    /// True where statements are seen before they are run.
    pub(super) fn is_watched(&self) -> bool {
        self.reviser().is_some()
    }

    /// What runs in place of a query.
    ///
    /// # Errors
    /// Those of the listener; it has changed what the query answers.
    pub(super) fn revised(&self, select: &Select) -> Result<Option<Box<Select>>> {
        let Some(listener) = self.reviser() else { return Ok(None) };
        let Some(revised) = listener.select(select)? else { return Ok(None) };
        if revised.items != select.items {
            return Err(Error::invalid_request(
                "a listener of statements has changed what a query answers: it may change conditions, order, limits and \
                 options",
            ));
        }
        Ok(Some(Box::new(revised)))
    }

    /// What runs in place of a statement that writes.
    ///
    /// # Errors
    /// Those of the listener; it has made another kind of statement of it, or one that answers something else.
    pub(super) fn revised_write(&self, write: &Write) -> Result<Option<Write>> {
        let Some(listener) = self.reviser() else { return Ok(None) };
        let Some(revised) = listener.write(write)? else { return Ok(None) };
        let is_same = std::mem::discriminant(&revised) == std::mem::discriminant(write)
            && revised.model() == write.model()
            && revised.returning() == write.returning();
        if !is_same {
            return Err(Error::invalid_request(
                "a listener of statements has made another statement of one that writes: it may change conditions and \
                 values",
            ));
        }
        Ok(Some(revised))
    }

    /// What a listener says of the rows that are loaded along with objects of a model that the session holds: as of a query
    /// of them.
    ///
    /// # Errors
    /// As [`revised`](Self::revised).
    pub(crate) fn criteria_along(&self, model: &Model) -> Result<Vec<Criterion>> {
        if !self.is_watched() {
            return Ok(Vec::new());
        }
        Ok(self.revised(&Select::entity(model.id))?.map(|select| select.criteria).unwrap_or_default())
    }
}
