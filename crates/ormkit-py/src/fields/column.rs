//! `mapped_column(...)`.
use super::types::{TypeEngine, length_of, type_of};
use super::{
    CheckConstraint, Computed, DataclassOptions, FetchedValue, ForeignKey, Identity, Notes, Sequence, refuse,
};
use crate::attribute::Attribute;
use crate::expr::{Condition, Expr};
use crate::model::raise::unsupported;
use ormkit_core::query::{CompareOp, Expr as CoreExpr};
use ormkit_core::value::{Numeric, SqlType};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PySet, PyString, PyTuple};
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers declarations, so that they keep their order whether annotated or not.
static SERIAL: AtomicU64 = AtomicU64::new(0);

/// The next declaration's number.
fn next_serial() -> u64 {
    SERIAL.fetch_add(1, Ordering::Relaxed)
}

/// What `mapped_column` returns: options of a column, until its class is mapped. In expressions of the class body it stands for
/// the column.
#[pyclass(frozen, extends = Expr, module = "ormkit")]
pub(crate) struct MappedColumn {
    pub(crate) serial: u64,
    /// The column's name, where it is not the attribute's.
    pub(crate) name: Option<String>,
    pub(crate) column_type: Option<Py<TypeEngine>>,
    pub(crate) foreign_key: Option<Py<ForeignKey>>,
    pub(crate) checks: Vec<Py<CheckConstraint>>,
    pub(crate) primary_key: bool,
    /// None: by the annotation.
    pub(crate) nullable: Option<bool>,
    pub(crate) unique: bool,
    pub(crate) index: bool,
    pub(crate) default: ClientDefault,
    /// What INSERT or the database gives to a row that has no value.
    pub(crate) server_default: Option<ServerValue>,
    /// What UPDATE does with it.
    pub(crate) on_update: Renewal,
    pub(crate) computed: Option<Py<Computed>>,
    pub(crate) identity: Option<Py<Identity>>,
    pub(crate) sequence: Option<Py<Sequence>>,
    pub(crate) max_length: Option<u32>,
    /// None: an integer key alone.
    pub(crate) autoincrement: Option<bool>,
    pub(crate) comment: Option<String>,
    pub(crate) renamed_from: Option<String>,
    pub(crate) deferred: bool,
    pub(crate) deferred_group: Option<String>,
    pub(crate) sort_order: i64,
    pub(crate) dataclass: DataclassOptions,
    pub(crate) notes: Notes,
}

/// An argument that may be None on purpose.
pub(crate) struct Given<'py>(pub(crate) Option<Bound<'py, PyAny>>);

impl<'a, 'py> FromPyObject<'a, 'py> for Given<'py> {
    type Error = std::convert::Infallible;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> Result<Self, Self::Error> {
        Ok(Self(Some(given.to_owned())))
    }
}

/// A value that does not come from the program.
#[derive(Clone)]
pub(crate) enum ServerValue {
    /// DEFAULT of the column: SQL without parameters.
    Default(CoreExpr),
    /// INSERT writes it: SQL without parameters.
    Insert(CoreExpr),
    /// The database fills it by itself.
    Fetched,
}

/// What UPDATE does with a column that was not set.
pub(crate) enum Renewal {
    /// Nothing.
    Keep,
    /// Sets it to this object.
    Value(Py<PyAny>),
    /// Sets it to what this returns, called without arguments.
    Callable(Py<PyAny>),
    /// Sets it to SQL without parameters.
    Sql(CoreExpr),
    /// The database changes it by itself.
    Fetched,
}

/// The value of a new object that was not given one.
pub(crate) enum ClientDefault {
    /// None.
    None,
    /// This object.
    Value(Py<PyAny>),
    /// What this returns, called without arguments.
    Callable(Py<PyAny>),
}

impl ClientDefault {
    /// Another handle on the same.
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::None => Self::None,
            Self::Value(value) => Self::Value(value.clone_ref(py)),
            Self::Callable(callable) => Self::Callable(callable.clone_ref(py)),
        }
    }

    /// The value or the callable.
    pub(crate) fn object(&self) -> Option<&Py<PyAny>> {
        match self {
            Self::None => None,
            Self::Value(object) | Self::Callable(object) => Some(object),
        }
    }
}

impl MappedColumn {
    /// The object of Python's. As an expression it is a parameter until its class is made.
    pub(crate) fn object(self, py: Python<'_>) -> PyResult<Bound<'_, Self>> {
        let column_type = self.column_type.as_ref().map(|given| given.get().column_type.clone());
        let base = Expr::unmade(py, &self.placeholder(), column_type)?;
        Bound::new(py, PyClassInitializer::from(base).add_subclass(self))
    }

    /// The name of the parameter that stands for it.
    pub(crate) fn placeholder(&self) -> String {
        format!("column {} of a class body", self.serial)
    }

    /// A column of an annotation alone.
    pub(crate) fn bare() -> Self {
        Self {
            serial: next_serial(),
            name: None,
            column_type: None,
            foreign_key: None,
            checks: Vec::new(),
            primary_key: false,
            nullable: None,
            unique: false,
            index: false,
            default: ClientDefault::None,
            server_default: None,
            on_update: Renewal::Keep,
            computed: None,
            identity: None,
            sequence: None,
            max_length: None,
            autoincrement: None,
            comment: None,
            renamed_from: None,
            deferred: false,
            deferred_group: None,
            sort_order: 0,
            dataclass: DataclassOptions::default(),
            notes: Notes::default(),
        }
    }
}

/// `id == links.c.user_id` in a class body: a column of the class that is not made yet, and one of a table.
#[pyclass(frozen, extends = Condition, module = "ormkit._ormkit")]
pub(crate) struct JoinCondition {
    /// The declaration.
    pub(crate) column: Py<MappedColumn>,
    /// Its attribute's name, once the body is read.
    pub(crate) own: String,
    pub(crate) other: Py<PyAny>,
}

impl JoinCondition {
    /// The same with the name of its column.
    pub(crate) fn named(&self, py: Python<'_>, own: String) -> PyResult<Py<PyAny>> {
        let other = self.other.bind(py);
        Ok(Self::of(self.column.bind(py), own, other.cast()?)?.into_any().unbind())
    }

    /// A declaration beside an attribute.
    fn of<'py>(
        column: &Bound<'py, MappedColumn>,
        own: String,
        other: &Bound<'py, Attribute>,
    ) -> PyResult<Bound<'py, Self>> {
        let (left, right) = (column.as_super().get().core()?.clone(), other.as_super().get().core()?.clone());
        let base = PyClassInitializer::from(Expr::new(CoreExpr::compare(left, CompareOp::Eq, right)));
        let this = Self { column: column.clone().unbind(), own, other: other.clone().into_any().unbind() };
        Bound::new(column.py(), base.add_subclass(Condition).add_subclass(this))
    }
}

/// A comparison of a declaration and an attribute of another table, in either order; None for anything else.
pub(crate) fn join_condition<'py>(
    one: &Bound<'py, PyAny>,
    other: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, Condition>>> {
    let (column, attribute) = match (one.cast::<MappedColumn>(), other.cast::<MappedColumn>()) {
        (Ok(column), _) => (column, other),
        (_, Ok(column)) => (column, one),
        _ => return Ok(None),
    };
    match attribute.cast::<Attribute>() {
        Ok(attribute) if attribute.as_super().get().relation().is_none() => {
            JoinCondition::of(column, String::new(), attribute).map(|made| Some(made.into_super()))
        }
        _ => Ok(None),
    }
}

/// Declare a column.
///
/// Args:
///     args: The column's name, its type, a `ForeignKey`, a `CheckConstraint`: any of them, the name first.
///     primary_key: Part of the primary key.
///     nullable: NULL is allowed; by default as the annotation says.
///     unique: A UNIQUE constraint of its own.
///     index: An index of its own.
///     default: The value of a new object that was not given one, or a callable without arguments that makes it.
///     default_factory: The same, always called.
///     server_default: The value that the database gives: text, a number, a bool, or an SQL expression such as
///         `func.now()` or `text("1 + 1")`.
///     onupdate: The value that UPDATE gives to a row whose attribute was not set: a value, a callable without
///         arguments, or an SQL expression, which is read back.
///     server_onupdate: `FetchedValue()`: a trigger changes it on UPDATE, and it is read back.
///     max_length: The same as `String(max_length)`.
///     autoincrement: The database numbers new rows; by default those of an integer key alone.
///     name: The column's name, where it is not the attribute's.
///     comment: A comment on the column.
///     renamed_from: The column's name so far: migrations rename the column of a database that has it and not the new one.
///     deferred: Left out of queries unless asked for.
///     init, repr, compare, kw_only: As in `dataclasses.field`, for classes with `MappedAsDataclass`.
///     deferred_group: The same, with a name under which `undefer_group` asks for several columns.
///     sort_order: Columns are sorted by it, then by their declaration.
///     type_: The type, as `args` may hold it.
///     info, doc: A dict and a text for those who read `__columns__`.
///     use_existing_column: Accepted: classes of a family may declare one column of their table in any case.
///
/// Raises:
///     NotSupportedError: An option that is not implemented, by name.
#[pyfunction]
#[pyo3(signature = (*args, primary_key = false, nullable = None, unique = false, index = false, default = Given(None),
    default_factory = None, insert_default = None, server_default = None, onupdate = None, server_onupdate = None,
    max_length = None, autoincrement = None, name = None, comment = None, deferred = false, deferred_group = None,
    sort_order = 0, renamed_from = None,
    type_ = None, info = None, doc = None, key = None, use_existing_column = false, active_history = false,
    deferred_raiseload = None, init = None, repr = None, compare = None, kw_only = None))]
#[allow(clippy::too_many_arguments, reason = "the options of a column")]
pub(crate) fn mapped_column<'py>(
    args: &Bound<'py, PyTuple>,
    primary_key: bool,
    nullable: Option<bool>,
    unique: bool,
    index: bool,
    default: Given<'_>,
    default_factory: Option<Bound<'_, PyAny>>,
    insert_default: Option<Bound<'_, PyAny>>,
    server_default: Option<Bound<'_, PyAny>>,
    onupdate: Option<Bound<'_, PyAny>>,
    server_onupdate: Option<Bound<'_, PyAny>>,
    max_length: Option<i64>,
    autoincrement: Option<Bound<'_, PyAny>>,
    name: Option<String>,
    comment: Option<String>,
    deferred: bool,
    deferred_group: Option<String>,
    sort_order: i64,
    renamed_from: Option<String>,
    type_: Option<Bound<'_, PyAny>>,
    info: Option<Bound<'_, PyAny>>,
    doc: Option<String>,
    key: Option<String>,
    #[expect(unused_variables, reason = "classes of a family may share a column anyway")] use_existing_column: bool,
    active_history: bool,
    deferred_raiseload: Option<bool>,
    init: Option<bool>,
    repr: Option<bool>,
    compare: Option<bool>,
    kw_only: Option<bool>,
) -> PyResult<Bound<'py, MappedColumn>> {
    let own_name = "the attribute's name for it, and the column's name as the first argument";
    refuse("mapped_column", "key", key.is_some(), own_name)?;
    let history = "nothing: the value before a change is kept (inspect(obj).attrs)";
    refuse("mapped_column", "active_history", active_history, history)?;
    let raises = "nothing: what is not loaded raises, await session.load(obj, ..) reads it";
    refuse("mapped_column", "deferred_raiseload", deferred_raiseload == Some(false), raises)?;
    let dataclass = DataclassOptions {
        init,
        repr,
        compare,
        kw_only,
        value: default.0.clone().filter(|given| !given.is_instance_of::<Expr>()).map(Bound::unbind),
        factory: default_factory.clone().map(Bound::unbind),
    };
    // None beside an insert_default is the default of a dataclass's constructor
    let default = default.0.filter(|given| !given.is_none());
    let (default, inserted) = client_default(default, default_factory, insert_default)?;
    let server_default = server_default.as_ref().map(server_value).transpose()?;
    let mut column = MappedColumn {
        name,
        primary_key,
        nullable,
        unique,
        index,
        default,
        server_default: server_default.or(inserted.map(ServerValue::Insert)),
        on_update: renewal(onupdate, server_onupdate)?,
        max_length: max_length.map(|length| length_of("mapped_column(max_length=..)", length)).transpose()?,
        autoincrement: autoincrement.map(|given| numbering(&given)).transpose()?.flatten(),
        comment,
        renamed_from,
        deferred: deferred || deferred_group.is_some(),
        deferred_group,
        sort_order,
        dataclass,
        notes: Notes::new("mapped_column", info, doc)?,
        ..MappedColumn::bare()
    };
    if let Some(given) = type_ {
        let found = type_of(&given)?.ok_or_else(|| {
            PyTypeError::new_err("mapped_column(type_=..) takes a column type, such as String(50)")
        })?;
        column.column_type = Some(found.unbind());
    }
    for (at, argument) in args.iter().enumerate() {
        take_argument(&mut column, at, &argument)?;
    }
    column.object(args.py())
}

fn take_argument(column: &mut MappedColumn, at: usize, argument: &Bound<'_, PyAny>) -> PyResult<()> {
    if let (0, Ok(name)) = (at, argument.cast::<PyString>()) {
        column.name = Some(name.to_str()?.to_owned());
    } else if let Ok(key) = argument.cast::<ForeignKey>() {
        column.foreign_key = Some(key.clone().unbind());
    } else if let Ok(check) = argument.cast::<CheckConstraint>() {
        column.checks.push(check.clone().unbind());
    } else if let Ok(computed) = argument.cast::<Computed>() {
        column.computed = Some(computed.clone().unbind());
    } else if let Ok(identity) = argument.cast::<Identity>() {
        column.identity = Some(identity.clone().unbind());
    } else if let Ok(sequence) = argument.cast::<Sequence>() {
        column.sequence = Some(sequence.clone().unbind());
    } else if let Some(column_type) = type_of(argument)? {
        column.column_type = Some(column_type.unbind());
    } else if !argument.is_none() {
        return Err(PyTypeError::new_err(format!(
            "mapped_column() takes a name, a column type, ForeignKey, CheckConstraint, Computed, Identity or Sequence, not {}",
            argument.repr()?
        )));
    }
    Ok(())
}

/// The default of new objects, or an SQL expression that INSERT writes.
fn client_default(
    default: Option<Bound<'_, PyAny>>,
    factory: Option<Bound<'_, PyAny>>,
    insert: Option<Bound<'_, PyAny>>,
) -> PyResult<(ClientDefault, Option<CoreExpr>)> {
    match (default, factory, insert) {
        (None, None, None) => Ok((ClientDefault::None, None)),
        (Some(given), None, None) | (None, None, Some(given)) => match given.cast::<Expr>() {
            Ok(expr) if matches!(expr.get().core()?, CoreExpr::Scalar(_)) => Err(unsupported(
                "mapped_column(default=select(..).scalar_subquery())",
                "set it where the object is made: Model(n=select(..).scalar_subquery())",
            )),
            Ok(expr) => Ok((ClientDefault::None, Some(expr.get().core()?.clone()))),
            Err(_) => Ok((default_of(given)?, None)),
        },
        (None, Some(factory), None) if factory.is_callable() => {
            Ok((ClientDefault::Callable(factory.unbind()), None))
        }
        (None, Some(_), None) => {
            Err(PyTypeError::new_err("mapped_column(default_factory=..) must be callable"))
        }
        _ => Err(PyTypeError::new_err(
            "mapped_column() takes one of default, default_factory and insert_default",
        )),
    }
}

fn server_value(given: &Bound<'_, PyAny>) -> PyResult<ServerValue> {
    match given.is_instance_of::<FetchedValue>() {
        true => Ok(ServerValue::Fetched),
        false => sql_of(given).map(ServerValue::Default),
    }
}

fn renewal(given: Option<Bound<'_, PyAny>>, server: Option<Bound<'_, PyAny>>) -> PyResult<Renewal> {
    match (given, server) {
        (None, None) => Ok(Renewal::Keep),
        (Some(_), Some(_)) => {
            Err(PyTypeError::new_err("mapped_column() takes one of onupdate and server_onupdate"))
        }
        (None, Some(server)) if server.is_instance_of::<FetchedValue>() => Ok(Renewal::Fetched),
        (None, Some(_)) => Err(PyTypeError::new_err(
            "mapped_column(server_onupdate=..) takes FetchedValue(): a trigger of the database makes the value",
        )),
        (Some(given), None) => match given.cast::<Expr>() {
            Ok(expr) => Ok(Renewal::Sql(expr.get().core()?.clone())),
            Err(_) if given.is_callable() => Ok(Renewal::Callable(given.unbind())),
            Err(_) => Ok(Renewal::Value(given.unbind())),
        },
    }
}

fn default_of(given: Bound<'_, PyAny>) -> PyResult<ClientDefault> {
    let py = given.py();
    if given.is_callable() {
        return Ok(ClientDefault::Callable(given.unbind()));
    }
    let shared = given.is_instance_of::<PyDict>()
        || given.is_instance_of::<PyList>()
        || given.is_instance_of::<PySet>();
    if shared {
        // one object for all would be changed by all
        let copy = py.import("copy")?.getattr("deepcopy")?;
        let maker = py.import("functools")?.getattr("partial")?.call1((copy, given))?;
        return Ok(ClientDefault::Callable(maker.unbind()));
    }
    Ok(ClientDefault::Value(given.unbind()))
}

/// Text and numbers are literals; an expression is checked when its class is known.
fn sql_of(given: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    if let Ok(expr) = given.cast::<Expr>() {
        return expr.get().core().cloned();
    }
    if let Ok(text) = given.cast::<PyString>() {
        return Ok(CoreExpr::value(text.to_str()?, SqlType::Text));
    }
    if let Ok(given) = given.cast::<PyBool>() {
        return Ok(CoreExpr::Bool(given.is_true()));
    }
    // int, float and Decimal, as far as they are finite
    let text = given.str()?;
    let text = text.to_str()?;
    let numeric = |mark: char| mark.is_ascii_digit() || matches!(mark, '+' | '-' | '.' | 'e' | 'E');
    let is_number = given.hasattr("as_integer_ratio")? && text.contains(|mark: char| mark.is_ascii_digit());
    if is_number
        && text.chars().all(numeric)
        && let Ok(number) = Numeric::parse(text)
    {
        return Ok(CoreExpr::value(number, SqlType::Numeric));
    }
    Err(PyTypeError::new_err(format!(
        "mapped_column(server_default=..) takes text, a number, a bool or an SQL expression such as func.now(), not a \
         value of type {}",
        given.get_type().name()?
    )))
}

fn numbering(given: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    match given.extract::<bool>() {
        Ok(given) => Ok(Some(given)),
        Err(_) if given.extract::<&str>().is_ok_and(|word| word == "auto") => Ok(None),
        Err(_) => Err(PyTypeError::new_err("mapped_column(autoincrement=..) is True, False or \"auto\"")),
    }
}
