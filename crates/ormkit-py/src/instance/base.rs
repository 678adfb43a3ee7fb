//! The raw base type of every model: a head of 56 bytes in front of the slots that CPython lays out.
//!
//! CPython traverses, clears and frees the slots themselves; what is here adds the lazy `__dict__`, the weak reference
//! list, the cold part, the dirty word and the flags. All functions below are called by CPython with the interpreter
//! lock held and with objects of this type.
#![allow(unsafe_code)]
use super::cold::{Cold, Json, Kept};
use super::held::Held;
use super::hooks::hooks;
use super::metatype::{table_of_instances, table_of_type};
use super::table::{ClassTable, Initial, SlotKind};
use super::{HomeId, State, construct, methods, state_of_bits, text, weak};
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};
use std::ptr;

unsafe extern "C" {
    /// Borrowed attribute of a type along its MRO, without descriptors and without an exception.
    fn _PyType_Lookup(tp: *mut ffi::PyTypeObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject;
}

/// What lies in front of the slots of every instance.
#[repr(C)]
pub(super) struct Head {
    ob_base: ffi::PyObject,
    /// Null until somebody looks at `__dict__` or stores an extra attribute.
    dict: *mut ffi::PyObject,
    weaklist: *mut ffi::PyObject,
    /// Null until the object has an original, pending JSON or a dirty bit past 64.
    cold: *mut Cold,
    /// One bit for each of the first 64 slots: set by the user since the last settle.
    dirty: u64,
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
    fn is_dirty(&mut self, slot: usize) -> bool {
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
unsafe fn track(object: *mut ffi::PyObject) {
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

/// The slot called `name`.
#[inline]
unsafe fn find(table: &ClassTable, name: *mut ffi::PyObject) -> Option<usize> {
    // SAFETY: `name` is a live object.
    table.by_address(name as usize).or_else(|| unsafe { find_by_text(table, name) })
}

/// Names that are made at run time are not interned: compared by text.
#[cold]
unsafe fn find_by_text(table: &ClassTable, name: *mut ffi::PyObject) -> Option<usize> {
    // SAFETY: `name` is a live object; hash and comparison of strings run no Python code and do not fail.
    unsafe {
        if ffi::PyUnicode_CheckExact(name) == 0 {
            return None;
        }
        let hash = ffi::PyObject_Hash(name);
        table.by_hash(hash).find(|slot| ffi::PyUnicode_Compare(table.slots[*slot].name.as_ptr(), name) == 0)
    }
}

/// `object.name = value` for a slot: marks, keeps the original once, stores, and drops the old value last. Answers
/// CPython's 0, or -1 with an exception set.
#[inline]
unsafe fn store(
    object: *mut ffi::PyObject,
    table: &ClassTable,
    index: usize,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: called for an instance of the table's class with a live value.
    unsafe {
        let slot = &table.slots[index];
        match slot.kind {
            SlotKind::Column { json } => store_column(object, index, slot.offset, json, value),
            SlotKind::Relation { .. } => return raise(store_relation(object, table, index, value)),
        }
        0
    }
}

pub(super) unsafe fn store_column(
    object: *mut ffi::PyObject,
    index: usize,
    offset: usize,
    json: bool,
    value: *mut ffi::PyObject,
) {
    // SAFETY: called for an instance whose class has a slot at `offset`, with a live value.
    unsafe {
        let head = Head::of(object);
        let keep = !is_new(head);
        let old = *place(object, offset);
        if keep && !old.is_null() && !head.is_dirty(index) && same(old, value, json) {
            return;
        }
        ffi::Py_INCREF(value);
        drop(write(object, index, offset, value, keep)); // may run Python: the object is in order by now
    }
}

#[inline]
pub(super) fn is_new(head: &Head) -> bool {
    matches!(head.state(), State::Transient | State::Pending)
}

/// The same for a relation: the part above decides what is stored.
unsafe fn store_relation(
    object: *mut ffi::PyObject,
    table: &ClassTable,
    index: usize,
    value: *mut ffi::PyObject,
) -> PyResult<()> {
    let offset = table.slots[index].offset;
    // SAFETY: called for an instance of the table's class with a live value; `offset` is read before Python runs.
    Python::attach(|py| unsafe {
        let bound = Bound::from_borrowed_ptr(py, object);
        let value = Bound::from_borrowed_ptr(py, value);
        let value = (hooks().assign_relation)(&bound, index, &value)?;
        if *place(object, offset) != value.as_ptr() {
            let keep = !is_new(Head::of(object));
            drop(write(object, index, offset, value.into_ptr(), keep));
        }
        Ok(())
    })
}

/// Stores `value` (a reference given away), marks the slot, keeps the original if asked, and yields what the caller
/// must drop.
#[inline]
pub(super) unsafe fn write(
    object: *mut ffi::PyObject,
    index: usize,
    offset: usize,
    value: *mut ffi::PyObject,
    keep: bool,
) -> Option<Held> {
    // SAFETY: called for an instance whose class has a slot at `offset`; runs no Python code before the hook.
    unsafe {
        let mut old = swap(object, offset, value);
        let head = Head::of(object);
        let json = head.cold().and_then(|cold| cold.take_json(index as u32));
        if head.is_dirty(index) {
            return old;
        }
        let first = head.cell != 0 && head.is_clean();
        head.mark(index);
        if keep {
            let kept = match json {
                Some(text) => Kept::Json(text),
                None => old.take().map_or(Kept::Empty, Kept::Value),
            };
            head.cold_or_new().originals.push((index as u32, kept));
        }
        if first {
            changed_first(object, weak::home_of(head.cell));
        }
        old
    }
}

#[cold]
pub(super) fn changed_first(object: *mut ffi::PyObject, home: u32) {
    if home == 0 {
        return;
    }
    // SAFETY: `object` is alive: our caller holds it.
    Python::attach(|py| unsafe {
        (hooks().first_change)(&Bound::from_borrowed_ptr(py, object), HomeId(home))
    });
}

/// True where storing `value` over `old` changes nothing: the same object, or an equal one of the same type.
unsafe fn same(old: *mut ffi::PyObject, value: *mut ffi::PyObject, json: bool) -> bool {
    // SAFETY: both are live; `old` is held while comparing, for that may run Python code.
    unsafe {
        if old == value {
            return true;
        }
        if ffi::Py_TYPE(old) != ffi::Py_TYPE(value) {
            return false;
        }
        if ffi::PyFloat_CheckExact(old) != 0 {
            // 0.0 and -0.0 are equal and not the same, a NaN is the same and not equal
            return ffi::PyFloat_AS_DOUBLE(old).to_bits() == ffi::PyFloat_AS_DOUBLE(value).to_bits();
        }
        let _held = Held::from_borrowed(old);
        let equal = match json {
            false => ffi::PyObject_RichCompareBool(old, value, ffi::Py_EQ),
            // inside of JSON values 1 == True == 1.0: their text tells them apart
            true => same_text(old, value),
        };
        if equal < 0 {
            ffi::PyErr_Clear(); // values that cannot be compared are different
        }
        equal == 1
    }
}

unsafe fn same_text(old: *mut ffi::PyObject, value: *mut ffi::PyObject) -> c_int {
    Python::attach(|py| {
        // SAFETY: both are live, our caller holds them.
        let (old, value) =
            unsafe { (Bound::from_borrowed_ptr(py, old), Bound::from_borrowed_ptr(py, value)) };
        let same = || -> PyResult<bool> { Ok(old.repr()?.to_str()? == value.repr()?.to_str()?) };
        same().unwrap_or(false).into()
    })
}

/// The value of an empty slot: JSON is decoded, a new object's columns have their default, for the rest the parts
/// above are asked.
pub(super) fn absent<'py>(object: &Bound<'py, PyAny>, index: usize) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let table = super::table_of(object)?;
    let slot = &table.slots[index];
    let offset = slot.offset;
    // SAFETY: `object` has a table, so it is an instance of the base; no reference to its head is held while Python runs.
    unsafe {
        let pending = Head::of(object.as_ptr()).cold().and_then(|cold| match cold.json(index as u32) {
            Some(Json::Pending(text)) => Some(text.clone()),
            _ => None,
        });
        let (value, json) = match pending {
            Some(text) => ((hooks().decode_json)(py, &text)?, Some(text)),
            None => {
                let state = Head::of(object.as_ptr()).state();
                let value = match slot.kind {
                    SlotKind::Column { .. } if matches!(state, State::Transient | State::Pending) => {
                        initial(py, &slot.initial)?
                    }
                    _ => (hooks().missing)(object, index)?,
                };
                (value, None)
            }
        };
        let place = place(object.as_ptr(), offset);
        if !(*place).is_null() {
            return Ok(Bound::from_borrowed_ptr(py, *place)); // what ran meanwhile has filled it
        }
        if slot.kind == (SlotKind::Relation { many: false }) && value.is_none() {
            return Ok(value); // what the key says now: it may say something else later
        }
        let touched = json.is_some();
        if let Some(text) = json {
            Head::of(object.as_ptr()).cold_or_new().set_json(index as u32, Json::Touched(text));
        }
        swap(object.as_ptr(), offset, value.clone().into_ptr());
        if touched {
            let home = weak::home_of(Head::of(object.as_ptr()).cell);
            (hooks().first_look)(object, HomeId(home));
        }
        Ok(value)
    }
}

/// The value of a column that a new object was not given. An exception of a default comes out unchanged.
pub(super) fn initial<'py>(py: Python<'py>, initial: &Initial) -> PyResult<Bound<'py, PyAny>> {
    match initial {
        Initial::None => Ok(py.None().into_bound(py)),
        Initial::Value(value) => Ok(value.bind(py)),
        Initial::Callable(callable) => callable.bind(py).call0(),
    }
}

/// The attribute `name` of `class` or an ancestor, borrowed; null where there is none.
///
/// # Safety
/// Both are alive.
pub(super) unsafe fn class_lookup(
    class: *mut ffi::PyTypeObject,
    name: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the caller vouches for both.
    unsafe { _PyType_Lookup(class, name) }
}

unsafe extern "C" fn set_attribute(
    object: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: CPython calls us with an instance; tables live as long as their class.
    unsafe {
        let Some(table) = table_of_instances(ffi::Py_TYPE(object)) else {
            return ffi::PyObject_GenericSetAttr(object, name, value);
        };
        match find(table, name) {
            Some(index) if value.is_null() => raise(Err(undeletable(table, index))),
            Some(index) => store(object, table, index, value),
            None => set_other(object, table, name, value),
        }
    }
}

#[cold]
fn undeletable(table: &ClassTable, index: usize) -> PyErr {
    PyAttributeError::new_err(format!(
        "{}.{} cannot be deleted: set it to None, or expire it in its session",
        table.class, table.slots[index].text
    ))
}

/// Turns a result into CPython's 0 or -1 with an exception set.
pub(super) unsafe fn raise(result: PyResult<()>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(error) => {
            Python::attach(|py| error.restore(py));
            -1
        }
    }
}

/// Attributes that are no slots: private ones and those that the class knows.
unsafe fn set_other(
    object: *mut ffi::PyObject,
    table: &ClassTable,
    name: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: called by CPython through `set_attribute`.
    unsafe {
        let class = ffi::Py_TYPE(object);
        if ffi::PyUnicode_Check(name) != 0 {
            let private = construct::is_private(name);
            let class_name = c"__class__".as_ptr();
            if private && !value.is_null() && ffi::PyUnicode_CompareWithASCIIString(name, class_name) == 0 {
                return set_class(object, table, name, value);
            }
            if !private && class_lookup(class, name).is_null() {
                return raise(Python::attach(|py| {
                    let name = Bound::from_borrowed_ptr(py, name);
                    Err(text::unknown_attribute(table, &name))
                }));
            }
        }
        track(object); // whatever it is, it may be part of a cycle
        ffi::PyObject_GenericSetAttr(object, name, value)
    }
}

/// `object.__class__ = other`: only between classes whose slots have the same numbers.
unsafe fn set_class(
    object: *mut ffi::PyObject,
    table: &ClassTable,
    name: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: called by CPython; `value` is checked to be a type before it is read as one.
    unsafe {
        if ffi::PyType_Check(value) != 0 {
            let fits = table_of_type(value.cast()).is_some_and(|other| table.same_order(other));
            if !fits {
                return raise(Err(PyTypeError::new_err(format!(
                    "an object of {} cannot become one of a class with other columns or relations",
                    table.class
                ))));
            }
        }
        let class = ffi::Py_TYPE(object).cast::<ffi::PyObject>();
        // Callers further up may still read the old class's table: it is kept for good.
        ffi::Py_INCREF(class);
        let result = ffi::PyObject_GenericSetAttr(object, name, value);
        if result < 0 {
            ffi::Py_DECREF(class);
        }
        result
    }
}

/// `__getattr__`: asked by CPython when a slot is empty and when there is no such attribute.
unsafe extern "C" fn absent_attribute(
    object: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls us with an instance (method descriptors check their first argument).
    unsafe {
        let found = table_of_instances(ffi::Py_TYPE(object)).and_then(|table| find(table, name));
        let Some(index) = found else { return other_attribute(object, name) };
        or_null(Python::attach(|py| {
            let object = Bound::from_borrowed_ptr(py, object);
            super::read(&object, index).map(Bound::into_ptr)
        }))
    }
}

/// An attribute that is no slot: the error of a property that failed is raised again as it was, a name that nobody
/// knows gets the near matches.
unsafe fn other_attribute(object: *mut ffi::PyObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as for `absent_attribute`.
    unsafe {
        let class = ffi::Py_TYPE(object);
        match table_of_instances(class) {
            Some(table) if ffi::PyUnicode_Check(name) != 0 && class_lookup(class, name).is_null() => {
                or_null(Python::attach(|py| {
                    let name = Bound::from_borrowed_ptr(py, name);
                    Err(text::unknown_attribute(table, &name))
                }))
            }
            _ => ffi::PyObject_GenericGetAttr(object, name),
        }
    }
}

/// The pointer, or null with the exception set.
pub(super) unsafe fn or_null(result: PyResult<*mut ffi::PyObject>) -> *mut ffi::PyObject {
    result.unwrap_or_else(|error| {
        Python::attach(|py| error.restore(py));
        ptr::null_mut()
    })
}

/// `tp_getattro` where CPython does not specialise slot reads of classes with `__getattr__` (before 3.12): the same as
/// CPython's own with our `__getattr__`, without looking that up on every read.
#[cfg(not(Py_3_12))]
pub(super) unsafe extern "C" fn get_attribute(
    object: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls us with an instance.
    unsafe {
        let table = table_of_instances(ffi::Py_TYPE(object));
        if let Some(index) = table.and_then(|table| table.by_address(name as usize)) {
            let value = table.map_or(ptr::null_mut(), |table| *place(object, table.slots[index].offset));
            if !value.is_null() {
                ffi::Py_INCREF(value);
                return value;
            }
        }
        let value = ffi::PyObject_GenericGetAttr(object, name);
        if !value.is_null() || ffi::PyErr_ExceptionMatches(ffi::PyExc_AttributeError) == 0 {
            return value;
        }
        let known = !class_lookup(ffi::Py_TYPE(object), name).is_null();
        if known && table.and_then(|table| find(table, name)).is_none() {
            return value; // a property's own error
        }
        ffi::PyErr_Clear();
        absent_attribute(object, name)
    }
}

unsafe extern "C" fn new_instance(
    class: *mut ffi::PyTypeObject,
    _arguments: *mut ffi::PyObject,
    _keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls us with a class that derives from the base.
    unsafe {
        match table_of_type(class) {
            Some(_) => allocate(class, State::Transient as u32 | BORN),
            None => or_null(Python::attach(|py| {
                let class = Bound::from_borrowed_ptr(py, class.cast());
                Err(text::unmapped(&class))
            })),
        }
    }
}

unsafe extern "C" fn initialise(
    object: *mut ffi::PyObject,
    arguments: *mut ffi::PyObject,
    keywords: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: CPython calls us with an instance, a tuple, and a dict or null.
    unsafe {
        let Some(table) = table_of_instances(ffi::Py_TYPE(object)) else { return 0 };
        if ffi::PyTuple_GET_SIZE(arguments) > 0 {
            return raise(Err(text::positional(table)));
        }
        let (mut at, mut name, mut value) = (0, ptr::null_mut(), ptr::null_mut());
        while !keywords.is_null() && ffi::PyDict_Next(keywords, &mut at, &mut name, &mut value) != 0 {
            if set_keyword(object, table, name, value) < 0 {
                return -1;
            }
        }
        fill(object, table)
    }
}

/// The address of a function in a type's slot; 0 for none. Compared between types, never with a function of our own:
/// the compiler may keep several copies of those.
#[inline]
pub(super) unsafe fn address<F: Copy>(function: Option<F>) -> usize {
    const { assert!(size_of::<Option<F>>() == size_of::<usize>()) };
    // SAFETY: an optional function pointer is as wide as an address, and null for None.
    unsafe { std::mem::transmute_copy(&function) }
}

/// One keyword argument of the constructor.
unsafe fn set_keyword(
    object: *mut ffi::PyObject,
    table: &ClassTable,
    name: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: called by the constructors with an instance of the table's class.
    unsafe {
        let class = ffi::Py_TYPE(object);
        match find(table, name) {
            Some(index)
                if address((*class).tp_setattro) == address((*super::instance_type()).tp_setattro) =>
            {
                store(object, table, index, value)
            }
            None if !construct::is_settable(class, name) => raise(Python::attach(|py| {
                let name = Bound::from_borrowed_ptr(py, name);
                Err(text::unknown_keyword(table, &name))
            })),
            _ => ffi::PyObject_SetAttr(object, name, value),
        }
    }
}

/// Gives every column that is still empty its default, or None.
unsafe fn fill(object: *mut ffi::PyObject, table: &ClassTable) -> c_int {
    // SAFETY: called with an instance of the table's class.
    unsafe {
        for slot in &table.slots[..table.columns] {
            if !(*place(object, slot.offset)).is_null() {
                continue;
            }
            let value = match &slot.initial {
                Initial::None => {
                    *place(object, slot.offset) = ffi::Py_NewRef(ffi::Py_None());
                    continue;
                }
                Initial::Value(value) => ffi::Py_NewRef(value.as_ptr()),
                Initial::Callable(callable) => ffi::PyObject_CallNoArgs(callable.as_ptr()),
            };
            if value.is_null() {
                return -1;
            }
            drop(swap(object, slot.offset, value));
        }
        0
    }
}

/// Calling a mapped class. Falls back to `type`'s call where the class has a constructor of its own, whenever that was
/// assigned.
pub(super) unsafe extern "C" fn call(
    class: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    flagged: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls us with a mapped class and arguments by the vectorcall protocol.
    unsafe {
        let tp = class.cast::<ffi::PyTypeObject>();
        let given = ffi::PyVectorcall_NARGS(flagged);
        let base = super::instance_type();
        let own = address((*tp).tp_init) != address((*base).tp_init)
            || address((*tp).tp_new) != address((*base).tp_new)
            || address((*ffi::Py_TYPE(class)).tp_call) != address(ffi::PyType_Type.tp_call);
        if own || given > 0 {
            return construct::call_slowly(class, arguments, given, names);
        }
        let Some(table) = table_of_type(tp) else {
            return new_instance(tp, ptr::null_mut(), ptr::null_mut());
        };
        let object = allocate(tp, State::Transient as u32 | BORN);
        if object.is_null() {
            return object;
        }
        let count = if names.is_null() { 0 } else { ffi::PyTuple_GET_SIZE(names) };
        for at in 0..count {
            let name = ffi::PyTuple_GET_ITEM(names, at);
            if set_keyword(object, table, name, *arguments.offset(at)) < 0 {
                ffi::Py_DECREF(object);
                return ptr::null_mut();
            }
        }
        if fill(object, table) < 0 {
            ffi::Py_DECREF(object);
            return ptr::null_mut();
        }
        object
    }
}

unsafe extern "C" fn representation(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: CPython calls us with an instance.
    unsafe {
        or_null(Python::attach(|py| {
            text::representation(&Bound::from_borrowed_ptr(py, object)).map(Bound::into_ptr)
        }))
    }
}

unsafe extern "C" fn traverse(
    object: *mut ffi::PyObject,
    visit: ffi::visitproc,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the collector calls us with an instance; nothing below runs Python code. The type is ours to visit,
    // because the base is a heap type.
    unsafe {
        let head = Head::of(object);
        for pointer in [ffi::Py_TYPE(object).cast(), head.dict] {
            let result = if pointer.is_null() { 0 } else { visit(pointer, argument) };
            if result != 0 {
                return result;
            }
        }
        for (_, kept) in head.cold().into_iter().flat_map(|cold| &cold.originals) {
            if let Kept::Value(value) = kept {
                let result = visit(value.as_ptr(), argument);
                if result != 0 {
                    return result;
                }
            }
        }
        0
    }
}

unsafe extern "C" fn clear(object: *mut ffi::PyObject) -> c_int {
    // SAFETY: as for `traverse`; both are taken out of the head before they are dropped.
    unsafe {
        weak::forget(object);
        let head = Head::of(object);
        let dict = std::mem::replace(&mut head.dict, ptr::null_mut());
        let cold = head.take_cold();
        head.dirty = 0;
        ffi::Py_XDECREF(dict);
        drop(cold);
        0
    }
}

unsafe extern "C" fn deallocate(object: *mut ffi::PyObject) {
    // SAFETY: CPython's deallocator of the class has freed the slots and tracked the object again. The reference to
    // the class is ours to drop, because the base is a heap type.
    unsafe {
        ffi::PyObject_GC_UnTrack(object.cast());
        if !Head::of(object).weaklist.is_null() {
            ffi::PyObject_ClearWeakRefs(object);
        }
        clear(object);
        let class = ffi::Py_TYPE(object);
        if let Some(free) = (*class).tp_free {
            free(object.cast());
        }
        ffi::Py_DECREF(class.cast());
    }
}

/// `__dict__`: whoever sees it may put anything there.
unsafe extern "C" fn dict(object: *mut ffi::PyObject, closure: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: CPython calls us with an instance.
    unsafe {
        track(object);
        ffi::PyObject_GenericGetDict(object, closure)
    }
}

unsafe extern "C" fn set_dict(
    object: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    closure: *mut c_void,
) -> c_int {
    // SAFETY: CPython calls us with an instance.
    unsafe {
        track(object);
        ffi::PyObject_GenericSetDict(object, value, closure)
    }
}

/// The definition of `__dict__`, for classes where a mixin's hides the base's.
static mut DICT: [ffi::PyGetSetDef; 2] = [
    ffi::PyGetSetDef {
        name: c"__dict__".as_ptr(),
        get: Some(dict),
        set: Some(set_dict),
        doc: ptr::null(),
        closure: ptr::null_mut(),
    },
    ffi::PyGetSetDef { name: ptr::null(), get: None, set: None, doc: ptr::null(), closure: ptr::null_mut() },
];

/// A new descriptor of `__dict__` for `class`.
///
/// # Safety
/// `class` derives from the base.
pub(super) unsafe fn dict_descriptor(class: *mut ffi::PyTypeObject) -> *mut ffi::PyObject {
    // SAFETY: the definition is static and CPython only reads it.
    unsafe { ffi::PyDescr_NewGetSet(class, (&raw mut DICT).cast()) }
}

/// True where `class` has the attribute `name` from the base.
pub(super) unsafe fn is_inherited(
    class: *mut ffi::PyTypeObject,
    name: *mut ffi::PyObject,
    base: *mut ffi::PyTypeObject,
) -> bool {
    // SAFETY: all are alive.
    unsafe { _PyType_Lookup(class, name) == _PyType_Lookup(base, name) }
}

/// Makes the type. It may be derived from until the model class is made.
pub(super) fn make(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let members = Box::leak(Box::new([
        member(c"__dictoffset__".as_ptr(), std::mem::offset_of!(Head, dict)),
        member(c"__weaklistoffset__".as_ptr(), std::mem::offset_of!(Head, weaklist)),
        ffi::PyMemberDef::default(),
    ]));
    let methods = Box::leak(Box::new(methods::definitions(absent_attribute)));
    let mut slots = [
        slot(ffi::Py_tp_dealloc, deallocate as *mut c_void),
        slot(ffi::Py_tp_traverse, traverse as *mut c_void),
        slot(ffi::Py_tp_clear, clear as *mut c_void),
        slot(ffi::Py_tp_setattro, set_attribute as *mut c_void),
        slot(ffi::Py_tp_init, initialise as *mut c_void),
        slot(ffi::Py_tp_new, new_instance as *mut c_void),
        slot(ffi::Py_tp_repr, representation as *mut c_void),
        slot(ffi::Py_tp_members, members.as_mut_ptr().cast()),
        slot(ffi::Py_tp_methods, methods.as_mut_ptr().cast()),
        slot(ffi::Py_tp_getset, (&raw mut DICT).cast()),
        ffi::PyType_Slot::default(),
    ];
    let mut spec = ffi::PyType_Spec {
        name: c"ormkit._ormkit.Instance".as_ptr(),
        basicsize: size_of::<Head>() as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_HAVE_GC | ffi::Py_TPFLAGS_BASETYPE) as u32,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the spec is complete and what it points to is static.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&mut spec)) }
}

pub(super) fn slot(id: c_int, function: *mut c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot { slot: id, pfunc: function }
}

fn member(name: *const std::ffi::c_char, offset: usize) -> ffi::PyMemberDef {
    ffi::PyMemberDef {
        name,
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset as isize,
        flags: ffi::Py_READONLY,
        doc: ptr::null(),
    }
}
