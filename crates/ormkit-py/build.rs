//! Hands the interpreter's version to the code: without it `Py_3_12` and its like are never set.
fn main() {
    pyo3_build_config::use_pyo3_cfgs();
}
