//! The bounded cache behind [`Plans`](super::Plans).

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use hashlink::LruCache;
use rustc_hash::FxBuildHasher;

use super::Plan;
use crate::driver::StatementText;
use crate::model::{FieldId, ModelId};
use crate::query::{Select, Write};

/// What a statement is found by, borrowed from the query.
#[derive(Clone, Copy, Hash, PartialEq)]
pub(super) enum Shape<'a> {
    Insert { model: ModelId, fields: &'a [FieldId], many: bool, returning: &'a [FieldId] },
    Update { model: ModelId, fields: &'a [FieldId], many: bool },
    Delete { model: ModelId, many: bool },
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
    entries: LruCache<u64, (Kept, Made), FxBuildHasher>,
}

impl Cache {
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: LruCache::with_hasher(capacity, FxBuildHasher) }
    }

    pub(super) fn text(&mut self, hash: u64, shape: &Shape<'_>) -> Option<Arc<StatementText>> {
        match self.entries.get(&hash)? {
            (kept, Made::Text(text)) if kept.shape() == *shape => Some(Arc::clone(text)),
            _ => None,
        }
    }

    pub(super) fn plan(&mut self, hash: u64, shape: &Shape<'_>) -> Option<Arc<Plan>> {
        match self.entries.get(&hash)? {
            (kept, Made::Plan(plan)) if kept.shape() == *shape => Some(Arc::clone(plan)),
            _ => None,
        }
    }

    pub(super) fn keep_text(&mut self, hash: u64, shape: &Shape<'_>, text: &Arc<StatementText>) {
        self.entries.insert(hash, (shape.to_kept(), Made::Text(Arc::clone(text))));
    }

    pub(super) fn keep_plan(&mut self, hash: u64, shape: &Shape<'_>, plan: &Arc<Plan>) {
        self.entries.insert(hash, (shape.to_kept(), Made::Plan(Arc::clone(plan))));
    }
}

impl Shape<'_> {
    pub(super) fn hash(&self) -> u64 {
        FxBuildHasher.hash_one(self)
    }

    fn to_kept(self) -> Kept {
        match self {
            Self::Insert { model, fields, many, returning } => {
                Kept::Insert { model, fields: fields.to_vec(), many, returning: returning.to_vec() }
            }
            Self::Update { model, fields, many } => Kept::Update { model, fields: fields.to_vec(), many },
            Self::Delete { model, many } => Kept::Delete { model, many },
            Self::Key(model) => Kept::Key(model),
            Self::Select(select) => Kept::Select(select.clone()),
            Self::Count(select) => Kept::Count(select.clone()),
            Self::Exists(select) => Kept::Exists(select.clone()),
            Self::Write(write) => Kept::Write(write.clone()),
        }
    }
}

impl Kept {
    fn shape(&self) -> Shape<'_> {
        match self {
            Self::Insert { model, fields, many, returning } => {
                Shape::Insert { model: *model, fields, many: *many, returning }
            }
            Self::Update { model, fields, many } => Shape::Update { model: *model, fields, many: *many },
            Self::Delete { model, many } => Shape::Delete { model: *model, many: *many },
            Self::Key(model) => Shape::Key(*model),
            Self::Select(select) => Shape::Select(select),
            Self::Count(select) => Shape::Count(select),
            Self::Exists(select) => Shape::Exists(select),
            Self::Write(write) => Shape::Write(write),
        }
    }
}
