//! Expiring: attributes are unloaded, to be read again.

use std::sync::Arc;

use super::Session;
use super::gather::{Scope, related, removed};
use super::group::shown;
use super::stale::unload_stale;
use super::unit::{Unit, stored_key_of};
use crate::error::{Error, ErrorKind, Result};
use crate::host::{Fill, HomeId, Host, State};
use crate::model::{FieldId, FieldSet, Model, RelationId, RelationKind, Schema};
use crate::query::{Deleted, Select};

/// Attributes of an object that an operation concerns.
#[derive(Clone, Copy, Debug)]
pub enum Attributes<'a> {
    /// All columns and relations.
    All,
    /// These columns and relations.
    Named(&'a [FieldId], &'a [RelationId]),
}

impl<H: Host> Session<H> {
    /// Unloads attributes: reading them raises until a query, `get`, `refresh` or a load has filled them. Unsaved changes
    /// of theirs are dropped; the key stays. With all attributes it passes on by the refresh-expire cascade, which lets
    /// new objects go.
    ///
    /// The other side of a relation keeps what it was told: a list that a changed reference is in still writes it.
    ///
    /// # Errors
    /// The object is not a stored one of this session.
    pub fn expire(&mut self, object: &H::Object, attributes: Attributes<'_>) -> Result<()> {
        self.check_stored(object, "expired")?;
        self.unit.collect(&self.host);
        let schema = Arc::clone(&self.schema);
        self.unit.adopt_added(&self.host, &schema, object, attributes)?;
        if let Attributes::Named(fields, relations) = attributes {
            self.unit.expire_named(&self.host, &schema, object, fields, relations)?;
            if self.host.hears_reading() {
                self.host.expired(object, attributes);
            }
            return Ok(());
        }
        for other in self.follow(object, |cascade| cascade.refresh_expire)? {
            self.expire_reached(&other)?;
        }
        Ok(())
    }

    /// Expires an object that a cascade has reached; a new one is let go.
    pub(super) fn expire_reached(&mut self, object: &H::Object) -> Result<()> {
        match self.host.state(object) {
            _ if self.host.home(object) != self.unit.home.id() => {}
            State::Persistent => {
                self.unit.adopt_added(&self.host, &self.schema, object, Attributes::All)?;
                self.unit.expire(&self.host, &self.schema, object)?;
            }
            State::Pending => self.unit.expunge(&self.host, &self.schema, object)?,
            State::Transient | State::Deleted | State::Detached => {}
        }
        Ok(())
    }

    /// Expires all stored objects of the session.
    ///
    /// # Errors
    /// A new object in a relation belongs to another session.
    pub fn expire_all(&mut self) -> Result<()> {
        self.unit.collect(&self.host);
        for (_, _, object) in self.identity_map() {
            self.unit.adopt_added(&self.host, &self.schema, &object, Attributes::All)?;
        }
        for (_, _, object) in self.identity_map() {
            self.unit.expire(&self.host, &self.schema, &object)?;
        }
        Ok(())
    }

    /// Refuses what is not a stored object of this session.
    pub(super) fn check_stored(&self, object: &H::Object, what: &str) -> Result<()> {
        if self.host.state(object) == State::Persistent && self.host.home(object) == self.unit.home.id() {
            return Ok(());
        }
        let name = self.schema.model(self.host.model(object)).name();
        let message = format!("only a stored {name} of this session can be {what}");
        let home = self.host.home(object);
        if home != HomeId::NONE && home != self.unit.home.id() {
            let message = format!("this {name} belongs to another session: {message}");
            return Err(Error::invalid_request(message));
        }
        Err(match self.host.state(object) {
            State::Detached => Error::new(ErrorKind::Detached(format!("{message}: add() takes it in again"))),
            _ => Error::invalid_request(message),
        })
    }

    /// Reads what is not loaded of the columns of an object. One whose row is gone stays as it is.
    pub(super) async fn complete(&mut self, model: &Model, object: &H::Object) -> Result<()> {
        let mut select = Select::by_key(model, stored_key_of(&self.host, model, object)?);
        select.deleted = Deleted::Included;
        self.fetch(&select, Fill::Missing).await.map(drop)
    }
}

impl<H: Host> Session<H> {
    /// Reads the versions that changed objects of a flush do not know: of those that were expired.
    ///
    /// # Errors
    /// `StaleRow`: a row is gone.
    pub(super) async fn complete_versions(&mut self, scope: &Scope) -> Result<()> {
        let schema = Arc::clone(&self.schema);
        let mut unknown = Vec::new();
        for (id, object) in self.unit.changed.iter().chain(&self.unit.deleted) {
            let model = schema.model(self.host.model(object));
            if let Some((version, _)) = model.upkeep.version
                && scope.has(*id)
                && !self.host.loaded(object).contains(version)
            {
                unknown.push((self.host.retain(object), model, version));
            }
        }
        for (object, model, version) in unknown {
            self.complete(model, &object).await?;
            if !self.host.loaded(&object).contains(version) {
                let table = model.table().to_string();
                let objects = vec![shown(&self.host, model, &object)];
                let action = "SELECT";
                return Err(Error::new(ErrorKind::StaleRow {
                    table,
                    action,
                    expected: 1,
                    matched: 0,
                    objects,
                }));
            }
        }
        Ok(())
    }
}

impl<H: Host> Unit<H> {
    /// New members of relations whose changes an expiry gives up are the session's: they are written all the same.
    fn adopt_added(
        &mut self,
        host: &H,
        schema: &Schema,
        object: &H::Object,
        attributes: Attributes<'_>,
    ) -> Result<()> {
        let is_meant = |relation: RelationId| match attributes {
            Attributes::All => true,
            Attributes::Named(_, relations) => relations.contains(&relation),
        };
        let mut added = Vec::new();
        for relation in &schema.model(host.model(object)).relations {
            if !relation.cascade.save_update
                || relation.view_only
                || !is_meant(relation.id)
                || !host.relation_changed(object, relation.id)
            {
                continue;
            }
            host.added(object, relation.id, &mut |member| {
                if host.state(member) == State::Transient && !self.was_expunged(host, host.id(member)) {
                    added.push(host.retain(member));
                }
                Ok(())
            })?;
        }
        added.iter().try_for_each(|member| self.add(host, schema, member))
    }

    fn expire(&mut self, host: &H, schema: &Schema, object: &H::Object) -> Result<()> {
        let model = schema.model(host.model(object));
        self.move_back(host, schema, object, |_| true)?;
        // A changed key is put back, for it stays.
        host.undo(object);
        let columns = model.field_ids().filter(|field| !model.key.contains(field)).collect();
        host.unload(object, &columns);
        for relation in &model.relations {
            host.unload_relation(object, relation.id);
        }
        let id = host.id(object);
        self.changed.shift_remove(&id);
        self.expired.insert(id, host.downgrade(object));
        if host.hears_reading() {
            host.expired(object, Attributes::All);
        }
        Ok(())
    }

    /// Puts an object whose new reference is given up back into the list that it has left for it, unless the list of its new
    /// parent is loaded and says the same: nothing else would know that it is no orphan.
    fn move_back(
        &self,
        host: &H,
        schema: &Schema,
        object: &H::Object,
        is_meant: impl Fn(RelationId) -> bool,
    ) -> Result<()> {
        for relation in &schema.model(host.model(object)).relations {
            let Some(back) = relation.back.filter(|_| relation.kind == RelationKind::ManyToOne) else {
                continue;
            };
            if !is_meant(relation.id) || !host.relation_changed(object, relation.id) {
                continue;
            }
            let id = host.id(object);
            let stays = related(host, object, relation)?.iter().all(|parent| host.is_attached(parent, back));
            let target = schema.model(relation.target);
            for owner in self.changed.values().filter(|_| !stays) {
                let left = schema.model(host.model(owner)).is_a(target.id)
                    && removed(host, owner, target.relation(back))?.iter().any(|gone| host.id(gone) == id);
                if left {
                    host.join(owner, back, object)?;
                    break;
                }
            }
        }
        Ok(())
    }

    fn expire_named(
        &mut self,
        host: &H,
        schema: &Schema,
        object: &H::Object,
        fields: &[FieldId],
        relations: &[RelationId],
    ) -> Result<()> {
        let model = schema.model(host.model(object));
        self.move_back(host, schema, object, |relation| relations.contains(&relation))?;
        let columns: FieldSet = fields.iter().copied().filter(|field| !model.key.contains(field)).collect();
        host.unload(object, &columns);
        unload_stale(host, schema, model, object, fields);
        for relation in relations {
            host.unload_relation(object, *relation);
        }
        let id = host.id(object);
        if !super::unit::is_dirty(host, model, object)? {
            self.changed.shift_remove(&id);
        }
        if !columns.is_empty() {
            self.expired.insert(id, host.downgrade(object));
        }
        Ok(())
    }

    /// Drops unsaved changes of attributes, which are unloaded by that; new members of lists are the session's.
    pub(super) fn give_up(
        &mut self,
        host: &H,
        schema: &Schema,
        object: &H::Object,
        fields: &[FieldId],
        relations: &[RelationId],
    ) -> Result<()> {
        self.adopt_added(host, schema, object, Attributes::Named(fields, relations))?;
        self.expire_named(host, schema, object, fields, relations)
    }

    /// True for an object that was expired and has columns that nobody has loaded since.
    pub(super) fn is_expired(&mut self, host: &H, model: &Model, object: &H::Object) -> bool {
        let id = host.id(object);
        let known = self.expired.get(&id);
        let lives = |weak| host.upgrade(weak).is_some_and(|living| host.id(&living) == id);
        if known.is_none_or(|weak| !lives(weak)) {
            return false;
        }
        let loaded = host.loaded(object);
        if model.field_ids().any(|field| !model.field(field).deferred && !loaded.contains(field)) {
            return true;
        }
        self.expired.remove(&id);
        false
    }
}
