//! Where a column comes from.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Derived, alike};
use crate::error::{Error, ErrorKind, Result};
use crate::model::ModelId;

/// A table in a statement, under one name.
///
/// The same model may stand in a statement several times, each time under another number; 0 is the table under its own
/// name, the others are written `table_1`, `table_2` in the order in which they appear, unless they were
/// [named](Self::named).
#[derive(Clone, Copy, Debug, Eq)]
pub struct Source {
    /// The model.
    pub model: ModelId,
    /// Which of its appearances.
    pub alias: u32,
}

/// From here on numbers stand for names.
pub(super) const NAMED: u32 = 1 << 16;
/// From here on numbers were never given before: which one it is does not count for a statement's shape.
pub(super) const FRESH: u32 = 1 << 20;
/// From here on they are those of loads by join.
const LAST_FRESH: u32 = (1 << 31) - 1;

static NEXT: AtomicU32 = AtomicU32::new(FRESH);
static NAMES: Mutex<Vec<Arc<str>>> = Mutex::new(Vec::new());

/// A number that nothing else in a statement has.
pub(super) fn fresh() -> u32 {
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    // A statement that holds the first and the two billionth alias of a process is not to be feared.
    FRESH + (next - FRESH) % (LAST_FRESH - FRESH)
}

impl Source {
    /// The table under its own name.
    pub fn plain(model: ModelId) -> Self {
        Self { model, alias: 0 }
    }

    /// The table once more, under a name that the statement chooses.
    pub fn fresh(model: ModelId) -> Self {
        Self { model, alias: fresh() }
    }

    /// The table once more, under `name`. Two of one name and model are the same.
    ///
    /// # Errors
    /// Names are kept for the life of the process: the 65,537th one is refused.
    pub fn named(model: ModelId, name: &str) -> Result<Self> {
        // Whole between its own calls: a panic elsewhere leaves nothing half done.
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        let at = names.iter().position(|known| **known == *name).unwrap_or_else(|| {
            names.push(name.into());
            names.len() - 1
        });
        match u32::try_from(at) {
            Ok(at) if at < NAMED => Ok(Self { model, alias: NAMED + at }),
            _ => Err(Error::new(ErrorKind::Programming(
                "a process has names for 65,536 aliases: take fixed names, or none".into(),
            ))),
        }
    }

    /// The name that it was given.
    pub fn name(&self) -> Option<Arc<str>> {
        let at = self.alias.checked_sub(NAMED).filter(|_| self.alias < FRESH)?;
        NAMES.lock().unwrap_or_else(PoisonError::into_inner).get(at as usize).cloned()
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.model == other.model && alike::same(self.alias, other.alias)
    }
}

impl Hash for Source {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.model.hash(state);
        alike::hashed(self.alias).hash(state);
    }
}

impl From<ModelId> for Source {
    fn from(model: ModelId) -> Self {
        Self::plain(model)
    }
}

/// What stands in FROM, JOIN or USING.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FromItem {
    /// A model's table.
    Table(Source),
    /// A SELECT, a CTE, a function's rows or a list of rows.
    Derived(Arc<Derived>),
}

impl FromItem {
    /// The table, if it is one.
    pub fn table(&self) -> Option<Source> {
        match self {
            Self::Table(source) => Some(*source),
            Self::Derived(_) => None,
        }
    }
}

impl From<Source> for FromItem {
    fn from(source: Source) -> Self {
        Self::Table(source)
    }
}

impl From<ModelId> for FromItem {
    fn from(model: ModelId) -> Self {
        Self::Table(Source::plain(model))
    }
}

impl From<Arc<Derived>> for FromItem {
    fn from(derived: Arc<Derived>) -> Self {
        Self::Derived(derived)
    }
}

impl PartialEq<Source> for FromItem {
    fn eq(&self, other: &Source) -> bool {
        self.table() == Some(*other)
    }
}
