//! `ormkit inspect`

use ormkit_core::driver::Scope;
use ormkit_core::schema::{introspect, models::python_models};
use ormkit_core::session::Link;
use pyo3::exceptions::{PyFileExistsError, PyValueError};
use pyo3::prelude::*;

use super::arguments::Inspect;
use super::{Context, DONE};

pub(super) async fn run(context: &Context, command: &Inspect) -> PyResult<i32> {
    let engine = context.engine()?;
    let mut link = Link::new(Python::attach(|py| engine.pool(py))?);
    let scope = match command.schemas.as_slice() {
        [] if command.all_schemas => Scope::All,
        [] => Scope::Default,
        schemas => Scope::Schemas(schemas.to_vec()),
    };
    let read = introspect(&mut link, &scope).await;
    let mut catalog = read.map_err(|error| engine.explained(error))?;
    let names: Vec<String> = catalog.tables.iter().map(|table| table.name.to_string()).collect();
    if let Some(missing) = command.tables.iter().find(|table| !names.contains(table)) {
        let text = format!("there is no table {missing}: the database has {}", names.join(", "));
        return Err(PyValueError::new_err(text));
    }
    // That of the migrations is nobody's model.
    let is_wanted = |name: &String| match command.tables.as_slice() {
        [] => name != "alembic_version",
        tables => tables.contains(name),
    };
    catalog.tables.retain(|table| is_wanted(&table.name.to_string()));
    let text = python_models(&catalog, engine.dialect());
    Python::attach(|py| match &command.output {
        None => context.terminal.print(py, &text),
        Some(file) => {
            // Never over somebody's work.
            let opened = std::fs::OpenOptions::new().write(true).create_new(true).open(file);
            let mut opened = opened.map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    PyFileExistsError::new_err(format!("{} is there already", file.display()))
                }
                _ => error.into(),
            })?;
            std::io::Write::write_all(&mut opened, text.as_bytes())?;
            context.terminal.say(py, &format!("{} tables in {}\n", catalog.tables.len(), file.display()))
        }
    })?;
    Ok(DONE)
}
