//! What a class body is made of: `Mapped`, `mapped_column`, `relationship`, `ForeignKey`, and the column types.
mod column;
mod constraints;
mod dataclass;
mod declared_attr;
pub(crate) mod decorator;
pub(crate) mod enumeration;
mod exclude;
mod foreign_key;
mod generated;
mod index;
mod json_null;
pub(crate) mod native;
mod notes;
mod property;
pub(crate) mod range;
mod relation;
pub(crate) mod types;

pub(crate) use column::{
    ClientDefault, Given, JoinCondition, MappedColumn, Renewal, ServerValue, join_condition, mapped_column,
};
pub(crate) use constraints::{
    CheckConstraint, ForeignKeyConstraint, Named, PrimaryKeyConstraint, UniqueConstraint,
};
pub(crate) use dataclass::DataclassOptions;
pub(crate) use declared_attr::DeclaredAttr;
pub(crate) use exclude::ExcludeConstraint;
pub(crate) use foreign_key::ForeignKey;
pub(crate) use generated::{Computed, FetchedValue, Identity, Sequence};
pub(crate) use index::Index;
pub(crate) use json_null::is_json_null;
pub(crate) use notes::Notes;
pub(crate) use property::{ColumnProperty, column_property};
pub(crate) use relation::{
    ColumnName, RelationColumn, RelationJoin, RelationshipDecl, RelationshipTarget, SecondaryTable,
    columns_given, relationship,
};

use crate::model::raise::unsupported;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// The annotation of a mapped attribute: `Mapped[int]`, `Mapped["Team | None"]`, `Mapped[list["Post"]]`.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Mapped;

#[pymethods]
impl Mapped {
    #[classmethod]
    fn __class_getitem__<'py>(
        class: &Bound<'py, PyType>,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = class.py();
        py.import("types")?.getattr("GenericAlias")?.call1((class, item))
    }
}

/// The annotation of a list that is never loaded: `posts: WriteOnlyMapped["Post"] = relationship()`.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct WriteOnlyMapped;

#[pymethods]
impl WriteOnlyMapped {
    #[classmethod]
    fn __class_getitem__<'py>(
        class: &Bound<'py, PyType>,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Mapped::__class_getitem__(class, item)
    }
}

/// Refuses an option that is given and not implemented: never ignored in silence.
fn refuse(function: &str, option: &str, given: bool, instead: &str) -> PyResult<()> {
    match given {
        true => Err(unsupported(format!("{function}({option}=..)"), instead)),
        false => Ok(()),
    }
}
