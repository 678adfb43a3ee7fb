//! `Index("ix_ab", "a", desc("b"), postgresql_where=..)`.
use super::constraints::{Named, column_of};
use super::{ColumnName, MappedColumn};
use crate::expr::Expr;
use crate::model::{Attribute, add_index, schema};
use ormkit_core::model::{Index as IndexDef, IndexPart, IndexTerm, ModelId};
use ormkit_core::query::Expr as CoreExpr;
use ormkit_core::schema::index_part;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use std::collections::BTreeMap;

/// An index over columns and expressions; None for the name: one is made of table and columns.
///
/// In `__table_args__` columns are given by name, by their declarations or as `text("lower(email)")`; behind the class
/// as attributes and expressions of them, `Index("ix_email", func.lower(User.email))`, which adds the index to it.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Index {
    parts: Vec<(Part, IndexPart)>,
    include: Vec<ColumnName>,
    /// All but the columns.
    def: IndexDef,
}

/// What a part of an index was given as.
pub(super) enum Part {
    /// A column, named when the class is known.
    Column(ColumnName),
    /// Said by the [`IndexPart`].
    Said,
}

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Index {
    /// Declare an index.
    ///
    /// Args:
    ///     name: Its name; None for `ix_<table>_<columns>`.
    ///     columns: What it sorts by: names, columns, expressions, each with `.desc()` where it is to.
    ///     unique: No two rows are alike in it.
    ///     postgresql_where: The rows that it covers, on SQLite as well unless `sqlite_where` says otherwise.
    ///     sqlite_where: The rows that it covers, on PostgreSQL as well unless `postgresql_where` says otherwise.
    ///     postgresql_using: The access method, such as `"gin"`: SQLite has B-trees only, and gets no other index.
    ///     postgresql_include: Columns that it carries along; SQLite's index goes without.
    ///     postgresql_ops: Operator classes by column, or by the label of an expression; SQLite's index goes without.
    ///     postgresql_with: Storage parameters, such as `{"fillfactor": 70}`; SQLite's index goes without.
    ///     postgresql_nulls_not_distinct: Rows with NULL in the same place are alike; not on SQLite.
    #[new]
    #[pyo3(signature = (name, *columns, unique = false, postgresql_where = None, sqlite_where = None,
        postgresql_using = None, postgresql_include = None, postgresql_ops = None, postgresql_with = None,
        postgresql_nulls_not_distinct = false))]
    #[allow(clippy::too_many_arguments, reason = "the options of an index")]
    fn new(
        name: Option<String>,
        columns: &Bound<'_, PyTuple>,
        unique: bool,
        postgresql_where: Option<Bound<'_, PyAny>>,
        sqlite_where: Option<Bound<'_, PyAny>>,
        postgresql_using: Option<String>,
        postgresql_include: Option<Vec<Bound<'_, PyAny>>>,
        postgresql_ops: Option<BTreeMap<String, String>>,
        postgresql_with: Option<BTreeMap<String, Bound<'_, PyAny>>>,
        postgresql_nulls_not_distinct: bool,
    ) -> PyResult<Self> {
        if columns.is_empty() {
            return Err(PyTypeError::new_err("Index() needs a column"));
        }
        let mut parts =
            columns.iter().map(|column| part_of(&column, "Index")).collect::<PyResult<Vec<_>>>()?;
        if let Some(classes) = postgresql_ops {
            let columns: Vec<_> = columns.iter().collect();
            give_classes(classes, &columns, &mut parts, "Index(postgresql_ops=..)")?;
        }
        let include = postgresql_include.unwrap_or_default();
        let condition = |given| condition_of(given, "Index(postgresql_where=..)");
        let on_postgres = postgresql_where.as_ref().map(condition).transpose()?;
        let on_sqlite = sqlite_where.as_ref().map(condition).transpose()?;
        let index = Self {
            parts,
            include: include.iter().map(|column| column_of(column, "Index")).collect::<PyResult<_>>()?,
            def: IndexDef {
                postgres_where: on_postgres.clone().or_else(|| on_sqlite.clone()),
                sqlite_where: on_sqlite.or(on_postgres),
                method: postgresql_using,
                nulls_not_distinct: postgresql_nulls_not_distinct,
                storage: postgresql_with.map(storage).transpose()?.unwrap_or_default(),
                ..IndexDef::on(name, Vec::<String>::new(), unique)
            },
        };
        if let Some(model) = columns.iter().find_map(|column| model_of(&column)) {
            let unnamed = |_: &Bound<'_, MappedColumn>| {
                Err(PyTypeError::new_err("Index() takes attributes of one class, such as User.email"))
            };
            add_index(columns.py(), model, index.def(&unnamed)?)?;
        }
        Ok(index)
    }
}

impl Index {
    /// As the core knows it; `named` as for [`UniqueConstraint::def`](super::UniqueConstraint::def).
    pub(crate) fn def(&self, named: &Named<'_>) -> PyResult<IndexDef> {
        Ok(IndexDef {
            parts: self.parts.iter().map(|part| resolved(part, named)).collect::<PyResult<_>>()?,
            include: self.include.iter().map(|column| column.named(named)).collect::<PyResult<_>>()?,
            ..self.def.clone()
        })
    }
}

/// A part with the name of its column.
pub(super) fn resolved((given, part): &(Part, IndexPart), named: &Named<'_>) -> PyResult<IndexPart> {
    Ok(match given {
        Part::Column(column) => IndexPart { term: IndexTerm::Column(column.named(named)?), ..part.clone() },
        Part::Said => part.clone(),
    })
}

/// The model whose index it is, where it is given by attributes.
fn model_of(column: &Bound<'_, PyAny>) -> Option<ModelId> {
    let expr = column.cast::<Expr>().ok()?;
    expr.get().core().ok()?.first_column().map(|column| column.source.model)
}

/// What `what` was given as one of its parts.
pub(super) fn part_of(given: &Bound<'_, PyAny>, what: &str) -> PyResult<(Part, IndexPart)> {
    let bare = IndexPart::new(IndexTerm::Column(String::new()));
    if let Some(name) = given.extract::<String>().ok().as_deref().and_then(|name| name.strip_prefix('-')) {
        return Ok((Part::Column(ColumnName::Name(name.to_owned())), IndexPart { descending: true, ..bare }));
    }
    if given.is_instance_of::<PyString>() || given.is_instance_of::<MappedColumn>() {
        return Ok((Part::Column(column_of(given, what)?), bare));
    }
    let Ok(expr) = given.cast::<Expr>() else {
        return Err(PyTypeError::new_err(format!(
            "{what}() takes columns, their names and expressions, not {}",
            given.repr()?
        )));
    };
    if let Some((name, descending, nulls)) = expr.get().order_of_name() {
        let column = Part::Column(ColumnName::Name(name.to_owned()));
        return Ok((column, IndexPart { descending, nulls, ..bare }));
    }
    let order = expr.get().as_order()?;
    let (descending, nulls) = (order.descending, order.nulls);
    match (given.cast::<Attribute>(), &order.expr) {
        (Ok(_), _) => Ok((Part::Column(column_of(given, what)?), IndexPart { descending, nulls, ..bare })),
        (Err(_), CoreExpr::Text(text)) => {
            let part = index_part(text);
            let (descending, nulls) = (descending || part.descending, nulls.or(part.nulls));
            Ok((Part::Said, IndexPart { descending, nulls, ..part }))
        }
        (Err(_), _) => {
            Ok((Part::Said, IndexPart { descending, nulls, ..IndexPart::new(IndexTerm::Expr(order.expr)) }))
        }
    }
}

/// The rows that an index or constraint covers.
pub(super) fn condition_of(given: &Bound<'_, PyAny>, what: &str) -> PyResult<CoreExpr> {
    match given.cast::<Expr>() {
        Ok(expr) => expr.get().core().cloned(),
        Err(_) => {
            Err(PyTypeError::new_err(format!("{what} takes a condition or text(\"deleted_at IS NULL\")")))
        }
    }
}

/// Storage parameters as PostgreSQL keeps them.
fn storage(given: BTreeMap<String, Bound<'_, PyAny>>) -> PyResult<Vec<(String, String)>> {
    let is_name = |name: &str| name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
    let pair = |(name, value): (String, Bound<'_, PyAny>)| {
        let value: String = value.str()?.extract()?;
        let value = if value == "True" || value == "False" { value.to_lowercase() } else { value };
        match is_name(&name) {
            true => Ok((name, value)),
            false => {
                Err(PyTypeError::new_err(format!("Index(postgresql_with=..): {name:?} is no parameter")))
            }
        }
    };
    given.into_iter().map(pair).collect()
}

/// Notes the operator classes of parts: columns by name, however they are ordered, and expressions by their label.
pub(super) fn give_classes(
    classes: BTreeMap<String, String>,
    columns: &[Bound<'_, PyAny>],
    parts: &mut [(Part, IndexPart)],
    what: &str,
) -> PyResult<()> {
    for (column, class) in classes {
        let is_it = |(given, part): (&Bound<'_, PyAny>, &(Part, IndexPart))| match (
            given.cast::<Attribute>(),
            part,
        ) {
            (_, (Part::Column(ColumnName::Name(name)), _)) => *name == column,
            (Ok(attribute), _) => attribute.get().column_place().is_some_and(|(_, name)| name == column),
            (Err(_), (_, IndexPart { term: IndexTerm::Expr(CoreExpr::Column(said)), .. })) => {
                schema(given.py())
                    .is_ok_and(|schema| schema.model(said.source.model).field(said.field).column == column)
            }
            (Err(_), _) => {
                given.cast::<Expr>().is_ok_and(|expr| expr.get().label_name() == Some(column.as_str()))
            }
        };
        let at = columns.iter().zip(parts.iter()).position(is_it).ok_or_else(|| {
            PyTypeError::new_err(format!("{what} names {column:?}, which is no column and no label of it"))
        })?;
        parts[at].1.class = Some(class);
    }
    Ok(())
}
