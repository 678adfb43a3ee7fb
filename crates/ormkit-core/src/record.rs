//! `Record`: the object of Rust users and of core's own tests. A typed value map with dirty bits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::driver::Row;
use crate::error::{Error, ErrorKind, Result};
use crate::host::{Fill, HomeId, ObjectId, State};
use crate::model::{FieldId, FieldSet, Mark, Model, RelationId};
use crate::query::{Expr, Shape};
use crate::session::Home;
use crate::value::{Value, ValueRef};

mod host;
mod sessions;

pub use host::{RecordLayout, RecordListener, RecordSnapshot, Records};
pub use sessions::Sessions;

/// An object of a model: a handle, cheap to clone.
#[derive(Clone)]
pub struct Record(Arc<Shared>);

struct Shared {
    model: Arc<Model>,
    body: Mutex<Body>,
}

/// What can change of a record.
#[derive(Clone)]
struct Body {
    /// None: not loaded.
    fields: Vec<Option<Value>>,
    changed: FieldSet,
    /// Changed fields that have no value: the statement that writes the record computes them.
    expressions: Vec<(FieldId, Expr)>,
    /// Values that fields had before their first change.
    originals: Vec<(FieldId, Option<Value>)>,
    relations: Vec<Related>,
    state: State,
    home: HomeId,
    reports_to: Option<Weak<Home<Records>>>,
}

/// A relation of a record.
#[derive(Clone, Default)]
struct Related {
    loaded: bool,
    /// `noload`: empty, and never written.
    read_only: bool,
    changed: bool,
    members: Vec<Record>,
    original: Vec<Record>,
    /// Members that came and went since the first change: a new one of them is nobody's.
    passing: Vec<Record>,
}

impl Related {
    /// Other members are in place of `old` ones, which are the original ones where nothing was changed before.
    fn part_with(&mut self, old: Vec<Record>) {
        if !self.changed {
            self.changed = true;
            self.original = old;
            return;
        }
        for member in old {
            let is_known = |known: &[Record]| known.contains(&member);
            if !is_known(&self.members) && !is_known(&self.original) && !is_known(&self.passing) {
                self.passing.push(member);
            }
        }
    }
}

impl Record {
    /// A new object without values.
    pub fn new(model: &Arc<Model>) -> Self {
        Self::bare(model, State::Transient)
    }

    fn bare(model: &Arc<Model>, state: State) -> Self {
        let new = state == State::Transient;
        let related = Related { loaded: new, ..Related::default() };
        let mut fields = vec![None; model.fields().len()];
        // A new object of a family says of which class it is.
        if let Some(family) = model.family.as_ref().filter(|_| new) {
            fields[family.discriminator.index()] = family.mark.as_ref().map(|mark| match mark {
                Mark::Text(text) => Value::from(text.as_str()),
                Mark::Int(number) => Value::from(*number),
            });
        }
        let body = Body {
            fields,
            changed: FieldSet::new(),
            expressions: Vec::new(),
            originals: Vec::new(),
            relations: vec![related; model.relations.len()],
            state,
            home: HomeId::NONE,
            reports_to: None,
        };
        Self(Arc::new(Shared { model: Arc::clone(model), body: Mutex::new(body) }))
    }

    /// Its model.
    pub fn model(&self) -> &Arc<Model> {
        &self.0.model
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.body().state
    }

    /// Sets an attribute, for chaining: `Record::new(&user).with("name", "Ann")?`.
    ///
    /// # Errors
    /// The model has no such attribute.
    pub fn with(self, name: &str, value: impl Into<Value>) -> Result<Self> {
        self.set(name, value)?;
        Ok(self)
    }

    /// Sets an attribute. An equal value is no change.
    ///
    /// # Errors
    /// The model has no such attribute.
    pub fn set(&self, name: &str, value: impl Into<Value>) -> Result<()> {
        let field = self.0.model.field_named(name)?;
        self.store(field, value.into());
        Ok(())
    }

    /// Sets an attribute to an SQL expression: the statement that writes the record computes its value, which is known
    /// from then on. Columns of the expression are those of the row that is there.
    ///
    /// # Errors
    /// The model has no such attribute.
    pub fn set_expr(&self, name: &str, expr: Expr) -> Result<()> {
        let field = self.0.model.field_named(name)?;
        self.report();
        let mut body = self.body();
        let old = body.fields[field.index()].take();
        body.expressions.retain(|(known, _)| *known != field);
        body.expressions.push((field, expr));
        body.mark(field, old);
        Ok(())
    }

    /// An attribute's value.
    ///
    /// # Errors
    /// The model has no such attribute, or it is not loaded.
    pub fn get(&self, name: &str) -> Result<Value> {
        let field = self.0.model.field_named(name)?;
        let body = self.body();
        if body.is_computed(field) {
            return Err(Error::new(ErrorKind::NotLoaded {
                place: self.0.model.place(field),
                relation: false,
                cure: "it was set to an SQL expression: flush the session, or refresh the record".into(),
            }));
        }
        match &body.fields[field.index()] {
            Some(value) => Ok(value.clone()),
            None if matches!(body.state, State::Transient | State::Pending) => Ok(Value::Null),
            None => Err(not_loaded(&self.0.model, name, false)),
        }
    }

    /// The objects of a relation: none or one where it is not a list.
    ///
    /// # Errors
    /// The model has no such relation, or it is not loaded.
    pub fn related(&self, name: &str) -> Result<Vec<Record>> {
        let relation = self.0.model.relation_named(name)?;
        let body = self.body();
        let related = &body.relations[relation.index()];
        if related.loaded { Ok(related.members.clone()) } else { Err(not_loaded(&self.0.model, name, true)) }
    }

    /// Sets a relation. The other direction is not touched: flush carries the key from whichever side was changed.
    ///
    /// # Errors
    /// The model has no such relation, it is not loaded, or it is read-only.
    pub fn relate(&self, name: &str, members: Vec<Record>) -> Result<()> {
        let relation = self.0.model.relation_named(name)?;
        self.report();
        let mut body = self.body();
        let related = &mut body.relations[relation.index()];
        if related.read_only {
            return Err(Error::invalid_request(format!(
                "{}.{name} was loaded with noload: read-only",
                self.0.model.name()
            )));
        }
        if !related.loaded && self.0.model.relation(relation).many {
            return Err(not_loaded(&self.0.model, name, true));
        }
        related.loaded = true;
        let old = std::mem::replace(&mut related.members, members);
        related.part_with(old);
        Ok(())
    }

    /// Changes the members of a loaded relation, where `change` makes a difference.
    fn edit(&self, relation: RelationId, change: impl FnOnce(&mut Vec<Record>)) {
        let (loaded, mut members) = {
            let related = &self.body().relations[relation.index()];
            (related.loaded && !related.read_only, related.members.clone())
        };
        let before = members.clone();
        change(&mut members);
        if !loaded || members == before {
            return;
        }
        self.report();
        let mut body = self.body();
        let related = &mut body.relations[relation.index()];
        let old = std::mem::replace(&mut related.members, members);
        related.part_with(old);
    }

    fn store(&self, field: FieldId, value: Value) {
        if self.body().fields[field.index()].as_ref() == Some(&value) {
            return;
        }
        self.report();
        let mut body = self.body();
        let old = body.fields[field.index()].replace(value);
        body.expressions.retain(|(known, _)| *known != field);
        body.mark(field, old);
    }

    /// Tells the session of the first change since the record was clean.
    fn report(&self) {
        let home = {
            let body = self.body();
            let clean = body.changed.is_empty() && !body.relations.iter().any(|related| related.changed);
            if clean && body.state == State::Persistent { body.reports_to.clone() } else { None }
        };
        if let Some(home) = home.and_then(|home| home.upgrade()) {
            home.note(self.clone());
        }
    }

    fn body(&self) -> MutexGuard<'_, Body> {
        self.0.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn address(&self) -> ObjectId {
        ObjectId(Arc::as_ptr(&self.0).addr())
    }
}

impl PartialEq for Record {
    /// True for handles of one object.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl std::fmt::Debug for Record {
    /// Class and key only: other values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{}", self.0.model.name())?;
        let body = self.body();
        for field in &self.0.model.key {
            write!(f, " {}={:?}", self.0.model.field(*field).name, body.fields[field.index()])?;
        }
        f.write_str(">")
    }
}

fn not_loaded(model: &Model, name: &str, relation: bool) -> Error {
    let cure = if relation {
        "load it with the query, or with Session::load_relations"
    } else {
        "refresh the record"
    };
    Error::new(ErrorKind::NotLoaded {
        place: format!("{}.{name}", model.name()),
        relation,
        cure: cure.into(),
    })
}

impl Body {
    fn is_new(&self) -> bool {
        matches!(self.state, State::Transient | State::Pending)
    }

    fn is_computed(&self, field: FieldId) -> bool {
        self.expressions.iter().any(|(known, _)| *known == field)
    }

    /// Marks a field as changed; the value that it had is kept once.
    fn mark(&mut self, field: FieldId, old: Option<Value>) {
        if !self.changed.contains(field) {
            self.changed.insert(field);
            self.originals.push((field, old));
        }
    }

    fn cells(&mut self, row: &Row<'_>, layout: &RecordLayout, fill: Fill) -> Result<()> {
        for (at, field) in layout.fields.iter().enumerate() {
            let computed = self.is_computed(*field);
            let slot = &mut self.fields[field.index()];
            let takes = match fill {
                Fill::Missing => slot.is_none() && !computed,
                Fill::Unchanged => !self.changed.contains(*field),
                Fill::All => true,
            };
            if takes {
                *slot = Some(row.cell(layout.from + at)?.into());
                if self.changed.contains(*field) {
                    self.changed.remove(*field);
                    self.originals.retain(|(other, _)| other != field);
                    self.expressions.retain(|(other, _)| other != field);
                }
            }
        }
        Ok(())
    }
}

/// A plain column of a row.
fn value_of(_shape: &Shape, cell: ValueRef<'_>) -> Value {
    cell.into()
}

/// The members that a changed relation gained.
fn gained(related: &Related) -> Vec<Record> {
    if !related.changed {
        return Vec::new();
    }
    related.members.iter().filter(|member| !related.original.contains(member)).cloned().collect()
}

/// The members that a changed relation lost.
fn lost(related: &Related) -> Vec<Record> {
    if !related.changed {
        return Vec::new();
    }
    related.original.iter().filter(|member| !related.members.contains(member)).cloned().collect()
}

/// The members that came and went.
fn passed(related: &Related) -> Vec<Record> {
    related.passing.iter().filter(|member| !related.members.contains(member)).cloned().collect()
}

/// The fields of a new record that INSERT writes.
fn given_of(body: &Body) -> FieldSet {
    let set = |(index, value): (usize, &Option<Value>)| {
        let field = FieldId(index as u16);
        let valued = value.as_ref().is_some_and(|value| !value.is_null());
        (valued || body.changed.contains(field)).then_some(field)
    };
    body.fields.iter().enumerate().filter_map(set).collect()
}
