//! The models that a command is about, by the names of their modules.

use ormkit_core::model::ModelId;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyType};

use crate::model::{MetaData, find_class, table_of};

/// The models of all bases that the modules name, each once. Modules are looked for in the working directory, too.
///
/// # Errors
/// What importing raises; a module without models.
pub(super) fn load(py: Python<'_>, names: &[String]) -> PyResult<Vec<ModelId>> {
    let path = py.import("sys")?.getattr("path")?;
    let here = std::env::current_dir()?.into_os_string();
    if !path.contains(&here)? {
        path.call_method1("insert", (0, here))?;
    }
    let mut models: Vec<ModelId> = Vec::new();
    for name in names {
        let (module, attribute) = match name.split_once(':') {
            Some((module, attribute)) => (module, Some(attribute)),
            None => (name.as_str(), None),
        };
        let module = py.import(module)?;
        let found = match attribute {
            Some(attribute) => of_value(&module.getattr(attribute)?)?,
            None => of_module(&module)?,
        };
        if found.is_empty() {
            return Err(PyValueError::new_err(format!("there are no models in {name}")));
        }
        models.extend(found.into_iter().filter(|model| !models.contains(model)).collect::<Vec<_>>());
    }
    Ok(models)
}

/// The classes of the models in modules, `app.models`, `app.models:Base`, and the tables without a class.
///
/// Raises:
///     ImportError: A module cannot be imported.
///     ValueError: There are no models in one.
#[pyfunction]
pub(crate) fn load_models(py: Python<'_>, names: Vec<String>) -> PyResult<Vec<Py<PyAny>>> {
    let one = |model: ModelId| match find_class(py, model) {
        Some(mapped) => Ok(mapped.class.clone_ref(py).into_any()),
        None => Ok(table_of(py, model)?.into_any().unbind()),
    };
    load(py, &names)?.into_iter().map(one).collect()
}

fn of_module(module: &Bound<'_, PyModule>) -> PyResult<Vec<ModelId>> {
    let names: Bound<'_, PyDict> = module.dict();
    let mut models = Vec::new();
    for (_, value) in names {
        for model in of_value(&value)? {
            if !models.contains(&model) {
                models.push(model);
            }
        }
    }
    Ok(models)
}

/// The models of a base or of its metadata; none of anything else.
fn of_value(value: &Bound<'_, PyAny>) -> PyResult<Vec<ModelId>> {
    let py = value.py();
    if let Ok(metadata) = value.cast::<MetaData>() {
        return Ok(metadata.get().newest(py));
    }
    let root = py.import("ormkit")?.getattr("DeclarativeBase")?;
    let is_model = match value.cast::<PyType>() {
        Ok(class) => class.is_subclass(&root)? && !class.is(&root),
        Err(_) => false,
    };
    match is_model {
        true => Ok(crate::model::metadata_of(value.cast::<PyType>()?)?.get().newest(py)),
        false => Ok(Vec::new()),
    }
}
