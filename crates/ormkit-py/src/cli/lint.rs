//! `ormkit lint`

use std::io::Read;
use std::path::Path;

use ormkit_core::lint::{self, Conditions, Finding, Rule};
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

/// What a revision does: its file, the dialect, its statements, and what on SQLite only a rebuild does; each with its line.
pub(super) type Rendered = (String, String, Vec<(usize, String)>, Vec<(usize, String)>);

/// A finding, where it is, and of which dialects, where that is not said by the command.
struct Found {
    file: String,
    finding: Finding,
    dialects: Vec<String>,
}

impl Found {
    fn of(file: impl Into<String>, finding: Finding) -> Self {
        Self { file: file.into(), finding, dialects: Vec::new() }
    }
}

pub(super) async fn run(
    context: &Context,
    command: &Lint,
    rendered: &[Rendered],
    compare: Compare,
) -> PyResult<i32> {
    let models = Python::attach(|py| models::load(py, &command.models))?;
    let dialect = match (&context.engine, command.dialect.as_deref()) {
        (Some(engine), _) => engine.dialect(),
        (None, Some("sqlite")) => &Dialect::SQLITE,
        (None, _) => &Dialect::POSTGRES,
    };
    let mapped = Python::attach(|py| mapped(py, &models))?;
    let conditions = Conditions { mapped, in_transaction: command.transaction, ..Conditions::new(dialect) };
    let conditions = Conditions { version: command.version.unwrap_or(conditions.version), ..conditions };
    let mut found: Vec<Found> = Vec::new();
    if command.files.is_empty() && command.project.is_none() {
        let findings = plan(context, &models, conditions.clone(), &compare).await?;
        found.extend(findings.into_iter().map(|finding| Found::of("step", finding)));
    }
    for file in command.scripts() {
        let findings = lint::script(&read(file)?, &conditions);
        found.extend(findings.into_iter().map(|finding| Found::of(file.display().to_string(), finding)));
    }
    for revision in rendered {
        for finding in revised(revision, &conditions) {
            let same = found.iter_mut().find(|known| {
                known.file == revision.0
                    && (known.finding.line, known.finding.rule) == (finding.line, finding.rule)
            });
            match same {
                Some(known) => known.dialects.push(revision.1.clone()),
                None => found.push(Found {
                    dialects: vec![revision.1.clone()],
                    ..Found::of(revision.0.clone(), finding)
                }),
            }
        }
    }
    Python::attach(|py| match context.json {
        true => context.terminal.print(py, &json(py, &found)?),
        false => context.terminal.print(py, &text(&found)),
    })?;
    Ok(if found.is_empty() { DONE } else { FOUND })
}

/// The unsafe statements of a revision, at the lines of its file.
fn revised((_, dialect, statements, rebuilt): &Rendered, conditions: &Conditions) -> Vec<Finding> {
    let dialect = if dialect == "sqlite" { &Dialect::SQLITE } else { &Dialect::POSTGRES };
    let conditions = Conditions { dialect, in_transaction: false, ..conditions.clone() };
    // A revision is one transaction; what is outside of it says so by statements of its own.
    let (mut script, mut lines) = ("BEGIN;\n".to_owned(), vec![0]);
    for (line, statement) in statements {
        script.push_str(statement);
        // Behind a comment a semicolon would be part of it.
        script.push_str("\n;\n");
        lines.extend(std::iter::repeat_n(*line, statement.matches('\n').count() + 2));
    }
    let rebuilds = rebuilt.iter().map(|(line, statement)| Finding {
        rule: Rule::TableRebuilt,
        line: *line,
        statement: statement.clone(),
    });
    let at = |finding: Finding| Finding {
        rule: finding.rule,
        line: lines[finding.line - 1],
        statement: finding.statement.trim_end().to_owned(),
    };
    let mut found: Vec<Finding> =
        lint::script(&script, &conditions).into_iter().map(at).chain(rebuilds).collect();
    found.sort_by_key(|finding| finding.line);
    found
}

/// The columns that models map.
fn mapped(py: Python<'_>, models: &[ModelId]) -> PyResult<Vec<(String, String)>> {
    let schema = schema(py)?;
    let all = models.iter().flat_map(|id| schema.tables_of(*id));
    Ok(all
        .flat_map(|model| {
            let table = model.table().name.clone();
            model.columns().map(move |field| (table.clone(), field.column.clone()))
        })
        .collect())
}

/// What leads from the database to the models.
async fn plan(
    context: &Context,
    models: &[ModelId],
    conditions: Conditions,
    compare: &Compare,
) -> PyResult<Vec<Finding>> {
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

fn text(found: &[Found]) -> String {
    let one = |Found { file, finding, dialects }: &Found| {
        let statement: Vec<&str> = finding.statement.split_whitespace().collect();
        let mut statement = statement.join(" ");
        if statement.chars().count() > 100 {
            statement = statement.chars().take(99).collect::<String>() + "…";
        }
        let only = match &**dialects {
            [one] => format!(" ({one})"),
            _ => String::new(),
        };
        format!(
            "{file}:{}: {}{only}: {statement}\n    why: {}\n    instead: {}\n",
            finding.line,
            finding.rule.code(),
            finding.rule.why(),
            finding.rule.instead()
        )
    };
    found.iter().map(one).collect()
}

fn json(py: Python<'_>, found: &[Found]) -> PyResult<String> {
    let list = PyList::empty(py);
    for Found { file, finding, dialects } in found {
        let one = PyDict::new(py);
        one.set_item("code", finding.rule.code())?;
        one.set_item("file", file)?;
        one.set_item("line", finding.line)?;
        one.set_item("statement", &finding.statement)?;
        one.set_item("why", finding.rule.why())?;
        one.set_item("instead", finding.rule.instead())?;
        if !dialects.is_empty() {
            one.set_item("dialects", dialects)?;
        }
        list.append(one)?;
    }
    super::terminal::json(py, list)
}
