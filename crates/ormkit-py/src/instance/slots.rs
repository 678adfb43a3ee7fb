//! Looking at many slots of one object.
#![allow(unsafe_code)]
use super::table::ClassTable;
use super::{head, table_of};
use pyo3::ffi;
use pyo3::prelude::*;

/// The slots of one object, its class looked up once.
pub(crate) struct Slots<'a, 'py> {
    object: &'a Bound<'py, PyAny>,
    /// What its class knows.
    pub(crate) table: &'a ClassTable,
}

impl<'a, 'py> Slots<'a, 'py> {
    /// The slots of `object`.
    ///
    /// # Errors
    /// `TypeError` for a foreign object.
    #[inline]
    pub(crate) fn of(object: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        Ok(Self { object, table: table_of(object)? })
    }

    /// The value of a slot; None where it is empty. Loads and decodes nothing.
    ///
    /// # Panics
    /// Past the slots.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<Bound<'py, PyAny>> {
        // SAFETY: the offset is the object's own; a value in a slot is alive.
        unsafe { Bound::from_borrowed_ptr_or_opt(self.object.py(), *self.place(index)) }
    }

    /// True for a slot without a value.
    #[inline]
    pub(crate) fn is_empty(&self, index: usize) -> bool {
        // SAFETY: the offset is the object's own.
        unsafe { (*self.place(index)).is_null() }
    }

    fn place(&self, index: usize) -> *mut *mut ffi::PyObject {
        // SAFETY: the table is that of the object's class, and its offsets lie inside of the object.
        unsafe { head::place(self.object.as_ptr(), self.table.slots[index].offset) }
    }
}
