//! The metatype of models: a `type` with room for a [`ClassTable`].
//!
//! It answers `User.id` from the class's expressions and refuses assignments that would break the slots.
#![allow(unsafe_code)]
use super::access;
use super::base::{self, slot};
use super::construct::{address, call};
use super::table::{ClassTable, Initial};
use super::text;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::ffi::{c_int, c_void};
use std::ptr;

/// Where the table's pointer lies in a class: right behind what CPython itself keeps of a class.
const TABLE: usize = size_of::<ffi::PyHeapTypeObject>();

/// The table's place in `class`.
///
/// # Safety
/// The metatype of `class` derives from ours.
#[inline]
unsafe fn table_place(class: *mut ffi::PyTypeObject) -> *mut *mut ClassTable {
    // SAFETY: classes of our metatype are that much longer.
    unsafe { class.cast::<u8>().add(TABLE).cast() }
}

/// The table of a class; None for an unmapped class.
///
/// # Safety
/// `class` is alive; the table lives as long as it.
#[inline]
pub(super) unsafe fn table_of_type<'a>(class: *mut ffi::PyTypeObject) -> Option<&'a ClassTable> {
    // SAFETY: only classes of our metatype are asked for their table.
    unsafe {
        if !is_ours(class) {
            return None;
        }
        (*table_place(class)).as_ref()
    }
}

/// The table of a class that has instances; None for an unmapped class.
///
/// # Safety
/// `class` derives from the base: its metatype is ours, for Python gives a class the metatype of its bases.
#[inline]
pub(super) unsafe fn table_of_instances<'a>(class: *mut ffi::PyTypeObject) -> Option<&'a ClassTable> {
    // SAFETY: says the caller.
    unsafe { (*table_place(class)).as_ref() }
}

/// True where the metatype of `class` is ours: by what it answers attributes with, or by descent.
#[inline]
unsafe fn is_ours(class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: `class` is a live type; before the metatype is made no class is ours.
    unsafe {
        let (metatype, ours) = (ffi::Py_TYPE(class.cast()), super::metatype());
        !ours.is_null()
            && (address((*metatype).tp_getattro) == address((*ours).tp_getattro)
                || ffi::PyType_IsSubtype(metatype, ours) != 0)
    }
}

/// Gives `class` its table.
///
/// # Errors
/// `RuntimeError` where the class has one already or does not derive from the base.
pub(super) fn set_table(class: &Bound<'_, PyType>, table: ClassTable) -> PyResult<()> {
    let pointer = class.as_type_ptr();
    // SAFETY: the class derives from the base and its metatype from ours: checked here.
    unsafe {
        if !is_ours(pointer) || ffi::PyType_IsSubtype(pointer, super::instance_type()) == 0 {
            return Err(PyRuntimeError::new_err("only subclasses of Model can be mapped"));
        }
        if !(*table_place(pointer)).is_null() {
            return Err(PyRuntimeError::new_err("the class is mapped already"));
        }
        *table_place(pointer) = Box::into_raw(Box::new(table));
    }
    Ok(())
}

unsafe extern "C" fn get_attribute(
    class: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls us with a class of our metatype.
    unsafe {
        if let Some(table) = (*table_place(class.cast())).as_ref()
            && let Some(index) = access::find(table, name)
            && let Some(expression) = &table.slots[index].expression
        {
            return ffi::Py_NewRef(expression.as_ptr());
        }
        let found = match ffi::PyType_Type.tp_getattro {
            Some(inherited) => inherited(class, name),
            None => ptr::null_mut(),
        };
        if found.is_null()
            && let Some(table) = (*table_place(class.cast())).as_ref()
        {
            Python::attach(|py| text::suggest(table, &Bound::from_borrowed_ptr(py, name)));
        }
        found
    }
}

unsafe extern "C" fn set_attribute(
    class: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: CPython calls us with a class of our metatype.
    unsafe {
        let table = (*table_place(class.cast())).as_ref();
        let refused = Python::attach(|py| {
            let name = Bound::from_borrowed_ptr(py, name);
            let refused = text::class_assignment(table, &name)?;
            refused.restore(py);
            Some(())
        });
        match (refused, ffi::PyType_Type.tp_setattro) {
            (None, Some(inherited)) => inherited(class, name, value),
            _ => -1,
        }
    }
}

unsafe extern "C" fn traverse(
    class: *mut ffi::PyObject,
    visit: ffi::visitproc,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the collector calls us with a class of our metatype, which is a heap type: ours to visit.
    unsafe {
        let result = visit(ffi::Py_TYPE(class).cast(), argument);
        if result != 0 {
            return result;
        }
        let slots = (*table_place(class.cast())).as_ref().map_or(&[][..], |table| &table.slots);
        for slot in slots {
            let initial = match &slot.initial {
                Initial::None => None,
                Initial::Value(object) | Initial::Callable(object) => Some(object),
            };
            for object in initial.into_iter().chain(&slot.expression).chain(&slot.validator) {
                let result = visit(object.as_ptr(), argument);
                if result != 0 {
                    return result;
                }
            }
        }
        ffi::PyType_Type.tp_traverse.map_or(0, |inherited| inherited(class, visit, argument))
    }
}

unsafe extern "C" fn clear(class: *mut ffi::PyObject) -> c_int {
    // SAFETY: as for `traverse`; the class is garbage, so nobody is reading its table.
    unsafe {
        if let Some(table) = (*table_place(class.cast())).as_mut() {
            for slot in &mut table.slots {
                let (initial, expression) = (std::mem::take(&mut slot.initial), slot.expression.take());
                drop((initial, expression, slot.validator.take()));
            }
        }
        ffi::PyType_Type.tp_clear.map_or(0, |inherited| inherited(class))
    }
}

unsafe extern "C" fn deallocate(class: *mut ffi::PyObject) {
    // SAFETY: CPython calls us when the last reference is gone. `type`'s own deallocator expects a tracked object and
    // leaves the reference to the metatype to us.
    unsafe {
        ffi::PyObject_GC_UnTrack(class.cast());
        let table = std::mem::replace(&mut *table_place(class.cast()), ptr::null_mut());
        if !table.is_null() {
            drop(Box::from_raw(table));
        }
        ffi::PyObject_GC_Track(class.cast());
        let metatype = ffi::Py_TYPE(class);
        if let Some(inherited) = ffi::PyType_Type.tp_dealloc {
            inherited(class);
        }
        ffi::Py_DECREF(metatype.cast());
    }
}

/// Makes the metatype.
///
/// # Errors
/// `RuntimeError` where the interpreter's classes are not as long as we were compiled for.
pub(super) fn make(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: `type` is a static type; the spec is complete and what it points to outlives the call.
    unsafe {
        let parent = &raw mut ffi::PyType_Type;
        if (*parent).tp_basicsize as usize != TABLE {
            return Err(PyRuntimeError::new_err("built for another version of CPython"));
        }
        let mut slots = [
            slot(ffi::Py_tp_dealloc, deallocate as *mut c_void),
            slot(ffi::Py_tp_traverse, traverse as *mut c_void),
            slot(ffi::Py_tp_clear, clear as *mut c_void),
            slot(ffi::Py_tp_getattro, get_attribute as *mut c_void),
            slot(ffi::Py_tp_setattro, set_attribute as *mut c_void),
            slot(ffi::Py_tp_base, parent.cast()),
            ffi::PyType_Slot::default(),
        ];
        let mut spec = ffi::PyType_Spec {
            name: c"ormkit._ormkit.ModelType".as_ptr(),
            basicsize: (TABLE + size_of::<*mut ClassTable>()) as c_int,
            itemsize: (*parent).tp_itemsize as c_int,
            flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_HAVE_GC | ffi::Py_TPFLAGS_BASETYPE) as u32,
            slots: slots.as_mut_ptr(),
        };
        let metatype = Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&mut spec))?;
        enable_vectorcall(metatype.as_ptr().cast());
        Ok(metatype)
    }
}

/// Before 3.12 heap types do not inherit the flag, and a class would be called the slow way.
unsafe fn enable_vectorcall(metatype: *mut ffi::PyTypeObject) {
    // SAFETY: a live type; the offset is inherited from `type`, whatever the flag says.
    unsafe {
        if address((*metatype).tp_call) == address(ffi::PyType_Type.tp_call)
            && (*metatype).tp_flags & ffi::Py_TPFLAGS_HAVE_VECTORCALL == 0
        {
            (*metatype).tp_vectorcall_offset = ffi::PyType_Type.tp_vectorcall_offset;
            (*metatype).tp_flags |= ffi::Py_TPFLAGS_HAVE_VECTORCALL;
            ffi::PyType_Modified(metatype);
        }
    }
}

/// Makes a type unchangeable, and underivable where `last`.
pub(super) fn seal(class: &Bound<'_, PyAny>, last: bool) {
    // SAFETY: a live heap type of our own; flags are read afresh by CPython.
    unsafe {
        let class = class.as_ptr().cast::<ffi::PyTypeObject>();
        (*class).tp_flags |= ffi::Py_TPFLAGS_IMMUTABLETYPE;
        if last {
            (*class).tp_flags &= !ffi::Py_TPFLAGS_BASETYPE;
        }
        ffi::PyType_Modified(class);
    }
}

/// Where the slots called `names` lie, found in the member definitions of the class and its layout ancestors.
///
/// # Errors
/// `TypeError` naming a slot that no ancestor has.
pub(super) fn offsets(class: &Bound<'_, PyType>, names: &[&str]) -> PyResult<Vec<usize>> {
    let mut found = vec![None; names.len()];
    let mut at = class.as_type_ptr();
    // SAFETY: along `tp_base` all types are alive; those of our metatype have their members behind the table.
    unsafe {
        while !at.is_null() && is_ours(at) {
            let behind = (*ffi::Py_TYPE(at.cast())).tp_basicsize as usize;
            let members = at.cast::<u8>().add(behind).cast::<ffi::PyMemberDef>();
            for index in 0..ffi::Py_SIZE(at.cast()) {
                let member = &*members.offset(index);
                let name = std::ffi::CStr::from_ptr(member.name).to_bytes();
                if let Some(place) = names.iter().position(|wanted| wanted.as_bytes() == name)
                    && member.type_code == ffi::Py_T_OBJECT_EX
                {
                    found[place].get_or_insert(member.offset as usize);
                }
            }
            at = (*at).tp_base;
        }
    }
    found
        .into_iter()
        .zip(names)
        .map(|(offset, name)| {
            offset.ok_or_else(|| PyTypeError::new_err(format!("the class has no slot for `{name}`")))
        })
        .collect()
}

/// Puts read-only descriptors over the slots, ours over `__dict__`, and the quick constructor on the class.
///
/// Instances read through them at CPython's own speed; writing through them is refused, so that no change goes
/// unmarked. The class MUST have its table.
pub(super) fn dress(class: &Bound<'_, PyType>, table: &ClassTable) -> PyResult<()> {
    let py = class.py();
    let pointer = class.as_type_ptr();
    for (slot, definition) in table.slots.iter().zip(&table.members) {
        let definition = (&raw const definition.0).cast_mut();
        // SAFETY: the definition is complete; it lives as long as the class, which the descriptor keeps alive.
        let descriptor =
            unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyDescr_NewMember(pointer, definition))? };
        set_in_type(class, &slot.text, &descriptor)?;
    }
    let instance = super::instance_type();
    let dict = pyo3::intern!(py, "__dict__");
    // SAFETY: a live class that derives from the base.
    unsafe {
        if !base::is_inherited(pointer, dict.as_ptr(), instance) {
            let descriptor = Bound::from_owned_ptr_or_err(py, base::dict_descriptor(pointer))?;
            set_in_type(class, "__dict__", &descriptor)?;
        }
        #[cfg(not(Py_3_12))]
        read_quickly(
            pointer,
            instance,
            pyo3::intern!(py, "__getattr__"),
            pyo3::intern!(py, "__getattribute__"),
        );
        (*pointer).tp_vectorcall = Some(call);
        enable_vectorcall(ffi::Py_TYPE(pointer.cast()));
    }
    Ok(())
}

/// Our own attribute reads, unless the class or an ancestor in Python has a say in them.
#[cfg(not(Py_3_12))]
unsafe fn read_quickly(
    class: *mut ffi::PyTypeObject,
    base: *mut ffi::PyTypeObject,
    getattr: &Bound<'_, pyo3::types::PyString>,
    getattribute: &Bound<'_, pyo3::types::PyString>,
) {
    // SAFETY: live types.
    unsafe {
        if base::is_inherited(class, getattr.as_ptr(), base)
            && base::is_inherited(class, getattribute.as_ptr(), base)
        {
            (*class).tp_getattro = Some(super::access::get_attribute);
            ffi::PyType_Modified(class);
        }
    }
}

/// Puts a descriptor into a class's own dict: `type` refuses some names (`__dict__`), and we refuse the mapped ones.
fn set_in_type(class: &Bound<'_, PyType>, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let name = pyo3::types::PyString::intern(class.py(), name);
    let pointer = class.as_type_ptr();
    // SAFETY: a live heap type, whose dict is its own; CPython's caches are told of the change.
    let result = unsafe {
        let result = ffi::PyDict_SetItem((*pointer).tp_dict, name.as_ptr(), value.as_ptr());
        ffi::PyType_Modified(pointer);
        result
    };
    match result {
        0 => Ok(()),
        _ => Err(PyErr::fetch(class.py())),
    }
}
