//! From the query AST to SQL text. Dialects are data; the writer is the only place that quotes.

mod dialect;

pub use dialect::{Dialect, DialectName, Placeholder};
