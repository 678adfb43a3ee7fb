//! PostgreSQL's frontend/backend protocol 3.0 without IO: bytes in, messages out (PostgreSQL manual, chapter 55).
//!
//! Whatever bytes a server sends, the answer is a message or a typed error: nothing here panics, waits or allocates more
//! than what has been received.

pub(crate) mod backend;
pub(crate) mod buffer;
pub(crate) mod frontend;
pub(crate) mod pipeline;
pub(crate) mod scram;
pub(crate) mod settings;
pub(crate) mod startup;
