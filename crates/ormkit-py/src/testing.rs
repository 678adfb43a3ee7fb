//! `ormkit.testing`: how many statements a block sends, and which line sends the same one again and again.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use pyo3::exceptions::{PyAssertionError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::engine::{Engine, Sent, Watch};

/// Statements of a block, while it runs.
struct Watched {
    watch: Option<Watch>,
    engine: Option<Py<Engine>>,
    sent: Vec<Sent>,
}

impl Watched {
    fn new(engine: Option<Py<Engine>>) -> Self {
        Self { watch: None, engine, sent: Vec::new() }
    }

    fn enter(&mut self, py: Python<'_>, name: &str) -> PyResult<()> {
        if self.watch.is_some() {
            return Err(PyRuntimeError::new_err(format!("{name}() is entered already: make another")));
        }
        self.sent.clear();
        self.watch = Some(Watch::new(self.engine.as_ref().map(|engine| engine.bind(py).get())));
        Ok(())
    }

    /// Those that were sent so far.
    fn sent(&mut self) -> &[Sent] {
        if let Some(watch) = &self.watch {
            self.sent.extend(watch.take());
        }
        &self.sent
    }

    fn leave(&mut self) {
        self.sent();
        self.watch = None;
    }
}

/// Count the statements that a block sends: `with assert_queries(2): …`
///
/// Args:
///     count: How many there are to be.
///     engine: The engine that is counted; None: all of the process.
///
/// Whatever goes to the database counts, also the statements that load relations and what other tasks send meanwhile;
/// BEGIN, COMMIT, ROLLBACK and savepoints do not. One that writes many rows is one statement, and so is one that is read in
/// pieces.
///
/// Raises:
///     AssertionError: At the end of the block, which raised nothing itself: the statements, and the line that began
///         each.
#[pyclass(name = "assert_queries", module = "ormkit.testing")]
pub(crate) struct AssertQueries {
    count: usize,
    watched: Watched,
}

#[pymethods]
impl AssertQueries {
    #[new]
    #[pyo3(signature = (count, *, engine = None))]
    fn new(count: i64, engine: Option<Py<Engine>>) -> PyResult<Self> {
        let count = usize::try_from(count)
            .map_err(|_| PyValueError::new_err(format!("assert_queries() counts from 0 up, not {count}")))?;
        Ok(Self { count, watched: Watched::new(engine) })
    }

    fn __enter__(mut slf: PyRefMut<'_, Self>) -> PyResult<PyRefMut<'_, Self>> {
        let py = slf.py();
        slf.watched.enter(py, "assert_queries")?;
        Ok(slf)
    }

    #[pyo3(signature = (kind, *_rest))]
    fn __exit__(
        &mut self,
        py: Python<'_>,
        kind: &Bound<'_, PyAny>,
        _rest: &Bound<'_, PyTuple>,
    ) -> PyResult<()> {
        self.watched.leave();
        let sent = self.watched.sent();
        if !kind.is_none() || sent.len() == self.count {
            return Ok(());
        }
        let mut text = format!("{} sent, not {}", counted(sent.len(), "statement"), self.count);
        for (index, sent) in sent.iter().enumerate() {
            let _ = write!(text, "\n{:4}. {}", index + 1, sent.described(py)?);
        }
        Err(PyAssertionError::new_err(text))
    }

    /// The texts of the statements so far, a list.
    #[getter]
    fn statements(&mut self) -> Vec<String> {
        self.watched.sent().iter().map(|sent| sent.text.sql.clone()).collect()
    }
}

/// Find lines that send the same statement again and again, as one that loads a relation for each object of a list does:
/// `with detect_n_plus_one(): …`
///
/// Args:
///     limit: How often a line may send the same text.
///     engine: The engine that is watched; None: all of the process.
///
/// What one operation sends several times counts once: a flush, a load of many levels, a stream that loads along for each of
/// its pieces. BEGIN, COMMIT, ROLLBACK and savepoints do not count.
///
/// Raises:
///     AssertionError: At the end of the block, which raised nothing itself: each such line, its statement, and how
///         often it was sent.
#[pyclass(name = "detect_n_plus_one", module = "ormkit.testing")]
pub(crate) struct DetectNPlusOne {
    limit: usize,
    watched: Watched,
}

#[pymethods]
impl DetectNPlusOne {
    #[new]
    #[pyo3(signature = (*, limit = 2, engine = None))]
    fn new(limit: i64, engine: Option<Py<Engine>>) -> PyResult<Self> {
        let limit = usize::try_from(limit).ok().filter(|limit| *limit > 0);
        let limit =
            limit.ok_or_else(|| PyValueError::new_err("detect_n_plus_one() has a limit from 1 up"))?;
        Ok(Self { limit, watched: Watched::new(engine) })
    }

    fn __enter__(mut slf: PyRefMut<'_, Self>) -> PyResult<PyRefMut<'_, Self>> {
        let py = slf.py();
        slf.watched.enter(py, "detect_n_plus_one")?;
        Ok(slf)
    }

    #[pyo3(signature = (kind, *_rest))]
    fn __exit__(
        &mut self,
        py: Python<'_>,
        kind: &Bound<'_, PyAny>,
        _rest: &Bound<'_, PyTuple>,
    ) -> PyResult<()> {
        self.watched.leave();
        if !kind.is_none() {
            return Ok(());
        }
        let mut found: Vec<(String, usize)> = Vec::new();
        let mut places = HashMap::new();
        let mut operations = HashSet::new();
        for sent in self.watched.sent() {
            // What one operation sends several times, as a load of a tree does for each level, is one time.
            if sent.site.as_ref().is_some_and(|site| !operations.insert((Arc::as_ptr(site), &sent.text.sql)))
            {
                continue;
            }
            let key = (sent.place(py)?, &sent.text.sql);
            let described = || sent.described(py).map(|text| (text, 0));
            let at = match places.get(&key) {
                Some(at) => *at,
                None => {
                    found.push(described()?);
                    places.insert(key, found.len() - 1);
                    found.len() - 1
                }
            };
            found[at].1 += 1;
        }
        found.retain(|(_, times)| *times > self.limit);
        if found.is_empty() {
            return Ok(());
        }
        let mut text = String::from("the same statement again and again: load for all objects at once");
        for (described, times) in found {
            let _ = write!(text, "\n{times:4} times {described}");
        }
        Err(PyAssertionError::new_err(text))
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what} was") } else { format!("{count} {what}s were") }
}
