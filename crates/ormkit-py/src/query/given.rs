//! What is given beside a statement when it runs: values of its parameters, rows of an INSERT, values of an UPDATE.

use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::model::ModelId;
use ormkit_core::query::{
    Arguments, Expr as CoreExpr, Param, Select as CoreSelect, Update as CoreUpdate, Wanted, Write,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::hybrid::hybrid_named;
use super::{Delete, Insert, Update};
use crate::errors::to_py;
use crate::expr::{any_parameters, argument};
use crate::model::{find_class, schema, unsupported, with_def};

/// One name and its value.
type Named<'py> = (String, Bound<'py, PyAny>);

/// A SELECT with the values of its parameters.
///
/// # Errors
/// `ProgrammingError` where one is missing, `FieldError` for a name that it does not have; `DataError` for a value that
/// does not fit.
pub(crate) fn select_with(
    py: Python<'_>,
    select: &CoreSelect,
    given: Option<&Bound<'_, PyAny>>,
) -> PyResult<CoreSelect> {
    let mut select = select.clone();
    if given.is_none() && !any_parameters() {
        return Ok(select);
    }
    let wanted = Wanted::of_select(&select);
    let values = given.map(one_set).transpose()?.unwrap_or_default();
    let (arguments, others) = wanted.take(py, values)?;
    if let Some((name, _)) = others.first() {
        return Err(wanted.unknown(py, name, &[]));
    }
    select.arguments = arguments;
    Ok(select)
}

/// A statement that writes, once for each set of values; an INSERT of very many rows in parts.
///
/// # Errors
/// As [`select_with`]; `TypeError` for rows that are no dicts.
pub(crate) fn writes_with(
    statement: &Bound<'_, PyAny>,
    given: Option<&Bound<'_, PyAny>>,
) -> PyResult<Option<Vec<Write>>> {
    let py = statement.py();
    if let Ok(insert) = statement.cast::<Insert>() {
        let rows = given.map(|rows| spread(insert.get().bare().model(), rows)).transpose()?;
        return inserts(py, insert.get(), rows.as_ref()).map(Some);
    }
    let write = match (statement.cast::<Update>(), statement.cast::<Delete>()) {
        (Ok(update), _) => update.get().core(),
        (_, Ok(delete)) => delete.get().core(),
        _ => return Ok(None),
    };
    if given.is_none() && !any_parameters() {
        return Ok(Some(vec![write]));
    }
    let wanted = Wanted::of_write(&write);
    let Some(given) = given else {
        wanted.take(py, Vec::new())?;
        return Ok(Some(vec![write]));
    };
    let (sets, many) = sets_of(&spread(write.model(), given)?)?;
    let made = sets.into_iter().map(|values| {
        let (arguments, others) = wanted.take(py, values)?;
        let mut write = write.clone();
        let more = match (&mut write, others.first()) {
            (_, None) if !many || !wanted.params.is_empty() => Arguments::default(),
            (Write::Update(update), _) => assign(py, &wanted, update, others, many)?,
            (_, Some((name, _))) => return Err(wanted.unknown(py, name, &[])),
            (_, None) => return Err(nothing_given(py)),
        };
        *write.arguments_mut() = arguments.and(more);
        Ok(write)
    });
    let made = made.collect::<PyResult<Vec<_>>>()?;
    refuse_many_returning(&made, many)?;
    Ok(Some(made))
}

fn inserts(py: Python<'_>, insert: &Insert, given: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<Write>> {
    let wanted = match any_parameters() {
        true => Wanted::of_write(&insert.bare()),
        false => Wanted::default(),
    };
    if wanted.params.is_empty() {
        let write = match given {
            Some(rows) => insert.given(rows)?.core(py)?,
            None => insert.core(py)?,
        };
        return Ok(write.in_parts());
    }
    let (sets, many) = match given {
        Some(given) => sets_of(given)?,
        None => (vec![Vec::new()], false),
    };
    let made = sets.into_iter().map(|values| {
        let (arguments, others) = wanted.take(py, values)?;
        let mut write = match others.first() {
            None => insert.core(py)?,
            Some((name, _)) if insert.has_rows() => return Err(wanted.unknown(py, name, &[])),
            Some(_) => {
                let row = PyDict::new(py);
                others.iter().try_for_each(|(name, value)| row.set_item(name, value))?;
                insert.given(row.as_any())?.core(py)?
            }
        };
        *write.arguments_mut() = arguments;
        Ok(write)
    });
    let made = made.collect::<PyResult<Vec<_>>>()?;
    refuse_many_returning(&made, many)?;
    Ok(made)
}

/// What of the values are no parameters of an UPDATE: columns that it sets, or the key of the row where it has no condition
/// of its own.
fn assign(
    py: Python<'_>,
    wanted: &Wanted,
    update: &mut CoreUpdate,
    values: Vec<Named<'_>>,
    many: bool,
) -> PyResult<Arguments> {
    let schema = schema(py)?;
    let model = schema.model(update.model);
    let by_key = update.filter.is_empty() && wanted.params.is_empty();
    let mut given = Vec::with_capacity(values.len());
    let mut keyed = 0;
    for (name, value) in values {
        let Ok(field) = model.field_named(&name) else {
            let columns: Vec<&str> = model.field_ids().map(|field| &*model.field(field).name).collect();
            return Err(wanted.unknown(py, &name, &columns));
        };
        let param = Param {
            column_type: Some(model.field(field).column_type.clone()),
            field: Some((model.id, field)),
            ..Param::untyped(&name)
        };
        given.push((param.clone(), argument(&value, &param)?));
        if by_key && model.key.contains(&field) {
            keyed += 1;
            update.filter.push(CoreExpr::column(model.id, field).eq(CoreExpr::param(param)));
            continue;
        }
        update.set.retain(|(known, _)| *known != field);
        update.set.push((field, CoreExpr::param(param)));
    }
    if by_key && ((many && keyed == 0) || (keyed > 0 && keyed < model.key.len())) {
        let key: Vec<String> = model.key.iter().map(|field| model.place(*field)).collect();
        return Err(to_py(
            py,
            Error::new(ErrorKind::Programming(format!(
                "an UPDATE of many rows without a condition finds each by its key: give {} with every one of them",
                key.join(" and ")
            ))),
        ));
    }
    Ok(Arguments::new(given))
}

/// The rows with columns in the place of hybrids that say what columns they are (`bulk_dml`): as the first row names them.
///
/// # Errors
/// What a hybrid's function raises.
fn spread<'py>(model: ModelId, given: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = given.py();
    let rows: Vec<Bound<'py, PyAny>> = match given.is_instance_of::<PyList>() {
        true => given.extract()?,
        false => vec![given.clone()],
    };
    let (Some(Ok(first)), Some(mapped)) =
        (rows.first().map(|row| row.cast::<PyDict>()), find_class(py, model))
    else {
        return Ok(given.clone());
    };
    let class = mapped.class.bind(py);
    let mut hybrids = Vec::new();
    for name in first.keys() {
        let Ok(text) = name.extract::<&str>() else { continue };
        if with_def(model, |def| def.fields.iter().all(|field| field.name != text))
            && let Some(hybrid) = hybrid_named(class, text)?.filter(|hybrid| hybrid.get().has_bulk())
        {
            hybrids.push((name.clone(), hybrid));
        }
    }
    if hybrids.is_empty() {
        return Ok(given.clone());
    }
    let spread = |row: &Bound<'py, PyAny>| {
        let row = row.cast::<PyDict>().map_err(|_| no_dict(row))?.copy()?;
        for (name, hybrid) in &hybrids {
            if let Some(value) = row.get_item(name)? {
                row.del_item(name)?;
                hybrid.get().spread(class, &row, &value)?;
            }
        }
        Ok(row.into_any())
    };
    match given.is_instance_of::<PyList>() {
        true => Ok(PyList::new(py, rows.iter().map(spread).collect::<PyResult<Vec<_>>>()?)?.into_any()),
        false => spread(given),
    }
}

fn refuse_many_returning(writes: &[Write], many: bool) -> PyResult<()> {
    match writes.first() {
        Some(write) if many && writes.len() > 1 && !write.returning().is_empty() => Err(unsupported(
            "RETURNING of a statement that runs once for each of several sets of values",
            "run it for each of them, or insert(..) rows without parameters",
        )),
        _ => Ok(()),
    }
}

/// One dict, or a list of them; and whether it was a list.
fn sets_of<'py>(given: &Bound<'py, PyAny>) -> PyResult<(Vec<Vec<Named<'py>>>, bool)> {
    if given.is_instance_of::<PyDict>() {
        return Ok((vec![one_set(given)?], false));
    }
    if given.is_instance_of::<PyString>() {
        return Err(no_dict(given));
    }
    let sets = given.try_iter().map_err(|_| no_dict(given))?;
    Ok((sets.map(|set| one_set(&set?)).collect::<PyResult<Vec<_>>>()?, true))
}

fn one_set<'py>(given: &Bound<'py, PyAny>) -> PyResult<Vec<Named<'py>>> {
    let dict = given.cast::<PyDict>().map_err(|_| no_dict(given))?;
    dict.iter().map(|(name, value)| Ok((name.extract()?, value))).collect()
}

fn no_dict(given: &Bound<'_, PyAny>) -> PyErr {
    let found = given.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!(
        "values beside a statement are a dict by their names (a list of dicts beside insert, update and delete), not {found}"
    ))
}

fn nothing_given(py: Python<'_>) -> PyErr {
    to_py(py, Error::new(ErrorKind::Programming("a set of values for the statement is empty".into())))
}

/// What a statement asks for.
trait Asks {
    fn take<'py>(&self, py: Python<'py>, values: Vec<Named<'py>>) -> PyResult<(Arguments, Vec<Named<'py>>)>;
    fn unknown(&self, py: Python<'_>, name: &str, columns: &[&str]) -> PyErr;
}

impl Asks for Wanted {
    /// The values of its parameters, and those that are none.
    fn take<'py>(&self, py: Python<'py>, values: Vec<Named<'py>>) -> PyResult<(Arguments, Vec<Named<'py>>)> {
        let (mut taken, mut others) = (Vec::new(), Vec::new());
        for (name, value) in &values {
            let known = self.params.iter().filter(|param| *param.name == **name);
            let text = self.placeholders.iter().any(|placeholder| placeholder == name);
            let untyped = text.then(|| Param::untyped(name));
            let before = taken.len();
            for param in known.chain(&untyped) {
                taken.push((param.clone(), argument(value, param)?));
            }
            if taken.len() == before {
                others.push((name.clone(), value.clone()));
            }
        }
        let lacks =
            |param: &&Param| param.default.is_none() && !values.iter().any(|(name, _)| *param.name == **name);
        if let Some(param) = self.params.iter().find(lacks) {
            return Err(missing(py, &param.name));
        }
        let given = |name: &String| values.iter().any(|(known, _)| known == name);
        if !taken.is_empty()
            && let Some(name) = self.placeholders.iter().find(|name| !given(name))
        {
            return Err(missing(py, name));
        }
        Ok((Arguments::new(taken), others))
    }

    fn unknown(&self, py: Python<'_>, name: &str, columns: &[&str]) -> PyErr {
        let params = self.params.iter().map(|param| &*param.name);
        let known = params.chain(self.placeholders.iter().map(String::as_str)).chain(columns.iter().copied());
        to_py(py, Error::unknown_name("parameter", name, "the statement", known))
    }
}

fn missing(py: Python<'_>, name: &str) -> PyErr {
    to_py(
        py,
        Error::new(ErrorKind::Programming(format!(
            "a value is required for the parameter {name:?}: execute(statement, {{{name:?}: ..}})"
        ))),
    )
}
