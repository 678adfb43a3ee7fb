//! Where sessions of records come from.

use std::sync::Arc;

use super::Records;
use crate::model::Schema;
use crate::plan::Plans;
use crate::pool::Pool;
use crate::session::{Session, SessionOptions};
use crate::sql::SchemaNames;

/// A pool with the models of its database, and the statements that were built for them: what sessions of
/// [`Record`](super::Record)s have in common. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    pool: Pool,
    schema: Arc<Schema>,
    plans: Arc<Plans>,
    options: SessionOptions,
}

impl Sessions {
    /// Sessions of a pool's connections.
    pub fn new(pool: Pool, schema: Arc<Schema>) -> Self {
        let plans = Arc::new(Plans::new(pool.dialect()));
        Self { pool, schema, plans, options: SessionOptions::default() }
    }

    /// The same, of these options.
    #[must_use]
    pub fn with_options(mut self, options: SessionOptions) -> Self {
        self.options = options;
        self
    }

    /// The same where the database calls schemas otherwise than the models do, as with one for each tenant. Statements are
    /// built anew.
    #[must_use]
    pub fn in_schemas(mut self, schemas: SchemaNames) -> Self {
        self.plans = Arc::new(Plans::new(self.pool.dialect()).in_schemas(schemas));
        self
    }

    /// Another session. It takes a connection when it needs one.
    pub fn open(&self) -> Session<Records> {
        self.open_for(Records::new(Arc::clone(&self.schema)))
    }

    /// Another session, of a host that [listens](Records::listening).
    pub fn open_for(&self, records: Records) -> Session<Records> {
        let (schema, plans) = (Arc::clone(&self.schema), Arc::clone(&self.plans));
        let session = Session::new(records, self.pool.clone(), schema, plans, self.options.clone());
        session.host().know(session.home());
        session
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The models.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }
}
