//! `engine.execution_options(schema_translate_map=..)`: the same database with other schemas, as with one for each tenant.

use std::sync::{Arc, PoisonError};

use ormkit_core::plan::Plans;
use ormkit_core::sql::SchemaNames;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{Engine, Inner};
use crate::query::option_elsewhere;

/// Compiled statements by what schemas are called, the most recently used last: an engine for one tenant is made for each
/// request, its statements are written once.
#[derive(Default)]
pub(super) struct Renamed(Vec<Arc<Plans>>);

impl Renamed {
    /// How many are kept. Each has a cache of its own.
    const MOST: usize = 100;

    fn plans(&mut self, names: SchemaNames, new: impl FnOnce(SchemaNames) -> Plans) -> Arc<Plans> {
        let plans = match self.0.iter().position(|known| *known.schemas() == names) {
            Some(at) => self.0.remove(at),
            None => Arc::new(new(names)),
        };
        if self.0.len() == Self::MOST {
            self.0.remove(0);
        }
        self.0.push(Arc::clone(&plans));
        plans
    }
}

#[pymethods]
impl Engine {
    /// The same database, with other names for the schemas of tables: what `metadata.create_all`, sessions and statements of
    /// the returned engine write. Connections, limits and listeners are those of this engine, and closing either closes both.
    ///
    /// Args:
    ///     schema_translate_map: Schemas as the models call them, and their names in the database: a dict. None is the
    ///         schema of tables that name none, and the database's default. Replaces what this engine says. Texts of SQL
    ///         and conditions in `text()` are sent as they are.
    ///
    /// Raises:
    ///     TypeError: A name is neither str nor None.
    ///     NotSupportedError: An option of SQLAlchemy's that has another form here, which the error names.
    #[pyo3(signature = (**options))]
    fn execution_options(&self, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut plans = Arc::clone(&self.plans);
        for (name, value) in options.into_iter().flatten() {
            let name: String = name.extract()?;
            if name != "schema_translate_map" {
                return Err(option_elsewhere(value.py(), &name, "schema_translate_map"));
            }
            plans = self.inner.renamed(names_of(&value)?);
        }
        Ok(Self { inner: Arc::clone(&self.inner), plans })
    }
}

impl Inner {
    fn renamed(&self, names: SchemaNames) -> Arc<Plans> {
        if names.is_empty() {
            return Arc::clone(&self.plans);
        }
        let new = |names| {
            Plans::new(self.target.dialect()).for_host(Arc::clone(&self.border) as _).in_schemas(names)
        };
        self.renamed.lock().unwrap_or_else(PoisonError::into_inner).plans(names, new)
    }
}

/// What a caller's dict says.
fn names_of(map: &Bound<'_, PyAny>) -> PyResult<SchemaNames> {
    if map.is_none() {
        return Ok(SchemaNames::default());
    }
    let wrong = |found: &Bound<'_, PyAny>| -> PyErr {
        let found =
            found.get_type().name().map_or_else(|_| "something else".to_owned(), |name| name.to_string());
        let text = "schema_translate_map is a dict of names of schemas, or None for the default one";
        PyTypeError::new_err(format!("{text}, not {found}"))
    };
    let Ok(dict) = map.cast::<PyDict>() else { return Err(wrong(map)) };
    let name = |given: Bound<'_, PyAny>| given.extract::<Option<String>>().map_err(|_| wrong(&given));
    let pairs = dict.iter().map(|(from, to)| Ok((name(from)?, name(to)?)));
    Ok(SchemaNames::new(pairs.collect::<PyResult<Vec<_>>>()?))
}
