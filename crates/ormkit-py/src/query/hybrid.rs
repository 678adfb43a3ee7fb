//! Hybrids in lookups and UPDATEs by name.

use ormkit_core::model::{ModelId, RelationId, Schema};
use ormkit_core::query::lookup::correlated;
use ormkit_core::query::{Expr as CoreExpr, Item, Source};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::names::Names;
use crate::derived::HybridProperty;
use crate::errors::to_py;
use crate::expr::{Expr, condition_of};
use crate::model::{find_class, unsupported};

/// The method of a comparator behind each lookup of a hybrid.
const METHODS: [(&str, &str); 12] = [
    ("exact", "__eq__"),
    ("ne", "__ne__"),
    ("gt", "__gt__"),
    ("gte", "__ge__"),
    ("lt", "__lt__"),
    ("lte", "__le__"),
    ("in", "in_"),
    ("contains", "contains"),
    ("icontains", "icontains"),
    ("startswith", "startswith"),
    ("endswith", "endswith"),
    ("like", "like"),
];

/// The hybrid of a class that has this name, if there is one.
pub(super) fn hybrid_named<'py>(
    class: &Bound<'py, PyType>,
    name: &str,
) -> PyResult<Option<Bound<'py, HybridProperty>>> {
    Ok(written_in(class, name)?.and_then(|found| found.cast_into().ok()))
}

/// What stands under a name in the body of a class, or of one that it extends.
pub(super) fn written_in<'py>(class: &Bound<'py, PyType>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    for ancestor in class.mro() {
        if let Ok(found) = ancestor.getattr("__dict__")?.get_item(name) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The hybrid that a class shows as this expression, and that says what an UPDATE of it sets: `{Interval.length: 3}`.
///
/// # Errors
/// `TypeError` where several are.
pub(super) fn hybrid_shown<'py>(
    class: &Bound<'py, PyType>,
    shown: &Bound<'py, Expr>,
) -> PyResult<Option<Bound<'py, HybridProperty>>> {
    let Ok(sought) = shown.get().core() else { return Ok(None) };
    let shows = |made: &Bound<'py, PyAny>| {
        made.cast::<Expr>().is_ok_and(|made| made.get().core().is_ok_and(|made| made == sought))
    };
    let mut found: Option<(String, Bound<'py, HybridProperty>)> = None;
    for name in class.dir()?.extract::<Vec<String>>()? {
        let Some(hybrid) = hybrid_named(class, &name)? else { continue };
        if !hybrid.get().has_updates() || !shows(&class.getattr(name.as_str())?) {
            continue;
        }
        if let Some((known, other)) = &found {
            if other.is(&hybrid) {
                continue;
            }
            return Err(PyTypeError::new_err(format!(
                "{known} and {name} are the same expression: name one of them by a text"
            )));
        }
        found = Some((name, hybrid));
    }
    Ok(found.map(|(_, hybrid)| hybrid))
}

/// A hybrid that a name leads to, across relations too: `author__full_name__startswith`.
pub(super) struct Hybrid<'a> {
    /// The relations on the way.
    pub(super) relations: Vec<RelationId>,
    /// One of them leads to several objects.
    many: bool,
    /// What the class shows for it.
    made: Py<PyAny>,
    /// The words behind its name.
    rest: Option<&'a str>,
}

impl<'a> Hybrid<'a> {
    /// The hybrid of a name for objects of `model`; None where it names something else.
    pub(super) fn named(
        py: Python<'_>,
        schema: &Schema,
        model: ModelId,
        name: &'a str,
    ) -> PyResult<Option<Self>> {
        let (mut at, mut left) = (schema.model(model), name);
        let (mut relations, mut many) = (Vec::new(), false);
        loop {
            let (head, rest) = left.split_once("__").map_or((left, None), |(head, rest)| (head, Some(rest)));
            if at.find_field(head).is_some() || head == "pk" {
                return Ok(None);
            }
            if let Some(relation) = at.find_relation(head) {
                let Some(rest) = rest else { return Ok(None) };
                relations.push(relation);
                many |= at.relation(relation).many;
                (at, left) = (schema.model(at.relation(relation).target), rest);
                continue;
            }
            let Some(class) = find_class(py, at.id) else { return Ok(None) };
            let class = class.class.bind(py);
            if hybrid_named(class, head)?.is_none() {
                return Ok(None);
            }
            let made = class.getattr(head)?.unbind();
            return Ok(Some(Self { relations, many, made, rest }));
        }
    }

    /// Refuses a way that leads to several objects.
    ///
    /// # Errors
    /// `NotSupportedError`.
    pub(super) fn require_one(&self, name: &str) -> PyResult<()> {
        match self.many {
            true => Err(unsupported(
                format!("`{name}`: a hybrid of several related objects"),
                "say it with any(..) of the relation, or of a column",
            )),
            false => Ok(()),
        }
    }

    /// Its value on a row of `source`, whose class it is of.
    ///
    /// # Errors
    /// `FieldError` where words follow; `TypeError` where the class shows no expression.
    pub(super) fn value(
        &self,
        py: Python<'_>,
        schema: &Schema,
        source: Source,
        name: &str,
    ) -> PyResult<CoreExpr> {
        if let Some(rest) = self.rest {
            return Err(to_py(py, schema.model(source.model).unknown("attribute", rest)));
        }
        self.expr(py, source)?.ok_or_else(|| {
            PyTypeError::new_err(format!("{name}: the hybrid is a comparator, and no value in a query"))
        })
    }

    /// Its value on the row at hand without a join: a SELECT of one value where relations are crossed.
    ///
    /// # Errors
    /// As [`value`](Self::value) and [`require_one`](Self::require_one).
    pub(super) fn value_apart(
        &self,
        py: Python<'_>,
        schema: &Schema,
        source: Source,
        name: &str,
    ) -> PyResult<CoreExpr> {
        self.require_one(name)?;
        self.across(schema, source, |end| self.value(py, schema, end, name))
    }

    /// The condition of a lookup that names it.
    fn condition(&self, names: &Names<'_>, name: &str, value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
        let py = value.py();
        let source = names.source;
        self.require_one(name)?;
        if self.expr(py, source)?.is_none() {
            return self.compared(names, name, value);
        }
        let expr =
            self.across(names.schema, source, |end| Ok(self.expr(py, end)?.unwrap_or(CoreExpr::Null)))?;
        names.on_computed(name, self.rest, &expr, value)
    }

    fn across(
        &self,
        schema: &Schema,
        source: Source,
        value: impl FnOnce(Source) -> PyResult<CoreExpr>,
    ) -> PyResult<CoreExpr> {
        if self.relations.is_empty() {
            return value(source);
        }
        let (mut select, end) = correlated(schema, source, &self.relations);
        select.items.push(Item::Value { expr: value(end)?, label: None });
        Ok(CoreExpr::Scalar(select.into()))
    }

    fn expr(&self, py: Python<'_>, source: Source) -> PyResult<Option<CoreExpr>> {
        match self.made.bind(py).cast::<Expr>() {
            Ok(expr) => Ok(Some(expr.get().core()?.renamed(Source::plain(source.model), source))),
            Err(_) => Ok(None),
        }
    }

    /// The condition that a comparator of the class makes.
    fn compared(&self, names: &Names<'_>, name: &str, value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
        if !self.relations.is_empty() || names.source != Source::plain(names.source.model) {
            return Err(unsupported(format!("`{name}`: a comparator across relations"), "name a column"));
        }
        let (py, lookup) = (value.py(), self.rest.unwrap_or("exact"));
        let made = self.made.bind(py);
        if lookup == "isnull" {
            let method = if value.extract()? { "is_" } else { "is_not" };
            return condition_of(&made.call_method1(method, (py.None(),))?);
        }
        let Some((_, method)) = METHODS.iter().find(|(word, _)| *word == lookup) else {
            let known: Vec<&str> = METHODS.iter().map(|(word, _)| *word).collect();
            return Err(PyTypeError::new_err(format!(
                "{name}: a hybrid is looked up with isnull, {}",
                known.join(", ")
            )));
        };
        condition_of(&made.call_method1(*method, (value,))?)
    }
}

/// The condition of a lookup that names a hybrid; None where it names something else.
pub(super) fn hybrid_condition(
    names: &Names<'_>,
    name: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<Option<CoreExpr>> {
    let hybrid = Hybrid::named(value.py(), names.schema, names.source.model, name)?;
    hybrid.map(|hybrid| hybrid.condition(names, name, value)).transpose()
}
