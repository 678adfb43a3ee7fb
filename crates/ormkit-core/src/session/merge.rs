//! `merge`: what another object knows, taken over into the session's object of its key.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Session;
use super::gather::related;
use super::group::shown;
use super::identity::{Key, has_null};
use super::unit::{key_of, values_of};
use crate::error::{Error, ErrorKind, Result};
use crate::host::{Host, ObjectId, State};
use crate::model::{FieldId, Lazy, Model, ModelId, Relation};
use crate::query::{Load, Strategy};

/// The session's objects, by the given ones and by their keys.
struct Merged<H: Host> {
    /// A given object and the session's, in the order in which they were met.
    pairs: Vec<(H::Object, H::Object)>,
    by_object: FxHashMap<ObjectId, usize>,
    by_key: Vec<(ModelId, Key, usize)>,
}

impl<H: Host> Session<H> {
    /// Takes over what `given` knows (a new object, one of another session, or of none) into the session's object of its
    /// key, which is read from the database where the session does not hold it. Without such a row it is a new object, to
    /// be inserted. Relations with the merge cascade that `given` has loaded are taken over with their objects. Answers
    /// the session's object; `given` stays what it was. An object of this session is answered as it is.
    ///
    /// Pending changes are written first where the session does that.
    ///
    /// # Errors
    /// `given` was deleted, or the session's object is marked for deletion; what reading says.
    pub async fn merge(&mut self, given: &H::Object, loads: &[Load]) -> Result<H::Object> {
        let model = self.host.model(given);
        self.autoflush(|schema| format!("merge of {}", schema.model(model).name())).await?;
        let mut merged =
            Merged::<H> { pairs: Vec::new(), by_object: FxHashMap::default(), by_key: Vec::new() };
        let mut queue = VecDeque::from([self.host.retain(given)]);
        while let Some(given) = queue.pop_front() {
            if merged.by_object.contains_key(&self.host.id(&given)) {
                continue;
            }
            let loads = if merged.pairs.is_empty() { loads } else { &[] };
            let target = self.target_of(&given, loads, &mut merged).await?;
            if self.host.id(&target) == self.host.id(&given) {
                continue;
            }
            let schema = Arc::clone(&self.schema);
            let model = schema.model(self.host.model(&given));
            self.take_over_columns(model, &given, &target)?;
            for relation in self.relations_of(model, &given) {
                if relation.many {
                    let load = [Load::new(relation.id, Strategy::SelectIn)];
                    self.load_relations(model, std::slice::from_ref(&target), &load).await?;
                }
                queue.extend(related(&self.host, &given, relation)?);
            }
        }
        for at in 0..merged.pairs.len() {
            self.take_over_relations(&merged, at).await?;
        }
        Ok(self.host.retain(&merged.pairs[0].1))
    }

    /// The session's object for a given one.
    async fn target_of(
        &mut self,
        given: &H::Object,
        loads: &[Load],
        merged: &mut Merged<H>,
    ) -> Result<H::Object> {
        let schema = Arc::clone(&self.schema);
        let model = schema.model(self.host.model(given));
        let state = self.host.state(given);
        let is_own = self.host.home(given) == self.unit.home.id();
        let key = key_of(&self.host, model, given)?;
        let keyed = !has_null(&key)?;
        let known = merged.by_key.iter().find(|(id, other, _)| keyed && *id == model.id && *other == key);
        let target = match known {
            _ if is_own && matches!(state, State::Pending | State::Persistent) => self.host.retain(given),
            _ if state == State::Deleted => {
                return Err(Error::invalid_request(format!(
                    "this {} was deleted: there is no row to merge it into",
                    model.name()
                )));
            }
            Some((_, _, at)) => self.host.retain(&merged.pairs[*at].1),
            None => match self.row_of(model, &key, keyed, loads).await? {
                Some(target) => target,
                None => {
                    let new = self.host.blank(model)?;
                    self.unit.add(&self.host, &schema, &new)?;
                    new
                }
            },
        };
        let at = merged.pairs.len();
        if keyed {
            merged.by_key.push((model.id, key, at));
        }
        merged.by_object.insert(self.host.id(given), at);
        merged.pairs.push((self.host.retain(given), self.host.retain(&target)));
        Ok(target)
    }

    async fn row_of(
        &mut self,
        model: &Model,
        key: &Key,
        keyed: bool,
        loads: &[Load],
    ) -> Result<Option<H::Object>> {
        if !keyed {
            return Ok(None);
        }
        if let Some(held) = self.held(model.id, key)?
            && self.unit.deleted.contains_key(&self.host.id(&held))
        {
            return Err(Error::invalid_request(format!(
                "the session's {} of this key is marked for deletion: add() it first, or flush",
                model.name()
            )));
        }
        match model.tombstone {
            None => self.get(model.id, key, loads).await,
            Some(_) => self.get_with_deleted(model.id, key, None, loads).await,
        }
    }

    fn take_over_columns(&self, model: &Model, given: &H::Object, target: &H::Object) -> Result<()> {
        let is_new = |object| matches!(self.host.state(object), State::Transient | State::Pending);
        let into_new = is_new(target);
        // What a new object has from defaults alone is no change of a row that is there.
        let fields = match is_new(given) {
            true if into_new => self.host.given(given)?,
            true => self.host.changed(given)?,
            false => self.host.loaded(given),
        };
        let is_column = |field: &FieldId| model.property(*field).is_none();
        let version = model.upkeep.version.map(|(version, _)| version).filter(|_| !into_new);
        if let Some(version) = version.filter(|version| fields.contains(*version)) {
            self.check_version(model, version, given, target)?;
        }
        // The row stays of its class.
        let kind = model.family.as_ref().map(|family| family.discriminator);
        let stays =
            |field: &FieldId| model.key.contains(field) || version == Some(*field) || kind == Some(*field);
        let is_taken = |field: &FieldId| is_column(field) && (into_new || !stays(field));
        for field in fields.iter().filter(is_taken) {
            self.host.copy(Some((given, field)), target, field)?;
        }
        Ok(())
    }

    /// # Errors
    /// `StaleRow`: the row was changed since the given object was read.
    fn check_version(
        &self,
        model: &Model,
        version: FieldId,
        given: &H::Object,
        target: &H::Object,
    ) -> Result<()> {
        let of = |object| values_of(&self.host, model, object, &[version]);
        if self.host.id(given) == self.host.id(target) || of(given)? == of(target)? {
            return Ok(());
        }
        let (table, objects) = (model.table().to_string(), vec![shown(&self.host, model, target)]);
        Err(Error::new(ErrorKind::StaleRow { table, action: "merge", expected: 1, matched: 0, objects }))
    }

    /// The relations that a given object hands over: a new one's that were set, else those that are loaded.
    fn relations_of<'a>(&self, model: &'a Model, given: &H::Object) -> Vec<&'a Relation> {
        let is_new = matches!(self.host.state(given), State::Transient | State::Pending);
        let is_given = |relation: &&Relation| {
            let set = || {
                self.host.relation_changed(given, relation.id)
                    || related(&self.host, given, relation).is_ok_and(|members| !members.is_empty())
            };
            relation.cascade.merge
                && !relation.view_only
                && if is_new || relation.lazy == Lazy::WriteOnly {
                    set()
                } else {
                    self.host.is_attached(given, relation.id)
                }
        };
        model.relations.iter().filter(is_given).collect()
    }

    async fn take_over_relations(&mut self, merged: &Merged<H>, at: usize) -> Result<()> {
        let (given, target) = &merged.pairs[at];
        if self.host.id(given) == self.host.id(target) {
            return Ok(());
        }
        let schema = Arc::clone(&self.schema);
        let model = schema.model(self.host.model(given));
        for relation in self.relations_of(model, given) {
            let members = related(&self.host, given, relation)?;
            let wanted: Vec<&H::Object> = members
                .iter()
                .filter_map(|member| merged.by_object.get(&self.host.id(member)))
                .map(|at| &merged.pairs[*at].1)
                .collect();
            // What a write-only list holds is not known: what came is taken over.
            let is_known = relation.lazy != Lazy::WriteOnly;
            if is_known {
                let load = [Load::new(relation.id, Strategy::SelectIn)];
                self.load_relations(model, std::slice::from_ref(target), &load).await?;
            }
            let has = |members: &[H::Object], object: &H::Object| {
                members.iter().any(|member| self.host.id(member) == self.host.id(object))
            };
            let current = related(&self.host, target, relation)?;
            for member in current.iter().filter(|_| is_known) {
                if !wanted.iter().any(|wanted| self.host.id(wanted) == self.host.id(member)) {
                    self.host.leave(target, relation.id, member)?;
                    relation.back.map_or(Ok(()), |back| self.host.leave(member, back, target))?;
                }
            }
            for member in wanted.into_iter().filter(|member| !has(&current, member)) {
                self.host.join(target, relation.id, member)?;
                relation.back.map_or(Ok(()), |back| self.host.join(member, back, target))?;
            }
        }
        Ok(())
    }
}
