//! `aliased(User)`: a class once more in a statement.

use ormkit_core::model::{FieldId, ModelId};
use ormkit_core::query::{Derived, Expr as CoreExpr, FromItem, Item, Source};
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::sync::Arc;

use super::hybrid::written_in;
use super::{Subquery, model_of};
use crate::attribute::Attribute;
use crate::derived::{AssociationProxy, HybridMethod, HybridProperty};
use crate::errors::to_py;
use crate::model::{mapped_class, schema, unsupported, with_def};

/// A mapped class under another name of its table, or out of the rows of a subquery. It stands for the class in
/// statements: its attributes are those of the class.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct AliasedClass {
    class: Py<PyType>,
    model: ModelId,
    rows: Rows,
}

enum Rows {
    Table(Source),
    Derived(Arc<Derived>, Vec<(FieldId, u16)>),
}

/// A mapped class once more: under a name that the statement chooses (`users_1`), under `name`, or out of a subquery
/// whose columns are those of the class. Of a subquery or a CTE alone: its rows once more.
///
/// Raises:
///     FieldError: A column of the subquery is missing that objects cannot do without.
#[pyfunction]
#[pyo3(signature = (element, alias = None, name = None, flat = false))]
pub(crate) fn aliased(
    element: &Bound<'_, PyAny>,
    alias: Option<&Bound<'_, PyAny>>,
    name: Option<&str>,
    flat: bool,
) -> PyResult<Py<PyAny>> {
    // `flat` is about inheritance by joins; an alias of one table is flat as it is.
    let _ = flat;
    let py = element.py();
    if let (Ok(rows), true) = (element.cast::<Subquery>(), alias.is_none_or(|alias| alias.is_none())) {
        return Ok(Py::new(py, rows.get().alias(name))?.into_any());
    }
    let model = model_of(element)?;
    let class = element.cast::<PyType>()?.clone().unbind();
    let rows = match (alias.filter(|alias| !alias.is_none()), name) {
        (Some(alias), name) => {
            let Ok(rows) = alias.cast::<Subquery>() else {
                return Err(PyTypeError::new_err(
                    "aliased() takes a class and a subquery: aliased(User, select(User).limit(5).subquery()); a name \
                     is given by name=",
                ));
            };
            let derived = match name {
                Some(name) => Arc::new(rows.get().derived().alias(Some(name))),
                None => Arc::clone(rows.get().derived()),
            };
            let fields = derived.fields_of(schema(py)?.model(model)).map_err(|error| to_py(py, error))?;
            Rows::Derived(derived, fields)
        }
        (None, Some(name)) => Rows::Table(Source::named(model, name).map_err(|error| to_py(py, error))?),
        (None, None) => Rows::Table(Source::fresh(model)),
    };
    Ok(Py::new(py, AliasedClass { class, model, rows })?.into_any())
}

/// What a class or an alias of one is in FROM, and its model.
///
/// # Errors
/// `TypeError` for anything else.
pub(crate) fn mapped_item(entity: &Bound<'_, PyAny>) -> PyResult<(FromItem, ModelId)> {
    match entity.cast::<AliasedClass>() {
        Ok(alias) => Ok((alias.get().in_from(), alias.get().model)),
        Err(_) => model_of(entity).map(|model| (Source::plain(model).into(), model)),
    }
}

impl AliasedClass {
    /// What it is in FROM.
    pub(super) fn in_from(&self) -> FromItem {
        match &self.rows {
            Rows::Table(source) => (*source).into(),
            Rows::Derived(derived, _) => Arc::clone(derived).into(),
        }
    }

    /// What it is in a result.
    pub(super) fn item(&self) -> Item {
        match &self.rows {
            Rows::Table(source) => Item::Entity { source: *source, fields: None },
            Rows::Derived(of, columns) => {
                Item::Mapped { of: Arc::clone(of), model: self.model, columns: columns.clone() }
            }
        }
    }
}

/// A class together with those that extend it, whose columns are attributes of their names: `all.Manager.bonus`.
///
/// Args:
///     base: The class.
///     classes: Classes that extend it; `"*"`: all of them.
///     selectable, polymorphic_on: Not there.
///     flat, innerjoin: Without meaning: the tables are read as one.
///     aliased: Another name of its table, as [`aliased`] gives it.
///
/// Raises:
///     TypeError: A class does not extend `base`.
#[pyfunction]
#[pyo3(signature = (base, classes, selectable = None, flat = false, polymorphic_on = None, aliased = false, innerjoin = false))]
pub(crate) fn with_polymorphic(
    base: &Bound<'_, PyAny>,
    classes: &Bound<'_, PyAny>,
    selectable: Option<&Bound<'_, PyAny>>,
    flat: bool,
    polymorphic_on: Option<&Bound<'_, PyAny>>,
    aliased: bool,
    innerjoin: bool,
) -> PyResult<AliasedClass> {
    let _ = (flat, innerjoin);
    if selectable.or(polymorphic_on).is_some_and(|given| !given.is_none()) {
        return Err(unsupported(
            "with_polymorphic() of a selectable of one's own",
            "use aliased(Employee, select(..).subquery())",
        ));
    }
    let model = model_of(base)?;
    check_below(base, classes)?;
    let source = if aliased { Source::fresh(model) } else { Source::plain(model) };
    let class = base.cast::<PyType>()?.clone().unbind();
    Ok(AliasedClass { class, model, rows: Rows::Table(source) })
}

/// Refuses classes that do not extend `base`; `"*"` are all that do.
///
/// # Errors
/// `TypeError` naming both.
pub(super) fn check_below(base: &Bound<'_, PyAny>, classes: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = base.py();
    if classes.extract::<&str>().is_ok_and(|all| all == "*") {
        return Ok(());
    }
    let schema = schema(py)?;
    let above = schema.model(model_of(base)?);
    for class in classes.try_iter()? {
        let below = schema.model(model_of(&class?)?);
        if !below.is_a(above.id) {
            return Err(PyTypeError::new_err(format!(
                "{} does not extend {}, or {} has no polymorphic_on",
                below.name(),
                above.name(),
                above.name()
            )));
        }
    }
    Ok(())
}

impl AliasedClass {
    /// The class of a name that extends this one.
    fn below<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyType>>> {
        let schema = schema(py)?;
        let below = schema.model(self.model).family.iter().flat_map(|family| &family.below);
        let found = below.copied().find(|id| schema.model(*id).name() == name);
        Ok(found.map(|id| mapped_class(py, id).class.bind(py).clone()))
    }
}

/// What is made of the columns of a class by its own functions (hybrids, proxies, class methods): of the alias it is made of
/// the columns of the alias. None for anything else.
fn derived_of<'py>(alias: &Bound<'py, AliasedClass>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = alias.py();
    let Some(written) = written_in(alias.get().class.bind(py), name)? else { return Ok(None) };
    if written.is_instance(&py.import("builtins")?.getattr("classmethod")?)? {
        return written.getattr("__func__")?.call_method1("__get__", (alias,)).map(Some);
    }
    let asks_its_owner = written.is_instance_of::<HybridProperty>()
        || written.is_instance_of::<HybridMethod>()
        || written.is_instance_of::<AssociationProxy>();
    match asks_its_owner {
        true => written.call_method1("__get__", (py.None(), alias)).map(Some),
        false => Ok(None),
    }
}

#[pymethods]
impl AliasedClass {
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if let (Rows::Table(source), Some(below)) = (&this.rows, this.below(py, name)?) {
            let model = model_of(below.as_any())?;
            let rows = Rows::Table(Source { model, alias: source.alias });
            return Ok(Bound::new(py, Self { class: below.unbind(), model, rows })?.into_any());
        }
        if let Some(derived) = derived_of(slf, name)? {
            return Ok(derived);
        }
        let found = this.class.bind(py).getattr(name)?;
        let Ok(attribute) = found.cast::<Attribute>() else { return Ok(found) };
        let (slot, name) = (attribute.get().slot(), name.to_owned());
        let made = match &this.rows {
            Rows::Table(source) => Attribute::of(*source, slot, name),
            Rows::Derived(of, columns) => {
                let is_column = with_def(this.model, |def| slot < def.fields.len());
                let at = columns.iter().find(|(field, _)| is_column && field.index() == slot);
                if is_column && at.is_none() {
                    return Err(PyAttributeError::new_err(format!(
                        "the subquery has no column for {}: select it there",
                        attribute.repr()?
                    )));
                }
                Attribute::of_rows(at.map(|(_, at)| CoreExpr::part(of, *at)), this.model, slot, name)
            }
        };
        Ok(Bound::new(py, made)?.into_any())
    }

    fn __call__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let class = self.class.bind(py).name()?;
        Err(PyTypeError::new_err(format!("an alias makes no objects: call {class}(..) itself")))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<aliased {}>", self.class.bind(py).name()?))
    }
}
