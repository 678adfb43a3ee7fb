//! The Python extension module `ormkit._ormkit`: registration only.
use pyo3::prelude::*;

#[cfg_attr(not(feature = "test-hooks"), allow(dead_code, unused_imports))]
mod bridge;
mod convert;
mod errors;
mod fields;
mod host;
mod instance;
mod model;
mod relation;
mod result;

#[pymodule]
mod _ormkit {
    use super::*;

    #[pymodule_export]
    use fields::types::{
        BigInteger, Boolean, Date, DateTime, Double, EnumColumn, Float, Integer, Interval, Json, LargeBinary,
        Numeric, SmallInteger, StringType, Text, Time, TypeEngine, Uuid,
    };
    #[pymodule_export]
    use fields::{
        CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Mapped, MappedColumn, PrimaryKeyConstraint,
        RelationshipDecl, UniqueConstraint, mapped_column, relationship,
    };
    #[pymodule_export]
    use model::{Attribute, ClassBody, ColumnInfo, MetaData, RelationshipInfo, Table, metadata_of};
    #[pymodule_export]
    use relation::Change;
    #[pymodule_export]
    use result::{ExecuteResult, QueryResult, ScalarResult, make_row};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        bridge::register(module)?;
        errors::register(module)?;
        host::register(module)?;
        instance::register(module)?;
        relation::register(module)?;
        result::register(module)
    }
}
