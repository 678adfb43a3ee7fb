//! Reading rows again, over what is loaded.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::identity::{KeyCells, has_null, own};
use super::stale::unload_stale;
use super::unit::{is_dirty, stored_key_of};
use super::{Attributes, Session};
use crate::error::{Error, Result};
use crate::host::{Fill, Host, State};
use crate::load::select_in::Ahead;
use crate::model::{FieldId, Model, ModelId, Relation, RelationId, RelationKind};
use crate::query::{Deleted, Item as Selected, Load, Lock, Reach, Select, Strategy};

/// Relations that were loaded, with the objects that had them.
type Loaded<H> = IndexMap<(ModelId, RelationId), Vec<<H as Host>::Object>, FxBuildHasher>;

/// A refresh whose object has given up its unsaved changes.
pub struct Refresh<H: Host> {
    /// What is loaded again behind the row.
    loaded: Loaded<H>,
}

impl<H: Host> Session<H> {
    /// Reads an object's row again and overwrites `attributes`; their unsaved changes are dropped. All of them are the
    /// columns, the relations that the class always loads, and by the refresh-expire cascade those that are loaded, with
    /// the objects in them; new ones among those are let go. Flushes first where the session does: what else is unsaved is
    /// written. With a lock it opens a transaction where none is open.
    ///
    /// # Errors
    /// The object is not of this session, or its row is gone. Those of the flush.
    pub async fn refresh(
        &mut self,
        object: &H::Object,
        attributes: Attributes<'_>,
        lock: Option<Lock>,
    ) -> Result<()> {
        let begun = self.begin_refresh(object, attributes)?;
        self.finish_refresh(object, attributes, begun, lock).await
    }

    /// The part of it before the flush: unsaved changes of the attributes are dropped.
    ///
    /// # Errors
    /// The object is not of this session.
    pub fn begin_refresh(&mut self, object: &H::Object, attributes: Attributes<'_>) -> Result<Refresh<H>> {
        self.link.check()?;
        self.check_stored(object, "refreshed")?;
        self.unit.collect(&self.host);
        self.give_up(object, attributes)?;
        let loaded = match attributes {
            Attributes::All => self.expire_cascaded(object)?,
            Attributes::Named(..) => Loaded::<H>::default(),
        };
        Ok(Refresh { loaded })
    }

    /// The rest of it.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh).
    pub async fn finish_refresh(
        &mut self,
        object: &H::Object,
        attributes: Attributes<'_>,
        begun: Refresh<H>,
        lock: Option<Lock>,
    ) -> Result<()> {
        let schema = Arc::clone(&self.schema);
        let model: &Model = schema.model(self.host.model(object));
        self.autoflush(|_| format!("refresh({})", model.name())).await?;
        self.check_stored(object, "refreshed")?;
        match attributes {
            Attributes::All => {
                // What the class always loads comes with the row.
                for relation in model.relations.iter().filter(|relation| relation.lazy.is_eager()) {
                    self.host.unload_relation(object, relation.id);
                }
                self.read_again(model, object, &[], lock).await?;
                for ((model, relation), owners) in begun.loaded {
                    let load = [Load::new(relation, Strategy::SelectIn)];
                    self.load_relations(schema.model(model), &owners, &load).await?;
                }
            }
            Attributes::Named(fields, relations) => {
                for relation in relations {
                    self.host.unload_relation(object, *relation);
                }
                if !fields.is_empty() || relations.is_empty() {
                    self.read_again(model, object, fields, lock).await?;
                }
                let loads: Vec<Load> =
                    relations.iter().map(|relation| Load::new(*relation, Strategy::SelectIn)).collect();
                self.load_relations(model, std::slice::from_ref(object), &loads).await?;
            }
        }
        Ok(())
    }

    /// Drops unsaved changes of what is going to be read, where a flush would write them before.
    fn give_up(&mut self, object: &H::Object, attributes: Attributes<'_>) -> Result<()> {
        let schema = Arc::clone(&self.schema);
        let model: &Model = schema.model(self.host.model(object));
        if !self.autoflushes() || !is_dirty(&self.host, model, object)? {
            return Ok(());
        }
        let changed = self.host.changed(object)?;
        let is_read = |relation: &Relation| match attributes {
            Attributes::All => relation.lazy.is_eager() || relation.kind == RelationKind::ManyToOne,
            Attributes::Named(fields, relations) => {
                let leads = relation.kind == RelationKind::ManyToOne;
                relations.contains(&relation.id)
                    || (leads && relation.local.iter().any(|field| fields.contains(field)))
            }
        };
        let fields: Vec<FieldId> = match attributes {
            Attributes::All => changed.iter().collect(),
            Attributes::Named(fields, _) => {
                fields.iter().copied().filter(|field| changed.contains(*field)).collect()
            }
        };
        let dropped = |relation: &&Relation| {
            is_read(relation) && !relation.view_only && self.host.relation_changed(object, relation.id)
        };
        let relations: Vec<RelationId> =
            model.relations.iter().filter(dropped).map(|relation| relation.id).collect();
        self.unit.give_up(&self.host, &schema, object, &fields, &relations)
    }

    /// The object of a key as its row is now, also where the session holds it: its columns are overwritten. Pending changes
    /// are written first where the session does that. `deleted` says whether it may count as deleted. With a lock it opens a transaction where none is open.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_again(
        &mut self,
        model: ModelId,
        key: &(impl KeyCells + Sync + ?Sized),
        loads: &[Load],
        lock: Option<Lock>,
        deleted: Deleted,
    ) -> Result<Option<H::Object>> {
        let schema = Arc::clone(&self.schema);
        let model = schema.model(model);
        self.autoflush(|_| format!("get({})", model.name())).await?;
        if let Some(held) = self.held(model.id, key)?
            && self.unit.deleted.contains_key(&self.host.id(&held))
        {
            return Ok(None);
        }
        if has_null(key)? {
            return Ok(None);
        }
        self.open_for_lock(lock)?;
        let mut select = Select::by_key(model, own(key)?);
        (select.lock, select.deleted) = (lock, deleted);
        let select = self.revised(&select)?.map_or(select, |revised| *revised);
        let Some(object) = self.fetch(&select, Fill::All).await?.into_objects().pop() else {
            return Ok(None);
        };
        let all: Vec<FieldId> = model.field_ids().collect();
        unload_stale(&self.host, &schema, model, &object, &all);
        let criteria = self.criteria_along(model)?;
        let reach = Reach::of(&criteria, deleted).again(true);
        let parents = std::slice::from_ref(&object);
        self.load_levels(model, parents, loads, reach, Ahead::<H>::default()).await?;
        Ok(Some(object))
    }

    async fn read_again(
        &mut self,
        model: &Model,
        object: &H::Object,
        fields: &[FieldId],
        lock: Option<Lock>,
    ) -> Result<()> {
        let schema = Arc::clone(&self.schema);
        self.open_for_lock(lock)?;
        let mut select = Select::by_key(model, stored_key_of(&self.host, model, object)?);
        (select.lock, select.deleted) = (lock, Deleted::Included);
        if let (false, [Selected::Entity { fields: read, .. }]) =
            (fields.is_empty(), select.items.as_mut_slice())
        {
            *read = Some(fields.to_vec());
        }
        let rows = self.fetch(&select, Fill::All).await?;
        self.load_along(&rows, &select.loads, Reach::default()).await?;
        if rows.into_objects().is_empty() {
            return Err(Error::invalid_request(format!("the row of this {} is gone", model.name())));
        }
        let all: Vec<FieldId> = model.field_ids().collect();
        unload_stale(&self.host, &schema, model, object, if fields.is_empty() { &all } else { fields });
        Ok(())
    }

    /// Expires what the refresh-expire cascade reaches from an object, itself left out, and tells which of its relations
    /// were loaded.
    fn expire_cascaded(&mut self, object: &H::Object) -> Result<Loaded<H>> {
        let schema = Arc::clone(&self.schema);
        let id = self.host.id(object);
        let mut loaded = Loaded::<H>::default();
        let mut reached = self.follow(object, |cascade| cascade.refresh_expire)?;
        for other in &reached {
            if self.host.state(other) != State::Persistent || self.host.home(other) != self.unit.home.id() {
                continue;
            }
            let model = schema.model(self.host.model(other));
            for relation in model.relations.iter().filter(|relation| relation.cascade.refresh_expire) {
                if self.host.is_attached(other, relation.id) {
                    let owners = loaded.entry((model.id, relation.id)).or_default();
                    owners.push(self.host.retain(other));
                }
            }
        }
        for ((_, relation), owners) in &loaded {
            for owner in owners {
                self.host.unload_relation(owner, *relation);
            }
        }
        reached.retain(|other| self.host.id(other) != id);
        reached.iter().try_for_each(|other| self.expire_reached(other))?;
        Ok(loaded)
    }

    fn open_for_lock(&mut self, lock: Option<Lock>) -> Result<()> {
        if lock.is_some() && !self.link.in_transaction() { self.begin() } else { Ok(()) }
    }
}
