//! Rows as detached objects of a mapped class.
use super::{QueryResult, programming};
use crate::errors::to_py;
use crate::host::{PyHost, PyLayout};
use crate::model::schema;
use crate::query::model_of;
use ormkit_core::error::{Error, Result};
use ormkit_core::host::{Fill, HomeId, Host, State};
use ormkit_core::model::{Mark, Model};
use ormkit_core::value::{SqlType, ValueRef};
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::sync::Arc;

/// Makes objects of one mapped class, and of those that extend it.
pub(super) struct Mapped {
    host: PyHost,
    kinds: Vec<Kind>,
    /// The column that says of which class a row is, where there is a choice.
    discriminator: Option<usize>,
    /// The class, for messages.
    name: String,
}

/// One class.
struct Kind {
    /// What the discriminator holds for it.
    mark: Option<Mark>,
    layout: PyLayout,
    /// The column of each field that is filled, and the field's type.
    cells: Vec<(usize, SqlType)>,
}

impl Mapped {
    /// For rows of `result`. A column is found by the name of its attribute or by its own.
    ///
    /// # Errors
    /// A key's column is not there, or that which says of which class a row is; a name that several columns have.
    pub(super) fn new(result: &QueryResult, class: &Bound<'_, PyType>) -> PyResult<Self> {
        let py = class.py();
        let id = model_of(class)?;
        let schema = schema(py)?;
        let model = schema.model(id);
        let host = PyHost::new(&Arc::new(result.border.clone()));
        let mut kinds = vec![Kind::new(py, &host, result, model)?];
        let mut discriminator = None;
        if let Some(family) = &model.family {
            let field = model.field(family.discriminator);
            discriminator = result.column_of(py, &[&field.name, &field.column])?;
            if discriminator.is_none() {
                return Err(missing(py, model, &model.place(family.discriminator)));
            }
            for below in &family.below {
                kinds.push(Kind::new(py, &host, result, schema.model(*below))?);
            }
        }
        Ok(Self { host, kinds, discriminator, name: model.name().to_owned() })
    }

    /// The object of a row.
    ///
    /// # Errors
    /// `DataError` naming `Model.attr`: a value is not of the column's type. The row is of another class.
    pub(super) fn make<'py>(
        &self,
        result: &QueryResult,
        py: Python<'py>,
        row: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.object(result, row).map(|object| object.into_bound(py)).map_err(|error| to_py(py, error))
    }

    fn object(&self, result: &QueryResult, row: usize) -> Result<Py<PyAny>> {
        let kind = self.kind(result, row)?;
        result.rows.with_cells_of(row, &kind.cells, |row| {
            let object = self.host.create(&kind.layout)?;
            self.host.fill(&object, &kind.layout, row, Fill::All)?;
            self.host.settle(&object, State::Detached, HomeId::NONE);
            Ok(object)
        })
    }

    fn kind(&self, result: &QueryResult, row: usize) -> Result<&Kind> {
        let Some(column) = self.discriminator else { return Ok(&self.kinds[0]) };
        let cell = result.rows.cell(row, column)?;
        let is_of = |kind: &&Kind| match (&kind.mark, cell) {
            (Some(Mark::Text(mark)), ValueRef::Text(text)) => mark == text,
            (Some(Mark::Int(mark)), ValueRef::Int(number)) => *mark == number,
            _ => false,
        };
        self.kinds.iter().find(is_of).ok_or_else(|| {
            Error::data(
                result.names[column].clone(),
                format!("the row is neither of {} nor of a class that extends it", self.name),
            )
        })
    }
}

impl Kind {
    fn new(py: Python<'_>, host: &PyHost, result: &QueryResult, model: &Model) -> PyResult<Self> {
        let (mut fields, mut cells) = (Vec::new(), Vec::new());
        for field in model.field_ids() {
            let known = model.field(field);
            match result.column_of(py, &[&known.name, &known.column])? {
                Some(column) => {
                    fields.push(field);
                    cells.push((column, known.column_type.sql_type()));
                }
                None if model.key.contains(&field) => return Err(missing(py, model, &model.place(field))),
                None => {}
            }
        }
        let layout = host.layout(model, &fields, 0).map_err(|error| to_py(py, error))?;
        let mark = model.family.as_ref().and_then(|family| family.mark.clone());
        Ok(Self { mark, layout, cells })
    }
}

fn missing(py: Python<'_>, model: &Model, place: &str) -> PyErr {
    programming(
        py,
        format!("objects of {} cannot be read from rows without {place}: select it, too", model.name()),
    )
}
