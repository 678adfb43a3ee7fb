//! The Python extension module `ormkit._ormkit`: registration only.
use pyo3::prelude::*;

mod attribute;
mod autogen;
mod bridge;
mod cli;
mod codec;
mod convert;
mod derived;
mod dialect;
mod elsewhere;
mod engine;
mod errors;
mod event;
mod expr;
mod fields;
mod generic;
mod host;
mod inspection;
mod instance;
mod keywords;
mod migrate;
mod model;
mod query;
mod range;
mod relation;
mod result;
mod session;
mod testing;

#[pymodule]
mod _ormkit {
    use super::*;

    #[pymodule_export]
    use attribute::Attribute;
    #[pymodule_export]
    use autogen::{AutogenContext, RecordedSchema, SchemaStep, generate_migration, sqlalchemy_tables};
    #[pymodule_export]
    use bridge::QueryTags;
    #[pymodule_export]
    use cli::{CommandLine, load_models, missing_database, parse_command_line};
    #[pymodule_export]
    use codec::{register_codec, unregister_codec};
    #[pymodule_export]
    use convert::uuid7;
    #[pymodule_export]
    use derived::{
        AssociationProxy, HybridInplace, HybridMethod, HybridProperty, ProxiedAttribute, ProxyMembers,
        Validates, Validator, association_proxy, synonym, validates,
    };
    #[pymodule_export]
    use elsewhere::missing_name;
    #[pymodule_export]
    use engine::{
        ClosedConnection, Connection, ConnectionBlock, ConnectionContext, CopyOut, Engine, FoundColumn,
        FoundConstraint, FoundIndex, FoundTable, Listener, Notification, PlanCounters, PoolCounters,
        PoolHolder, PoolStatus, RowBatches, RowStream, TraceEvent, create_async_engine, create_engine,
        create_pool, quote_identifier, quote_literal,
    };
    #[pymodule_export]
    use event::{
        ConnectionRecord, ExceptionContext, ExecutionContext, FlushContext, OrmExecuteState, contains,
        listen, listens_for, remove,
    };
    #[pymodule_export]
    use expr::{
        Condition, CustomOperator, Expr, FunctionNamespace, NamedFunction, Quantifier, RowValue,
        aggregate_order_by, all_, and_, any_, asc, between, bindparam, case, cast, collate, desc, distinct,
        extract, false_, foreign, literal, literal_column, not_, null, nulls_first, nulls_last, or_, remote,
        text, true_, tuple_, type_coerce, with_parent,
    };
    #[pymodule_export]
    use fields::decorator::{DialectObject, TypeDecorator};
    #[pymodule_export]
    use fields::enumeration::EnumColumn;
    #[pymodule_export]
    use fields::native::{Array, Bit, Cidr, Citext, Inet, MacAddr, MacAddr8, Tsvector, Vector};
    #[pymodule_export]
    use fields::range::{
        DateMultiRange, DateRange, Hstore, Int4MultiRange, Int4Range, Int8MultiRange, Int8Range,
        NumMultiRange, NumRange, TsMultiRange, TsRange, TsTzMultiRange, TsTzRange,
    };
    #[pymodule_export]
    use fields::types::{
        BigInteger, Boolean, Date, DateTime, Double, Float, Integer, Interval, Json, LargeBinary, Numeric,
        SmallInteger, StringType, Text, Time, TypeEngine, Uuid,
    };
    #[pymodule_export]
    use fields::{
        CheckConstraint, ColumnProperty, Computed, DeclaredAttr, ExcludeConstraint, FetchedValue, ForeignKey,
        ForeignKeyConstraint, Identity, Index, Mapped, MappedColumn, PrimaryKeyConstraint, RelationshipDecl,
        Sequence, UniqueConstraint, WriteOnlyMapped, column_property, mapped_column, relationship,
    };
    #[pymodule_export]
    use inspection::{AttributeState, History, InstanceState, Mapper, NamedItems, inspect};
    #[pymodule_export]
    use migrate::{
        MigrationRun, RevisionGraph, count_statements, keeps_stored_form, render_baseline, reset_statements,
        revision_file_name, schema_statements, version_statements,
    };
    #[pymodule_export]
    use model::{
        ClassBody, ColumnInfo, MetaData, RelationshipInfo, Table, TableColumns, check_assignment,
        check_dataclass_options, metadata_of,
    };
    #[pymodule_export]
    use range::Range;
    #[pymodule_export]
    use relation::{Change, WriteOnlyCollection};
    #[pymodule_export]
    use result::{ExecuteResult, MappingResult, QueryResult, ScalarResult, make_row};

    #[pymodule_export]
    use query::{
        Aggregate, AliasedClass, Avg, ColumnSpec, Columns, Count, Cte, Delete, Excluded, Exists, F, Insert,
        JoinedTables, Loader, Max, Min, Page, Prefetch, Q, Query, RelationPart, RowQuery, Select, Subquery,
        Sum, Update, Values, aliased, column, contains_eager, defaultload, defer, delete, except_,
        except_all, exists, immediateload, insert, intersect, intersect_all, join, joinedload, lateral,
        lazyload, load_from, load_only, noload, outerjoin, raiseload, select, selectin_polymorphic,
        selectinload, subqueryload, table, undefer, undefer_group, union, union_all, update, values,
        with_loader_criteria, with_polymorphic,
    };

    #[pymodule_export]
    use session::{
        AsyncSession, SessionContext, SessionMaker, Stream, StreamPartitions, Transaction,
        TransactionContext, create_session, load_attribute, session_context,
    };

    #[pymodule_export]
    use testing::{AssertQueries, DetectNPlusOne};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        bridge::register(module)?;
        errors::register(module)?;
        generic::register(module)?;
        host::register(module)?;
        instance::register(module)?;
        module.add("func", Bound::new(module.py(), expr::FunctionNamespace)?)?;
        module.add("NO_VALUE", event::no_value(module.py())?)?;
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
