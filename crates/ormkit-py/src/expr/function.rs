//! `func.lower(User.name)`, aggregates and windows.

use ormkit_core::query::{Call, Expr as CoreExpr};
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use std::sync::Arc;

use super::logic::conditions_of;
use super::operand::operand;
use super::{Expr, expression};
use crate::errors::to_py;

/// `func`: every attribute is an SQL function of that name.
#[pyclass(frozen, module = "ormkit", name = "_Function")]
pub(crate) struct FunctionNamespace;

#[pymethods]
impl FunctionNamespace {
    fn __getattr__(&self, name: &str) -> PyResult<NamedFunction> {
        if name.starts_with("__") {
            return Err(PyAttributeError::new_err(name.to_owned()));
        }
        Ok(NamedFunction { name: name.trim_end_matches('_').to_owned() })
    }
}

/// An SQL function by its name.
#[pyclass(frozen, module = "ormkit", name = "_Call")]
pub(crate) struct NamedFunction {
    name: String,
}

#[pymethods]
impl NamedFunction {
    #[pyo3(signature = (*arguments))]
    fn __call__<'py>(&self, arguments: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Expr>> {
        let py = arguments.py();
        if arguments.is_empty() && self.name.eq_ignore_ascii_case("count") {
            return expression(py, CoreExpr::count_star());
        }
        let mut args: Vec<CoreExpr> = Vec::with_capacity(arguments.len());
        for argument in arguments.iter() {
            let arg = operand(&argument, args.first())?;
            args.push(arg);
        }
        expression(py, CoreExpr::call(&self.name, args).map_err(|error| to_py(py, error))?)
    }
}

#[pymethods]
impl Expr {
    /// Of an aggregate: only rows for which the conditions hold.
    #[pyo3(signature = (*conditions))]
    fn filter<'py>(&self, conditions: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Self>> {
        let condition = CoreExpr::all(conditions_of(conditions)?);
        self.call_with(conditions.py(), "filter", |call| call.filter = Some(condition))
    }

    /// Of an aggregate: each value once.
    fn distinct<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.call_with(py, "distinct", |call| call.distinct = true)
    }

    /// Of a function: over a window.
    #[pyo3(signature = (*, partition_by = None, order_by = None))]
    fn over<'py>(
        &self,
        py: Python<'py>,
        partition_by: Option<&Bound<'py, PyAny>>,
        order_by: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Self>> {
        let partition =
            each(partition_by)?.iter().map(|item| item.get().core().cloned()).collect::<PyResult<_>>()?;
        let order = each(order_by)?.iter().map(|item| item.get().as_order()).collect::<PyResult<_>>()?;
        self.call_with(py, "over", |call| call.over = Some((partition, order)))
    }
}

impl Expr {
    fn call_with<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        change: impl FnOnce(&mut Call),
    ) -> PyResult<Bound<'py, Self>> {
        match self.core()? {
            CoreExpr::Call(call) => {
                let mut call = Call::clone(call);
                change(&mut call);
                expression(py, CoreExpr::Call(Arc::new(call)))
            }
            _ => Err(PyTypeError::new_err(format!(
                "{method}() is for functions: func.count(User.id).{method}(..)"
            ))),
        }
    }
}

/// One expression or a list of them.
fn each<'py>(given: Option<&Bound<'py, PyAny>>) -> PyResult<Vec<Bound<'py, Expr>>> {
    let Some(given) = given else { return Ok(Vec::new()) };
    if given.is_instance_of::<PyList>() || given.is_instance_of::<PyTuple>() {
        return given.try_iter()?.map(|item| Ok(item?.cast_into::<Expr>()?)).collect();
    }
    Ok(vec![given.clone().cast_into::<Expr>()?])
}
