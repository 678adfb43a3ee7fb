//! Where a column comes from.

use crate::model::ModelId;

/// A table in a statement, under one name.
///
/// The same model may stand in a statement several times, each time under another number; 0 is the table under its own
/// name, the others are written `table_1`, `table_2` in the order in which they appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The model.
    pub model: ModelId,
    /// Which of its appearances.
    pub alias: u32,
}

impl Source {
    /// The table under its own name.
    pub fn plain(model: ModelId) -> Self {
        Self { model, alias: 0 }
    }
}

impl From<ModelId> for Source {
    fn from(model: ModelId) -> Self {
        Self::plain(model)
    }
}
