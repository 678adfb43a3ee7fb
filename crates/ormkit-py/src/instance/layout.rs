//! Where the cells of a row go: made once per plan, so that no row looks anything up.
#![allow(unsafe_code)]
use super::cold::Json;
use super::head::{self, Head};
use super::{ClassTable, State, class_table, table_of};
use crate::convert::Border;
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::sync::Arc;

/// The places of some slots of one class.
pub(crate) struct Layout {
    class: Py<PyType>,
    /// Cell by cell: slot number and place.
    cells: Box<[(u32, usize)]>,
}

impl Layout {
    /// The places of `slots`, cell by cell.
    ///
    /// # Errors
    /// `TypeError` for a class that is not mapped, `IndexError` past its slots.
    pub(crate) fn new(class: &Bound<'_, PyType>, slots: &[usize]) -> PyResult<Self> {
        let table = class_table(class)?;
        let place = |slot: &usize| {
            let found = table.slots.get(*slot).map(|found| (*slot as u32, found.offset));
            found.ok_or_else(|| PyIndexError::new_err(format!("{} has no slot {slot}", table.class)))
        };
        Ok(Self { class: class.clone().unbind(), cells: slots.iter().map(place).collect::<PyResult<_>>()? })
    }

    /// A bare persistent instance to be filled: the constructor does not run, every slot is empty.
    ///
    /// # Errors
    /// `MemoryError`.
    pub(crate) fn create<'a, 'py>(&'a self, py: Python<'py>) -> PyResult<Filling<'a, 'py>> {
        // SAFETY: a layout is only made of mapped classes, which derive from the base.
        let object = unsafe {
            let class = self.class.as_ptr().cast();
            Bound::from_owned_ptr_or_err(py, head::allocate(class, State::Persistent as u32))?
        };
        Ok(Filling { object, layout: self })
    }

    /// True where instances of another class have their slots in the same places: another declaration of the class, or one
    /// that extends it.
    fn fits(&self, other: &ClassTable, own: &ClassTable) -> bool {
        let has_place = |(slot, offset): &(u32, usize)| {
            let (of, own) = (other.slots.get(*slot as usize), own.slots.get(*slot as usize));
            of.zip(own).is_some_and(|(of, own)| of.offset == *offset && of.text == own.text)
        };
        other.same_order(own) || self.cells.iter().all(has_place)
    }

    /// An instance that exists, to be filled.
    ///
    /// # Errors
    /// `TypeError` where its slots lie elsewhere.
    pub(crate) fn open<'a, 'py>(&'a self, object: &Bound<'py, PyAny>) -> PyResult<Filling<'a, 'py>> {
        let class = self.class.bind(object.py());
        if !object.get_type().is(class) && !self.fits(table_of(object)?, class_table(class)?) {
            return Err(PyTypeError::new_err("the row is of another class than the object"));
        }
        Ok(Filling { object: object.clone(), layout: self })
    }
}

/// An object that takes the cells of a row: no dirty marks, no originals.
pub(crate) struct Filling<'a, 'py> {
    object: Bound<'py, PyAny>,
    layout: &'a Layout,
}

impl<'py> Filling<'_, 'py> {
    /// True where the slot of a cell is not loaded; JSON that nobody has looked at is, and so is an SQL expression that is
    /// not written.
    ///
    /// # Panics
    /// Past the layout's cells.
    pub(crate) fn is_empty(&self, cell: usize) -> bool {
        let (slot, offset) = self.layout.cells[cell];
        // SAFETY: the layout's places are the object's own: checked when it was opened.
        unsafe {
            (*head::place(self.object.as_ptr(), offset)).is_null()
                && Head::of(self.object.as_ptr())
                    .cold()
                    .is_none_or(|cold| cold.json(slot).is_none() && cold.expression(slot).is_none())
        }
    }

    /// Stores a value that comes from the database.
    ///
    /// # Panics
    /// Past the layout's cells.
    #[inline]
    pub(crate) fn put(&self, cell: usize, value: Bound<'py, PyAny>) {
        let (slot, offset) = self.layout.cells[cell];
        // SAFETY: as above; the old value is dropped last.
        unsafe {
            if let Some(cold) = Head::of(self.object.as_ptr()).cold() {
                cold.take_json(slot);
            }
            drop(head::swap(self.object.as_ptr(), offset, value.into_ptr()));
        }
    }

    /// Stores JSON text: decoded when somebody touches it.
    ///
    /// # Panics
    /// Past the layout's cells.
    pub(crate) fn put_json(&self, cell: usize, text: &str) {
        let (slot, offset) = self.layout.cells[cell];
        // SAFETY: as above; the old value is dropped last.
        unsafe {
            Head::of(self.object.as_ptr()).cold_or_new().set_json(slot, Json::Pending(text.into()));
            drop(head::swap(self.object.as_ptr(), offset, std::ptr::null_mut::<ffi::PyObject>()));
        }
    }

    /// Says which engine's functions read and write the object's JSON.
    pub(crate) fn keep_border(&self, border: &Arc<Border>) {
        // SAFETY: the object is an instance of the base: checked when it was opened.
        let cold = unsafe { Head::of(self.object.as_ptr()).cold_or_new() };
        cold.border = Some(Arc::clone(border));
    }

    /// The object.
    pub(crate) fn finish(self) -> Bound<'py, PyAny> {
        self.object
    }
}
