//! The methods of every model: state for copy and pickle, dictionaries.
#![allow(unsafe_code)]
use super::base::or_null;
use super::head::{BORN, Head};
use super::hooks::{hooks, not_computed};
use super::table::SlotKind;
use super::{State, dirty, expression, expressions, put, read, slot, state, table_of};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};

/// The definitions of the base's methods.
pub(super) fn definitions(absent: ffi::PyCFunction) -> [ffi::PyMethodDef; 6] {
    let plain =
        |name: &'static std::ffi::CStr, function, flags, doc: &'static std::ffi::CStr| ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunction: function },
            ml_flags: flags,
            ml_doc: doc.as_ptr(),
        };
    [
        plain(c"__getattr__", absent, ffi::METH_O, c"Asked where a slot is empty."),
        plain(c"__getstate__", get_state, ffi::METH_NOARGS, c"What copy and pickle keep."),
        plain(c"__setstate__", set_state, ffi::METH_O, c"Takes what copy and pickle kept."),
        ffi::PyMethodDef {
            ml_name: c"to_dict".as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionWithKeywords: to_dict },
            ml_flags: ffi::METH_VARARGS | ffi::METH_KEYWORDS,
            ml_doc: c"to_dict($self, include_relationships=False)\n--\n\nThe loaded columns by name; with True also \
                the loaded relations, as dicts of columns, one level deep."
                .as_ptr(),
        },
        plain(
            c"from_dict",
            from_dict,
            ffi::METH_O | ffi::METH_CLASS,
            c"from_dict($cls, values, /)\n--\n\nA new object of these values.",
        ),
        ffi::PyMethodDef::zeroed(),
    ]
}

unsafe extern "C" fn get_state(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: CPython calls us with an instance.
    unsafe { or_null(Python::attach(|py| Ok(state_of(&Bound::from_borrowed_ptr(py, object))?.into_ptr()))) }
}

unsafe extern "C" fn set_state(object: *mut ffi::PyObject, state: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: CPython calls us with an instance and an object.
    unsafe {
        or_null(Python::attach(|py| {
            let (object, state) = (Bound::from_borrowed_ptr(py, object), Bound::from_borrowed_ptr(py, state));
            restore(&object, &state)?;
            Ok(py.None().into_ptr())
        }))
    }
}

unsafe extern "C" fn to_dict(
    object: *mut ffi::PyObject,
    arguments: *mut ffi::PyObject,
    keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls us with an instance, a tuple, and a dict or null.
    unsafe {
        or_null(Python::attach(|py| {
            let object = Bound::from_borrowed_ptr(py, object);
            let arguments = Bound::from_borrowed_ptr(py, arguments).cast_into::<PyTuple>()?;
            let keywords = match keywords.is_null() {
                true => PyDict::new(py),
                false => Bound::from_borrowed_ptr(py, keywords).cast_into::<PyDict>()?,
            };
            let relations = include_relationships(&arguments, &keywords)?;
            Ok(dictionary(&object, relations)?.into_ptr())
        }))
    }
}

unsafe extern "C" fn from_dict(class: *mut ffi::PyObject, values: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: CPython calls us with a class and an object.
    unsafe {
        or_null(Python::attach(|py| {
            let class = Bound::from_borrowed_ptr(py, class).cast_into::<PyType>()?;
            let values = Bound::from_borrowed_ptr(py, values).cast_into::<PyDict>()?;
            Ok(class.call((), Some(&values))?.into_ptr())
        }))
    }
}

fn include_relationships(arguments: &Bound<'_, PyTuple>, keywords: &Bound<'_, PyDict>) -> PyResult<bool> {
    let named = keywords.get_item("include_relationships")?;
    match (arguments.len(), keywords.len(), named) {
        (0, 0, _) => Ok(false),
        (1, 0, _) => arguments.get_item(0)?.is_truthy(),
        (0, 1, Some(given)) => given.is_truthy(),
        _ => Err(PyTypeError::new_err("to_dict() takes one argument, include_relationships")),
    }
}

/// The loaded columns by name, and the loaded relations where asked.
fn dictionary<'py>(object: &Bound<'py, PyAny>, relations: bool) -> PyResult<Bound<'py, PyDict>> {
    let table = table_of(object)?;
    let dict = PyDict::new(object.py());
    for (index, slot) in table.slots.iter().enumerate() {
        let Some(value) = present(object, index)? else { continue };
        match slot.kind {
            SlotKind::Column { .. } => dict.set_item(&slot.text, value)?,
            SlotKind::Relation { .. } if !relations || slot.write_only => {}
            SlotKind::Relation { many: false } if value.is_none() => dict.set_item(&slot.text, value)?,
            SlotKind::Relation { many: false } => dict.set_item(&slot.text, dictionary(&value, false)?)?,
            SlotKind::Relation { many: true } => {
                let items = PyList::empty(object.py());
                for item in value.try_iter()? {
                    items.append(dictionary(&item?, false)?)?;
                }
                dict.set_item(&slot.text, items)?;
            }
        }
    }
    Ok(dict)
}

/// The value of a slot as the user sees it, where that takes no loading.
fn present<'py>(object: &Bound<'py, PyAny>, index: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
    let is_new = matches!(state(object)?, State::Transient | State::Pending);
    let column = index < table_of(object)?.columns;
    match slot(object, index)? {
        Some(value) => Ok(Some(value)),
        None if expression(object, index)?.is_some() => Ok(None),
        None if column && (is_new || super::is_pending_json(object, index)?) => read(object, index).map(Some),
        None => Ok(None),
    }
}

/// (values by name, names that the user set, state's number, extra attributes or None)
fn state_of<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = object.py();
    let table = table_of(object)?;
    if let Some((index, _)) = expressions(object)?.first() {
        return Err(not_computed(object, *index)?);
    }
    let values = PyDict::new(py);
    for (index, slot) in table.slots.iter().enumerate() {
        if let Some(value) = present(object, index)? {
            let value = if slot.write_only { (hooks().write_only_members)(&value)? } else { value };
            values.set_item(&slot.text, value)?;
        }
    }
    let set: Vec<&str> = dirty(object)?.iter().map(|index| &*table.slots[index].text).collect();
    // A copy belongs to no session.
    let state = match state(object)? {
        State::Transient | State::Pending => State::Transient,
        _ => State::Detached,
    };
    let extra = match has_dict(object) {
        true => object.getattr("__dict__")?,
        false => py.None().into_bound(py),
    };
    (values, PyList::new(py, set)?, state as u32, extra).into_pyobject(py)
}

fn restore(object: &Bound<'_, PyAny>, state: &Bound<'_, PyAny>) -> PyResult<()> {
    let table = table_of(object)?;
    let (values, set, number, extra): (Bound<'_, PyDict>, Vec<String>, u32, Bound<'_, PyAny>) =
        state.extract()?;
    for (name, value) in values {
        // a name that the class no longer has is an old pickle's: left out
        if let Some(index) = table.position(name.cast::<PyString>()?.to_str()?) {
            let is_list = table.slots[index].write_only;
            let value = if is_list { (hooks().write_only)(object, index, &value)? } else { value };
            put(object, index, value)?;
        }
    }
    super::set_state(object, super::state_of_bits(number))?;
    // SAFETY: `object` has a table, so it is an instance of the base.
    let head = unsafe { Head::of(object.as_ptr()) };
    if number != State::Transient as u32 {
        head.flags &= !BORN; // lists that were not loaded are not known to be empty
    }
    set.iter().filter_map(|name| table.position(name)).for_each(|index| head.mark(index));
    if !extra.is_none() {
        object.getattr("__dict__")?.call_method1("update", (extra,))?;
    }
    Ok(())
}

fn has_dict(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: our callers have found a table for `object`.
    unsafe { Head::of(object.as_ptr()).has_dict() }
}
