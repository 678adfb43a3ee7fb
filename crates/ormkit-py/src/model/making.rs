//! A class that is not made yet, as `declared_attr` sees it.
use super::collect::{ancestors, namespace_of, next_in};
use super::raise::mapping;
use crate::fields::{ColumnProperty, DeclaredAttr, MappedColumn, RelationshipDecl};
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

/// Stands in for a class: its name, its body, what its bases know, and each `declared_attr` called once. When the class
/// is made, it answers for it.
#[pyclass(frozen)]
pub(super) struct Making {
    name: String,
    bases: Vec<Py<PyType>>,
    body: Py<PyDict>,
    /// What each `declared_attr` has answered, by name.
    answers: Py<PyDict>,
    made: PyOnceLock<Py<PyType>>,
}

impl Making {
    /// The class that is going to be made of `body`.
    pub(super) fn new(name: &str, bases: &[Bound<'_, PyType>], body: &Bound<'_, PyDict>) -> Self {
        Self {
            name: name.to_owned(),
            bases: bases.iter().map(|base| base.clone().unbind()).collect(),
            body: body.clone().unbind(),
            answers: PyDict::new(body.py()).unbind(),
            made: PyOnceLock::new(),
        }
    }

    /// The class is made.
    pub(super) fn finish(&self, class: &Bound<'_, PyType>) {
        self.made.get_or_init(class.py(), || class.clone().unbind());
    }

    /// What `attr`, the value of `name` in the body or a base, answers for this class.
    pub(super) fn answer<'py>(
        slf: &Bound<'py, Self>,
        name: &str,
        attr: &Bound<'py, DeclaredAttr>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let answers = slf.get().answers.bind(slf.py());
        if let Some(known) = answers.get_item(name)? {
            return Ok(known);
        }
        let answer = attr.get().answer(slf.as_any())?;
        answers.set_item(name, &answer)?;
        Ok(answer)
    }

    /// Puts what each `declared_attr` of a namespace answers in its place, and annotates it as its function is.
    ///
    /// # Errors
    /// What the functions raise; a column or relation called like an option.
    pub(super) fn expand<'py>(slf: &Bound<'py, Self>, namespace: &Bound<'py, PyDict>) -> PyResult<()> {
        let py = slf.py();
        let mut annotations: Option<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> = None;
        for (key, value) in namespace.copy()? {
            let Ok(attr) = value.cast::<DeclaredAttr>() else { continue };
            let name: String = key.extract()?;
            let answer = Self::answer(slf, &name, attr)?;
            namespace.set_item(&name, &answer)?;
            let mapped = answer.is_instance_of::<MappedColumn>()
                || answer.is_instance_of::<RelationshipDecl>()
                || answer.is_instance_of::<ColumnProperty>();
            if mapped && name.starts_with("__") && name.ends_with("__") {
                return Err(mapping(format!("{}.{name} is an option, not a column", slf.get().name)));
            }
            if let (true, Some(annotation)) = (mapped, attr.get().annotation(py)?) {
                let mut all = match annotations.take() {
                    Some(all) => all,
                    None => match namespace.get_item("__annotations__")? {
                        Some(all) => all.cast_into::<PyDict>()?.iter().collect(),
                        None => Vec::new(),
                    },
                };
                let is = |known: &Bound<'_, PyAny>, name: &str| {
                    known.extract::<&str>().is_ok_and(|known| known == name)
                };
                all.retain(|(known, _)| !is(known, &name));
                let before =
                    next_in(namespace, &name, |other| all.iter().position(|(known, _)| is(known, other)));
                all.insert(before.unwrap_or(all.len()), (key, annotation));
                annotations = Some(all);
            }
        }
        match annotations {
            Some(annotations) => {
                let all = PyDict::new(py);
                for (name, annotation) in annotations {
                    all.set_item(name, annotation)?;
                }
                namespace.set_item("__annotations__", all)
            }
            None => Ok(()),
        }
    }

    /// An option of the body or of an unmapped base, in the order in which Python will search them.
    pub(super) fn find<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = slf.py();
        let answered = |value: Bound<'py, PyAny>| match value.cast::<DeclaredAttr>() {
            Ok(attr) => Self::answer(slf, name, attr),
            Err(_) => Ok(value),
        };
        if let Some(own) = slf.get().body.bind(py).get_item(name)? {
            return answered(own).map(Some);
        }
        for class in ancestors(&slf.get().bases(py))? {
            if crate::instance::class_table(&class).is_err()
                && let Some(inherited) = namespace_of(&class)?.get_item(name)?
            {
                return answered(inherited).map(Some);
            }
        }
        Ok(None)
    }

    fn bases<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyType>> {
        self.bases.iter().map(|base| base.bind(py).clone()).collect()
    }
}

#[pymethods]
impl Making {
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if let Some(class) = this.made.get(py) {
            return class.bind(py).getattr(name);
        }
        if name == "__name__" || name == "__qualname__" {
            return Ok(PyString::new(py, &this.name).into_any());
        }
        let found = match Self::find(slf, name)? {
            Some(found) => Some(found),
            None => Self::of_mapped(slf, name)?,
        };
        if let Some(found) = found {
            // a method of the class: called with the stand-in
            let is_method = found.is_instance_of::<pyo3::types::PyCFunction>()
                || matches!(found.get_type().name()?.to_str()?, "classmethod" | "staticmethod");
            return match is_method {
                true => found.call_method1("__get__", (py.None(), slf)),
                false => Ok(found),
            };
        }
        if name == "__tablename__" {
            return Ok(PyString::new(py, &format!("{}s", this.name.to_lowercase())).into_any());
        }
        Err(PyAttributeError::new_err(format!(
            "{}.{name} is not known yet: a declared_attr is called before its class is made",
            this.name
        )))
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match slf.get().made.get(slf.py()) {
            Some(class) => class.bind(slf.py()).call(args, kwargs),
            None => {
                Err(mapping(format!("{} is not made yet: a declared_attr cannot call it", slf.get().name)))
            }
        }
    }

    fn __repr__(&self) -> String {
        format!("<class {} in the making>", self.name)
    }
}

impl Making {
    /// An attribute of a mapped base.
    fn of_mapped<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        for base in slf.get().bases(slf.py()) {
            if crate::instance::class_table(&base).is_ok()
                && let Some(found) = base.getattr_opt(name)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
