//! Python values as JSON text.
use super::super::type_name;
use super::{MAX_DEPTH, data};
use crate::errors::from_py;
use ormkit_core::error::{Error, Result};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use std::fmt::Write;

/// Appends a value; subclasses of the types that JSON knows count as those.
pub(super) fn value(value: &Bound<'_, PyAny>, out: &mut String, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(data("the JSON value is nested more than 1000 levels deep, or holds itself"));
    }
    if let Ok(value) = value.cast::<PyString>() {
        return string(value, out);
    }
    if value.is_none() {
        out.push_str("null");
    } else if let Ok(value) = value.cast::<PyBool>() {
        out.push_str(if value.is_true() { "true" } else { "false" });
    } else if let Ok(value) = value.cast::<PyInt>() {
        integer(value, out)?;
    } else if let Ok(value) = value.cast::<PyFloat>() {
        float(value.value(), out)?;
    } else if let Ok(dict) = value.cast::<PyDict>() {
        object(dict, out, depth)?;
    } else if let Ok(list) = value.cast::<PyList>() {
        array(list.iter(), out, depth)?;
    } else if let Ok(tuple) = value.cast::<PyTuple>() {
        array(tuple.iter(), out, depth)?;
    } else {
        return Err(data(format!("JSON has no form for a value of type {}", type_name(value))));
    }
    Ok(())
}

fn array<'py>(items: impl Iterator<Item = Bound<'py, PyAny>>, out: &mut String, depth: usize) -> Result<()> {
    out.push('[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(',');
        }
        value(&item, out, depth + 1)?;
    }
    out.push(']');
    Ok(())
}

fn object(dict: &Bound<'_, PyDict>, out: &mut String, depth: usize) -> Result<()> {
    out.push('{');
    for (at, (key, item)) in dict.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        match key.cast::<PyString>() {
            Ok(key) => string(key, out)?,
            Err(_) => {
                let found = type_name(&key);
                return Err(data(format!("the keys of a JSON object are str, got one of type {found}")));
            }
        }
        out.push(':');
        value(&item, out, depth + 1)?;
    }
    out.push('}');
    Ok(())
}

fn integer(value: &Bound<'_, PyInt>, out: &mut String) -> Result<()> {
    match value.extract::<i64>() {
        // Writing to a String cannot fail.
        Ok(small) => drop(write!(out, "{small}")),
        Err(_) => {
            // int's own text: a subclass such as an enum may have another
            let text = value.py().get_type::<PyInt>().call_method1("__repr__", (value,)).map_err(too_long)?;
            out.push_str(text.extract::<&str>().map_err(from_py)?);
        }
    }
    Ok(())
}

/// Python refuses to write out integers of more than 4,300 digits.
fn too_long(_: PyErr) -> Error {
    data("the JSON value holds an int with more digits than Python writes out")
}

/// The shortest text that reads as the same float.
fn float(value: f64, out: &mut String) -> Result<()> {
    if !value.is_finite() {
        return Err(data("JSON has no form for NaN and infinite floats"));
    }
    // Writing to a String cannot fail.
    let _ = write!(out, "{value:?}");
    Ok(())
}

fn string(value: &Bound<'_, PyString>, out: &mut String) -> Result<()> {
    let text = value.to_str().map_err(|_| data("the JSON value holds a str with a lone surrogate"))?;
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0 => return Err(data("the JSON value holds a str with a NUL character")),
            1..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        from = at + 1;
        match escape {
            "" => drop(write!(out, "\\u{byte:04x}")),
            escape => out.push_str(escape),
        }
    }
    out.push_str(&text[from..]);
    out.push('"');
    Ok(())
}
