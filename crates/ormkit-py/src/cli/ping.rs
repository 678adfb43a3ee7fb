//! `ormkit ping`

use std::sync::Arc;
use std::time::{Duration, Instant};

use ormkit_core::driver::{Batch, Effect, KeptRows, Row, RowSink, Statement, StatementText};
use ormkit_core::error::Result;
use ormkit_core::session::Link;
use ormkit_core::sql::DialectName;
use ormkit_core::value::{Params, SqlType, ValueRef};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{Context, DONE};

/// Round trips, of which the quickest counts.
const TRIES: usize = 5;

pub(super) async fn run(context: &Context) -> PyResult<i32> {
    let engine = context.engine()?;
    let begun = Instant::now();
    let mut link = Link::new(Python::attach(|py| engine.pool(py))?);
    let version = match engine.dialect().name {
        DialectName::Postgres => "SELECT current_setting('server_version')",
        DialectName::Sqlite => "SELECT sqlite_version()",
    };
    let explain = |error| engine.explained(error);
    let version = ask(&mut link, version).await.map_err(explain)?;
    let connected = begun.elapsed();
    let mut quickest = Duration::MAX;
    for _ in 0..TRIES {
        let begun = Instant::now();
        ask(&mut link, "SELECT '1'").await.map_err(explain)?;
        quickest = quickest.min(begun.elapsed());
    }
    let name = match engine.dialect().name {
        DialectName::Postgres => "PostgreSQL",
        DialectName::Sqlite => "SQLite",
    };
    let (connected, quickest) = (milliseconds(connected), milliseconds(quickest));
    Python::attach(|py| {
        let text = match context.json {
            true => {
                let facts = PyDict::new(py);
                facts.set_item("database", name)?;
                facts.set_item("version", &version)?;
                facts.set_item("connected_ms", connected)?;
                facts.set_item("round_trip_ms", quickest)?;
                super::terminal::json(py, facts)?
            }
            false => {
                format!("{name} {version}: connected in {connected} ms, a round trip takes {quickest} ms\n")
            }
        };
        context.terminal.print(py, &text)
    })?;
    Ok(DONE)
}

/// To a thousandth.
fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

/// The only cell of an answer, a text.
pub(super) async fn ask(link: &mut Link, sql: &str) -> Result<String> {
    let text = StatementText::new(sql.to_owned(), Vec::new(), Some(vec![SqlType::Text]), Effect::Read);
    let statements = [Statement::new(Arc::new(text), Params::new())];
    let mut cell = Cell(KeptRows::new());
    link.run(Batch { before: &[], statements: &statements }, &mut cell).await?;
    Ok(match cell.0.cell(0, 0)? {
        ValueRef::Text(text) => text.to_owned(),
        _ => String::new(),
    })
}

struct Cell(KeptRows);

impl RowSink for Cell {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        row.keep(&mut self.0);
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.0.clear();
    }
}
