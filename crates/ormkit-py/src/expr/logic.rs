//! Functions that make expressions: `and_`, `case`, `cast`, `literal` …

use ormkit_core::error::Error;
use ormkit_core::query::{Expr as CoreExpr, TimePart};
use ormkit_core::sql::placeholder;
use ormkit_core::value::SqlType;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::open;
use super::operand::{alike, free_operand, operand};
use super::told::Told;
use super::typing::DeclaredColumns;
use super::{Condition, Expr, condition, expression};
use crate::errors::to_py;
use crate::model::unsupported;
use crate::query::F;

/// The conditions of a call.
///
/// # Errors
/// `TypeError` for what is no condition.
pub(crate) fn conditions_of(given: &Bound<'_, PyTuple>) -> PyResult<Vec<CoreExpr>> {
    given.iter().map(|item| condition_of(&item)).collect()
}

/// One condition; `True` and `False` are conditions too.
pub(crate) fn condition_of(item: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    if let Ok(expr) = item.cast::<Expr>() {
        let core = expr.get().core()?;
        return match core.sql_type(&DeclaredColumns) {
            SqlType::Bool | SqlType::Unknown | SqlType::Literal => Ok(core.clone()),
            other => Err(no_condition(item, core, other)),
        };
    }
    if item.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err(
            "a condition such as User.id == 1 is expected here, not a str: SQL of your own is text(..)",
        ));
    }
    if let Ok(constant) = item.extract::<bool>() {
        return Ok(CoreExpr::Bool(constant));
    }
    let found = item.get_type().name()?;
    Err(PyTypeError::new_err(format!("a condition such as User.id == 1 is expected here, not a {found}")))
}

/// The error for a value that is neither true nor false.
fn no_condition(item: &Bound<'_, PyAny>, core: &CoreExpr, of: SqlType) -> PyErr {
    let what = match core {
        CoreExpr::Column(_) => item.repr().map_or_else(|_| "this".to_owned(), |name| name.to_string()),
        _ => "this expression".to_owned(),
    };
    let instead = match of {
        SqlType::Json | SqlType::Jsonb => "read it by .as_boolean()",
        _ => "compare it, or ask is_not(None)",
    };
    PyTypeError::new_err(format!("a condition is expected here, {what} is of type {}: {instead}", of.name()))
}

/// All of the conditions; true without any.
#[pyfunction]
#[pyo3(signature = (*conditions))]
pub(crate) fn and_<'py>(conditions: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Condition>> {
    condition(conditions.py(), CoreExpr::all(conditions_of(conditions)?))
}

/// Any of the conditions; false without any.
#[pyfunction]
#[pyo3(signature = (*conditions))]
pub(crate) fn or_<'py>(conditions: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Condition>> {
    condition(conditions.py(), CoreExpr::any(conditions_of(conditions)?))
}

/// The opposite of a condition; NULL stays NULL.
#[pyfunction]
pub(crate) fn not_<'py>(item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
    condition(item.py(), condition_of(item)?.negate())
}

/// For ORDER BY: upwards; of a name: the name.
#[pyfunction]
pub(crate) fn asc<'py>(item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if item.is_instance_of::<PyString>() {
        return Ok(item.clone());
    }
    item.cast::<Expr>()?.call_method0("asc")
}

/// For ORDER BY: downwards; of a name: the name with a `-` in front.
#[pyfunction]
pub(crate) fn desc<'py>(item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if let Ok(name) = item.cast::<PyString>() {
        return Ok(PyString::new(item.py(), &format!("-{}", name.to_str()?)).into_any());
    }
    item.cast::<Expr>()?.call_method0("desc")
}

/// For ORDER BY: NULLs before all values; of a column, or of a name (`-` in front of it: downwards).
#[pyfunction]
pub(crate) fn nulls_first<'py>(item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    sorted(item)?.call_method0("nulls_first")
}

/// For ORDER BY: NULLs after all values; of a column, or of a name (`-` in front of it: downwards).
#[pyfunction]
pub(crate) fn nulls_last<'py>(item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    sorted(item)?.call_method0("nulls_last")
}

/// A column, or the name of one.
fn sorted<'py>(item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Expr>> {
    match item.cast::<PyString>() {
        Ok(name) => Bound::new(item.py(), Expr::of_name(name.to_str()?)),
        Err(_) => Ok(item.cast::<Expr>()?.clone()),
    }
}

/// As the argument of an aggregate: each value once.
#[pyfunction]
pub(crate) fn distinct<'py>(item: &Bound<'py, Expr>) -> PyResult<Bound<'py, PyAny>> {
    item.call_method0("distinct")
}

/// The same, compared and sorted by a collation of the database.
#[pyfunction]
pub(crate) fn collate<'py>(item: &Bound<'py, PyAny>, collation: &str) -> PyResult<Bound<'py, Expr>> {
    Expr::new(free_operand(item)?).collate(item.py(), collation)
}

/// From `low` to `high`, both included; `symmetric`: whichever of the two is the greater one.
#[pyfunction]
#[pyo3(signature = (item, low, high, symmetric = false))]
pub(crate) fn between<'py>(
    item: &Bound<'py, Expr>,
    low: &Bound<'py, PyAny>,
    high: &Bound<'py, PyAny>,
    symmetric: bool,
) -> PyResult<Bound<'py, PyAny>> {
    item.call_method1("between", (low, high, symmetric))
}

/// A part of a day, a time or a timestamp, of a timestamp with time zone in UTC: `extract("year", Book.added)`.
///
/// Raises:
///     FieldError: There is no such part.
#[pyfunction]
pub(crate) fn extract<'py>(field: &str, item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Expr>> {
    let name = field.to_ascii_lowercase();
    let part = TimePart::of(&name).ok_or_else(|| {
        to_py(item.py(), Error::unknown_name("part", field, "extract()", TimePart::names()))
    })?;
    expression(item.py(), free_operand(item)?.extract(part))
}

/// A Python value as an expression; it is bound, never written into the text. Its type is `type_` where one is given, else
/// that of what it stands beside, else its own.
///
/// Raises:
///     DataError: It has none of these, as the member of an enum that stands beside nothing; when the statement runs.
#[pyfunction]
#[pyo3(signature = (value, type_ = None))]
pub(crate) fn literal<'py>(
    value: &Bound<'py, PyAny>,
    type_: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, Expr>> {
    match type_ {
        None => expression(value.py(), open::operand(value)?),
        Some(type_) => expression(value.py(), Told::of(type_, "literal()")?.literal(value)?),
    }
}

/// SQL of your own as a value, of a column type where one is given: never put a value of somebody else into it.
#[pyfunction]
#[pyo3(signature = (sql, type_ = None))]
pub(crate) fn literal_column<'py>(
    py: Python<'py>,
    sql: &str,
    type_: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, Expr>> {
    let text = CoreExpr::Text(sql.into());
    match type_ {
        None => expression(py, text),
        Some(type_) => expression(py, Told::of(type_, "literal_column()")?.cast(text)),
    }
}

/// SQL of your own, written as it is: never put a value of somebody else into it.
#[pyfunction]
pub(crate) fn text<'py>(py: Python<'py>, sql: &str) -> PyResult<Bound<'py, Expr>> {
    expression(py, CoreExpr::Text(sql.into()))
}

/// NULL.
#[pyfunction]
pub(crate) fn null(py: Python<'_>) -> PyResult<Bound<'_, Expr>> {
    expression(py, CoreExpr::Null)
}

/// TRUE.
#[pyfunction(name = "true")]
pub(crate) fn true_(py: Python<'_>) -> PyResult<Bound<'_, Condition>> {
    condition(py, CoreExpr::Bool(true))
}

/// FALSE.
#[pyfunction(name = "false")]
pub(crate) fn false_(py: Python<'_>) -> PyResult<Bound<'_, Condition>> {
    condition(py, CoreExpr::Bool(false))
}

/// `CAST(value AS type)`; the type is one of a column: `cast(User.age, String)`.
#[pyfunction]
pub(crate) fn cast<'py>(
    value: &Bound<'py, PyAny>,
    r#type: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    let arguments = PyTuple::new(py, [value, r#type])?;
    if let Some(waiting) = F::called(&arguments, || py.import("ormkit._ormkit")?.getattr("cast"))? {
        return Ok(waiting);
    }
    let told = Told::of(r#type, "cast()")?;
    let expr = match told.makes(value)? {
        true => told.operand(value)?,
        false => free_operand(value)?,
    };
    Ok(expression(py, told.cast(expr))?.into_any())
}

/// A value that is read, and compared with others, as one of a type; SQL is told nothing: `type_coerce(User.data, Document)`.
///
/// Raises:
///     TypeError: It is no column type.
#[pyfunction]
pub(crate) fn type_coerce<'py>(
    value: &Bound<'py, PyAny>,
    r#type: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, Expr>> {
    let told = Told::of(r#type, "type_coerce()")?;
    let expr = told.operand(value)?;
    expression(value.py(), told.coerced(expr))
}

#[pymethods]
impl Expr {
    /// `CAST(self AS type)`.
    fn cast<'py>(&self, r#type: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        expression(r#type.py(), Told::of(r#type, "cast()")?.cast(self.core()?.clone()))
    }
}

#[pymethods]
impl Expr {
    /// Of a `text()`: the values of its `:name` placeholders, which are bound: `text("age > :age").bindparams(age=18)`.
    ///
    /// Args:
    ///     parameters: `bindparam("age", 18)`, or without a value, which is then given when the statement runs.
    ///
    /// Raises:
    ///     TypeError: It is no text; a name has no value, or a value has no name.
    ///     NotSupportedError: A parameter stands for a list behind IN.
    #[pyo3(signature = (*parameters, **values))]
    fn bindparams<'py>(
        &self,
        parameters: &Bound<'py, PyTuple>,
        values: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Self>> {
        let CoreExpr::Text(sql) = self.core()? else {
            return Err(PyTypeError::new_err("bindparams() is for text(\"..:name..\")"));
        };
        let (pieces, names) = placeholder::pieces(sql);
        let all = parameters.iter().map(|given| Self::named_param(&given)).collect::<PyResult<Vec<_>>>()?;
        let given = |name: &str| match values {
            Some(values) => values.get_item(name),
            None => Ok(None),
        };
        let mut bound = Vec::with_capacity(names.len());
        for (name, piece) in names.iter().zip(&pieces) {
            if let Some((_, core)) = all.iter().find(|(known, _)| known == name) {
                let before = piece.trim_end().to_ascii_lowercase();
                if before.strip_suffix("in").is_some_and(|rest| rest.ends_with(char::is_whitespace)) {
                    return Err(unsupported(
                        format!("a list for `IN :{name}` of a text"),
                        "write select(..).where(column.in_(..)), or = ANY(:name) on PostgreSQL",
                    ));
                }
                bound.push(core.clone());
                continue;
            }
            let value = given(name)?.ok_or_else(|| {
                PyTypeError::new_err(format!("the text has a placeholder :{name}: give its value"))
            })?;
            bound.push(free_operand(&value)?);
        }
        let of_values = values.iter().flat_map(|values| values.keys()).map(|name| name.extract());
        let of_all = all.into_iter().map(|(name, _)| Ok(name));
        for name in of_values.chain(of_all) {
            let name: String = name?;
            if !names.contains(&name.as_str()) {
                return Err(PyTypeError::new_err(format!("the text has no placeholder :{name}")));
            }
        }
        expression(parameters.py(), CoreExpr::template(pieces.into_iter().map(Into::into).collect(), bound))
    }
}

/// `CASE WHEN .. THEN .. ELSE .. END`: pairs of condition and value, or a dict of them. With `value` the first of each is
/// what that is compared with: `case({"a": 1, "b": 2}, value=Book.kind)`.
#[pyfunction]
#[pyo3(signature = (*whens, value = None, else_ = None))]
pub(crate) fn case<'py>(
    whens: &Bound<'py, PyTuple>,
    value: Option<&Bound<'py, PyAny>>,
    else_: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, Expr>> {
    let subject = value.map(free_operand).transpose()?;
    let mut given: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> = Vec::new();
    for when in whens.iter() {
        match when.cast::<PyDict>() {
            Ok(pairs) => given.extend(pairs.iter()),
            Err(_) => given.push(when.extract().map_err(|_| {
                PyTypeError::new_err("case() takes pairs: (condition, value), …, else_=value")
            })?),
        }
    }
    let condition = |when: &Bound<'py, PyAny>| match &subject {
        Some(subject) => Ok(subject.clone().eq(operand(when, Some(subject))?)),
        None => condition_of(when),
    };
    let conditions = given.iter().map(|(when, _)| condition(when)).collect::<PyResult<Vec<_>>>()?;
    let values: Vec<_> = given.into_iter().map(|(_, then)| then).chain(else_.cloned()).collect();
    let mut values = alike(&values)?;
    let otherwise = values.drain(conditions.len()..).next();
    expression(whens.py(), CoreExpr::case(conditions.into_iter().zip(values).collect(), otherwise))
}
