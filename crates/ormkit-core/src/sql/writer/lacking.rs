//! Columns of types that a dialect lacks.

use crate::error::{Error, ErrorKind};
use crate::model::{FieldId, Model};
use crate::sql::{Dialect, DialectName, type_name};

/// A column of a type that the dialect lacks.
#[derive(Debug)]
pub(crate) struct Lacking {
    feature: String,
}

impl Lacking {
    /// None where the dialect has the type of the field.
    pub(crate) fn of(dialect: &Dialect, model: &Model, field: FieldId) -> Option<Self> {
        let column_type = &model.field(field).column_type;
        let lacks = dialect.name != DialectName::Postgres && column_type.is_native();
        lacks.then(|| Self {
            feature: format!(
                "{}: {} on {}",
                model.place(field),
                type_name(column_type, &Dialect::POSTGRES),
                dialect.name.as_str()
            ),
        })
    }

    /// [`ErrorKind::Unsupported`].
    pub(crate) fn error(&self) -> Error {
        let instead = "use PostgreSQL, or a type that both databases have";
        Error::new(ErrorKind::Unsupported { feature: self.feature.clone(), instead: instead.to_owned() })
    }
}
