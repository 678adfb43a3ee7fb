//! From rows to objects, and the relations that a query loads along.

pub(crate) mod hydrate;
mod kinds;
pub(crate) mod select_in;
pub(crate) mod several;

pub use hydrate::Item;
pub(crate) use hydrate::RowKey;
