//! Callbacks that wait for a commit.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::bridge;

/// What is to be called when the transaction is kept, in the order of asking.
#[derive(Default)]
pub(super) struct OnCommit(Mutex<Vec<Py<PyAny>>>);

impl OnCommit {
    /// # Errors
    /// `TypeError`: it cannot be called.
    pub(super) fn add(&self, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        if !callback.is_callable() {
            let text = format!("on_commit() takes a callable, not {}", callback.get_type().name()?);
            return Err(PyTypeError::new_err(text));
        }
        self.waiting().push(callback.clone().unbind());
        Ok(())
    }

    /// How many wait: where [`forget_from`](Self::forget_from) goes back to.
    pub(super) fn mark(&self) -> usize {
        self.waiting().len()
    }

    /// Drops those that were added since a mark: their savepoint is undone.
    pub(super) fn forget_from(&self, mark: usize) {
        let dropped = {
            let mut waiting = self.waiting();
            let from = mark.min(waiting.len());
            waiting.split_off(from)
        };
        drop(dropped);
    }

    /// Calls all that wait and awaits what they return where that can be awaited; the transaction is kept whatever they
    /// do. The session must not be leased: they may use it.
    ///
    /// # Errors
    /// The first exception, when all have been called; later ones are shown as unraisable.
    pub(super) async fn run(&self) -> PyResult<()> {
        let waiting = std::mem::take(&mut *self.waiting());
        let mut outcome = Ok(());
        for callback in waiting {
            let called = bridge::call(|py| callback.bind(py).call0()).await;
            match called {
                Ok(_) => {}
                Err(error) if outcome.is_ok() => outcome = Err(error),
                Err(error) => Python::attach(|py| error.write_unraisable(py, Some(callback.bind(py)))),
            }
        }
        outcome
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Py<PyAny>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
