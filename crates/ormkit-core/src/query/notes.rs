//! What a program says of a statement to itself.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What a program tells its own listeners of a statement, and the host: no part of what is asked. All notes are equal.
#[derive(Clone, Default)]
pub struct Notes(Option<Arc<dyn Any + Send + Sync>>);

impl Notes {
    /// A note of the host's.
    pub fn new(note: impl Any + Send + Sync) -> Self {
        Self(Some(Arc::new(note)))
    }

    /// The note, where it is of this type.
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.as_deref()?.downcast_ref()
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Notes(..)" } else { "Notes" })
    }
}

impl PartialEq for Notes {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Notes {}

impl Hash for Notes {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}
