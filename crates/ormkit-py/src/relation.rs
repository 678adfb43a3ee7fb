//! Relations of instances: lists and references whose two sides are kept in step.
//!
//! A to-many relation is a [`RelatedList`](list): a Python list whose changes are marked on its owner and carried to
//! the other side. A list knows what it held when it was loaded or last written; that is what undo and flush go by.
//! A [`WriteOnlyCollection`](write_only) has such a list of its own which holds what came alone, and remembers what went.
mod assign;
mod change;
mod end;
mod list;
mod missing;
mod side;
mod write_only;

pub(crate) use assign::{assign, join, leave};
pub(crate) use change::Change;
pub(crate) use list::{adopt, list};
pub(crate) use missing::missing;
pub(crate) use side::{
    RelatedItems, added, admit, detach, is_whole, items, members, passed, put_back, removed, settle, take_in,
    undo,
};
pub(crate) use write_only::{WriteOnlyCollection, write_only, write_only_members};

use pyo3::prelude::*;

/// Adds `RelatedList` to the module.
///
/// # Errors
/// What Python raises when the class cannot be made.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("RelatedList", list::class(module.py())?)
}
