//! From declarations to a schema: every cross-reference is checked once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{
    Constraint, FieldId, Index, Model, ModelDef, ModelId, Naming, Property, RelationDef, RelationId,
    TableName, Target, Upkeep,
};
use crate::error::{Error, ErrorKind, Result};

mod families;
mod junction;
mod mistakes;
mod rank;
mod resolve;
mod untyped;

use families::Families;
use mistakes::Mistakes;
use resolve::{Parts, Resolver, field_of_column, hint};

/// All declared models of one program.
///
/// A class may be declared again at any time: the newest answers lookups by name, earlier ones keep what they resolved
/// to.
#[derive(Debug, Default)]
pub struct Registry {
    defs: Vec<ModelDef>,
    /// Per model.
    spaces: Vec<Space>,
    /// What was resolved last: complete when it is as long as `defs`, unless declarations were completed since.
    schema: Arc<Schema>,
    /// What was wrong then.
    mistakes: Mistakes,
    /// A relation or property was completed since.
    is_completed: bool,
    /// Fields whose types are those of what they refer to, as far as that is not declared.
    untyped: Vec<(ModelId, Vec<FieldId>)>,
    /// Junctions that nobody declares.
    plain: HashSet<ModelId>,
    /// Tables that have no objects, those junctions among them: they have no class's name.
    bare: HashSet<ModelId>,
    /// Classes that share the rows of the class that they extend.
    families: Families,
    /// How constraints are called that are not given a name.
    namings: HashMap<Space, Arc<Naming>>,
}

/// Whose names a model can see: those of the models under the same base. Tables of two bases may share a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Space(pub u32);

/// Resolved models. A later schema of the same registry holds the same models under the same numbers, and more.
#[derive(Debug, Default)]
pub struct Schema {
    models: Vec<Arc<Model>>,
    /// Model by model whose identity its objects have, up to the last model of a family.
    roots: Arc<[ModelId]>,
    /// Another one when a class came to a family whose plans may have been made.
    epoch: u32,
}

impl Schema {
    /// A model.
    ///
    /// # Panics
    /// When the number is of another registry or was declared later.
    pub fn model(&self, id: ModelId) -> &Arc<Model> {
        &self.models[id.index()]
    }

    /// Refuses models that cannot be used.
    ///
    /// # Errors
    /// [`ErrorKind::Mapping`] with the mistakes that the first of them meets.
    ///
    /// # Panics
    /// As [`model`](Self::model).
    pub fn check(&self, models: &[ModelId]) -> Result<()> {
        models.iter().try_for_each(|id| self.model(*id).check())
    }

    /// All models in the order of their declaration.
    pub fn models(&self) -> &[Arc<Model>] {
        &self.models
    }

    /// Model by model whose identity its objects have; models beyond its end have their own.
    pub(crate) fn roots(&self) -> &Arc<[ModelId]> {
        &self.roots
    }

    /// Another number when plans that were made of an earlier schema do not hold for this one.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// What stands for the tables of a model: itself, unless it shares some.
    pub fn tables_of(&self, id: ModelId) -> impl Iterator<Item = &Arc<Model>> {
        let tables = self.model(id).family.as_ref().map(|family| &family.tables);
        let alone = tables.is_none().then_some(id);
        alone.into_iter().chain(tables.into_iter().flatten().copied()).map(|id| self.model(id))
    }

    /// The classes whose rows a model has: itself, or those of the table of a family.
    fn classes_of(&self, id: ModelId) -> impl Iterator<Item = &Arc<Model>> {
        let owner = self.model(self.model(id).table_of.unwrap_or(id));
        let below = owner.family.iter().filter(move |_| owner.id != id).flat_map(|family| &family.below);
        std::iter::once(owner).chain(below.map(|id| self.model(*id)))
    }

    /// The junctions that nobody declares and that lists of `models` go through, as far as both ends are among them.
    pub fn implied_junctions(&self, models: &[ModelId]) -> Vec<&Arc<Model>> {
        self.junctions(models).into_iter().filter(|junction| junction.implied).collect()
    }

    /// The junctions that lists of `models` go through, each table once, as far as both ends are among them.
    pub fn junctions(&self, models: &[ModelId]) -> Vec<&Arc<Model>> {
        let tables: HashSet<&TableName> = models.iter().map(|id| self.model(*id).table()).collect();
        let relations = models.iter().flat_map(|id| self.classes_of(*id)).flat_map(|model| &model.relations);
        let mut found: Vec<&Arc<Model>> = Vec::new();
        for relation in relations.filter(|relation| tables.contains(self.model(relation.target).table())) {
            if let Some(junction) = relation.junction.as_ref().map(|junction| self.model(junction.model))
                && !found.iter().any(|known| known.table() == junction.table())
            {
                found.push(junction);
            }
        }
        found
    }
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a model in the first name space.
    ///
    /// # Errors
    /// As [`declare_in`](Self::declare_in).
    pub fn declare(&mut self, def: ModelDef) -> Result<ModelId> {
        self.declare_in(Space::default(), def)
    }

    /// Declares a model.
    ///
    /// # Errors
    /// No columns, no primary key, or two attributes or columns of one name. References to other models are checked by
    /// [`freeze`](Self::freeze), since those may be declared later.
    pub fn declare_in(&mut self, space: Space, def: ModelDef) -> Result<ModelId> {
        check_alone(&def)?;
        Ok(self.push(space, def))
    }

    /// Says how constraints and indexes of a name space are called that are declared apart from a class.
    pub fn set_naming(&mut self, space: Space, naming: Arc<Naming>) {
        self.namings.insert(space, naming);
    }

    /// How constraints and indexes are called that are in the name space of a model.
    pub fn naming(&self, id: ModelId) -> Arc<Naming> {
        self.namings.get(&self.space(id)).cloned().unwrap_or_default()
    }

    /// Number of models that are declared so far, plain junctions among them.
    pub fn len(&self) -> usize {
        self.defs.len()
    }

    /// True without any model.
    pub fn is_empty(&self) -> bool {
        self.defs.is_empty()
    }

    /// Declares a table that has no objects: it needs no primary key. `untyped` fields have the types of what their foreign
    /// keys refer to, whatever they say.
    ///
    /// # Errors
    /// As [`declare_in`](Self::declare_in).
    pub fn declare_table(&mut self, space: Space, def: ModelDef, untyped: Vec<FieldId>) -> Result<ModelId> {
        check_columns(&def)?;
        let id = self.push(space, def);
        self.bare.insert(id);
        if !untyped.is_empty() {
            self.untyped.push((id, untyped));
            // Those that are known by now are known at once.
            self.type_keys();
        }
        Ok(id)
    }

    fn push(&mut self, space: Space, def: ModelDef) -> ModelId {
        let id = ModelId(self.defs.len() as u32);
        self.defs.push(def);
        self.spaces.push(space);
        id
    }

    /// Says which columns a relation goes by, before it is resolved: the junction's that lead to this side, and to the other
    /// one; of a relation without a junction those of the foreign key.
    ///
    /// # Panics
    /// When the numbers are of another registry.
    pub fn choose_keys(&mut self, id: ModelId, relation: RelationId, near: Vec<String>, far: Vec<String>) {
        self.is_completed = true;
        let relation = self.relation_mut(id, relation);
        if relation.secondary.is_none() {
            relation.foreign_keys.extend(near);
            return;
        }
        relation.near_keys.extend(near);
        relation.far_keys.extend(far);
    }

    /// Says what a property is that was [undefined](super::Property::undefined), before its model is resolved.
    ///
    /// # Panics
    /// When the numbers are of another registry.
    pub fn define(&mut self, id: ModelId, field: FieldId, property: Property) {
        self.is_completed = true;
        self.defs[id.index()].fields[field.index()].property = Some(Arc::new(property));
    }

    /// The declaration of a relation, before it is resolved.
    ///
    /// # Panics
    /// When the numbers are of another registry.
    pub fn relation_mut(&mut self, id: ModelId, relation: RelationId) -> &mut RelationDef {
        self.is_completed = true;
        &mut self.defs[id.index()].relations[relation.index()]
    }

    /// What was declared under `id`.
    ///
    /// # Panics
    /// When the number is of another registry.
    pub fn def(&self, id: ModelId) -> &ModelDef {
        &self.defs[id.index()]
    }

    /// Adds an index to a model, resolved or not.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownName`]: a column that the model does not have.
    ///
    /// # Panics
    /// When the number is of another registry.
    pub fn add_index(&mut self, id: ModelId, index: Index) -> Result<()> {
        let def = &mut self.defs[id.index()];
        let known = |name: &str| def.fields.iter().any(|field| field.column == name);
        if let Some(column) = index_columns(&index).find(|name| !known(name)) {
            let columns = def.fields.iter().map(|field| field.column.as_str());
            return Err(Error::unknown_name("column", column, def.name.as_str(), columns));
        }
        def.indexes.push(index);
        if let Some(model) = self.schema.models.get(id.index()) {
            let model = Arc::new(Model { def: def.clone(), ..Model::clone(model) });
            let mut models = self.schema.models.clone();
            models[id.index()] = model;
            self.schema = self.schema_of(models, self.schema.epoch);
        }
        Ok(())
    }

    /// The newest model of a class's name in a name space; `module` is looked in first.
    pub fn find(&self, space: Space, name: &str, module: &str) -> Option<ModelId> {
        let of_class = |at: usize| !self.bare.contains(&ModelId(at as u32));
        let last = |fits: &dyn Fn(&ModelDef) -> bool| self.last(space, |at, def| of_class(at) && fits(def));
        last(&|def| def.name == name && def.module == module).or_else(|| last(&|def| def.name == name))
    }

    /// The newest model of a table in a name space.
    pub fn find_table(&self, space: Space, table: &TableName) -> Option<ModelId> {
        self.last(space, |_, def| def.table == *table)
    }

    /// Models of a name space that no later declaration of the same table replaces, in the order of their declaration. The
    /// junctions that nobody declares are left out: see [`Schema::implied_junctions`].
    pub fn newest(&self, space: Space) -> Vec<ModelId> {
        let is_of = |id: &ModelId| self.spaces[id.index()] == space && !self.plain.contains(id);
        let ids = (0..self.defs.len() as u32).map(ModelId).filter(is_of);
        let last: HashMap<&TableName, ModelId> = ids.map(|id| (&self.def(id).table, id)).collect();
        let mut newest: Vec<ModelId> = last.into_values().collect();
        newest.sort_unstable();
        newest
    }

    fn last(&self, space: Space, fits: impl Fn(usize, &ModelDef) -> bool) -> Option<ModelId> {
        let of_space = |at: &usize| self.spaces[*at] == space && fits(*at, &self.defs[*at]);
        (0..self.defs.len()).rev().find(of_space).map(|at| ModelId(at as u32))
    }

    /// The model that a relation of `id` leads to.
    fn target(&self, id: ModelId, relation: &RelationDef) -> Result<ModelId, String> {
        let def = self.def(id);
        match &relation.target {
            Target::Model(target) => Ok(*target),
            Target::Name(name) if *name == def.name => Ok(id),
            Target::Name(name) => self.find(self.space(id), name, &def.module).ok_or_else(|| {
                let near = hint(name, self.defs.iter().map(|def| def.name.as_str()));
                format!("the target `{name}` is not a mapped class{near}")
            }),
        }
    }

    /// The name space of a model.
    ///
    /// # Panics
    /// When the number is of another registry.
    pub fn space(&self, id: ModelId) -> Space {
        self.spaces[id.index()]
    }

    /// Resolves what was declared since the last call, all of it.
    ///
    /// # Errors
    /// [`ErrorKind::Mapping`] with every mistake: unknown targets, missing or ambiguous foreign keys, relations whose
    /// `back_populates` do not fit. Mistakes of a class that was declared again since are told to who still uses the
    /// old class alone.
    pub fn freeze(&mut self) -> Result<Arc<Schema>> {
        let schema = self.resolve(&[]);
        match self.mistakes.text() {
            Some(text) => Err(Error::new(ErrorKind::Mapping(text))),
            None => Ok(schema),
        }
    }

    /// Resolves what was declared since the last call. Where there are mistakes, those of the caller in `said` among them,
    /// they are told to who uses the model that has them, or one whose relations or family lead there: see
    /// [`Model::check`]. It is resolved again by the next call behind a declaration.
    pub fn resolve(&mut self, said: &[(ModelId, String)]) -> Arc<Schema> {
        let is_whole = self.schema.models.len() == self.defs.len();
        if is_whole && self.mistakes.are_said(said) && !(self.is_completed && self.mistakes.any()) {
            return Arc::clone(&self.schema);
        }
        self.is_completed = false;
        self.type_keys();
        let mut mistakes = Mistakes::said(said, |id| !self.is_replaced(id));
        self.declare_junctions(&mut mistakes);
        let fresh: Vec<usize> = (0..self.defs.len()).filter(|index| self.is_open(*index)).collect();
        let resolver = Resolver { registry: self };
        let mut parts: Vec<Parts> = self.schema.models.iter().map(|model| Parts::of(model)).collect();
        parts.resize_with(self.defs.len(), Parts::default);
        // Those of replaced classes are told to who still uses them, and to nobody else.
        let mut old = Vec::new();
        for index in &fresh {
            let id = ModelId(*index as u32);
            let mut found = Vec::new();
            parts[*index] = resolver.resolve(id, &mut found);
            match self.is_replaced(id) {
                false => mistakes.extend(id, found),
                true if !found.is_empty() => {
                    parts[*index].relations.clear();
                    old.push((*index, found.join("\n")));
                }
                true => {}
            }
        }
        resolver.link_backs(&fresh, &mut parts, &mut mistakes);
        let mut stops = mistakes.spread(self, &mut parts);
        for (index, text) in old {
            stops[index].get_or_insert(text.into());
        }
        let ranks = rank::ranks(&parts, &self.tables());
        // A model that shares a table with an earlier one may raise the ranks of those that refer to it; one that extends
        // an earlier one is among those below it.
        let mut epoch = self.schema.epoch;
        let mut models = Vec::with_capacity(self.defs.len());
        for (index, ((parts, (rank, cyclic)), mistake)) in parts.into_iter().zip(ranks).zip(stops).enumerate()
        {
            let id = ModelId(index as u32);
            let known = self.schema.models.get(index);
            let family = match known {
                Some(known) if known.family.is_none() => None,
                _ => self.family(id),
            };
            epoch += u32::from(known.is_some_and(|known| known.family != family));
            models.push(match known.filter(|_| !self.is_open(index)) {
                Some(known)
                    if (known.rank, known.cyclic) == (rank, cyclic)
                        && known.family == family
                        && mistake.is_none() =>
                {
                    Arc::clone(known)
                }
                Some(known) => Arc::new(Model { rank, cyclic, family, mistake, ..Model::clone(known) }),
                None => Arc::new(Model {
                    id,
                    def: self.defs[index].clone(),
                    key: parts.key,
                    relations: parts.relations,
                    references: parts.references,
                    rank,
                    cyclic,
                    tombstone: tombstone_of(&self.defs[index]),
                    bare: self.bare.contains(&id),
                    implied: self.plain.contains(&id),
                    upkeep: Upkeep::of(&self.defs[index].fields),
                    table_of: self.families.owner(id),
                    family,
                    mistake,
                }),
            });
        }
        self.mistakes = mistakes;
        self.schema = self.schema_of(models, epoch);
        Arc::clone(&self.schema)
    }

    /// True for a model that is not resolved yet, or was not without mistakes.
    fn is_open(&self, index: usize) -> bool {
        self.schema.models.get(index).is_none_or(|model| model.mistake.is_some())
    }

    fn schema_of(&self, models: Vec<Arc<Model>>, epoch: u32) -> Arc<Schema> {
        let last = models.iter().rposition(|model| model.root() != model.id).map_or(0, |last| last + 1);
        let roots = models[..last].iter().map(|model| model.root()).collect();
        Arc::new(Schema { models, roots, epoch })
    }

    /// Model by model a number of its table. The classes of a family have one: each of them may stand in for another.
    fn tables(&self) -> Vec<usize> {
        let mut numbers = HashMap::new();
        (0..self.defs.len())
            .map(|at| {
                let id = ModelId(at as u32);
                let first = self.families.root(id).or_else(|| self.families.first_of(id));
                let table = match first {
                    Some(first) => (first, None),
                    None => (ModelId(0), Some((self.spaces[at], &self.defs[at].table))),
                };
                let next = numbers.len();
                *numbers.entry(table).or_insert(next)
            })
            .collect()
    }

    /// True when the same class of the same module, or the same table without a class, was declared again.
    pub fn is_replaced(&self, id: ModelId) -> bool {
        let def = self.def(id);
        match self.bare.contains(&id) {
            true => self.find_table(self.space(id), &def.table) != Some(id),
            false => self.find(self.space(id), &def.name, &def.module) != Some(id),
        }
    }
}

fn tombstone_of(def: &ModelDef) -> Option<FieldId> {
    def.fields.iter().position(|field| field.tombstone).map(|at| FieldId(at as u16))
}

/// What can be seen of a declaration alone.
fn check_alone(def: &ModelDef) -> Result<()> {
    if !def.fields.iter().any(|field| field.primary_key) {
        let text = "no column has primary_key=True: an object needs a key to be found again";
        return Err(Error::new(ErrorKind::Mapping(format!("{}: {text}", def.name))));
    }
    check_columns(def)
}

/// The same of its columns and what names them.
fn check_columns(def: &ModelDef) -> Result<()> {
    let mistake = |text: String| Err(Error::new(ErrorKind::Mapping(format!("{}: {text}", def.name))));
    if def.fields.len() > usize::from(u16::MAX) {
        return mistake("more than 65,535 columns".into());
    }
    for (index, field) in def.fields.iter().enumerate() {
        if let Some(other) = def.fields[..index].iter().find(|other| other.column == field.column) {
            return mistake(format!(
                "`{}` and `{}` share the column `{}`",
                other.name, field.name, field.column
            ));
        }
    }
    if let Some(field) = def.fields.iter().find(|field| field.computed.is_some() && field.primary_key) {
        return mistake(format!("`{}` is computed and cannot be part of the key", field.name));
    }
    let columns = || def.fields.iter().map(|field| field.column.as_str());
    let listed = def
        .constraints
        .iter()
        .flat_map(|constraint| match constraint {
            Constraint::Unique { columns, .. } | Constraint::ForeignKey { columns, .. } => {
                columns.iter().map(String::as_str).collect()
            }
            Constraint::Exclude(exclude) => exclude.columns().collect(),
            Constraint::Check { .. } | Constraint::PrimaryKey { .. } => Vec::new(),
        })
        .chain(def.indexes.iter().flat_map(index_columns));
    for column in listed {
        if !columns().any(|known| known == column) {
            return Err(Error::unknown_name("column", column, def.name.as_str(), columns()));
        }
    }
    Ok(())
}

/// The columns that an index names.
fn index_columns(index: &Index) -> impl Iterator<Item = &str> {
    index.columns().chain(index.include.iter().map(String::as_str))
}

#[cfg(test)]
mod tests;
