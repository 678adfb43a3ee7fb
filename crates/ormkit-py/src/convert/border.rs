//! The database that values cross to and from.
use super::conversion::{self, Beyond, Conversion};
use super::{Place, Sink, bind, json, read, temporal};
use ormkit_core::error::Result;
use ormkit_core::model::ColumnType;
use ormkit_core::sql::{Dialect, DialectName};
use ormkit_core::value::ValueRef;
use pyo3::prelude::*;
use std::sync::Arc;

/// What the conversion of values has to know of their engine.
#[derive(Clone)]
pub(crate) struct Border {
    /// How its database spells SQL.
    pub(crate) dialect: &'static Dialect,
    /// What applies to all values, mapped or not; None as a rule.
    pub(crate) conversion: Option<Arc<Conversion>>,
}

impl Border {
    /// That of an engine about which nothing is said.
    pub(crate) fn plain(name: DialectName) -> &'static Self {
        static POSTGRES: Border = Border { dialect: &Dialect::POSTGRES, conversion: None };
        static SQLITE: Border = Border { dialect: &Dialect::SQLITE, conversion: None };
        match name {
            DialectName::Postgres => &POSTGRES,
            DialectName::Sqlite => &SQLITE,
        }
    }

    /// What applies to all values.
    pub(crate) fn conversion(&self) -> Option<&Conversion> {
        self.conversion.as_deref()
    }

    /// True where JSON is read or written by functions of the user's.
    pub(crate) fn has_json(&self) -> bool {
        conversion::json(self.conversion()).is_some()
    }

    /// True where Python's least and greatest times stand for infinite ones, which SQLite does not have.
    fn widens(&self, own: Option<&Conversion>) -> bool {
        self.dialect.name == DialectName::Postgres && conversion::beyond(own) == Beyond::Sentinel
    }

    /// Shows a column's value to `sink`, in the form of `column_type`.
    ///
    /// # Errors
    /// As [`bind`]; what functions of the user's raise is the cause of a `DataError`.
    pub(crate) fn bind(
        &self,
        value: &Bound<'_, PyAny>,
        column_type: &ColumnType,
        own: Option<&Conversion>,
        place: &Place<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        if let Some(user) = own.and_then(|own| own.user.as_deref()) {
            let made = user.bind(value, self.dialect.name).map_err(|error| error.at(place))?;
            return self.bind(&made, column_type, user.inner(), place, sink);
        }
        match (column_type, conversion::json(self.conversion())) {
            (ColumnType::Json, Some(codec)) if !value.is_none() => {
                sink(ValueRef::Json(&json::text(value, Some(codec), place)?))
            }
            _ if self.widens(own) => {
                bind(value, column_type, own, place, &mut |value| sink(temporal::widened(value)))
            }
            _ => bind(value, column_type, own, place, sink),
        }
    }

    /// A column's cell as a Python value.
    ///
    /// # Errors
    /// As [`read`]; what functions of the user's raise is the cause of a `DataError` without a place.
    pub(crate) fn read<'py>(
        &self,
        py: Python<'py>,
        cell: ValueRef<'_>,
        own: Option<&Conversion>,
    ) -> Result<Bound<'py, PyAny>> {
        if let Some(user) = own.and_then(|own| own.user.as_deref()) {
            let cell = match (user.is_json(), cell) {
                (true, ValueRef::Text(text)) => ValueRef::Json(text),
                _ => cell,
            };
            return user.result(self.read(py, cell, user.inner())?, self.dialect.name);
        }
        match cell {
            ValueRef::Json(_) => read(py, cell, self.conversion()),
            _ => read(py, cell, own),
        }
    }

    /// A column's value that can be changed in place, as JSON text.
    ///
    /// # Errors
    /// As [`bind`](Self::bind), without a place.
    pub(crate) fn write_text(
        &self,
        value: &Bound<'_, PyAny>,
        column_type: &ColumnType,
        own: Option<&Conversion>,
    ) -> Result<String> {
        if let Some(user) = own.and_then(|own| own.user.as_deref()) {
            return self.write_text(&user.bind(value, self.dialect.name)?, column_type, user.inner());
        }
        super::array::to_text(value, column_type, own, conversion::json(self.conversion()))
    }

    /// The value of such text.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn read_text<'py>(
        &self,
        py: Python<'py>,
        text: &str,
        column_type: &ColumnType,
        own: Option<&Conversion>,
    ) -> Result<Bound<'py, PyAny>> {
        if let Some(user) = own.and_then(|own| own.user.as_deref()) {
            let made = self.read_text(py, text, column_type, user.inner())?;
            return user.result(made, self.dialect.name);
        }
        super::array::from_text(py, text, column_type, own, conversion::json(self.conversion()))
    }
}
