//! What a flush must know before it deletes a parent: its children.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::Session;
use super::gather::{Scope, left_to_database, releases, removed};
use super::unit::stored_fields_of;
use crate::error::Result;
use crate::host::{Fill, Host, State};
use crate::load::select_in::Ahead;
use crate::model::{Model, Relation};
use crate::plan::select_in;
use crate::query::{Load, Reach, Strategy};

impl<H: Host> Session<H> {
    /// Loads the children of parents that are to be deleted, and marks those for deletion that the cascade reaches.
    /// Relations that the database sees to (`passive_deletes`, ON DELETE) are left alone.
    pub(super) async fn load_for_deletes(&mut self, scope: &mut Scope) -> Result<()> {
        let marked = self.unit.deleted.iter().filter(|(id, _)| scope.has(**id));
        let mut queue: Vec<H::Object> = marked.map(|(_, object)| self.host.retain(object)).collect();
        let schema = Arc::clone(&self.schema);
        let mut new = FxHashSet::default();
        while let Some(parent) = queue.pop() {
            let model = schema.model(self.host.model(&parent));
            // Their order goes by what they refer to.
            let loaded = self.host.loaded(&parent);
            let mut references = model.references.iter().flat_map(|reference| &reference.fields);
            if model.cyclic && references.any(|field| !loaded.contains(*field)) {
                self.complete(model, &parent).await?;
            }
            for relation in &model.relations {
                let cascades = relation.cascade.delete && !relation.view_only;
                if !cascades && !releases(&schema, relation) {
                    continue;
                }
                // Of a list through a junction ON DELETE concerns links alone.
                let by_database = relation.junction.is_none() && left_to_database(&schema, relation);
                let passive = relation.passive_deletes || by_database;
                if !passive {
                    self.load_children(model, &parent, relation).await?;
                }
                // Those that have moved away are written with their new parent before their old one goes.
                for child in removed(&self.host, &parent, relation)? {
                    if self.host.state(&child) == State::Persistent {
                        scope.reach(self.host.id(&child));
                    }
                }
                if !cascades {
                    continue;
                }
                for child in self.attached(std::slice::from_ref(&parent), relation)? {
                    let id = self.host.id(&child);
                    match self.host.state(&child) {
                        State::Persistent if !self.unit.deleted.contains_key(&id) => {
                            self.unit.delete(&self.host, &schema, &child)?;
                            scope.reach(id);
                            queue.push(child);
                        }
                        // It will not be written, and takes along what was moved to it.
                        State::Transient | State::Pending if new.insert(id) => queue.push(child),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// Loads all children of a parent. A list that may hold a part of them is loaded anew; where the program has changed it,
    /// the others are taken in.
    async fn load_children(
        &mut self,
        model: &Arc<Model>,
        parent: &H::Object,
        relation: &Relation,
    ) -> Result<()> {
        let parents = std::slice::from_ref(parent);
        let load = Load::new(relation.id, Strategy::SelectIn);
        // Rows refer to their parent whether they count as deleted or not.
        let reach = Reach { deleted: true, ..Reach::default() };
        let attached = self.host.is_attached(parent, relation.id);
        if !attached || !self.unit.partial.contains(&(model.root(), relation.id)) {
            return self.load_levels(model, parents, &[load], reach, Ahead::<H>::default()).await;
        }
        if !self.host.relation_changed(parent, relation.id) {
            self.host.unload_relation(parent, relation.id);
            return self.load_levels(model, parents, &[load], reach, Ahead::<H>::default()).await;
        }
        let key = stored_fields_of(&self.host, model, parent, &relation.local)?;
        let lists = key.into_iter().map(|part| vec![part]).collect();
        let mut select = select_in(&self.schema, relation, lists, &load, &[]);
        select.deleted = reach.deleted();
        let known: FxHashSet<_> = self
            .attached(parents, relation)?
            .iter()
            .chain(&removed(&self.host, parent, relation)?)
            .map(|child| self.host.id(child))
            .collect();
        for child in
            self.fetch_all(&[select], Fill::Missing).await?.into_iter().flat_map(|fetched| fetched.objects)
        {
            if !known.contains(&self.host.id(&child)) {
                self.host.join(parent, relation.id, &child)?;
            }
        }
        Ok(())
    }
}
