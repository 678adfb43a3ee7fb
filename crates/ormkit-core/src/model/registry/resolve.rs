//! The cross-references of declarations: which key a relation follows, what a name means, which sides belong together.

use std::collections::HashSet;

use super::super::{
    Constraint, Field, FieldId, FieldIds, Model, ModelDef, ModelId, Reference, Relation, RelationDef,
    RelationId, RelationKind, TableName,
};
use super::{Mistakes, Registry};
use crate::error::near_matches;

/// What [`Resolver::resolve`] finds out about one model.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) key: FieldIds,
    pub(super) relations: Vec<Relation>,
    pub(super) references: Vec<Reference>,
}

impl Parts {
    pub(super) fn of(model: &Model) -> Self {
        Self {
            key: model.key.clone(),
            relations: model.relations.clone(),
            references: model.references.clone(),
        }
    }
}

/// The columns that a relation without a junction goes by.
struct Way {
    kind: RelationKind,
    local: FieldIds,
    remote: FieldIds,
    keyless: bool,
}

pub(super) struct Resolver<'a> {
    pub(super) registry: &'a Registry,
}

impl Resolver<'_> {
    pub(super) fn resolve(&self, id: ModelId, mistakes: &mut Vec<String>) -> Parts {
        let def = self.registry.def(id);
        let key = ids(def, |index| def.fields[index].primary_key);
        let references = self.references(id, mistakes);
        let mut relations = Vec::with_capacity(def.relations.len());
        for (index, relation) in def.relations.iter().enumerate() {
            // What a class brings means the same below it: its fields are the first ones there.
            let of = self.brought_by(id, index);
            let brought = if of == id { relation } else { &self.registry.def(of).relations[index] };
            match self.relation(of, RelationId(index as u16), brought) {
                Ok(relation) => relations.push(relation),
                Err(mistake) => mistakes.push(format!("{}.{}: {mistake}", def.name, relation.name)),
            }
        }
        Parts { key, relations, references }
    }

    /// The class of a family whose relation it is, among a class and those above it.
    fn brought_by(&self, id: ModelId, relation: usize) -> ModelId {
        let has = |class: &ModelId| relation < self.registry.def(*class).relations.len();
        let up = |class: &ModelId| self.registry.families.parent(*class).filter(has);
        std::iter::successors(Some(id), up).last().unwrap_or(id)
    }

    /// The model of a table, for an object of `from`: itself if it is its own, else the newest.
    pub(super) fn table(&self, table: &TableName, from: ModelId) -> Option<ModelId> {
        if self.registry.def(from).table == *table {
            return Some(from);
        }
        let found = self.registry.find_table(self.registry.space(from), table)?;
        Some(self.registry.families.owner(found).unwrap_or(found))
    }

    pub(super) fn references(&self, id: ModelId, mistakes: &mut Vec<String>) -> Vec<Reference> {
        let def = self.registry.def(id);
        let mut references = Vec::new();
        let single = def.fields.iter().enumerate().filter_map(|(index, field)| {
            let key = field.foreign_key.as_ref()?;
            Some((vec![FieldId(index as u16)], &key.table, std::slice::from_ref(&key.column)))
        });
        let several = def.constraints.iter().filter_map(|constraint| match constraint {
            Constraint::ForeignKey { columns, table, referred, .. } => {
                let own = columns.iter().filter_map(|column| field_of_column(def, column)).collect();
                Some((own, table, referred.as_slice()))
            }
            _ => None,
        });
        for (fields, table, referred) in single.chain(several) {
            match self.reference(id, &fields, table, referred) {
                Ok(reference) => references.push(reference),
                Err(mistake) => {
                    let own: Vec<_> =
                        fields.iter().map(|field| def.fields[field.index()].name.as_str()).collect();
                    mistakes.push(format!("{}.{}: {mistake}", def.name, own.join(", ")));
                }
            }
        }
        references
    }

    pub(super) fn reference(
        &self,
        id: ModelId,
        fields: &[FieldId],
        table: &TableName,
        referred: &[String],
    ) -> Result<Reference, String> {
        let target = self.table(table, id).ok_or_else(|| {
            let known: Vec<String> = self.registry.defs.iter().map(|def| def.table.to_string()).collect();
            let near = hint(&table.to_string(), known.iter().map(String::as_str));
            format!("the foreign key names the table `{table}`, which no model declares{near}")
        })?;
        let target_def = self.registry.def(target);
        let mut target_fields = FieldIds::new();
        for column in referred {
            target_fields.push(field_of_column(target_def, column).ok_or_else(|| {
                let near = hint(column, target_def.fields.iter().map(|field| field.column.as_str()));
                format!(
                    "the foreign key names the column `{table}.{column}`, which {} does not have{near}",
                    target_def.name
                )
            })?);
        }
        if target_fields.len() != fields.len() {
            return Err("a foreign key needs as many columns as it refers to".to_owned());
        }
        Ok(Reference { fields: fields.iter().copied().collect(), target, target_fields })
    }

    pub(super) fn relation(
        &self,
        id: ModelId,
        number: RelationId,
        relation: &RelationDef,
    ) -> Result<Relation, String> {
        if let Some(secondary) = &relation.secondary {
            return self.many_to_many(id, number, relation, secondary);
        }
        let def = self.registry.def(id);
        let target = self.registry.target(id, relation)?;
        let Way { kind, local, remote, keyless } = self.way(id, target, relation)?;
        let many = relation.many.unwrap_or(kind == RelationKind::OneToMany);
        if many && kind == RelationKind::ManyToOne {
            return Err(format!(
                "is a list, but the foreign key is on {} itself: annotate it as one object, or give `{}` the key",
                def.name,
                self.registry.def(target).name
            ));
        }
        if relation.single_parent
            && kind == RelationKind::ManyToOne
            && !relation.cascade.delete_orphan
            && !self.is_single(def, target, relation, &local)
        {
            return Err("single_parent=True, and nothing keeps an object from a second parent: declare the foreign key's \
                        column with unique=True"
                .to_owned());
        }
        Ok(Relation {
            id: number,
            name: relation.name.clone(),
            target,
            kind,
            many,
            local,
            remote,
            junction: None,
            back: None,
            order_by: self.order(target, &relation.order_by)?,
            cascade: relation.cascade,
            lazy: relation.lazy,
            inner_join: relation.inner_join,
            passive_deletes: relation.passive_deletes,
            post_update: relation.post_update,
            view_only: relation.view_only,
            keyless,
            condition: relation.condition.clone(),
        })
    }

    /// True where one object of a model at most refers to one of the target: the columns are unique, or the relation back
    /// holds one object.
    fn is_single(&self, def: &ModelDef, target: ModelId, relation: &RelationDef, local: &FieldIds) -> bool {
        let columns: HashSet<&str> =
            local.iter().map(|field| def.fields[field.index()].column.as_str()).collect();
        let same = |names: &mut dyn Iterator<Item = &str>| names.collect::<HashSet<&str>>() == columns;
        let by_field = matches!(&local[..], [only] if def.fields[only.index()].unique);
        let key = def.fields.iter().filter(|field| field.primary_key).map(|field| field.column.as_str());
        let by_constraint = def.constraints.iter().any(|constraint| match constraint {
            Constraint::Unique { columns, .. } => same(&mut columns.iter().map(String::as_str)),
            _ => false,
        });
        let back = relation.back_populates.as_ref();
        let holds_one = self
            .registry
            .def(target)
            .relations
            .iter()
            .any(|other| Some(&other.name) == back && other.many == Some(false));
        by_field || by_constraint || holds_one || same(&mut key.into_iter())
    }

    /// The columns that a relation without a junction goes by: those of a foreign key, unless others are said.
    fn way(&self, id: ModelId, target: ModelId, relation: &RelationDef) -> Result<Way, String> {
        let by_key = self.join(id, target, relation).and_then(|(kind, reference)| {
            let far = |fields: &FieldIds, of: ModelId| self.same_columns(fields, reference.target, of);
            let (local, remote) = match kind {
                RelationKind::ManyToOne => (reference.fields.clone(), far(&reference.target_fields, target)?),
                RelationKind::OneToMany | RelationKind::ManyToMany => {
                    (far(&reference.target_fields, id)?, reference.fields.clone())
                }
            };
            Ok(Way { kind, local, remote, keyless: false })
        });
        let Some(pairs) = &relation.pairs else { return by_key };
        let field = |of: ModelId, column: &String| {
            let def = self.registry.def(of);
            let names = |field: &Field| field.name == *column || field.column == *column;
            def.fields.iter().position(names).map(|at| FieldId(at as u16)).ok_or_else(|| {
                let near = hint(column, def.fields.iter().map(|field| field.name.as_str()));
                format!("primaryjoin names `{column}`, which {} does not have{near}", def.name)
            })
        };
        let (mut local, mut remote) = (FieldIds::new(), FieldIds::new());
        for (own, other) in &pairs.columns {
            local.push(field(id, own)?);
            remote.push(field(target, other)?);
        }
        let kind = if pairs.own { RelationKind::ManyToOne } else { RelationKind::OneToMany };
        match by_key {
            Ok(by_key) if by_key.kind == kind && by_key.local == local && by_key.remote == remote => {
                Ok(by_key)
            }
            _ => Ok(Way { kind, local, remote, keyless: true }),
        }
    }

    /// Which side holds the key, and which key it is.
    pub(super) fn join(
        &self,
        id: ModelId,
        target: ModelId,
        relation: &RelationDef,
    ) -> Result<(RelationKind, Reference), String> {
        let mut unused = Vec::new();
        let mut candidates = Vec::new();
        let own = self
            .references(id, &mut unused)
            .into_iter()
            .filter(|reference| self.is(reference.target, target));
        candidates.extend(own.map(|reference| (RelationKind::ManyToOne, reference)));
        let far = self
            .references(target, &mut unused)
            .into_iter()
            .filter(|reference| self.is(reference.target, id));
        candidates.extend(far.map(|reference| (RelationKind::OneToMany, reference)));
        if self.is(target, id) || self.is(id, target) {
            self.choose_side(target, relation, &mut candidates);
        } else if let Some(many) = relation.many {
            // A list is never held by its own side; one object may be held by either.
            candidates.retain(|(kind, _)| !many || *kind == RelationKind::OneToMany);
        }
        if !relation.foreign_keys.is_empty() {
            candidates.retain(|(kind, reference)| {
                let (holder, other) = match kind {
                    RelationKind::ManyToOne => (id, target),
                    _ => (target, id),
                };
                let (holder, other) = (self.registry.def(holder), self.registry.def(other));
                let named = &relation.foreign_keys;
                reference
                    .fields
                    .iter()
                    .all(|field| names(named, &holder.fields[field.index()], holder, other))
            });
        } else if relation.many.is_none()
            && candidates.iter().any(|(kind, _)| *kind == RelationKind::ManyToOne)
        {
            candidates.retain(|(kind, _)| *kind == RelationKind::ManyToOne);
        }
        match candidates.len() {
            1 => Ok(candidates.remove(0)),
            0 => Err(self.no_key(id, target, relation)),
            _ => Err(self.ambiguous(id, target, &candidates)),
        }
    }

    /// True when `other` is `one`, another declaration of its table, or a class that extends it.
    pub(super) fn is(&self, one: ModelId, other: ModelId) -> bool {
        one == other
            || self.registry.def(one).table == self.registry.def(other).table
            || self.registry.families.extends(other, one)
    }

    /// A model's reference to itself reads both ways: `remote_side` or the list tells which is meant.
    fn choose_side(
        &self,
        target: ModelId,
        relation: &RelationDef,
        candidates: &mut Vec<(RelationKind, Reference)>,
    ) {
        let names = |of: ModelId, fields: &FieldIds| {
            let def = self.registry.def(of);
            fields.iter().all(|field| names(&relation.remote_side, &def.fields[field.index()], def, def))
        };
        candidates.retain(|(kind, reference)| match (kind, relation.remote_side.is_empty()) {
            (RelationKind::ManyToOne, false) => names(reference.target, &reference.target_fields),
            (_, false) => names(target, &reference.fields),
            (RelationKind::ManyToOne, true) => relation.many == Some(false),
            (_, true) => relation.many != Some(false),
        });
    }

    fn no_key(&self, id: ModelId, target: ModelId, relation: &RelationDef) -> String {
        let (own, far) = (&self.registry.def(id).name, &self.registry.def(target).name);
        let instead = "give one of them a column with ForeignKey(..), or say with foreign(..) in primaryjoin= which column \
                       refers to the other";
        match relation.foreign_keys.is_empty() {
            true => format!("no foreign key joins {own} and {far}: {instead}"),
            false => format!(
                "foreign_keys={:?} names no foreign key between {own} and {far}: {instead}",
                relation.foreign_keys
            ),
        }
    }

    pub(super) fn ambiguous(
        &self,
        id: ModelId,
        target: ModelId,
        candidates: &[(RelationKind, Reference)],
    ) -> String {
        let names: Vec<String> = candidates
            .iter()
            .map(|(kind, reference)| {
                let holder = self.registry.def(if *kind == RelationKind::ManyToOne { id } else { target });
                let fields: Vec<&str> =
                    reference.fields.iter().map(|field| holder.fields[field.index()].name.as_str()).collect();
                format!("{}.{}", holder.name, fields.join("+"))
            })
            .collect();
        format!("several foreign keys fit, choose one with foreign_keys=: {}", names.join(", "))
    }

    pub(super) fn order(&self, target: ModelId, names: &[String]) -> Result<Vec<(FieldId, bool)>, String> {
        let def = self.registry.def(target);
        names
            .iter()
            .map(|name| {
                let (bare, descending) =
                    name.strip_prefix('-').map_or((name.as_str(), false), |bare| (bare, true));
                let bare =
                    bare.strip_prefix(&def.name).and_then(|rest| rest.strip_prefix('.')).unwrap_or(bare);
                let at = def.fields.iter().position(|field| field.name == bare).ok_or_else(|| {
                    let near = hint(bare, def.fields.iter().map(|field| field.name.as_str()));
                    format!("order_by names `{bare}`, which {} does not have{near}", def.name)
                })?;
                Ok((FieldId(at as u16), descending))
            })
            .collect()
    }

    /// Joins the two directions of the relations of `fresh` models.
    pub(super) fn link_backs(&self, fresh: &[usize], parts: &mut [Parts], mistakes: &mut Mistakes) {
        for &index in fresh {
            let id = ModelId(index as u32);
            let def = &self.registry.defs[index];
            for at in 0..parts[index].relations.len() {
                let relation = &parts[index].relations[at];
                let Some(back) = &def.relations[relation.id.index()].back_populates else { continue };
                let target = relation.target.index();
                let found = parts[target].relations.iter().find(|other| other.name == *back);
                let place = || format!("{}.{}", def.name, relation.name);
                match found {
                    Some(other)
                        if self.is(other.target, id) && are_opposite(relation, other) =>
                    {
                        let back = other.id;
                        parts[index].relations[at].back = Some(back);
                    }
                    _ if self.is_replaced(index) => {}
                    Some(_) => mistakes.push(id, format!(
                        "{}: back_populates=\"{back}\" is not the other direction of the same foreign key or junction",
                        place()
                    )),
                    None => {
                        let target = &self.registry.defs[target];
                        let near = hint(back, target.relations.iter().map(|relation| relation.name.as_str()));
                        mistakes.push(id, format!(
                            "{}: back_populates names `{back}`, which is not a relation of {}{near}",
                            place(),
                            target.name
                        ));
                    }
                }
            }
        }
    }

    pub(super) fn is_replaced(&self, index: usize) -> bool {
        self.registry.is_replaced(ModelId(index as u32))
    }
}

/// True for the two directions of a foreign key, or of a junction.
fn are_opposite(one: &Relation, other: &Relation) -> bool {
    match (&one.junction, &other.junction) {
        (Some(one), Some(other)) => one.is_reverse_of(other),
        (None, None) => one.kind != other.kind,
        _ => false,
    }
}

pub(super) fn ids(def: &ModelDef, fits: impl Fn(usize) -> bool) -> FieldIds {
    (0..def.fields.len()).filter(|index| fits(*index)).map(|index| FieldId(index as u16)).collect()
}

pub(super) fn field_of_column(def: &ModelDef, column: &str) -> Option<FieldId> {
    def.fields.iter().position(|field| field.column == column).map(|index| FieldId(index as u16))
}

/// `: did you mean …?`, or nothing.
pub(super) fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    match near_matches(name, known).first() {
        Some(near) => format!(": did you mean `{near}`?"),
        None => String::new(),
    }
}

/// True when a list of `column` or `Model.column` names a field of `holder`, and not a namesake at the `other` end.
fn names(list: &[String], field: &Field, holder: &ModelDef, other: &ModelDef) -> bool {
    list.iter().any(|name| {
        let (class, name) = name.rsplit_once('.').unwrap_or(("", name));
        let is_of_other = class == other.name && class != holder.name && holder.table != other.table;
        !is_of_other && (name == field.name || name == field.column)
    })
}
