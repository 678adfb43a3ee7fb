//! Loading what objects lack.

use std::sync::Arc;

use super::Session;
use super::identity::{Key, KeyCells, has_null, own};
use crate::error::{Error, Result};
use crate::host::{Fill, Host};
use crate::load::select_in::{Ahead, loads_of};
use crate::model::{FieldId, Model, ModelId, RelationId};
use crate::plan::select_in;
use crate::query::{Deleted, Item as Selected, Load, Reach, Select, Source, Strategy, strategy_of};

impl<H: Host> Session<H> {
    /// Loads columns and relations of stored objects of one class: of all of them by one statement for each relation, the
    /// relations of one level in one flight. What is loaded already stays as it is, and costs nothing: where nothing is
    /// missing, nothing is sent or flushed.
    ///
    /// # Errors
    /// The objects are of several classes, or one is not stored by this session or its row is gone.
    ///
    /// # Cancelling
    /// Outside a transaction what was loaded before stays; inside one it is broken until a rollback.
    pub async fn load(&mut self, objects: &[H::Object], fields: &[FieldId], loads: &[Load]) -> Result<()> {
        self.link.check()?;
        let Some(first) = objects.first() else { return Ok(()) };
        let schema = Arc::clone(&self.schema);
        let model = schema.model(self.host.model(first));
        for object in objects {
            self.check_loadable(model, object)?;
        }
        if !self.lacks(model, objects, fields, loads)? {
            return Ok(());
        }
        self.load_missing(model, objects, fields, loads).await?;
        self.check_columns(model, objects, fields)
    }

    /// The same of `object` and all objects of its class that the session holds: the cure of loading one by one.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    ///
    /// # Cancelling
    /// As [`load`](Self::load).
    pub async fn load_peers(&mut self, object: &H::Object, fields: &[FieldId], loads: &[Load]) -> Result<()> {
        let schema = Arc::clone(&self.schema);
        let model = schema.model(self.host.model(object));
        self.check_loadable(model, object)?;
        if !self.lacks(model, std::slice::from_ref(object), fields, loads)? {
            return Ok(());
        }
        let mut peers = self.unit.identity.living(&self.host, |wanted| schema.model(wanted).is_a(model.id));
        peers.retain(|peer| self.check_loadable(model, peer).is_ok());
        self.load_missing(model, &peers, fields, loads).await?;
        self.check_columns(model, std::slice::from_ref(object), fields)
    }

    /// [`get`](Self::get) with columns of one's choice. An object that the session holds is completed.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_partly(
        &mut self,
        model: ModelId,
        key: &(impl KeyCells + Sync + ?Sized),
        fields: &[FieldId],
        loads: &[Load],
    ) -> Result<Option<H::Object>> {
        let schema = Arc::clone(&self.schema);
        let model = schema.model(model);
        if key.len() != model.key.len() || self.held(model.id, key)?.is_some() {
            let found = self.get(model.id, key, &[]).await?;
            if let Some(object) = &found {
                self.load(std::slice::from_ref(object), fields, loads).await?;
            }
            return Ok(found);
        }
        if has_null(key)? {
            return Ok(None); // a key with NULL names no row
        }
        self.autoflush(|_| format!("get({})", model.name())).await?;
        if self.held(model.id, key)?.is_some() {
            return Box::pin(self.get_partly(model.id, key, fields, loads)).await;
        }
        self.get_along(model, own(key)?, Some(fields.to_vec()), loads).await
    }

    /// The object of a key, also one that counts as deleted, with `fields` of its own or all but deferred ones; what `loads`
    /// say may count as deleted, too.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_with_deleted(
        &mut self,
        model: ModelId,
        key: &(impl KeyCells + Sync + ?Sized),
        fields: Option<&[FieldId]>,
        loads: &[Load],
    ) -> Result<Option<H::Object>> {
        self.link.check()?;
        let schema = Arc::clone(&self.schema);
        let model = schema.model(model);
        let mut found = self.held(model.id, key)?;
        if key.len() != model.key.len() {
            return self.get(model.id, key, &[]).await; // says so
        }
        if has_null(key)? {
            return Ok(None); // a key with NULL names no row
        }
        if found.as_ref().is_some_and(|held| self.unit.deleted.contains_key(&self.host.id(held))) {
            return Ok(None);
        }
        found = found.filter(|held| !self.unit.is_expired(&self.host, model, held));
        if let (Some(held), Some(fields)) = (&found, fields) {
            self.read_missing(model, std::slice::from_ref(held), fields).await?;
        }
        if found.is_none() {
            self.autoflush(|_| format!("get({})", model.name())).await?;
            let mut select = Select::by_key(model, own(key)?);
            select.deleted = Deleted::Included;
            let fields = fields.map(<[FieldId]>::to_vec);
            select.items = vec![Selected::Entity { source: Source::plain(model.id), fields }];
            let select = self.revised(&select)?.map_or(select, |revised| *revised);
            found = self.fetch(&select, Fill::Missing).await?.into_objects().pop();
        }
        if let Some(object) = &found {
            let criteria = self.criteria_along(model)?;
            let reach = Reach::of(&criteria, Deleted::Included);
            let parents = std::slice::from_ref(object);
            self.load_levels(model, parents, loads, reach, Ahead::<H>::default()).await?;
        }
        Ok(found)
    }

    /// The object of a key that the session does not hold, and what `loads` say of it. Lists whose members refer to the key
    /// are asked for together with the object: one flight for both.
    pub(super) async fn get_along(
        &mut self,
        model: &Arc<Model>,
        key: Key,
        fields: Option<Vec<FieldId>>,
        loads: &[Load],
    ) -> Result<Option<H::Object>> {
        let mut select = Select::by_key(model, key.iter().cloned());
        select.items = vec![Selected::Entity { source: Source::plain(model.id), fields }];
        select.loads = loads.to_vec();
        if let Some(revised) = self.revised(&select)? {
            let rows = self.fetch(&revised, Fill::Missing).await?;
            let reach = Reach::of(&revised.criteria, revised.deleted);
            self.load_along(&rows, &revised.loads, reach).await?;
            return Ok(rows.into_objects().pop());
        }
        let (mut selects, mut ahead) = (vec![select], Vec::new());
        for load in loads_of(model, loads) {
            let relation = model.relation(load.relation);
            let is_own = load.strategy == Strategy::SelectIn && load.aside.is_none();
            if is_own && relation.local == model.key {
                let keys = key.iter().map(|part| vec![part.clone()]).collect();
                selects.push(select_in(&self.schema, relation, keys, &load, &[]));
                ahead.push(relation.id);
            }
        }
        let mut answers = self.fetch_all(&selects, Fill::Missing).await?.into_iter();
        let Some(object) = answers.next().and_then(|found| found.objects.into_iter().next()) else {
            return Ok(None);
        };
        let ahead = ahead.into_iter().zip(answers).collect();
        let parents = std::slice::from_ref(&object);
        self.load_levels(model, parents, loads, Reach::default(), ahead).await?;
        Ok(Some(object))
    }

    async fn load_missing(
        &mut self,
        model: &Arc<Model>,
        objects: &[H::Object],
        fields: &[FieldId],
        loads: &[Load],
    ) -> Result<()> {
        self.autoflush(|_| format!("load({})", model.name())).await?;
        self.read_missing(model, objects, fields).await?;
        self.load_relations(model, objects, loads).await
    }

    fn check_columns(&self, model: &Model, objects: &[H::Object], fields: &[FieldId]) -> Result<()> {
        if self.lacks_any(objects, fields) {
            return Err(Error::invalid_request(format!("the row of this {} is gone", model.name())));
        }
        Ok(())
    }

    fn check_loadable(&self, model: &Model, object: &H::Object) -> Result<()> {
        let found = self.host.model(object);
        if found != model.id {
            return Err(Error::invalid_request(format!(
                "load() takes objects of one class, not of {} and {}: call it for each class",
                model.name(),
                self.schema.model(found).name()
            )));
        }
        self.check_stored(object, "loaded")
    }

    /// Notes that lists of a relation may hold a part of what is there.
    pub(crate) fn note_partial(&mut self, model: ModelId, relation: RelationId) {
        self.unit.partial.insert((self.schema.model(model).root(), relation));
    }

    /// True when one of the objects lacks one of the fields.
    pub(crate) fn lacks_any(&self, objects: &[H::Object], fields: &[FieldId]) -> bool {
        let lacks = |object: &H::Object| {
            let loaded = self.host.loaded(object);
            fields.iter().any(|field| !loaded.contains(*field))
        };
        !fields.is_empty() && objects.iter().any(lacks)
    }

    /// True when something is to be loaded.
    fn lacks(
        &self,
        model: &Model,
        objects: &[H::Object],
        fields: &[FieldId],
        loads: &[Load],
    ) -> Result<bool> {
        if self.lacks_any(objects, fields) {
            return Ok(true);
        }
        for load in loads {
            let relation = model.relation(load.relation);
            if matches!(strategy_of(relation, Some(load)), Strategy::Raise | Strategy::Default) {
                continue;
            }
            if load.depth > 1
                || load.aside.is_some()
                || objects.iter().any(|object| !self.host.is_attached(object, relation.id))
            {
                return Ok(true);
            }
            let children = self.attached(objects, relation)?;
            let fields = load.fields.as_deref().unwrap_or_default();
            if self.lacks(self.schema.model(relation.target), &children, fields, &load.then)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
