//! `query_tags`: what statements say of whoever sends them, as sqlcommenter writes it (google.github.io/sqlcommenter/spec).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyInt, PyString, PyTuple};

/// A block with tags was entered some time: until then an operation pays one look at this.
static USED: AtomicBool = AtomicBool::new(false);

/// True once there may be tags.
#[inline]
pub(super) fn are_used() -> bool {
    USED.load(Ordering::Relaxed)
}

/// The comment of an operation that begins now.
pub(super) fn comment(py: Python<'_>) -> Option<Arc<str>> {
    if !are_used() {
        return None;
    }
    let tags = current(py).ok().flatten()?;
    Some(Arc::clone(&tags.get().comment))
}

/// The context variable: what is set in a task belongs to that task and to those that it starts.
fn variable(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static VARIABLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = || {
        let class = py.import("contextvars")?.getattr("ContextVar")?;
        PyResult::Ok(class.call1(("ormkit.query_tags",))?.unbind())
    };
    Ok(VARIABLE.get_or_try_init(py, make)?.bind(py))
}

fn current(py: Python<'_>) -> PyResult<Option<Bound<'_, Tags>>> {
    let known = variable(py)?.call_method1(intern!(py, "get"), (py.None(),))?;
    Ok(known.cast_into::<Tags>().ok())
}

/// The tags of a context.
#[pyclass(frozen, module = "ormkit._ormkit")]
struct Tags {
    given: BTreeMap<String, String>,
    comment: Arc<str>,
}

/// Have the statements of a block say where they come from: `with query_tags(route="/orders", controller="list"): …`
///
/// Each read and write that the block's code begins, and that of tasks which it starts, ends in an SQL comment in the form of
/// sqlcommenter, `/*controller='list',route='%2Forders'*/`: sorted, and encoded as in a URL, so that no value can end the
/// comment. `pg_stat_activity`, the server's log and tools that read these show it, and so do `echo=` and
/// `TraceEvent.comment`. Blocks nest: the inner one's tags are added, and replace those of the same name.
///
/// On PostgreSQL a statement with a comment is prepared anew each time, without a name and in the same round trip: tags
/// that differ from request to request fill no cache, and cost the server its planning. To SQLite, where nobody sees the
/// texts, comments are not sent. BEGIN, COMMIT and savepoints, scripts, COPY, and SQL of your own in which a comment stands,
/// carry none.
///
/// Args:
///     tags: A text, an int or a bool for each name.
///
/// Raises:
///     TypeError: A value is something else.
///     ValueError: There is no tag, or one has no name.
#[pyclass(name = "query_tags", module = "ormkit")]
pub(crate) struct QueryTags {
    given: BTreeMap<String, String>,
    /// What takes them off again, while the block runs.
    token: Option<Py<PyAny>>,
}

#[pymethods]
impl QueryTags {
    #[new]
    #[pyo3(signature = (**tags))]
    fn new(tags: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut given = BTreeMap::new();
        for (name, value) in tags.into_iter().flatten() {
            let name: String = name.extract()?;
            if name.is_empty() {
                return Err(PyValueError::new_err("query_tags(): a tag has a name"));
            }
            let is_plain = value.is_instance_of::<PyString>() || value.is_instance_of::<PyInt>();
            if !is_plain {
                let found = value.get_type().name()?;
                return Err(PyTypeError::new_err(format!(
                    "query_tags(): {name} is a text, an int or a bool, not {found}"
                )));
            }
            let text = if value.is_instance_of::<PyBool>() {
                value.is_truthy()?.to_string()
            } else {
                value.str()?.extract()?
            };
            given.insert(name, text);
        }
        if given.is_empty() {
            return Err(PyValueError::new_err(
                "query_tags() without tags: write query_tags(route=\"/orders\")",
            ));
        }
        Ok(Self { given, token: None })
    }

    fn __enter__(mut slf: PyRefMut<'_, Self>) -> PyResult<PyRefMut<'_, Self>> {
        let py = slf.py();
        if slf.token.is_some() {
            return Err(PyRuntimeError::new_err("query_tags() is entered already: make another"));
        }
        let mut given = current(py)?.map(|outer| outer.get().given.clone()).unwrap_or_default();
        given.extend(slf.given.clone());
        let comment = written(&given).into();
        let tags = Py::new(py, Tags { given, comment })?;
        slf.token = Some(variable(py)?.call_method1(intern!(py, "set"), (tags,))?.unbind());
        USED.store(true, Ordering::Relaxed);
        Ok(slf)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&mut self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        let Some(token) = self.token.take() else { return Ok(()) };
        variable(py)?.call_method1(intern!(py, "reset"), (token,)).map(drop)
    }
}

/// As the specification has it: `key='value'` by the order of keys, both encoded.
fn written(tags: &BTreeMap<String, String>) -> String {
    let mut pairs: Vec<String> =
        tags.iter().map(|(name, value)| format!("{}='{}'", encoded(name), encoded(value))).collect();
    pairs.sort_unstable();
    format!("/*{}*/", pairs.join(","))
}

/// All but the unreserved characters of RFC 3986 as `%XX`: neither a quote nor the end of a comment is left.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            // Writing to a String does not fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}
