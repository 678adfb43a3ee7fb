//! `MappedAsDataclass`: constructor, comparisons and repr of a mapped class, as `dataclasses` makes them.
use super::plan::Plan;
use crate::fields::{ClientDefault, DataclassOptions};
use crate::instance;
use crate::model::raise::{to_python, unsupported};
use ormkit_core::error::{Error, ErrorKind, near_matches};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};
use std::cell::RefCell;

/// A field of the dataclass.
pub(super) struct DataclassField {
    pub(super) name: String,
    pub(super) options: DataclassOptions,
    /// INSERT or the database has a value where the attribute is None.
    pub(super) has_insert_default: bool,
    /// A column, not a relation.
    pub(super) is_column: bool,
    /// Written by the database alone.
    pub(super) is_generated: bool,
    /// Declared by the class itself, not by an ancestor.
    pub(super) own: bool,
}

impl DataclassField {
    /// True for a parameter of the constructor: what the database alone writes is none unless that is said.
    fn is_parameter(&self) -> bool {
        self.options.init.unwrap_or(!self.is_generated)
    }
}

/// The options of the class; None where it is no dataclass.
fn options_of<'py>(class: &Bound<'py, PyType>) -> PyResult<Option<Bound<'py, PyDict>>> {
    match class.getattr_opt("__ormkit_dataclass__")? {
        Some(options) => Ok(Some(options.cast_into()?)),
        None => Ok(None),
    }
}

fn flag(options: &Bound<'_, PyDict>, name: &str, otherwise: bool) -> PyResult<bool> {
    options.get_item(name)?.map_or(Ok(otherwise), |given| given.is_truthy())
}

/// Gives a class what the options ask for, where its body does not have it.
///
/// # Errors
/// Dataclass options of a column of another class, by name; what `dataclasses` finds wrong.
pub(super) fn apply(plan: &Plan, class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    let Some(options) = options_of(class)? else {
        let foreign = |field: &DataclassField| match field.is_column {
            true => Some(("mapped_column", field.options.foreign()?)),
            false => {
                let default = field.options.has_default().then_some("default");
                Some(("relationship", field.options.foreign().or(default)?))
            }
        };
        return match plan.dataclass.iter().find_map(foreign) {
            None => Ok(()),
            Some((function, option)) => Err(unsupported(
                format!("{function}({option}=..) of {}", plan.def.name),
                "it belongs to MappedAsDataclass: derive the class from it",
            )),
        };
    };
    let (inherited, own): (Vec<_>, Vec<_>) = plan.dataclass.iter().partition(|field| !field.own);
    let fields: Vec<&DataclassField> = inherited.into_iter().chain(own).collect();
    let class_kw_only = flag(&options, "kw_only", false)?;
    let mut parameters = Vec::new();
    let mut had_default = false;
    for field in fields.iter().filter(|field| field.is_parameter()) {
        let has_default = field.options.has_default();
        // what stands behind a default and has none is given by keyword
        let kw_only = field.options.kw_only.unwrap_or(class_kw_only) || (had_default && !has_default);
        had_default |= has_default && !kw_only;
        parameters.push(Parameter {
            name: PyString::intern(py, &field.name).unbind(),
            text: field.name.clone(),
            kw_only,
            default: field.options.initial(py),
            leaves_none: field.has_insert_default,
        });
    }
    let body = class.getattr("__dict__")?;
    let shape = shape(class, &fields, &parameters, &options)?;
    let take = |name: &str| -> PyResult<()> {
        match body.contains(name)? {
            true => Ok(()),
            false => class.setattr(name, shape.getattr(name)?),
        }
    };
    if flag(&options, "init", true)? && !body.contains("__init__")? {
        let post_init = class.hasattr("__post_init__")?;
        let owner = plan.def.name.clone();
        class.setattr("__signature__", py.import("inspect")?.call_method1("signature", (&shape,))?)?;
        class.setattr("__init__", Bound::new(py, DataclassInit { owner, parameters, post_init })?)?;
    }
    if flag(&options, "repr", true)? && !body.contains("__repr__")? {
        let shown = fields.iter().filter(|field| field.options.repr != Some(false));
        let names = shown.map(|field| field.name.clone()).collect();
        class.setattr("__repr__", Bound::new(py, DataclassRepr { names })?)?;
    }
    if flag(&options, "eq", true)? {
        take("__eq__")?;
    }
    if flag(&options, "eq", true)? || flag(&options, "unsafe_hash", false)? {
        take("__hash__")?;
    }
    if flag(&options, "order", false)? {
        ["__lt__", "__le__", "__gt__", "__ge__"].into_iter().try_for_each(take)?;
    }
    if flag(&options, "match_args", true)? {
        take("__match_args__")?;
    }
    class.setattr("__dataclass_fields__", shape.getattr("__dataclass_fields__")?)?;
    class.setattr("__dataclass_params__", shape.getattr("__dataclass_params__")?)
}

/// A plain dataclass with the same fields: what it can do is taken over.
fn shape<'py>(
    class: &Bound<'py, PyType>,
    fields: &[&DataclassField],
    parameters: &[Parameter],
    options: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let dataclasses = py.import("dataclasses")?;
    let described = PyList::empty(py);
    for field in fields {
        let keywords = PyDict::new(py);
        keywords.set_item("init", field.is_parameter())?;
        keywords.set_item("repr", field.options.repr != Some(false))?;
        if let Some(compare) = field.options.compare {
            keywords.set_item("compare", compare)?;
        }
        let parameter = parameters.iter().find(|parameter| parameter.text == field.name);
        if py.version_info() >= (3, 10) {
            keywords.set_item("kw_only", parameter.is_some_and(|parameter| parameter.kw_only))?;
        }
        match field.options.initial(py) {
            ClientDefault::None => {}
            ClientDefault::Value(value) => keywords.set_item("default", value)?,
            ClientDefault::Callable(factory) => keywords.set_item("default_factory", factory)?,
        }
        let made = dataclasses.call_method("field", (), Some(&keywords))?;
        described.append((&field.name, py.None(), made))?;
    }
    let keywords = options.copy()?;
    for own in ["repr", "kw_only", "dataclass_callable"] {
        if keywords.contains(own)? {
            keywords.del_item(own)?;
        }
    }
    dataclasses.call_method("make_dataclass", (class.name()?, described), Some(&keywords))
}

/// A parameter of the constructor.
struct Parameter {
    name: Py<PyString>,
    text: String,
    kw_only: bool,
    default: ClientDefault,
    /// A default of None leaves the attribute unset: INSERT or the database fills it.
    leaves_none: bool,
}

/// The constructor of a dataclass.
#[pyclass(frozen)]
pub(crate) struct DataclassInit {
    owner: String,
    parameters: Vec<Parameter>,
    post_init: bool,
}

#[pymethods]
impl DataclassInit {
    fn __get__<'py>(
        slf: &Bound<'py, Self>,
        instance: &Bound<'py, PyAny>,
        _owner: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        bound(slf.as_any(), instance)
    }

    #[pyo3(signature = (object, *args, **kwargs))]
    fn __call__<'py>(
        &self,
        object: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<()> {
        let py = object.py();
        let mut given: Vec<Option<Bound<'py, PyAny>>> = vec![None; self.parameters.len()];
        let positional = self.parameters.iter().enumerate().filter(|(_, parameter)| !parameter.kw_only);
        let places: Vec<usize> = positional.map(|(at, _)| at).collect();
        if args.len() > places.len() {
            return Err(PyTypeError::new_err(format!(
                "{}() takes {} positional arguments, {} were given",
                self.owner,
                places.len(),
                args.len()
            )));
        }
        for (at, value) in places.into_iter().zip(args) {
            given[at] = Some(value);
        }
        for (name, value) in kwargs.into_iter().flatten() {
            let name: String = name.extract()?;
            let Some(at) = self.parameters.iter().position(|parameter| parameter.text == name) else {
                let near =
                    near_matches(&name, self.parameters.iter().map(|parameter| parameter.text.as_str()));
                let near = near.first().map_or_else(String::new, |near| format!(": did you mean `{near}`?"));
                return Err(PyTypeError::new_err(format!(
                    "{}() takes no argument `{name}`{near}",
                    self.owner
                )));
            };
            if given[at].replace(value).is_some() {
                return Err(PyTypeError::new_err(format!("{}() got `{name}` twice", self.owner)));
            }
        }
        let missing: Vec<&str> = self
            .parameters
            .iter()
            .zip(&given)
            .filter(|(parameter, given)| given.is_none() && matches!(parameter.default, ClientDefault::None))
            .map(|(parameter, _)| parameter.text.as_str())
            .collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(PyTypeError::new_err(format!("{}() needs a value for: {missing}", self.owner)));
        }
        for (parameter, given) in self.parameters.iter().zip(given) {
            let value = match (given, &parameter.default) {
                (Some(value), _) => value,
                (None, ClientDefault::Value(value)) if parameter.leaves_none && value.is_none(py) => continue,
                (None, ClientDefault::Value(value)) => value.bind(py).clone(),
                (None, ClientDefault::Callable(factory)) => factory.bind(py).call0()?,
                (None, ClientDefault::None) => continue,
            };
            object.setattr(parameter.name.bind(py), value)?;
        }
        match self.post_init {
            true => object.call_method0("__post_init__").map(drop),
            false => Ok(()),
        }
    }
}

/// The repr of a dataclass: attributes that are not loaded are shown as such, nothing is loaded.
#[pyclass(frozen)]
pub(crate) struct DataclassRepr {
    names: Vec<String>,
}

thread_local! {
    /// Objects whose repr is under way: relations may lead back to them.
    static SHOWN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

#[pymethods]
impl DataclassRepr {
    fn __get__<'py>(
        slf: &Bound<'py, Self>,
        instance: &Bound<'py, PyAny>,
        _owner: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        bound(slf.as_any(), instance)
    }

    fn __call__(&self, object: &Bound<'_, PyAny>) -> PyResult<String> {
        let address = object.as_ptr() as usize;
        if SHOWN.with_borrow(|shown| shown.contains(&address)) {
            return Ok("...".to_owned());
        }
        SHOWN.with_borrow_mut(|shown| shown.push(address));
        let text = self.text(object);
        SHOWN.with_borrow_mut(|shown| shown.pop());
        text
    }
}

impl DataclassRepr {
    fn text(&self, object: &Bound<'_, PyAny>) -> PyResult<String> {
        let py = object.py();
        let table = instance::table_of(object)?;
        let mut parts = Vec::with_capacity(self.names.len());
        for name in &self.names {
            let Some(slot) = table.position(name) else { continue };
            let value = match instance::read(object, slot) {
                Ok(value) => value.repr()?.to_string(),
                Err(error) if error.is_instance_of::<pyo3::exceptions::PyAttributeError>(py) => {
                    "<not loaded>".to_owned()
                }
                Err(error) => return Err(error),
            };
            parts.push(format!("{name}={value}"));
        }
        Ok(format!("{}({})", object.get_type().qualname()?, parts.join(", ")))
    }
}

/// A callable with its first argument.
fn bound<'py>(callable: &Bound<'py, PyAny>, instance: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match instance.is_none() {
        true => Ok(callable.clone()),
        false => callable.py().import("functools")?.getattr("partial")?.call1((callable, instance)),
    }
}

/// The error of an option that no dataclass has.
///
/// # Errors
/// Always, unless all options are known.
#[pyfunction]
pub(crate) fn check_dataclass_options(
    class: &Bound<'_, PyType>,
    options: &Bound<'_, PyDict>,
) -> PyResult<()> {
    const KNOWN: [&str; 7] = ["init", "repr", "eq", "order", "unsafe_hash", "match_args", "kw_only"];
    for name in options.keys() {
        let name: String = name.extract()?;
        if !KNOWN.contains(&name.as_str()) {
            let class = class.name()?.to_string();
            return Err(to_python(Error::unknown_name("dataclass option", &name, class, KNOWN)));
        }
    }
    if flag(options, "order", false)? && !flag(options, "eq", true)? {
        return Err(to_python(Error::new(ErrorKind::Mapping(format!(
            "{}: order=True needs eq=True",
            class.name()?
        )))));
    }
    Ok(())
}
