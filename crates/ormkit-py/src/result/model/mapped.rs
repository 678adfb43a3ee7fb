//! Rows as detached objects of a mapped class.
use super::{QueryResult, programming};
use crate::errors::to_py;
use crate::host::{PyHost, PyLayout};
use crate::model::schema;
use crate::query::model_of;
use ormkit_core::host::{Fill, HomeId, Host, State};
use ormkit_core::value::SqlType;
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::sync::Arc;

/// Makes objects of one mapped class.
pub(super) struct Mapped {
    host: PyHost,
    layout: PyLayout,
    /// The column of each field that is filled, and the field's type.
    cells: Vec<(usize, SqlType)>,
}

impl Mapped {
    /// For rows of `result`. A column is found by the name of its attribute or by its own.
    ///
    /// # Errors
    /// A key's column is not there; a name that several columns have.
    pub(super) fn new(result: &QueryResult, class: &Bound<'_, PyType>) -> PyResult<Self> {
        let py = class.py();
        let id = model_of(class)?;
        let schema = schema(py)?;
        let model = schema.model(id);
        let (mut fields, mut cells) = (Vec::new(), Vec::new());
        for field in model.field_ids() {
            let known = model.field(field);
            match result.column_of(py, &[&known.name, &known.column])? {
                Some(column) => {
                    fields.push(field);
                    cells.push((column, known.column_type.sql_type()));
                }
                None if model.key.contains(&field) => {
                    return Err(programming(
                        py,
                        format!(
                            "objects of {} cannot be read from rows without {}: select it, too",
                            model.name(),
                            model.place(field)
                        ),
                    ));
                }
                None => {}
            }
        }
        let host = PyHost::new(&Arc::new(result.border.clone()));
        let layout = host.layout(model, &fields, 0).map_err(|error| to_py(py, error))?;
        Ok(Self { host, layout, cells })
    }

    /// The object of a row.
    ///
    /// # Errors
    /// `DataError` naming `Model.attr`: a value is not of the column's type.
    pub(super) fn make<'py>(
        &self,
        result: &QueryResult,
        py: Python<'py>,
        row: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let made = result.rows.with_cells_of(row, &self.cells, |row| {
            let object = self.host.create(&self.layout)?;
            self.host.fill(&object, &self.layout, row, Fill::All)?;
            self.host.settle(&object, State::Detached, HomeId::NONE);
            Ok(object)
        });
        made.map(|object| object.into_bound(py)).map_err(|error| to_py(py, error))
    }
}
