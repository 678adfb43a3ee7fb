//! `ormkit sql`

use ormkit_core::sql::Dialect;
use ormkit_core::sql::ddl::{DdlStep, create_all, drop_all};
use pyo3::prelude::*;

use super::arguments::Sql;
use super::{Context, DONE, models};
use crate::model::schema;
use crate::session::raise;

pub(super) async fn run(context: &Context, command: &Sql) -> PyResult<i32> {
    Python::attach(|py| {
        let models = models::load(py, &command.models)?;
        let dialect = match command.dialect.as_str() {
            "sqlite" => &Dialect::SQLITE,
            _ => &Dialect::POSTGRES,
        };
        let schema = schema(py)?;
        let steps = match command.drop {
            true => drop_all(&schema, &models, dialect),
            false => create_all(&schema, &models, dialect).map_err(raise)?,
        };
        let statements: Vec<String> = steps
            .into_iter()
            .map(|step| match step {
                DdlStep::Run(sql) | DdlStep::Unless { then: sql, .. } => sql,
            })
            .collect();
        let text = match context.json {
            true => super::terminal::json(py, statements)?,
            false => statements.iter().map(|sql| format!("{sql};\n")).collect(),
        };
        context.terminal.print(py, &text)
    })?;
    Ok(DONE)
}
