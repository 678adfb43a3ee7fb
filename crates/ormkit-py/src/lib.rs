//! The Python extension module `ormkit._ormkit`: registration only.
use pyo3::prelude::*;

#[pymodule]
mod _ormkit {}
