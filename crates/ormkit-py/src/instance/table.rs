//! What a mapped class knows of its slots: read on every attribute write, never changed after the class statement.
use super::held::Held;
use super::hooks::hooks;
use ormkit_core::model::ModelId;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;
use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};

/// The slots of one mapped class: columns first, in the order of their field ids, then relations, in the order of
/// their relation ids.
pub(crate) struct ClassTable {
    /// The model's number in the registry.
    pub(crate) model: ModelId,
    /// The class's name, for messages.
    pub(crate) class: String,
    /// Columns, then relations.
    pub(crate) slots: Box<[Slot]>,
    /// How many of the slots are columns.
    pub(crate) columns: usize,
    /// The slots of the primary key, in key order.
    pub(crate) key: Box<[usize]>,
    /// True where some column holds JSON.
    pub(crate) has_json: bool,
    /// The definitions of the read-only descriptors, slot by slot: at a fixed address while the class lives.
    pub(super) members: Box<[Member]>,
    names: NameIndex,
}

/// The definition of a read-only descriptor, and the name that it points to.
pub(super) struct Member(
    pub(super) ffi::PyMemberDef,
    #[expect(dead_code, reason = "keeps the name alive")] CString,
);

impl Member {
    fn new(name: &str, offset: usize) -> PyResult<Self> {
        let name = CString::new(name)?;
        let definition = ffi::PyMemberDef {
            name: name.as_ptr(),
            type_code: ffi::Py_T_OBJECT_EX,
            offset: offset as isize,
            flags: ffi::Py_READONLY,
            doc: std::ptr::null(),
        };
        Ok(Self(definition, name))
    }
}

/// One column or relation of a class.
pub(crate) struct Slot {
    /// The attribute's name; interned.
    pub(crate) name: Held,
    /// The same, for messages.
    pub(crate) text: String,
    /// Where the value's pointer lies, in bytes from the object's start.
    pub(crate) offset: usize,
    /// Column or relation.
    pub(crate) kind: SlotKind,
    /// A list that is never loaded: what is there are its changes.
    pub(crate) write_only: bool,
    /// The value of a new object that was not given one.
    pub(crate) initial: Initial,
    /// What the class answers for the attribute: an expression.
    pub(crate) expression: Option<Held>,
    /// What sees a value before it is stored: called with object, name and value.
    pub(crate) validator: Option<Held>,
    /// Values that come in are looked at: by the validator, or by listeners.
    watched: AtomicBool,
    /// Python's hash of the name.
    hash: isize,
}

impl Slot {
    /// Has values that come in looked at from now on.
    pub(crate) fn watch(&self) {
        self.watched.store(true, Ordering::Relaxed);
    }

    /// True where values that come in are looked at.
    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }
}

/// Column or relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotKind {
    /// A column.
    Column {
        /// True where it holds JSON: decoded on first touch, compared at flush.
        json: bool,
    },
    /// A relation.
    Relation {
        /// True for a collection.
        many: bool,
    },
}

/// The value of a new object that was not given one.
#[derive(Default)]
pub(crate) enum Initial {
    /// None.
    #[default]
    None,
    /// This object, shared by all.
    Value(Held),
    /// What this callable returns, called without arguments.
    Callable(Held),
}

/// What `install` is told of a slot; the rest it finds out.
pub(crate) struct SlotSpec {
    /// The attribute's name.
    pub(crate) name: String,
    /// Column or relation.
    pub(crate) kind: SlotKind,
    /// A list that is never loaded.
    pub(crate) write_only: bool,
    /// The value of a new object that was not given one.
    pub(crate) initial: Initial,
    /// What the class answers for the attribute.
    pub(crate) expression: Option<Held>,
    /// What sees a value before it is stored.
    pub(crate) validator: Option<Held>,
}

impl ClassTable {
    /// Puts the table together; `offsets` has one entry per slot.
    ///
    /// # Errors
    /// What Python raises when a name cannot be interned.
    pub(super) fn new(
        py: Python<'_>,
        model: ModelId,
        class: String,
        specs: Vec<SlotSpec>,
        offsets: &[usize],
        key: Box<[usize]>,
    ) -> PyResult<Self> {
        let mut slots = Vec::with_capacity(specs.len());
        for (spec, offset) in specs.into_iter().zip(offsets) {
            let name = PyString::intern(py, &spec.name);
            slots.push(Slot {
                hash: name.hash()?,
                name: Held::new(name.as_any()),
                text: spec.name,
                offset: *offset,
                kind: spec.kind,
                write_only: spec.write_only,
                initial: spec.initial,
                expression: spec.expression,
                watched: AtomicBool::new(spec.validator.is_some() || (hooks().is_anything_heard)()),
                validator: spec.validator,
            });
        }
        let is_json = |slot: &Slot| slot.kind == SlotKind::Column { json: true };
        Ok(Self {
            model,
            class,
            columns: slots.iter().take_while(|slot| matches!(slot.kind, SlotKind::Column { .. })).count(),
            key,
            has_json: slots.iter().any(is_json),
            names: NameIndex::new(slots.iter().map(|slot| slot.name.as_ptr() as usize)),
            members: slots
                .iter()
                .map(|slot| Member::new(&slot.text, slot.offset))
                .collect::<PyResult<_>>()?,
            slots: slots.into(),
        })
    }

    /// The slot whose interned name lies at `address`.
    #[inline]
    pub(super) fn by_address(&self, address: usize) -> Option<usize> {
        self.names.find(address)
    }

    /// The slots whose name has this hash, for names that are not interned.
    pub(super) fn by_hash(&self, hash: isize) -> impl Iterator<Item = usize> + '_ {
        self.slots.iter().enumerate().filter(move |(_, slot)| slot.hash == hash).map(|(index, _)| index)
    }

    /// The slot called `name`.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.slots.iter().position(|slot| slot.text == name)
    }

    /// True where both have the same names in the same order, so that slot numbers mean the same.
    pub(super) fn same_order(&self, other: &Self) -> bool {
        self.slots.len() == other.slots.len()
            && self.slots.iter().zip(&other.slots).all(|(a, b)| a.offset == b.offset && a.text == b.text)
    }
}

/// Open addressing over the addresses of interned strings.
struct NameIndex {
    /// (address, slot); address 0 is free. The length is a power of two and at least twice the number of names.
    cells: Box<[(usize, u32)]>,
}

impl NameIndex {
    fn new(addresses: impl ExactSizeIterator<Item = usize>) -> Self {
        let mut cells = vec![(0, 0); (addresses.len() * 2).next_power_of_two().max(4)].into_boxed_slice();
        let mask = cells.len() - 1;
        for (slot, address) in addresses.enumerate() {
            let mut at = (address >> 4) & mask;
            while cells[at].0 != 0 {
                at = (at + 1) & mask;
            }
            cells[at] = (address, slot as u32);
        }
        Self { cells }
    }

    #[inline]
    fn find(&self, address: usize) -> Option<usize> {
        let mask = self.cells.len() - 1;
        let mut at = (address >> 4) & mask;
        loop {
            let (found, slot) = self.cells[at & mask];
            if found == address {
                return Some(slot as usize);
            }
            if found == 0 {
                return None;
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_finds_its_slot() {
        let addresses: Vec<usize> = (0..300).map(|i| 0x7f00_0000_0000 + i * 4096).collect();
        let index = NameIndex::new(addresses.iter().copied());
        for (slot, address) in addresses.iter().enumerate() {
            assert_eq!(index.find(*address), Some(slot));
        }
        assert_eq!(index.find(0x10), None);
    }

    #[test]
    fn no_names_find_nothing() {
        assert_eq!(NameIndex::new([].into_iter()).find(0x7f00_0000_0010), None);
    }
}
