//! References that a written or refreshed foreign key has made stale.

use super::unit::values_of;
use crate::error::Result;
use crate::host::Host;
use crate::model::{FieldId, Model, Relation, RelationKind, Schema};

/// Unloads references of which a column of the foreign key is among `fields` and which hold another object than the key
/// names. One that was assigned and is not written yet stays.
pub(crate) fn unload_stale<H: Host>(
    host: &H,
    schema: &Schema,
    model: &Model,
    object: &H::Object,
    fields: &[FieldId],
) {
    for relation in &model.relations {
        let concerned = relation.kind == RelationKind::ManyToOne
            && relation.local.iter().any(|field| fields.contains(field))
            && host.is_attached(object, relation.id)
            && !host.relation_changed(object, relation.id);
        // Keys that cannot be compared are not known to be the same.
        if concerned && !refers(host, schema, model, object, relation).unwrap_or(false) {
            host.unload_relation(object, relation.id);
        }
    }
}

/// True when the object that a reference holds has the key that the foreign key names; without one, when there is none.
fn refers<H: Host>(
    host: &H,
    schema: &Schema,
    model: &Model,
    object: &H::Object,
    relation: &Relation,
) -> Result<bool> {
    let key = values_of(host, model, object, &relation.local)?;
    let mut held = None;
    host.related(object, relation.id, &mut |target| {
        held = Some(values_of(host, schema.model(relation.target), target, &relation.remote)?);
        Ok(())
    })?;
    Ok(match held {
        Some(held) => held == key,
        None => key.iter().any(crate::value::Value::is_null),
    })
}
