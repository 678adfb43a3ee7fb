//! Everything that is an ORM: no socket, no Python, no runtime.

pub mod driver;
pub mod error;
pub mod host;
pub mod lint;
pub mod load;
pub mod migrate;
pub mod model;
pub mod plan;
pub mod pool;
pub mod query;
pub mod record;
pub mod runtime;
pub mod schema;
pub mod session;
pub mod sql;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod value;
