//! Loader options: `selectinload(User.posts)`.

use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::model::ModelId;
use ormkit_core::query::{Load, Strategy};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::attribute::Attribute;
use crate::errors::to_py;
use crate::model::{schema, with_def};

/// How relations are loaded along with the objects of a query; the methods go one relation further.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Loader {
    steps: Vec<Step>,
}

#[derive(Clone)]
struct Step {
    strategy: Strategy,
    name: String,
    /// The model whose attribute was given; a name is any model's.
    model: Option<ModelId>,
}

/// The loads of `options=`: None, a loader, or several of them, for objects of `model`.
///
/// # Errors
/// `FieldError` for a relation that the model does not have.
pub(crate) fn loads_of(
    py: Python<'_>,
    model: ModelId,
    options: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<Load>> {
    let mut loads = Vec::new();
    match options {
        None => {}
        Some(none) if none.is_none() => {}
        Some(one) if one.is_instance_of::<Loader>() => add_loader(py, model, one, &mut loads)?,
        Some(several) => {
            for option in several.try_iter()? {
                add_loader(py, model, &option?, &mut loads)?;
            }
        }
    }
    Ok(loads)
}

/// Adds what one loader says.
pub(super) fn add_loader(
    py: Python<'_>,
    model: ModelId,
    option: &Bound<'_, PyAny>,
    loads: &mut Vec<Load>,
) -> PyResult<()> {
    let Ok(loader) = option.cast::<Loader>() else {
        let found = option.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "options() takes loaders such as selectinload(User.posts), not a {found}"
        )));
    };
    if let Some(load) = loader.get().resolve(py, model)? {
        Load::add(loads, load);
    }
    Ok(())
}

impl Loader {
    fn starting(strategy: Strategy, path: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self { steps: Vec::new() }.further(strategy, path)
    }

    fn further(&self, strategy: Strategy, path: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut steps = self.steps.clone();
        if let Ok(attribute) = path.cast::<Attribute>() {
            let attribute = attribute.get();
            let step = Step { strategy, name: attribute.name().to_owned(), model: Some(attribute.model()) };
            steps.push(step);
        } else if let Ok(text) = path.cast::<PyString>() {
            let named = text.to_str()?.split('.').flat_map(|part| part.split("__"));
            steps.extend(named.map(|name| Step { strategy, name: name.to_owned(), model: None }));
        } else {
            let found = path.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "a loader takes a relation such as User.posts, or its name, not a value of type {found}"
            )));
        }
        Ok(Self { steps })
    }

    fn resolve(&self, py: Python<'_>, model: ModelId) -> PyResult<Option<Load>> {
        let schema = schema(py)?;
        let mut at = schema.model(model);
        let mut loads = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            if let Some(given) = step.model
                && schema.model(given).table() != at.table()
            {
                let given = with_def(given, |def| def.name.clone());
                return Err(to_py(
                    py,
                    Error::new(ErrorKind::UnknownName {
                        what: "relation",
                        name: format!("{given}.{}", step.name),
                        within: at.name().to_owned(),
                        near: Vec::new(),
                    }),
                ));
            }
            let relation = at.relation_named(&step.name).map_err(|error| to_py(py, error))?;
            loads.push(Load::new(relation, step.strategy));
            at = schema.model(at.relation(relation).target);
        }
        // Each relation goes into the one before it, from the end.
        Ok(loads.into_iter().rev().reduce(|then, mut load| {
            load.then.push(then);
            load
        }))
    }
}

macro_rules! loaders {
    ($($(#[doc = $doc:literal])+ $name:ident => $strategy:ident;)+) => {
        $(
            $(#[doc = $doc])+
            #[pyfunction]
            pub(crate) fn $name(path: &Bound<'_, PyAny>) -> PyResult<Loader> {
                Loader::starting(Strategy::$strategy, path)
            }
        )+

        #[pymethods]
        impl Loader {
            $(
                $(#[doc = $doc])+
                fn $name(&self, path: &Bound<'_, PyAny>) -> PyResult<Self> {
                    self.further(Strategy::$strategy, path)
                }
            )+
        }
    };
}

loaders! {
    /// Loads a relation by one more statement for all parents.
    selectinload => SelectIn;
    /// The same: one more statement for all parents.
    subqueryload => SelectIn;
    /// Loads a relation in the same statement, by a join.
    joinedload => Joined;
    /// Takes a relation for empty, without asking; it is never written.
    noload => NoLoad;
    /// Leaves a relation unloaded, whatever it says itself.
    raiseload => Raise;
    /// Leaves a relation unloaded, whatever it says itself.
    lazyload => Raise;
}
