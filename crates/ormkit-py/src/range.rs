//! `Range`: everything between two bounds, as PostgreSQL's range types have it.
use ormkit_core::value::Bounds;
use pyo3::basic::CompareOp;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

/// Everything between two bounds. A bound that is None is infinite, and never belongs to the range.
///
/// Args:
///     lower: The lower bound, or None.
///     upper: The upper bound, or None.
///     bounds: Which of them belong to the range: "[)", "[]", "(]" or "()".
///     empty: Nothing lies in the range; it has no bounds then.
///
/// Raises:
///     ValueError: bounds is none of the four, or an empty range was given a bound.
///
/// Ranges are equal when their bounds are, as they are written: PostgreSQL answers ranges of integers and dates as "[)".
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Range {
    lower: Py<PyAny>,
    upper: Py<PyAny>,
    bounds: Bounds,
}

impl Range {
    /// A range between values of Python; None is no bound.
    pub(crate) fn of(
        py: Python<'_>,
        [lower, upper]: [Bound<'_, PyAny>; 2],
        bounds: Bounds,
    ) -> PyResult<Py<Self>> {
        Py::new(py, Self { lower: lower.unbind(), upper: upper.unbind(), bounds })
    }

    /// The bounds, None where there is none, and which of them belong to the range.
    pub(crate) fn parts<'py>(&self, py: Python<'py>) -> ([&Bound<'py, PyAny>; 2], Bounds) {
        ([self.lower.bind(py), self.upper.bind(py)], self.bounds)
    }

    fn key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        (self.lower.bind(py), self.upper.bind(py), self.bounds(), self.bounds.empty).into_pyobject(py)
    }
}

#[pymethods]
impl Range {
    #[new]
    #[pyo3(signature = (lower = None, upper = None, bounds = "[)", empty = false))]
    fn new(
        py: Python<'_>,
        lower: Option<Py<PyAny>>,
        upper: Option<Py<PyAny>>,
        bounds: &str,
        empty: bool,
    ) -> PyResult<Self> {
        let (lower_inc, upper_inc) = match bounds {
            "[)" => (true, false),
            "[]" => (true, true),
            "(]" => (false, true),
            "()" => (false, false),
            _ => {
                return Err(PyValueError::new_err(
                    "the bounds of a Range are \"[)\", \"[]\", \"(]\" or \"()\"",
                ));
            }
        };
        if empty && (lower.is_some() || upper.is_some()) {
            return Err(PyValueError::new_err("an empty Range has no bounds"));
        }
        let bounds =
            Bounds { empty, lower: lower_inc && lower.is_some(), upper: upper_inc && upper.is_some() };
        let end = |end: Option<Py<PyAny>>| end.unwrap_or_else(|| py.None());
        Ok(Self { lower: end(lower), upper: end(upper), bounds })
    }

    /// The lower bound; None where there is none.
    #[getter]
    fn lower(&self, py: Python<'_>) -> Py<PyAny> {
        self.lower.clone_ref(py)
    }

    /// The upper bound; None where there is none.
    #[getter]
    fn upper(&self, py: Python<'_>) -> Py<PyAny> {
        self.upper.clone_ref(py)
    }

    /// Which bounds belong to the range: "[)", "[]", "(]" or "()".
    #[getter]
    fn bounds(&self) -> &'static str {
        match (self.bounds.lower, self.bounds.upper) {
            (true, false) => "[)",
            (true, true) => "[]",
            (false, true) => "(]",
            (false, false) => "()",
        }
    }

    /// True when nothing lies in the range.
    #[getter]
    fn isempty(&self) -> bool {
        self.bounds.empty
    }

    /// True when the lower bound belongs to the range.
    #[getter]
    fn lower_inc(&self) -> bool {
        self.bounds.lower
    }

    /// True when the upper bound belongs to the range.
    #[getter]
    fn upper_inc(&self) -> bool {
        self.bounds.upper
    }

    /// True when there is no lower bound.
    #[getter]
    fn lower_inf(&self, py: Python<'_>) -> bool {
        !self.bounds.empty && self.lower.is_none(py)
    }

    /// True when there is no upper bound.
    #[getter]
    fn upper_inf(&self, py: Python<'_>) -> bool {
        !self.bounds.empty && self.upper.is_none(py)
    }

    fn __contains__(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = value.py();
        let ([lower, upper], bounds) = self.parts(py);
        let above = match (lower.is_none(), bounds.lower) {
            _ if bounds.empty => return Ok(false),
            (true, _) => true,
            (false, true) => value.ge(lower)?,
            (false, false) => value.gt(lower)?,
        };
        Ok(above
            && match (upper.is_none(), bounds.upper) {
                (true, _) => true,
                (false, true) => value.le(upper)?,
                (false, false) => value.lt(upper)?,
            })
    }

    fn __richcmp__(&self, other: &Bound<'_, PyAny>, op: CompareOp) -> PyResult<Py<PyAny>> {
        let py = other.py();
        let Ok(other) = other.cast::<Self>() else { return Ok(py.NotImplemented()) };
        let equal = self.key(py)?.eq(other.get().key(py)?)?;
        match op {
            CompareOp::Eq => Ok(equal.into_pyobject(py)?.to_owned().into_any().unbind()),
            CompareOp::Ne => Ok((!equal).into_pyobject(py)?.to_owned().into_any().unbind()),
            _ => Ok(py.NotImplemented()),
        }
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.key(py)?.hash()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        if self.bounds.empty {
            return Ok("Range(empty=True)".to_owned());
        }
        let (lower, upper) = (self.lower.bind(py).repr()?, self.upper.bind(py).repr()?);
        Ok(format!("Range({}, {}, '{}')", lower.to_cow()?, upper.to_cow()?, self.bounds()))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        (slf.get_type(), slf.get().key(py)?).into_pyobject(py)
    }

    #[classmethod]
    fn __class_getitem__<'py>(
        class: &Bound<'py, PyType>,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        class.py().import("types")?.getattr("GenericAlias")?.call1((class, item))
    }
}
