//! The head of 56 bytes in front of an instance's slots, and the slots as raw memory.
#![allow(unsafe_code)]
use super::cold::Cold;
use super::held::Held;
use super::{State, state_of_bits};
use pyo3::ffi;
use std::ptr;

/// What lies in front of the slots of every instance.
#[repr(C)]
pub(super) struct Head {
    ob_base: ffi::PyObject,
    /// Null until somebody looks at `__dict__` or stores an extra attribute.
    pub(super) dict: *mut ffi::PyObject,
    pub(super) weaklist: *mut ffi::PyObject,
    /// Null until the object has an original, pending JSON or a dirty bit past 64.
    cold: *mut Cold,
    /// One bit for each of the first 64 slots: set by the user since the last settle.
    pub(super) dirty: u64,
    /// A [`State`] in the low byte, [`BORN`].
    pub(super) flags: u32,
    /// The object's cell among the weak handles, which knows its home; 0 for none.
    pub(super) cell: u32,
}

const _: () = assert!(size_of::<Head>() == 56);

/// Set on objects that were constructed, not loaded: their collections are known.
pub(super) const BORN: u32 = 1 << 8;

impl Head {
    /// The head of `object`.
    ///
    /// # Safety
    /// `object` is an instance of the raw base type, the lock is held, and no other `&mut Head` of it is in use.
    #[inline]
    pub(super) unsafe fn of<'a>(object: *mut ffi::PyObject) -> &'a mut Self {
        // SAFETY: every instance of the base starts with a head.
        unsafe { &mut *object.cast::<Self>() }
    }

    /// The cold part, where there is one.
    #[inline]
    pub(super) fn cold(&mut self) -> Option<&mut Cold> {
        // SAFETY: null, or a box of our own that lives as long as the head.
        unsafe { self.cold.as_mut() }
    }

    /// The cold part, made now if need be.
    pub(super) fn cold_or_new(&mut self) -> &mut Cold {
        if self.cold.is_null() {
            self.cold = Box::into_raw(Box::default());
        }
        // SAFETY: not null, and ours.
        unsafe { &mut *self.cold }
    }

    /// Takes the cold part away.
    pub(super) fn take_cold(&mut self) -> Option<Box<Cold>> {
        let cold = std::mem::replace(&mut self.cold, ptr::null_mut());
        // SAFETY: made by `Box::into_raw`, and nobody else has it now.
        (!cold.is_null()).then(|| unsafe { Box::from_raw(cold) })
    }

    #[inline]
    pub(super) fn is_dirty(&mut self, slot: usize) -> bool {
        match slot.checked_sub(64) {
            None => self.dirty >> slot & 1 == 1,
            Some(past) => self
                .cold()
                .and_then(|cold| cold.more.get(past / 64))
                .is_some_and(|word| word >> (past % 64) & 1 == 1),
        }
    }

    #[inline]
    pub(super) fn mark(&mut self, slot: usize) {
        match slot.checked_sub(64) {
            None => self.dirty |= 1 << slot,
            Some(past) => {
                let more = &mut self.cold_or_new().more;
                if more.len() <= past / 64 {
                    more.resize(past / 64 + 1, 0);
                }
                more[past / 64] |= 1 << (past % 64);
            }
        }
    }

    /// Takes a mark back.
    pub(super) fn unmark(&mut self, slot: usize) {
        match slot.checked_sub(64) {
            None => self.dirty &= !(1 << slot),
            Some(past) => {
                if let Some(word) = self.cold().and_then(|cold| cold.more.get_mut(past / 64)) {
                    *word &= !(1 << (past % 64));
                }
            }
        }
    }

    /// The dirty word and those past 64.
    pub(super) fn dirty_words(&mut self) -> (u64, &[u64]) {
        let word = self.dirty;
        (word, self.cold().map_or(&[], |cold| &cold.more))
    }

    #[inline]
    pub(super) fn is_clean(&mut self) -> bool {
        self.dirty == 0 && self.cold().is_none_or(|cold| cold.more.iter().all(|word| *word == 0))
    }

    /// Forgets the dirty bits.
    pub(super) fn clear_dirty(&mut self) {
        self.dirty = 0;
        if let Some(cold) = self.cold() {
            cold.more.clear();
        }
    }

    /// Puts back what a snapshot kept.
    pub(super) fn restore(&mut self, dirty: u64, flags: u32, cold: Option<Box<Cold>>) {
        self.dirty = dirty;
        self.flags = flags;
        self.cold = cold.map_or(ptr::null_mut(), Box::into_raw);
    }

    /// True where somebody has looked at `__dict__` or stored an extra attribute.
    pub(super) fn has_dict(&self) -> bool {
        !self.dict.is_null()
    }

    pub(super) fn state(&self) -> State {
        state_of_bits(self.flags)
    }

    pub(super) fn set_state(&mut self, state: State) {
        self.flags = self.flags & !0xff | state as u32;
    }
}

/// Where the value's pointer of a slot lies.
///
/// # Safety
/// `object` is an instance of a class whose table has a slot at `offset`.
#[inline]
pub(super) unsafe fn place(object: *mut ffi::PyObject, offset: usize) -> *mut *mut ffi::PyObject {
    // SAFETY: offsets come from CPython's own member definitions of the class.
    unsafe { object.cast::<u8>().add(offset).cast() }
}

/// Puts `value` (a reference given away) into a slot and yields the old one.
///
/// # Safety
/// As for [`place`]; `value` is null or a live object.
#[inline]
pub(super) unsafe fn swap(
    object: *mut ffi::PyObject,
    offset: usize,
    value: *mut ffi::PyObject,
) -> Option<Held> {
    // SAFETY: the caller vouches for the place; the slot owned its old value.
    unsafe {
        track_for(object, value);
        let old = std::mem::replace(&mut *place(object, offset), value);
        (!old.is_null()).then(|| Held::from_owned(old))
    }
}

/// Tracks `object` by the collector before it holds `value`, unless `value` can be in no cycle.
#[inline]
unsafe fn track_for(object: *mut ffi::PyObject, value: *mut ffi::PyObject) {
    // SAFETY: both are live objects (or `value` is null).
    unsafe {
        if !value.is_null() && ffi::PyType_IS_GC(ffi::Py_TYPE(value)) != 0 {
            track(object);
        }
    }
}

#[inline]
pub(super) unsafe fn track(object: *mut ffi::PyObject) {
    // SAFETY: a live object of a collectable type.
    unsafe {
        if ffi::PyObject_GC_IsTracked(object) == 0 {
            ffi::PyObject_GC_Track(object.cast());
        }
    }
}

/// A bare instance of a mapped class: every slot empty, not tracked, the constructor not run.
///
/// # Safety
/// `class` derives from the base type.
#[inline]
pub(super) unsafe fn allocate(class: *mut ffi::PyTypeObject, flags: u32) -> *mut ffi::PyObject {
    // SAFETY: the memory has the class's size; all of it past the object header is set to zero before anyone sees it.
    unsafe {
        let object = ffi::PyObject_GC_New::<ffi::PyObject>(class);
        if !object.is_null() {
            let header = size_of::<ffi::PyObject>();
            let size = (*class).tp_basicsize as usize;
            ptr::write_bytes(object.cast::<u8>().add(header), 0, size - header);
            Head::of(object).flags = flags;
        }
        object
    }
}
