//! Who watches the statements of all engines, or of one, for a while: the tools of `ormkit.testing`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ormkit_core::driver::{Effect, StatementText};
use ormkit_core::pool::Started;
use pyo3::prelude::*;

use super::Tracing;
use crate::bridge::{Site, SitesWanted, current_site};
use crate::engine::Engine;

/// How many watch: what a statement pays while nobody does is one look at this.
static WATCHING: AtomicUsize = AtomicUsize::new(0);
static WATCHERS: Mutex<Vec<Arc<Watcher>>> = Mutex::new(Vec::new());

/// A statement that was sent.
pub(crate) struct Sent {
    pub(crate) text: Arc<StatementText>,
    /// The line that began it.
    pub(crate) site: Option<Arc<Site>>,
}

impl Sent {
    /// The text, and where it was begun.
    ///
    /// # Errors
    /// What Python raises.
    pub(crate) fn described(&self, py: Python<'_>) -> PyResult<String> {
        Ok(match self.place(py)? {
            Some(place) => format!("{} at {place}", self.text.sql),
            None => self.text.sql.clone(),
        })
    }

    /// Where it was begun.
    ///
    /// # Errors
    /// What Python raises.
    pub(crate) fn place(&self, py: Python<'_>) -> PyResult<Option<String>> {
        self.site.as_ref().map(|site| site.text(py)).transpose()
    }
}

struct Watcher {
    /// The engine that it is about; None: all.
    engine: Option<Arc<Tracing>>,
    sent: Mutex<Vec<Sent>>,
}

/// Hears of the statements that are sent while it lives, but for those that begin and end transactions.
pub(crate) struct Watch {
    watcher: Arc<Watcher>,
    _sites: SitesWanted,
}

impl Watch {
    /// Of an engine, or of all.
    pub(crate) fn new(engine: Option<&Engine>) -> Self {
        let engine = engine.map(|engine| Arc::clone(&engine.inner.options.tracing));
        let watcher = Arc::new(Watcher { engine, sent: Mutex::default() });
        locked(&WATCHERS).push(Arc::clone(&watcher));
        WATCHING.fetch_add(1, Ordering::Relaxed);
        Self { watcher, _sites: SitesWanted::new() }
    }

    /// What was sent since it was asked last.
    pub(crate) fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut *locked(&self.watcher.sent))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        WATCHING.fetch_sub(1, Ordering::Relaxed);
        locked(&WATCHERS).retain(|known| !Arc::ptr_eq(known, &self.watcher));
    }
}

/// True while somebody watches.
pub(super) fn is_wanted() -> bool {
    WATCHING.load(Ordering::Relaxed) > 0
}

/// A statement goes to the database of an engine. One that is read in pieces counts once.
pub(super) fn note(tracing: &Tracing, started: &Started<'_>) {
    let text = started.text;
    if !is_wanted()
        || started.continues
        || matches!(text.effect, Effect::Begin { .. } | Effect::Commit | Effect::Rollback | Effect::Savepoint)
    {
        return;
    }
    let watchers = locked(&WATCHERS).clone();
    for watcher in watchers {
        if watcher.engine.as_deref().is_none_or(|engine| std::ptr::eq(engine, tracing)) {
            locked(&watcher.sent).push(Sent { text: Arc::clone(text), site: current_site() });
        }
    }
}

/// Nothing runs while it is held.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
