//! `func.lower(User.name)`, aggregates and windows.

use ormkit_core::query::{Call, Cast, Expr as CoreExpr, Frame, FrameEnd, FrameUnit, Order};
use pyo3::exceptions::{PyAttributeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyList, PyTuple};
use std::sync::Arc;

use super::logic::{conditions_of, extract};
use super::operand::{alike, free_operand};
use super::{Argument, Expr, Kind, RowValue, Told, expression};
use crate::errors::to_py;
use crate::query::F;

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
    /// A function of a schema: `func.audit.stamp(..)`.
    fn __getattr__(&self, name: &str) -> PyResult<Self> {
        if name.starts_with("__") {
            return Err(PyAttributeError::new_err(name.to_owned()));
        }
        Ok(Self { name: format!("{}.{}", self.name, name.trim_end_matches('_')) })
    }

    #[pyo3(signature = (*arguments, type_ = None))]
    fn __call__<'py>(
        this: &Bound<'py, Self>,
        arguments: &Bound<'py, PyTuple>,
        type_: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let typed = |type_: &Bound<'py, PyAny>| {
            let keywords = [("type_", type_)].into_py_dict(py)?;
            py.import("functools")?.getattr("partial")?.call((this,), Some(&keywords))
        };
        let function = || type_.map_or_else(|| Ok(this.clone().into_any()), typed);
        if let Some(waiting) = F::called(arguments, function)? {
            return Ok(waiting);
        }
        let called = this.get().call(arguments)?;
        match type_ {
            Some(type_) => {
                let core = called.get().core()?.clone();
                Ok(expression(py, Told::of(type_, &this.get().name)?.coerced(core))?.into_any())
            }
            None => Ok(called.into_any()),
        }
    }
}

impl NamedFunction {
    fn call<'py>(&self, arguments: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Expr>> {
        let py = arguments.py();
        let name = self.name.to_ascii_lowercase();
        if arguments.is_empty() && name == "count" {
            return expression(py, CoreExpr::count_star());
        }
        if let ("extract", [part, item]) = (name.as_str(), arguments.as_slice())
            && let Ok(part) = part.extract::<String>()
        {
            return extract(&part, item);
        }
        let (mut distinct, mut order_by) = (false, Vec::new());
        let mut args: Vec<Option<CoreExpr>> = Vec::with_capacity(arguments.len());
        let mut values: Vec<Bound<'py, PyAny>> = Vec::new();
        for (at, argument) in arguments.iter().enumerate() {
            if let Some(group) = group_of(&name, &argument)? {
                args.push(Some(group));
                continue;
            }
            if let Some(said) = argument.cast::<Expr>().ok().and_then(|expr| expr.get().as_aggregated()) {
                distinct |= said.distinct;
                order_by.extend(said.order_by.iter().cloned());
                args.push(Some(said.expr.clone()));
            } else if takes_value(&name, at) {
                values.push(argument);
                args.push(None);
            } else {
                args.push(Some(free_operand(&argument)?));
            }
        }
        let mut values = alike(&values)?.into_iter();
        let args: Vec<CoreExpr> = args.into_iter().filter_map(|arg| arg.or_else(|| values.next())).collect();
        let call = match name.as_str() {
            "greatest" if !args.is_empty() => CoreExpr::greatest(args),
            "least" if !args.is_empty() => CoreExpr::least(args),
            _ => CoreExpr::call(&self.name, args).map_err(|error| to_py(py, error))?,
        };
        match call {
            CoreExpr::Call(call) if distinct || !order_by.is_empty() => {
                let call = Call { distinct, order_by, ..Call::clone(&call) };
                expression(py, CoreExpr::Call(Arc::new(call)))
            }
            call => expression(py, call),
        }
    }
}

/// Several columns as one argument of what says of GROUP BY that rows are grouped several times: `tuple_(..)` or a tuple.
fn group_of(name: &str, argument: &Bound<'_, PyAny>) -> PyResult<Option<CoreExpr>> {
    if !matches!(name, "rollup" | "cube" | "grouping_sets") {
        return Ok(None);
    }
    if let Ok(row) = argument.cast::<RowValue>() {
        return Ok(Some(row.get().core()));
    }
    let Ok(columns) = argument.cast::<PyTuple>() else { return Ok(None) };
    let columns = columns.iter().map(|column| free_operand(&column)).collect::<PyResult<_>>()?;
    Ok(Some(CoreExpr::row(columns)))
}

/// True for arguments of which the function answers one, and which are no settings.
fn takes_value(name: &str, argument: usize) -> bool {
    matches!(name, "greatest" | "least") || Call::takes_value(name, argument)
}

/// A target and the order in which an aggregate sees its values:
/// `func.array_agg(aggregate_order_by(Book.title, Book.year.desc()))`.
#[pyfunction]
#[pyo3(signature = (target, *order_by))]
pub(crate) fn aggregate_order_by<'py>(
    target: &Bound<'py, Expr>,
    order_by: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, Expr>> {
    let given = target.get();
    let (expr, distinct) = match given.as_aggregated() {
        Some(said) => (said.expr.clone(), said.distinct),
        None => (given.core()?.clone(), false),
    };
    Expr::as_argument(target.py(), Argument { expr, distinct, order_by: orders(order_by)? })
}

fn orders(given: &Bound<'_, PyTuple>) -> PyResult<Vec<Order>> {
    given.iter().map(|item| item.cast::<Expr>()?.get().as_order()).collect()
}

#[pymethods]
impl Expr {
    /// Of an aggregate: only rows for which the conditions hold.
    #[pyo3(signature = (*conditions))]
    fn filter<'py>(&self, conditions: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Self>> {
        let condition = CoreExpr::all(conditions_of(conditions)?);
        self.call_with(conditions.py(), "filter", |call| call.filter = Some(condition))
    }

    /// Of an aggregate: each value once; of a value, as the argument of an aggregate, the same.
    fn distinct<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        match &self.kind {
            Kind::Sql(CoreExpr::Call(_)) => self.call_with(py, "distinct", |call| call.distinct = true),
            Kind::Argument(said) => Self::as_argument(py, Argument { distinct: true, ..(**said).clone() }),
            _ => {
                let expr = self.core()?.clone();
                Self::as_argument(py, Argument { expr, distinct: true, order_by: Vec::new() })
            }
        }
    }

    /// Of an aggregate: the order in which it sees its values.
    #[pyo3(signature = (*order_by))]
    fn aggregate_order_by<'py>(&self, order_by: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Self>> {
        let order = orders(order_by)?;
        self.call_with(order_by.py(), "aggregate_order_by", |call| call.order_by = order)
    }

    /// Of an aggregate of sorted values: `func.percentile_cont(0.5).within_group(Book.price)`. PostgreSQL only.
    #[pyo3(signature = (*order_by))]
    fn within_group<'py>(&self, order_by: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Self>> {
        let order = orders(order_by)?;
        self.call_with(order_by.py(), "within_group", |call| call.within_group = order)
    }

    /// Of a function: over a window.
    ///
    /// Args:
    ///     rows, range_, groups: From where to where the window reaches, counted from the current row, which is 0;
    ///         negative before it, None to the end. At most one of them.
    #[pyo3(signature = (*, partition_by = None, order_by = None, rows = None, range_ = None, groups = None))]
    fn over<'py>(
        &self,
        py: Python<'py>,
        partition_by: Option<&Bound<'py, PyAny>>,
        order_by: Option<&Bound<'py, PyAny>>,
        rows: Option<(Option<i64>, Option<i64>)>,
        range_: Option<(Option<i64>, Option<i64>)>,
        groups: Option<(Option<i64>, Option<i64>)>,
    ) -> PyResult<Bound<'py, Self>> {
        let partition =
            each(partition_by)?.iter().map(|item| item.get().core().cloned()).collect::<PyResult<_>>()?;
        let order = each(order_by)?.iter().map(|item| item.get().as_order()).collect::<PyResult<_>>()?;
        let given = [(FrameUnit::Rows, rows), (FrameUnit::Range, range_), (FrameUnit::Groups, groups)];
        let mut frames =
            given.into_iter().filter_map(|(unit, ends)| ends.map(|(start, end)| (unit, start, end)));
        let frame = frames.next().map(|(unit, start, end)| Frame { unit, start: at(start), end: at(end) });
        if frames.next().is_some() {
            return Err(PyValueError::new_err("over() takes one of rows, range_ and groups"));
        }
        if let Some(Frame { start: FrameEnd::At(start), end: FrameEnd::At(end), .. }) = frame
            && start > end
        {
            return Err(PyValueError::new_err(format!(
                "a window from {start} to {end} ends before it starts"
            )));
        }
        self.call_with(py, "over", |call| {
            call.over = Some((partition, order));
            call.frame = frame;
        })
    }
}

fn at(end: Option<i64>) -> FrameEnd {
    end.map_or(FrameEnd::Unbounded, FrameEnd::At)
}

impl Expr {
    /// What was said of it as an argument of an aggregate.
    fn as_aggregated(&self) -> Option<&Argument> {
        match &self.kind {
            Kind::Argument(said) => Some(said),
            _ => None,
        }
    }

    /// An argument of an aggregate.
    pub(super) fn as_argument(py: Python<'_>, argument: Argument) -> PyResult<Bound<'_, Self>> {
        let kind = Kind::Argument(Box::new(argument));
        Bound::new(py, Self { kind, label: None, order: None, truth: None })
    }

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
            // `func.name(.., type_=Integer)`
            CoreExpr::Cast(cast) if !cast.written && matches!(cast.expr, CoreExpr::Call(_)) => {
                let called = Self::new(cast.expr.clone()).call_with(py, method, change)?;
                let expr = called.get().core()?.clone();
                expression(py, CoreExpr::Cast(Arc::new(Cast { expr, ..Cast::clone(cast) })))
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
    let column = |item: Bound<'py, PyAny>| {
        item.cast_into::<Expr>().map_err(|error| {
            let found = error.into_inner().get_type();
            PyTypeError::new_err(format!("over() takes columns such as User.age, and no {found}"))
        })
    };
    if given.is_instance_of::<PyList>() || given.is_instance_of::<PyTuple>() {
        return given.try_iter()?.map(|item| column(item?)).collect();
    }
    Ok(vec![column(given.clone())?])
}
