//! Handles that do not keep their object alive: what the identity map holds.
//!
//! Python's own weak references are objects of 72 bytes that the collector walks; one for each loaded row is dear. Here
//! an object that belongs to a session has a cell in one table of the process, by a number in its head; the cell knows
//! the object and its home. A handle is that number and the cell's generation, which rises when the object dies.
#![allow(unsafe_code)]
use super::head::Head;
use pyo3::ffi;
use pyo3::prelude::*;
use std::cell::UnsafeCell;
use std::ptr;

/// A handle that does not keep its object alive. Dropping it does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weak {
    cell: u32,
    generation: u32,
}

struct Cell {
    /// Null while the cell is free.
    object: *mut ffi::PyObject,
    generation: u32,
    /// The object's home; of a free cell: the next free one.
    home: u32,
}

struct Cells {
    /// Cell 0 is never used: 0 means "none".
    cells: Vec<Cell>,
    free: u32,
}

struct Table(UnsafeCell<Cells>);

// SAFETY: touched with the interpreter lock held only, and never across a call that may release it.
unsafe impl Sync for Table {}

static TABLE: Table = Table(UnsafeCell::new(Cells { cells: Vec::new(), free: 0 }));

/// Runs `touch` on the table.
///
/// # Safety
/// The interpreter lock is held, and `touch` runs no Python code.
unsafe fn cells<R>(touch: impl FnOnce(&mut Cells) -> R) -> R {
    // SAFETY: the lock keeps other threads out, and `touch` cannot come back here.
    touch(unsafe { &mut *TABLE.0.get() })
}

impl Cells {
    fn take(&mut self, object: *mut ffi::PyObject) -> u32 {
        if self.cells.is_empty() {
            self.cells.push(Cell { object: ptr::null_mut(), generation: 0, home: 0 });
        }
        if self.free == 0 {
            self.cells.push(Cell { object, generation: 0, home: 0 });
            return (self.cells.len() - 1) as u32;
        }
        let taken = self.free;
        let cell = &mut self.cells[taken as usize];
        self.free = std::mem::replace(&mut cell.home, 0);
        cell.object = object;
        taken
    }

    fn release(&mut self, cell: u32) {
        let next = self.free;
        let released = &mut self.cells[cell as usize];
        released.object = ptr::null_mut();
        released.generation = released.generation.wrapping_add(1);
        released.home = next;
        self.free = cell;
    }
}

/// The object's cell, taken now if need be.
///
/// # Safety
/// `object` is a live instance of the base, and the lock is held.
unsafe fn cell_of(object: *mut ffi::PyObject) -> u32 {
    // SAFETY: says the caller.
    unsafe {
        let head = Head::of(object);
        if head.cell == 0 {
            head.cell = cells(|cells| cells.take(object));
        }
        head.cell
    }
}

/// A handle on an instance.
///
/// # Safety
/// `object` is a live instance of the base, and the lock is held.
pub(super) unsafe fn downgrade(object: *mut ffi::PyObject) -> Weak {
    // SAFETY: says the caller.
    unsafe {
        let cell = cell_of(object);
        Weak { cell, generation: cells(|cells| cells.cells[cell as usize].generation) }
    }
}

impl Weak {
    /// The object, unless it is gone.
    pub(crate) fn upgrade<'py>(self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        // SAFETY: the token proves that the lock is held. An object takes itself out of its cell before it is freed;
        // one whose count is zero is on its way there.
        unsafe {
            let object = cells(|cells| {
                let cell = cells.cells.get(self.cell as usize)?;
                (cell.generation == self.generation && !cell.object.is_null()).then_some(cell.object)
            })?;
            (ffi::Py_REFCNT(object) > 0).then(|| Bound::from_borrowed_ptr(py, object))
        }
    }
}

/// The number of the home that a cell's object belongs to; 0 for none.
///
/// # Safety
/// The lock is held, and `cell` is an object's, or 0.
#[inline]
pub(super) unsafe fn home_of(cell: u32) -> u32 {
    // SAFETY: says the caller.
    if cell == 0 { 0 } else { unsafe { cells(|cells| cells.cells[cell as usize].home) } }
}

/// Says which home an instance belongs to; 0 for none.
///
/// # Safety
/// `object` is a live instance of the base, and the lock is held.
pub(super) unsafe fn set_home(object: *mut ffi::PyObject, home: u32) {
    // SAFETY: says the caller.
    unsafe {
        if home != 0 || Head::of(object).cell != 0 {
            let cell = cell_of(object);
            cells(|cells| cells.cells[cell as usize].home = home);
        }
    }
}

/// Ends all handles on an instance: it is about to be freed.
///
/// # Safety
/// `object` is an instance of the base, and the lock is held.
#[inline]
pub(super) unsafe fn forget(object: *mut ffi::PyObject) {
    // SAFETY: says the caller.
    unsafe {
        let cell = std::mem::take(&mut Head::of(object).cell);
        if cell != 0 {
            cells(|cells| cells.release(cell));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cell_is_used_again_under_another_generation() {
        let mut cells = Cells { cells: Vec::new(), free: 0 };
        let object = ptr::dangling_mut();
        let (first, second) = (cells.take(object), cells.take(object));
        assert_eq!((first, second), (1, 2));
        cells.release(first);
        cells.release(second);
        assert_eq!((cells.take(object), cells.take(object), cells.take(object)), (2, 1, 3));
        assert_eq!(cells.cells[1].generation, 1);
        assert_eq!(cells.cells[1].home, 0);
    }
}
