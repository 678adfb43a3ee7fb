//! COPY: its statements, and the rows of its binary format (PostgreSQL manual, COPY, "Binary Format").

mod options;
mod rows;

pub use options::{CopyFormat, CopyOptions, CopyTarget, copy_in, copy_out};
pub(crate) use rows::{CopyRows, HEADER, TRAILER};
