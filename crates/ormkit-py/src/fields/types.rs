//! Column types as a class body names them: `String(100)`, `Numeric(10, 2)`, `Enum(Colour)`, or the class itself.
use super::decorator::decorated;
use crate::convert::{Beyond, Conversion};
use crate::model::unsupported;
use ormkit_core::model::{ColumnType, NativeType};
use ormkit_core::sql::{Dialect, type_name};
use pyo3::PyClass;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};
use std::sync::Arc;

/// What every column type derives from.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(subclass, frozen, module = "ormkit.types")]
pub(crate) struct TypeEngine {
    /// The type as the core knows it.
    pub(crate) column_type: ColumnType,
    /// How its values are converted, beside what the type says.
    pub(crate) conversion: Option<Arc<Conversion>>,
}

/// The members of a Python enum and their labels in the database.
pub(crate) struct Members {
    /// The enum class.
    pub(crate) class: Py<PyType>,
    /// Label → member.
    pub(crate) by_label: Py<PyDict>,
    /// Stores names, not values.
    pub(crate) by_name: bool,
}

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl TypeEngine {
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let name = slf.get_type().name()?;
        Ok(match &slf.get().column_type {
            ColumnType::VarChar(length) => format!("{name}({length})"),
            ColumnType::Numeric(Some((precision, scale))) => format!("{name}({precision}, {scale})"),
            ColumnType::Enum(labels) => format!("{name}({})", labels.name),
            ColumnType::Array(element) => {
                format!("{name}({})", type_name(element, &Dialect::POSTGRES))
            }
            ColumnType::Native(NativeType::Bit(size) | NativeType::VarBit(Some(size)))
            | ColumnType::Native(NativeType::Vector(Some(size))) => format!("{name}({size})"),
            _ => format!("{name}()"),
        })
    }
}

/// A type object of a subclass.
pub(super) fn derived<T: PyClass<BaseType = TypeEngine>>(
    engine: TypeEngine,
    own: T,
) -> PyClassInitializer<T> {
    PyClassInitializer::from(engine).add_subclass(own)
}

pub(super) fn plain(column_type: ColumnType) -> TypeEngine {
    TypeEngine { column_type, conversion: None }
}

/// A column type without arguments.
macro_rules! plain_type {
    ($name:ident, $type:expr, $doc:literal) => {
        #[doc = $doc]
        #[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
        #[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types")]
        pub(crate) struct $name;

        #[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
        #[pymethods]
        impl $name {
            #[new]
            fn new() -> PyClassInitializer<Self> {
                derived(plain($type), Self)
            }
        }
    };
}
pub(super) use plain_type;

plain_type!(Integer, ColumnType::Integer, "INTEGER, 32 bits.");
plain_type!(BigInteger, ColumnType::BigInt, "BIGINT, 64 bits.");
plain_type!(SmallInteger, ColumnType::SmallInt, "SMALLINT, 16 bits.");
plain_type!(Double, ColumnType::Double, "DOUBLE PRECISION.");

/// Refuses an option of SQLAlchemy's whose usual value changes nothing.
fn usual(type_name: &str, option: &str, is_usual: bool, instead: &str) -> PyResult<()> {
    match is_usual {
        true => Ok(()),
        false => Err(unsupported(format!("{type_name}({option}=..) of this value"), instead)),
    }
}

/// TEXT; a length changes nothing.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types")]
pub(crate) struct Text;

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Text {
    #[new]
    #[pyo3(signature = (length = None))]
    fn new(length: Option<i64>) -> PyResult<PyClassInitializer<Self>> {
        length.map(|length| length_of("Text()", length)).transpose()?;
        Ok(derived(plain(ColumnType::Text), Self))
    }
}

/// BYTEA, BLOB; a length changes nothing.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types")]
pub(crate) struct LargeBinary;

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl LargeBinary {
    #[new]
    #[pyo3(signature = (length = None))]
    fn new(length: Option<u64>) -> PyClassInitializer<Self> {
        let _ = length;
        derived(plain(ColumnType::Bytes), Self)
    }
}

/// DOUBLE PRECISION, whatever the precision.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types")]
pub(crate) struct Float;

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Float {
    #[new]
    #[pyo3(signature = (precision = None, *, asdecimal = false))]
    fn new(precision: Option<u32>, asdecimal: bool) -> PyResult<PyClassInitializer<Self>> {
        let _ = precision;
        usual("Float", "asdecimal", !asdecimal, "use Numeric")?;
        Ok(derived(plain(ColumnType::Double), Self))
    }
}

/// BOOLEAN. A constraint is not needed: SQLite's has one.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types")]
pub(crate) struct Boolean;

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Boolean {
    #[new]
    #[pyo3(signature = (*, create_constraint = false, name = None))]
    fn new(create_constraint: bool, name: Option<&str>) -> PyClassInitializer<Self> {
        let _ = (create_constraint, name);
        derived(plain(ColumnType::Bool), Self)
    }
}

/// UUID; 16 bytes on SQLite. Values are `uuid.UUID`.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types")]
pub(crate) struct Uuid;

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Uuid {
    #[new]
    #[pyo3(signature = (as_uuid = true, *, native_uuid = true))]
    fn new(as_uuid: bool, native_uuid: bool) -> PyResult<PyClassInitializer<Self>> {
        usual("Uuid", "as_uuid", as_uuid, "values are uuid.UUID: str(value) is their text")?;
        usual("Uuid", "native_uuid", native_uuid, "a text is String(36)")?;
        Ok(derived(plain(ColumnType::Uuid), Self))
    }
}

/// VARCHAR(length), length in characters; TEXT without one.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types", name = "String")]
pub(crate) struct StringType;

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl StringType {
    #[new]
    #[pyo3(signature = (length = None))]
    fn new(length: Option<i64>) -> PyResult<PyClassInitializer<Self>> {
        let length = length.map(|length| length_of("String()", length)).transpose()?;
        Ok(derived(plain(length.map_or(ColumnType::Text, ColumnType::VarChar)), Self))
    }
}

/// The length of a text column, in characters.
///
/// # Errors
/// `ValueError` for what PostgreSQL refuses as one.
pub(super) fn length_of(what: &str, length: i64) -> PyResult<u32> {
    match u32::try_from(length) {
        Ok(length @ 1..=MAX_LENGTH) => Ok(length),
        _ => {
            Err(PyValueError::new_err(format!("{what} takes a length from 1 to {MAX_LENGTH}, not {length}")))
        }
    }
}

/// The largest length of VARCHAR, in characters.
const MAX_LENGTH: u32 = 10_485_760;

/// NUMERIC(precision, scale), exact; of any size without them.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types")]
pub(crate) struct Numeric;

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Numeric {
    #[new]
    #[pyo3(signature = (precision = None, scale = None, *, asdecimal = true))]
    fn new(
        precision: Option<i64>,
        scale: Option<i64>,
        asdecimal: bool,
    ) -> PyResult<PyClassInitializer<Self>> {
        usual("Numeric", "asdecimal", asdecimal, "values are decimal.Decimal; use Float for floats")?;
        let digits = |count: i64| {
            u32::try_from(count).map_err(|_| PyValueError::new_err(format!("Numeric() of {count} digits")))
        };
        let (precision, scale) = (precision.map(digits).transpose()?, scale.map(digits).transpose()?);
        let size = match (precision, scale) {
            (Some(precision), scale) => Some((precision, scale.unwrap_or(0))),
            (None, None) => None,
            (None, Some(_)) => {
                return Err(PyValueError::new_err("Numeric() needs a precision beside its scale"));
            }
        };
        if size.is_some_and(|(precision, scale)| precision == 0 || scale > precision) {
            return Err(PyValueError::new_err(
                "Numeric() needs a precision of 1 or more, and no scale above it",
            ));
        }
        Ok(derived(plain(ColumnType::Numeric(size)), Self))
    }
}

/// What a type makes of values that Python cannot hold, by its public word.
fn beyond(option: &str, given: &str, words: &[(&str, Beyond)]) -> PyResult<Option<Arc<Conversion>>> {
    match words.iter().find(|(word, _)| *word == given) {
        Some((_, Beyond::Refused)) => Ok(None),
        Some((_, beyond)) => Ok(Some(Arc::new(Conversion { beyond: *beyond, ..Conversion::default() }))),
        None => {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            Err(PyValueError::new_err(format!("{option} is one of {}, not {given:?}", words.join(", "))))
        }
    }
}

/// What `infinity=` says.
const INFINITY: [(&str, Beyond); 3] =
    [("error", Beyond::Refused), ("clamp", Beyond::Clamped), ("sentinel", Beyond::Sentinel)];

/// DATE. `infinity` says what PostgreSQL's infinite days are: "error" a `DataError`; "clamp" `date.max` and `date.min` when they
/// are read; "sentinel" the same both ways, so that `date.max` is written as `infinity`.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types")]
pub(crate) struct Date;

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Date {
    #[new]
    #[pyo3(signature = (*, infinity = "error"))]
    fn new(infinity: &str) -> PyResult<PyClassInitializer<Self>> {
        let conversion = beyond("Date(infinity=..)", infinity, &INFINITY)?;
        Ok(derived(TypeEngine { column_type: ColumnType::Date, conversion }, Self))
    }
}

/// INTERVAL; microseconds on SQLite. `months` says what the months of PostgreSQL's spans are, which a timedelta does not have:
/// "error" a `DataError`, "days" 30 days each, as PostgreSQL compares spans.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types")]
pub(crate) struct Interval;

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Interval {
    #[new]
    #[pyo3(signature = (*, months = "error"))]
    fn new(months: &str) -> PyResult<PyClassInitializer<Self>> {
        let words = [("error", Beyond::Refused), ("days", Beyond::MonthsAsDays)];
        let conversion = beyond("Interval(months=..)", months, &words)?;
        Ok(derived(TypeEngine { column_type: ColumnType::Interval, conversion }, Self))
    }
}

/// TIMESTAMP WITH TIME ZONE; with `timezone=False` one without. `infinity` says what PostgreSQL's infinite times are, as that of
/// `Date`.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types")]
pub(crate) struct DateTime;

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl DateTime {
    #[new]
    #[pyo3(signature = (timezone = true, *, infinity = "error"))]
    fn new(timezone: bool, infinity: &str) -> PyResult<PyClassInitializer<Self>> {
        let column_type = if timezone { ColumnType::TimestampTz } else { ColumnType::Timestamp };
        let conversion = beyond("DateTime(infinity=..)", infinity, &INFINITY)?;
        Ok(derived(TypeEngine { column_type, conversion }, Self))
    }
}

/// TIME without time zone; with `timezone=True` one with an offset from UTC, which PostgreSQL alone has.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types")]
pub(crate) struct Time;

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Time {
    #[new]
    #[pyo3(signature = (timezone = false))]
    fn new(timezone: bool) -> PyClassInitializer<Self> {
        derived(plain(if timezone { ColumnType::TimeTz } else { ColumnType::Time }), Self)
    }
}

/// JSONB; text on SQLite.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types", name = "JSON")]
pub(crate) struct Json;

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Json {
    #[new]
    #[pyo3(signature = (*, none_as_null = true, astext_type = None))]
    fn new(none_as_null: bool, astext_type: Option<&Bound<'_, PyAny>>) -> PyResult<PyClassInitializer<Self>> {
        let _ = astext_type;
        usual("JSON", "none_as_null", none_as_null, "None is NULL, JSON.NULL is null of JSON")?;
        Ok(derived(plain(ColumnType::Json), Self))
    }
}

/// A type given as a class or an instance; None for anything else.
pub(crate) fn type_of<'py>(given: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, TypeEngine>>> {
    if let Ok(instance) = given.cast::<TypeEngine>() {
        return Ok(Some(instance.clone()));
    }
    match given.cast::<PyType>() {
        Ok(class) if class.is_subclass_of::<TypeEngine>()? => Ok(Some(class.call0()?.cast_into()?)),
        _ => decorated(given),
    }
}
