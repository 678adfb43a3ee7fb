//! Objects whose rows count as deleted.

use super::Session;
use crate::error::Result;
use crate::host::Host;
use crate::model::Model;

/// What an object says of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It counts as deleted.
    Deleted,
    /// It does not.
    Living,
    /// The column is not loaded.
    Unknown,
}

impl<H: Host> Session<H> {
    /// Whether an object counts as deleted, as far as it tells itself.
    pub(crate) fn mark_of(&self, model: &Model, object: &H::Object) -> Result<Mark> {
        let Some(tombstone) = model.tombstone else { return Ok(Mark::Living) };
        if !self.host.loaded(object).contains(tombstone) {
            return Ok(Mark::Unknown);
        }
        let mut mark = Mark::Living;
        self.host.read(object, tombstone, &mut |value| {
            if !value.is_null() {
                mark = Mark::Deleted;
            }
            Ok(())
        })?;
        Ok(mark)
    }
}
