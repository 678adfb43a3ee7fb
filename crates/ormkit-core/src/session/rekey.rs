//! Keys that change: the identity map, and objects whose foreign keys the database has carried along.

use std::sync::Arc;

use super::Session;
use super::gather::follows_by_itself;
use super::identity::Key;
use super::journal::Action;
use super::unit::{key_of, values_of};
use crate::error::Result;
use crate::host::Host;
use crate::model::{Model, Reference};

impl<H: Host> Session<H> {
    /// The rows of `objects` had the keys `old` and have new ones. What the session holds of rows that the database has
    /// updated along (ON UPDATE CASCADE) says so.
    pub(super) fn rekey(&mut self, model: &Arc<Model>, objects: &[H::Object], old: &[Key]) -> Result<()> {
        // All of them leave before one comes: it may take the key of another.
        for (object, old) in objects.iter().zip(old) {
            self.unit.identity.remove(&self.host, model.id, old, object)?;
        }
        for object in objects {
            let new = key_of(&self.host, model, object)?;
            self.unit.identity.insert(&self.host, model.id, &new, object)?;
            self.unit.journal.rekeyed(self.host.id(object), model.id, new);
        }
        for (object, old) in objects.iter().zip(old) {
            self.carry_along(model, object, old)?;
        }
        Ok(())
    }

    fn carry_along(&mut self, model: &Model, parent: &H::Object, old: &Key) -> Result<()> {
        let schema = Arc::clone(&self.schema);
        let follows = |child: &Model, reference: &Reference| {
            model.is_a(reference.target) && follows_by_itself(child, &reference.fields)
        };
        for (id, key, child) in self.unit.identity.all(&self.host) {
            let child_model = schema.model(id);
            for reference in child_model.references.iter().filter(|reference| follows(child_model, reference))
            {
                let named = values_of(&self.host, child_model, &child, &reference.fields);
                // One that is not loaded is not known either.
                let names_it = named.is_ok_and(|named| is_key(model, reference, old, &named));
                if names_it {
                    self.carry(parent, child_model, &child, key.clone(), reference)?;
                }
            }
        }
        Ok(())
    }

    fn carry(
        &mut self,
        parent: &H::Object,
        model: &Arc<Model>,
        child: &H::Object,
        key: Key,
        reference: &Reference,
    ) -> Result<()> {
        self.unit.journal.note(&self.host, Action::Update, child, Some((model.id, key.clone())));
        for (from, into) in reference.target_fields.iter().zip(&reference.fields) {
            self.host.carry((parent, *from), child, *into)?;
        }
        if reference.fields.iter().any(|field| model.key.contains(field)) {
            self.rekey(model, std::slice::from_ref(child), &[key])?;
        }
        Ok(())
    }
}

/// True when a reference names the old key of its target.
fn is_key(target: &Model, reference: &Reference, old: &Key, named: &Key) -> bool {
    let part = |field| target.key.iter().position(|key| key == field).and_then(|at| old.get(at));
    reference.target_fields.iter().zip(named).all(|(field, value)| part(field) == Some(value))
}
