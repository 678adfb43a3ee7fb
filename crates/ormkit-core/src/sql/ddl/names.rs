//! Names of constraints and indexes that were not given one: what they are, their table and their columns.
//!
//! Names longer than PostgreSQL's 63 bytes end in a hash of the whole, on both databases, so that they are found again.

use std::hash::Hasher;

use crate::model::TableName;
use crate::sql::quote::LONGEST_NAME;

/// `ix_<table>_<columns>`
pub fn index<S: AsRef<str>>(table: &TableName, columns: &[S]) -> String {
    name("ix", table, columns, None)
}

/// `uq_<table>_<columns>`
pub fn unique<S: AsRef<str>>(table: &TableName, columns: &[S]) -> String {
    name("uq", table, columns, None)
}

/// `ck_<table>_<columns>`
pub fn check<S: AsRef<str>>(table: &TableName, columns: &[S]) -> String {
    name("ck", table, columns, None)
}

/// `ex_<table>_<columns>`
pub fn exclude<S: AsRef<str>>(table: &TableName, columns: &[S]) -> String {
    name("ex", table, columns, None)
}

/// `fk_<table>_<columns>_<referred table>`
pub fn foreign_key<S: AsRef<str>>(table: &TableName, columns: &[S], referred: &TableName) -> String {
    name("fk", table, columns, Some(referred))
}

fn name<S: AsRef<str>>(
    prefix: &str,
    table: &TableName,
    columns: &[S],
    referred: Option<&TableName>,
) -> String {
    let mut parts = vec![prefix, &table.name];
    parts.extend(columns.iter().map(AsRef::as_ref));
    parts.extend(referred.map(|table| table.name.as_str()));
    fitted(parts.join("_"))
}

/// A name as it is, or its beginning with a hash of the whole.
pub(crate) fn fitted(whole: String) -> String {
    if whole.len() <= LONGEST_NAME {
        return whole;
    }
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write(whole.as_bytes());
    let mut end = LONGEST_NAME - 9;
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}_{:08x}", &whole[..end], hasher.finish() as u32)
}
