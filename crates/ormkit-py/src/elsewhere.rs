//! Words of SQLAlchemy, Django and of drivers that have another form here: the `AttributeError` says what to type instead.

mod module;

use ormkit_core::error::near_matches;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;

use crate::attribute::Attribute;
use crate::engine::{Connection, Engine};
use crate::expr::Expr;
use crate::fields::Sequence;
use crate::inspection::Mapper;
use crate::model::{ColumnInfo, MetaData, RelationshipInfo, Table, with_def};
use crate::query::{Delete, F, Insert, Query, Select, Update};
use crate::result::{ExecuteResult, MappingResult, QueryResult, ScalarResult};
use crate::session::AsyncSession;

use module::MODULE;

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
    ("whereclause", "statement.to_sql(), which shows the conditions; where(..) adds to them"),
    ("column_descriptions", "statement.selected_columns.keys()"),
    ("columns", "statement.selected_columns"),
    ("c", "statement.selected_columns, or statement.subquery().c"),
    ("inner_columns", "statement.selected_columns"),
    ("columns_clause_froms", "statement.to_sql(), which shows FROM"),
    ("froms", "statement.to_sql(), which shows FROM"),
    ("get_final_froms", "statement.to_sql(), which shows FROM"),
    ("get_children", "statement.to_sql(), which shows the whole statement"),
    ("get_execution_options", "nothing: options are said, not told"),
    ("entity_description", "the class that it was made with"),
    ("table", "the class that it was made with: Model.__table__ is its table"),
    ("is_select", "isinstance(statement, Select)"),
    ("is_dml", "isinstance(statement, (Insert, Update, Delete))"),
    ("column", "add_columns(..)"),
    ("as_scalar", "scalar_subquery()"),
    ("label", "scalar_subquery().label(..)"),
    ("tuples", "(await session.execute(statement)).tuples()"),
    ("mappings", "(await session.execute(statement)).mappings()"),
    ("with_hint", "nothing: neither database reads hints"),
    ("with_statement_hint", "nothing: neither database reads hints"),
    ("set_label_style", "label(..) of the columns"),
    ("self_group", "subquery(), or scalar_subquery()"),
    ("return_defaults", "returning(..); objects get what the database filled in by themselves"),
    ("inline", "nothing: a default that SQL computes is part of the statement"),
    ("add_cte", "the CTE in the statement, which writes it in front; a CTE that writes is selected from"),
    ("bind", "session.execute(statement): the session has the engine"),
    ("partitions", "session.stream(statement).partitions(size)"),
    ("yield_per", "session.stream(statement, batch_size=..)"),
    ("get", "await session.get(Model, key)"),
    ("one_or_none", "(await session.scalars(statement)).one_or_none()"),
    ("scalar_one", "(await session.execute(statement)).scalar_one()"),
    ("values", "select(Model.field, ..); an UPDATE has values(..)"),
    ("where", "from_select([..], select(..).where(..)), or on_conflict_do_update(.., where=..)"),
    ("limit", "where(Model.id.in_(select(Model.id).order_by(..).limit(..)))"),
    ("order_by", "where(Model.id.in_(select(Model.id).order_by(..).limit(..)))"),
    ("join", "where(..) with columns of the other class, which is UPDATE .. FROM and DELETE .. USING"),
];

/// Of what SQL computes.
const EXPRESSION: Words = &[
    ("type", "cast(.., Type) or type_coerce(.., Type), which say a type"),
    ("compile", "select(..).to_sql(\"postgresql\"), its text and its values"),
    ("left", "select(..).to_sql(), which shows the expression"),
    ("right", "select(..).to_sql(), which shows the expression"),
    ("operator", "select(..).to_sql(), which shows the expression"),
    ("get_children", "select(..).to_sql(), which shows the expression"),
    ("clauses", "select(..).to_sql(), which shows the expression"),
    ("comparator", "the expression itself, which has the operators"),
    ("self_group", "nothing: parentheses are written where they are needed"),
    ("where", "`&` with another condition; exists(..) and select(..) have where(..)"),
    ("element", "the expression itself"),
    ("regexp_replace", "func.regexp_replace(.., pattern, replacement) on PostgreSQL"),
    ("match", "func.to_tsvector(..).op(\"@@\")(func.plainto_tsquery(..)), or regexp_match(..)"),
    ("table_valued", "func.name(..).table_valued(..): only functions have rows"),
    ("name", "label(..), which gives a name"),
    ("key", "label(..), which gives a name"),
    ("alias", "label(..)"),
];

/// Of `F(..)` and of functions of it.
const FIELD: Words = &[
    ("over", "the column itself in a window: func.sum(Model.field).over(partition_by=Model.other)"),
    ("filter", "Sum(\"field\", filter=Q(..))"),
    ("label", "annotate(name=..)"),
    ("distinct", "Count(\"field\", distinct=True)"),
    ("within_group", "the column itself: func.mode().within_group(Model.field)"),
    ("cast", "cast(F(..), Type)"),
    ("op", "the column itself: Model.field.op(..)"),
    ("bitand", "the column itself: Model.field.bitwise_and(..)"),
    ("bitor", "the column itself: Model.field.bitwise_or(..)"),
    ("bitxor", "the column itself: Model.field.bitwise_xor(..)"),
    ("bitleftshift", "the column itself: Model.field.bitwise_lshift(..)"),
    ("bitrightshift", "the column itself: Model.field.bitwise_rshift(..)"),
    ("in_", "the lookup: filter(field__in=[..])"),
    ("is_", "the lookup: filter(field__isnull=True)"),
    ("contains", "the lookup: filter(field__contains=..)"),
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

const SEQUENCE: Words = &[
    (
        "next_value",
        "func.nextval(sequence.name) in a statement; in a column the sequence itself, without server_default=",
    ),
    ("create", "await metadata.create_all(engine), which makes those of columns"),
    ("drop", "await metadata.drop_all(engine), which drops those of columns"),
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
        return no_attribute(attribute.as_any(), name, EXPRESSION);
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
    Sequence: SEQUENCE,
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
    Mapper: MAPPER,
    Expr: EXPRESSION,
    F: FIELD
);
