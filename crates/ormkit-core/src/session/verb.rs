//! Action verbs: they write at once, and leave everything else pending.

use rustc_hash::FxHashSet;

use super::Session;
use super::gather::Scope;
use super::journal::Mark;
use super::unit::Objects;
use crate::error::{ErrorKind, Result};
use crate::host::{HomeId, Host, ObjectId, State};

/// What waited for a flush before a verb began.
pub(super) struct Before<H: Host> {
    new: Objects<H>,
    changed: Objects<H>,
    deleted: Objects<H>,
    journal: Mark,
}

impl<H: Host> Session<H> {
    /// Inserts objects, and the new ones that their cascades reach, parents first.
    ///
    /// It joins the open transaction; without one it runs in one of its own, committed before it returns.
    ///
    /// # Errors
    /// After an error the objects are as before the call. Inside a transaction that waits for its rollback, alone there
    /// is nothing to roll back.
    pub async fn insert(&mut self, objects: &[H::Object]) -> Result<()> {
        let before = self.before()?;
        let added = objects.iter().try_for_each(|object| self.unit.add(&self.host, &self.schema, object));
        self.act(objects, before, added).await
    }

    /// Writes the unsaved changes of objects; detached ones come back into the session.
    ///
    /// # Errors
    /// As [`insert`](Self::insert); an object that was never stored, or was deleted.
    pub async fn update(&mut self, objects: &[H::Object]) -> Result<()> {
        let before = self.before()?;
        let known = objects.iter().try_for_each(|object| self.unit.revise(&self.host, &self.schema, object));
        self.act(objects, before, known).await
    }

    /// Deletes the rows of objects, and of what their cascades reach.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub async fn remove(&mut self, objects: &[H::Object]) -> Result<()> {
        let before = self.before()?;
        let marked = objects.iter().try_for_each(|object| self.unit.delete(&self.host, &self.schema, object));
        self.act(objects, before, marked).await
    }

    async fn act(&mut self, objects: &[H::Object], before: Before<H>, prepared: Result<()>) -> Result<()> {
        let mut scope = Scope::Objects(self.ids(objects));
        let own = !self.link.in_transaction();
        let acted = match prepared {
            Ok(()) => self.act_in(&mut scope, own).await,
            Err(error) => Err(error),
        };
        match &acted {
            Ok(()) if own => self.unit.keep(),
            Ok(()) => {}
            // Whether the rows are there is not known: only a rollback goes on, which lets the objects go.
            Err(error) if matches!(error.kind(), ErrorKind::OutcomeUnknown(_)) => {}
            Err(_) => {
                self.restore(before)?;
                if own {
                    self.link.rollback().await;
                }
            }
        }
        acted
    }

    async fn act_in(&mut self, scope: &mut Scope, own: bool) -> Result<()> {
        self.write(scope).await?;
        if own { self.link.commit().await.map_err(|error| self.schema.explain(error)) } else { Ok(()) }
    }

    pub(super) fn before(&mut self) -> Result<Before<H>> {
        self.link.check()?;
        self.unit.collect(&self.host);
        let copy = |objects: &Objects<H>| -> Objects<H> {
            objects.iter().map(|(id, object)| (*id, self.host.retain(object))).collect()
        };
        Ok(Before {
            new: copy(&self.unit.new),
            changed: copy(&self.unit.changed),
            deleted: copy(&self.unit.deleted),
            journal: self.unit.journal.now(),
        })
    }

    /// Memory as it was before the verb.
    pub(super) fn restore(&mut self, before: Before<H>) -> Result<()> {
        let reverted = self.unit.journal.revert_from(before.journal, &self.host, &mut self.unit.identity)?;
        let was_new: FxHashSet<ObjectId> = before.new.keys().copied().collect();
        let now_new = std::mem::take(&mut self.unit.new).into_values().chain(reverted);
        for object in now_new.filter(|object| !was_new.contains(&self.host.id(object))) {
            self.host.settle(&object, State::Transient, HomeId::NONE);
        }
        for object in before.new.values() {
            self.host.settle(object, State::Pending, self.unit.home.id());
        }
        self.unit.new = before.new;
        self.unit.changed = before.changed;
        self.unit.deleted = before.deleted;
        Ok(())
    }
}
