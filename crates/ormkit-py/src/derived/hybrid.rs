//! `hybrid_property` and `hybrid_method`: one attribute, Python on objects and SQL on the class.
use crate::expr::{Condition, Expr};
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A property of objects that is an SQL expression on the class.
///
/// The same function serves both unless `expression` gives the class one of its own. `setter` makes it writable,
/// `update_expression` names the columns that an UPDATE of it sets, `comparator` answers an object with comparisons of
/// its own.
#[pyclass(frozen, name = "hybrid_property", module = "ormkit")]
pub(crate) struct HybridProperty {
    parts: Mutex<Parts>,
}

/// Columns and the values that an UPDATE sets them to.
pub(crate) type Updates<'py> = Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>;

#[derive(Default)]
struct Parts {
    get: Option<Py<PyAny>>,
    set: Option<Py<PyAny>>,
    delete: Option<Py<PyAny>>,
    expression: Option<Py<PyAny>>,
    comparator: Option<Py<PyAny>>,
    update: Option<Py<PyAny>>,
    bulk: Option<Py<PyAny>>,
    /// The attribute that it is another name of: in place of all others.
    stands_for: Option<String>,
}

impl Parts {
    fn copy(&self, py: Python<'_>) -> Self {
        let copy = |part: &Option<Py<PyAny>>| part.as_ref().map(|part| part.clone_ref(py));
        Self {
            get: copy(&self.get),
            set: copy(&self.set),
            delete: copy(&self.delete),
            expression: copy(&self.expression),
            comparator: copy(&self.comparator),
            update: copy(&self.update),
            bulk: copy(&self.bulk),
            stands_for: self.stands_for.clone(),
        }
    }
}

/// A function, also where it stands below `@classmethod`.
fn function(given: Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let function = given.getattr_opt("__func__")?.unwrap_or(given);
    match function.is_callable() {
        true => Ok(function.unbind()),
        false => Err(PyTypeError::new_err("a hybrid is made of functions")),
    }
}

impl HybridProperty {
    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn part(&self, py: Python<'_>, which: impl Fn(&Parts) -> &Option<Py<PyAny>>) -> Option<Py<PyAny>> {
        which(&self.parts()).as_ref().map(|part| part.clone_ref(py))
    }

    fn with(&self, py: Python<'_>, change: impl FnOnce(&mut Parts)) -> Self {
        let mut parts = self.parts().copy(py);
        change(&mut parts);
        Self { parts: Mutex::new(parts) }
    }

    fn name(&self, py: Python<'_>) -> PyResult<String> {
        match self.part(py, |parts| &parts.get) {
            Some(get) => get.bind(py).getattr("__name__")?.extract(),
            None => Ok("hybrid".to_owned()),
        }
    }

    /// Another name of an attribute.
    pub(super) fn standing_for(name: String) -> Self {
        Self { parts: Mutex::new(Parts { stands_for: Some(name), ..Parts::default() }) }
    }

    fn stands_for(&self) -> Option<String> {
        self.parts().stands_for.clone()
    }

    /// True where it says what an UPDATE sets.
    pub(crate) fn has_updates(&self) -> bool {
        self.parts().update.is_some()
    }

    /// True where it says what columns a value of it among the values of a row is.
    pub(crate) fn has_bulk(&self) -> bool {
        self.parts().bulk.is_some()
    }

    /// Puts the columns that a value of it is into the row.
    ///
    /// # Errors
    /// What the function of the program's raises.
    pub(crate) fn spread(
        &self,
        class: &Bound<'_, PyAny>,
        row: &Bound<'_, PyDict>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        match self.part(class.py(), |parts| &parts.bulk) {
            Some(bulk) => bulk.bind(class.py()).call1((class, row, value)).map(drop),
            None => Ok(()),
        }
    }

    /// What an UPDATE sets where this is given a value: columns and their values; None where it says nothing.
    pub(crate) fn updates<'py>(
        &self,
        class: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Updates<'py>>> {
        let py = class.py();
        if let Some(name) = self.stands_for() {
            return Ok(Some(vec![(class.getattr(name)?, value.clone())]));
        }
        let Some(update) = self.part(py, |parts| &parts.update) else { return Ok(None) };
        let pairs = update.bind(py).call1((class, value))?;
        pairs.try_iter()?.map(|pair| pair?.extract()).collect::<PyResult<_>>().map(Some)
    }
}

#[pymethods]
impl HybridProperty {
    #[new]
    #[pyo3(signature = (fget, fset = None, fdel = None, expr = None, custom_comparator = None, update_expr = None))]
    fn new(
        fget: Bound<'_, PyAny>,
        fset: Option<Bound<'_, PyAny>>,
        fdel: Option<Bound<'_, PyAny>>,
        expr: Option<Bound<'_, PyAny>>,
        custom_comparator: Option<Bound<'_, PyAny>>,
        update_expr: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        Ok(Self {
            parts: Mutex::new(Parts {
                get: Some(function(fget)?),
                set: fset.map(function).transpose()?,
                delete: fdel.map(function).transpose()?,
                expression: expr.map(function).transpose()?,
                comparator: custom_comparator.map(function).transpose()?,
                update: update_expr.map(function).transpose()?,
                ..Parts::default()
            }),
        })
    }

    fn __get__<'py>(
        slf: &Bound<'py, Self>,
        instance: &Bound<'py, PyAny>,
        owner: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if let Some(name) = this.stands_for() {
            return if instance.is_none() { owner.getattr(name) } else { instance.getattr(name) };
        }
        if !instance.is_none() {
            let get = this.part(py, |parts| &parts.get);
            let get = get.ok_or_else(|| PyAttributeError::new_err("this hybrid has no getter"))?;
            return get.bind(py).call1((instance,));
        }
        if let Some(comparator) = this.part(py, |parts| &parts.comparator) {
            return comparator.bind(py).call1((owner,));
        }
        let made = this.part(py, |parts| &parts.expression).or_else(|| this.part(py, |parts| &parts.get));
        let Some(made) = made else { return Ok(slf.clone().into_any()) };
        let answer = made.bind(py).call1((owner,))?;
        // a column of a result has the hybrid's name
        let unnamed =
            |expr: &Bound<'_, Expr>| expr.get().label_name().is_none() && expr.get().relation().is_none();
        let is_plain = answer.cast::<Expr>().is_ok_and(unnamed) && !answer.is_instance_of::<Condition>();
        match is_plain {
            true => answer.call_method1("label", (this.name(py)?,)),
            false => Ok(answer),
        }
    }

    fn __set__(&self, instance: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = instance.py();
        if let Some(name) = self.stands_for() {
            return instance.setattr(name, value);
        }
        match self.part(py, |parts| &parts.set) {
            Some(set) => set.bind(py).call1((instance, value)).map(drop),
            None => Err(PyAttributeError::new_err(format!(
                "{}.{} cannot be set: give the hybrid a setter",
                instance.get_type().name()?,
                self.name(py)?
            ))),
        }
    }

    fn __delete__(&self, instance: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = instance.py();
        match self.part(py, |parts| &parts.delete) {
            Some(delete) => delete.bind(py).call1((instance,)).map(drop),
            None => Err(PyAttributeError::new_err("this hybrid cannot be deleted")),
        }
    }

    /// The same with another getter.
    fn getter(&self, fget: Bound<'_, PyAny>) -> PyResult<Self> {
        let py = fget.py();
        let part = function(fget)?;
        Ok(self.with(py, |parts| parts.get = Some(part)))
    }

    /// The same with a setter.
    fn setter(&self, fset: Bound<'_, PyAny>) -> PyResult<Self> {
        let py = fset.py();
        let part = function(fset)?;
        Ok(self.with(py, |parts| parts.set = Some(part)))
    }

    /// The same with a deleter.
    fn deleter(&self, fdel: Bound<'_, PyAny>) -> PyResult<Self> {
        let py = fdel.py();
        let part = function(fdel)?;
        Ok(self.with(py, |parts| parts.delete = Some(part)))
    }

    /// The same with an expression of its own for the class.
    fn expression(&self, expr: Bound<'_, PyAny>) -> PyResult<Self> {
        let py = expr.py();
        let part = function(expr)?;
        Ok(self.with(py, |parts| parts.expression = Some(part)))
    }

    /// The same; on the class it is what this function answers, an object with comparisons of its own.
    fn comparator(&self, comparator: Bound<'_, PyAny>) -> PyResult<Self> {
        let py = comparator.py();
        let part = function(comparator)?;
        Ok(self.with(py, |parts| parts.comparator = Some(part)))
    }

    /// The same; an UPDATE of it sets the columns that this function answers for the class and a value.
    fn update_expression(&self, update: Bound<'_, PyAny>) -> PyResult<Self> {
        let py = update.py();
        let part = function(update)?;
        Ok(self.with(py, |parts| parts.update = Some(part)))
    }

    /// The same; of a row of values beside a statement this function, called with the class, the dict and the value, puts
    /// columns into the dict.
    fn bulk_dml(&self, bulk: Bound<'_, PyAny>) -> PyResult<Self> {
        let py = bulk.py();
        let part = function(bulk)?;
        Ok(self.with(py, |parts| parts.bulk = Some(part)))
    }

    /// The same decorators for functions of any name: they change this hybrid.
    #[getter]
    fn inplace(slf: &Bound<'_, Self>) -> HybridInplace {
        HybridInplace { hybrid: slf.clone().unbind() }
    }

    #[getter]
    fn __doc__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let get = self.part(py, |parts| &parts.get);
        get.map(|get| get.getattr(py, "__doc__")).transpose()
    }
}

/// What `hybrid.inplace` is.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct HybridInplace {
    hybrid: Py<HybridProperty>,
}

impl HybridInplace {
    fn put(
        &self,
        given: Bound<'_, PyAny>,
        place: impl FnOnce(&mut Parts) -> &mut Option<Py<PyAny>>,
    ) -> PyResult<Py<HybridProperty>> {
        let py = given.py();
        let part = function(given)?;
        let old = place(&mut self.hybrid.get().parts()).replace(part);
        drop(old);
        Ok(self.hybrid.clone_ref(py))
    }
}

#[pymethods]
impl HybridInplace {
    /// The setter.
    fn setter(&self, fset: Bound<'_, PyAny>) -> PyResult<Py<HybridProperty>> {
        self.put(fset, |parts| &mut parts.set)
    }

    /// The deleter.
    fn deleter(&self, fdel: Bound<'_, PyAny>) -> PyResult<Py<HybridProperty>> {
        self.put(fdel, |parts| &mut parts.delete)
    }

    /// The expression of the class.
    fn expression(&self, expr: Bound<'_, PyAny>) -> PyResult<Py<HybridProperty>> {
        self.put(expr, |parts| &mut parts.expression)
    }

    /// The comparisons of the class.
    fn comparator(&self, comparator: Bound<'_, PyAny>) -> PyResult<Py<HybridProperty>> {
        self.put(comparator, |parts| &mut parts.comparator)
    }

    /// What an UPDATE sets.
    fn update_expression(&self, update: Bound<'_, PyAny>) -> PyResult<Py<HybridProperty>> {
        self.put(update, |parts| &mut parts.update)
    }

    /// What puts columns into a row of values.
    fn bulk_dml(&self, bulk: Bound<'_, PyAny>) -> PyResult<Py<HybridProperty>> {
        self.put(bulk, |parts| &mut parts.bulk)
    }
}

/// A method of objects that answers an SQL expression on the class.
#[pyclass(frozen, name = "hybrid_method", module = "ormkit")]
pub(crate) struct HybridMethod {
    method: Py<PyAny>,
    expression: Option<Py<PyAny>>,
}

#[pymethods]
impl HybridMethod {
    #[new]
    #[pyo3(signature = (func, expr = None))]
    fn new(func: Bound<'_, PyAny>, expr: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        Ok(Self { method: function(func)?, expression: expr.map(function).transpose()? })
    }

    fn __get__<'py>(
        &self,
        instance: &Bound<'py, PyAny>,
        owner: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = owner.py();
        let (function, object) = match instance.is_none() {
            true => (self.expression.as_ref().unwrap_or(&self.method), owner),
            false => (&self.method, instance),
        };
        let arguments = PyTuple::new(py, [function.bind(py), object])?;
        py.import("functools")?.getattr("partial")?.call(arguments, None::<&Bound<'py, PyDict>>)
    }

    /// The same with an expression of its own for the class.
    fn expression(&self, expr: Bound<'_, PyAny>) -> PyResult<Self> {
        let py = expr.py();
        Ok(Self { method: self.method.clone_ref(py), expression: Some(function(expr)?) })
    }
}
