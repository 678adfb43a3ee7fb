//! One relation of a loader's path.

use ormkit_core::error::{Error, Result};
use ormkit_core::model::{FieldId, Lazy, Model, ModelId, Relation, Schema};
use ormkit_core::query::{Expr as CoreExpr, FromItem, Load, Source, Strategy};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use std::sync::Arc;

use super::Loader;
use super::apply::Wanted;
use super::columns::{Columns, foreign};
use super::part::RelationPart;
use super::prefetch::Prefetch;
use crate::attribute::Attribute;
use crate::errors::to_py;
use crate::model::mapped_class;
use crate::query::order_terms;

/// What is said of the objects of a relation, or of the queried ones.
#[derive(Clone, Default)]
pub(super) struct Further {
    pub(super) columns: Vec<Columns>,
    /// Loaders that go on from here.
    pub(super) branches: Vec<Arc<Py<PyAny>>>,
}

/// One relation, how it is loaded and how much of it.
#[derive(Clone)]
pub(super) struct Step {
    strategy: Strategy,
    name: String,
    /// The model whose attribute was given; a name is any model's.
    model: Option<ModelId>,
    pub(super) further: Further,
    pub(super) filter: Vec<CoreExpr>,
    /// Terms as they were given, and whether all of them go downwards.
    pub(super) order_by: Option<Arc<(Py<PyTuple>, bool)>>,
    pub(super) limit: Option<u64>,
    pub(super) offset: Option<u64>,
    pub(super) inner: Option<bool>,
    /// The table whose rows have the relation, where an attribute was given.
    at: Option<Source>,
    /// The alias that a contained relation is read from.
    source: Option<Source>,
    pub(super) depth: u32,
    /// The attribute that what is found goes to, in place of the relation.
    pub(super) aside: Option<Arc<str>>,
    /// What a query of the target says of it: the model, and everything that a load can take over.
    pub(super) query: Option<(ModelId, Load)>,
}

impl Step {
    fn new(strategy: Strategy, name: &str, model: Option<ModelId>) -> Self {
        Self {
            strategy,
            name: name.to_owned(),
            model,
            further: Further::default(),
            filter: Vec::new(),
            order_by: None,
            limit: None,
            offset: None,
            inner: None,
            at: None,
            source: None,
            depth: 1,
            query: None,
            aside: None,
        }
    }

    /// The relations of a path: an attribute, a part of one, a dotted name, a `Prefetch`.
    ///
    /// # Errors
    /// `TypeError` for anything else.
    pub(super) fn of_path(strategy: Strategy, path: &Bound<'_, PyAny>) -> PyResult<Vec<Self>> {
        if let Ok(attribute) = path.cast::<Attribute>() {
            let at = attribute.as_super().get().relation_source().ok().flatten();
            let attribute = attribute.get();
            let source = match (attribute.target(), strategy) {
                (None, _) => None,
                (Some(FromItem::Table(alias)), Strategy::Contained) => Some(*alias),
                // A class below: all are read as what they are, and what is said further may speak of it.
                (Some(FromItem::Table(below)), _) if *below == Source::plain(below.model) => None,
                (Some(_), _) => {
                    return Err(PyTypeError::new_err(
                        "of_type() of a loader says which join of the query contains_eager() reads; of a class below, name \
                         what is loaded: selectinload(Company.employees).selectinload(Manager.reports)",
                    ));
                }
            };
            return Ok(vec![Self {
                at,
                source,
                ..Self::new(strategy, attribute.name(), Some(attribute.model()))
            }]);
        }
        if let Ok(part) = path.cast::<RelationPart>() {
            let part = part.get();
            let filter = part.filter.clone();
            return Ok(vec![Self { filter, ..Self::new(strategy, &part.name, Some(part.model)) }]);
        }
        if let Ok(prefetch) = path.cast::<Prefetch>() {
            return prefetch.get().steps(strategy);
        }
        match path.cast::<PyString>() {
            Ok(text) => Ok(Self::of_name(strategy, text.to_str()?)),
            Err(_) => {
                let found = path.get_type().name()?;
                Err(PyTypeError::new_err(format!(
                    "a loader takes a relation such as User.posts, or its name, not a value of type {found}"
                )))
            }
        }
    }

    /// The relations of `posts.tags` or `posts__tags`.
    pub(super) fn of_name(strategy: Strategy, path: &str) -> Vec<Self> {
        let parts = path.split('.').flat_map(|part| part.split("__"));
        parts.map(|name| Self::new(strategy, name, None)).collect()
    }

    /// The model whose attribute was given, and its table where that is known.
    pub(super) fn owner(&self) -> Option<(ModelId, Option<Source>)> {
        Some((self.model?, self.at))
    }

    /// The attribute's name, and the model that it was read from.
    pub(super) fn named(&self) -> (&str, Option<ModelId>) {
        (&self.name, self.model)
    }

    /// True where the step stands for all relations.
    fn is_wildcard(&self) -> bool {
        self.name == "*" && matches!(self.strategy, Strategy::Raise | Strategy::NoLoad)
    }

    /// Adds the loads of `steps`, of objects of `model`, to `loads`.
    ///
    /// # Errors
    /// `FieldError` for a relation or column that a model does not have; `TypeError` for options that do not fit.
    pub(super) fn add(
        py: Python<'_>,
        schema: &Schema,
        model: &Model,
        steps: &[Self],
        loads: &mut Vec<Load>,
    ) -> PyResult<()> {
        let [step, rest @ ..] = steps else { return Ok(()) };
        if step.is_wildcard() {
            for relation in model.relations.iter().filter(|relation| relation.lazy != Lazy::WriteOnly) {
                if !loads.iter().any(|load| load.relation == relation.id && load.aside.is_none()) {
                    loads.push(Load::new(relation.id, step.strategy));
                }
            }
            return Ok(());
        }
        let raise = |error: Error| to_py(py, error);
        // Of a class below, whose objects may be among those of the class that is asked for.
        let below = step
            .model
            .map(|owner| schema.model(owner))
            .filter(|owner| owner.is_a(model.id) && model.find_relation(&step.name).is_none());
        let of = below.map(|owner| owner.id).filter(|of| *of != model.id);
        if of.is_some() && step.strategy == Strategy::Contained {
            return Err(raise(Error::unsupported(
                format!("contains_eager() of {}, which a class below has", step.name),
                "use selectinload",
            )));
        }
        let model = of.map_or(model, |of| schema.model(of));
        if let Some(owner) = step.model {
            check_owner(schema, owner, model, "relation", &step.name).map_err(raise)?;
        }
        let relation = model.relation(model.relation_named(&step.name).map_err(raise)?);
        if !matches!(step.strategy, Strategy::Raise | Strategy::Default) {
            check_loaded(model, relation).map_err(raise)?;
        }
        let target = schema.model(relation.target);
        let mut load = step.load(py, Load::new(relation.id, step.strategy), model, target)?;
        load.of = of;
        if let Some(name) = &load.aside {
            check_aside(py, model, name)?;
        }
        let known = loads.iter().find(|known| known.is_like(&load));
        let fields = load.fields.take().or_else(|| known.and_then(|known| known.fields.clone()));
        let below = load.below || known.is_some_and(|known| known.below);
        let then = known.map_or_else(Vec::new, |known| known.then.clone());
        let mut wanted = Wanted { fields, below, loads: then };
        std::mem::take(&mut load.then).into_iter().for_each(|then| Load::add(&mut wanted.loads, then));
        wanted.take(py, schema, target, &step.further)?;
        Self::add(py, schema, target, rest, &mut wanted.loads)?;
        (load.fields, load.below, load.then) = (wanted.fields, wanted.below, wanted.loads);
        Load::add(loads, load);
        Ok(())
    }

    fn load(&self, py: Python<'_>, mut load: Load, model: &Model, target: &Model) -> PyResult<Load> {
        if let Some((queried, query)) = &self.query {
            if *queried != target.id {
                return Err(PyTypeError::new_err(format!(
                    "Prefetch({:?}, ..) loads objects of {}: its queryset is of another class",
                    self.name,
                    target.name()
                )));
            }
            load = Load { relation: load.relation, strategy: load.strategy, ..query.clone() };
        }
        if let Some(order_by) = &self.order_by {
            let (terms, desc) = &**order_by;
            load.order_by = order_terms(Some(Source::plain(target.id)), terms.bind(py), *desc)?;
        }
        if self.depth != 1 && target.id != model.id {
            return Err(PyTypeError::new_err(format!(
                "recursion_depth is for relations of a class to itself: {}.{} leads to {}",
                model.name(),
                self.name,
                target.name()
            )));
        }
        load.filter.extend(self.filter.iter().cloned());
        load.limit = self.limit.or(load.limit);
        load.offset = self.offset.or(load.offset);
        load.inner = self.inner;
        load.source = self.source;
        load.depth = self.depth;
        load.aside.clone_from(&self.aside);
        Ok(load)
    }
}

/// Refuses to load a write-only list.
///
/// # Errors
/// `InvalidRequest`, which says how it is read.
pub(crate) fn check_loaded(model: &Model, relation: &Relation) -> Result<()> {
    match relation.lazy {
        Lazy::WriteOnly => Err(Error::invalid_request(format!(
            "{}.{} is write-only and never loaded: read it by await session.scalars(it.{}.select())",
            model.name(),
            relation.name,
            relation.name
        ))),
        _ => Ok(()),
    }
}

/// Refuses a name for loaded objects that is taken.
fn check_aside(py: Python<'_>, model: &Model, name: &str) -> PyResult<()> {
    let class = mapped_class(py, model.id).class.bind(py).clone();
    if !name.is_empty() && !name.starts_with('_') && !class.hasattr(name)? {
        return Ok(());
    }
    let text = match class.hasattr(name)? {
        true => format!("to_attr={name:?}: {} has an attribute of that name", model.name()),
        false => format!("to_attr={name:?}: it is no public name"),
    };
    Err(PyValueError::new_err(text))
}

impl Wanted {
    /// Takes in what is said of objects of `model`.
    ///
    /// # Errors
    /// As [`Step::add`].
    pub(super) fn take(
        &mut self,
        py: Python<'_>,
        schema: &Schema,
        model: &Model,
        further: &Further,
    ) -> PyResult<()> {
        for columns in &further.columns {
            self.below = !columns.are_all() && (self.below || self.fields.is_none());
            let fields: Vec<FieldId> =
                columns.apply(schema, model, self.fields.take()).map_err(|error| to_py(py, error))?;
            self.fields = Some(fields);
        }
        for branch in &further.branches {
            self.add(py, schema, model, branch.bind(py))?;
        }
        Ok(())
    }

    /// Takes in one option.
    ///
    /// # Errors
    /// As [`Step::add`].
    pub(super) fn add(
        &mut self,
        py: Python<'_>,
        schema: &Schema,
        model: &Model,
        option: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let Ok(loader) = option.cast::<Loader>() else {
            if !is_path(option) {
                let found = option.get_type().name()?;
                return Err(PyTypeError::new_err(format!(
                    "options() takes loaders such as selectinload(User.posts), not a {found}"
                )));
            }
            return Step::add(
                py,
                schema,
                model,
                &Step::of_path(Strategy::SelectIn, option)?,
                &mut self.loads,
            );
        };
        let loader = loader.get();
        if loader.criteria.is_some() {
            return Err(PyTypeError::new_err(
                "with_loader_criteria() speaks of a whole query: give it to the query's options()",
            ));
        }
        if let Some(of) = loader.of {
            check_owner(schema, of, model, "relation", "*").map_err(|error| to_py(py, error))?;
        }
        self.take(py, schema, model, &loader.own)?;
        Step::add(py, schema, model, &loader.steps, &mut self.loads)
    }
}

/// True for what names a relation, or several of them.
pub(super) fn is_path(given: &Bound<'_, PyAny>) -> bool {
    given.is_instance_of::<Attribute>()
        || given.is_instance_of::<RelationPart>()
        || given.is_instance_of::<PyString>()
        || given.is_instance_of::<Prefetch>()
}

/// Refuses an attribute that was read from another class.
pub(super) fn check_owner(
    schema: &Schema,
    owner: ModelId,
    model: &Model,
    what: &'static str,
    name: &str,
) -> Result<()> {
    match schema.model(owner).table() == model.table() || model.is_a(owner) {
        true => Ok(()),
        false => Err(foreign(schema, owner, model, what, name)),
    }
}
