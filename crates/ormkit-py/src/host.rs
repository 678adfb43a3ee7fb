//! Python instances as the core's objects.
//!
//! [`PyHost`] has no state but what its engine's values need: all else lives in the instances and their classes. Whoever polls holds the interpreter lock,
//! so attaching here is a counter; it happens once per call, never per cell.
mod classes;
mod homes;
mod hooks;

pub(crate) use classes::{ClassInfo, FieldInfo, class_info};
pub(crate) use homes::{Hearers, Owner, enter, leave, owner};
pub(crate) use hooks::register;

use crate::bridge::Caller;
use crate::convert::{self, Border, Conversion};
use crate::engine::EngineHandle;
use crate::errors::from_py;
use crate::event;
use crate::expr::Told;
use crate::fields::ClientDefault;
use crate::instance::{self, Original, SlotKind};
use crate::model::schema;
use crate::query::set_to;
use crate::relation::{self, RelatedItems};
use ormkit_core::driver::Row;
use ormkit_core::error::{Error, Result};
use ormkit_core::host::{Fill, HomeId, Host, Moment, ObjectId, State};
use ormkit_core::model::{FieldId, FieldSet, Model, ModelId, RelationId};
use ormkit_core::query::{Expr, Form, Origin, Shape, Source, Whose};
use ormkit_core::runtime::BoxFuture;
use ormkit_core::session::{Attributes, Link};
use ormkit_core::value::{Value, ValueRef, json_array};
use pyo3::prelude::*;
use pyo3::types::PyList;
use std::sync::Arc;

/// The host of Python instances, for the values of one engine; without one it converts none.
#[derive(Clone)]
pub(crate) struct PyHost {
    border: Option<Arc<Border>>,
    /// The engine of a session: what is written to it can be listened to.
    engine: Option<EngineHandle>,
}

impl PyHost {
    /// For what needs no values: the states of objects, their snapshots.
    pub(crate) const BARE: Self = Self { border: None, engine: None };

    /// For the values of an engine.
    pub(crate) fn new(border: &Arc<Border>) -> Self {
        Self { border: Some(Arc::clone(border)), engine: None }
    }

    /// For a session.
    pub(crate) fn of_session(engine: &EngineHandle) -> Self {
        Self { engine: Some(engine.clone()), ..Self::new(engine.border()) }
    }

    /// How values cross to the engine's database and back.
    ///
    /// # Errors
    /// `Interface` without an engine.
    pub(crate) fn border(&self) -> Result<&Arc<Border>> {
        self.border
            .as_ref()
            .ok_or_else(|| Error::interface("values are converted for an engine, and there is none"))
    }
}

/// Where the cells of a row go in instances of one class.
pub(crate) struct PyLayout {
    slots: instance::Layout,
    info: &'static ClassInfo,
    /// Number of the first cell.
    from: usize,
    /// Some JSON of the class is read by functions of the user's: its objects know their engine.
    keeps_border: bool,
    /// Cell by cell: the field and how its value is made.
    cells: Box<[(FieldId, Reading)]>,
}

/// How a cell becomes a Python value.
enum Reading {
    /// As its variant says.
    Plain,
    /// Kept as text until somebody looks at it.
    Json(Option<Arc<Conversion>>),
    /// By more than the type.
    Own(Arc<Conversion>),
}

/// What an object was; dropped with the interpreter lock held.
pub(crate) struct PySnapshot(Option<Kept>);

struct Kept {
    slots: instance::Snapshot,
    lists: Vec<(usize, RelatedItems)>,
}

impl Drop for PySnapshot {
    fn drop(&mut self) {
        if let Some(kept) = self.0.take() {
            Python::attach(|_| drop(kept));
        }
    }
}

/// The objects of the host are instances of mapped classes: whoever takes one in from Python checks it.
fn mapped<T>(result: PyResult<T>) -> T {
    result.expect("the host's objects are instances of mapped classes, which the public functions check")
}

fn table<'a>(object: &'a Bound<'_, PyAny>) -> &'a instance::ClassTable {
    mapped(instance::table_of(object))
}

/// The slot of a relation.
fn slot_of(object: &Bound<'_, PyAny>, relation: RelationId) -> usize {
    table(object).columns + relation.index()
}

/// The slots of relations to many.
fn lists<'a>(object: &'a Bound<'_, PyAny>) -> impl Iterator<Item = usize> + 'a {
    let table = table(object);
    let many = |slot: &usize| table.slots[*slot].kind == SlotKind::Relation { many: true };
    (table.columns..table.slots.len()).filter(many)
}

/// Plain lists that came from a copy or a pickle become lists of the object's own.
fn adopt_lists(object: &Bound<'_, PyAny>) {
    for slot in lists(object) {
        let value = mapped(instance::slot(object, slot));
        // An error is one of the mapping, which every query reports; the list stays plain until then.
        if let Some(list) = value.and_then(|value| relation::adopt(object, slot, &value).ok().flatten()) {
            mapped(instance::put(object, slot, list));
        }
    }
}

/// Moves an object to a state and a session.
fn place(object: &Bound<'_, PyAny>, state: State, home: HomeId) {
    mapped(instance::set_state(object, state));
    mapped(instance::set_home(object, home));
    if home != HomeId::NONE {
        adopt_lists(object);
    }
}

impl Host for PyHost {
    type Object = Py<PyAny>;
    type Weak = instance::Weak;
    type Layout = PyLayout;
    type Value = Py<PyAny>;
    type Snapshot = PySnapshot;

    fn caller(&self) -> Option<Arc<str>> {
        Python::attach(|py| Some(Caller::current(py).ok()?.name(py).into()))
    }

    fn hears(&self, model: ModelId) -> bool {
        event::hears(model)
    }

    fn hear<'a>(
        &'a self,
        moment: Moment,
        objects: &'a [Py<PyAny>],
        link: Link,
    ) -> BoxFuture<'a, (Option<Link>, Result<()>)> {
        match &self.engine {
            Some(engine) => Box::pin(event::hear(engine, moment, objects, link)),
            // Without a session nothing is written.
            None => Box::pin(async move { (Some(link), Ok(())) }),
        }
    }

    fn layout(&self, model: &Model, fields: &[FieldId], from: usize) -> Result<PyLayout> {
        let border = self.border()?;
        Python::attach(|py| {
            let info = class_info(py, model.id);
            let slots: Vec<usize> = fields.iter().map(|field| field.index()).collect();
            let reading = |field: &FieldId| {
                let field_info = &info.fields[field.index()];
                let reading = match (&field_info.conversion, field_info.is_json) {
                    (own, true) => Reading::Json(own.clone()),
                    (Some(own), _) => Reading::Own(Arc::clone(own)),
                    (None, _) => Reading::Plain,
                };
                (*field, reading)
            };
            Ok(PyLayout {
                slots: instance::Layout::new(info.class(py), &slots).map_err(from_py)?,
                info,
                from,
                keeps_border: border.has_json() && info.fields.iter().any(|field| field.is_json)
                    || info.fields.iter().any(|field| field.is_json && field.has_user()),
                cells: fields.iter().map(reading).collect(),
            })
        })
    }

    fn create(&self, layout: &PyLayout) -> Result<Py<PyAny>> {
        Python::attach(|py| Ok(layout.slots.create(py).map_err(from_py)?.finish().unbind()))
    }

    fn blank(&self, model: &Model) -> Result<Py<PyAny>> {
        Python::attach(|py| {
            let class = class_info(py, model.id).class(py);
            Ok(class.call_method1("__new__", (class,)).map_err(from_py)?.unbind())
        })
    }

    fn fill(&self, object: &Py<PyAny>, layout: &PyLayout, row: &Row<'_>, fill: Fill) -> Result<()> {
        Python::attach(|py| {
            let object = object.bind(py);
            let filling = layout.slots.open(object).map_err(from_py)?;
            if layout.keeps_border {
                filling.keep_border(self.border()?);
            }
            let dirty = match fill {
                Fill::Missing => None,
                Fill::Unchanged | Fill::All => {
                    Some(instance::dirty(object).map_err(from_py)?).filter(|dirty| !dirty.is_empty())
                }
            };
            for (at, (field, reading)) in layout.cells.iter().enumerate() {
                let changed = dirty.as_ref().is_some_and(|dirty| dirty.contains(field.index()));
                let stays = match fill {
                    Fill::Missing => !filling.is_empty(at),
                    Fill::Unchanged => changed,
                    Fill::All => false,
                };
                if stays {
                    continue;
                }
                let place = || layout.info.place(*field);
                let cell = row.cell(layout.from + at).map_err(|error| error.at(place))?;
                match (reading, cell) {
                    (Reading::Json(_), ValueRef::Json(text) | ValueRef::Text(text)) => {
                        filling.put_json(at, text)
                    }
                    (Reading::Json(_), ValueRef::Array(array)) => {
                        let mut text = String::new();
                        json_array::write(array, &mut text).map_err(|error| error.at(place))?;
                        filling.put_json(at, &text)
                    }
                    (Reading::Own(own) | Reading::Json(Some(own)), cell) => {
                        let value = self.border()?.read(py, cell, Some(own));
                        filling.put(at, value.map_err(|error| error.at(place))?);
                    }
                    (_, cell) => {
                        filling.put(at, convert::read(py, cell, None).map_err(|error| error.at(place))?);
                    }
                }
                if changed {
                    instance::unmark(object, field.index()).map_err(from_py)?;
                }
            }
            Ok(())
        })
    }

    fn value(&self, shape: &Shape, cell: ValueRef<'_>) -> Result<Py<PyAny>> {
        Python::attach(|py| {
            let own = shape.origin.as_ref().and_then(|origin| match &origin.whose {
                Whose::Column(model, field) => {
                    class_info(py, *model).fields[field.index()].conversion.as_ref()
                }
                Whose::Type(of) => of.host::<Told>().and_then(Told::conversion),
            });
            let of_list = match (&shape.origin, own) {
                (Some(Origin { form: Form::List, .. }), Some(own)) => Some(own.of_list()),
                _ => None,
            };
            let place = || match shape.origin.as_ref().map(|origin| &origin.whose) {
                Some(Whose::Column(model, field)) => class_info(py, *model).place(*field),
                _ => "a column of the result".to_owned(),
            };
            let own = of_list.as_deref().or(own.map(Arc::as_ref));
            Ok(self.border()?.read(py, cell, own).map_err(|error| error.at(place))?.unbind())
        })
    }

    fn model(&self, object: &Py<PyAny>) -> ModelId {
        Python::attach(|py| table(object.bind(py)).model)
    }

    fn id(&self, object: &Py<PyAny>) -> ObjectId {
        ObjectId(object.as_ptr() as usize)
    }

    fn retain(&self, object: &Py<PyAny>) -> Py<PyAny> {
        Python::attach(|py| object.clone_ref(py))
    }

    fn downgrade(&self, object: &Py<PyAny>) -> instance::Weak {
        Python::attach(|py| mapped(instance::downgrade(object.bind(py))))
    }

    fn upgrade(&self, weak: &instance::Weak) -> Option<Py<PyAny>> {
        Python::attach(|py| weak.upgrade(py).map(Bound::unbind))
    }

    fn shares_values(&self, object: &Py<PyAny>) -> bool {
        Python::attach(|py| instance::shares_json(object.bind(py)).unwrap_or(true))
    }

    fn read(
        &self,
        object: &Py<PyAny>,
        field: FieldId,
        sink: &mut dyn FnMut(ValueRef<'_>) -> Result<()>,
    ) -> Result<()> {
        Python::attach(|py| {
            let object = object.bind(py);
            let slots = mapped(instance::Slots::of(object));
            let info = class_info(py, slots.table.model);
            let value = match slots.get(field.index()) {
                Some(value) => value,
                None => instance::read(object, field.index()).map_err(from_py)?,
            };
            let known = &info.fields[field.index()];
            let border = self.border()?;
            if known.is_json && (border.has_json() || known.has_user()) {
                instance::keep_border(object, border).map_err(from_py)?;
            }
            let own = known.conversion.as_deref();
            border.bind(&value, &known.column_type, own, &|| info.place(field), sink)
        })
    }

    fn read_stored(
        &self,
        object: &Py<PyAny>,
        field: FieldId,
        sink: &mut dyn FnMut(ValueRef<'_>) -> Result<()>,
    ) -> Result<()> {
        Python::attach(|py| {
            let bound = object.bind(py);
            let Original::Value(value) = instance::original(bound, field.index()).map_err(from_py)? else {
                return self.read(object, field, sink);
            };
            let info = class_info(py, table(bound).model);
            let known = &info.fields[field.index()];
            let own = known.conversion.as_deref();
            self.border()?.bind(&value, &known.column_type, own, &|| info.place(field), sink)
        })
    }

    fn carry(&self, from: (&Py<PyAny>, FieldId), to: &Py<PyAny>, into: FieldId) -> Result<()> {
        Python::attach(|py| {
            let value = instance::read(from.0.bind(py), from.1.index()).map_err(from_py)?;
            instance::put(to.bind(py), into.index(), value).map_err(from_py)
        })
    }

    fn copy(&self, from: Option<(&Py<PyAny>, FieldId)>, to: &Py<PyAny>, into: FieldId) -> Result<()> {
        Python::attach(|py| {
            let value = match from {
                Some((object, field)) => {
                    let (object, slot) = (object.bind(py), field.index());
                    match instance::expression(object, slot).map_err(from_py)? {
                        Some(expression) => expression,
                        None => instance::read(object, slot).map_err(from_py)?,
                    }
                }
                None => py.None().into_bound(py),
            };
            instance::set(to.bind(py), into.index(), &value).map_err(from_py)
        })
    }

    fn renew(&self, object: &Py<PyAny>, field: FieldId) -> Result<()> {
        Python::attach(|py| {
            let object = object.bind(py);
            let known = &class_info(py, table(object).model).fields[field.index()];
            let value = match (&known.renewal, known.is_version) {
                (Some(ClientDefault::Callable(callable)), true) => {
                    let before = instance::read(object, field.index()).map_err(from_py)?;
                    callable.bind(py).call1((before,))
                }
                (Some(ClientDefault::Callable(callable)), false) => callable.bind(py).call0(),
                (Some(ClientDefault::Value(value)), _) => Ok(value.bind(py).clone()),
                (Some(ClientDefault::None) | None, _) => return Ok(()),
            };
            instance::set(object, field.index(), &value.map_err(from_py)?).map_err(from_py)
        })
    }

    fn renewed(&self, model: &Model, field: FieldId) -> Result<Value> {
        Python::attach(|py| {
            let info = class_info(py, model.id);
            let known = &info.fields[field.index()];
            let value = match &known.renewal {
                // The first version of a row.
                Some(ClientDefault::Callable(callable)) if known.is_version => {
                    callable.bind(py).call1((py.None(),)).map_err(from_py)?
                }
                Some(ClientDefault::Callable(callable)) => callable.bind(py).call0().map_err(from_py)?,
                Some(ClientDefault::Value(value)) => value.bind(py).clone(),
                Some(ClientDefault::None) | None => return Ok(Value::Null),
            };
            let (own, mut made) = (known.conversion.as_deref(), Value::Null);
            let place = || info.place(field);
            self.border()?.bind(&value, &known.column_type, own, &place, &mut |value| {
                made = Value::from(value);
                Ok(())
            })?;
            Ok(made)
        })
    }

    fn changed(&self, object: &Py<PyAny>) -> Result<FieldSet> {
        Python::attach(|py| {
            let object = object.bind(py);
            let table = table(object);
            if table.has_json {
                instance::mark_changed_json(object).map_err(from_py)?;
            }
            let dirty = instance::dirty(object).map_err(from_py)?;
            Ok(dirty.iter().filter(|slot| *slot < table.columns).map(|slot| FieldId(slot as u16)).collect())
        })
    }

    fn given(&self, object: &Py<PyAny>) -> Result<FieldSet> {
        Python::attach(|py| {
            let object = object.bind(py);
            instance::complete(object).map_err(from_py)?;
            let dirty = instance::dirty(object).map_err(from_py)?;
            let slots = instance::Slots::of(object).map_err(from_py)?;
            let is_given = |slot: &usize| {
                dirty.contains(*slot) || slots.get(*slot).is_some_and(|value| !value.is_none())
            };
            Ok((0..slots.table.columns).filter(is_given).map(|slot| FieldId(slot as u16)).collect())
        })
    }

    fn expressions(&self, object: &Py<PyAny>) -> Result<Vec<(FieldId, Expr)>> {
        Python::attach(|py| {
            let object = object.bind(py);
            let assigned = instance::expressions(object).map_err(from_py)?;
            if assigned.is_empty() {
                return Ok(Vec::new());
            }
            let schema = schema(py).map_err(from_py)?;
            let source = Source::plain(table(object).model);
            let resolved = assigned.into_iter().map(|(slot, value)| {
                let field = FieldId(slot as u16);
                Ok((field, set_to(&schema, source, field, &value).map_err(from_py)?))
            });
            resolved.collect()
        })
    }

    fn loaded(&self, object: &Py<PyAny>) -> FieldSet {
        Python::attach(|py| {
            let object = object.bind(py);
            let slots = mapped(instance::Slots::of(object));
            let is_loaded =
                |slot: &usize| !slots.is_empty(*slot) || mapped(instance::is_pending_json(object, *slot));
            (0..slots.table.columns).filter(is_loaded).map(|slot| FieldId(slot as u16)).collect()
        })
    }

    fn state(&self, object: &Py<PyAny>) -> State {
        Python::attach(|py| mapped(instance::state(object.bind(py))))
    }

    fn home(&self, object: &Py<PyAny>) -> HomeId {
        Python::attach(|py| mapped(instance::home(object.bind(py))))
    }

    fn hears_reading(&self) -> bool {
        event::any_reading()
    }

    fn refreshed(&self, object: &Py<PyAny>, fields: &FieldSet) {
        Python::attach(|py| event::refreshed(object.bind(py), fields));
    }

    fn expired(&self, object: &Py<PyAny>, attributes: Attributes<'_>) {
        Python::attach(|py| event::expired(object.bind(py), attributes));
    }

    fn settle(&self, object: &Py<PyAny>, state: State, home: HomeId) {
        Python::attach(|py| {
            let object = object.bind(py);
            match event::any_move() {
                false => place(object, state, home),
                true => event::moving(object, mapped(instance::state(object)), state, home, place),
            }
        });
    }

    fn settle_undone(&self, object: &Py<PyAny>, from: State, state: State, home: HomeId) {
        Python::attach(|py| {
            let object = object.bind(py);
            match event::any_move() {
                false => place(object, state, home),
                true => event::moving(object, from, state, home, place),
            }
        });
    }

    fn snapshot(&self, object: &Py<PyAny>) -> PySnapshot {
        Python::attach(|py| {
            let object = object.bind(py);
            let items = |slot| Some((slot, relation::items(&mapped(instance::slot(object, slot))?)?));
            let lists = lists(object).filter_map(items).collect();
            PySnapshot(Some(Kept { slots: mapped(instance::snapshot(object)), lists }))
        })
    }

    fn revert(&self, object: &Py<PyAny>, mut snapshot: PySnapshot) {
        let Some(kept) = snapshot.0.take() else { return };
        Python::attach(|py| {
            let object = object.bind(py);
            // An error here is one of JSON that was read before: the value stays as it is then.
            let _ = instance::revert(object, kept.slots);
            for (slot, items) in kept.lists {
                if let Some(list) = mapped(instance::slot(object, slot)) {
                    relation::put_back(&list, items);
                }
            }
        });
    }

    fn undo(&self, object: &Py<PyAny>) {
        Python::attach(|py| {
            let object = object.bind(py);
            mapped(instance::restore_originals(object));
            for slot in lists(object) {
                if let Some(list) = mapped(instance::slot(object, slot)) {
                    relation::undo(&list);
                }
            }
        });
    }

    fn clean(&self, object: &Py<PyAny>) {
        Python::attach(|py| {
            let object = object.bind(py);
            let slots = mapped(instance::Slots::of(object));
            if matches!(mapped(instance::state(object)), State::Transient | State::Pending) {
                let info = class_info(py, slots.table.model);
                for slot in 0..slots.table.columns {
                    let is_answered = || {
                        info.fields[slot].filled_by_database
                            || mapped(instance::expression(object, slot)).is_some()
                    };
                    if slots.is_empty(slot) && !is_answered() {
                        mapped(instance::put(object, slot, py.None().into_bound(py)));
                    }
                }
            }
            mapped(instance::settle(object));
            for slot in lists(object) {
                if let Some(list) = mapped(instance::slot(object, slot)) {
                    relation::settle(&list);
                }
            }
            homes::watch_json(object);
        });
    }

    fn unload(&self, object: &Py<PyAny>, fields: &FieldSet) {
        Python::attach(|py| {
            let object = object.bind(py);
            for field in fields.iter() {
                mapped(instance::unmark(object, field.index()));
                mapped(instance::empty(object, field.index()));
            }
        });
    }

    fn unload_relation(&self, object: &Py<PyAny>, relation: RelationId) {
        Python::attach(|py| {
            let object = object.bind(py);
            let slot = slot_of(object, relation);
            if table(object).slots[slot].write_only {
                // The program may hold it: it stays, without its changes.
                mapped(instance::unmark(object, slot));
                mapped(instance::slot(object, slot)).iter().for_each(relation::undo);
                return;
            }
            mapped(instance::unload_relation(object, slot));
        });
    }

    fn attach_one(&self, object: &Py<PyAny>, relation: RelationId, target: Option<&Py<PyAny>>) -> Result<()> {
        Python::attach(|py| {
            let object = object.bind(py);
            let target = target.map_or_else(|| py.None().into_bound(py), |target| target.bind(py).clone());
            instance::put(object, slot_of(object, relation), target).map_err(from_py)
        })
    }

    fn attach_many(
        &self,
        object: &Py<PyAny>,
        relation: RelationId,
        targets: &mut dyn ExactSizeIterator<Item = Py<PyAny>>,
    ) -> Result<()> {
        Python::attach(|py| {
            let object = object.bind(py);
            let slot = slot_of(object, relation);
            if table(object).slots[slot].write_only {
                let list = instance::read(object, slot).map_err(from_py)?;
                relation::take_in(&list, targets.map(|member| member.into_bound(py)).collect());
                return Ok(());
            }
            let list = relation::list(object, slot, targets, false).map_err(from_py)?;
            instance::put(object, slot, list).map_err(from_py)
        })
    }

    fn attach_aside(
        &self,
        object: &Py<PyAny>,
        name: &str,
        many: bool,
        targets: &mut dyn ExactSizeIterator<Item = Py<PyAny>>,
    ) -> Result<()> {
        Python::attach(|py| {
            let value = match many {
                true => PyList::new(py, targets.collect::<Vec<_>>())?.into_any().unbind(),
                false => targets.next().unwrap_or_else(|| py.None()),
            };
            // Into the object's own dict, where no flush looks.
            let dict = object.bind(py).getattr(pyo3::intern!(py, "__dict__"))?;
            dict.set_item(name, value)
        })
        .map_err(from_py)
    }

    fn attach_nothing(&self, object: &Py<PyAny>, relation: RelationId) -> Result<()> {
        Python::attach(|py| {
            let object = object.bind(py);
            let slot = slot_of(object, relation);
            let nothing = match table(object).slots[slot].kind {
                SlotKind::Relation { many: true } => {
                    relation::list(object, slot, &mut std::iter::empty(), true).map_err(from_py)?
                }
                _ => py.None().into_bound(py),
            };
            instance::put(object, slot, nothing).map_err(from_py)
        })
    }

    fn detach(&self, object: &Py<PyAny>, relation: RelationId, gone: &dyn Fn(ObjectId) -> bool) {
        Python::attach(|py| {
            let object = object.bind(py);
            let slot = slot_of(object, relation);
            let Some(value) = mapped(instance::slot(object, slot)) else { return };
            let is_gone = |member: &Bound<'_, PyAny>| gone(ObjectId(member.as_ptr() as usize));
            if !relation::detach(&value, &is_gone) && is_gone(&value) {
                mapped(instance::put(object, slot, py.None().into_bound(py)));
            }
        });
    }

    fn admit(&self, object: &Py<PyAny>, relation: RelationId, member: &Py<PyAny>) -> Result<()> {
        Python::attach(|py| {
            let object = object.bind(py);
            match mapped(instance::slot(object, slot_of(object, relation))) {
                Some(list) => relation::admit(&list, member.bind(py)).map_err(from_py),
                None => Ok(()),
            }
        })
    }

    fn join(&self, object: &Py<PyAny>, relation: RelationId, member: &Py<PyAny>) -> Result<()> {
        Python::attach(|py| {
            let object = object.bind(py);
            relation::join(object, slot_of(object, relation), member.bind(py)).map_err(from_py)
        })
    }

    fn leave(&self, object: &Py<PyAny>, relation: RelationId, member: &Py<PyAny>) -> Result<()> {
        Python::attach(|py| {
            let object = object.bind(py);
            relation::leave(object, slot_of(object, relation), member.bind(py)).map_err(from_py)
        })
    }

    fn is_attached(&self, object: &Py<PyAny>, relation: RelationId) -> bool {
        Python::attach(|py| {
            let object = object.bind(py);
            let slot = slot_of(object, relation);
            let known = &table(object).slots[slot];
            if known.write_only {
                return mapped(instance::slot(object, slot)).is_some_and(|list| relation::is_whole(&list));
            }
            let many = known.kind == SlotKind::Relation { many: true };
            mapped(instance::slot(object, slot)).is_some() || (many && mapped(instance::is_born(object)))
        })
    }

    fn relation_changed(&self, object: &Py<PyAny>, relation: RelationId) -> bool {
        Python::attach(|py| {
            let object = object.bind(py);
            mapped(instance::dirty(object)).contains(slot_of(object, relation))
        })
    }

    fn related(
        &self,
        object: &Py<PyAny>,
        relation: RelationId,
        visit: &mut dyn FnMut(&Py<PyAny>) -> Result<()>,
    ) -> Result<()> {
        let members = Python::attach(|py| {
            let object = object.bind(py);
            relation::members(mapped(instance::slot(object, slot_of(object, relation))))
        });
        members.iter().try_for_each(visit)
    }

    fn added(
        &self,
        object: &Py<PyAny>,
        relation: RelationId,
        visit: &mut dyn FnMut(&Py<PyAny>) -> Result<()>,
    ) -> Result<()> {
        let added = Python::attach(|py| {
            let object = object.bind(py);
            let value = mapped(instance::slot(object, slot_of(object, relation)));
            value.as_ref().map(relation::added).unwrap_or_default()
        });
        added.iter().try_for_each(visit)
    }

    fn removed(
        &self,
        object: &Py<PyAny>,
        relation: RelationId,
        visit: &mut dyn FnMut(&Py<PyAny>) -> Result<()>,
    ) -> Result<()> {
        let removed = Python::attach(|py| {
            let object = object.bind(py);
            let slot = slot_of(object, relation);
            let value = mapped(instance::slot(object, slot));
            if let Some(mut removed) = value.as_ref().and_then(relation::removed) {
                let passed = value.as_ref().map(relation::passed).unwrap_or_default();
                removed.extend(passed.into_iter().filter(|member| self.state(member) == State::Pending));
                return removed;
            }
            match mapped(instance::original(object, slot)) {
                Original::Value(old) if !old.is_none() && !value.is_some_and(|now| now.is(&old)) => {
                    vec![old.unbind()]
                }
                _ => Vec::new(),
            }
        });
        removed.iter().try_for_each(visit)
    }
}
