//! Where in the caller's code an operation was begun, and with which context variables: looked up only while somebody wants to know.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::tags;

/// How many want to know.
static WANTED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// That of the operation whose work runs, or is dropped, on this thread.
    static CURRENT: RefCell<Option<Arc<Origin>>> = const { RefCell::new(None) };
}

/// What is known of the beginning of an operation.
pub(super) struct Origin {
    /// Where, while somebody wants to know.
    site: Option<Arc<Site>>,
    /// What its statements say, as an SQL comment.
    comment: Option<Arc<str>>,
}

/// A line of the caller's.
pub(crate) struct Site {
    code: Py<PyAny>,
    line: Py<PyAny>,
    /// The context variables there.
    context: Py<PyAny>,
}

impl Site {
    /// `/app/main.py:12 in work`.
    ///
    /// # Errors
    /// What Python raises.
    pub(crate) fn text(&self, py: Python<'_>) -> PyResult<String> {
        let code = self.code.bind(py);
        let file = code.getattr(intern!(py, "co_filename"))?;
        let function = code.getattr(intern!(py, "co_name"))?;
        Ok(format!("{file}:{} in {function}", self.line.bind(py)))
    }

    /// The context variables of whoever began it: those of the work itself are the loop's, when a callback polls it.
    pub(crate) fn context<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.context.bind(py)
    }
}

/// While it lives, operations note where they were begun.
pub(crate) struct SitesWanted(());

impl SitesWanted {
    pub(crate) fn new() -> Self {
        WANTED.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for SitesWanted {
    fn drop(&mut self) {
        WANTED.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where work was begun that goes on in many operations, as the reading of a stream does: they are all at its line.
#[derive(Default)]
pub(crate) struct FirstOrigin(Mutex<Option<Arc<Origin>>>);

impl FirstOrigin {
    /// That of the first operation since somebody wants to know. None while nobody does.
    pub(super) fn of(&self, py: Python<'_>) -> Option<Arc<Origin>> {
        if WANTED.load(Ordering::Relaxed) == 0 && !tags::are_used() {
            return None;
        }
        let locked = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = locked().clone() {
            return Some(known);
        }
        let here = here(py);
        locked().clone_from(&here);
        here
    }
}

/// What is known of an operation that begins now: its line, the first outside of ormkit, and its tags. None while nobody
/// wants to know, and there are none.
pub(super) fn here(py: Python<'_>) -> Option<Arc<Origin>> {
    let is_wanted = WANTED.load(Ordering::Relaxed) > 0;
    if !is_wanted && !tags::are_used() {
        return None;
    }
    // Without a frame there is no line, and no reason to fail.
    let site = if is_wanted { find(py).ok().flatten().map(Arc::new) } else { None };
    let comment = tags::comment(py);
    (site.is_some() || comment.is_some()).then(|| Arc::new(Origin { site, comment }))
}

fn find(py: Python<'_>) -> PyResult<Option<Site>> {
    static GET_FRAME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static COPY_CONTEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let mut frame = GET_FRAME.import(py, "sys", "_getframe")?.call0()?;
    while !frame.is_none() {
        let module = frame.getattr(intern!(py, "f_globals"))?.get_item(intern!(py, "__name__"));
        let module: String = module.and_then(|module| module.extract()).unwrap_or_default();
        if module != "ormkit" && !module.starts_with("ormkit.") {
            let code = frame.getattr(intern!(py, "f_code"))?.unbind();
            let line = frame.getattr(intern!(py, "f_lineno"))?.unbind();
            let context = COPY_CONTEXT.import(py, "contextvars", "copy_context")?.call0()?.unbind();
            return Ok(Some(Site { code, line, context }));
        }
        frame = frame.getattr(intern!(py, "f_back"))?;
    }
    Ok(None)
}

/// Runs work of an operation that was begun at `origin`.
#[inline]
pub(super) fn at<T>(origin: Option<&Arc<Origin>>, work: impl FnOnce() -> T) -> T {
    let Some(origin) = origin else { return work() };
    let outer = Restore(CURRENT.replace(Some(Arc::clone(origin))));
    let answer = work();
    drop(outer);
    answer
}

/// Puts the outer origin back, also when the work panics.
struct Restore(Option<Arc<Origin>>);

impl Drop for Restore {
    fn drop(&mut self) {
        let inner = CURRENT.replace(self.0.take());
        drop(inner);
    }
}

/// Where the operation was begun whose work runs now.
pub(crate) fn current_site() -> Option<Arc<Site>> {
    CURRENT.with_borrow(|origin| origin.as_ref()?.site.clone())
}

/// The comment that statements of the operation whose work runs now have.
pub(crate) fn current_comment() -> Option<Arc<str>> {
    CURRENT.with_borrow(|origin| origin.as_ref()?.comment.clone())
}
