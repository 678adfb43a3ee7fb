//! What the connections of one driver know together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use ormkit_core::driver::NoticeSink;

use crate::config::PrepareMode;
use crate::statement_cache::Keeping;
use crate::types::codecs::Codecs;
use crate::types::named::lookup::Catalog;

/// Shared by all connections of a [`PgDriver`](crate::PgDriver).
pub(crate) struct Common {
    /// Where notices go.
    notices: Arc<dyn NoticeSink>,
    /// How often statements have turned out to be no longer what they were.
    schema_changes: AtomicU64,
    /// A pooler stands in front of the server: as a connection has found.
    pooler: OnceLock<bool>,
    /// What is known of the database's types.
    types: Arc<Catalog>,
}

impl Common {
    /// Nothing is known yet.
    pub(crate) fn new(notices: Arc<dyn NoticeSink>, codecs: Arc<Codecs>) -> Self {
        let types = Arc::new(Catalog::new(codecs));
        Self { notices, schema_changes: AtomicU64::new(0), pooler: OnceLock::new(), types }
    }

    /// What is known of the database's types.
    pub(crate) fn types(&self) -> &Arc<Catalog> {
        &self.types
    }

    /// The same with other codecs.
    pub(crate) fn with_codecs(&self, codecs: Arc<Codecs>) -> Self {
        Self::new(Arc::clone(&self.notices), codecs)
    }

    /// The same with notices that go somewhere else.
    pub(crate) fn with_notices(&self, notices: Arc<dyn NoticeSink>) -> Self {
        Self::new(notices, Arc::clone(self.types.codecs()))
    }

    /// Where notices go.
    pub(crate) fn notices(&self) -> &dyn NoticeSink {
        &*self.notices
    }

    /// Counts the changes of the schema that were noticed. A connection that has prepared its statements at an earlier
    /// count prepares them anew.
    pub(crate) fn schema_changes(&self) -> u64 {
        self.schema_changes.load(Ordering::Relaxed)
    }

    /// Tables or types are no longer what they were.
    pub(crate) fn note_schema_change(&self) {
        self.schema_changes.fetch_add(1, Ordering::Relaxed);
        self.types.forget_composites();
    }

    /// What is known of a pooler in front of the server.
    pub(crate) fn pooler(&self) -> Option<bool> {
        self.pooler.get().copied()
    }

    /// Notes what a connection has found; the first word counts.
    pub(crate) fn note_pooler(&self, found: bool) {
        let _ = self.pooler.set(found);
    }

    /// What a connection keeps of its statements; `chance` is its own number.
    pub(crate) fn keeping(&self, mode: PrepareMode, chance: u64) -> Keeping {
        match (mode, self.pooler()) {
            (PrepareMode::Never, _) => Keeping::Nothing,
            (PrepareMode::Unnamed, _) | (PrepareMode::Auto, Some(true)) => Keeping::Described,
            (PrepareMode::Named | PrepareMode::Auto, _) => Keeping::Named(chance),
        }
    }
}

#[cfg(test)]
mod tests {
    use ormkit_core::driver::NoNotices;

    use super::*;

    #[test]
    fn pooler_decides_for_auto_alone() {
        let common = Common::new(Arc::new(NoNotices), Arc::default());
        assert_eq!(common.keeping(PrepareMode::Auto, 1), Keeping::Named(1));
        common.note_pooler(true);
        common.note_pooler(false);
        assert_eq!(common.keeping(PrepareMode::Auto, 1), Keeping::Described);
        assert_eq!(common.keeping(PrepareMode::Named, 1), Keeping::Named(1));
        assert_eq!(common.keeping(PrepareMode::Unnamed, 1), Keeping::Described);
        assert_eq!(common.keeping(PrepareMode::Never, 1), Keeping::Nothing);
    }
}
