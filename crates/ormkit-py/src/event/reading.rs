//! Telling of objects that are read again, and of those whose attributes are unloaded.
use super::mapper::{self, ClassEvent};
use crate::instance;
use crate::model::schema;
use ormkit_core::model::{FieldSet, Model};
use ormkit_core::session::Attributes;
use pyo3::prelude::*;
use pyo3::types::PyList;
use std::sync::atomic::{AtomicBool, Ordering};

/// True once somebody listens to such an event.
static ANY: AtomicBool = AtomicBool::new(false);

/// True where somebody may listen: the one look that a row of a known object costs.
#[inline]
pub(crate) fn any_reading() -> bool {
    ANY.load(Ordering::Relaxed)
}

/// From now on somebody may listen.
pub(super) fn listen() {
    ANY.store(true, Ordering::Relaxed);
}

/// Tells of columns that were filled from a row; None stands for all that are read of a class.
pub(crate) fn refreshed(object: &Bound<'_, PyAny>, fields: &FieldSet) {
    let names = |model: &Model| {
        let is_whole = model.field_ids().all(|field| model.field(field).deferred || fields.contains(field));
        (!is_whole).then(|| fields.iter().map(|field| model.field(field).name.clone()).collect())
    };
    tell(object, ClassEvent::Refresh, "refresh", &names, true);
}

/// Tells of attributes that were unloaded; None stands for all.
pub(crate) fn expired(object: &Bound<'_, PyAny>, attributes: Attributes<'_>) {
    let names = |model: &Model| match attributes {
        Attributes::All => None,
        Attributes::Named(fields, relations) => {
            let fields = fields.iter().map(|field| model.field(*field).name.clone());
            Some(
                fields
                    .chain(relations.iter().map(|relation| model.relation(*relation).name.clone()))
                    .collect(),
            )
        }
    };
    tell(object, ClassEvent::Expire, "expire", &names, false);
}

fn tell(
    object: &Bound<'_, PyAny>,
    event: ClassEvent,
    name: &str,
    names: &dyn Fn(&Model) -> Option<Vec<String>>,
    with_context: bool,
) {
    mapper::tell(object, event, name, |py| {
        let model = instance::table_of(object)?.model;
        let names = names(schema(py)?.model(model));
        let attributes = match names {
            Some(names) => PyList::new(py, names)?.into_any().unbind(),
            None => py.None(),
        };
        let context = with_context.then(|| ("context", py.None()));
        Ok(context.into_iter().chain([("attrs", attributes)]).collect())
    });
}
