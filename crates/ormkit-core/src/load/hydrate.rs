//! One pass from a row's cells to objects: no intermediate row, no boxed cell.

use rustc_hash::FxHashSet;
use smallvec::SmallVec;

use super::kinds::KindLayouts;
use crate::driver::{Row, RowSink};
use crate::error::{Error, Result};
use crate::host::{Fill, HomeId, Host, ObjectId, State};
use crate::model::{FieldSet, Model, ModelId, Relation, RelationId, Schema};
use crate::plan::{Joined, Output, Plan};
use crate::session::identity::{Identity, Key, KeyCells, KeyIndex, has_null, own};
use crate::value::ValueRef;

/// What a visible column of a result holds.
pub enum Item<H: Host> {
    /// An object; None: the outer side of a join had no row.
    Object(Option<H::Object>),
    /// A plain value.
    Value(H::Value),
}

impl<H: Host> Item<H> {
    /// The object, if it is one.
    pub fn into_object(self) -> Option<H::Object> {
        match self {
            Self::Object(object) => object,
            Self::Value(_) => None,
        }
    }

    /// The value, if it is one.
    pub fn into_value(self) -> Option<H::Value> {
        match self {
            Self::Object(_) => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// Where the objects of an entity's cells go: made once per plan.
pub(crate) struct EntityLayout<H: Host> {
    model: ModelId,
    layout: H::Layout,
    /// Cell numbers of the primary key.
    key: SmallVec<[usize; 2]>,
    /// What the cells are.
    fields: FieldSet,
    /// Of a family: which class an object is of.
    kinds: Option<Box<KindLayouts<H>>>,
}

impl<H: Host> EntityLayout<H> {
    /// Where its cells go.
    pub(crate) fn layout(&self) -> &H::Layout {
        &self.layout
    }

    /// Cell numbers of its key.
    pub(crate) fn key_cells(&self) -> &[usize] {
        &self.key
    }
}

/// An eager load by join, with what attaching needs to know of the relation.
struct Join {
    parent: usize,
    entity: usize,
    relation: RelationId,
    many: bool,
    /// The other direction, and whether it is a list.
    back: Option<(RelationId, bool)>,
}

/// What a plan's rows are made into.
pub(crate) struct Layouts<H: Host> {
    /// Per output.
    entities: Vec<Option<EntityLayout<H>>>,
    joins: Vec<Join>,
}

impl<H: Host> Layouts<H> {
    /// The layout of an output that is an object.
    pub(crate) fn entity(&self, output: usize) -> Option<&EntityLayout<H>> {
        self.entities.get(output)?.as_ref()
    }

    /// True when a join repeats the rows that were asked for.
    pub(crate) fn multiplies(&self) -> bool {
        self.joins.iter().any(|join| join.many)
    }
}

/// The layouts of a plan.
pub(crate) fn layouts<H: Host>(host: &H, schema: &Schema, plan: &Plan) -> Result<Layouts<H>> {
    let layout = |output: &Output| match output {
        Output::Value { .. } => Ok(None),
        Output::Entity { model, fields, from, kinds } => {
            let model: &Model = schema.model(*model);
            let cell = |key: &_| fields.iter().position(|field| field == key).map(|at| from + at);
            let key = model.key.iter().map(cell).collect::<Option<_>>();
            let key = key.ok_or_else(|| {
                Error::invalid_request(format!("a query of {} leaves out its key", model.name()))
            })?;
            let kinds =
                kinds.as_ref().map(|kinds| KindLayouts::new(host, schema, (model, fields, *from), kinds));
            let kinds = kinds.transpose()?;
            let layout = host.layout(model, fields, *from)?;
            let fields = fields.iter().copied().collect();
            Ok(Some(EntityLayout { model: model.id, layout, key, fields, kinds }))
        }
    };
    let entities = plan.outputs.iter().map(layout).collect::<Result<Vec<_>>>()?;
    let join = |joined: &Joined| {
        let parent = entities[joined.parent].as_ref().expect("a plan joins relations to entities only");
        let relation = schema.model(parent.model).relation(joined.relation);
        Join {
            parent: joined.parent,
            entity: joined.entity,
            relation: relation.id,
            many: relation.many,
            back: back_of(schema, relation),
        }
    };
    let layouts = Layouts { joins: plan.joined.iter().map(join).collect(), entities };
    if layouts.multiplies()
        && plan.outputs[..plan.visible].iter().any(|output| matches!(output, Output::Value { .. }))
    {
        return Err(Error::unsupported(
            "joinedload of a list in a query that selects plain columns too",
            "which rows are repeated cannot be told; use selectinload",
        ));
    }
    Ok(layouts)
}

/// The relation that shows the other direction, and whether it is a list.
pub(crate) fn back_of(schema: &Schema, relation: &Relation) -> Option<(RelationId, bool)> {
    let target = schema.model(relation.target);
    relation.back.map(|back| (back, target.relation(back).many))
}

/// The key cells of an entity in a row.
pub(crate) struct RowKey<'a, 'b> {
    pub(crate) row: &'a Row<'b>,
    pub(crate) cells: &'a [usize],
}

impl KeyCells for RowKey<'_, '_> {
    fn len(&self) -> usize {
        self.cells.len()
    }

    fn part(&self, index: usize) -> Result<ValueRef<'_>> {
        self.row.cell(self.cells[index])
    }
}

/// Turns the rows of one statement into items, objects through the identity map.
pub(crate) struct Hydrator<'a, H: Host> {
    pub(crate) host: &'a H,
    pub(crate) identity: &'a mut Identity<H>,
    pub(crate) home: HomeId,
    pub(crate) plan: &'a Plan,
    pub(crate) layouts: &'a Layouts<H>,
    /// What the rows of known objects are stored in.
    pub(crate) fill: Fill,
    /// Visible columns, row after row.
    pub(crate) items: Vec<Item<H>>,
    /// Children of joined lists, in row order.
    pub(crate) children: Vec<Child<H>>,
    /// Rows that an eager join repeats: the objects of the rows seen. None where no join multiplies.
    pub(crate) seen: Option<FxHashSet<SmallVec<[ObjectId; 2]>>>,
    /// Parent and child pairs seen, where two joined lists multiply each other.
    pub(crate) pairs: FxHashSet<(usize, ObjectId, ObjectId)>,
    /// The objects of the row at hand, per output.
    pub(crate) current: Vec<Option<H::Object>>,
    /// Row after row whom it was loaded for, where the plan tells.
    pub(crate) parents: Parents,
}

/// Whom rows were loaded for.
#[derive(Default)]
pub(crate) struct Parents {
    /// Row after row.
    pub(crate) keys: Vec<Key>,
    /// The same, each once, where rows may be repeated.
    index: KeyIndex,
}

impl Parents {
    /// A number for the parent of a row.
    fn number(&mut self, row: &RowKey<'_, '_>) -> Result<u32> {
        if let Some(known) = self.index.find(row)? {
            return Ok(known);
        }
        let number = self.keys.len() as u32;
        self.index.insert(own(row)?, number)?;
        Ok(number)
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// A member of a joined list: index of the join, the parent, and the child where there is one.
pub(crate) struct Child<H: Host> {
    pub(crate) joined: usize,
    pub(crate) parent: H::Object,
    pub(crate) child: Option<H::Object>,
}

impl<H: Host> Hydrator<'_, H> {
    /// The object of an entity's cells: the session's own, or a new one.
    pub(crate) fn place(&mut self, layout: &EntityLayout<H>, row: &Row<'_>) -> Result<Option<H::Object>> {
        let key = RowKey { row, cells: &layout.key };
        if has_null(&key)? {
            return Ok(None);
        }
        let (host, home) = (self.host, self.home);
        if let Some(layouts) = layout.kinds.as_ref().map(|kinds| kinds.find(row)).transpose()?.flatten() {
            let (object, made) = self.identity.find_or_make(host, layout.model, &key, || {
                let object = host.create(&layouts[0])?;
                layouts.iter().try_for_each(|layout| host.fill(&object, layout, row, Fill::All))?;
                host.settle(&object, State::Persistent, home);
                Ok(object)
            })?;
            if !made {
                self.fill_again(&object, layouts, None, row)?;
            }
            return Ok(Some(object));
        }
        let (object, made) = self.identity.find_or_make(host, layout.model, &key, || {
            let object = host.create(&layout.layout)?;
            host.fill(&object, &layout.layout, row, Fill::All)?;
            host.settle(&object, State::Persistent, home);
            Ok(object)
        })?;
        if !made {
            self.fill_again(&object, std::slice::from_ref(&layout.layout), Some(&layout.fields), row)?;
        }
        Ok(Some(object))
    }

    /// Fills an object that was there before. `read`: what the cells are; None: whatever is loaded then.
    fn fill_again(
        &self,
        object: &H::Object,
        layouts: &[H::Layout],
        read: Option<&FieldSet>,
        row: &Row<'_>,
    ) -> Result<()> {
        let host = self.host;
        let before = host.hears_reading().then(|| host.loaded(object));
        layouts.iter().try_for_each(|layout| host.fill(object, layout, row, self.fill))?;
        let Some(before) = before else { return Ok(()) };
        let loaded = host.loaded(object);
        let filled: FieldSet = match (self.fill, read) {
            (Fill::Missing, _) => loaded.iter().filter(|field| !before.contains(*field)).collect(),
            (_, Some(read)) => read.iter().collect(),
            (_, None) => loaded,
        };
        if !filled.is_empty() {
            host.refreshed(object, &filled);
        }
        Ok(())
    }

    fn join(&mut self) -> Result<()> {
        for (index, joined) in self.layouts.joins.iter().enumerate() {
            let Some(parent) = &self.current[joined.parent] else { continue };
            let child = self.current[joined.entity].as_ref();
            if !joined.many {
                self.make_room(parent, joined.relation);
                attach_one(self.host, parent, joined.relation, joined.back, child)?;
                continue;
            }
            if let Some(child) = child
                && !self.pairs.insert((index, self.host.id(parent), self.host.id(child)))
            {
                continue;
            }
            let child = child.map(|child| self.host.retain(child));
            self.children.push(Child { joined: index, parent: self.host.retain(parent), child });
        }
        Ok(())
    }

    /// Unloads a relation where what is held gives way to what is read.
    fn make_room(&self, object: &H::Object, relation: RelationId) {
        if self.fill == Fill::All {
            self.host.unload_relation(object, relation);
        }
    }

    /// True when an eager join repeats a row that was seen.
    fn is_repeated(&mut self, row: &Row<'_>) -> Result<bool> {
        let Some(seen) = &mut self.seen else { return Ok(false) };
        let visible = &self.current[..self.plan.visible];
        let ids =
            visible.iter().map(|object| object.as_ref().map_or(ObjectId(0), |object| self.host.id(object)));
        let mut ids: SmallVec<[ObjectId; 2]> = ids.collect();
        if !self.plan.parents.is_empty() {
            let parent = self.parents.number(&RowKey { row, cells: &self.plan.parents })?;
            ids.push(ObjectId(parent as usize));
        }
        Ok(!seen.insert(ids))
    }

    fn note_parent(&mut self, row: &Row<'_>) -> Result<()> {
        if !self.plan.parents.is_empty() {
            self.parents.keys.push(own(&RowKey { row, cells: &self.plan.parents })?);
        }
        Ok(())
    }

    /// Hands joined lists to their parents.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let mut children = std::mem::take(&mut self.children);
        let host = self.host;
        children.sort_by_key(|child| (child.joined, host.id(&child.parent)));
        for run in children.chunk_by(|a, b| a.joined == b.joined && host.id(&a.parent) == host.id(&b.parent))
        {
            let joined = &self.layouts.joins[run[0].joined];
            let members = run.iter().filter_map(|child| child.child.as_ref());
            self.make_room(&run[0].parent, joined.relation);
            attach_many(host, &run[0].parent, joined.relation, joined.back, members)?;
        }
        Ok(())
    }
}

impl<H: Host> RowSink for Hydrator<'_, H> {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        let layouts = self.layouts;
        if let [Some(layout)] = layouts.entities.as_slice() {
            let object = self.place(layout, row)?;
            self.items.push(Item::Object(object));
            return self.note_parent(row);
        }
        self.current.clear();
        for layout in &layouts.entities {
            let object = match layout {
                Some(layout) => self.place(layout, row)?,
                None => None,
            };
            self.current.push(object);
        }
        self.join()?;
        if self.is_repeated(row)? {
            return Ok(());
        }
        self.note_parent(row)?;
        for (output, object) in self.plan.outputs[..self.plan.visible].iter().zip(&self.current) {
            let item = match output {
                Output::Entity { .. } => Item::Object(object.as_ref().map(|object| self.host.retain(object))),
                Output::Value { shape, at, .. } => Item::Value(self.host.value(shape, row.cell(*at)?)?),
            };
            self.items.push(item);
        }
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.items.clear();
        self.children.clear();
        self.pairs.clear();
        self.parents.clear();
        if let Some(seen) = &mut self.seen {
            seen.clear();
        }
    }
}

/// Sets a loaded relation to one object, unless the program has set it; the other direction follows where it is one
/// object as well.
pub(crate) fn attach_one<H: Host>(
    host: &H,
    object: &H::Object,
    relation: RelationId,
    back: Option<(RelationId, bool)>,
    target: Option<&H::Object>,
) -> Result<()> {
    if host.is_attached(object, relation) {
        return Ok(());
    }
    host.attach_one(object, relation, target)?;
    match (target, back) {
        (Some(target), Some((back, false))) if !host.is_attached(target, back) => {
            host.attach_one(target, back, Some(object))
        }
        _ => Ok(()),
    }
}

/// Sets a loaded list, unless the program has it already; each member's way back is set as well.
pub(crate) fn attach_many<'a, H: Host>(
    host: &H,
    object: &H::Object,
    relation: RelationId,
    back: Option<(RelationId, bool)>,
    members: impl Iterator<Item = &'a H::Object>,
) -> Result<()> {
    if host.is_attached(object, relation) {
        return Ok(());
    }
    let members = led_back(host, object, back, members)?;
    host.attach_many(object, relation, &mut members.into_iter())
}

/// Sets what a relation was asked for beside it; each member's way back is set as well.
pub(crate) fn attach_aside<'a, H: Host>(
    host: &H,
    object: &H::Object,
    name: &str,
    relation: &Relation,
    back: Option<(RelationId, bool)>,
    members: impl Iterator<Item = &'a H::Object>,
) -> Result<()> {
    let back = back.filter(|_| relation.many);
    let members = led_back(host, object, back, members)?;
    host.attach_aside(object, name, relation.many, &mut members.into_iter())
}

fn led_back<'a, H: Host>(
    host: &H,
    object: &H::Object,
    back: Option<(RelationId, bool)>,
    members: impl Iterator<Item = &'a H::Object>,
) -> Result<Vec<H::Object>> {
    let members: Vec<H::Object> = members.map(|member| host.retain(member)).collect();
    if let Some((back, false)) = back {
        for member in members.iter().filter(|member| !host.is_attached(member, back)) {
            host.attach_one(member, back, Some(object))?;
        }
    }
    Ok(members)
}
