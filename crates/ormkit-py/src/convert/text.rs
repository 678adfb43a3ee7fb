//! Text, bytes and the labels of enums.
use super::{MAX_SIZE, Place, Sink, refused, unfit, unreadable};
use crate::errors::from_py;
use crate::fields::types::Members;
use ormkit_core::error::Result;
use ormkit_core::model::EnumType;
use ormkit_core::value::ValueRef;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyString, PyType};

/// Text that every database holds: no NUL, no lone surrogate, at most `length` characters.
pub(super) fn string(
    value: &Bound<'_, PyAny>,
    length: Option<u32>,
    place: &Place<'_>,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let Ok(value) = value.cast::<PyString>() else { return Err(unfit(value, "str", place)) };
    let text = checked(value, place)?;
    if let Some(length) = length
        && text.len() > length as usize
        && text.chars().count() > length as usize
    {
        return Err(refused(format!("expected at most {length} characters, got more"), place));
    }
    sink(ValueRef::Text(text))
}

/// The UTF-8 of a string.
pub(super) fn checked<'a>(value: &'a Bound<'_, PyString>, place: &Place<'_>) -> Result<&'a str> {
    let text = value.to_str().map_err(|_| refused("the str holds a lone surrogate", place))?;
    if text.as_bytes().contains(&0) {
        return Err(refused("the str holds a NUL character", place));
    }
    if text.len() > MAX_SIZE {
        return Err(refused("the str is larger than 1 GiB", place));
    }
    Ok(text)
}

/// `bytes`, `bytearray` or `memoryview`.
pub(super) fn bytes(value: &Bound<'_, PyAny>, place: &Place<'_>, sink: &mut Sink<'_>) -> Result<()> {
    if let Ok(value) = value.cast::<PyBytes>() {
        return sized(value.as_bytes(), place, sink);
    }
    let is_view = value.is_instance_of::<PyByteArray>() || super::type_name(value) == "memoryview";
    if !is_view {
        return Err(unfit(value, "bytes", place));
    }
    let copy = value.py().get_type::<PyBytes>().call1((value,)).map_err(from_py)?;
    match copy.cast::<PyBytes>() {
        Ok(copy) => sized(copy.as_bytes(), place, sink),
        Err(_) => Err(unfit(value, "bytes", place)),
    }
}

fn sized(bytes: &[u8], place: &Place<'_>, sink: &mut Sink<'_>) -> Result<()> {
    if bytes.len() > MAX_SIZE {
        return Err(refused("the bytes are larger than 1 GiB", place));
    }
    sink(ValueRef::Bytes(bytes))
}

/// The label of an enum's member; a member's value stands for it.
pub(super) fn label(
    value: &Bound<'_, PyAny>,
    labels: &EnumType,
    members: Option<&Members>,
    place: &Place<'_>,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let py = value.py();
    let foreign = || {
        let known = members.and_then(|members| members.class.bind(py).name().ok());
        let expected = known.map_or_else(|| labels.name.clone(), |name| name.to_string());
        unfit(value, &format!("a member of {expected}"), place)
    };
    let Some(members) = members else {
        let text = plain_label(value).map_err(from_py)?;
        return match text.filter(|text| labels.labels.contains(text)) {
            Some(text) => sink(ValueRef::Text(&text)),
            None => Err(foreign()),
        };
    };
    let text = word(value, members)?.ok_or_else(foreign)?;
    if labels.labels.contains(&text) { sink(ValueRef::Text(&text)) } else { Err(foreign()) }
}

/// The word of an enum's member that is stored as text; a member's value stands for it.
pub(super) fn text_of_member(
    value: &Bound<'_, PyAny>,
    members: &Members,
    place: &Place<'_>,
    sink: &mut Sink<'_>,
) -> Result<()> {
    match word(value, members)? {
        Some(word) => sink(ValueRef::Text(&word)),
        None => {
            let class = members.class.bind(value.py()).name().map_err(from_py)?;
            Err(unfit(value, &format!("a member of {class}"), place))
        }
    }
}

/// What is stored for a member, or for a member's value; None for anything else, and for a member of another enum where the
/// values are equal.
fn word(value: &Bound<'_, PyAny>, members: &Members) -> Result<Option<String>> {
    let class = members.class.bind(value.py());
    let member = match value.is_exact_instance(class) || value.is_instance(class).map_err(from_py)? {
        true => value.clone(),
        false if is_member(value).map_err(from_py)? => return Ok(None),
        false => match class.call1((value,)) {
            Ok(member) => member,
            Err(_) => return Ok(None),
        },
    };
    label_of(&member, members.by_name).map(Some).map_err(from_py)
}

fn label_of(member: &Bound<'_, PyAny>, by_name: bool) -> PyResult<String> {
    match by_name {
        true => member.getattr("name")?.extract(),
        false => Ok(member.getattr("value")?.str()?.to_str()?.to_owned()),
    }
}

fn is_member(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static ENUM: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    value.is_instance(ENUM.import(value.py(), "enum", "Enum")?)
}

/// The label that a value stands for where its enum class is not known.
fn plain_label(value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    if is_member(value)? {
        return label_of(value, false).map(Some);
    }
    Ok(match value.cast::<PyString>() {
        Ok(text) => Some(text.to_str()?.to_owned()),
        Err(_) => None,
    })
}

#[inline]
pub(super) fn read_string<'py>(py: Python<'py>, value: &str) -> Result<Bound<'py, PyAny>> {
    // CPython shares the strings of one character.
    if value.len() > 1 && value.is_ascii() {
        return ascii(py, value).map_err(from_py);
    }
    Ok(PyString::new(py, value).into_any())
}

/// A string of ASCII, which is known to be that: CPython's decoder would look at each character again.
#[allow(unsafe_code)]
fn ascii<'py>(py: Python<'py>, value: &str) -> PyResult<Bound<'py, PyAny>> {
    // A Rust allocation has isize::MAX bytes at most.
    let length = value.len() as ffi::Py_ssize_t;
    // SAFETY: the GIL is held. A new string of characters up to 127 has `length` bytes of data, which nobody has seen yet.
    unsafe {
        let string = Bound::from_owned_ptr_or_err(py, ffi::PyUnicode_New(length, 127))?;
        ffi::PyUnicode_DATA(string.as_ptr())
            .cast::<u8>()
            .copy_from_nonoverlapping(value.as_ptr(), value.len());
        Ok(string)
    }
}

pub(super) fn read_bytes<'py>(py: Python<'py>, value: &[u8]) -> Result<Bound<'py, PyAny>> {
    Ok(PyBytes::new(py, value).into_any())
}

pub(super) fn read_label<'py>(py: Python<'py>, value: &str, members: &Members) -> Result<Bound<'py, PyAny>> {
    match members.by_label.bind(py).get_item(value).map_err(from_py)? {
        Some(member) => Ok(member),
        None => {
            let class = members.class.bind(py).name().map_err(from_py)?;
            Err(unreadable(format!("the database holds a label that no member of {class} has")))
        }
    }
}
