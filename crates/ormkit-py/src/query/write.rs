//! `insert(..)`, `update(..)`, `delete(..)`.

mod defaults;
mod deletes;
mod excluded;
mod updates;

pub(crate) use deletes::{Delete, delete};
pub(crate) use excluded::Excluded;
pub(crate) use updates::{Update, update};

use ormkit_core::model::{FieldId, Model, ModelId, RelationKind, Schema};
use ormkit_core::query::{
    Conflict, ConflictTarget, Expr as CoreExpr, IndexFilter, Insert as CoreInsert, Item,
    Select as CoreSelect, Source, Update as CoreUpdate, Write,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use std::sync::Arc;

use super::derived::Cte;
use super::hybrid::{hybrid_named, hybrid_shown};
use super::options::insert_notes;
use super::q::condition_on;
use super::read::item_of;
use super::shown::shown;
use super::{F, Select};
use crate::attribute::Attribute;
use crate::derived::Updates;
use crate::dialect::dialect_of;
use crate::errors::to_py;
use crate::expr::{Expr, assigned, assigned_rows, expression, object_or_key};
use crate::model::{find_class, schema, table_model};

/// INSERT; every method returns a new one.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Insert {
    core: CoreInsert,
    /// A conflict sets every inserted column, whichever these are in the end.
    updates_inserted: bool,
    /// Columns that are not given take their defaults.
    fills: bool,
    /// Values of every row that does not give them itself.
    fixed: Arc<[(FieldId, CoreExpr)]>,
}

/// INSERT into the table of a class.
#[pyfunction]
pub(crate) fn insert(model: &Bound<'_, PyAny>) -> PyResult<Insert> {
    Ok(Insert::with_fixed(CoreInsert::new(table_model(model)?), Arc::default()))
}

/// The field that an attribute or its name means.
///
/// # Errors
/// `FieldError` for a name that the model does not have.
pub(crate) fn field_of(model: &Model, column: &Bound<'_, PyAny>) -> PyResult<FieldId> {
    let name = match column.cast::<Attribute>() {
        Ok(attribute) => attribute.get().name().to_owned(),
        Err(_) => {
            column.extract().map_err(|_| PyTypeError::new_err("a column or its name is expected here"))?
        }
    };
    model.field_named(&name).map_err(|error| to_py(column.py(), error))
}

/// Attributes and their values, each checked against its column; expressions and `F` are taken as they are.
fn assignments(model: ModelId, values: &Bound<'_, PyDict>) -> PyResult<Vec<(FieldId, CoreExpr)>> {
    let py = values.py();
    let schema = schema(py)?;
    let source = Source::plain(model);
    let model = schema.model(model);
    let mut set = Vec::with_capacity(values.len());
    for (name, value) in hybrids_resolved(source.model, values)? {
        let field = field_of(model, &name)?;
        set.push((field, set_to(&schema, source, field, &value)?));
    }
    Ok(set)
}

/// What a field is set to, checked against its column.
///
/// # Errors
/// `FieldError` for a name that `F` does not find; `DataError` for a value that does not fit.
pub(crate) fn set_to(
    schema: &Schema,
    source: Source,
    field: FieldId,
    value: &Bound<'_, PyAny>,
) -> PyResult<CoreExpr> {
    match value.cast::<F>() {
        Ok(f) => f.get().resolve(schema, source, value.py()),
        Err(_) => assigned(value, source.model, field),
    }
}

/// The assignments with hybrids replaced by the columns that they say.
fn hybrids_resolved<'py>(model: ModelId, values: &Bound<'py, PyDict>) -> PyResult<Updates<'py>> {
    let py = values.py();
    // A table without a class has none.
    let Some(mapped) = find_class(py, model) else { return Ok(values.iter().collect()) };
    let class = mapped.class.bind(py);
    let mut resolved = Vec::with_capacity(values.len());
    for (name, value) in values {
        let hybrid = match (name.extract::<String>(), name.cast::<Attribute>(), name.cast::<Expr>()) {
            (Ok(text), ..) => hybrid_named(class, &text)?,
            (_, Err(_), Ok(shown)) => hybrid_shown(class, shown)?,
            _ => None,
        };
        match hybrid.map(|hybrid| hybrid.get().updates(class, &value)).transpose()?.flatten() {
            Some(pairs) => resolved.extend(pairs),
            None => resolved.push((name, value)),
        }
    }
    Ok(resolved)
}

fn conditions_on(model: ModelId, given: &Bound<'_, PyTuple>) -> PyResult<Vec<CoreExpr>> {
    let schema = schema(given.py())?;
    given.iter().map(|item| condition_on(&schema, Source::plain(model), &item)).collect()
}

/// What RETURNING names: columns, their names, or the class itself.
fn returned(model: ModelId, columns: &Bound<'_, PyTuple>) -> PyResult<Vec<Item>> {
    let schema = schema(columns.py())?;
    let item = |column: Bound<'_, PyAny>| {
        if column.is_instance_of::<PyString>() {
            let field = field_of(schema.model(model), &column)?;
            return Ok(Item::Value { expr: CoreExpr::column(Source::plain(model), field), label: None });
        }
        item_of(&column)
    };
    columns.iter().map(item).collect()
}

/// UPDATE of the rows of `model` that `rows` says.
///
/// # Errors
/// `FieldError` for unknown names; `DataError` for values that do not fit.
pub(crate) fn update_of(model: &Model, values: &Bound<'_, PyDict>, rows: &CoreSelect) -> PyResult<Write> {
    if values.is_empty() {
        return Err(PyTypeError::new_err("an update sets at least one attribute"));
    }
    let mut core = CoreUpdate::new(model.id, assignments(model.id, values)?);
    core.filter = rows.as_filter(model).map_err(|error| to_py(values.py(), error))?;
    core.deleted = rows.deleted;
    Ok(Write::Update(core))
}

/// The values of an update, where a relation to one object stands for the columns that refer to it.
///
/// # Errors
/// `TypeError` or `DataError` for what is no such object or key.
pub(crate) fn with_keys<'py>(
    schema: &Schema,
    model: &Model,
    values: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyDict>> {
    let py = values.py();
    let keyed = PyDict::new(py);
    for (name, value) in values {
        let relation = model.find_relation(name.cast::<PyString>()?.to_str()?).map(|id| model.relation(id));
        let Some(relation) = relation.filter(|relation| relation.kind == RelationKind::ManyToOne) else {
            keyed.set_item(name, value)?;
            continue;
        };
        let given = match value.is_instance_of::<F>() {
            true => None,
            false => Some(object_or_key(schema, model.id, relation.id, &value)?),
        };
        for (at, field) in relation.local.iter().enumerate() {
            let name = &model.field(*field).name;
            match given.as_ref().map(|keys| keys.get(at)) {
                Some(Some(key)) => keyed.set_item(name, expression(py, key.clone())?)?,
                Some(None) => keyed.set_item(name, py.None())?,
                None => keyed.set_item(name, &value)?,
            }
        }
    }
    Ok(keyed)
}

impl Insert {
    /// The statement that a session is going to run: its defaults are filled in.
    pub(crate) fn of_core(core: CoreInsert) -> Self {
        Self { core, updates_inserted: false, fills: false, fixed: Arc::default() }
    }

    /// One whose rows have these values, unless they give others themselves.
    pub(crate) fn with_fixed(core: CoreInsert, fixed: Arc<[(FieldId, CoreExpr)]>) -> Self {
        Self { core, updates_inserted: false, fills: true, fixed }
    }

    /// The statement of the core, with the defaults of columns that are not given: callables are called for each row.
    ///
    /// # Errors
    /// What a default raises; `DataError` where its value does not fit.
    pub(crate) fn core(&self, py: Python<'_>) -> PyResult<Write> {
        let mut core = self.core.clone();
        if self.updates_inserted
            && let Some(conflict) = &mut core.conflict
        {
            let target = conflict.target.clone();
            let update = Conflict::update_inserted(schema(py)?.model(core.model), &core.columns, target);
            conflict.set = update.set;
        }
        if !self.fixed.is_empty() && !self.has_rows() {
            let row = core.row(schema(py)?.model(self.core.model), self.fixed.to_vec());
            core = row.map_err(|error| to_py(py, error))?;
        }
        if self.fills {
            defaults::fill(py, &mut core)?;
        }
        Ok(Write::Insert(core))
    }

    /// The statement as it was said, without what is filled in.
    pub(super) fn bare(&self) -> Write {
        Write::Insert(self.core.clone())
    }

    /// It says its rows.
    pub(super) fn has_rows(&self) -> bool {
        !self.core.rows.is_empty() || self.core.select.is_some()
    }

    fn with(&self, core: CoreInsert) -> Self {
        Self { core, fixed: Arc::clone(&self.fixed), ..*self }
    }

    /// The same with the rows that `execute` was given: a dict, or a list of them.
    ///
    /// # Errors
    /// As for [`with_rows`](Self::with_rows).
    pub(crate) fn given(&self, rows: &Bound<'_, PyAny>) -> PyResult<Self> {
        match rows.is_instance_of::<PyDict>() {
            true => self.with_rows(std::slice::from_ref(rows)),
            false => self.with_rows(&rows.try_iter()?.collect::<PyResult<Vec<_>>>()?),
        }
    }

    /// The same with more rows.
    ///
    /// # Errors
    /// A row is no dict, or gives other columns than the others.
    fn with_rows(&self, rows: &[Bound<'_, PyAny>]) -> PyResult<Self> {
        let mut core = self.core.clone();
        for item in rows {
            let py = item.py();
            let schema = schema(py)?;
            let row = item
                .cast::<PyDict>()
                .map_err(|_| PyTypeError::new_err("rows are dicts: keywords, dicts, or a list of dicts"))?;
            let mut values = assignments(self.core.model, row)?;
            for (field, value) in &*self.fixed {
                if !values.iter().any(|(given, _)| given == field) {
                    values.push((*field, value.clone()));
                }
            }
            core = core.row(schema.model(self.core.model), values).map_err(|error| to_py(py, error))?;
        }
        Ok(self.with(core))
    }

    fn target(
        &self,
        py: Python<'_>,
        target: Option<&Bound<'_, PyAny>>,
        constraint: Option<String>,
        index_where: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<ConflictTarget> {
        let index_where = index_where.filter(|condition| !condition.is_none());
        let Some(target) = target.filter(|target| !target.is_none()) else {
            if index_where.is_some() {
                return Err(PyTypeError::new_err(
                    "index_where= is of a partial index: name its columns as well",
                ));
            }
            return Ok(constraint.map_or(ConflictTarget::Any, ConflictTarget::Constraint));
        };
        if constraint.is_some() {
            return Err(PyTypeError::new_err("a conflict is about columns or a constraint, not about both"));
        }
        let schema = schema(py)?;
        let model = schema.model(self.core.model);
        let columns = if target.is_instance_of::<PyList>() || target.is_instance_of::<PyTuple>() {
            target.try_iter()?.map(|column| field_of(model, &column?)).collect::<PyResult<Vec<_>>>()?
        } else {
            vec![field_of(model, target)?]
        };
        let filter = match index_where {
            Some(condition) => {
                let conditions = conditions_on(self.core.model, &PyTuple::new(py, [condition])?)?;
                Some(IndexFilter::new(&schema, model, &conditions).map_err(|error| to_py(py, error))?)
            }
            None => None,
        };
        Ok(ConflictTarget::Columns(columns, filter))
    }
}

#[pymethods]
impl Insert {
    /// The statement as a common table expression; its columns are those of `returning` (PostgreSQL).
    #[pyo3(signature = (name = None))]
    fn cte<'py>(&self, py: Python<'py>, name: Option<&str>) -> PyResult<Bound<'py, Cte>> {
        Cte::of_write(py, self.core(py)?, name)
    }

    /// Rows: `values(title="a")`, `values({..}, {..})` or `values([..])`. All rows give the same columns.
    #[pyo3(signature = (*rows, **row))]
    fn values(&self, rows: &Bound<'_, PyTuple>, row: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut given: Vec<Bound<'_, PyAny>> = Vec::new();
        for item in rows.iter() {
            match item.cast::<PyDict>() {
                Ok(_) => given.push(item),
                Err(_) => given.extend(item.try_iter()?.collect::<PyResult<Vec<_>>>()?),
            }
        }
        given.extend(row.map(|row| row.clone().into_any()));
        self.with_rows(&given)
    }

    /// The row that was to be inserted, for `set_` and `where` of `on_conflict_do_update`: `stmt.excluded.title`.
    #[getter]
    fn excluded(&self) -> Excluded {
        Excluded::of(self.core.model)
    }

    /// The rows of a SELECT: `insert(Archive).from_select(["id", "name"], select(User.id, User.name))`.
    ///
    /// Args:
    ///     include_defaults: Columns that are not named take their defaults, each the same value in all rows.
    ///
    /// Raises:
    ///     FieldError: The class has no such column.
    ///     ProgrammingError: The SELECT has another number of columns. When it runs: it is a set operation, and a column
    ///         that is not named has a default.
    #[pyo3(name = "from_select", signature = (names, select, include_defaults = true))]
    fn rows_of(
        &self,
        names: &Bound<'_, PyAny>,
        select: &Bound<'_, Select>,
        include_defaults: bool,
    ) -> PyResult<Self> {
        let py = names.py();
        let schema = schema(py)?;
        let model = schema.model(self.core.model);
        if names.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("from_select() takes a list of columns"));
        }
        let fields = names.try_iter()?.map(|name| field_of(model, &name?)).collect::<PyResult<Vec<_>>>()?;
        let rows = assigned_rows(py, select.get().shared(), self.core.model, &fields)?;
        let core = self.core.clone().from_select(&schema, fields, rows);
        let mut core = core.map_err(|error| to_py(py, error))?;
        core.fills = include_defaults;
        Ok(Self { fills: include_defaults, ..self.with(core) })
    }

    /// Options of the execution: words of your own, which listeners of `do_orm_execute` find in `state.execution_options`.
    ///
    /// Raises:
    ///     NotSupportedError: An option of SQLAlchemy's that has another form here, which the error names.
    ///     FieldError: A word that is almost a known one.
    #[pyo3(signature = (**options))]
    fn execution_options(&self, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut core = self.core.clone();
        core.notes = insert_notes(&core.notes, options)?;
        Ok(self.with(core))
    }

    /// What is answered: columns, their names, or the class.
    #[pyo3(signature = (*columns))]
    fn returning(&self, columns: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let mut core = self.core.clone();
        core.returning.extend(returned(core.model, columns)?);
        Ok(self.with(core))
    }

    /// Leaves a row alone that exists already. `target` is a column, a name or a list of them; `index_where` the condition of
    /// the partial index on them.
    #[pyo3(signature = (target = None, *, index_elements = None, constraint = None, index_where = None))]
    fn on_conflict_do_nothing(
        &self,
        py: Python<'_>,
        target: Option<&Bound<'_, PyAny>>,
        index_elements: Option<&Bound<'_, PyAny>>,
        constraint: Option<String>,
        index_where: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let mut core = self.core.clone();
        let target = self.target(py, target.or(index_elements), constraint, index_where)?;
        core.conflict = Some(Conflict::nothing(target));
        Ok(Self { updates_inserted: false, ..self.with(core) })
    }

    /// Changes a row that exists already. Without `set_` every inserted column outside the key and the target takes the
    /// value that was to be inserted; a default that was filled in is no such value. `index_where` is the condition of the
    /// partial index on `target`.
    #[pyo3(signature = (
        target = None, *, index_elements = None, constraint = None, set_ = None, r#where = None, index_where = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "the words of SQLAlchemy")]
    fn on_conflict_do_update(
        &self,
        py: Python<'_>,
        target: Option<&Bound<'_, PyAny>>,
        index_elements: Option<&Bound<'_, PyAny>>,
        constraint: Option<String>,
        set_: Option<&Bound<'_, PyDict>>,
        r#where: Option<&Bound<'_, PyAny>>,
        index_where: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let mut core = self.core.clone();
        let target = self.target(py, target.or(index_elements), constraint, index_where)?;
        let set = match set_ {
            Some(set) if set.is_empty() => {
                return Err(PyTypeError::new_err("set_= says at least one column"));
            }
            Some(set) => assignments(core.model, set)?,
            None => Vec::new(),
        };
        let mut conflict = Conflict::update(target, set);
        if let Some(condition) = r#where.filter(|condition| !condition.is_none()) {
            conflict.filter = conditions_on(core.model, &PyTuple::new(py, [condition])?)?;
        }
        core.conflict = Some(conflict);
        Ok(Self { updates_inserted: set_.is_none(), ..self.with(core) })
    }

    /// The text and its values: a list.
    #[pyo3(signature = (dialect = "postgresql"))]
    fn to_sql<'py>(&self, py: Python<'py>, dialect: &str) -> PyResult<(String, Bound<'py, PyList>)> {
        let core = self.core(py)?;
        shown(py, dialect_of(dialect)?.into(), |schema, spelling| core.to_sql(schema, spelling))
    }

    fn __str__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.to_sql(py, "postgresql")?.0)
    }
}
