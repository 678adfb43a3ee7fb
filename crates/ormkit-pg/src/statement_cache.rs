//! The prepared statements of one connection, least recently used first.

use std::sync::Arc;

use hashlink::LinkedHashMap;
use ormkit_core::driver::StatementText;
use rustc_hash::FxBuildHasher;

use crate::row::Shape;
use crate::types::bind::Target;

/// The number of a statement: its name on the server is `ormkit_<number>`. 0 is the unnamed statement. A number is never
/// used twice on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(pub(crate) u32);

impl Number {
    /// The statement without a name, which the next Parse replaces.
    pub(crate) const UNNAMED: Self = Self(0);

    /// Appends the name on the wire, with its NUL.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        if self != Self::UNNAMED {
            out.extend_from_slice(b"ormkit_");
            let mut digits = [0; 10];
            let mut at = digits.len();
            let mut rest = self.0;
            while rest > 0 {
                at -= 1;
                digits[at] = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            out.extend_from_slice(&digits[at..]);
        }
        out.push(0);
    }
}

/// A prepared statement.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) number: Number,
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
    last: u32,
    /// Evicted: to be closed on the server.
    evicted: Vec<Number>,
}

impl StatementCache {
    /// At most `max_entries` statements (0: every statement is unnamed) and `max_bytes` bytes.
    pub(crate) fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self {
            entries: LinkedHashMap::with_hasher(FxBuildHasher),
            bytes: 0,
            max_entries,
            max_bytes,
            last: 0,
            evicted: Vec::new(),
        }
    }

    /// The entry of `text`, now the most recently used.
    pub(crate) fn find(&mut self, text: &Arc<StatementText>) -> Option<&Prepared> {
        self.entries.to_back(text).map(|entry| &*entry)
    }

    /// A number for a statement that will be prepared: [`Number::UNNAMED`] when it is too large to be kept.
    pub(crate) fn number(&mut self, text: &StatementText) -> Number {
        if self.max_entries == 0 || cost(text) > self.max_bytes / 4 {
            return Number::UNNAMED;
        }
        self.last = self.last.checked_add(1).unwrap_or(1);
        Number(self.last)
    }

    /// Keeps a statement and evicts others where there is no room.
    pub(crate) fn insert(&mut self, text: Arc<StatementText>, prepared: Prepared) {
        if prepared.number == Number::UNNAMED {
            return;
        }
        self.forget(&text);
        self.bytes += cost(&text);
        self.entries.insert(text, prepared);
        while self.entries.len() > self.max_entries || self.bytes > self.max_bytes {
            let Some((text, old)) = self.entries.pop_front() else { return };
            self.bytes -= cost(&text);
            self.evicted.push(old.number);
        }
    }

    /// Notes the columns of a statement that the server has described, if it is still here.
    pub(crate) fn describe(&mut self, text: &Arc<StatementText>, number: Number, shape: &Arc<Shape>) {
        if let Some(entry) = self.entries.get_mut(text)
            && entry.number == number
        {
            entry.shape = Some(Arc::clone(shape));
        }
    }

    /// Removes a statement; it will be closed on the server.
    pub(crate) fn forget(&mut self, text: &Arc<StatementText>) {
        if let Some(old) = self.entries.remove(text) {
            self.bytes -= cost(text);
            self.evicted.push(old.number);
        }
    }

    /// Removes a statement that the server does not have or has not described, if it is still the one of that number.
    pub(crate) fn forget_number(&mut self, text: &Arc<StatementText>, number: Number) {
        if self.entries.get(text).is_some_and(|entry| entry.number == number) {
            self.forget(text);
        }
    }

    /// Forgets everything: the server has closed all statements by itself.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.evicted.clear();
        self.bytes = 0;
    }

    /// Statements to be closed on the server. Closing one that it does not know does no harm.
    pub(crate) fn evicted(&mut self) -> &mut Vec<Number> {
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

    fn insert(cache: &mut StatementCache, sql: &str) -> Number {
        let number = cache.number(&text(sql));
        cache.insert(text(sql), Prepared { number, targets: [].into(), columns_of: text(sql), shape: None });
        number
    }

    #[test]
    fn least_recently_used_goes_first() {
        let mut cache = StatementCache::new(2, 1 << 20);
        let first = insert(&mut cache, "SELECT 1");
        let second = insert(&mut cache, "SELECT 2");
        assert_eq!(cache.find(&text("SELECT 1")).unwrap().number, first);
        insert(&mut cache, "SELECT 3");
        assert!(cache.find(&text("SELECT 2")).is_none());
        assert_eq!(*cache.evicted(), [second]);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut cache = StatementCache::new(100, 4 * 2000);
        for index in 0..20 {
            insert(&mut cache, &format!("SELECT {index} -- {}", "x".repeat(1000)));
        }
        assert!(cache.bytes <= 8000 && !cache.entries.is_empty());
        assert_eq!(cache.number(&text(&"x".repeat(3000))), Number::UNNAMED);
    }

    #[test]
    fn numbers_are_never_used_twice() {
        let mut cache = StatementCache::new(10, 1 << 20);
        let first = insert(&mut cache, "SELECT 1");
        cache.forget(&text("SELECT 1"));
        assert_ne!(insert(&mut cache, "SELECT 1"), first);
    }

    #[test]
    fn names_are_written_with_their_number() {
        let mut out = Vec::new();
        [0, 7, 4_294_967_295].into_iter().for_each(|number| Number(number).write(&mut out));
        assert_eq!(out, b"\0ormkit_7\0ormkit_4294967295\0");
    }

    #[test]
    fn cache_of_no_entries_names_nothing() {
        let mut cache = StatementCache::new(0, 1 << 20);
        assert_eq!(insert(&mut cache, "SELECT 1"), Number::UNNAMED);
        assert!(cache.find(&text("SELECT 1")).is_none());
    }
}
