//! The Python extension module `ormkit._ormkit`: registration only.
use pyo3::prelude::*;

mod attribute;
#[cfg_attr(not(feature = "test-hooks"), allow(dead_code, unused_imports))]
mod bridge;
mod convert;
mod errors;
mod expr;
mod fields;
mod host;
mod instance;
mod model;
mod query;
mod relation;
mod result;

#[pymodule]
mod _ormkit {
    use super::*;

    #[pymodule_export]
    use attribute::Attribute;
    #[pymodule_export]
    use expr::{
        Condition, Expr, FunctionNamespace, NamedFunction, and_, asc, case, cast, desc, false_, literal,
        not_, null, or_, text, true_,
    };
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
    use model::{ClassBody, ColumnInfo, MetaData, RelationshipInfo, Table, metadata_of};

    #[pymodule_export]
    use query::{
        Delete, F, Insert, Loader, Q, Query, Select, Update, delete, exists, insert, joinedload, lazyload,
        noload, raiseload, select, selectinload, subqueryload, update,
    };
    #[pymodule_export]
    use relation::Change;
    #[pymodule_export]
    use result::{ExecuteResult, QueryResult, ScalarResult, make_row};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        bridge::register(module)?;
        errors::register(module)?;
        module.add("func", Bound::new(module.py(), expr::FunctionNamespace)?)?;
        host::register(module)?;
        instance::register(module)?;
        relation::register(module)?;
        result::register(module)
    }
}
