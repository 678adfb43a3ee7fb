//! Evaluates annotations that are text, without failing for a class that is not defined yet.
use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// The names that an annotation may use: the class body's, those of the function around it, the module's, built-in
/// ones, those of the standard types, and, for anything else, a [`Forward`].
#[pyclass(frozen)]
pub(super) struct Names {
    spaces: Vec<Py<PyDict>>,
}

/// Where well-known names come from when a module imports them for type checkers only.
const KNOWN: [(&str, &str); 10] = [
    ("Optional", "typing"),
    ("Union", "typing"),
    ("Any", "typing"),
    ("Annotated", "typing"),
    ("Decimal", "decimal"),
    ("datetime", "datetime"),
    ("date", "datetime"),
    ("time", "datetime"),
    ("timedelta", "datetime"),
    ("UUID", "uuid"),
];

impl Names {
    /// The names in these dicts, the first that has one wins.
    pub(super) fn new(spaces: Vec<Py<PyDict>>) -> Self {
        Self { spaces }
    }

    /// The value of an annotation's text.
    ///
    /// # Errors
    /// What Python raises for text that is no expression.
    pub(super) fn evaluate<'py>(slf: &Bound<'py, Self>, text: &str) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let globals = PyDict::new(py);
        py.import("builtins")?.getattr("eval")?.call1((text.trim(), globals, slf))
    }
}

#[pymethods]
impl Names {
    fn __getitem__<'py>(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        let py = name.py();
        for space in &self.spaces {
            if let Some(value) = space.bind(py).get_item(name)?
                && !is_declaration(&value)
            {
                return Ok(value);
            }
        }
        let text = name.to_str()?;
        if let Ok(value) = py.import("builtins")?.getattr(name) {
            return Ok(value);
        }
        if text == "Mapped" {
            return Ok(py.get_type::<crate::fields::Mapped>().into_any());
        }
        if text == "WriteOnlyMapped" {
            return Ok(py.get_type::<crate::fields::WriteOnlyMapped>().into_any());
        }
        if let Some((_, module)) = KNOWN.iter().find(|known| known.0 == text) {
            return py.import(*module)?.getattr(name);
        }
        match text.starts_with("__") {
            true => Err(PyKeyError::new_err(text.to_owned())),
            false => Ok(Bound::new(py, Forward { name: text.to_owned() })?.into_any()),
        }
    }
}

/// `date: Mapped[date] = mapped_column()` means the type, not the column.
fn is_declaration(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<crate::fields::MappedColumn>()
        || value.is_instance_of::<crate::fields::RelationshipDecl>()
        || value.is_instance_of::<crate::fields::ColumnProperty>()
}

/// A name that nobody knows yet: the target of a relation.
#[pyclass(frozen)]
pub(super) struct Forward {
    pub(super) name: String,
}

#[pymethods]
impl Forward {
    /// `List[Book]` of a module that imports it for type checkers only; `List` alone may be a model.
    fn __getitem__<'py>(&self, item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match self.name.as_str() {
            "List" | "Dict" => item.py().import("typing")?.getattr(&*self.name)?.get_item(item),
            name => Err(PyTypeError::new_err(format!("`{name}` is not defined yet, and takes no [...]"))),
        }
    }

    fn __or__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("typing")?.getattr("Union")?.get_item((slf, other))
    }

    fn __ror__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        Self::__or__(slf, other)
    }

    /// A class of a module that is not imported at run time: `models.Team`.
    fn __getattr__(&self, name: &str) -> PyResult<Self> {
        match name.starts_with('_') {
            true => Err(pyo3::exceptions::PyAttributeError::new_err(name.to_owned())),
            false => Ok(Self { name: name.to_owned() }),
        }
    }

    /// `typing` wants everything between its brackets to be callable.
    fn __call__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(format!("`{}` is not defined yet", self.name)))
    }

    fn __repr__(&self) -> &str {
        &self.name
    }
}
