//! What the rows that a flush inserts have in common.
//!
//! An object need not say all of its columns. Rows of one class are one statement all the same, in the order of their
//! objects, so that the database numbers them in that order: a column that nobody but the program fills is NULL in the rows
//! that say nothing of it, as soon as one of them says something.

use rustc_hash::FxHashMap;

use super::gather::Write;
use super::group::insert_fields;
use super::journal::Action;
use crate::error::Result;
use crate::host::Host;
use crate::model::{FieldDefault, FieldId, FieldSet, Model, ModelId};

/// The fields of the inserts of a level.
pub(super) struct Inserts {
    /// Of each write, in order; none of what is no insert.
    given: Vec<FieldSet>,
    classes: FxHashMap<ModelId, Class>,
}

struct Class {
    /// What may be NULL in place of being left out.
    plain: FieldSet,
    /// Those of them that some row has.
    common: FieldSet,
}

impl Inserts {
    pub(super) fn of<H: Host>(host: &H, level: &[Write<H>]) -> Result<Self> {
        let mut classes: FxHashMap<ModelId, Class> = FxHashMap::default();
        let mut given: Vec<FieldSet> = Vec::with_capacity(level.len());
        for write in level {
            if write.action != Action::Insert {
                given.push(FieldSet::new());
                continue;
            }
            let fields = insert_fields(host, &write.model, &write.object)?;
            if given.last() != Some(&fields) || !classes.contains_key(&write.model.id) {
                let class = classes
                    .entry(write.model.id)
                    .or_insert_with(|| Class { plain: plain(&write.model), common: FieldSet::new() });
                let plain = &class.plain;
                fields
                    .iter()
                    .filter(|field| plain.contains(*field))
                    .for_each(|field| class.common.insert(field));
            }
            given.push(fields);
        }
        Ok(Self { given, classes })
    }

    /// The fields of the insert at `place` of the level.
    pub(super) fn take(&mut self, place: usize, model: ModelId) -> FieldSet {
        let mut fields = std::mem::take(&mut self.given[place]);
        if let Some(class) = self.classes.get(&model) {
            fields.extend(&class.common);
        }
        fields
    }
}

/// Columns of a class that are NULL where the program says nothing.
fn plain(model: &Model) -> FieldSet {
    let is_plain = |field: &FieldId| {
        let known = model.field(*field);
        known.nullable
            && known.default == FieldDefault::None
            && !known.filled_by_database()
            && known.property.is_none()
            // Its type may make something of NULL.
            && !known.decorated
    };
    model.field_ids().filter(is_plain).collect()
}
