//! `TypeDecorator`: a column type whose values a class of the user's makes.
use super::types::{TypeEngine, type_of};
use crate::convert::{Conversion, Decorator, User, type_name};
use crate::model::raise::unsupported;
use ormkit_core::model::ColumnType;
use ormkit_core::sql::DialectName;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use std::sync::Arc;

/// The methods of SQLAlchemy's class that nothing here would call, with what to write instead.
const UNCALLED: [(&str, &str); 14] = [
    ("load_dialect_impl", "`impl` is the type on every database, which knows the differences itself"),
    ("process_literal_param", "values are bound, never written into the text"),
    ("coerce_compared_value", "values beside the column go through process_bind_param"),
    ("compare_values", "values are compared by =="),
    ("bind_expression", "write the SQL function into the statement"),
    ("column_expression", "write the SQL function into the statement"),
    ("bind_processor", "process_bind_param does it"),
    ("result_processor", "process_result_value does it"),
    ("literal_processor", "values are bound, never written into the text"),
    ("type_engine", "`impl` is the type on every database"),
    ("with_variant", "`impl` is the type on every database"),
    ("copy_value", "documents of JSON are compared with what was loaded"),
    ("sort_key_function", "rows are written in the order of their dependencies"),
    ("comparator_factory", "expressions have the operators of `impl`"),
];

/// A column type of your own: the database has `impl`, the program other values.
///
/// A subclass names `impl`, a column type (as a class, which then takes the arguments of the subclass, or an instance), and
/// has `process_bind_param(self, value, dialect)`, which makes the value that `impl` takes, `process_result_value(self, value,
/// dialect)`, which makes the program's value of the one that `impl` reads, or both. None comes to both of them.
/// `dialect.name` is "postgresql" or "sqlite". `cache_ok` is understood and changes nothing.
///
/// It applies wherever the column's values cross: objects, keys, conditions, `in_`, what a column is set to, results. What a
/// method raises is the cause of a `DataError` that names `Model.attr`. A value that is changed in place is noticed over
/// `JSON` and `ARRAY`; over other types assign a new one.
///
/// Raises:
///     NotSupportedError: The class has a method of SQLAlchemy's that nothing would call; the error says what to write.
#[pyclass(subclass, frozen, module = "ormkit.types")]
pub(crate) struct TypeDecorator {
    /// Made by the constructor, or of `impl` alone when it is first needed.
    below: PyOnceLock<Py<TypeEngine>>,
}

#[pymethods]
impl TypeDecorator {
    #[new]
    #[pyo3(signature = (*_args, **_options))]
    fn new(_args: &Bound<'_, PyTuple>, _options: Option<&Bound<'_, PyDict>>) -> Self {
        Self { below: PyOnceLock::new() }
    }

    /// The arguments are those of `impl`, where that is a class.
    #[pyo3(signature = (*args, **options))]
    fn __init__(
        slf: &Bound<'_, Self>,
        args: &Bound<'_, PyTuple>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let below = below(slf, args, options)?;
        let _ = slf.get().below.set(slf.py(), below);
        Ok(())
    }

    #[classmethod]
    #[pyo3(signature = (**_options))]
    fn __init_subclass__(class: &Bound<'_, PyType>, _options: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let py = class.py();
        let name = class.name()?;
        for (method, instead) in UNCALLED {
            if class.hasattr(method)? {
                return Err(unsupported(format!("{name}.{method}()"), instead));
            }
        }
        for method in ["process_bind_param", "process_result_value"] {
            let Some(method) = class.getattr_opt(method)? else { continue };
            if py.import("inspect")?.call_method1("iscoroutinefunction", (&method,))?.is_truthy()? {
                return Err(PyTypeError::new_err(format!(
                    "{name}.{} must not be async: it runs while values are converted",
                    method.getattr("__name__")?
                )));
            }
        }
        Ok(())
    }

    /// The type that the database has.
    #[getter]
    fn impl_instance(slf: &Bound<'_, Self>) -> PyResult<Py<TypeEngine>> {
        let py = slf.py();
        let none = PyTuple::empty(py);
        let below = slf.get().below.get_or_try_init(py, || below(slf, &none, None))?;
        Ok(below.clone_ref(py))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        Ok(format!("{}()", slf.get_type().name()?))
    }
}

fn below(
    decorator: &Bound<'_, TypeDecorator>,
    args: &Bound<'_, PyTuple>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<TypeEngine>> {
    let name = decorator.get_type().name()?;
    let given = decorator.get_type().getattr_opt("impl")?;
    let given = given
        .ok_or_else(|| PyTypeError::new_err(format!("{name} needs an `impl`: the column type below it")))?;
    let has_arguments = !args.is_empty() || options.is_some_and(|options| !options.is_empty());
    let made = match given.is_instance_of::<PyType>() {
        true => given.call(args, options)?,
        false if has_arguments => {
            return Err(PyTypeError::new_err(format!(
                "{name}() takes no arguments: its impl is an instance, which has them"
            )));
        }
        false => given.clone(),
    };
    match type_of(&made)? {
        Some(engine) => Ok(engine.unbind()),
        None => Err(PyTypeError::new_err(format!(
            "{name}.impl is a column type such as String(50), not a value of type {}",
            type_name(&made)
        ))),
    }
}

/// The column type of a decorator, or of a subclass of it; None for anything else.
pub(super) fn decorated<'py>(given: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, TypeEngine>>> {
    let py = given.py();
    let decorator = match given.cast::<TypeDecorator>() {
        Ok(decorator) => decorator.clone(),
        Err(_) => match given.cast::<PyType>() {
            Ok(class) if class.is_subclass_of::<TypeDecorator>()? => class.call0()?.cast_into()?,
            _ => return Ok(None),
        },
    };
    let below = TypeDecorator::impl_instance(&decorator)?;
    let below = below.get();
    let methods = ["process_bind_param", "process_result_value"];
    let mut has = [false; 2];
    for (has, method) in has.iter_mut().zip(methods) {
        *has = decorator.hasattr(method)?;
    }
    let is_json = below.column_type == ColumnType::Json;
    let user = Decorator::new(decorator.into_any().unbind(), has, is_json, below.conversion.clone());
    let conversion = Conversion { user: Some(Arc::new(User::Decorator(user))), ..Conversion::default() };
    let engine =
        TypeEngine { column_type: below.column_type.clone(), conversion: Some(Arc::new(conversion)) };
    Bound::new(py, engine).map(Some)
}

/// The database, as the methods of a `TypeDecorator` see it.
#[pyclass(frozen, name = "Dialect", module = "ormkit.types")]
pub(crate) struct DialectObject {
    name: DialectName,
}

impl DialectObject {
    /// That of a database: one object for all.
    pub(crate) fn of(py: Python<'_>, name: DialectName) -> PyResult<Bound<'_, Self>> {
        static POSTGRES: PyOnceLock<Py<DialectObject>> = PyOnceLock::new();
        static SQLITE: PyOnceLock<Py<DialectObject>> = PyOnceLock::new();
        let known = match name {
            DialectName::Postgres => &POSTGRES,
            DialectName::Sqlite => &SQLITE,
        };
        Ok(known.get_or_try_init(py, || Py::new(py, Self { name }))?.bind(py).clone())
    }
}

#[pymethods]
impl DialectObject {
    /// "postgresql" or "sqlite".
    #[getter]
    fn name(&self) -> &'static str {
        self.name.as_str()
    }

    fn __repr__(&self) -> String {
        format!("<Dialect {}>", self.name.as_str())
    }
}
