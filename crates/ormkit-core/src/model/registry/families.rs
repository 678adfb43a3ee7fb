//! Classes that extend one class and share its rows.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::family::{Family, Kinship, Mark, OwnTable, Part};
use super::super::{FieldId, FieldIds, ModelDef, ModelId};
use super::{Registry, Space, check_alone, check_columns};
use crate::error::{Error, ErrorKind, Result};

/// What is known of families before references are resolved.
#[derive(Debug, Default)]
pub(super) struct Families {
    kin: HashMap<ModelId, Kin>,
    /// The newest table of the class that brings it, with the columns of all that share it.
    shared: HashMap<ModelId, ModelId>,
    /// The other way round.
    owners: HashMap<ModelId, ModelId>,
}

#[derive(Debug)]
struct Kin {
    parent: Option<ModelId>,
    discriminator: FieldId,
    mark: Option<Mark>,
    own: usize,
    is_joined: bool,
    parts: Vec<Part>,
}

impl Families {
    fn above(&self, id: ModelId) -> Vec<ModelId> {
        let up = |id: &ModelId| self.kin.get(id).and_then(|kin| kin.parent);
        std::iter::successors(up(&id), up).collect()
    }

    /// The class of the family that a class extends.
    pub(super) fn parent(&self, id: ModelId) -> Option<ModelId> {
        self.kin.get(&id)?.parent
    }

    /// True when `class` extends `of`, at any depth.
    pub(super) fn extends(&self, class: ModelId, of: ModelId) -> bool {
        self.above(class).contains(&of)
    }

    /// The class that the family of a class begins with.
    pub(super) fn root(&self, id: ModelId) -> Option<ModelId> {
        self.kin.get(&id)?;
        Some(self.above(id).last().copied().unwrap_or(id))
    }

    /// The class that brings the table in which the columns of a class stand.
    fn table_owner(&self, id: ModelId) -> ModelId {
        match self.kin.get(&id) {
            Some(Kin { parent: Some(parent), is_joined: false, .. }) => self.table_owner(*parent),
            _ => id,
        }
    }

    /// The class that a table belongs to, where it is one of a family's.
    pub(super) fn owner(&self, table: ModelId) -> Option<ModelId> {
        self.owners.get(&table).copied()
    }

    /// The first class of the family whose first table a model stands for.
    pub(super) fn first_of(&self, table: ModelId) -> Option<ModelId> {
        let owner = self.owner(table).unwrap_or(table);
        self.kin.get(&owner).filter(|kin| kin.parent.is_none()).map(|_| owner)
    }
}

impl Registry {
    /// Declares a class of a family: its fields and relations begin with those of the class that it extends, in their order.
    ///
    /// # Errors
    /// As [`declare_in`](Self::declare_in); the class that is extended is of no family, fields or relations do not begin with
    /// its own, two classes have one mark, or a column that two of them share is of two types.
    ///
    /// # Panics
    /// When a number is of another registry.
    pub fn declare_kin(&mut self, space: Space, def: ModelDef, kinship: Kinship) -> Result<ModelId> {
        check_alone(&def)?;
        let Kinship { parent, discriminator, mark, joined } = kinship;
        let mistake = |text: String| Err(Error::new(ErrorKind::Mapping(format!("{}: {text}", def.name))));
        let Some(parent) = parent else {
            let Some(discriminator) = discriminator else {
                return mistake("a family needs a column that tells of which class a row is".into());
            };
            let own = def.fields.len();
            let id = self.push(space, def);
            let kin = Kin { parent: None, discriminator, mark, own, is_joined: false, parts: Vec::new() };
            self.families.kin.insert(id, kin);
            return Ok(id);
        };
        let above = self.def(parent);
        let Some(kin) = self.families.kin.get(&parent) else {
            return mistake(format!("{} has no column that tells of which class a row is", above.name));
        };
        let discriminator = kin.discriminator;
        let (own, parent_parts) = (above.fields.len(), kin.parts.clone());
        let fields = above.fields.iter().map(|field| &field.name);
        let relations = above.relations.iter().map(|relation| &relation.name);
        let begins = fields.clone().eq(def.fields.iter().map(|field| &field.name).take(own))
            && relations.clone().eq(def
                .relations
                .iter()
                .map(|relation| &relation.name)
                .take(relations.len()));
        if !begins {
            return mistake(format!(
                "a column or relation of {} is declared again: rows of both are read together, so leave it as it is \
                 there",
                above.name
            ));
        }
        if let Some(other) = self.marked_alike(parent, &def, mark.as_ref()) {
            let mark = mark.expect("two classes without a mark are not alike");
            return mistake(format!("{} has the polymorphic_identity {mark}, too", self.def(other).name));
        }
        let id = ModelId(self.defs.len() as u32);
        let mut parts = parent_parts;
        let is_joined = joined.is_some();
        if let Some(OwnTable { def: table, key }) = joined {
            check_columns(&table)?;
            if parts.is_empty() {
                let all = (0..own as u16).map(|at| (FieldId(at), FieldId(at))).collect();
                parts.push(Part { model: parent, fields: all, mirrors: FieldIds::new() });
            }
            self.push(space, def);
            let def = self.def(id);
            let mut fields: Vec<(FieldId, FieldId)> =
                key.iter().enumerate().map(|(at, field)| (*field, FieldId(at as u16))).collect();
            let mut mirrors = FieldIds::new();
            for (at, field) in table.fields.iter().enumerate() {
                let of_class = def.fields.iter().skip(own).position(|known| known.column == field.column);
                match of_class.map(|found| FieldId((own + found) as u16)) {
                    Some(mirror) if at < key.len() => mirrors.push(mirror),
                    Some(own) => fields.push((own, FieldId(at as u16))),
                    None => {}
                }
            }
            let model = self.push_table(space, table, id);
            parts.push(Part { model, fields, mirrors });
        } else {
            let owner = self.families.table_owner(parent);
            let table = self.widened_table(owner, parent, &def)?;
            self.push(space, def);
            let def = self.def(id);
            let of_table = |column: &str| {
                let at = table.fields.iter().position(|field| field.column == column);
                FieldId(at.expect("the table has the columns of all that share it") as u16)
            };
            if let Some(part) = parts.last_mut() {
                let fresh =
                    def.fields.iter().enumerate().skip(own).filter(|(_, field)| field.property.is_none());
                part.fields.extend(fresh.map(|(at, field)| (FieldId(at as u16), of_table(&field.column))));
            }
            let model = self.push_table(space, table, owner);
            if let Some(part) = parts.last_mut() {
                part.model = model;
            }
        }
        let kin = Kin { parent: Some(parent), discriminator, mark, own, is_joined, parts };
        self.families.kin.insert(id, kin);
        Ok(id)
    }

    /// The field that tells of which class of its family a row is; None for a class of none.
    pub fn discriminator(&self, id: ModelId) -> Option<FieldId> {
        self.families.kin.get(&id).map(|kin| kin.discriminator)
    }

    /// What stands for the table that holds the own columns of a class of a family, with the columns of all that share it;
    /// None where it is the class's own alone.
    pub fn shared_table(&self, id: ModelId) -> Option<ModelId> {
        self.families.kin.get(&id)?;
        self.families.shared.get(&self.families.table_owner(id)).copied()
    }

    fn push_table(&mut self, space: Space, table: ModelDef, owner: ModelId) -> ModelId {
        let model = self.push(space, table);
        self.bare.insert(model);
        self.families.shared.insert(owner, model);
        self.families.owners.insert(model, owner);
        model
    }

    /// The table that `def` shares with `parent` and others, with its columns. They take NULL: the rows of the others have no
    /// value there.
    fn widened_table(&self, owner: ModelId, parent: ModelId, def: &ModelDef) -> Result<ModelDef> {
        let current = self.families.shared.get(&owner).copied().unwrap_or(owner);
        let mut table = ModelDef { relations: Vec::new(), ..self.def(current).clone() };
        let above = self.def(parent);
        for field in def.fields[above.fields.len()..].iter().filter(|field| field.property.is_none()) {
            match table.fields.iter().find(|known| known.column == field.column) {
                None => {
                    let mut field = field.clone();
                    field.nullable = true;
                    table.fields.push(field);
                }
                Some(known) if known.column_type == field.column_type => {}
                Some(_) => {
                    return Err(Error::new(ErrorKind::Mapping(format!(
                        "{}.{}: the column `{}` of `{}` has another type in another class",
                        def.name, field.name, field.column, def.table
                    ))));
                }
            }
        }
        let fresh = def.constraints.iter().filter(|known| !table.constraints.contains(known));
        let fresh: Vec<_> = fresh.cloned().collect();
        table.constraints.extend(fresh);
        let fresh: Vec<_> =
            def.indexes.iter().filter(|known| !table.indexes.contains(known)).cloned().collect();
        table.indexes.extend(fresh);
        Ok(table)
    }

    /// Another class of the family of `parent` with the mark that `def` is to have.
    fn marked_alike(&self, parent: ModelId, def: &ModelDef, mark: Option<&Mark>) -> Option<ModelId> {
        let mark = mark?;
        let root = self.families.root(parent)?;
        self.families.kin.iter().find_map(|(id, kin)| {
            let other = self.def(*id);
            let is_again = other.name == def.name && other.module == def.module;
            let alike = kin.mark.as_ref() == Some(mark) && self.families.root(*id) == Some(root);
            (alike && !is_again && !self.is_replaced(*id)).then_some(*id)
        })
    }

    /// What stands for the tables of a class of a family, the first class's first.
    fn family_tables(&self, id: ModelId) -> Vec<ModelId> {
        let owner = self.families.table_owner(id);
        let above = self.families.parent(owner).map_or_else(Vec::new, |above| self.family_tables(above));
        let own = self.families.shared.get(&owner).copied().unwrap_or(owner);
        above.into_iter().chain([own]).collect()
    }

    /// What is known of a class of a family, with all that extend it so far.
    pub(super) fn family(&self, id: ModelId) -> Option<Arc<Family>> {
        let kin = self.families.kin.get(&id)?;
        let above = self.families.above(id);
        let ids = (id.0 + 1..self.defs.len() as u32).map(ModelId);
        let below = ids
            .filter(|other| {
                self.families.kin.contains_key(other)
                    && self.families.above(*other).contains(&id)
                    && !self.is_replaced(*other)
            })
            .collect();
        Some(Arc::new(Family {
            root: above.last().copied().unwrap_or(id),
            above,
            discriminator: kin.discriminator,
            mark: kin.mark.clone(),
            below,
            own: if kin.parent.is_some() { kin.own } else { 0 },
            is_filtered: kin.parent.is_some() && !kin.is_joined,
            parts: kin.parts.clone(),
            tables: self.family_tables(id),
        }))
    }
}
