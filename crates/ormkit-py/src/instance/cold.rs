//! What few objects have, kept out of every object's head: originals, wide dirty sets, JSON, SQL expressions.
use super::held::Held;
use crate::convert::Border;
use smallvec::SmallVec;
use std::sync::Arc;

/// The part of an object that is allocated on first need.
#[derive(Clone, Default)]
pub(super) struct Cold {
    /// Values as last committed, of the slots that were changed since; in the order of the changes.
    pub(super) originals: SmallVec<[(u32, Kept); 2]>,
    /// Dirty bits of slot 64 and up.
    pub(super) more: SmallVec<[u64; 1]>,
    /// JSON columns as the database has them, decoded or not.
    pub(super) json: SmallVec<[(u32, Json); 1]>,
    /// SQL expressions that columns were set to: their slots are empty and marked.
    pub(super) expressions: SmallVec<[(u32, Held); 1]>,
    /// The engine whose functions read and write that JSON, where that matters.
    pub(super) border: Option<Arc<Border>>,
}

/// A value from before the first change.
#[derive(Clone)]
pub(super) enum Kept {
    /// It was not loaded.
    Empty,
    /// A Python value.
    Value(Held),
    /// JSON text: whoever restores it decodes it again, for the object made of it may have been changed in place.
    Json(Box<str>),
}

/// A JSON column's text.
#[derive(Clone)]
pub(super) enum Json {
    /// Nobody has looked at the value: the slot is empty.
    Pending(Box<str>),
    /// The slot holds the decoded value, which may be changed in place.
    Touched(Box<str>),
}

impl Cold {
    /// The JSON entry of `slot`.
    pub(super) fn json(&self, slot: u32) -> Option<&Json> {
        self.json.iter().find(|entry| entry.0 == slot).map(|entry| &entry.1)
    }

    /// The SQL expression that `slot` was set to.
    pub(super) fn expression(&self, slot: u32) -> Option<&Held> {
        self.expressions.iter().find(|entry| entry.0 == slot).map(|entry| &entry.1)
    }

    /// Removes it; the caller drops it last.
    pub(super) fn take_expression(&mut self, slot: u32) -> Option<Held> {
        let at = self.expressions.iter().position(|entry| entry.0 == slot)?;
        Some(self.expressions.swap_remove(at).1)
    }

    /// True where None in a slot was read from JSON's null: the row does not hold SQL's NULL.
    pub(super) fn holds_null(&self, slot: u32) -> bool {
        matches!(self.json(slot), Some(Json::Touched(text)) if text.trim() == "null")
    }

    /// Removes the JSON entry of `slot` and yields its text.
    pub(super) fn take_json(&mut self, slot: u32) -> Option<Box<str>> {
        let index = self.json.iter().position(|entry| entry.0 == slot)?;
        match self.json.swap_remove(index).1 {
            Json::Pending(text) | Json::Touched(text) => Some(text),
        }
    }

    /// Replaces the JSON entry of `slot`.
    pub(super) fn set_json(&mut self, slot: u32, json: Json) {
        match self.json.iter_mut().find(|entry| entry.0 == slot) {
            Some(entry) => entry.1 = json,
            None => self.json.push((slot, json)),
        }
    }
}
