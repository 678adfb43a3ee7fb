//! What `mapped_column` and `relationship` say to a dataclass.
use super::ClientDefault;
use pyo3::prelude::*;

/// Options of a field of a dataclass.
#[derive(Default)]
pub(crate) struct DataclassOptions {
    /// A parameter of the constructor; None: yes.
    pub(crate) init: Option<bool>,
    /// Part of the repr; None: yes.
    pub(crate) repr: Option<bool>,
    /// Part of comparisons; None: yes.
    pub(crate) compare: Option<bool>,
    /// Given by keyword alone; None: as the class says.
    pub(crate) kw_only: Option<bool>,
    /// The default of the parameter.
    pub(crate) value: Option<Py<PyAny>>,
    /// What makes it.
    pub(crate) factory: Option<Py<PyAny>>,
}

impl DataclassOptions {
    /// The same.
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        let copy = |part: &Option<Py<PyAny>>| part.as_ref().map(|part| part.clone_ref(py));
        Self { value: copy(&self.value), factory: copy(&self.factory), ..*self }
    }

    /// True where the parameter may be left out.
    pub(crate) fn has_default(&self) -> bool {
        self.value.is_some() || self.factory.is_some()
    }

    /// The default of the parameter.
    pub(crate) fn initial(&self, py: Python<'_>) -> ClientDefault {
        match (&self.value, &self.factory) {
            (_, Some(factory)) => ClientDefault::Callable(factory.clone_ref(py)),
            (Some(value), None) => ClientDefault::Value(value.clone_ref(py)),
            (None, None) => ClientDefault::None,
        }
    }

    /// An option that only a dataclass understands.
    pub(crate) fn foreign(&self) -> Option<&'static str> {
        let given = [
            ("init", self.init.is_some()),
            ("repr", self.repr.is_some()),
            ("compare", self.compare.is_some()),
            ("kw_only", self.kw_only.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
    }
}
