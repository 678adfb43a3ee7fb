//! Where `copy_from` takes its data: what is iterated or read without awaiting.

use ormkit_core::driver::BulkCopy;
use ormkit_core::error::Result;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyIterator, PyMemoryView, PyString};

use super::encode::Encoder;
use super::pump::BLOCK;
use crate::errors::from_py;

/// A source of rows or of bytes.
pub(super) enum Source {
    Rows(Py<PyIterator>),
    Blocks(Blocks),
}

/// A source of bytes.
pub(super) struct Blocks {
    from: From,
    /// Bytes that are not passed on yet, and how many of them are.
    rest: Option<(Py<PyBytes>, usize)>,
}

enum From {
    Nothing,
    Iterator(Py<PyIterator>),
    /// Closed at the end where it was opened here.
    File {
        file: Py<PyAny>,
        ours: bool,
    },
}

impl Source {
    /// # Errors
    /// `TypeError` for what is no source; what opening a file raises.
    pub(super) fn new(source: &Bound<'_, PyAny>, rows: bool) -> PyResult<Self> {
        let py = source.py();
        let is_path = source.is_instance_of::<PyString>() || source.hasattr(intern!(py, "__fspath__"))?;
        if rows {
            if is_path || is_bytes(source) {
                let text =
                    "the source of rows is an iterable of tuples; bytes and paths go with another format";
                return Err(PyTypeError::new_err(text));
            }
            return Ok(Self::Rows(source.try_iter()?.unbind()));
        }
        let (from, rest) = if is_path {
            let file = py.import("builtins")?.getattr("open")?.call1((source, "rb"))?;
            (From::File { file: file.unbind(), ours: true }, None)
        } else if is_bytes(source) {
            (From::Nothing, Some((as_bytes(source)?.unbind(), 0)))
        } else if source.hasattr(intern!(py, "read"))? {
            (From::File { file: source.clone().unbind(), ours: false }, None)
        } else {
            (From::Iterator(source.try_iter()?.unbind()), None)
        };
        Ok(Self::Blocks(Blocks { from, rest }))
    }

    /// Appends about a block of data. False at the end of the source.
    ///
    /// # Errors
    /// What the source raises; a value or block that is none.
    pub(super) fn fill(
        &mut self,
        py: Python<'_>,
        copy: &mut dyn BulkCopy,
        encoder: &mut Encoder,
    ) -> Result<bool> {
        match self {
            Self::Rows(rows) => {
                let mut rows = rows.bind(py).clone();
                while copy.buffered() < BLOCK {
                    match rows.next() {
                        Some(row) => encoder.push(&row.map_err(from_py)?, copy)?,
                        None => return Ok(false),
                    }
                }
                Ok(true)
            }
            Self::Blocks(blocks) => {
                while copy.buffered() < BLOCK {
                    if blocks.rest.is_none() {
                        blocks.rest = blocks.next(py).map_err(from_py)?.map(|bytes| (bytes, 0));
                    }
                    let Some((bytes, taken)) = &mut blocks.rest else { return Ok(false) };
                    let left = &bytes.as_bytes(py)[*taken..];
                    let part = &left[..left.len().min(BLOCK)];
                    copy.push_bytes(part)?;
                    *taken += part.len();
                    if part.len() == left.len() {
                        blocks.rest = None;
                    }
                }
                Ok(true)
            }
        }
    }
}

impl Blocks {
    /// The next block that is not empty; None at the end.
    fn next(&mut self, py: Python<'_>) -> PyResult<Option<Py<PyBytes>>> {
        match &self.from {
            From::Nothing => Ok(None),
            From::Iterator(iterator) => {
                for block in iterator.bind(py) {
                    let block = as_bytes(&block?)?;
                    if !block.as_bytes().is_empty() {
                        return Ok(Some(block.unbind()));
                    }
                }
                Ok(None)
            }
            From::File { file, .. } => {
                let block = as_bytes(&file.bind(py).call_method1(intern!(py, "read"), (BLOCK,))?)?;
                Ok(if block.as_bytes().is_empty() { None } else { Some(block.unbind()) })
            }
        }
    }
}

/// A file that was opened here is closed, however the copy ends.
impl Drop for Blocks {
    fn drop(&mut self) {
        if let From::File { file, ours: true } = &self.from {
            crate::bridge::at_drop(|py| file.bind(py).call_method0("close").map(drop));
        }
    }
}

fn is_bytes(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyBytes>()
        || value.is_instance_of::<PyByteArray>()
        || value.is_instance_of::<PyMemoryView>()
}

/// # Errors
/// `TypeError` for anything but bytes, bytearray and memoryview.
pub(super) fn as_bytes<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(bytes.clone());
    }
    if is_bytes(value) {
        return Ok(value.py().get_type::<PyBytes>().call1((value,))?.cast_into()?);
    }
    let found = value.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "the data of this format is bytes, not {found}: encode it, or open files in binary mode"
    )))
}
