//! Telling the host what is written, where it listens.
//!
//! Before: the objects are in the journal and have the keys of their parents, their statements are not made yet. What a
//! listener sets is part of them. After: the rows are written. Statements that a listener runs by the link are part of
//! the transaction; for that reason one is open wherever somebody listens.

use std::sync::Arc;

use super::Session;
use super::gather::{Work, Write, related};
use super::journal::Action;
use super::unit::is_dirty;
use crate::error::{Error, Result};
use crate::host::{Host, Moment, ObjectId};
use crate::model::{Model, Relation, RelationId};

/// Objects of one model that one action is done to, in order.
pub(super) struct Heard<H: Host> {
    action: Action,
    model: Arc<Model>,
    objects: Vec<H::Object>,
}

/// What changed relations of an object hold.
type Relatives = Vec<(RelationId, Vec<ObjectId>)>;

impl Action {
    fn before(self) -> Moment {
        match self {
            Self::Insert => Moment::BeforeInsert,
            Self::Update => Moment::BeforeUpdate,
            Self::Delete => Moment::BeforeDelete,
        }
    }

    fn after(self) -> Moment {
        match self {
            Self::Insert => Moment::AfterInsert,
            Self::Update => Moment::AfterUpdate,
            Self::Delete => Moment::AfterDelete,
        }
    }
}

impl<H: Host> Session<H> {
    /// True where the host listens to some of the objects that are written.
    pub(super) fn is_heard(&self, work: &Work<H>) -> bool {
        let ahead = work.ahead.iter().flat_map(|ahead| ahead.deletes.iter().chain([&ahead.whole]));
        let levels = work.levels.iter().chain(&work.deletes).chain(ahead);
        levels.flatten().any(|write| self.host.hears(write.model.id))
    }

    /// The objects of a level that the host listens to; an UPDATE without a change is none.
    pub(super) fn heard(&self, level: &[Write<H>]) -> Result<Vec<Heard<H>>> {
        let mut heard: Vec<Heard<H>> = Vec::new();
        for write in level.iter().filter(|write| self.host.hears(write.model.id)) {
            if write.action == Action::Update && !is_dirty(&self.host, &write.model, &write.object)? {
                continue;
            }
            let is_its =
                |group: &&mut Heard<H>| group.action == write.action && group.model.id == write.model.id;
            let object = self.host.retain(&write.object);
            match heard.iter_mut().find(is_its) {
                Some(group) => group.objects.push(object),
                None => heard.push(Heard {
                    action: write.action,
                    model: Arc::clone(&write.model),
                    objects: vec![object],
                }),
            }
        }
        Ok(heard)
    }

    /// Tells what is about to be written.
    ///
    /// # Errors
    /// What a listener says; one has changed relations, which are settled by now.
    pub(super) async fn tell_before(&mut self, heard: &[Heard<H>]) -> Result<()> {
        for group in heard {
            let before = self.relatives(group)?;
            self.tell_one(group.action.before(), group).await?;
            if group.action != Action::Delete && self.relatives(group)? != before {
                let error = Error::invalid_request(format!(
                    "a listener has changed relations of a {} that is being written: set columns there, relations in \
                     before_flush",
                    group.model.name()
                ));
                self.link.fail(&error);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Tells what was written.
    ///
    /// # Errors
    /// What a listener says.
    pub(super) async fn tell_after(&mut self, heard: &[Heard<H>]) -> Result<()> {
        for group in heard {
            self.tell_one(group.action.after(), group).await?;
        }
        Ok(())
    }

    async fn tell_one(&mut self, moment: Moment, group: &Heard<H>) -> Result<()> {
        let link = self.link.entrust();
        let (link, outcome) = self.host.hear(moment, &group.objects, link).await;
        let returned = match link {
            Some(link) => self.link.take_back(link),
            None => Err(Error::invalid_request("a listener of a flush has kept its connection")),
        };
        let told = outcome.and(returned);
        if let Err(error) = &told {
            self.link.fail(error);
        }
        told
    }

    /// What the changed relations of each object hold.
    fn relatives(&self, group: &Heard<H>) -> Result<Vec<Relatives>> {
        let of = |object: &H::Object| {
            let relations = group.model.relations.iter().filter(|relation| !relation.view_only);
            let changed = relations.filter(|relation| self.host.relation_changed(object, relation.id));
            let held = |relation: &Relation| Ok((relation.id, self.ids_of(object, relation)?));
            changed.map(held).collect::<Result<Relatives>>()
        };
        group.objects.iter().map(of).collect()
    }

    fn ids_of(&self, object: &H::Object, relation: &Relation) -> Result<Vec<ObjectId>> {
        Ok(related(&self.host, object, relation)?.iter().map(|other| self.host.id(other)).collect())
    }
}
