//! The bounded cache behind [`Plans`](super::Plans).

use std::sync::Arc;

use hashlink::LruCache;
use rustc_hash::FxBuildHasher;

use super::{Plan, PlanCounters};
use crate::driver::StatementText;
use crate::model::{FieldId, ModelId};
use crate::query::{Notes, NumberPattern, Select, Walk, Write, by_shape, hash_of};

/// What a statement is found by, borrowed from the query.
#[derive(Clone, Copy, Hash, PartialEq)]
pub(super) enum Shape<'a> {
    Insert { model: ModelId, fields: &'a [FieldId], many: bool, returning: &'a [FieldId] },
    Update { model: ModelId, fields: &'a [FieldId], many: bool },
    Delete { model: ModelId, many: bool },
    DeleteBy { model: ModelId, fields: &'a [FieldId], many: bool },
    Key(ModelId),
    Select(&'a Select),
    Count(&'a Select),
    Exists(&'a Select),
    Write(&'a Write),
}

/// The same, owned by the cache.
enum Kept {
    Insert { model: ModelId, fields: Vec<FieldId>, many: bool, returning: Vec<FieldId> },
    Update { model: ModelId, fields: Vec<FieldId>, many: bool },
    Delete { model: ModelId, many: bool },
    DeleteBy { model: ModelId, fields: Vec<FieldId>, many: bool },
    Key(ModelId),
    Select(Select),
    Count(Select),
    Exists(Select),
    Write(Write),
}

enum Made {
    Text(Arc<StatementText>),
    Plan(Arc<Plan>),
}

/// Statements by the hash of their shape. Of two shapes with one hash the later one wins the place: it is compared, so
/// that neither ever gets the other's statement.
pub(super) struct Cache {
    entries: LruCache<u64, (Kept, NumberPattern, Made), FxBuildHasher>,
    epoch: u32,
    hits: u64,
    misses: u64,
}

impl Cache {
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: LruCache::with_hasher(capacity, FxBuildHasher), epoch: 0, hits: 0, misses: 0 }
    }

    pub(super) fn counters(&self) -> PlanCounters {
        PlanCounters {
            kept: self.entries.len(),
            most: self.entries.capacity(),
            hits: self.hits,
            misses: self.misses,
        }
    }

    /// Forgets everything when a later schema is met than before.
    #[inline]
    pub(super) fn enter(&mut self, epoch: u32) {
        if epoch > self.epoch {
            self.epoch = epoch;
            self.entries.clear();
        }
    }

    pub(super) fn text(&mut self, key: &Key<'_>) -> Option<Arc<StatementText>> {
        match self.found(key)? {
            Made::Text(text) => Some(Arc::clone(text)),
            Made::Plan(_) => None,
        }
    }

    pub(super) fn plan(&mut self, key: &Key<'_>) -> Option<Arc<Plan>> {
        match self.found(key)? {
            Made::Plan(plan) => Some(Arc::clone(plan)),
            Made::Text(_) => None,
        }
    }

    fn found(&mut self, key: &Key<'_>) -> Option<&Made> {
        let (kept, pattern, made) = self.entries.get(&key.hash)?;
        let same = if key.pattern.is_empty() {
            pattern.is_empty() && kept.shape() == key.shape
        } else {
            *pattern == key.pattern && by_shape(|| kept.shape() == key.shape)
        };
        if same {
            self.hits += 1;
            Some(made)
        } else {
            None
        }
    }

    pub(super) fn keep_text(&mut self, key: &Key<'_>, text: &Arc<StatementText>) {
        self.keep(key, Made::Text(Arc::clone(text)));
    }

    pub(super) fn keep_plan(&mut self, key: &Key<'_>, plan: &Arc<Plan>) {
        self.keep(key, Made::Plan(Arc::clone(plan)));
    }

    fn keep(&mut self, key: &Key<'_>, made: Made) {
        self.misses += 1;
        self.entries.insert(key.hash, (key.shape.to_kept(), key.pattern.clone(), made));
    }
}

/// A shape and where it is kept.
pub(super) struct Key<'a> {
    shape: Shape<'a>,
    hash: u64,
    pattern: NumberPattern,
}

impl<'a> Shape<'a> {
    pub(super) fn key(self) -> Key<'a> {
        let (hash, pattern) = hash_of(&self, |walk| self.walk(walk));
        Key { shape: self, hash, pattern }
    }

    fn walk(self, walk: &mut Walk<'a, '_>) {
        match self {
            Self::Select(select) | Self::Count(select) | Self::Exists(select) => walk.select(select),
            Self::Write(write) => walk.write(write),
            Self::Insert { .. }
            | Self::Update { .. }
            | Self::Delete { .. }
            | Self::DeleteBy { .. }
            | Self::Key(_) => {}
        }
    }
}

impl Shape<'_> {
    fn to_kept(self) -> Kept {
        match self {
            Self::Insert { model, fields, many, returning } => {
                Kept::Insert { model, fields: fields.to_vec(), many, returning: returning.to_vec() }
            }
            Self::Update { model, fields, many } => Kept::Update { model, fields: fields.to_vec(), many },
            Self::Delete { model, many } => Kept::Delete { model, many },
            Self::DeleteBy { model, fields, many } => Kept::DeleteBy { model, fields: fields.to_vec(), many },
            Self::Key(model) => Kept::Key(model),
            Self::Select(select) => Kept::Select(without_notes(select)),
            Self::Count(select) => Kept::Count(without_notes(select)),
            Self::Exists(select) => Kept::Exists(without_notes(select)),
            Self::Write(write) => {
                let mut write = write.clone();
                *write.notes_mut() = Notes::default();
                Kept::Write(write)
            }
        }
    }
}

/// The same query; what is said of one run is not kept.
fn without_notes(select: &Select) -> Select {
    Select { notes: Notes::default(), ..select.clone() }
}

impl Kept {
    fn shape(&self) -> Shape<'_> {
        match self {
            Self::Insert { model, fields, many, returning } => {
                Shape::Insert { model: *model, fields, many: *many, returning }
            }
            Self::Update { model, fields, many } => Shape::Update { model: *model, fields, many: *many },
            Self::Delete { model, many } => Shape::Delete { model: *model, many: *many },
            Self::DeleteBy { model, fields, many } => Shape::DeleteBy { model: *model, fields, many: *many },
            Self::Key(model) => Shape::Key(*model),
            Self::Select(select) => Shape::Select(select),
            Self::Count(select) => Shape::Count(select),
            Self::Exists(select) => Shape::Exists(select),
            Self::Write(write) => Shape::Write(write),
        }
    }
}
