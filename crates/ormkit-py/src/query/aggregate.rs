//! `Count("books")`, `Sum Avg Min Max`: aggregates by name, for `annotate`, `values` and `aggregate`.

use std::sync::Arc;

use ormkit_core::model::RelationId;
use ormkit_core::query::lookup::{Path, correlated};
use ormkit_core::query::{ArithmeticOp, Call, Expr as CoreExpr, Item, Select as CoreSelect, Source};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::F;
use super::hybrid::Hybrid;
use super::names::Names;
use super::q::condition_in;
use crate::errors::to_py;
use crate::expr::{Expr, operand};
use crate::model::unsupported;

/// What the aggregates have in common.
#[pyclass(frozen, subclass, module = "ormkit")]
pub(crate) struct Aggregate {
    function: &'static str,
    subject: Subject,
    distinct: bool,
    filter: Option<Py<PyAny>>,
    /// What it is of nothing.
    default: Option<Py<PyAny>>,
}

enum Subject {
    /// `*`: the rows themselves.
    Rows,
    /// A name, which may cross relations.
    Name(String),
    /// `F("a") * F("b")`.
    Field(Py<F>),
    /// An expression on the row itself.
    Expr(CoreExpr),
}

/// What an aggregate of joined tables says of their rows.
pub(super) struct Joining {
    /// The way to its rows, up to the last relation that repeats the row that is asked about.
    pub(super) many: Option<Vec<RelationId>>,
    /// A repeated row would be counted several times.
    pub(super) counts_repeated: bool,
}

impl Aggregate {
    fn new(
        function: &'static str,
        subject: &Bound<'_, PyAny>,
        distinct: bool,
        filter: Option<Py<PyAny>>,
        default: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        if default.is_some() && function == "count" {
            return Err(PyTypeError::new_err("Count() of nothing is 0: it takes no default"));
        }
        let subject = match subject.cast::<PyString>() {
            Ok(name) if name.to_str()? == "*" && function == "count" && !distinct => Subject::Rows,
            Ok(name) => Subject::Name(name.to_str()?.to_owned()),
            Err(_) => match (subject.cast::<F>(), subject.cast::<Expr>()) {
                (Ok(field), _) => Subject::Field(field.clone().unbind()),
                (_, Ok(expr)) => Subject::Expr(expr.get().core()?.clone()),
                _ => {
                    let found = subject.get_type().name()?;
                    let text = format!(
                        "an aggregate takes the name of an attribute, F(..) or a column, not a value of type {found}"
                    );
                    return Err(PyTypeError::new_err(text));
                }
            },
        };
        Ok(Self { function, subject, distinct, filter, default })
    }

    /// Of a name alone, for `query.sum("pages")`.
    pub(crate) fn named(function: &'static str, subject: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::new(function, subject, false, None, None)
    }

    /// The name that it has where none is given: `pages__sum`.
    pub(crate) fn default_name(&self) -> PyResult<String> {
        match &self.subject {
            Subject::Name(name) => Ok(format!("{name}__{}", self.function)),
            _ => Err(PyTypeError::new_err("give this aggregate a name: aggregate(total=..)")),
        }
    }

    fn call(&self, argument: Option<CoreExpr>, filter: Option<CoreExpr>) -> CoreExpr {
        let call = Call {
            name: self.function.into(),
            star: argument.is_none(),
            args: argument.into_iter().collect(),
            distinct: self.distinct,
            filter,
            over: None,
            frame: None,
            order_by: Vec::new(),
            within_group: Vec::new(),
        };
        CoreExpr::Call(Arc::new(call))
    }

    fn or_default(&self, py: Python<'_>, call: CoreExpr) -> PyResult<CoreExpr> {
        let Some(default) = &self.default else { return Ok(call) };
        let default = operand(default.bind(py), Some(&call))?;
        CoreExpr::call("coalesce", vec![call, default]).map_err(|error| to_py(py, error))
    }

    /// The way to its rows, and the field there.
    fn way(&self, py: Python<'_>, names: &Names<'_>) -> PyResult<Path> {
        let model = names.source.model;
        let own = Path { relations: Vec::new(), model, field: None };
        if let Subject::Name(name) = &self.subject
            && names.annotation(name).is_some()
        {
            return Ok(own);
        }
        let resolve = |name: &str| match is_own_hybrid(py, names, name)? {
            true => Ok(own.clone()),
            false => Path::resolve(names.schema, model, name).or_else(|error| {
                let within = Path::within(names.schema, model, name);
                within.map(|(path, _)| path).ok_or_else(|| to_py(py, error))
            }),
        };
        match &self.subject {
            Subject::Name(name) => resolve(name),
            Subject::Field(field) => match field.get().first_name() {
                Some(name) if names.annotation(name).is_some() => Ok(own),
                Some(name) => resolve(name),
                None => Ok(own),
            },
            Subject::Rows | Subject::Expr(_) => Ok(own),
        }
    }

    /// The argument on the row at the end of its way; None: the rows are counted.
    fn argument(
        &self,
        py: Python<'_>,
        names: &Names<'_>,
        path: &Path,
        end: Source,
        rows_alone: bool,
    ) -> PyResult<Option<CoreExpr>> {
        match &self.subject {
            Subject::Rows => Ok(None),
            Subject::Expr(expr) => Ok(Some(expr.clone())),
            Subject::Field(field) => {
                let names = Names { within: Some((&path.relations, end)), ..*names };
                field.get().resolve_in(&names, py).map(Some)
            }
            Subject::Name(name) if names.annotation(name).is_some() => {
                match names.annotation(name).filter(|annotation| !annotation.of_group) {
                    Some(annotation) => Ok(Some(annotation.expr.clone())),
                    None => Err(unsupported(
                        format!("{}({name:?})", self.function),
                        "it is an aggregate of the same groups: select from a subquery",
                    )),
                }
            }
            Subject::Name(name) if is_own_hybrid(py, names, name)? => names.value(py, name).map(Some),
            Subject::Name(name) => match path.field {
                Some(field) => {
                    let within = Path::within(names.schema, names.source.model, name);
                    let value = within.and_then(|(_, subject)| subject.value(end));
                    Ok(Some(value.unwrap_or_else(|| CoreExpr::column(end, field))))
                }
                None if self.function != "count" => Err(unsupported(
                    format!("{}({name:?})", self.function),
                    "it is a relation: name a column of it",
                )),
                None if rows_alone && !self.distinct => Ok(None),
                None => match names.schema.model(end.model).key[..] {
                    [key, ..] if !self.distinct => Ok(Some(CoreExpr::column(end, key))),
                    [key] => Ok(Some(CoreExpr::column(end, key))),
                    _ => Err(unsupported(
                        format!("Count({name:?}, distinct=True) of a key of several columns"),
                        "count one of its columns",
                    )),
                },
            },
        }
    }

    fn condition(
        &self,
        py: Python<'_>,
        names: &Names<'_>,
        way: &[RelationId],
        end: Source,
    ) -> PyResult<Option<CoreExpr>> {
        let Some(filter) = &self.filter else { return Ok(None) };
        let within = (!way.is_empty()).then_some((way, end));
        let condition = condition_in(&Names { within, ..*names }, filter.bind(py))?;
        Ok(Some(match end.model == names.source.model {
            true => condition,
            // A plain `Book.pages > 100` is about the rows that are counted.
            false => condition.renamed(Source::plain(end.model), end),
        }))
    }

    /// Of the related rows of each row: a SELECT of its own, which no other one multiplies.
    pub(super) fn of_each(&self, py: Python<'_>, names: &Names<'_>) -> PyResult<CoreExpr> {
        let path = self.way(py, names)?;
        if path.relations.is_empty() {
            return Err(unsupported(
                format!("{}() of the objects' own columns in annotate()", self.function),
                "group first, as in values(\"a\").annotate(..), or use aggregate(..)",
            ));
        }
        let (mut select, end) = correlated(names.schema, names.source, &path.relations);
        let argument = self.argument(py, names, &path, end, true)?;
        select.filter.extend(self.condition(py, names, &path.relations, end)?);
        let expr = self.or_default(py, self.call(argument, None))?;
        select.items.push(Item::Value { expr, label: None });
        Ok(CoreExpr::Scalar(select.into()))
    }

    /// Of groups of rows: related tables are joined to `core`.
    pub(super) fn of_group(
        &self,
        py: Python<'_>,
        names: &Names<'_>,
        core: &mut CoreSelect,
    ) -> PyResult<(CoreExpr, Joining)> {
        let path = self.way(py, names)?;
        let end = core.join_path(names.schema, names.source, &path.relations);
        let argument = self.argument(py, names, &path, end, false)?;
        let filter = self.condition(py, names, &path.relations, end)?;
        let many = path.last_many(names.schema, names.source.model);
        let joining = Joining {
            many: many.map(|length| path.relations[..length].to_vec()),
            counts_repeated: !self.distinct && !matches!(self.function, "min" | "max"),
        };
        Ok((self.or_default(py, self.call(argument, filter))?, joining))
    }
}

/// Arithmetic of aggregates is that of `F`.
#[pymethods]
impl Aggregate {
    fn __add__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> F {
        F::of_aggregate(slf, ArithmeticOp::Add, other, false)
    }

    fn __radd__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> F {
        F::of_aggregate(slf, ArithmeticOp::Add, other, true)
    }

    fn __sub__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> F {
        F::of_aggregate(slf, ArithmeticOp::Subtract, other, false)
    }

    fn __rsub__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> F {
        F::of_aggregate(slf, ArithmeticOp::Subtract, other, true)
    }

    fn __mul__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> F {
        F::of_aggregate(slf, ArithmeticOp::Multiply, other, false)
    }

    fn __rmul__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> F {
        F::of_aggregate(slf, ArithmeticOp::Multiply, other, true)
    }

    fn __truediv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> F {
        F::of_aggregate(slf, ArithmeticOp::Divide, other, false)
    }

    fn __rtruediv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> F {
        F::of_aggregate(slf, ArithmeticOp::Divide, other, true)
    }

    fn __floordiv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> F {
        F::of_aggregate(slf, ArithmeticOp::DivideWhole, other, false)
    }

    fn __rfloordiv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> F {
        F::of_aggregate(slf, ArithmeticOp::DivideWhole, other, true)
    }

    fn __mod__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> F {
        F::of_aggregate(slf, ArithmeticOp::Modulo, other, false)
    }

    fn __rmod__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> F {
        F::of_aggregate(slf, ArithmeticOp::Modulo, other, true)
    }
}

/// Two lists joined at once multiply each other's rows, and a joined list those of the row itself.
///
/// # Errors
/// `Unsupported` where an aggregate would see a row several times.
pub(super) fn check_joining(joinings: &[Joining]) -> PyResult<()> {
    let mut ways: Vec<&[RelationId]> = Vec::new();
    for many in joinings.iter().filter_map(|joining| joining.many.as_deref()) {
        if !ways.contains(&many) {
            ways.push(many);
        }
    }
    let repeated = match ways[..] {
        [] => false,
        [way] => {
            joinings.iter().any(|joining| joining.counts_repeated && joining.many.as_deref() != Some(way))
        }
        _ => true,
    };
    match repeated {
        true => Err(unsupported(
            "aggregates over several lists in one group".to_owned(),
            "they would multiply each other's rows: annotate the objects (before values()), or ask one by one",
        )),
        false => Ok(()),
    }
}

macro_rules! aggregate {
    ($class:ident, $function:literal, $what:literal) => {
        #[doc = $what]
        #[pyclass(frozen, extends = Aggregate, module = "ormkit")]
        pub(crate) struct $class;

        #[pymethods]
        impl $class {
            #[new]
            #[pyo3(signature = (subject, /, *, distinct = false, filter = None, default = None))]
            fn new(
                subject: &Bound<'_, PyAny>,
                distinct: bool,
                filter: Option<Py<PyAny>>,
                default: Option<Py<PyAny>>,
            ) -> PyResult<PyClassInitializer<Self>> {
                let base = Aggregate::new($function, subject, distinct, filter, default)?;
                Ok(PyClassInitializer::from(base).add_subclass(Self))
            }
        }
    };
}

aggregate!(Count, "count", "The number of values, or of related objects; `Count(\"*\")` counts rows.");
aggregate!(Sum, "sum", "The sum; None of nothing.");
aggregate!(Avg, "avg", "The average; None of nothing.");
aggregate!(Min, "min", "The least value; None of nothing.");
aggregate!(Max, "max", "The greatest value; None of nothing.");

/// True for the name of a hybrid of the rows themselves.
fn is_own_hybrid(py: Python<'_>, names: &Names<'_>, name: &str) -> PyResult<bool> {
    let hybrid = Hybrid::named(py, names.schema, names.source.model, name)?;
    Ok(hybrid.is_some_and(|hybrid| hybrid.relations.is_empty()))
}
