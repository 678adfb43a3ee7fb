//! Attributes by name: slots first, then what the class knows, then an error with the near matches.
#![allow(unsafe_code)]
use super::base::{class_lookup, or_null, raise};
#[cfg(not(Py_3_12))]
use super::head::place;
use super::head::track;
use super::metatype::{table_of_instances, table_of_type};
use super::store::store;
use super::table::ClassTable;
use super::{construct, text};
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::c_int;
#[cfg(not(Py_3_12))]
use std::ptr;

/// The slot called `name`.
#[inline]
pub(super) unsafe fn find(table: &ClassTable, name: *mut ffi::PyObject) -> Option<usize> {
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

pub(super) unsafe extern "C" fn set_attribute(
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
pub(super) unsafe extern "C" fn absent_attribute(
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
