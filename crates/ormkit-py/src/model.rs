//! From a class body to a model: what the thin metaclass in Python hands over.
//!
//! A class statement goes through [`ClassBody`] twice. Before `type.__new__` the columns and relations are moved out of
//! the body and named as slots; after it the model is declared in the registry and the class gets its table. References
//! between models are checked on first use, by [`schema`]: a target may be defined later.
mod annotation;
mod body;
mod collect;
mod dataclass;
mod declaration;
mod extension;
mod family;
mod gathered;
mod info;
mod joining;
mod late_columns;
mod making;
mod mapper;
mod metadata;
mod names;
mod options;
mod plan;
mod properties;
pub(crate) mod raise;
mod registry;
mod soft_delete;
mod table;

pub(crate) use crate::attribute::Attribute;
pub(crate) use annotation::value_type;
pub(crate) use body::{ClassBody, metadata_of};
pub(crate) use dataclass::check_dataclass_options;
pub(crate) use info::{ColumnInfo, RelationshipInfo};
pub(crate) use metadata::MetaData;
pub(crate) use properties::check_assignment;
pub(crate) use raise::unsupported;
pub(crate) use registry::{
    MappedClass, add_index, any_conversion, classes_below, conversion, find_class, mapped_class,
    note_conversion, schema, target_of, with_def,
};
pub(crate) use table::{Table, TableColumns, table_model, table_of};
