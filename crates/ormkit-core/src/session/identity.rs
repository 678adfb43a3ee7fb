//! The identity map: one object per model and key.
//!
//! It is weak. Strength lives elsewhere: new, changed and journalled objects are held by the unit of work, clean ones by
//! the program alone.

use std::hash::Hasher;
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;
use rustc_hash::FxHasher;
use smallvec::SmallVec;

use crate::error::Result;
use crate::host::Host;
use crate::model::{ModelId, Schema};
use crate::value::{Value, ValueRef};

/// The values of a primary key (or of the columns of a join), in the order of its fields.
pub type Key = SmallVec<[Value; 1]>;

/// A key that is still in the hands of whoever read it: cells of a row, parameters of a call.
pub trait KeyCells {
    /// Number of parts.
    fn len(&self) -> usize;

    /// True without parts.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A part.
    fn part(&self, index: usize) -> Result<ValueRef<'_>>;
}

impl KeyCells for [ValueRef<'_>] {
    fn len(&self) -> usize {
        <[ValueRef<'_>]>::len(self)
    }

    fn part(&self, index: usize) -> Result<ValueRef<'_>> {
        Ok(self[index])
    }
}

impl KeyCells for Key {
    fn len(&self) -> usize {
        SmallVec::len(self)
    }

    fn part(&self, index: usize) -> Result<ValueRef<'_>> {
        // A key holds no arrays: columns of a key are scalars.
        Ok(self[index].as_ref().unwrap_or(ValueRef::Null))
    }
}

/// A copy of borrowed key cells.
pub(crate) fn own(cells: &(impl KeyCells + ?Sized)) -> Result<Key> {
    (0..cells.len()).map(|index| cells.part(index).map(Value::from)).collect()
}

/// True when a part is NULL: such a key names no row.
pub(crate) fn has_null(cells: &(impl KeyCells + ?Sized)) -> Result<bool> {
    for index in 0..cells.len() {
        if cells.part(index)?.is_null() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn hash(space: u32, cells: &(impl KeyCells + ?Sized)) -> Result<u64> {
    let mut hasher = FxHasher::default();
    hasher.write_u32(space);
    for index in 0..cells.len() {
        hash_value(&mut hasher, cells.part(index)?);
    }
    Ok(hasher.finish())
}

fn hash_value(hasher: &mut FxHasher, value: ValueRef<'_>) {
    match value {
        ValueRef::Int(value) => hasher.write_i64(value),
        ValueRef::Text(value) => hasher.write(value.as_bytes()),
        ValueRef::Bytes(value) => hasher.write(value),
        ValueRef::Uuid(value) => hasher.write(&value),
        ValueRef::Bool(value) => hasher.write_u8(value.into()),
        ValueRef::Float(value) => hasher.write_u64(value.to_bits()),
        ValueRef::Date(value) => hasher.write_i32(value.0),
        ValueRef::Time(value) => hasher.write_i64(value.0),
        ValueRef::Timestamp(value) | ValueRef::TimestampTz(value) => hasher.write_i64(value.0),
        // Rare as keys: equal values hash alike, which is all that is asked.
        ValueRef::Numeric(_)
        | ValueRef::Interval(_)
        | ValueRef::Json(_)
        | ValueRef::Array(_)
        | ValueRef::TimeTz(_)
        | ValueRef::Inet(_)
        | ValueRef::Cidr(_)
        | ValueRef::Encoded(_)
        | ValueRef::Record(_)
        | ValueRef::Range(_)
        | ValueRef::Map(_)
        | ValueRef::Custom(_)
        | ValueRef::Object(_)
        | ValueRef::Null => {}
    }
}

fn same(key: &Key, cells: &(impl KeyCells + ?Sized)) -> bool {
    key.len() == cells.len()
        && key.iter().enumerate().all(|(index, part)| {
            let (one, other) = (part.as_ref(), cells.part(index).ok());
            one == other || is_same_number(one, other)
        })
}

/// Decimals of one number are one key, whatever their digits.
#[cold]
fn is_same_number(one: Option<ValueRef<'_>>, other: Option<ValueRef<'_>>) -> bool {
    matches!((one, other), (Some(ValueRef::Numeric(one)), Some(ValueRef::Numeric(other))) if one.is_same_number(&other))
}

struct Entry<H: Host> {
    hash: u64,
    model: ModelId,
    key: Key,
    weak: H::Weak,
}

/// The objects of one session, by model and key.
pub(crate) struct Identity<H: Host> {
    table: HashTable<Entry<H>>,
    /// Number of entries at which dead ones are looked for: twice the living of the last sweep.
    sweep_at: usize,
    /// Model by model whose identity its objects have; models beyond its end have their own.
    roots: Arc<[ModelId]>,
}

/// The least number of entries that is worth a sweep.
const SWEEP_FROM: usize = 1024;

impl<H: Host> Identity<H> {
    pub(crate) fn new(schema: &Schema) -> Self {
        Self { table: HashTable::new(), sweep_at: SWEEP_FROM, roots: Arc::clone(schema.roots()) }
    }

    /// Says which models are known by now.
    pub(crate) fn set_schema(&mut self, schema: &Schema) {
        self.roots = Arc::clone(schema.roots());
    }

    /// The model whose identity the objects of `model` have.
    #[inline]
    fn root(&self, model: ModelId) -> ModelId {
        self.roots.get(model.index()).copied().unwrap_or(model)
    }

    /// The living object of a key.
    pub(crate) fn find(
        &self,
        host: &H,
        model: ModelId,
        key: &(impl KeyCells + ?Sized),
    ) -> Result<Option<H::Object>> {
        let model = self.root(model);
        let hash = hash(model.0, key)?;
        let found = self
            .table
            .find(hash, |entry| entry.hash == hash && entry.model == model && same(&entry.key, key));
        Ok(found.and_then(|entry| host.upgrade(&entry.weak)))
    }

    /// The living object of a key, or the one that `make` makes, which is then known. True: it was made.
    pub(crate) fn find_or_make(
        &mut self,
        host: &H,
        model: ModelId,
        key: &(impl KeyCells + ?Sized),
        make: impl FnOnce() -> Result<H::Object>,
    ) -> Result<(H::Object, bool)> {
        let model = self.root(model);
        let hash = hash(model.0, key)?;
        let is_it = |entry: &Entry<H>| entry.hash == hash && entry.model == model && same(&entry.key, key);
        match self.table.entry(hash, is_it, |entry| entry.hash) {
            Slot::Occupied(mut slot) => {
                if let Some(object) = host.upgrade(&slot.get().weak) {
                    return Ok((object, false));
                }
                let object = make()?;
                slot.get_mut().weak = host.downgrade(&object);
                Ok((object, true))
            }
            Slot::Vacant(slot) => {
                let object = make()?;
                slot.insert(Entry { hash, model, key: own(key)?, weak: host.downgrade(&object) });
                self.sweep(host);
                Ok((object, true))
            }
        }
    }

    /// Makes `object` the one of its key.
    pub(crate) fn insert(
        &mut self,
        host: &H,
        model: ModelId,
        key: &(impl KeyCells + ?Sized),
        object: &H::Object,
    ) -> Result<()> {
        let model = self.root(model);
        let (_, made) = self.find_or_make(host, model, key, || Ok(host.retain(object)))?;
        if !made {
            let hash = hash(model.0, key)?;
            let is_it =
                |entry: &Entry<H>| entry.hash == hash && entry.model == model && same(&entry.key, key);
            if let Some(entry) = self.table.find_mut(hash, is_it) {
                entry.weak = host.downgrade(object);
            }
        }
        Ok(())
    }

    /// Forgets a key, if it is `object` that it names.
    pub(crate) fn remove(
        &mut self,
        host: &H,
        model: ModelId,
        key: &(impl KeyCells + ?Sized),
        object: &H::Object,
    ) -> Result<()> {
        let model = self.root(model);
        let hash = hash(model.0, key)?;
        let is_it = |entry: &Entry<H>| {
            entry.hash == hash
                && entry.model == model
                && same(&entry.key, key)
                && host.upgrade(&entry.weak).is_none_or(|known| host.id(&known) == host.id(object))
        };
        if let Ok(entry) = self.table.find_entry(hash, is_it) {
            entry.remove();
        }
        Ok(())
    }

    /// True when an object of a model is alive, or one of its family.
    pub(crate) fn holds(&self, host: &H, model: ModelId) -> bool {
        let model = self.root(model);
        self.table.iter().any(|entry| entry.model == model && host.upgrade(&entry.weak).is_some())
    }

    /// The living objects of the models that `wanted` names.
    pub(crate) fn living(&self, host: &H, wanted: impl Fn(ModelId) -> bool) -> Vec<H::Object> {
        let is_alone = |model: ModelId| model.index() >= self.roots.len();
        let entries = self.table.iter().filter(|entry| !is_alone(entry.model) || wanted(entry.model));
        let living = entries.filter_map(|entry| host.upgrade(&entry.weak));
        match self.roots.is_empty() {
            true => living.collect(),
            false => living.filter(|object| wanted(host.model(object))).collect(),
        }
    }

    /// True when no key is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The living objects, with their models and what they are known by.
    pub(crate) fn all(&self, host: &H) -> Vec<(ModelId, Key, H::Object)> {
        let living = |entry: &Entry<H>| {
            let object = host.upgrade(&entry.weak)?;
            Some((host.model(&object), entry.key.clone(), object))
        };
        self.table.iter().filter_map(living).collect()
    }

    /// Forgets everything and hands out what is alive.
    pub(crate) fn drain(&mut self, host: &H) -> SmallVec<[H::Object; 4]> {
        self.table.drain().filter_map(|entry| host.upgrade(&entry.weak)).collect()
    }

    /// Drops dead entries when they may outnumber the living.
    fn sweep(&mut self, host: &H) {
        if self.table.len() >= self.sweep_at {
            self.table.retain(|entry| host.upgrade(&entry.weak).is_some());
            self.sweep_at = (self.table.len() * 2).max(SWEEP_FROM);
        }
    }
}

/// Places by key: which parent a child's row belongs to.
#[derive(Default)]
pub(crate) struct KeyIndex {
    table: HashTable<(u64, Key, u32)>,
}

impl KeyIndex {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { table: HashTable::with_capacity(capacity) }
    }

    /// Notes a key's place; the first one stays. True: the key is new.
    pub(crate) fn insert(&mut self, key: Key, place: u32) -> Result<bool> {
        let hash = hash(0, &key)?;
        match self.table.entry(
            hash,
            |(other, known, _)| *other == hash && same(known, &key),
            |(hash, ..)| *hash,
        ) {
            Slot::Occupied(_) => Ok(false),
            Slot::Vacant(slot) => {
                slot.insert((hash, key, place));
                Ok(true)
            }
        }
    }

    /// A key's place.
    pub(crate) fn find(&self, key: &(impl KeyCells + ?Sized)) -> Result<Option<u32>> {
        let hash = hash(0, key)?;
        Ok(self
            .table
            .find(hash, |(other, known, _)| *other == hash && same(known, key))
            .map(|(.., place)| *place))
    }

    /// All keys in no particular order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.table.iter().map(|(_, key, _)| key)
    }
}
