//! Functions and lists of rows in FROM, and LATERAL.

use ormkit_core::error::Error;
use ormkit_core::model::{ColumnType, TableName};
use ormkit_core::query::{Derived, DerivedColumn, Expr as CoreExpr, Rows, Select as CoreSelect};
use ormkit_core::sql::{Dialect, quote};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use super::{Select, Subquery};
use crate::attribute::Attribute;
use crate::errors::to_py;
use crate::expr::{Expr, assigned_as, expression};
use crate::fields::types::TypeEngine;

/// The name and type of a column of `values()`, of a function or of `table()`; by itself a name in SQL.
#[pyclass(frozen, extends = Expr, module = "ormkit", name = "_Column")]
pub(crate) struct ColumnSpec {
    name: String,
    column_type: Option<ColumnType>,
}

impl ColumnSpec {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// A column by its name alone: `column("n", Integer)`, for `values()`, `table_valued()` and `table()`. As an expression it is
/// that name, in quotes where it needs to be.
#[pyfunction]
#[pyo3(signature = (name, r#type = None))]
pub(crate) fn column<'py>(
    py: Python<'py>,
    name: String,
    r#type: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, ColumnSpec>> {
    let column_type = r#type.map(column_type).transpose()?;
    let written = CoreExpr::Text(written(&name).map_err(|error| to_py(py, error))?.into());
    let expr = Expr::new(match &column_type {
        Some(to) => written.coerced(to.clone()),
        None => written,
    });
    Bound::new(py, PyClassInitializer::from(expr).add_subclass(ColumnSpec { name, column_type }))
}

/// A name as both databases read it.
fn written(name: &str) -> Result<String, Error> {
    let on_sqlite = quote::identifier([name], &Dialect::SQLITE)?;
    let bare = on_sqlite == name;
    if bare { quote::identifier([name], &Dialect::POSTGRES) } else { Ok(on_sqlite) }
}

/// A table by its name alone: `table("users", column("id", Integer), column("name", String))`, to read from. Its columns
/// are `.c.name`.
///
/// Args:
///     columns: As `column(..)`, or by name alone.
///     schema: Where it is.
///
/// Raises:
///     TypeError: A column is named by something else.
#[pyfunction]
#[pyo3(signature = (name, *columns, schema = None))]
pub(crate) fn table(name: &str, columns: &Bound<'_, PyTuple>, schema: Option<&str>) -> PyResult<Subquery> {
    let rows = Rows::Named(TableName { schema: schema.map(str::to_owned), name: name.to_owned() });
    Ok(Subquery::new(Derived::new(rows, Some(name), specs(columns)?)))
}

fn column_type(given: &Bound<'_, PyAny>) -> PyResult<ColumnType> {
    let made = match given.cast::<PyType>() {
        Ok(class) => class.call0()?,
        Err(_) => given.clone(),
    };
    let engine = made
        .cast::<TypeEngine>()
        .map_err(|_| PyTypeError::new_err("a column type such as Integer or String(20) is expected here"))?;
    Ok(engine.get().column_type.clone())
}

fn spec(name: &str, of: CoreExpr) -> DerivedColumn {
    DerivedColumn { name: name.into(), column: name.into(), of }
}

/// Columns by name, by name and type, or as those of a model.
pub(super) fn specs(given: &Bound<'_, PyTuple>) -> PyResult<Vec<DerivedColumn>> {
    let one = |item: Bound<'_, PyAny>| {
        if let Ok(known) = item.cast::<ColumnSpec>() {
            let known = known.get();
            let of = known.column_type.clone().map_or(CoreExpr::Null, |to| CoreExpr::Null.cast(to));
            return Ok(spec(&known.name, of));
        }
        if let Ok(attribute) = item.cast::<Attribute>()
            && let Some((_, column)) = attribute.get().column_place()
        {
            let name = attribute.get().name().into();
            let of = attribute.as_super().get().core()?.clone();
            return Ok(DerivedColumn { name, column: column.into(), of });
        }
        match item.cast::<PyString>() {
            Ok(name) => Ok(spec(name.to_str()?, CoreExpr::Null)),
            Err(_) => Err(PyTypeError::new_err(
                "columns are named by texts, column(\"name\", Type), or those of a model",
            )),
        }
    };
    given.iter().map(one).collect()
}

#[pymethods]
impl Expr {
    /// Of a function: its rows in FROM, with columns of these names: `func.json_each(x).table_valued("key", "value")`.
    #[pyo3(signature = (*columns, name = None))]
    fn table_valued(&self, columns: &Bound<'_, PyTuple>, name: Option<&str>) -> PyResult<Subquery> {
        let columns = specs(columns)?;
        if columns.is_empty() {
            return Err(PyTypeError::new_err("table_valued() takes the names of the columns"));
        }
        self.rows("table_valued", name, columns)
    }

    /// Of a `text()`: what its columns are, by name, so that their values are read as those types are; a SELECT of them:
    /// `text("SELECT id, born FROM users").columns(User.id, born=Date)`.
    ///
    /// Args:
    ///     columns: Columns of models, or `column("name", Type)`.
    ///     types: Types by the name of the column.
    ///
    /// Raises:
    ///     TypeError: It is no text, or nothing is named.
    #[pyo3(signature = (*columns, **types))]
    fn columns(&self, columns: &Bound<'_, PyTuple>, types: Option<&Bound<'_, PyDict>>) -> PyResult<Select> {
        let Some(text) = self.written() else {
            return Err(PyTypeError::new_err("columns() is for text(\"SELECT ..\")"));
        };
        let mut columns = specs(columns)?;
        for (name, of) in types.into_iter().flatten() {
            columns.push(spec(name.extract()?, CoreExpr::Null.cast(column_type(&of)?)));
        }
        if columns.is_empty() {
            return Err(PyTypeError::new_err(
                "columns() takes columns, or types by name: columns(born=Date)",
            ));
        }
        let rows = Subquery::new(Derived::new(Rows::Text(text.clone()), None, columns));
        Ok(Select::new(CoreSelect { items: rows.items().collect(), ..CoreSelect::default() }))
    }

    /// Of a function that answers one column: its rows in FROM; the column is `.column`.
    #[pyo3(signature = (name = None))]
    fn alias(&self, name: Option<&str>) -> PyResult<Subquery> {
        let of = self.argument()?;
        self.rows("alias", name, vec![spec(name.unwrap_or("value"), of)])
    }

    /// The same, answering the column itself: `func.generate_series(1, 3).column_valued("n")`.
    #[pyo3(signature = (name = None))]
    fn column_valued<'py>(&self, py: Python<'py>, name: Option<&str>) -> PyResult<Bound<'py, Self>> {
        let rows = self.alias(name)?;
        expression(py, CoreExpr::part(rows.derived(), 0))
    }
}

impl Expr {
    /// What a function of one column answers: as a rule a value of its first argument's type.
    fn argument(&self) -> PyResult<CoreExpr> {
        match self.core()? {
            CoreExpr::Call(call) => Ok(call.args.first().cloned().unwrap_or(CoreExpr::Null)),
            _ => Ok(CoreExpr::Null),
        }
    }

    fn rows(&self, method: &str, name: Option<&str>, columns: Vec<DerivedColumn>) -> PyResult<Subquery> {
        match self.core()? {
            call @ CoreExpr::Call(_) => {
                Ok(Subquery::new(Derived::new(Rows::Function(call.clone()), name, columns)))
            }
            _ => Err(PyTypeError::new_err(format!(
                "{method}() is for functions: func.generate_series(1, 3).{method}(..)"
            ))),
        }
    }
}

/// A list of rows to read from; `data(..)` gives them.
#[pyclass(frozen, extends = Subquery, module = "ormkit")]
pub(crate) struct Values {
    name: Option<String>,
}

/// Rows of constants in FROM: `values(column("id", Integer), column("name", String), name="v").data([(1, "a")])`.
#[pyfunction]
#[pyo3(signature = (*columns, name = None))]
pub(crate) fn values<'py>(
    columns: &Bound<'py, PyTuple>,
    name: Option<String>,
) -> PyResult<Bound<'py, Values>> {
    let specs = specs(columns)?;
    if let Some(untyped) = specs.iter().find(|column| matches!(column.of, CoreExpr::Null)) {
        let name = &untyped.name;
        return Err(PyTypeError::new_err(format!("values() needs types: column({name:?}, Integer)")));
    }
    if specs.is_empty() {
        return Err(PyTypeError::new_err("values() takes columns: column(\"id\", Integer)"));
    }
    made(columns.py(), Vec::new(), name, specs)
}

fn made(
    py: Python<'_>,
    rows: Vec<Vec<CoreExpr>>,
    name: Option<String>,
    columns: Vec<DerivedColumn>,
) -> PyResult<Bound<'_, Values>> {
    let rows = Subquery::new(Derived::new(Rows::Values(rows), name.as_deref(), columns));
    Bound::new(py, PyClassInitializer::from(rows).add_subclass(Values { name }))
}

#[pymethods]
impl Values {
    /// The same with more rows, each with one value per column.
    fn data<'py>(slf: &Bound<'py, Self>, rows: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let derived = slf.as_super().get().derived();
        let Rows::Values(known) = &derived.rows else { return Ok(slf.clone()) };
        let mut all = known.clone();
        for row in rows.try_iter()? {
            let given = row?.try_iter()?.collect::<PyResult<Vec<_>>>()?;
            if given.len() != derived.columns.len() {
                return Err(PyTypeError::new_err(format!(
                    "values() has {} columns, a row has {} values",
                    derived.columns.len(),
                    given.len()
                )));
            }
            let pairs = given.iter().zip(&derived.columns);
            all.push(pairs.map(|(value, column)| assigned_as(value, &column.of)).collect::<PyResult<_>>()?);
        }
        made(slf.py(), all, slf.get().name.clone(), derived.columns.to_vec())
    }
}

/// A subquery that may read from what stands before it in FROM (PostgreSQL).
#[pyfunction]
#[pyo3(signature = (select, name = None))]
pub(crate) fn lateral(select: &Bound<'_, PyAny>, name: Option<&str>) -> PyResult<Subquery> {
    if let Ok(rows) = select.cast::<Subquery>() {
        return Ok(Subquery::new(rows.get().derived().alias(name).lateral()));
    }
    let select = select
        .cast::<Select>()
        .map_err(|_| PyTypeError::new_err("lateral() takes a select or the rows of a function"))?;
    select.get().to_lateral(select.py(), name)
}
