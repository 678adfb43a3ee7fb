//! The raw base type of every model: how its instances are shown, traversed, cleared and freed, and their `__dict__`.
//!
//! CPython traverses, clears and frees the slots themselves; what is here adds the lazy `__dict__`, the weak reference
//! list, the cold part, the dirty word and the flags. All functions below are called by CPython with the interpreter
//! lock held and with objects of this type.
#![allow(unsafe_code)]
use super::access::{absent_attribute, set_attribute};
use super::cold::Kept;
use super::construct::{initialise, new_instance};
use super::head::{Head, track};
use super::{methods, text, weak};
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};
use std::ptr;

unsafe extern "C" {
    /// Borrowed attribute of a type along its MRO, without descriptors and without an exception.
    fn _PyType_Lookup(tp: *mut ffi::PyTypeObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject;
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

/// The pointer, or null with the exception set.
pub(super) unsafe fn or_null(result: PyResult<*mut ffi::PyObject>) -> *mut ffi::PyObject {
    result.unwrap_or_else(|error| {
        Python::attach(|py| error.restore(py));
        ptr::null_mut()
    })
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
        let Some(cold) = head.cold() else { return 0 };
        let originals = cold.originals.iter().filter_map(|(_, kept)| match kept {
            Kept::Value(value) => Some(value),
            Kept::Empty | Kept::Json(_) => None,
        });
        for held in originals.chain(cold.expressions.iter().map(|(_, held)| held)) {
            let result = visit(held.as_ptr(), argument);
            if result != 0 {
                return result;
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
