//! What the storage of instances asks of the host: who hears of changes, and how JSON is read and written.
use std::sync::Arc;

use ormkit_core::error::{Error, Result};
use ormkit_core::model::FieldId;
use ormkit_core::sql::DialectName;
use pyo3::prelude::*;

use super::homes::{self, owner};
use super::{ClassInfo, FieldInfo, class_info};
use crate::convert::{Border, JsonCodec};
use crate::errors::{from_py, to_py};
use crate::event;
use crate::expr::is_expression;
use crate::instance;
use crate::relation;

/// Gives the storage its hooks.
pub(crate) fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    instance::set_hooks(instance::Hooks {
        first_change: homes::first_change,
        first_look: homes::first_look,
        is_expression,
        assign_relation: relation::assign,
        init: event::tell_init,
        is_anything_heard: event::any_attribute,
        incoming: event::incoming,
        leaving: event::leaving,
        missing: relation::missing,
        write_only: relation::write_only,
        write_only_members: relation::write_only_members,
        decode_json: |object, slot, text| {
            let (info, field) = field_of(object, slot)?;
            let own = field.conversion.as_deref();
            border_of(object, field)
                .and_then(|border| border.of().read_text(object.py(), text, &field.column_type, own))
                .map_err(|error| to_py(object.py(), error.at(|| info.place(FieldId(slot as u16)))))
        },
        encode_json: |object, slot, value| {
            let (_, field) = field_of(object, slot)?;
            border_of(object, field)
                .and_then(|border| {
                    border.of().write_text(value, &field.column_type, field.conversion.as_deref())
                })
                .map_err(|error| to_py(object.py(), error))
        },
        same_json: |object, slot, old, new| {
            let (_, field) = field_of(object, slot)?;
            match border_of(object, field) {
                // What JSON has no form for is shown as its class likes: the text that is stored decides.
                Ok(Known::Of(border)) => {
                    let text = |value| {
                        let own = field.conversion.as_deref();
                        let text = border.write_text(value, &field.column_type, own);
                        text.map_err(|error| to_py(object.py(), error))
                    };
                    Ok(text(old)? == text(new)?)
                }
                Ok(Known::Plain) => instance::same_repr(old, new),
                Err(_) => Ok(false),
            }
        },
    });
    Ok(())
}

/// The column that a slot holds.
fn field_of(object: &Bound<'_, PyAny>, slot: usize) -> PyResult<(&'static ClassInfo, &'static FieldInfo)> {
    let info = class_info(object.py(), instance::table_of(object)?.model);
    Ok((info, &info.fields[slot]))
}

/// The engine whose functions an object's JSON is read and written by.
enum Known {
    /// No value of JSON needs to know it.
    Plain,
    Of(Arc<Border>),
}

impl Known {
    fn of(&self) -> &Border {
        match self {
            Self::Plain => Border::plain(DialectName::Postgres),
            Self::Of(border) => border,
        }
    }
}

/// The engine that an object came from, or whose session it was given to.
///
/// # Errors
/// A class of the user's converts the column's values, and the object was in no session yet.
fn border_of(object: &Bound<'_, PyAny>, field: &FieldInfo) -> Result<Known> {
    if let Some(border) = instance::border(object).map_err(from_py)? {
        return Ok(Known::Of(border));
    }
    let has_user = field.has_user();
    if !has_user && !JsonCodec::any_dumps() {
        return Ok(Known::Plain);
    }
    match owner(instance::home(object).map_err(from_py)?) {
        Some(owner) => Ok(Known::Of(Arc::clone(owner.border()))),
        None if has_user => Err(Error::interface("the object belongs to no session yet")),
        None => Ok(Known::Plain),
    }
}
