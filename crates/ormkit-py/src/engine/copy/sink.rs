//! Where `copy_to` writes: a file.

use ormkit_core::driver::CopyStatement;
use ormkit_core::error::Result;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::carrier::Carrier;
use super::pump::Turns;
use crate::bridge::at_drop;
use crate::errors::from_py;

/// A file that is written to; closed at the end where it was opened here.
pub(super) struct File {
    file: Py<PyAny>,
    ours: bool,
}

impl File {
    /// # Errors
    /// `TypeError` for what is no file; what opening one raises.
    pub(super) fn open(sink: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = sink.py();
        if sink.is_instance_of::<PyString>() || sink.hasattr(intern!(py, "__fspath__"))? {
            let file = py.import("builtins")?.getattr("open")?.call1((sink, "wb"))?;
            return Ok(Self { file: file.unbind(), ours: true });
        }
        if sink.hasattr(intern!(py, "write"))? {
            return Ok(Self { file: sink.clone().unbind(), ours: false });
        }
        let found = sink.get_type().name()?;
        Err(PyTypeError::new_err(format!("the sink is a path or a file opened in binary mode, not {found}")))
    }

    /// A raw file may take a part only.
    fn write(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<()> {
        let mut left = bytes;
        while !left.is_empty() {
            let written = self.file.bind(py).call_method1(intern!(py, "write"), (PyBytes::new(py, left),))?;
            if written.hasattr(intern!(py, "__await__"))? {
                written.call_method0(intern!(py, "close"))?;
                return Err(PyTypeError::new_err("the sink's write() is not to be awaited: iterate instead"));
            }
            let count = written.extract::<usize>().unwrap_or(left.len());
            left = left.get(count.max(1)..).unwrap_or_default();
        }
        Ok(())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if self.ours {
            at_drop(|py| self.file.bind(py).call_method0("close").map(drop));
        }
    }
}

/// Copies everything into the file; answers the number of rows.
///
/// # Errors
/// The file's own, and the database's.
pub(super) async fn drain(carrier: &mut Carrier, statement: &CopyStatement, file: &File) -> Result<u64> {
    let keeps = carrier.is_transaction();
    let copy = carrier.copy()?;
    copy.begin(statement).await?;
    let mut turns = Turns::begin();
    while copy.receive().await? {
        let written =
            copy.take_bytes(&mut |bytes| Python::attach(|py| file.write(py, bytes)).map_err(from_py));
        if let Err(error) = written {
            if keeps {
                copy.give_up().await?;
            }
            return Err(error);
        }
        turns.give().await;
    }
    copy.finish().await
}
