//! The Python extension module `ormkit._ormkit`: registration only.
use pyo3::prelude::*;

mod attribute;
mod bridge;
mod codec;
mod convert;
mod derived;
mod engine;
mod errors;
mod expr;
mod fields;
mod host;
mod instance;
mod model;
mod query;
mod range;
mod relation;
mod result;
mod session;

#[pymodule]
mod _ormkit {
    use super::*;

    #[pymodule_export]
    use attribute::Attribute;
    #[pymodule_export]
    use codec::{register_codec, unregister_codec};
    #[pymodule_export]
    use derived::{
        AssociationProxy, HybridInplace, HybridMethod, HybridProperty, ProxiedAttribute, ProxyMembers,
        Validates, Validator, association_proxy, validates,
    };
    #[pymodule_export]
    use engine::{
        ClosedConnection, Connection, ConnectionBlock, ConnectionContext, CopyOut, Engine, Listener,
        Notification, PoolCounters, PoolHolder, PoolStatus, RowBatches, RowStream, TraceEvent,
        create_async_engine, create_engine, create_pool, quote_identifier, quote_literal,
    };
    #[pymodule_export]
    use expr::{
        Condition, Expr, FunctionNamespace, NamedFunction, and_, asc, case, cast, desc, false_, literal,
        not_, null, or_, text, true_,
    };
    #[pymodule_export]
    use fields::native::{Array, Bit, Cidr, Inet, MacAddr, MacAddr8, Tsvector, Vector};
    #[pymodule_export]
    use fields::types::{
        BigInteger, Boolean, Date, DateTime, Double, EnumColumn, Float, Integer, Interval, Json, LargeBinary,
        Numeric, SmallInteger, StringType, Text, Time, TypeEngine, Uuid,
    };
    #[pymodule_export]
    use fields::{
        CheckConstraint, Computed, DeclaredAttr, FetchedValue, ForeignKey, ForeignKeyConstraint, Identity,
        Index, Mapped, MappedColumn, PrimaryKeyConstraint, RelationshipDecl, UniqueConstraint, mapped_column,
        relationship,
    };
    #[pymodule_export]
    use model::{
        ClassBody, ColumnInfo, MetaData, RelationshipInfo, Table, check_dataclass_options, metadata_of,
    };
    #[pymodule_export]
    use range::Range;
    #[pymodule_export]
    use relation::Change;
    #[pymodule_export]
    use result::{ExecuteResult, QueryResult, ScalarResult, make_row};

    #[pymodule_export]
    use query::{
        Delete, F, Insert, Loader, Q, Query, Select, Update, delete, exists, insert, joinedload, lazyload,
        noload, raiseload, select, selectinload, subqueryload, update,
    };

    #[pymodule_export]
    use session::{
        AsyncSession, SessionContext, SessionMaker, Transaction, TransactionContext, create_session,
        session_context,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        bridge::register(module)?;
        errors::register(module)?;
        host::register(module)?;
        instance::register(module)?;
        module.add("func", Bound::new(module.py(), expr::FunctionNamespace)?)?;
        relation::register(module)?;
        result::register(module)?;
        Ok(())
    }
}

/// What the classes marked for stub generation tell of themselves; gathered here, where they are linked.
///
/// # Errors
/// Two classes of one name.
#[cfg(feature = "stub-gen")]
pub fn stub_info() -> pyo3_stub_gen::Result<pyo3_stub_gen::StubInfo> {
    let root = std::path::PathBuf::from("stubs");
    pyo3_stub_gen::StubInfo::from_project_root("ormkit._ormkit".to_owned(), root, true, Default::default())
}
