//! References that own what they lead to: `delete-orphan` on the side that holds the key.

use std::sync::Arc;

use super::Session;
use super::cascade::Adopted;
use super::gather::{Scope, related, removed};
use super::identity::has_null;
use super::unit::stored_fields_of;
use crate::error::Result;
use crate::host::{Fill, Host, State};
use crate::model::{Relation, RelationKind};
use crate::plan::select_in;
use crate::query::{Deleted, Load, Strategy};

impl<H: Host> Session<H> {
    /// Marks for deletion what owning references have let go of that were set without being loaded: it is read first.
    pub(super) async fn mark_unseen_orphans(&mut self, scope: &mut Scope) -> Result<()> {
        let schema = Arc::clone(&self.schema);
        let owns = |relation: &Relation| {
            relation.kind == RelationKind::ManyToOne && relation.cascade.delete_orphan && !relation.view_only
        };
        let mut owners = self.unit.active(&self.host, &schema, scope, owns);
        owners.extend(self.unit.leaving(&self.host, &schema, scope, owns));
        let mut left = Vec::new();
        for owner in owners {
            let model = schema.model(self.host.model(&owner));
            for relation in model.relations.iter().filter(|relation| owns(relation)) {
                let unseen = self.host.state(&owner) == State::Persistent
                    && self.host.relation_changed(&owner, relation.id)
                    && removed(&self.host, &owner, relation)?.is_empty();
                let key = match unseen {
                    true => stored_fields_of(&self.host, model, &owner, &relation.local)?,
                    false => continue,
                };
                if has_null(&key)? {
                    continue;
                }
                let lists = key.into_iter().map(|part| vec![part]).collect();
                let load = Load::new(relation.id, Strategy::SelectIn);
                let mut select = select_in(&schema, relation, lists, &load, &[]);
                select.deleted = Deleted::Included;
                let found = self.fetch_all(&[select], Fill::Missing).await?;
                let now = related(&self.host, &owner, relation)?;
                for old in found.into_iter().flat_map(|fetched| fetched.objects) {
                    if !now.iter().any(|object| self.host.id(object) == self.host.id(&old)) {
                        left.push((Arc::clone(model), relation.id, old));
                    }
                }
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        let adopted = Adopted::find(&self.host, &schema, &self.unit, scope)?;
        for (model, relation, old) in left {
            let relation = model.relation(relation);
            if self.host.state(&old) == State::Persistent
                && !adopted.has(&self.host, &schema, &model, &old, relation)?
            {
                scope.reach(self.host.id(&old));
                self.unit.delete(&self.host, &schema, &old)?;
            }
        }
        Ok(())
    }
}
