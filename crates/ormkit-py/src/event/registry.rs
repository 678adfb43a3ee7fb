//! Who listens to one target: functions in the order of calling, each to an event.
use super::listener::{Choices, Listener};
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) struct Registry<E>(Mutex<Vec<(E, Arc<Listener>)>>);

impl<E> Default for Registry<E> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<E: Copy + PartialEq> Registry<E> {
    fn entries(&self) -> MutexGuard<'_, Vec<(E, Arc<Listener>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, event: E, function: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
        // Comparing runs Python, which may come here again.
        let entries = self.entries().clone();
        for (at, (known, listener)) in entries.iter().enumerate() {
            if *known == event && listener.is_of(function)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Lets a function hear. The same function once more changes nothing.
    ///
    /// # Errors
    /// `TypeError`: it cannot be called.
    pub(super) fn add(&self, event: E, function: &Bound<'_, PyAny>, choices: Choices) -> PyResult<()> {
        let listener = Arc::new(Listener::new(function, choices)?);
        if self.has(event, function)? {
            return Ok(());
        }
        let mut entries = self.entries();
        let at = if choices.insert { 0 } else { entries.len() };
        entries.insert(at, (event, listener));
        Ok(())
    }

    /// Takes a function out; false where it did not listen.
    pub(super) fn take(&self, event: E, function: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Some(at) = self.place(event, function)? else { return Ok(false) };
        let taken = self.entries().remove(at);
        drop(taken);
        Ok(true)
    }

    /// True where a function listens.
    pub(super) fn has(&self, event: E, function: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.place(event, function).map(|at| at.is_some())
    }

    /// Those of an event.
    pub(super) fn of(&self, event: E) -> Vec<Arc<Listener>> {
        let entries = self.entries();
        entries.iter().filter(|(known, _)| *known == event).map(|(_, found)| Arc::clone(found)).collect()
    }

    /// True where nobody listens.
    pub(super) fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }
}
