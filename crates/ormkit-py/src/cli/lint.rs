//! `ormkit lint`

use std::io::Read;
use std::path::Path;

use ormkit_core::lint::{self, Conditions, Finding};
use ormkit_core::model::ModelId;
use ormkit_core::schema::Compare;
use ormkit_core::session::Link;
use ormkit_core::sql::{Dialect, DialectName};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::arguments::Lint;
use super::{Context, DONE, FOUND, models, ping};
use crate::model::schema;

pub(super) async fn run(context: &Context, command: &Lint) -> PyResult<i32> {
    let models = Python::attach(|py| models::load(py, &command.models))?;
    let dialect = match (&context.engine, command.dialect.as_deref()) {
        (Some(engine), _) => engine.dialect(),
        (None, Some("sqlite")) => &Dialect::SQLITE,
        (None, _) => &Dialect::POSTGRES,
    };
    let mapped = Python::attach(|py| mapped(py, &models))?;
    let conditions = Conditions { mapped, in_transaction: command.transaction, ..Conditions::new(dialect) };
    let conditions = Conditions { version: command.version.unwrap_or(conditions.version), ..conditions };
    let mut found: Vec<(String, Finding)> = Vec::new();
    if command.files.is_empty() {
        let findings = plan(context, &models, conditions.clone()).await?;
        found.extend(findings.into_iter().map(|finding| ("step".to_owned(), finding)));
    }
    for file in &command.files {
        let findings = lint::script(&read(file)?, &conditions);
        found.extend(findings.into_iter().map(|finding| (file.display().to_string(), finding)));
    }
    Python::attach(|py| match context.json {
        true => context.terminal.print(py, &json(py, &found)?),
        false => context.terminal.print(py, &text(&found)),
    })?;
    Ok(if found.is_empty() { DONE } else { FOUND })
}

/// The columns that models map.
fn mapped(py: Python<'_>, models: &[ModelId]) -> PyResult<Vec<(String, String)>> {
    let schema = schema(py)?;
    let all = models.iter().map(|id| schema.model(*id));
    Ok(all
        .flat_map(|model| {
            let table = model.table().name.clone();
            model.fields().iter().map(move |field| (table.clone(), field.column.clone()))
        })
        .collect())
}

/// What leads from the database to the models.
async fn plan(context: &Context, models: &[ModelId], conditions: Conditions) -> PyResult<Vec<Finding>> {
    let engine = context.engine()?;
    let schema = Python::attach(schema)?;
    let explain = |error| engine.explained(error);
    let mut link = Link::new(Python::attach(|py| engine.pool(py))?);
    let mut conditions = conditions;
    if engine.dialect().name == DialectName::Postgres {
        let number = "SELECT current_setting('server_version_num')";
        let number = ping::ask(&mut link, number).await.map_err(explain)?;
        conditions.version = number.parse::<u32>().map_or(conditions.version, |number| number / 10_000);
    }
    let compare = Compare { exclude: vec!["alembic_version".to_owned()], ..Compare::default() };
    let compared = compare.run(&mut link, &schema, models).await.map_err(explain)?;
    Ok(lint::plan(&compared.operations, &conditions))
}

/// The text of a file; `-` is the standard input.
fn read(file: &Path) -> PyResult<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(|error| PyOSError::new_err(format!("{}: {error}", file.display())))
}

fn text(found: &[(String, Finding)]) -> String {
    let one = |(file, finding): &(String, Finding)| {
        let statement: Vec<&str> = finding.statement.split_whitespace().collect();
        let mut statement = statement.join(" ");
        if statement.chars().count() > 100 {
            statement = statement.chars().take(99).collect::<String>() + "…";
        }
        format!(
            "{file}:{}: {}: {statement}\n    why: {}\n    instead: {}\n",
            finding.line,
            finding.rule.code(),
            finding.rule.why(),
            finding.rule.instead()
        )
    };
    found.iter().map(one).collect()
}

fn json(py: Python<'_>, found: &[(String, Finding)]) -> PyResult<String> {
    let list = PyList::empty(py);
    for (file, finding) in found {
        let one = PyDict::new(py);
        one.set_item("code", finding.rule.code())?;
        one.set_item("file", file)?;
        one.set_item("line", finding.line)?;
        one.set_item("statement", &finding.statement)?;
        one.set_item("why", finding.rule.why())?;
        one.set_item("instead", finding.rule.instead())?;
        list.append(one)?;
    }
    super::terminal::json(py, list)
}
