//! The Python extension module `ormkit._ormkit`: registration only.
use pyo3::prelude::*;

#[cfg_attr(not(feature = "test-hooks"), allow(dead_code, unused_imports))]
mod bridge;
mod instance;

#[pymodule]
mod _ormkit {
    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        bridge::register(module)?;
        instance::register(module)
    }
}
