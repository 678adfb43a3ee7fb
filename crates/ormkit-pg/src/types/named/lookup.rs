//! The catalog of one database: one query describes types and everything that they consist of.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ormkit_core::error::{Error, Result};
use ormkit_core::value::ValueRef;
use rustc_hash::{FxHashMap, FxHashSet};

use super::record::{self, RECORD, RECORD_ARRAY};
use super::{Custom, Kind, MAX_DEPTH, PgType, array, map, range};
use crate::types::catalog::Delimiter;
use crate::types::codecs::{Codecs, Registered};
use crate::types::{Codec, malformed, text};

/// Describes the types whose OIDs it is given, the element types of arrays, base types of domains, fields of composites and
/// subtypes of ranges among them. Its columns are those of [`Row`]. `pg_range` has no multiranges before release 14,
/// hence the detour for them.
pub(crate) const QUERY: &str = r#"WITH RECURSIVE found(oid) AS (
  SELECT pg_catalog.unnest($1::pg_catalog.oid[])
UNION
  SELECT part.oid FROM found JOIN pg_catalog.pg_type t ON t.oid = found.oid CROSS JOIN LATERAL (
    SELECT e.oid FROM pg_catalog.pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid
    UNION ALL SELECT t.typbasetype WHERE t.typtype = 'd'
    UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid
    UNION ALL SELECT r.rngtypid FROM pg_catalog.pg_range r
      WHERE t.typtype = 'm' AND (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::pg_catalog.oid = t.oid
    UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
      WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
  ) part
)
SELECT t.oid, t.typname, CASE WHEN e.oid IS NULL THEN t.typtype ELSE 'a' END, t.typdelim,
  CASE WHEN e.oid IS NOT NULL THEN e.oid
    WHEN t.typtype = 'd' THEN t.typbasetype
    WHEN t.typtype = 'r' THEN (SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid)
    WHEN t.typtype = 'm' THEN (SELECT r.rngtypid FROM pg_catalog.pg_range r
      WHERE (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::pg_catalog.oid = t.oid)
    ELSE 0::pg_catalog.oid END,
  (SELECT p.proname FROM pg_catalog.pg_proc p WHERE p.oid = t.typsend),
  ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute a
    WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
  ARRAY(SELECT a.atttypid FROM pg_catalog.pg_attribute a
    WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
  (SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = t.typnamespace)
FROM found JOIN pg_catalog.pg_type t ON t.oid = found.oid
  LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid"#;

/// The number of columns of [`QUERY`].
pub(crate) const COLUMNS: usize = 9;

/// So many types are kept; then the catalog begins anew: the types of temporary tables come and go.
const MAX_KNOWN: usize = 10_000;

/// A type as [`QUERY`] describes it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(super) oid: u32,
    pub(super) name: Box<str>,
    /// `typtype`, and `a` for arrays.
    pub(super) kind: u8,
    /// What stands between the elements of an array in text form.
    pub(super) delimiter: u8,
    /// The type of an array's elements, of a domain's or a range's values, of a multirange's ranges.
    pub(super) of: u32,
    /// The function that makes the binary form; none of a shell type.
    pub(super) send: Box<str>,
    pub(super) field_names: Vec<Box<str>>,
    pub(super) field_types: Vec<u32>,
    pub(super) schema: Box<str>,
}

impl Row {
    /// Of the cells of a row, in binary.
    ///
    /// # Errors
    /// They are not those of [`QUERY`].
    pub(crate) fn decode(cells: [Option<&[u8]>; COLUMNS]) -> Result<Self> {
        let [oid, name, kind, delimiter, of, send, field_names, field_types, schema] = cells;
        let (Some([kind]), Some([delimiter])) = (kind, delimiter) else { return Err(broken()) };
        Ok(Self {
            oid: number(oid)?,
            name: text(name.ok_or_else(broken)?)?.into(),
            kind: *kind,
            delimiter: *delimiter,
            of: number(of)?,
            send: text(send.unwrap_or_default())?.into(),
            field_names: list(field_names, 1003, |value| match value {
                ValueRef::Text(name) => Some(name.into()),
                _ => None,
            })?,
            field_types: list(field_types, 1028, |value| match value {
                ValueRef::Int(oid) => u32::try_from(oid).ok(),
                _ => None,
            })?,
            schema: text(schema.ok_or_else(broken)?)?.into(),
        })
    }
}

fn number(cell: Option<&[u8]>) -> Result<u32> {
    let bytes = cell.and_then(|bytes| bytes.try_into().ok()).ok_or_else(broken)?;
    Ok(u32::from_be_bytes(bytes))
}

fn list<T>(cell: Option<&[u8]>, oid: u32, read: impl Fn(ValueRef<'_>) -> Option<T>) -> Result<Vec<T>> {
    match Codec::of(oid).decode(cell.ok_or_else(broken)?)? {
        ValueRef::Array(array) => array.iter().map(read).collect::<Option<_>>().ok_or_else(broken),
        _ => Err(broken()),
    }
}

fn broken() -> Error {
    malformed("pg_type")
}

/// The types that are known at one moment.
#[derive(Debug, Default)]
pub(crate) struct Known(FxHashMap<u32, Arc<PgType>>);

impl Known {
    pub(super) fn find(&self, oid: u32) -> Option<&PgType> {
        self.0.get(&oid).map(|found| &**found)
    }
}

/// What the connections of one database know of its types.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    codecs: Arc<Codecs>,
    /// Of the codecs that `state` knows.
    codecs_version: AtomicU64,
    state: Mutex<State>,
    /// Counts up when something that was known is not to be relied on any more.
    epoch: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    known: Arc<Known>,
    codecs: Arc<Registered>,
    /// Met in records, where nothing announces them.
    wanted: BTreeSet<u32>,
}

impl Catalog {
    /// Nothing is known yet; types that have one of `codecs` are read and written by it.
    pub(crate) fn new(codecs: Arc<Codecs>) -> Self {
        Self { codecs, ..Self::default() }
    }

    /// The codecs that types of it may have.
    pub(crate) fn codecs(&self) -> &Arc<Codecs> {
        &self.codecs
    }

    /// Takes the codecs as they are registered now. Where they have changed everything is forgotten: what holds a value
    /// of their types is another type than before.
    pub(crate) fn refresh(&self) {
        if self.codecs.version() == self.codecs_version() {
            return;
        }
        let mut state = self.state();
        state.codecs = self.codecs.registered();
        state.known = Arc::new(Known(state.codecs.builtins()));
        self.codecs_version.store(state.codecs.version(), Ordering::Relaxed);
    }

    /// Of the codecs that are in use. Statements that were described with others are described again.
    pub(crate) fn codecs_version(&self) -> u64 {
        self.codecs_version.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Statements that were described in an earlier epoch may have seen composites that were altered since.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// The type of this OID. None of a built-in one without a codec, and of one that is not known.
    pub(crate) fn find(&self, oid: u32) -> Option<Arc<PgType>> {
        let known = Arc::clone(&self.state().known);
        match oid {
            RECORD => Some(Arc::new(record::unnamed(known))),
            RECORD_ARRAY => Some(Arc::new(record::records(record::unnamed(known)))),
            oid => known.0.get(&oid).cloned(),
        }
    }

    /// Those of the OIDs that have to be looked up, and those that records are known to hold where one is among them.
    pub(crate) fn missing(&self, oids: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut missing = BTreeSet::new();
        for oid in oids.filter(|oid| Codec::of(*oid) == Codec::Other) {
            let state = self.state();
            match oid {
                RECORD | RECORD_ARRAY => missing.extend(&state.wanted),
                oid if !state.known.0.contains_key(&oid) => drop(missing.insert(oid)),
                _ => {}
            }
        }
        missing.into_iter().collect()
    }

    /// Takes what the query for these OIDs answered. What it did not answer has no more than text.
    pub(crate) fn learn(&self, asked: &[u32], rows: Vec<Row>) {
        let rows = rows.into_iter().map(|row| (row.oid, row)).collect();
        let mut state = self.state();
        let codecs = Arc::clone(&state.codecs);
        let known = if state.known.0.len() < MAX_KNOWN { state.known.0.clone() } else { codecs.builtins() };
        let mut builder = Builder { rows, known, codecs, open: FxHashSet::default() };
        for oid in asked {
            builder.build(*oid);
            state.wanted.remove(oid);
        }
        state.known = Arc::new(Known(builder.known));
    }

    /// Forgets all composites, and what holds them: one was altered, or may have been.
    pub(crate) fn forget_composites(&self) {
        let mut state = self.state();
        let kept = state.known.0.iter().filter(|(_, known)| !known.may_change);
        state.known = Arc::new(Known(kept.map(|(oid, known)| (*oid, Arc::clone(known))).collect()));
        self.epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// Has a type looked up with the next statement that answers a record.
    pub(crate) fn want(&self, oid: u32) {
        self.state().wanted.insert(oid);
        self.epoch.fetch_add(1, Ordering::Relaxed);
    }
}

/// Makes types of rows, parts first.
struct Builder {
    rows: FxHashMap<u32, Row>,
    known: FxHashMap<u32, Arc<PgType>>,
    codecs: Arc<Registered>,
    /// The types whose parts are being made: no honest catalog has a type that consists of itself.
    open: FxHashSet<u32>,
}

impl Builder {
    fn build(&mut self, oid: u32) -> Arc<PgType> {
        if let Some(known) = self.known.get(&oid) {
            return Arc::clone(known);
        }
        match Codec::of(oid) {
            Codec::Other => {}
            codec => return Arc::new(PgType::builtin(oid, codec)),
        }
        let made = match self.rows.get(&oid).cloned() {
            Some(row) if self.open.insert(oid) => {
                let made = self.make(row);
                self.open.remove(&oid);
                made
            }
            _ => return Arc::new(PgType::opaque(oid, "an unknown type")),
        };
        let made = Arc::new(if made.depth > MAX_DEPTH { PgType::opaque(oid, &made.name) } else { made });
        self.known.insert(oid, Arc::clone(&made));
        made
    }

    fn make(&mut self, row: Row) -> PgType {
        let Row { oid, name, kind, delimiter, of, send, field_names, field_types, schema } = row;
        // An array and a domain are what their elements and their base type are.
        if let Some(codec) = self.codecs.find(&schema, &name).filter(|_| !matches!(kind, b'a' | b'd')) {
            return PgType::new(oid, &name, Kind::Custom(Custom::sent_by(codec, &send)));
        }
        match (kind, &*send) {
            (b'a', _) => {
                let delimiter = match delimiter {
                    b',' => Some(Delimiter::Comma),
                    b';' => Some(Delimiter::Semicolon),
                    _ => None,
                };
                array::new(oid, &name, self.build(of), delimiter)
            }
            (b'c', _) if field_names.len() == field_types.len() => {
                let fields = field_types.into_iter().map(|field| self.build(field)).collect();
                record::new(oid, &name, field_names, fields)
            }
            (b'd', _) => PgType::new(oid, &name, Kind::Domain(self.build(of))),
            (b'e', _) | (b'b', "citextsend") => PgType::text(oid, &name),
            (b'r', _) => range::new(oid, &name, self.build(of)),
            (b'm', _) => range::multirange(oid, &name, self.build(of)),
            (b'b', "hstore_send") => map::new(oid, &name),
            _ => PgType::opaque(oid, &name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{MOOD, PATH, POINT, SPAN, row, sample};
    use super::*;

    #[test]
    fn only_what_is_not_known_is_looked_up() {
        let catalog = sample();
        assert_eq!(catalog.missing([23, MOOD, 30_000, 1007, 30_000, RECORD].into_iter()), [30_000]);
        catalog.want(30_001);
        assert_eq!(catalog.missing([RECORD_ARRAY].into_iter()), [30_001]);
        assert!(catalog.missing([MOOD].into_iter()).is_empty());
        let epoch = catalog.epoch();
        catalog.forget_composites();
        assert_ne!(catalog.epoch(), epoch);
        assert_eq!(catalog.missing([MOOD, POINT, PATH, SPAN].into_iter()), [POINT, PATH]);
    }

    #[test]
    fn type_that_is_part_of_itself_or_nests_too_deep_is_text() {
        let catalog = Catalog::default();
        let mut rows = vec![row(20_001, b'c', 0, "record_send", &[("a", 20_001), ("b", 20_001)])];
        rows.extend((20_100..20_200).map(|oid| row(oid, b'a', oid + 1, "array_send", &[])));
        catalog.learn(&[20_001, 20_100], rows);
        for oid in [20_001, 20_100] {
            assert!(!catalog.find(oid).unwrap().is_binary);
        }
    }

    #[test]
    fn catalog_begins_anew_when_it_is_full() {
        let catalog = Catalog::default();
        let oids: Vec<u32> = (20_000..20_000 + 3 * MAX_KNOWN as u32).collect();
        for oids in oids.chunks(MAX_KNOWN / 2) {
            catalog.learn(oids, oids.iter().map(|oid| row(*oid, b'e', 0, "enum_send", &[])).collect());
            assert!(catalog.find(oids[0]).is_some());
        }
        assert!(catalog.state().known.0.len() <= MAX_KNOWN);
        assert!(catalog.find(20_000).is_none());
    }
}
