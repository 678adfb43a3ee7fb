//! Tables: those of mapped classes, and those that are declared without a class.
use super::collect::{Declared, Value};
use super::declaration::Context;
use super::info::ColumnInfo;
use super::metadata::MetaData;
use super::names::Names;
use super::options::{TableArgs, take_item};
use super::plan::{Column, key_columns, number_alone};
use super::raise::{mapping, to_python, unsupported};
use super::registry::{self, with_def};
use crate::attribute::Attribute;
use crate::fields::{ClientDefault, MappedColumn, Notes, Renewal};
use crate::inspection::NamedItems;
use ormkit_core::error::near_matches;
use ormkit_core::model::{Field, FieldId, ModelDef, ModelId, TableName};
use ormkit_core::query::{Expr as CoreExpr, Item, Source};
use pyo3::exceptions::{PyAttributeError, PyKeyError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyTuple, PyType};

/// A table, of a mapped class or without one.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Table {
    source: Source,
    name: TableName,
    /// By their names in the database.
    columns: Vec<(String, Py<PyAny>)>,
    key: Vec<String>,
    notes: Notes,
}

impl Table {
    /// The table of a model; `columns` are its [`ColumnInfo`]s.
    pub(super) fn new(
        model: ModelId,
        def: &ModelDef,
        columns: &Bound<'_, PyDict>,
        notes: Notes,
    ) -> PyResult<Self> {
        let key = def.fields.iter().filter(|field| field.primary_key).map(|field| field.column.clone());
        if def.table.name.is_empty() {
            return Err(mapping(format!("{}: __tablename__ is empty", def.name)));
        }
        let column = |info: Bound<'_, PyAny>| {
            let column = info.cast::<ColumnInfo>()?.get().name().to_owned();
            Ok((column, info.unbind()))
        };
        Ok(Self {
            source: Source::plain(model),
            name: def.table.clone(),
            columns: columns.values().iter().map(column).collect::<PyResult<_>>()?,
            key: key.collect(),
            notes,
        })
    }

    /// What a class's table says to its readers, where the class that is extended has it.
    pub(super) fn info_above(class: &Bound<'_, PyType>) -> PyResult<Notes> {
        for above in class.mro().iter().skip(1) {
            let table = above.getattr_opt("__table__")?.and_then(|table| table.cast_into::<Self>().ok());
            if let Some(table) = table {
                return Ok(table.get().notes.clone_ref(class.py()));
            }
        }
        Ok(Notes::default().shown(class.py()))
    }

    /// A table without a class; `noted` has what is said of its columns, in their order.
    pub(super) fn plain<'py>(
        py: Python<'py>,
        model: ModelId,
        def: &ModelDef,
        noted: &[Notes],
        notes: Notes,
    ) -> PyResult<Bound<'py, Self>> {
        let columns = PyDict::new(py);
        for (at, field) in def.fields.iter().filter(|field| field.property.is_none()).enumerate() {
            let said = noted.get(at).map_or_else(Notes::default, |noted| noted.clone_ref(py));
            let info = ColumnInfo::new(field.clone(), ClientDefault::None, said.shown(py));
            columns.set_item(&field.name, Bound::new(py, info)?)?;
        }
        Bound::new(py, Self::new(model, def, &columns, notes)?)
    }

    fn copied_columns(&self, py: Python<'_>) -> Vec<(String, Py<PyAny>)> {
        self.columns.iter().map(|(name, info)| (name.clone(), info.clone_ref(py))).collect()
    }

    /// Its model: the class's, or its own.
    pub(crate) fn model(&self) -> ModelId {
        self.source.model
    }

    /// What it is in FROM.
    pub(crate) fn source(&self) -> Source {
        self.source
    }

    /// What it is in a result: all its columns.
    pub(crate) fn items(&self) -> Vec<Item> {
        let item = |at| Item::Value { expr: CoreExpr::column(self.source, FieldId(at as u16)), label: None };
        places(self.model()).into_iter().map(item).collect()
    }
}

#[pymethods]
impl Table {
    /// Declare a table without a class.
    ///
    /// Args:
    ///     name: Its name.
    ///     metadata: `Base.metadata`: where it is created and found.
    ///     items: `Column`s, constraints and indexes.
    ///     schema: Its schema; by default that of the metadata.
    ///     comment: A comment on the table.
    ///     info: A dict for those who read the table.
    ///     renamed_from: Its name so far, in the same schema: migrations rename it.
    ///
    /// Raises:
    ///     InvalidRequestError: A column without a name, or without a type where no foreign key tells it.
    ///     NotSupportedError: `default=` or `onupdate=` with a value of Python's: there are no objects that have it.
    #[new]
    #[pyo3(signature = (name, metadata, *items, schema = None, comment = None, extend_existing = false,
        keep_existing = false, renamed_from = None, info = None))]
    #[allow(clippy::too_many_arguments, reason = "the options of a table")]
    fn declare(
        name: &str,
        metadata: &Bound<'_, MetaData>,
        items: &Bound<'_, PyTuple>,
        schema: Option<String>,
        comment: Option<String>,
        extend_existing: bool,
        keep_existing: bool,
        renamed_from: Option<String>,
        info: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<Self>> {
        // A table may be declared again anyway.
        let _ = (extend_existing, keep_existing);
        let py = metadata.py();
        let mut given: Vec<(String, Bound<'_, MappedColumn>)> = Vec::new();
        let mut others = Vec::new();
        for item in items.iter() {
            match item.cast_into::<MappedColumn>() {
                Ok(column) => {
                    let Some(column_name) = column.get().name.clone() else {
                        return Err(mapping(format!(
                            "{name}: a column needs a name: Column(\"id\", Integer)"
                        )));
                    };
                    given.push((column_name, column));
                }
                Err(other) => others.push(other.into_inner()),
            }
        }
        let named = |column: &Bound<'_, MappedColumn>| {
            let found = given.iter().find(|(_, own)| own.is(column));
            found
                .map(|(name, _)| name.clone())
                .ok_or_else(|| mapping(format!("{name}: a column of another table")))
        };
        let mut args = TableArgs::default();
        for item in &others {
            take_item(name, item, &named, &mut args)?;
        }
        let (mut columns, untyped) = read(py, name, &given)?;
        key_columns(name, &mut columns, &args.key)?;
        number_alone(&mut columns);
        let mut def = ModelDef {
            name: name.to_owned(),
            module: String::new(),
            table: TableName { schema: args.schema.take().or(schema), name: name.to_owned() },
            fields: Vec::new(),
            relations: Vec::new(),
            constraints: args.constraints,
            indexes: args.indexes,
            comment: args.comment.or(comment),
            renamed_from: args.renamed_from.or(renamed_from),
        };
        def.constraints.extend(columns.iter_mut().flat_map(|column| column.checks.drain(..)));
        let conversions = columns.iter().map(|column| column.conversion.clone()).collect();
        let noted: Vec<Notes> = columns.iter().map(|column| column.notes.clone_ref(py)).collect();
        def.fields = columns.into_iter().map(|column| column.field).collect();
        metadata.get().complete(&mut def)?;
        let id = registry::declare_table(py, metadata.get(), def.clone(), untyped, conversions)?;
        let table = Self::plain(py, id, &def, &noted, Notes::new("Table", info, None)?.shown(py))?;
        metadata.get().add(py, &table)?;
        Ok(table.unbind())
    }

    /// The name.
    #[getter]
    fn name(&self) -> &str {
        &self.name.name
    }

    /// The schema; None for the database's default.
    #[getter]
    fn schema(&self) -> Option<&str> {
        self.name.schema.as_deref()
    }

    /// The name with its schema.
    #[getter]
    pub(super) fn fullname(&self) -> String {
        self.name.to_string()
    }

    /// What the columns are, by their names in the database and in order.
    #[getter]
    fn columns(&self, py: Python<'_>) -> NamedItems {
        NamedItems::new(format!("column of {}", self.name), self.copied_columns(py))
    }

    /// What was said to readers: the dict of `info=`, an empty one without it.
    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> Bound<'py, PyDict> {
        self.notes.info(py)
    }

    /// The names of the primary key's columns.
    #[getter]
    fn primary_key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.key)
    }

    /// The columns as expressions, by name: `table.c.id`, `table.c["id"]`.
    #[getter]
    fn c(&self) -> TableColumns {
        TableColumns { source: self.source }
    }

    /// The table once more in a statement, under `name` or one that the statement chooses.
    #[pyo3(signature = (name = None))]
    fn alias(&self, py: Python<'_>, name: Option<&str>) -> PyResult<Self> {
        let source = match name {
            Some(name) => Source::named(self.model(), name).map_err(to_python)?,
            None => Source::fresh(self.model()),
        };
        let (columns, key) = (self.copied_columns(py), self.key.clone());
        Ok(Self { source, name: self.name.clone(), columns, key, notes: self.notes.clone_ref(py) })
    }

    fn __repr__(&self) -> String {
        format!("Table({:?})", self.fullname())
    }
}

/// Reads the columns; those without a type whose foreign key tells it are numbered apart.
fn read(
    py: Python<'_>,
    table: &str,
    given: &[(String, Bound<'_, MappedColumn>)],
) -> PyResult<(Vec<Column>, Vec<FieldId>)> {
    let names = Bound::new(py, Names::new(Vec::new()))?;
    let context = Context { class: table, module: String::new(), map: None, own: &[] };
    let (mut columns, mut untyped) = (Vec::with_capacity(given.len()), Vec::new());
    for (at, (name, column)) in given.iter().enumerate() {
        let options = column.get();
        if options.column_type.is_none() && options.foreign_key.is_some() {
            untyped.push(FieldId(at as u16));
        }
        let by_python = options.default.object().is_some()
            || matches!(options.on_update, Renewal::Value(_) | Renewal::Callable(_));
        if by_python {
            return Err(unsupported(
                format!("a default of Python's for {table}.{name}, which no object has"),
                "give it an SQL expression, or server_default=",
            ));
        }
        let value = Value::Column(column.clone());
        let declared =
            Declared { name: name.clone(), annotation: None, textual: false, value, names: names.clone() };
        columns.push(context.table_column(&declared)?);
    }
    Ok((columns, untyped))
}

/// Where the columns are among the fields of a model.
fn places(model: ModelId) -> Vec<usize> {
    with_def(model, |def| {
        let fields = def.fields.iter().enumerate();
        fields.filter(|(_, field)| field.property.is_none()).map(|(at, _)| at).collect()
    })
}

/// The columns of a table, as expressions.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct TableColumns {
    source: Source,
}

impl TableColumns {
    fn find(&self, name: &str) -> Option<usize> {
        with_def(self.source.model, |def| {
            let by = |named: fn(&Field) -> &String| {
                def.fields.iter().position(|field| field.property.is_none() && named(field) == name)
            };
            by(|field| &field.column).or_else(|| by(|field| &field.name))
        })
    }

    fn names(&self) -> Vec<String> {
        let places = places(self.source.model);
        with_def(self.source.model, |def| places.iter().map(|at| def.fields[*at].column.clone()).collect())
    }

    fn at<'py>(&self, py: Python<'py>, at: usize) -> PyResult<Bound<'py, Attribute>> {
        let name = with_def(self.source.model, |def| def.fields[at].name.clone());
        Bound::new(py, Attribute::of(self.source, at, name))
    }

    fn missing(&self, name: &str) -> String {
        let (table, known) = (with_def(self.source.model, |def| def.table.to_string()), self.names());
        let near = near_matches(name, known.iter().map(String::as_str));
        let near = near.first().map_or_else(String::new, |near| format!(": did you mean `{near}`?"));
        format!("the table `{table}` has no column `{name}`{near}")
    }
}

#[pymethods]
impl TableColumns {
    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, Attribute>> {
        match self.find(name) {
            Some(at) => self.at(py, at),
            None => Err(PyAttributeError::new_err(self.missing(name))),
        }
    }

    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, Attribute>> {
        match self.find(name) {
            Some(at) => self.at(py, at),
            None => Err(PyKeyError::new_err(self.missing(name))),
        }
    }

    fn __contains__(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn __len__(&self) -> usize {
        places(self.source.model).len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let places = places(self.source.model).into_iter();
        let columns = places.map(|at| self.at(py, at)).collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, columns)?.try_iter()
    }

    /// The names of the columns, in order.
    fn keys(&self) -> Vec<String> {
        self.names()
    }

    fn __repr__(&self) -> String {
        format!("<columns {}>", self.names().join(", "))
    }
}

/// The table of a model without a class.
pub(crate) fn table_of(py: Python<'_>, model: ModelId) -> PyResult<Bound<'_, Table>> {
    with_def(model, |def| Table::plain(py, model, def, &[], Notes::default().shown(py)))
}

/// The model of a mapped class or table.
///
/// # Errors
/// `TypeError` for anything else.
pub(crate) fn table_model(entity: &Bound<'_, PyAny>) -> PyResult<ModelId> {
    match entity.cast::<Table>() {
        Ok(table) => Ok(table.get().model()),
        Err(_) => crate::query::model_of(entity),
    }
}
