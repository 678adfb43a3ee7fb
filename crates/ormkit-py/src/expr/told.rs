//! Types that a statement says: `literal(value, Cents)`, `cast(value, Enum(Kind))`.

use ormkit_core::model::ColumnType;
use ormkit_core::query::{Expr as CoreExpr, HostType};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyType};
use std::sync::Arc;

use super::open::Use;
use super::operand::{bound, expression_beside};
use super::typing::Typing;
use crate::convert::Conversion;
use crate::fields::types::type_of as engine_of;
use crate::model::note_conversion;

/// A column type that was given, with what converts its values beside what it says.
pub(crate) struct Told {
    pub(super) column_type: ColumnType,
    pub(super) conversion: Option<Arc<Conversion>>,
    /// What makes it: it lives as long as the type is known by its address.
    maker: Py<PyAny>,
}

impl Told {
    /// The type of a class or an instance.
    ///
    /// # Errors
    /// `TypeError` for what is no column type.
    pub(super) fn of(given: &Bound<'_, PyAny>, function: &str) -> PyResult<Self> {
        let engine = engine_of(given)?.ok_or_else(|| {
            PyTypeError::new_err(format!("{function} takes a column type such as Integer or String(20)"))
        })?;
        let (column_type, conversion) = (engine.get().column_type.clone(), engine.get().conversion.clone());
        // A class stands for all its instances without arguments; members are those of their class.
        let maker = match conversion.as_ref().and_then(|conversion| conversion.members.as_ref()) {
            Some(members) if given.cast::<PyType>().is_err() && !members.by_name => {
                members.class.clone_ref(given.py()).into_any()
            }
            _ => given.clone().unbind(),
        };
        Ok(Self { column_type, conversion, maker })
    }

    /// The type of the database's.
    pub(crate) fn column_type(&self) -> &ColumnType {
        &self.column_type
    }

    /// How its values are converted.
    pub(crate) fn conversion(&self) -> Option<&Arc<Conversion>> {
        self.conversion.as_ref()
    }

    /// True for a value that the type converts before the database casts it: not a text that is to become a label.
    pub(super) fn makes(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        if matches!(self.column_type, ColumnType::Array(_)) && value.is_instance_of::<PyList>() {
            return Ok(true);
        }
        let Some(own) = &self.conversion else { return Ok(false) };
        match &own.members {
            Some(members) => value.is_instance(members.class.bind(value.py())),
            None => Ok(own.user.is_some()),
        }
    }

    /// The type as statements say it; None where the column type is all there is.
    fn host_type(self) -> Option<HostType> {
        let decorated = self.conversion.as_ref()?.is_decorated();
        note_conversion();
        let (key, sql_type) = (self.maker.as_ptr() as usize, self.column_type.sql_type());
        Some(HostType::new(Arc::new(self), key, sql_type, decorated))
    }

    /// `value` as one of the type.
    ///
    /// # Errors
    /// `DataError` where it does not fit.
    pub(super) fn literal(self, value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
        let (expr, column_type) = (self.operand(value)?, self.column_type.clone());
        Ok(match self.host_type() {
            Some(host) => expr.told(column_type, host),
            None => expr,
        })
    }

    /// The expression that `value` already is, or a value of the type.
    ///
    /// # Errors
    /// As [`literal`](Self::literal).
    pub(super) fn operand(&self, value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
        let typing = Typing::of_told(self);
        match expression_beside(value, Some(&typing), Use::Stored)? {
            Some(expr) => Ok(expr),
            None => bound(value, &typing),
        }
    }

    /// `expr`, taken for one of the type.
    pub(super) fn coerced(self, expr: CoreExpr) -> CoreExpr {
        let column_type = self.column_type.clone();
        match self.host_type() {
            Some(host) => expr.told(column_type, host),
            None => expr.coerced(column_type),
        }
    }

    /// `CAST(expr AS type)`.
    pub(super) fn cast(self, expr: CoreExpr) -> CoreExpr {
        let column_type = self.column_type.clone();
        match self.host_type() {
            Some(host) => expr.cast_told(column_type, host),
            None => expr.cast(column_type),
        }
    }
}
