//! Words of SQLAlchemy, Django and of drivers that have another form here: the `AttributeError` says what to type instead.

use ormkit_core::error::near_matches;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;

use crate::engine::{Connection, Engine};
use crate::model::Table;
use crate::query::{Delete, Insert, Query, Select, Update};
use crate::result::{ExecuteResult, MappingResult, QueryResult, ScalarResult};

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
    ("fetchall", "all()"),
    ("fetchone", "first(), or iterate"),
    ("fetchmany", "partitions(size)"),
    ("to_list", "all()"),
    ("dicts", "mappings()"),
    ("lastrowid", "inserted_primary_key, or RETURNING"),
    ("columns", "keys()"),
    ("close", "nothing: all rows are here"),
];

const VALUES: Words = &[
    ("fetchall", "all()"),
    ("fetchone", "first(), or iterate"),
    ("fetchmany", "all()[..], or session.stream_scalars(..).partitions(size)"),
    ("partitions", "all()[..], or session.stream_scalars(..).partitions(size)"),
    ("to_list", "all()"),
    ("close", "nothing: all values are here"),
];

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
    ("make_transient", "copy.copy(it), a new object"),
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
    ("create", "await metadata.create_all(engine)"),
    ("drop", "await metadata.drop_all(engine)"),
];

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
    Table: TABLE
);
