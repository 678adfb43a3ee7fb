//! The one revision that makes a schema from nothing.

use std::collections::HashSet;

use ormkit_core::driver::Scope;
use ormkit_core::schema::alembic::{RevisionBody, RevisionFile};
use ormkit_core::schema::{Catalog, Renames, diff, introspect};
use ormkit_core::session::Link;
use ormkit_core::sql::DialectName;
use pyo3::prelude::*;

use crate::autogen::now;
use crate::bridge::Operation;
use crate::engine::Engine;
use crate::session::raise;

/// The text of the revision that makes the tables of a database as they are, from nothing, and the schemas that they stand in.
///
/// Args:
///     pool: An engine.
///     message: What it does, in words.
///     revision: Its id.
///     branch_labels: Its labels.
///     exclude: Tables that are let be, `"table"` or `"schema.table"`.
///
/// Raises:
///     NotSupportedError: Alembic has no words for a part of it.
#[pyfunction]
pub(crate) fn render_baseline(
    py: Python<'_>,
    pool: &Bound<'_, Engine>,
    message: String,
    revision: String,
    branch_labels: Vec<String>,
    exclude: Vec<String>,
) -> PyResult<Py<Operation>> {
    let engine = pool.get().handle();
    let created = now(py)?;
    Operation::start(py, "baseline", async move {
        let scope = match engine.dialect().name {
            DialectName::Postgres => Scope::All,
            DialectName::Sqlite => Scope::Default,
        };
        let mut link = Link::new(Python::attach(|py| engine.pool(py))?);
        let mut there = introspect(&mut link, &scope).await.map_err(|error| engine.explained(error))?;
        there.tables.retain(|table| !exclude.contains(&table.name.to_string()));
        let names =
            there.tables.iter().map(|table| &table.name).chain(there.enums.iter().map(|kind| &kind.name));
        let used: HashSet<String> = names.filter_map(|name| name.schema.clone()).collect();
        there.schemas.retain(|name| used.contains(name));
        let nothing = Catalog { default_schema: there.default_schema.clone(), ..Catalog::default() };
        let steps = diff(&there, &nothing, &Renames::default(), engine.dialect());
        let body = RevisionBody::new(&nothing, &steps, engine.dialect()).map_err(raise)?;
        let file = RevisionFile {
            revision: &revision,
            down_revisions: &[],
            branch_labels: &branch_labels,
            depends_on: &[],
            message: &message,
            created: &created,
        };
        Ok(file.render(&body))
    })
}
