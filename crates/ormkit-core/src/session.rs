//! The session: what one task does with a database.

mod link;

pub use self::link::Link;
