//! The constructor: keywords and defaults straight into the slots, and the slow paths of classes with an `__init__` of
//! their own and of properties as keywords.
#![allow(unsafe_code)]
use super::access::find;
use super::base::{class_lookup, or_null, raise};
use super::head::{BORN, Head, allocate, place, swap};
use super::hooks::hooks;
use super::metatype::{table_of_instances, table_of_type};
use super::store::store;
use super::table::{ClassTable, Initial};
use super::{State, text};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// True where the class has a settable attribute, such as a property, that is no slot.
///
/// # Safety
/// Both are live objects.
pub(super) unsafe fn is_settable(class: *mut ffi::PyTypeObject, name: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller vouches for both.
    unsafe {
        let found = class_lookup(class, name);
        !found.is_null() && !is_private(name) && (*ffi::Py_TYPE(found)).tp_descr_set.is_some()
    }
}

/// True for a name with a leading underscore.
///
/// # Safety
/// `name` is a live string.
pub(super) unsafe fn is_private(name: *mut ffi::PyObject) -> bool {
    // SAFETY: the first character is only read where there is one.
    unsafe { ffi::PyUnicode_GetLength(name) > 0 && ffi::PyUnicode_ReadChar(name, 0) == u32::from(b'_') }
}

/// True once somebody listens to objects that are made.
static IS_INIT_WATCHED: AtomicBool = AtomicBool::new(false);

/// From now on the objects that programs make are shown to the hook before their `__init__`.
pub(crate) fn watch_init() {
    IS_INIT_WATCHED.store(true, Ordering::Relaxed);
}

/// Arguments of a vectorcall as a tuple and a dict.
///
/// # Safety
/// They are those of a vectorcall with `given` positional ones.
unsafe fn gathered<'py>(
    py: Python<'py>,
    arguments: *const *mut ffi::PyObject,
    given: isize,
    names: *mut ffi::PyObject,
) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
    // SAFETY: by the protocol `given` positional arguments lie in front of one for each name.
    unsafe {
        let argument = |at: isize| Bound::from_borrowed_ptr(py, *arguments.offset(at));
        let positional = PyTuple::new(py, (0..given).map(argument))?;
        let keywords = PyDict::new(py);
        let count = if names.is_null() { 0 } else { ffi::PyTuple_GET_SIZE(names) };
        for at in 0..count {
            let name = Bound::from_borrowed_ptr(py, ffi::PyTuple_GET_ITEM(names, at));
            keywords.set_item(name, argument(given + at))?;
        }
        Ok((positional, keywords))
    }
}

/// Makes an object step by step: the hook is called between `__new__` and `__init__`, and may change the keywords.
///
/// # Safety
/// As [`call_slowly`].
unsafe fn call_watched(
    class: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    given: isize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the caller vouches for the arguments; a mapped class has both slots.
    unsafe {
        or_null(Python::attach(|py| {
            let (positional, keywords) = gathered(py, arguments, given, names)?;
            let tp = class.cast::<ffi::PyTypeObject>();
            let (Some(new), Some(init)) = ((*tp).tp_new, (*tp).tp_init) else {
                return Err(PyTypeError::new_err("a class without a constructor cannot be called"));
            };
            let object = Bound::from_owned_ptr_or_err(py, new(tp, positional.as_ptr(), keywords.as_ptr()))?;
            // As `type` does: a `__new__` may answer anything.
            if ffi::PyObject_TypeCheck(object.as_ptr(), tp) == 0 {
                return Ok(object.into_ptr());
            }
            (hooks().init)(&object, &positional, &keywords)?;
            let init = (*ffi::Py_TYPE(object.as_ptr())).tp_init.unwrap_or(init);
            match init(object.as_ptr(), positional.as_ptr(), keywords.as_ptr()) {
                0 => Ok(object.into_ptr()),
                _ => Err(PyErr::fetch(py)),
            }
        }))
    }
}

/// Calls a class as `type` does: `__new__`, then `__init__`, whoever wrote them.
///
/// # Safety
/// The arguments are those of a vectorcall with `given` positional ones.
pub(super) unsafe fn call_slowly(
    class: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    given: isize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the caller vouches for the arguments.
    unsafe {
        or_null(Python::attach(|py| {
            let (positional, keywords) = gathered(py, arguments, given, names)?;
            let metatype = ffi::Py_TYPE(class);
            let call = (*metatype).tp_call.or(ffi::PyType_Type.tp_call);
            let made =
                call.map_or(std::ptr::null_mut(), |call| call(class, positional.as_ptr(), keywords.as_ptr()));
            Bound::from_owned_ptr_or_err(py, made).map(Bound::into_ptr)
        }))
    }
}

pub(super) unsafe extern "C" fn new_instance(
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

pub(super) unsafe extern "C" fn initialise(
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
            None if !is_settable(class, name) => raise(Python::attach(|py| {
                let name = Bound::from_borrowed_ptr(py, name);
                Err(text::unknown_keyword(table, &name))
            })),
            _ => ffi::PyObject_SetAttr(object, name, value),
        }
    }
}

/// Gives every column that is still empty its default, or None; not those that were set to an SQL expression.
unsafe fn fill(object: *mut ffi::PyObject, table: &ClassTable) -> c_int {
    // SAFETY: called with an instance of the table's class.
    unsafe {
        let assigned = Head::of(object).cold().is_some_and(|cold| !cold.expressions.is_empty());
        for (index, slot) in table.slots[..table.columns].iter().enumerate() {
            if !(*place(object, slot.offset)).is_null() || (assigned && is_computed(object, index)) {
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

unsafe fn is_computed(object: *mut ffi::PyObject, index: usize) -> bool {
    // SAFETY: called with an instance of a mapped class.
    unsafe { Head::of(object).cold().is_some_and(|cold| cold.expression(index as u32).is_some()) }
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
        if IS_INIT_WATCHED.load(Ordering::Relaxed)
            && address((*ffi::Py_TYPE(class)).tp_call) == address(ffi::PyType_Type.tp_call)
            && table_of_type(tp).is_some()
        {
            return call_watched(class, arguments, given, names);
        }
        let base = super::instance_type();
        let own = address((*tp).tp_init) != address((*base).tp_init)
            || address((*tp).tp_new) != address((*base).tp_new)
            || address((*ffi::Py_TYPE(class)).tp_call) != address(ffi::PyType_Type.tp_call);
        if own || given > 0 {
            return call_slowly(class, arguments, given, names);
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

/// The address of a function in a type's slot; 0 for none. Compared between types, never with a function of our own:
/// the compiler may keep several copies of those.
#[inline]
pub(super) unsafe fn address<F: Copy>(function: Option<F>) -> usize {
    const { assert!(size_of::<Option<F>>() == size_of::<usize>()) };
    // SAFETY: an optional function pointer is as wide as an address, and null for None.
    unsafe { std::mem::transmute_copy(&function) }
}
