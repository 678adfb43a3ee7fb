//! The Python extension module `ormkit._ormkit`: registration only.
use pyo3::prelude::*;

mod instance;

#[pymodule]
mod _ormkit {
    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        instance::register(module)
    }
}
