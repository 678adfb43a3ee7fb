//! Words of SQLAlchemy, Django and of drivers that have another form here: the `AttributeError` says what to type instead.

use ormkit_core::error::near_matches;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;

use crate::attribute::Attribute;
use crate::engine::{Connection, Engine};
use crate::inspection::Mapper;
use crate::model::{ColumnInfo, MetaData, RelationshipInfo, Table, with_def};
use crate::query::{Delete, Insert, Query, Select, Update};
use crate::result::{ExecuteResult, MappingResult, QueryResult, ScalarResult};
use crate::session::AsyncSession;

/// A word, and what says the same here.
pub(crate) type Words = &'static [(&'static str, &'static str)];

/// Of mapped classes.
pub(crate) const CLASS: Words = &[
    ("objects", "session.query({class})"),
    ("query", "session.query({class})"),
    ("select", "select({class})"),
    ("filter", "session.query({class}).filter(..)"),
    ("get", "await session.get({class}, key)"),
    ("create", "await session.insert({class}(..))"),
    ("get_or_create", "await session.get_or_create({class}, ..)"),
    ("update_or_create", "await session.update_or_create({class}, ..)"),
    ("bulk_create", "await session.insert_all([..])"),
    ("__mapper__", "inspect({class})"),
    ("registry", "{class}.metadata"),
];

/// Of their instances.
pub(crate) const INSTANCE: Words = &[
    ("save", "await session.insert(it) when it is new, await session.update(it) otherwise"),
    ("asave", "await session.insert(it) when it is new, await session.update(it) otherwise"),
    ("delete", "await session.remove(it), or session.delete(it) for the next flush"),
    ("adelete", "await session.remove(it), or session.delete(it) for the next flush"),
    ("refresh_from_db", "await session.refresh(it)"),
    ("arefresh_from_db", "await session.refresh(it)"),
    ("fetch_related", "await session.load(it, {class}.relation)"),
    ("as_dict", "it.to_dict()"),
    ("dict", "it.to_dict()"),
    ("model_dump", "it.to_dict()"),
    ("_asdict", "it.to_dict()"),
    ("awaitable_attrs", "class Base(AsyncAttrs, DeclarativeBase)"),
    ("_meta", "{class}.__columns__, __relationships__ and __table__"),
];

const QUERY: Words = &[
    ("where", "filter(..)"),
    ("create", "await session.insert(Model(..))"),
    ("bulk_create", "await session.insert_all([..])"),
    ("bulk_update", "await session.bulk_update(Model, values, ..)"),
    ("get_or_create", "await session.get_or_create(Model, ..)"),
    ("update_or_create", "await session.update_or_create(Model, ..)"),
    ("latest", "await query.order_by(\"-field\").first()"),
    ("earliest", "await query.order_by(\"field\").first()"),
    ("union", "select(Model).union(..), given to session.scalars"),
    ("intersection", "select(Model).intersect(..), given to session.scalars"),
    ("difference", "select(Model).except_(..), given to session.scalars"),
    ("dates", "select(extract(\"year\", Model.field)).distinct()"),
    ("datetimes", "select(extract(\"year\", Model.field)).distinct()"),
    ("alias", "annotate(..)"),
    ("contains", "await query.filter(pk=it.id).exists()"),
    ("extra", "annotate(..), or a select with text(..)"),
    ("raw", "session.scalars(select(Model).from_statement(text(..)))"),
    ("using", "a session of the other engine"),
    ("as_manager", "functions that take the session"),
    ("select_for_update", "with_for_update()"),
    ("scalars", "await query.all()"),
    ("execute", "await query.all()"),
    ("one_or_404", "await query.one_or_none()"),
    ("paginate", "limit(..) and offset(..)"),
    ("with_entities", "values(..) or values_list(..)"),
    ("add_columns", "values(..) or annotate(..)"),
    ("join", "filter(relation__field=..), or select(Model).join(..)"),
    ("union_all", "select(Model).union_all(..), given to session.scalars"),
    ("yield_per", "stream(batch_size=..)"),
    ("scalar", "await query.values_list(\"field\", flat=True).first()"),
];

const SESSION: Words = &[
    ("run_sync", "what the function does, with await: nothing in the session blocks"),
    ("sync_session", "the session itself: nothing in it blocks"),
    ("bulk_save_objects", "await session.insert_all(objects), or update_all(objects)"),
    ("bulk_insert_mappings", "await session.execute(insert(Model), rows)"),
    ("bulk_update_mappings", "await session.execute(update(Model), rows)"),
    ("in_nested_transaction", "the savepoint of begin_nested()"),
    ("get_transaction", "in_transaction(), or the transaction of begin()"),
    ("get_nested_transaction", "the savepoint of begin_nested()"),
    ("is_active", "in_transaction(): after an error everything raises PendingRollbackError until rollback()"),
    ("autoflush", "with session.no_autoflush"),
    ("invalidate", "rollback(): a connection that was lost is never lent again"),
    ("identity_key", "inspect(it).identity"),
    ("object_session", "inspect(it).session"),
    ("close_all", "await engine.close()"),
    ("filter", "session.query(Model).filter(..)"),
    ("select", "session.query(Model), or select(Model) given to session.scalars"),
    ("save", "await session.insert(it), or session.add(it)"),
    ("create", "await session.insert(Model(..))"),
    ("bulk_create", "await session.insert_all(objects)"),
    ("fetch_all", "(await session.execute(statement)).all()"),
    ("fetch_one", "(await session.execute(statement)).first()"),
    ("exec", "await session.scalars(statement), or session.execute(statement)"),
];

const STATEMENT: Words = &[
    ("filter_related", "where(Model.relation.any(..))"),
    ("exclude", "where(~(..))"),
    ("all", "(await session.scalars(statement)).all()"),
    ("first", "(await session.scalars(statement)).first()"),
    ("one", "(await session.scalars(statement)).one()"),
    ("scalar", "await session.scalar(statement)"),
    ("scalars", "await session.scalars(statement)"),
    ("execute", "await session.execute(statement)"),
    ("count", "select(func.count()).select_from(Model)"),
    ("annotate", "add_columns(..)"),
    ("values_list", "select(Model.field, ..)"),
    ("prefetch_related", "options(selectinload(Model.relation))"),
    ("select_related", "options(joinedload(Model.relation))"),
    ("prefix_with", "a tag with `ormkit.query_tags(..)`, which is written as a comment"),
    ("suffix_with", "a tag with `ormkit.query_tags(..)`, which is written as a comment"),
    ("ordered_values", "values(..): SQL takes the values of the row as it was, in any order"),
    ("compile", "statement.to_sql(\"postgresql\"), its text and its values"),
    ("params", "bindparams(..) of a text(..)"),
];

const RESULT: Words = &[
    ("to_list", "all()"),
    ("dicts", "mappings()"),
    ("lastrowid", "inserted_primary_key, or RETURNING"),
    ("columns", "keys()"),
    ("close", "nothing: all rows are here"),
];

const VALUES: Words =
    &[("fetchone", "first(), or iterate"), ("to_list", "all()"), ("close", "nothing: all values are here")];

const ANSWER: Words = &[
    ("fetchall", "all()"),
    ("fetchone", "first(), or iterate"),
    ("fetch", "all()"),
    ("fetchrow", "first()"),
    ("fetchval", "scalar()"),
    ("keys", "columns"),
    ("mappings", "all(), which answers dicts"),
    ("dicts", "all()"),
    ("lastrowid", "RETURNING in the statement"),
    ("close", "nothing: all rows are here"),
];

const DRIVER: Words = &[
    ("fetch", "(await {it}.execute(sql, params)).all()"),
    ("fetch_all", "(await {it}.execute(sql, params)).all()"),
    ("fetchall", "(await {it}.execute(sql, params)).all()"),
    ("fetchrow", "(await {it}.execute(sql, params)).first()"),
    ("fetch_one", "(await {it}.execute(sql, params)).first()"),
    ("fetchone", "(await {it}.execute(sql, params)).first()"),
    ("fetchval", "(await {it}.execute(sql, params)).scalar()"),
    ("fetch_val", "(await {it}.execute(sql, params)).scalar()"),
    ("executemany", "await {it}.execute_many(sql, rows)"),
    ("cursor", "await {it}.execute(sql, params), or {it}.stream(..)"),
    ("acquire", "async with engine.connect() as connection"),
    ("connection", "async with engine.connect() as connection"),
    ("raw_connection", "async with engine.connect() as connection"),
    ("exec_driver_sql", "await {it}.execute(sql, params)"),
    ("sync_engine", "the engine itself: nothing in it blocks"),
    ("driver", "dialect"),
    ("pool", "engine.status()"),
    ("get_raw_connection", "async with engine.connect() as connection"),
    ("execution_options", "engine.execution_options(..); engine.execute(sql) commits by itself"),
    ("invalidate", "rollback(): a connection that was lost is never lent again"),
    ("closed", "nothing: a connection ends with its block"),
    ("default_isolation_level", "begin(isolation=..)"),
    ("copy_records_to_table", "await {it}.copy_from(table, rows)"),
];

/// Names of SQLAlchemy's modules.
const MODULE: Words = &[
    ("registry", "class Base(DeclarativeBase): each base has a metadata of its own"),
    ("declarative_base", "class Base(DeclarativeBase): pass"),
    ("as_declarative", "class Base(DeclarativeBase): pass"),
    ("declarative_mixin", "a plain class with columns"),
    ("DeferredReflection", "classes by `ormkit inspect`, which writes them from the database"),
    ("automap_base", "classes by `ormkit inspect`, which writes them from the database"),
    ("backref", "back_populates= on both sides"),
    ("DynamicMapped", "WriteOnlyMapped[..]: user.posts.select() is a statement, which session.scalars reads"),
    (
        "dynamic_loader",
        "relationship(lazy=\"write_only\"): user.posts.select() is a statement, which session.scalars reads",
    ),
    ("query_expression", "session.query(User).annotate(name=..)"),
    ("with_expression", "session.query(User).annotate(name=..)"),
    ("attribute_keyed_dict", "a list: {tag.name: tag for tag in user.tags}"),
    ("attribute_mapped_collection", "a list: {tag.name: tag for tag in user.tags}"),
    ("MutableDict", "dict alone: changes in place are noticed"),
    ("MutableList", "list alone: changes in place are noticed"),
    ("Session", "AsyncSession"),
    ("scoped_session", "async with maker() as session in each task"),
    ("async_scoped_session", "async with maker() as session in each task"),
    ("AsyncEngine", "Engine"),
    ("AsyncConnection", "Connection"),
    ("object_session", "inspect(it).session"),
    ("class_mapper", "inspect(Class)"),
    ("object_mapper", "inspect(type(it))"),
    ("identity_key", "inspect(it).identity"),
    ("make_transient", "copy.copy(it), a new object"),
    ("make_transient_to_detached", "await session.merge(it), which looks for its row"),
    ("async_object_session", "inspect(it).session"),
    ("object_state", "inspect(it)"),
    ("was_deleted", "inspect(it).was_deleted"),
    ("get_history", "inspect(it).attrs.name.history"),
    ("flag_modified", "nothing: values that are changed in place are noticed"),
    ("set_committed_value", "await session.load(it, User.posts), or Prefetch(.., to_attr=..)"),
    ("close_all_sessions", "await engine.close()"),
    ("composite", "a property that makes the object of the columns"),
    ("ObjectDeletedError", "InvalidRequestError: the row is gone"),
    ("AsyncResult", "Stream"),
    ("Bundle", "select(User.id, User.name)"),
    ("Load", "selectinload, joinedload, load_only"),
    ("PickleType", "JSON, or a TypeDecorator"),
    ("VARCHAR", "String"),
    ("CHAR", "String"),
    ("TEXT", "Text"),
    ("INTEGER", "Integer"),
    ("BIGINT", "BigInteger"),
    ("SMALLINT", "SmallInteger"),
    ("BOOLEAN", "Boolean"),
    ("FLOAT", "Float"),
    ("NUMERIC", "Numeric"),
    ("DECIMAL", "Numeric"),
    ("UUID", "Uuid"),
    ("INET", "Inet"),
    ("CIDR", "Cidr"),
    ("TSVECTOR", "Tsvector"),
    ("HSTORE", "Hstore"),
    ("Sequence", "Identity(start=..), or server_default=text(\"nextval('name')\")"),
    ("DDL", "await connection.execute(sql)"),
    ("URL", "the URL as a text"),
    ("make_url", "the URL as a text"),
    ("NullPool", "create_engine(min_connections=0, idle_timeout=0)"),
    ("StaticPool", "create_engine(max_connections=1)"),
    ("QueuePool", "create_engine(min_connections=.., max_connections=..)"),
    ("IntegerField", "id: Mapped[int] = mapped_column()"),
    ("CharField", "name: Mapped[str] = mapped_column(max_length=..)"),
    ("Model", "class User(Base), with Base of ormkit or of your own"),
];

/// The error for a name that a module of the package does not have.
#[pyfunction]
pub(crate) fn missing_name(module: &str, name: &str, known: Vec<String>) -> PyErr {
    if let Some(instead) = instead(MODULE, name, "") {
        return PyAttributeError::new_err(format!("{module} has no {name}: write {instead}"));
    }
    let near = near_matches(name, known.iter().map(String::as_str));
    let near = near.first().map_or_else(String::new, |near| format!(": did you mean `{near}`?"));
    PyAttributeError::new_err(format!("module '{module}' has no attribute '{name}'{near}"))
}

/// What says the same as a word of `words`, for a class.
pub(crate) fn instead(words: Words, name: &str, class: &str) -> Option<String> {
    let (_, instead) = words.iter().find(|(word, _)| *word == name)?;
    Some(instead.replace("{class}", class))
}

const TABLE: Words = &[
    ("insert", "insert(table)"),
    ("update", "update(table)"),
    ("delete", "delete(table)"),
    ("select", "select(table)"),
    ("create", "await metadata.create_all(engine, tables=[table])"),
    ("drop", "await metadata.drop_all(engine, tables=[table])"),
    ("foreign_keys", "table.columns, each with its foreign_key"),
    ("indexes", "await engine.get_indexes(table.name)"),
    ("constraints", "await engine.get_constraints(table.name)"),
    ("metadata", "Base.metadata"),
    ("key", "fullname"),
    ("comment", "nothing: it is not told"),
];

/// Of what `User.name` is.
const ATTRIBUTE: Words = &[
    ("type", "{of}.sql_type()"),
    ("nullable", "{of}.nullable"),
    ("primary_key", "{of}.primary_key"),
    ("unique", "{of}.unique"),
    ("index", "{of}.index"),
    ("default", "{of}.default"),
    ("server_default", "{of}.server_default"),
    ("max_length", "{of}.max_length"),
    ("foreign_key", "{of}.foreign_key"),
    ("foreign_keys", "{of}.foreign_key"),
    ("autoincrement", "{of}.autoincrement"),
    ("comment", "{of}.comment"),
    ("info", "{of}.info"),
    ("uselist", "{of}.uselist"),
    ("secondary", "{of}.secondary"),
    ("name", "{of}.name"),
    ("property", "{of}"),
    ("prop", "{of}"),
    ("mapper", "{of}.mapper"),
    ("entity", "{of}.mapper"),
    ("class_", "the class itself"),
    ("parent", "inspect({class})"),
    ("table", "{class}.__table__"),
    ("expression", "the attribute itself"),
];

const METADATA: Words = &[
    ("reflect", "`ormkit inspect`, which writes classes from a database; await engine.get_tables()"),
    ("bind", "the engine that sessions are made on"),
    ("clear", "another MetaData()"),
    ("remove", "another MetaData()"),
];

const COLUMN: Words = &[
    ("type", "column.sql_type(), its name in SQL"),
    ("foreign_keys", "column.foreign_key"),
    ("references", "column.foreign_key"),
    ("table", "Model.__table__"),
    ("columns", "the column itself"),
    ("expression", "getattr(Model, column.key)"),
    ("server_onupdate", "nothing: it is not told"),
    ("onupdate", "nothing: it is not told"),
];

const RELATION: Words = &[
    ("entity", "relation.mapper"),
    ("argument", "relation.target"),
    ("direction", "relation.uselist and relation.is_many_to_many"),
    ("local_columns", "the columns' foreign_key"),
    ("lazy", "nothing: it is not told"),
];

const MAPPER: Words = &[
    ("tables", "local_table"),
    ("selectable", "local_table"),
    ("all_orm_descriptors", "attrs"),
    ("iterate_properties", "attrs"),
    ("get_property", "attrs[name]"),
    ("has_property", "name in attrs"),
    ("identity_key_from_instance", "primary_key_from_instance(it)"),
    ("polymorphic_map", "{class}.__subclasses__()"),
];

/// The error for a name that a class's attribute does not have.
fn no_part(attribute: &Bound<'_, Attribute>, name: &str) -> PyErr {
    let this = attribute.get();
    let (class, columns) = with_def(this.model(), |def| (def.name.clone(), def.fields.len()));
    let Some(instead) = instead(ATTRIBUTE, name, &class) else {
        return no_attribute(attribute.as_any(), name, &[]);
    };
    let kind = if this.slot() < columns { "__columns__" } else { "__relationships__" };
    let of = format!("{class}.{kind}[\"{}\"]", this.name());
    let instead = instead.replace("{of}", &of);
    PyAttributeError::new_err(format!("{class}.{} has no attribute '{name}': write {instead}", this.name()))
}

#[pymethods]
impl Attribute {
    fn __getattr__(slf: &Bound<'_, Self>, name: &str) -> PyResult<Py<PyAny>> {
        Err(no_part(slf, name))
    }
}

/// The error for a name that an object of ours does not have.
fn no_attribute(object: &Bound<'_, PyAny>, name: &str, words: Words) -> PyErr {
    let class = object.get_type();
    let text = || -> PyResult<String> {
        let class_name = class.name()?.to_string();
        let known: Vec<String> = class.dir()?.extract()?;
        let known: Vec<&str> =
            known.iter().map(String::as_str).filter(|name| !name.starts_with('_')).collect();
        let it = if class_name == "Connection" { "connection" } else { "engine" };
        let hint = match instead(words, name, &class_name) {
            Some(instead) => format!(": write {}", instead.replace("{it}", it)),
            // Django's async names: `afirst`.
            None => match name.strip_prefix('a').filter(|bare| known.contains(bare)) {
                Some(bare) => format!(": write {bare}, which is awaited"),
                None => near_matches(name, known)
                    .first()
                    .map_or_else(String::new, |near| format!(": did you mean `{near}`?")),
            },
        };
        Ok(format!("'{class_name}' object has no attribute '{name}'{hint}"))
    };
    text().map_or_else(|error| error, PyAttributeError::new_err)
}

macro_rules! answers {
    ($($class:ty: $words:ident),+) => {
        $(#[pymethods]
        impl $class {
            fn __getattr__(slf: &Bound<'_, Self>, name: &str) -> PyResult<Py<PyAny>> {
                Err(no_attribute(slf.as_any(), name, $words))
            }
        })+
    };
}

answers!(
    AsyncSession: SESSION,
    Query: QUERY,
    Select: STATEMENT,
    Insert: STATEMENT,
    Update: STATEMENT,
    Delete: STATEMENT,
    ExecuteResult: RESULT,
    ScalarResult: VALUES,
    MappingResult: VALUES,
    QueryResult: ANSWER,
    Engine: DRIVER,
    Connection: DRIVER,
    Table: TABLE,
    MetaData: METADATA,
    ColumnInfo: COLUMN,
    RelationshipInfo: RELATION,
    Mapper: MAPPER
);
