//! Who holds a session: a task, named only when another collides with it.

use pyo3::prelude::*;

/// The task that runs an operation.
pub(crate) struct Holder(Py<PyAny>);

impl Clone for Holder {
    fn clone(&self) -> Self {
        Python::attach(|py| Self(self.0.clone_ref(py)))
    }
}

impl Holder {
    /// The running task; None outside of one.
    pub(super) fn current(py: Python<'_>) -> PyResult<Self> {
        let task = crate::bridge::current_task(py)?;
        Ok(Self(task.unbind()))
    }

    /// The task's name.
    pub(super) fn name(&self, py: Python<'_>) -> String {
        let task = self.0.bind(py);
        let name = task.call_method0("get_name").and_then(|name| name.extract::<String>());
        match name {
            Ok(name) => format!("task {name:?}"),
            Err(_) => "code outside of a task".to_owned(),
        }
    }
}
