//! `association_proxy("links", "keyword")`: an attribute of the objects behind a relation.
use super::members::ProxyMembers;
use crate::expr::Condition;
use crate::model::Attribute;
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::pyclass::CompareOp;
use pyo3::types::{PyCFunction, PyDict, PyList, PyTuple, PyType};

/// The values of one attribute of the objects behind a relation, as an attribute of its own.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct AssociationProxy {
    relation: String,
    attribute: String,
    creator: Option<Py<PyAny>>,
}

/// Show an attribute of the objects behind a relation.
///
/// Args:
///     target_collection: The relation.
///     attr: The attribute of its objects.
///     creator: Makes an object of a value that is added; by default its class, called with the attribute as keyword.
#[pyfunction]
#[pyo3(signature = (target_collection, attr, *, creator = None))]
pub(crate) fn association_proxy(
    target_collection: String,
    attr: String,
    creator: Option<Bound<'_, PyAny>>,
) -> PyResult<AssociationProxy> {
    if creator.as_ref().is_some_and(|creator| !creator.is_callable()) {
        return Err(PyTypeError::new_err("association_proxy(creator=..) takes a callable"));
    }
    Ok(AssociationProxy { relation: target_collection, attribute: attr, creator: creator.map(Bound::unbind) })
}

impl AssociationProxy {
    /// A member of the relation for a value.
    pub(super) fn create<'py>(
        &self,
        owner: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = owner.py();
        if let Some(creator) = &self.creator {
            return creator.bind(py).call1((value,));
        }
        let keywords = PyDict::new(py);
        keywords.set_item(&self.attribute, value)?;
        self.target(owner.get_type().as_any())?.call((), Some(&keywords))
    }

    /// The class behind the relation.
    fn target<'py>(&self, owner: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyType>> {
        crate::model::target_of(&self.relation_of(owner)?)
    }

    fn relation_of<'py>(&self, owner: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Attribute>> {
        let found = owner.getattr(self.relation.as_str())?;
        found.cast_into::<Attribute>().map_err(|_| {
            PyTypeError::new_err(format!("association_proxy: `{}` is no relation", self.relation))
        })
    }

    /// The relation of an object, as it is loaded.
    pub(super) fn related<'py>(&self, owner: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        owner.getattr(self.relation.as_str())
    }

    /// Gives a member another value.
    pub(super) fn set_value(&self, member: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        member.setattr(self.attribute.as_str(), value)
    }

    /// The value that a member shows.
    pub(super) fn value<'py>(&self, member: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        member.getattr(self.attribute.as_str())
    }
}

#[pymethods]
impl AssociationProxy {
    fn __get__<'py>(
        slf: &Bound<'py, Self>,
        instance: &Bound<'py, PyAny>,
        owner: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if instance.is_none() {
            let relation = this.relation_of(owner)?;
            let target = crate::model::target_of(&relation)?;
            let attribute = target.getattr(this.attribute.as_str())?;
            let proxied = ProxiedAttribute { relation: relation.unbind(), attribute: attribute.unbind() };
            return Ok(Bound::new(py, proxied)?.into_any());
        }
        let related = this.related(instance)?;
        if related.is_instance_of::<PyList>() {
            return Ok(Bound::new(py, ProxyMembers::new(slf, instance))?.into_any());
        }
        match related.is_none() {
            true => Ok(related),
            false => this.value(&related),
        }
    }

    fn __set__(slf: &Bound<'_, Self>, instance: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let this = slf.get();
        let related = this.related(instance)?;
        if related.is_instance_of::<PyList>() {
            return ProxyMembers::new(slf, instance).replace(value);
        }
        match (related.is_none(), value.is_none()) {
            (true, true) => Ok(()),
            (true, false) => instance.setattr(this.relation.as_str(), this.create(instance, value)?),
            (false, _) => this.set_value(&related, value),
        }
    }
}

/// What the proxy is on the class: conditions on the objects behind the relation.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct ProxiedAttribute {
    relation: Py<Attribute>,
    attribute: Py<PyAny>,
}

impl ProxiedAttribute {
    fn any_of<'py>(&self, condition: Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        let relation = self.relation.bind(condition.py());
        Ok(relation.call_method1("any", (condition,))?.cast_into()?)
    }

    /// Whether an object behind the relation meets what a method of the attribute says.
    fn any_that<'py>(
        &self,
        method: &str,
        arguments: &Bound<'py, PyTuple>,
        words: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Condition>> {
        self.any_of(self.attribute.bind(arguments.py()).call_method(method, arguments, words)?)
    }
}

/// Conditions of columns that say of the objects behind the relation what they say of a column.
const OPERATORS: &[&str] = &[
    "in_",
    "not_in",
    "like",
    "not_like",
    "ilike",
    "not_ilike",
    "icontains",
    "startswith",
    "istartswith",
    "endswith",
    "iendswith",
    "between",
    "regexp_match",
    "is_distinct_from",
    "is_not_distinct_from",
    "is_",
    "is_not",
];

#[pymethods]
impl ProxiedAttribute {
    /// Whether an object behind the relation has this value.
    fn contains<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        self.any_of(self.attribute.bind(value.py()).rich_compare(value, CompareOp::Eq)?)
    }

    /// Compares with what the objects behind the relation have. `== None`: one has no value, or there is none.
    fn __richcmp__<'py>(&self, value: &Bound<'py, PyAny>, op: CompareOp) -> PyResult<Bound<'py, PyAny>> {
        let py = value.py();
        let some = self.any_of(self.attribute.bind(py).rich_compare(value, op)?)?.into_any();
        match (op, value.is_none()) {
            (CompareOp::Eq, true) => some.bitor(self.relation.bind(py).call_method0("any")?.bitnot()?),
            _ => Ok(some),
        }
    }

    /// What says of a column the same.
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        if !OPERATORS.contains(&name) {
            let text =
                format!("the values behind a relation have no `{name}`: write any(..) with a condition");
            return Err(PyAttributeError::new_err(text));
        }
        let (this, method) = (slf.clone().unbind(), name.to_owned());
        let call = move |arguments: &Bound<'_, PyTuple>, words: Option<&Bound<'_, PyDict>>| {
            let some = this.get().any_that(&method, arguments, words)?;
            Ok::<Py<PyAny>, PyErr>(some.into_any().unbind())
        };
        Ok(PyCFunction::new_closure(slf.py(), None, None, call)?.into_any())
    }

    fn __hash__(&self) -> isize {
        self.relation.as_ptr() as isize
    }

    /// Whether an object behind the relation meets the conditions; where the attribute is a relation, its objects.
    #[pyo3(signature = (*conditions, **lookups))]
    fn any<'py>(
        &self,
        conditions: &Bound<'py, PyTuple>,
        lookups: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Condition>> {
        let py = conditions.py();
        let attribute = self.attribute.bind(py);
        let is_relation =
            attribute.cast::<crate::expr::Expr>().is_ok_and(|expr| expr.get().relation().is_some());
        if is_relation {
            return self.any_of(attribute.call_method("any", conditions, lookups)?);
        }
        Ok(self.relation.bind(py).call_method("any", conditions, lookups)?.cast_into()?)
    }

    /// The same, as it is called for a relation to one object.
    #[pyo3(signature = (*conditions, **lookups))]
    fn has<'py>(
        &self,
        conditions: &Bound<'py, PyTuple>,
        lookups: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Condition>> {
        self.any(conditions, lookups)
    }
}
