//! The cells of a catalog's row.

use crate::driver::KeptRows;
use crate::error::{Error, Result};
use crate::value::ValueRef;

/// A row that tells of a part of the schema.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    rows: &'a KeptRows,
    row: usize,
}

impl<'a> Line<'a> {
    /// All rows of an answer.
    pub fn all(rows: &'a KeptRows) -> impl Iterator<Item = Self> {
        (0..rows.len()).map(move |row| Self { rows, row })
    }

    /// A text or NULL.
    ///
    /// # Errors
    /// `Protocol` for anything else, as for the other methods.
    pub fn maybe(&self, index: usize) -> Result<Option<String>> {
        match self.rows.cell(self.row, index)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(text) => Ok(Some(text.to_owned())),
            other => Err(unexpected("a text", &other)),
        }
    }

    /// A text.
    pub fn text(&self, index: usize) -> Result<String> {
        self.maybe(index)?.ok_or_else(|| unexpected("a text", &ValueRef::Null))
    }

    /// A boolean; NULL is false.
    pub fn flag(&self, index: usize) -> Result<bool> {
        match self.rows.cell(self.row, index)? {
            ValueRef::Null => Ok(false),
            ValueRef::Bool(flag) => Ok(flag),
            other => Err(unexpected("a boolean", &other)),
        }
    }

    /// A number or NULL.
    pub fn number(&self, index: usize) -> Result<Option<i64>> {
        match self.rows.cell(self.row, index)? {
            ValueRef::Null => Ok(None),
            ValueRef::Int(number) => Ok(Some(number)),
            other => Err(unexpected("a number", &other)),
        }
    }

    /// An array of texts; NULL is empty.
    pub fn texts(&self, index: usize) -> Result<Vec<String>> {
        match self.rows.cell(self.row, index)? {
            ValueRef::Null => Ok(Vec::new()),
            ValueRef::Array(array) => array
                .iter()
                .map(|element| match element {
                    ValueRef::Text(text) => Ok(text.to_owned()),
                    other => Err(unexpected("a text", &other)),
                })
                .collect(),
            other => Err(unexpected("an array", &other)),
        }
    }
}

fn unexpected(wanted: &str, found: &ValueRef<'_>) -> Error {
    Error::protocol(format!("the database's catalog answered {} instead of {wanted}", found.type_name()))
}
