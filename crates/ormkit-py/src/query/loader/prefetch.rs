//! `Prefetch("posts", queryset=session.query(Post).filter(..))`, as Django has it.

use ormkit_core::model::{ModelId, RelationId};
use ormkit_core::query::{Deleted, Item, Load, Strategy};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::step::Step;
use crate::model::unsupported;
use crate::query::Query;

/// A relation to load by one more statement, with what a query says of its objects.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Prefetch {
    steps: Vec<Step>,
}

#[pymethods]
impl Prefetch {
    /// Args:
    ///     lookup: A relation, or its (dotted) name.
    ///     queryset: A query of the class at its end: its conditions, order, options and slice are those of each list.
    ///     to_attr: Where the list goes, as a plain attribute that no flush writes, instead of into the relation: several of one
    ///         relation go beside each other. Of a relation to one object it is the object, or None.
    ///
    /// Raises:
    ///     TypeError: The query groups, joins, locks or is distinct.
    #[new]
    #[pyo3(signature = (lookup, queryset = None, to_attr = None))]
    fn new(
        lookup: &Bound<'_, PyAny>,
        queryset: Option<&Bound<'_, Query>>,
        to_attr: Option<&str>,
    ) -> PyResult<Self> {
        let mut steps = Step::of_path(Strategy::SelectIn, lookup)?;
        if let (Some(queryset), Some(last)) = (queryset, steps.last_mut()) {
            last.query = Some(load_of(queryset.get())?);
        }
        if let (Some(name), Some(last)) = (to_attr, steps.last_mut()) {
            last.aside = Some(name.into());
        }
        Ok(Self { steps })
    }
}

impl Prefetch {
    /// Its relations, by a further statement each.
    ///
    /// # Errors
    /// `TypeError` where they are to be joined.
    pub(super) fn steps(&self, strategy: Strategy) -> PyResult<Vec<Step>> {
        match strategy {
            Strategy::SelectIn => Ok(self.steps.clone()),
            _ => Err(PyTypeError::new_err("Prefetch(..) is for prefetch_related() and selectinload()")),
        }
    }
}

/// What a load can take over of a query.
fn load_of(query: &Query) -> PyResult<(ModelId, Load)> {
    let core = query.core();
    let [Item::Entity { source, fields }] = &core.items[..] else {
        return Err(PyTypeError::new_err("Prefetch(queryset=..) takes a query of objects"));
    };
    let plain = core.joins.is_empty()
        && core.from.is_empty()
        && core.group_by.is_empty()
        && core.having.is_empty()
        && core.criteria.is_empty()
        && core.lock.is_none()
        && !core.distinct;
    if !plain {
        return Err(PyTypeError::new_err(
            "Prefetch(queryset=..) takes over conditions, order, slice and options of a query: no joins, groups, \
             DISTINCT, locks or criteria",
        ));
    }
    if core.deleted != Deleted::LeftOut {
        return Err(unsupported(
            "with_deleted() or only_deleted() of the queryset of a Prefetch",
            "say with_deleted() of the whole query, which speaks of its loads, too",
        ));
    }
    // The relation is known where the path is followed.
    let load = Load {
        fields: fields.clone(),
        filter: core.filter.clone(),
        order_by: core.order_by.clone(),
        limit: core.limit,
        offset: core.offset,
        then: core.loads.clone(),
        ..Load::new(RelationId(0), Strategy::SelectIn)
    };
    Ok((source.model, load))
}
