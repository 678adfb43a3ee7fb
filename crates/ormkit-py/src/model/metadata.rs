//! `Base.metadata`: the tables of one base.
use super::raise::{mapping, to_python};
use super::registry;
use super::table::Table;
use crate::fields::Notes;
use ormkit_core::error::Error;
use ormkit_core::model::{Constraint, ModelDef, ModelId, Naming, Secondary, Space, TableName, Templates};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The tables of the models under one base.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct MetaData {
    space: Space,
    tables: Py<PyDict>,
    naming: Arc<Naming>,
    schema: Option<String>,
    info: Py<PyDict>,
}

#[pymethods]
impl MetaData {
    /// Args:
    ///     naming_convention: Templates of names by kind: `ix`, `uq`, `ck`, `fk`, `pk`.
    ///     info: A dict for those who read it.
    ///     schema: The schema of tables and foreign keys that name none.
    #[new]
    #[pyo3(signature = (*, naming_convention = None, schema = None, info = None))]
    fn new(
        py: Python<'_>,
        naming_convention: Option<Bound<'_, PyDict>>,
        schema: Option<String>,
        info: Option<Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let naming = naming_convention.as_ref().map(naming_of).transpose()?.unwrap_or_default();
        let info = info.unwrap_or_else(|| PyDict::new(py)).unbind();
        Ok(Self { naming: Arc::new(naming), schema, info, ..Self::empty(py) })
    }

    /// What was said to readers: the dict of `info=`, an empty one without it.
    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> &Bound<'py, PyDict> {
        self.info.bind(py)
    }

    /// The schema of tables that name none.
    #[getter]
    fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The newest table of each name, by name.
    #[getter]
    fn tables<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let tables = self.tables.bind(py).copy()?;
        // Junctions that nobody declares are known when their ends are.
        if let Ok(schema) = registry::schema(py) {
            for junction in schema.implied_junctions(&self.newest(py)) {
                let name = junction.table().to_string();
                if !tables.contains(&name)? {
                    tables.set_item(
                        name,
                        Table::plain(py, junction.id, &junction.def, &[], Notes::default().shown(py))?,
                    )?;
                }
            }
        }
        Ok(tables)
    }

    /// The tables, those that others refer to first.
    #[getter]
    fn sorted_tables<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let schema = registry::schema(py)?;
        let mut newest = self.newest(py);
        schema.check(&newest).map_err(to_python)?;
        let junctions: Vec<ModelId> =
            schema.implied_junctions(&newest).iter().map(|junction| junction.id).collect();
        newest.extend(junctions);
        newest.sort_by_key(|id| schema.model(*id).rank);
        let tables = self.tables(py)?;
        let sorted = PyList::empty(py);
        for id in newest {
            sorted.append(tables.get_item(schema.model(id).table().to_string())?)?;
        }
        Ok(sorted)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("MetaData({} tables)", self.tables.bind(py).len())
    }
}

impl MetaData {
    /// Metadata without tables.
    pub(super) fn empty(py: Python<'_>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let space = Space(NEXT.fetch_add(1, Ordering::Relaxed));
        let (tables, info) = (PyDict::new(py).unbind(), PyDict::new(py).unbind());
        Self { space, tables, naming: Arc::default(), schema: None, info }
    }

    /// The models that no later declaration of the same table replaces, in the order of their declaration.
    pub(crate) fn newest(&self, py: Python<'_>) -> Vec<ModelId> {
        registry::newest(py, self.space)
    }

    /// How constraints and indexes are called.
    pub(super) fn naming(&self) -> Arc<Naming> {
        Arc::clone(&self.naming)
    }

    /// Gives the schema to a table and to the tables that its keys name, where they have none, and names to what has
    /// none.
    ///
    /// # Errors
    /// A CHECK without the name that the convention asks for.
    pub(super) fn complete(&self, def: &mut ModelDef) -> PyResult<()> {
        if let Some(schema) = &self.schema {
            let give = |table: &mut TableName| {
                table.schema.get_or_insert_with(|| schema.clone());
            };
            give(&mut def.table);
            for relation in &mut def.relations {
                if let Some(Secondary::Table(table)) = &mut relation.secondary {
                    give(table);
                }
            }
            def.fields
                .iter_mut()
                .filter_map(|field| field.foreign_key.as_mut())
                .for_each(|key| give(&mut key.table));
            for constraint in &mut def.constraints {
                if let Constraint::ForeignKey { table, .. } = constraint {
                    give(table);
                }
            }
        }
        self.naming.apply(def).map_err(|error| mapping(format!("{}: {error}", def.name)))
    }

    /// The name space of its models.
    pub(super) fn space(&self) -> Space {
        self.space
    }

    /// Adds a model's table.
    pub(super) fn add(&self, py: Python<'_>, table: &Bound<'_, Table>) -> PyResult<()> {
        self.tables.bind(py).set_item(table.get().fullname(), table)
    }
}

/// Reads a naming convention.
///
/// # Errors
/// A kind or a token that is not known, with the near one.
fn naming_of(given: &Bound<'_, PyDict>) -> PyResult<Naming> {
    let mut templates = Templates::default();
    for (kind, template) in given {
        let (kind, template): (String, String) = (kind.extract()?, template.extract()?);
        let place = match kind.as_str() {
            "ix" => &mut templates.ix,
            "uq" => &mut templates.uq,
            "ck" => &mut templates.ck,
            "fk" => &mut templates.fk,
            "pk" => &mut templates.pk,
            _ => {
                let known = ["ix", "uq", "ck", "fk", "pk"];
                return Err(to_python(Error::unknown_name("kind", &kind, "naming_convention", known)));
            }
        };
        *place = Some(template);
    }
    Naming::new(templates).map_err(to_python)
}
