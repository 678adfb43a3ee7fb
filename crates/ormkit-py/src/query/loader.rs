//! Loader options: `selectinload(User.posts)`, and the methods that go on from there.

mod apply;
mod columns;
mod part;
mod prefetch;
mod step;

pub(super) use apply::apply_options;
pub(crate) use apply::{loads_of, paths_of, relations_of};
pub(crate) use part::RelationPart;
pub(crate) use prefetch::Prefetch;
pub(crate) use step::check_loaded;

use ormkit_core::model::ModelId;
use ormkit_core::query::{Criterion, Source, Strategy};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};
use std::sync::Arc;

use super::alias::check_below;
use super::{model_of, row_number};
use crate::expr::condition_of;
use crate::model::{MappedClass, classes_below, unsupported};
use columns::Columns;
use step::{Further, Step};

/// What is loaded along with the objects of a query, and how much of them. Methods that name a relation go one relation
/// further; the others speak of the relation named last, or of the queried objects themselves.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Loader {
    /// The class that `Load(User)` names.
    of: Option<ModelId>,
    /// Of the queried objects themselves.
    own: Further,
    /// Relations, each of the objects of the one before it.
    steps: Vec<Step>,
    /// What `with_loader_criteria` says.
    criteria: Option<Vec<Criterion>>,
}

impl Loader {
    fn empty() -> Self {
        Self { of: None, own: Further::default(), steps: Vec::new(), criteria: None }
    }

    /// A load of all relations of a path, in one way.
    ///
    /// # Errors
    /// `TypeError` for what is no path.
    pub(super) fn along(strategy: Strategy, path: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::empty().further(strategy, &PyTuple::new(path.py(), [path])?, |_| {})
    }

    /// What is read of the objects of a relation, in whatever way it is loaded: these columns `only`, or all but these.
    ///
    /// # Errors
    /// `TypeError` for what names no column.
    pub(super) fn reading(
        path: &Bound<'_, PyAny>,
        columns: &Bound<'_, PyTuple>,
        only: bool,
    ) -> PyResult<Self> {
        let along = Self::along(Strategy::Default, path)?;
        let columns = if only { Columns::only(columns)? } else { Columns::without(columns)? };
        Ok(along.with_columns(columns))
    }

    /// The class whose objects it speaks of, and their table, as far as it says so.
    fn spoken_of(&self) -> Option<(ModelId, Option<Source>)> {
        let by_column = || self.own.columns.iter().find_map(Columns::owner).map(|owner| (owner, None));
        let named = self.of.map(|of| (of, None));
        named.or_else(|| self.steps.first().and_then(Step::owner)).or_else(by_column)
    }

    fn copy(&self) -> Self {
        Self {
            of: self.of,
            own: self.own.clone(),
            steps: self.steps.clone(),
            criteria: self.criteria.clone(),
        }
    }

    fn further(
        &self,
        strategy: Strategy,
        path: &Bound<'_, PyTuple>,
        option: impl Fn(&mut Step),
    ) -> PyResult<Self> {
        if path.is_empty() {
            return Err(PyTypeError::new_err("a loader takes a relation such as User.posts, or its name"));
        }
        let mut loader = self.copy();
        for part in path.iter() {
            for mut step in Step::of_path(strategy, &part)? {
                option(&mut step);
                loader.steps.push(step);
            }
        }
        Ok(loader)
    }

    /// The same with something more said of the relation named last.
    fn saying(&self, change: impl FnOnce(&mut Further)) -> Self {
        let mut loader = self.copy();
        change(match loader.steps.last_mut() {
            Some(step) => &mut step.further,
            None => &mut loader.own,
        });
        loader
    }

    /// The same with something more said of the list named last.
    fn narrowing(&self, method: &str, change: impl FnOnce(&mut Step)) -> PyResult<Self> {
        let mut loader = self.copy();
        match loader.steps.last_mut() {
            Some(step) => change(step),
            None => {
                return Err(PyTypeError::new_err(format!(
                    "{method} speaks of a relation: selectinload(User.posts).{method}"
                )));
            }
        }
        Ok(loader)
    }

    fn with_columns(&self, columns: Columns) -> Self {
        self.saying(|further| further.columns.push(columns))
    }
}

#[pymethods]
impl Loader {
    /// Reads these columns alone, and keys. A later `load_only` takes the place of an earlier one. `raiseload` is
    /// understood: columns that are left out always raise.
    #[pyo3(signature = (*columns, raiseload = false))]
    fn load_only(&self, columns: &Bound<'_, PyTuple>, raiseload: bool) -> PyResult<Self> {
        let _ = raiseload;
        Ok(self.with_columns(Columns::only(columns)?))
    }

    /// Leaves columns out; `"*"` leaves out all but keys. `raiseload` is understood: they always raise.
    #[pyo3(signature = (*columns, raiseload = false))]
    fn defer(&self, columns: &Bound<'_, PyTuple>, raiseload: bool) -> PyResult<Self> {
        let _ = raiseload;
        Ok(self.with_columns(Columns::without(columns)?))
    }

    /// Reads columns that are left out by default; `"*"` reads all.
    #[pyo3(signature = (*columns))]
    fn undefer(&self, columns: &Bound<'_, PyTuple>) -> PyResult<Self> {
        Ok(self.with_columns(Columns::with(columns)?))
    }

    /// Reads the columns of a `deferred_group`.
    fn undefer_group(&self, name: String) -> Self {
        self.with_columns(Columns::group(name))
    }

    /// Sorts the list named last, instead of its own order.
    #[pyo3(signature = (*columns, desc = false))]
    fn order_by(&self, columns: &Bound<'_, PyTuple>, desc: bool) -> PyResult<Self> {
        let terms = Arc::new((columns.clone().unbind(), desc));
        self.narrowing("order_by()", |step| step.order_by = Some(terms))
    }

    /// At most so many objects of the list named last, for each parent.
    fn limit(&self, count: &Bound<'_, PyAny>) -> PyResult<Self> {
        let rows = row_number(count, "limit")?;
        self.narrowing("limit()", |step| step.limit = rows)
    }

    /// Leaves out so many objects of the list named last, for each parent.
    fn offset(&self, count: &Bound<'_, PyAny>) -> PyResult<Self> {
        let rows = row_number(count, "offset")?;
        self.narrowing("offset()", |step| step.offset = rows)
    }

    /// Several loaders that go on from here.
    #[pyo3(signature = (*loaders))]
    fn options(&self, loaders: &Bound<'_, PyTuple>) -> Self {
        self.saying(|further| further.branches.extend(loaders.iter().map(|one| Arc::new(one.unbind()))))
    }

    /// Loads a relation by one more statement for all parents; `recursion_depth` of a relation of a class to itself: so
    /// many levels, one statement each, -1 for all there are.
    #[pyo3(signature = (*path, recursion_depth = None))]
    fn selectinload(&self, path: &Bound<'_, PyTuple>, recursion_depth: Option<i64>) -> PyResult<Self> {
        let depth = depth_of(recursion_depth)?;
        self.further(Strategy::SelectIn, path, |step| step.depth = depth)
    }

    /// Loads a relation in the same statement, by a join; `innerjoin` leaves out parents without a relative. By default it is
    /// as the relationship says.
    #[pyo3(signature = (*path, innerjoin = None))]
    fn joinedload(&self, path: &Bound<'_, PyTuple>, innerjoin: Option<bool>) -> PyResult<Self> {
        self.further(Strategy::Joined, path, |step| step.inner = innerjoin)
    }

    /// Reads a relation from a join that the query makes itself: what the query leaves out is not in the list.
    #[pyo3(signature = (*path))]
    fn contains_eager(&self, path: &Bound<'_, PyTuple>) -> PyResult<Self> {
        self.further(Strategy::Contained, path, |_| {})
    }
}

/// The loader options that differ in the strategy alone.
macro_rules! loaders {
    ($($(#[doc = $doc:literal])+ $name:ident => $strategy:ident;)+) => {
        $(
            $(#[doc = $doc])+
            #[pyfunction]
            #[pyo3(signature = (*path))]
            pub(crate) fn $name(path: &Bound<'_, PyTuple>) -> PyResult<Loader> {
                Loader::empty().$name(path)
            }
        )+

        #[pymethods]
        impl Loader {
            $(
                $(#[doc = $doc])+
                #[pyo3(signature = (*path))]
                fn $name(&self, path: &Bound<'_, PyTuple>) -> PyResult<Self> {
                    self.further(Strategy::$strategy, path, |_| {})
                }
            )+
        }
    };
}

loaders! {
    /// Loads a relation by one more statement for all parents.
    subqueryload => SelectIn;
    /// Loads a relation by one more statement for all parents.
    immediateload => SelectIn;
    /// Takes a relation for empty, without asking; it is never written. `"*"`: all that nothing else is said of.
    noload => NoLoad;
    /// Leaves a relation unloaded, whatever it says itself. `"*"`: all that nothing else is said of.
    raiseload => Raise;
    /// Leaves a relation unloaded, whatever it says itself. `"*"`: all that nothing else is said of.
    lazyload => Raise;
    /// Leaves a relation's own way of loading as it is, to say something of its objects.
    defaultload => Default;
}

/// Loads a relation by one more statement for all parents; `recursion_depth` of a relation of a class to itself: so many
/// levels, one statement each, -1 for all there are.
#[pyfunction]
#[pyo3(signature = (*path, recursion_depth = None))]
pub(crate) fn selectinload(path: &Bound<'_, PyTuple>, recursion_depth: Option<i64>) -> PyResult<Loader> {
    Loader::empty().selectinload(path, recursion_depth)
}

/// Loads a relation in the same statement, by a join; `innerjoin` leaves out parents without a relative.
#[pyfunction]
#[pyo3(signature = (*path, innerjoin = None))]
pub(crate) fn joinedload(path: &Bound<'_, PyTuple>, innerjoin: Option<bool>) -> PyResult<Loader> {
    Loader::empty().joinedload(path, innerjoin)
}

/// Reads a relation from a join that the query makes itself: what the query leaves out is not in the list.
#[pyfunction]
#[pyo3(signature = (*path))]
pub(crate) fn contains_eager(path: &Bound<'_, PyTuple>) -> PyResult<Loader> {
    Loader::empty().contains_eager(path)
}

/// Reads these columns alone, and keys. A later `load_only` takes the place of an earlier one. `raiseload` is understood:
/// columns that are left out always raise.
#[pyfunction]
#[pyo3(signature = (*columns, raiseload = false))]
pub(crate) fn load_only(columns: &Bound<'_, PyTuple>, raiseload: bool) -> PyResult<Loader> {
    Loader::empty().load_only(columns, raiseload)
}

/// Leaves columns out; `"*"` leaves out all but keys. `raiseload` is understood: they always raise.
#[pyfunction]
#[pyo3(signature = (*columns, raiseload = false))]
pub(crate) fn defer(columns: &Bound<'_, PyTuple>, raiseload: bool) -> PyResult<Loader> {
    Loader::empty().defer(columns, raiseload)
}

/// Reads columns that are left out by default; `"*"` reads all.
#[pyfunction]
#[pyo3(signature = (*columns))]
pub(crate) fn undefer(columns: &Bound<'_, PyTuple>) -> PyResult<Loader> {
    Loader::empty().undefer(columns)
}

/// Reads the columns of a `deferred_group`.
#[pyfunction]
pub(crate) fn undefer_group(name: String) -> Loader {
    Loader::empty().undefer_group(name)
}

/// Loads from a class on: `Load(User).selectinload(User.posts)`.
#[pyfunction]
#[pyo3(name = "Load")]
pub(crate) fn load_from(model: &Bound<'_, PyAny>) -> PyResult<Loader> {
    Ok(Loader { of: Some(model_of(model)?), ..Loader::empty() })
}

/// A condition on every object of a class that a query reads: in its tables, its joins, the statements inside of it, and among
/// what is loaded along.
///
/// Args:
///     model: A mapped class; with a function also a base or a mixin, for all mapped classes that derive from it.
///     condition: The condition, or a function that makes it of the class: it is called for each class that derives from
///         `model`.
///     include_aliases, propagate_to_loaders: Only true: aliases and what is loaded along are always meant.
///     track_closure_variables: Without effect: the function is called each time.
///
/// Raises:
///     NotSupportedError: Aliases or what is loaded along are left out.
#[pyfunction]
#[pyo3(signature = (model, condition, /, *, include_aliases = true, propagate_to_loaders = true, track_closure_variables = true))]
pub(crate) fn with_loader_criteria(
    model: &Bound<'_, PyAny>,
    condition: &Bound<'_, PyAny>,
    include_aliases: bool,
    propagate_to_loaders: bool,
    track_closure_variables: bool,
) -> PyResult<Loader> {
    let _ = track_closure_variables;
    if !include_aliases || !propagate_to_loaders {
        return Err(unsupported(
            "with_loader_criteria(..) that leaves out aliases or what is loaded along",
            "use where(..) for the statement's own rows",
        ));
    }
    let made = if let (true, Ok(class)) = (condition.is_callable(), model.cast::<PyType>()) {
        let of_class = |(id, mapped): (ModelId, Arc<MappedClass>)| {
            let condition = condition_of(&condition.call1((mapped.class.bind(model.py()),))?)?;
            Ok(Criterion { model: id, condition })
        };
        classes_below(class)?.into_iter().map(of_class).collect::<PyResult<_>>()?
    } else {
        vec![Criterion { model: model_of(model)?, condition: condition_of(condition)? }]
    };
    Ok(Loader { criteria: Some(made), ..Loader::empty() })
}

/// Objects are read with the columns of their own class, whatever class is asked for: the option says nothing more.
///
/// Raises:
///     TypeError: A class does not extend `base`.
#[pyfunction]
pub(crate) fn selectin_polymorphic(base: &Bound<'_, PyAny>, classes: &Bound<'_, PyAny>) -> PyResult<Loader> {
    check_below(base, classes)?;
    Ok(Loader::empty())
}

fn depth_of(levels: Option<i64>) -> PyResult<u32> {
    match levels {
        None => Ok(1),
        Some(-1) => Ok(u32::MAX),
        Some(levels) => u32::try_from(levels).ok().filter(|levels| *levels > 0).ok_or_else(|| {
            PyValueError::new_err(format!(
                "recursion_depth is a number of levels, or -1 for all, not {levels}"
            ))
        }),
    }
}
