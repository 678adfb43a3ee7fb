//! The prepared statements of one connection, least recently used first.

use std::sync::Arc;

use hashlink::LinkedHashMap;
use ormkit_core::driver::StatementText;
use rustc_hash::FxBuildHasher;

use crate::row::Shape;
use crate::types::bind::Target;

/// The name of a statement on the server: `ormkit_<connection>_<number>`, or none. A name is never used twice, by no
/// connection: behind a pooler a statement of that name could be another client's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    text: [u8; 30],
    length: u8,
}

impl Name {
    /// The statement without a name, which the next Parse replaces.
    pub(crate) const UNNAMED: Self = Self { text: [0; 30], length: 0 };

    /// The query for types: it is closed again in the flight that prepares it.
    pub(crate) const TYPES: Self =
        Self { text: *b"ormkit_types\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", length: 12 };

    /// The statement `number` of the connection that has drawn `session`, of which 48 bits count.
    fn new(session: u64, number: u32) -> Self {
        let text = format!("ormkit_{:012x}_{number}", session & 0xffff_ffff_ffff);
        let mut name = Self { text: [0; 30], length: u8::try_from(text.len()).expect("at most 30") };
        name.text[..text.len()].copy_from_slice(text.as_bytes());
        name
    }

    /// Appends the name on the wire, with its NUL.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.text[..usize::from(self.length)]);
        out.push(0);
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.text[..usize::from(self.length)].escape_ascii())
    }
}

/// What a connection keeps of its statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// They stay prepared on the server, by names with this number of chance.
    Named(u64),
    /// Their types: they are prepared anew each time, without a name.
    Described,
    /// Nothing.
    Nothing,
}

/// A prepared statement.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) name: Name,
    /// The types of the parameters, as Parse names them.
    pub(crate) oids: Arc<[u32]>,
    /// What the parameters are sent as.
    pub(crate) targets: Arc<[Target]>,
    /// The text whose column types `shape` was made for.
    pub(crate) columns_of: Arc<StatementText>,
    /// The columns of the result; None until the server has described them.
    pub(crate) shape: Option<Arc<Shape>>,
}

/// What a prepared statement costs beside its text, in bytes: a guess at both ends of the connection.
const OVERHEAD: usize = 512;

/// Bounded by number and by bytes.
#[derive(Debug)]
pub(crate) struct StatementCache {
    entries: LinkedHashMap<Arc<StatementText>, Prepared, FxBuildHasher>,
    /// Sum of the entries' costs.
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
    keeping: Keeping,
    last: u32,
    /// Evicted: to be closed on the server.
    evicted: Vec<Name>,
}

impl StatementCache {
    /// At most `max_entries` statements (0: nothing is kept) and `max_bytes` bytes. It keeps nothing until it is told to.
    pub(crate) fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self {
            entries: LinkedHashMap::with_hasher(FxBuildHasher),
            bytes: 0,
            max_entries,
            max_bytes,
            keeping: Keeping::Nothing,
            last: 0,
            evicted: Vec::new(),
        }
    }

    /// Chooses what to keep from now on.
    pub(crate) fn keep(&mut self, keeping: Keeping) {
        self.keeping = if self.max_entries == 0 { Keeping::Nothing } else { keeping };
    }

    /// True where statements stay prepared.
    pub(crate) fn keeps_names(&self) -> bool {
        matches!(self.keeping, Keeping::Named(_))
    }

    /// The entry of `text`, now the most recently used.
    pub(crate) fn find(&mut self, text: &Arc<StatementText>) -> Option<&Prepared> {
        self.entries.to_back(text).map(|entry| &*entry)
    }

    /// A name for a statement that will be prepared: [`Name::UNNAMED`] when it is not to stay.
    pub(crate) fn name(&mut self, text: &StatementText) -> Name {
        match self.keeping {
            Keeping::Named(session) if self.has_room(text) => {
                self.last = self.last.checked_add(1).unwrap_or(1);
                Name::new(session, self.last)
            }
            _ => Name::UNNAMED,
        }
    }

    fn has_room(&self, text: &StatementText) -> bool {
        cost(text) <= self.max_bytes / 4
    }

    /// Keeps a statement and evicts others where there is no room.
    pub(crate) fn insert(&mut self, text: Arc<StatementText>, prepared: Prepared) {
        if self.keeping == Keeping::Nothing || !self.has_room(&text) {
            return;
        }
        self.forget(&text);
        self.bytes += cost(&text);
        self.entries.insert(text, prepared);
        while self.entries.len() > self.max_entries || self.bytes > self.max_bytes {
            let Some((text, old)) = self.entries.pop_front() else { return };
            self.bytes -= cost(&text);
            self.evict(old.name);
        }
    }

    /// Closes a statement on the server.
    pub(crate) fn evict(&mut self, name: Name) {
        if name != Name::UNNAMED {
            self.evicted.push(name);
        }
    }

    /// Notes the columns of a statement that the server has described, if it is still here.
    pub(crate) fn describe(&mut self, text: &Arc<StatementText>, name: Name, shape: &Arc<Shape>) {
        if let Some(entry) = self.entries.get_mut(text)
            && entry.name == name
        {
            entry.shape = Some(Arc::clone(shape));
        }
    }

    /// Removes a statement; it will be closed on the server.
    pub(crate) fn forget(&mut self, text: &Arc<StatementText>) {
        if let Some(old) = self.entries.remove(text) {
            self.bytes -= cost(text);
            self.evict(old.name);
        }
    }

    /// Removes a statement that the server does not have or has not described, if it is still the one of that name.
    pub(crate) fn forget_named(&mut self, text: &Arc<StatementText>, name: Name) {
        if self.entries.get(text).is_some_and(|entry| entry.name == name) {
            self.forget(text);
        }
    }

    /// Forgets all statements, and has them closed on the server.
    pub(crate) fn forget_all(&mut self) {
        while let Some((_, old)) = self.entries.pop_front() {
            self.evict(old.name);
        }
        self.bytes = 0;
    }

    /// Forgets everything: the server has closed all statements by itself.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.evicted.clear();
        self.bytes = 0;
    }

    /// Statements to be closed on the server. Closing one that it does not know does no harm.
    pub(crate) fn evicted(&mut self) -> &mut Vec<Name> {
        &mut self.evicted
    }
}

fn cost(text: &StatementText) -> usize {
    text.sql.len() + 8 * text.params.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sql: &str) -> Arc<StatementText> {
        Arc::new(StatementText::raw(sql))
    }

    fn cache(max_entries: usize, max_bytes: usize) -> StatementCache {
        keeping(max_entries, max_bytes, Keeping::Named(7))
    }

    fn keeping(max_entries: usize, max_bytes: usize, keeping: Keeping) -> StatementCache {
        let mut cache = StatementCache::new(max_entries, max_bytes);
        cache.keep(keeping);
        cache
    }

    fn insert(cache: &mut StatementCache, sql: &str) -> Name {
        let name = cache.name(&text(sql));
        let prepared =
            Prepared { name, oids: [].into(), targets: [].into(), columns_of: text(sql), shape: None };
        cache.insert(text(sql), prepared);
        name
    }

    #[test]
    fn least_recently_used_goes_first() {
        let mut cache = cache(2, 1 << 20);
        let first = insert(&mut cache, "SELECT 1");
        let second = insert(&mut cache, "SELECT 2");
        assert_eq!(cache.find(&text("SELECT 1")).unwrap().name, first);
        insert(&mut cache, "SELECT 3");
        assert!(cache.find(&text("SELECT 2")).is_none());
        assert_eq!(*cache.evicted(), [second]);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut cache = cache(100, 4 * 2000);
        for index in 0..20 {
            insert(&mut cache, &format!("SELECT {index} -- {}", "x".repeat(1000)));
        }
        assert!(cache.bytes <= 8000 && !cache.entries.is_empty());
        let large = "x".repeat(3000);
        assert_eq!(insert(&mut cache, &large), Name::UNNAMED);
        assert!(cache.find(&text(&large)).is_none());
    }

    #[test]
    fn names_are_never_used_twice() {
        let mut cache = cache(10, 1 << 20);
        let first = insert(&mut cache, "SELECT 1");
        cache.forget(&text("SELECT 1"));
        assert_ne!(insert(&mut cache, "SELECT 1"), first);
        let mut other = keeping(10, 1 << 20, Keeping::Named(8));
        assert_ne!(insert(&mut other, "SELECT 1"), first);
    }

    #[test]
    fn names_are_written_with_connection_and_number() {
        let mut out = Vec::new();
        for name in [Name::UNNAMED, Name::new(7, 1), Name::new(u64::MAX, u32::MAX)] {
            name.write(&mut out);
        }
        assert_eq!(out, b"\0ormkit_000000000007_1\0ormkit_ffffffffffff_4294967295\0");
    }

    #[test]
    fn types_are_kept_where_statements_are_not() {
        let mut cache = keeping(1, 1 << 20, Keeping::Described);
        assert_eq!(insert(&mut cache, "SELECT 1"), Name::UNNAMED);
        assert_eq!(insert(&mut cache, "SELECT 2"), Name::UNNAMED);
        assert!(cache.find(&text("SELECT 1")).is_none() && cache.find(&text("SELECT 2")).is_some());
        assert!(cache.evicted().is_empty());
    }

    #[test]
    fn cache_of_no_entries_keeps_nothing() {
        let mut cache = cache(0, 1 << 20);
        assert_eq!(insert(&mut cache, "SELECT 1"), Name::UNNAMED);
        assert!(cache.find(&text("SELECT 1")).is_none());
    }

    #[test]
    fn all_that_is_forgotten_is_closed() {
        let mut cache = cache(10, 1 << 20);
        let names = [insert(&mut cache, "SELECT 1"), insert(&mut cache, "SELECT 2")];
        cache.forget_all();
        assert_eq!((*cache.evicted()).as_slice(), names);
        assert!(cache.find(&text("SELECT 2")).is_none());
        assert_eq!(cache.bytes, 0);
    }
}
