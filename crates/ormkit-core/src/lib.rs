//! Everything that is an ORM: no socket, no Python, no runtime.

pub mod driver;
pub mod error;
pub mod host;
pub mod model;
pub mod plan;
pub mod query;
pub mod runtime;
pub mod sql;
pub mod value;
