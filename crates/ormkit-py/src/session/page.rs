//! Pages by bookmarks: `query.page(..)` and `session.page(select(..))`.

use std::sync::Arc;

use ormkit_core::query::{Item, Keyset, Select};
use ormkit_core::session::Rows;
use pyo3::prelude::*;

use super::{AsyncSession, SessionLink, on_session, raise, value_of};
use crate::bridge::Operation;
use crate::host::PyHost;
use crate::query::{Places, Query, Select as Statement, page_size};
use crate::result::ExecuteResult;

#[pymethods]
impl Query {
    /// A page of rows in the order of the query, which the key completes: from the first row, or from a bookmark of the page
    /// before or behind. Rows that come or go meanwhile move nothing, and no row is counted.
    ///
    /// Args:
    ///     size: Rows of the page, 1 or more.
    ///     bookmark: `page.next` or `page.previous` of a page of the same class and order; None: the first page.
    ///
    /// Raises:
    ///     BookmarkError: The text is no such bookmark.
    ///     InvalidRequestError: The query has a limit or offset.
    ///     NotSupportedError: An order that no condition can express, or of values that have no order.
    #[pyo3(signature = (size, bookmark = None))]
    fn page(&self, size: &Bound<'_, PyAny>, bookmark: Option<String>) -> PyResult<Py<Operation>> {
        let answers = self.answers();
        let made = move |rows: Rows<PyHost>, shown| answers.of_width(rows, shown);
        turn(size.py(), &self.link(size.py())?, self.core().clone(), page_size(size)?, bookmark, made)
    }
}

#[pymethods]
impl AsyncSession {
    /// The same of a `select(..)`: objects where it selects one class alone, else rows.
    ///
    /// Raises:
    ///     BookmarkError: The text is no bookmark of this statement.
    ///     InvalidRequestError: The statement has a limit or offset.
    ///     NotSupportedError: An order that no condition can express, or of values that have no order.
    #[pyo3(signature = (statement, size, bookmark = None))]
    fn page(
        &self,
        statement: &Bound<'_, Statement>,
        size: &Bound<'_, PyAny>,
        bookmark: Option<String>,
    ) -> PyResult<Py<Operation>> {
        let select = statement.get().shared();
        let objects = matches!(select.items[..], [Item::Entity { .. } | Item::Mapped { .. }]);
        turn(size.py(), &self.link, select, page_size(size)?, bookmark, move |rows, shown| {
            Python::attach(|py| {
                let mut names = rows.names(&*crate::model::schema(py)?);
                names.truncate(shown);
                let values: Vec<_> = rows.items.into_iter().map(|item| value_of(py, item)).collect();
                if objects {
                    return Ok(values);
                }
                let result = Bound::new(py, ExecuteResult::new(py, names, values)?)?;
                result.call_method0("all")?.extract()
            })
        })
    }
}

fn turn(
    py: Python<'_>,
    link: &Arc<SessionLink>,
    select: Arc<Select>,
    size: u64,
    bookmark: Option<String>,
    made: impl FnOnce(Rows<PyHost>, usize) -> PyResult<Vec<Py<PyAny>>> + Send + 'static,
) -> PyResult<Py<Operation>> {
    on_session!(py, link, "Query.page", first autoflush_told, |session| {
        let keyset = Keyset::of(session.schema(), &select, session.dialect()).map_err(raise)?;
        let from = bookmark.map(|text| keyset.read(&text)).transpose().map_err(raise)?;
        let page = keyset.page(&select, from.as_ref(), size);
        let mut rows = session.select(&page).await.map_err(raise)?;
        let width = rows.width();
        let shown = width - keyset.exprs().len();
        let backwards = from.as_ref().is_some_and(|from| from.backwards);
        let value = |item| Python::attach(|py| value_of(py, item));
        let places = Places::take(&mut rows.items, width, shown, size, backwards, value);
        let items = made(rows, shown)?;
        Python::attach(|py| Ok(Bound::new(py, places.page(py, items, &keyset, from)?)?.into_any().unbind()))
    })
}
