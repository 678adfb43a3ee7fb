//! What a declaration says to those who read it: `info=` and `doc=`.
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Kept with a column, a relation or a table, and used by nobody here.
#[derive(Default)]
pub(crate) struct Notes {
    info: Option<Py<PyDict>>,
    doc: Option<String>,
}

impl Notes {
    /// # Errors
    /// `TypeError` for an `info` that is no dict.
    pub(crate) fn new(function: &str, info: Option<Bound<'_, PyAny>>, doc: Option<String>) -> PyResult<Self> {
        let info = info.map(|info| info.cast_into::<PyDict>().map(Bound::unbind));
        let info = info
            .transpose()
            .map_err(|_| PyTypeError::new_err(format!("{function}(info=..) takes a dict")))?;
        Ok(Self { info, doc })
    }

    /// The same.
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        Self { info: self.info.as_ref().map(|info| info.clone_ref(py)), doc: self.doc.clone() }
    }

    /// The same with a dict in any case, which readers may write into.
    pub(crate) fn shown(&self, py: Python<'_>) -> Self {
        let shown = self.clone_ref(py);
        Self { info: Some(shown.info.unwrap_or_else(|| PyDict::new(py).unbind())), ..shown }
    }

    /// `info`: the very dict that was given.
    pub(crate) fn info<'py>(&self, py: Python<'py>) -> Bound<'py, PyDict> {
        self.info.as_ref().map_or_else(|| PyDict::new(py), |info| info.bind(py).clone())
    }

    /// `doc`
    pub(crate) fn doc(&self) -> Option<&str> {
        self.doc.as_deref()
    }
}
