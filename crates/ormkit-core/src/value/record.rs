//! Records: composite values, whose fields may have names.

use super::params::Bound;
use super::parts::{Elements, Format, Source};
use super::{Object, ValueRef};

/// A composite value, or a tuple of the caller's.
#[derive(Clone, Copy)]
pub struct RecordRef<'a>(Source<'a>);

impl<'a> RecordRef<'a> {
    /// A record in bytes that a driver received; `format` names its fields. The driver MUST have checked every field.
    pub fn received(cell: &'a [u8], format: &'a Format) -> Self {
        Self(Source::Received { cell, format })
    }

    pub(super) fn bound(fields: Bound<'a>) -> Self {
        Self(Source::Bound(fields))
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without fields.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the fields; none where they have no names.
    pub fn names(&self) -> &'a [Box<str>] {
        match self.0 {
            Source::Bound(_) => &[],
            Source::Received { format, .. } => &format.names,
        }
    }

    /// The host's object that a tuple among the parameters is, too.
    pub fn object(&self) -> Option<&'a Object> {
        self.0.object()
    }

    /// The fields, in order.
    pub fn iter(&self) -> Elements<'a> {
        self.0.iter(self.len())
    }
}

impl std::fmt::Debug for RecordRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({} fields)", self.len())
    }
}

impl PartialEq for RecordRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

/// Texts by text: `hstore`. Keys are different from each other; a value may be NULL.
#[derive(Clone, Copy)]
pub struct MapRef<'a>(Source<'a>);

impl<'a> MapRef<'a> {
    /// A map in bytes that a driver received: its parts are a key and a value in turn, its dimension is the number of
    /// entries. The driver MUST have checked every part.
    pub fn received(cell: &'a [u8], format: &'a Format) -> Self {
        Self(Source::Received { cell, format })
    }

    pub(super) fn bound(entries: Bound<'a>) -> Self {
        Self(Source::Bound(entries))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        match self.0 {
            Source::Bound(bound) => bound.len() / 2,
            Source::Received { .. } => self.0.len(),
        }
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keys and values; None is NULL.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, Option<&'a str>)> {
        let mut parts = self.0.iter(2 * self.len());
        (0..self.len()).map(move |_| {
            let mut text = || match parts.next() {
                Some(ValueRef::Text(text)) => Some(text),
                _ => None,
            };
            (text().unwrap_or_default(), text())
        })
    }

    pub(super) fn parts(&self) -> Elements<'a> {
        self.0.iter(2 * self.len())
    }
}

impl std::fmt::Debug for MapRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{{{} entries}}", self.len())
    }
}

impl PartialEq for MapRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}
