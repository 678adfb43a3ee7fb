//! Rows as objects of classes that are not mapped: their annotations say what values become.
use super::{QueryResult, programming};
use crate::convert::{self, Conversion};
use crate::errors::to_py;
use crate::model::value_type;
use ormkit_core::error::{Error, Result};
use ormkit_core::model::ColumnType;
use ormkit_core::value::{ValueRef, coerce};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};
use std::sync::Arc;

/// Makes objects of one class.
pub(super) struct Typed<'py> {
    class: Bound<'py, PyType>,
    kind: Kind,
    /// The name of each column, and what its values become.
    columns: Vec<(Bound<'py, PyString>, Target)>,
}

/// How a class takes its values.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// As keywords; its fields are known: a dataclass, a named tuple.
    Fields,
    /// It is a dict of known keys.
    TypedDict,
    /// `model_validate` takes a dict.
    Pydantic,
    /// As keywords, and only the class knows which.
    Open,
}

/// A field of a class.
struct Field {
    name: String,
    required: bool,
}

/// What the values of a column become.
enum Target {
    /// What they are.
    Same,
    /// JSON that came as text is read; the rest is the class's affair.
    Json,
    /// Values of the annotation's type.
    Of { column_type: ColumnType, conversion: Option<Arc<Conversion>>, optional: bool, place: String },
}

impl<'py> Typed<'py> {
    /// For rows of `result`.
    ///
    /// # Errors
    /// `FieldError`: a column that the class has no field for. `ProgrammingError`: a field without default that the rows do not
    /// have; a name that several columns have.
    pub(super) fn new(result: &QueryResult, class: &Bound<'py, PyType>) -> PyResult<Self> {
        let py = class.py();
        let (kind, fields) = shape(class)?;
        let name = class.name()?.to_string();
        if kind == Kind::Open
            && class.getattr("__module__")?.eq("builtins")?
            && !class.is(py.get_type::<PyDict>())
        {
            return Err(PyTypeError::new_err(format!(
                "{name} has no fields to put columns in: read values with .scalars(), rows with .tuples()"
            )));
        }
        let annotations = match kind {
            Kind::Pydantic => class.getattr(intern!(py, "model_fields"))?,
            _ => annotations(class)?.into_any(),
        };
        let mut columns = Vec::new();
        for column in &result.names {
            result.column_of(py, &[column])?;
            if matches!(kind, Kind::Fields | Kind::TypedDict)
                && !fields.iter().any(|field| field.name == *column)
            {
                let known = fields.iter().map(|field| &*field.name);
                return Err(to_py(py, Error::unknown_name("field", column, &name, known)));
            }
            let target = match kind {
                Kind::Pydantic => Target::validated(&annotations, column)?,
                _ => Target::annotated(&annotations, column, &name)?,
            };
            columns.push((PyString::new(py, column), target));
        }
        if let Some(missing) =
            fields.iter().find(|field| field.required && !result.names.contains(&field.name))
        {
            return Err(programming(
                py,
                format!(
                    "{name}.{} has no default, and the result no column of that name: it has {}",
                    missing.name,
                    result.names.join(", ")
                ),
            ));
        }
        Ok(Self { class: class.clone(), kind, columns })
    }

    /// The object of a row.
    ///
    /// # Errors
    /// `DataError` naming the field; what the class raises.
    pub(super) fn make(&self, result: &QueryResult, row: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = self.class.py();
        let values = PyDict::new(py);
        let (mut columns, mut raised) = (self.columns.iter(), Ok(()));
        let read = result.rows.cells(row, &mut |cell| {
            let Some((name, target)) = columns.next() else { return Ok(()) };
            let value = target.read(py, cell, result).map_err(|error| error.at(|| name.to_string()))?;
            raised = values.set_item(name, value);
            Ok(())
        });
        read.map_err(|error| to_py(py, error))?;
        raised?;
        match self.kind {
            Kind::Fields | Kind::Open => self.class.call((), Some(&values)),
            Kind::TypedDict => Ok(values.into_any()),
            Kind::Pydantic => self.class.call_method1(intern!(py, "model_validate"), (values,)),
        }
    }
}

/// How a class takes its values, and its fields where they are known.
fn shape(class: &Bound<'_, PyType>) -> PyResult<(Kind, Vec<Field>)> {
    let py = class.py();
    if class.hasattr(intern!(py, "model_validate"))? && class.hasattr(intern!(py, "model_fields"))? {
        return Ok((Kind::Pydantic, Vec::new()));
    }
    if class.hasattr("__required_keys__")? && class.is_subclass_of::<PyDict>()? {
        let required = class.getattr("__required_keys__")?;
        let mut fields = Vec::new();
        for name in annotations(class)?.keys() {
            fields.push(Field { required: required.contains(&name)?, name: name.extract()? });
        }
        return Ok((Kind::TypedDict, fields));
    }
    if class.is_subclass_of::<PyTuple>()? && class.hasattr("_fields")? {
        let (names, defaults) =
            (class.getattr("_fields")?.extract::<Vec<String>>()?, class.getattr("_field_defaults")?);
        let field = |name: String| Ok(Field { required: !defaults.contains(&name)?, name });
        return Ok((Kind::Fields, names.into_iter().map(field).collect::<PyResult<_>>()?));
    }
    let dataclasses = py.import("dataclasses")?;
    if !dataclasses.call_method1("is_dataclass", (class,))?.is_truthy()? {
        return Ok((Kind::Open, Vec::new()));
    }
    let missing = dataclasses.getattr("MISSING")?;
    let mut fields = Vec::new();
    for field in dataclasses.call_method1("fields", (class,))?.try_iter()? {
        let field = field?;
        if field.getattr("init")?.is_truthy()? {
            let required =
                field.getattr("default")?.is(&missing) && field.getattr("default_factory")?.is(&missing);
            fields.push(Field { name: field.getattr("name")?.extract()?, required });
        }
    }
    Ok((Kind::Fields, fields))
}

/// The annotations of a class, text evaluated.
fn annotations<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyDict>> {
    let py = class.py();
    match py.import("typing")?.call_method1("get_type_hints", (class,)) {
        Ok(hints) => Ok(hints.cast_into()?),
        Err(raised) => {
            let error = PyTypeError::new_err(format!(
                "the annotations of {} name something that its module does not have: import it at run time, too",
                class.name()?
            ));
            error.set_cause(py, Some(raised));
            Err(error)
        }
    }
}

impl Target {
    /// By the annotation of a field. One that no column could have leaves the values as they are.
    fn annotated(annotations: &Bound<'_, PyAny>, column: &str, class: &str) -> PyResult<Self> {
        let Some(annotation) = annotations.cast::<PyDict>()?.get_item(column)? else { return Ok(Self::Same) };
        let (found, optional) = value_type(&annotation)?;
        Ok(match found {
            Some((column_type, conversion)) => {
                Self::Of { column_type, conversion, optional, place: format!("{class}.{column}") }
            }
            None => Self::Same,
        })
    }

    /// By the field of a pydantic model that has this name or alias.
    fn validated(fields: &Bound<'_, PyAny>, column: &str) -> PyResult<Self> {
        for item in fields.call_method0("items")?.try_iter()? {
            let (name, field): (String, Bound<'_, PyAny>) = item?.extract()?;
            let alias = field.getattr("validation_alias")?;
            if name == column || alias.eq(column)? {
                let found = value_type(&field.getattr("annotation")?);
                let is_json = matches!(found, Ok((Some((ColumnType::Json | ColumnType::Array(_), _)), _)));
                return Ok(if is_json { Self::Json } else { Self::Same });
            }
        }
        Ok(Self::Same)
    }

    fn read<'py>(
        &self,
        py: Python<'py>,
        cell: ValueRef<'_>,
        result: &QueryResult,
    ) -> Result<Bound<'py, PyAny>> {
        match (self, cell) {
            (Self::Json, ValueRef::Text(text)) => {
                convert::read(py, ValueRef::Json(text), result.border.conversion())
            }
            (Self::Same | Self::Json, cell) => convert::read(py, cell, result.border.conversion()),
            (Self::Of { optional: false, place, .. }, ValueRef::Null) => {
                Err(Error::data(place.clone(), "the database holds NULL, and the annotation has no `| None`"))
            }
            (Self::Of { column_type, conversion, place, .. }, cell) => fitting(cell, column_type)
                .and_then(|cell| result.border.read(py, cell, conversion.as_deref()))
                .map_err(|error| error.at(|| place.clone())),
        }
    }
}

/// A cell as the variant of an annotation's type. What SQL computes is wider than what it was computed from: sums of integers
/// and averages are NUMERIC on PostgreSQL.
fn fitting<'a>(cell: ValueRef<'a>, to: &ColumnType) -> Result<ValueRef<'a>> {
    match (to, cell) {
        (ColumnType::Double, ValueRef::Numeric(number)) => match number.to_string().parse() {
            Ok(float) => Ok(ValueRef::Float(float)),
            Err(_) => coerce(cell, to.sql_type()),
        },
        (ColumnType::Integer, ValueRef::Numeric(number)) => {
            match number.digits().filter(|(_, fraction)| *fraction == 0).and_then(|_| number.to_i64()) {
                Some(int) => Ok(ValueRef::Int(int)),
                None => {
                    Err(Error::data(None, "expected a whole number of 64 bits, the database holds another"))
                }
            }
        }
        // Without a zone in the database there is none in Python.
        (ColumnType::TimestampTz, ValueRef::Timestamp(_)) => Ok(cell),
        (ColumnType::Time, ValueRef::TimeTz(_)) => Ok(cell),
        // Lists come as arrays or as JSON.
        (ColumnType::Array(_), ValueRef::Json(_)) | (ColumnType::Json, ValueRef::Array(_)) => Ok(cell),
        _ => coerce(cell, to.sql_type()),
    }
}
