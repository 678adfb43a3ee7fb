//! A SELECT as rows of another statement: subqueries, CTEs, values, conditions, objects.

use ormkit_core::query::{
    Derived, DerivedColumn, Expr as CoreExpr, Item, Rows, Select as CoreSelect, SetOp, SetOperation,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use std::sync::Arc;

use super::derived::{Columns, Cte, Subquery};
use super::existing::Exists;
use super::read::Select;
use crate::errors::to_py;
use crate::expr::{Expr, expression};
use crate::model::{schema, unsupported};

impl Select {
    /// The rows as LATERAL ones.
    pub(super) fn to_lateral(&self, py: Python<'_>, name: Option<&str>) -> PyResult<Subquery> {
        let derived = Derived::select(&*schema(py)?, self.shared(), name);
        Ok(Subquery::new(derived.map_err(|error| to_py(py, error))?.lateral()))
    }
}

#[pymethods]
impl Select {
    /// Whether there are rows, as a condition that can still be narrowed down.
    fn exists<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Exists>> {
        Exists::of(py, self.shared())
    }

    /// The one value of a SELECT of one column, as an expression.
    ///
    /// Raises:
    ///     TypeError: It has several columns.
    fn scalar_subquery<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Expr>> {
        let is_value = |item: &Item| matches!(item, Item::Value { .. });
        let items = &self.core().items;
        let width = match self.core().set.is_none() && !items.is_empty() && items.iter().all(is_value) {
            // Values are counted before all classes are there.
            true => items.len(),
            false => self.core().columns(&*schema(py)?).map_err(|error| to_py(py, error))?.len(),
        };
        if width != 1 {
            return Err(PyTypeError::new_err(format!(
                "scalar_subquery() is one value: this statement selects {width} columns"
            )));
        }
        expression(py, CoreExpr::Scalar(self.shared()))
    }

    /// The rows as a table to read from: `.c.name` are its columns. `name` is what SQL calls it.
    #[pyo3(signature = (name = None))]
    fn subquery(&self, py: Python<'_>, name: Option<&str>) -> PyResult<Subquery> {
        Subquery::of(py, self.shared(), name)
    }

    /// The same.
    #[pyo3(signature = (name = None))]
    fn alias(&self, py: Python<'_>, name: Option<&str>) -> PyResult<Subquery> {
        self.subquery(py, name)
    }

    /// The rows as a table that may read from what stands before it in FROM (PostgreSQL).
    #[pyo3(signature = (name = None))]
    fn lateral(&self, py: Python<'_>, name: Option<&str>) -> PyResult<Subquery> {
        self.to_lateral(py, name)
    }

    /// A common table expression of the rows. A `recursive` one takes `union_all(select(..))` that reads from itself.
    ///
    /// Args:
    ///     name: What SQL calls it; None: `anon_1` and so on.
    ///     recursive: It may read from itself.
    ///     materialized: True and False are MATERIALIZED and NOT MATERIALIZED; None leaves it to the database.
    #[pyo3(signature = (name = None, recursive = false, nesting = false, *, materialized = None))]
    fn cte<'py>(
        &self,
        py: Python<'py>,
        name: Option<&str>,
        recursive: bool,
        nesting: bool,
        materialized: Option<bool>,
    ) -> PyResult<Bound<'py, Cte>> {
        if nesting {
            return Err(unsupported(
                "nesting=True",
                "all CTEs stand in front of the statement; give each a name of its own",
            ));
        }
        Cte::of(py, self.shared(), name, recursive, materialized)
    }

    /// The columns that the statement answers, by name: what a union is sorted by.
    #[getter]
    fn selected_columns(&self, py: Python<'_>) -> PyResult<Columns> {
        let columns = self.core().columns(&*schema(py)?).map_err(|error| to_py(py, error))?;
        Ok(Columns::of_statement(columns))
    }

    /// The same.
    #[getter]
    fn exported_columns(&self, py: Python<'_>) -> PyResult<Columns> {
        self.selected_columns(py)
    }

    /// Objects of the class that is selected, out of the rows of another statement: a `select`, a union, or `text(..)`
    /// whose rows have the columns of the class.
    ///
    /// Raises:
    ///     TypeError: Something else than one class is selected.
    #[pyo3(name = "from_statement")]
    fn objects_of(&self, statement: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = statement.py();
        let [Item::Entity { source, fields: None }] = self.core().items[..] else {
            return Err(PyTypeError::new_err("from_statement() is for select(Class)"));
        };
        let mut core = CoreSelect { loads: self.core().loads.clone(), ..CoreSelect::default() };
        if let Ok(select) = statement.cast::<Select>() {
            let given = select.get().shared();
            match &given.set {
                Some(_) => core = CoreSelect { loads: core.loads, ..CoreSelect::clone(&given) },
                None => core.set = Some(SetOperation { op: SetOp::UnionAll, parts: vec![given] }),
            }
            core.items = vec![Item::Entity { source, fields: None }];
            return Ok(Self::new(core));
        }
        let text = statement.cast::<Expr>().ok().and_then(|expr| expr.get().written().cloned());
        let Some(text) = text else {
            return Err(PyTypeError::new_err(
                "from_statement() takes a select, a union of selects, or text(..)",
            ));
        };
        let schema = schema(py)?;
        let model = schema.model(source.model);
        let column = |field| DerivedColumn {
            name: model.field(field).name.as_str().into(),
            column: model.field(field).column.as_str().into(),
            of: CoreExpr::column(source, field),
        };
        let columns = model.field_ids().filter(|field| !model.field(*field).deferred).map(column).collect();
        let rows = Derived::new(Rows::Text(text), Some(&model.table().name), columns);
        let fields = rows.fields_of(model).map_err(|error| to_py(py, error))?;
        core.items = vec![Item::Mapped { of: Arc::new(rows), model: model.id, columns: fields }];
        Ok(Self::new(core))
    }
}
