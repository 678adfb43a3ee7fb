//! Everything that is an ORM: no socket, no Python, no runtime.
//!
//! | a program | finds it in |
//! |---|---|
//! | declares models | [`model`]: [`Registry`](model::Registry) to [`Schema`](model::Schema) |
//! | works with objects | [`record`]: [`Record`](record::Record), [`Sessions`](record::Sessions); [`session`]: [`Session`](session::Session) |
//! | asks for them | [`query`]: [`Select`](query::Select), [`Expr`](query::Expr), [`Write`](query::Write), [`lookup`](query::lookup) by name |
//! | has a database | [`pool`]: [`Pool`](pool::Pool) of a driver (`ormkit-pg`, `ormkit-sqlite`) on a [`runtime`] |
//! | changes its schema | [`schema`]: [`Compare`](schema::Compare), [`migrate`](fn@schema::migrate); [`migrate`]: revisions; [`lint`] |
//! | brings objects of another language | [`host`]: [`Host`](host::Host) |

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
