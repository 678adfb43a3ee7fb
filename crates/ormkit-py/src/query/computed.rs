//! `annotate`, `values`, `values_list`, `aggregate`: what a fluent query computes and shows.

use ormkit_core::query::lookup::{Path, resolve_value};
use ormkit_core::query::{Expr as CoreExpr, Item, Select as CoreSelect};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use std::sync::Arc;

use super::aggregate::{Aggregate, Joining, check_joining};
use super::answer::Answer;
use super::hybrid::Hybrid;
use super::names::{Annotation, Names};
use super::read::item_of;
use super::{F, Q, Query};
use crate::errors::to_py;
use crate::expr::Expr;
use crate::model::{schema, unsupported};

/// `values()` and `values_list()`: rows instead of objects, to be awaited or narrowed down further.
#[pyclass(frozen, extends = Query, module = "ormkit")]
pub(crate) struct RowQuery;

#[pymethods]
impl Query {
    /// Computes values beside the columns: aggregates over related objects (`Count("posts")`), `F` expressions, or
    /// expressions. An aggregate without a name is called `posts__count`. On objects they are plain attributes that no flush writes. Behind `values(..)` aggregates are of the groups
    /// that its columns make.
    ///
    /// Raises:
    ///     FieldError: A name is unknown, or is that of an attribute of the model.
    ///     NotSupportedError: Aggregates of one group would multiply each other's rows.
    #[pyo3(signature = (*aggregates, **values))]
    fn annotate<'py>(
        slf: &Bound<'py, Self>,
        aggregates: &Bound<'py, PyTuple>,
        values: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Self>> {
        let all = PyDict::new(slf.py());
        for aggregate in aggregates.iter() {
            let Ok(named) = aggregate.cast::<Aggregate>() else {
                return Err(PyTypeError::new_err("annotate() takes aggregates, and other values by a name"));
            };
            all.set_item(named.get().default_name()?, &aggregate)?;
        }
        if let Some(values) = values {
            all.update(values.as_mapping())?;
        }
        if all.is_empty() {
            return Ok(slf.clone());
        }
        slf.get().computing(slf.py(), &all)
    }

    /// Rows as dicts of these columns, all of them where none is named; names may cross relations (`"author__name"`), and
    /// aggregates make groups of the columns.
    #[pyo3(signature = (*columns, **computed))]
    fn values<'py>(
        slf: &Bound<'py, Self>,
        columns: &Bound<'py, PyTuple>,
        computed: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Self>> {
        let query = slf.get().showing(slf.py(), columns, Answer::Dicts)?;
        match computed.filter(|computed| !computed.is_empty()) {
            Some(computed) if columns.is_empty() => {
                query.get().computing(slf.py(), computed)?.get().with_only(computed)
            }
            Some(computed) => query.get().computing(slf.py(), computed),
            None => Ok(query),
        }
    }

    /// Rows as tuples of these columns; with `flat` single values of one column, with `named` rows whose values have names,
    /// too.
    ///
    /// Raises:
    ///     TypeError: `flat` with several columns, or with `named`.
    #[pyo3(signature = (*columns, flat = false, named = false))]
    fn values_list<'py>(
        slf: &Bound<'py, Self>,
        columns: &Bound<'py, PyTuple>,
        flat: bool,
        named: bool,
    ) -> PyResult<Bound<'py, Self>> {
        if flat && named {
            return Err(PyTypeError::new_err("values_list() takes flat=True or named=True, not both"));
        }
        if flat && columns.len() != 1 {
            return Err(PyTypeError::new_err("values_list(.., flat=True) takes one column"));
        }
        let answer = match (flat, named) {
            (true, _) => Answer::Flat,
            (_, true) => Answer::Named,
            _ => Answer::Tuples,
        };
        slf.get().showing(slf.py(), columns, answer)
    }
}

impl Query {
    /// The same query with these of its values alone.
    fn with_only<'py>(&self, names: &Bound<'py, PyDict>) -> PyResult<Bound<'py, Self>> {
        let py = names.py();
        let names: Vec<String> = names.keys().extract()?;
        let mut core = CoreSelect::clone(self.core());
        core.items
            .retain(|item| matches!(item, Item::Value { label: Some(label), .. } if names.contains(label)));
        self.made(py, core, self.annotations().to_vec())
    }

    /// The same query with more computed values.
    fn computing<'py>(&self, py: Python<'py>, values: &Bound<'py, PyDict>) -> PyResult<Bound<'py, Self>> {
        let schema = schema(py)?;
        let model = schema.model(self.model());
        let mut core = CoreSelect::clone(self.core());
        let mut annotations = self.annotations().to_vec();
        let mut joinings = self.joined(&schema);
        // `values("a")` groups; `values()` and objects are single rows.
        let groups = self.groups();
        for (name, value) in values {
            let name: String = name.extract()?;
            if self.is_objects()
                && (model.find_field(&name).is_some()
                    || model.find_relation(&name).is_some()
                    || self.class(py).hasattr(name.as_str())?)
            {
                let text = format!("annotate({name}=..): {} has an attribute of that name", model.name());
                return Err(PyValueError::new_err(text));
            }
            if name.starts_with('_') || annotations.iter().any(|known| known.name == name) {
                let text = format!("annotate({name}=..): the name is taken, or not a public one");
                return Err(PyValueError::new_err(text));
            }
            let names = Names { annotations: &annotations, ..Names::of(&schema, self.source()) };
            let (expr, of_group) = match value.cast::<Aggregate>() {
                Ok(aggregate) if groups => {
                    let (expr, joining) = aggregate.get().of_group(py, &names, &mut core)?;
                    joinings.push(joining);
                    (expr, true)
                }
                Ok(aggregate) => (aggregate.get().of_each(py, &names)?, false),
                Err(_) => match value.cast::<F>() {
                    Ok(field) if field.get().has_aggregates() && groups => {
                        check_grouped(py, &names, field.get(), &core, self.grouped_by())?;
                        let expr = field.get().resolve_aggregates(&names, py, &mut |aggregate| {
                            let (expr, joining) = aggregate.of_group(py, &names, &mut core)?;
                            joinings.push(joining);
                            Ok(expr)
                        })?;
                        (expr, true)
                    }
                    Ok(field) => {
                        let each = &mut |aggregate: &Aggregate| aggregate.of_each(py, &names);
                        (field.get().resolve_aggregates(&names, py, each)?, false)
                    }
                    Err(_) => (computed_value(py, &names, &value)?, false),
                },
            };
            core.items.push(Item::Value { expr: expr.clone(), label: Some(name.clone()) });
            annotations.push(Annotation { name, expr, of_group });
        }
        check_joining(&joinings)?;
        regroup(&mut core, &annotations, self.grouped_by());
        self.made(py, core, annotations)
    }

    /// The same query with rows instead of objects.
    fn showing<'py>(
        &self,
        py: Python<'py>,
        columns: &Bound<'py, PyTuple>,
        answer: Answer,
    ) -> PyResult<Bound<'py, Self>> {
        let schema = schema(py)?;
        let model = schema.model(self.model());
        let mut core = CoreSelect::clone(self.core());
        let names = Names { annotations: self.annotations(), ..Names::of(&schema, self.source()) };
        let mut items = Vec::new();
        let mut joinings = self.joined(&schema);
        for column in columns.iter() {
            let Ok(name) = column.cast::<PyString>() else {
                items.push(value_item(py, &names, &column)?);
                continue;
            };
            let name = name.to_str()?;
            if let Some(annotation) = names.annotation(name) {
                items.push(Item::Value { expr: annotation.expr.clone(), label: Some(name.to_owned()) });
                continue;
            }
            if let Some(hybrid) = Hybrid::named(py, &schema, model.id, name)? {
                hybrid.require_one(name)?;
                let end = core.join_path(&schema, self.source(), &hybrid.relations);
                let expr = hybrid.value(py, &schema, end, name)?;
                items.push(Item::Value { expr, label: Some(name.to_owned()) });
                continue;
            }
            let path = match Path::resolve_value(&schema, model.id, name) {
                Ok(path) => path,
                // A part of a time, or what lies in a JSON column.
                Err(_) => {
                    let expr =
                        resolve_value(&schema, self.source(), name).map_err(|error| to_py(py, error))?;
                    items.push(Item::Value { expr, label: Some(name.to_owned()) });
                    continue;
                }
            };
            let end = core.join_path(&schema, self.source(), &path.relations);
            joinings.push(Joining {
                many: path.last_many(&schema, model.id).map(|length| path.relations[..length].to_vec()),
                counts_repeated: false,
            });
            if let Some(field) = path.field {
                let own = path.relations.is_empty() && schema.model(path.model).field(field).name == name;
                let label = (!own).then(|| name.to_owned());
                items.push(Item::Value { expr: CoreExpr::column(end, field), label });
            }
        }
        check_joining(&joinings)?;
        if columns.is_empty() {
            let own = model.field_ids().filter(|field| !model.field(*field).deferred);
            items.extend(
                own.map(|field| Item::Value { expr: CoreExpr::column(self.source(), field), label: None }),
            );
            items.extend(self.annotations().iter().map(|annotation| Item::Value {
                expr: annotation.expr.clone(),
                label: Some(annotation.name.clone()),
            }));
        }
        core.items = items;
        core.loads.clear();
        self.made_rows(py, core, answer, !columns.is_empty())
    }

    /// The SELECT of aggregates over the query's rows, and their names.
    pub(crate) fn aggregating(
        &self,
        py: Python<'_>,
        aggregates: Vec<(String, Bound<'_, PyAny>)>,
    ) -> PyResult<CoreSelect> {
        let schema = schema(py)?;
        let model = schema.model(self.model());
        let rows = self.core();
        if !rows.group_by.is_empty() || (!self.is_objects() && rows.distinct) {
            return Err(unsupported(
                "aggregates over groups, or over the distinct rows of values()",
                "aggregate the objects: session.query(Model).filter(..).aggregate(..)",
            ));
        }
        let mut core = CoreSelect::default().select_from(self.source());
        core.filter = rows.as_filter(model).map_err(|error| to_py(py, error))?;
        core.deleted = rows.deleted;
        let names = Names { annotations: self.annotations(), ..Names::of(&schema, self.source()) };
        let mut joinings = Vec::new();
        for (name, aggregate) in aggregates {
            let mut one = |aggregate: &Aggregate| {
                let (expr, joining) = aggregate.of_group(py, &names, &mut core)?;
                joinings.push(joining);
                Ok(expr)
            };
            let expr = match (aggregate.cast::<Aggregate>(), aggregate.cast::<F>()) {
                (Ok(aggregate), _) => one(aggregate.get())?,
                (_, Ok(field)) if field.get().has_aggregates() => {
                    if let Some(name) = field.get().names().first() {
                        return Err(unsupported(
                            format!("F({name:?}) beside aggregates of all rows"),
                            "rows differ in it: aggregate it, too",
                        ));
                    }
                    field.get().resolve_aggregates(&names, py, &mut one)?
                }
                _ => {
                    return Err(PyTypeError::new_err(
                        "aggregate() takes Count(..), Sum(..), Avg(..), Min(..), Max(..) and arithmetic of them",
                    ));
                }
            };
            core.items.push(Item::Value { expr, label: Some(name) });
        }
        check_joining(&joinings)?;
        Ok(core)
    }
}

/// Columns beside the aggregates of a group are those that make the groups.
fn check_grouped(
    py: Python<'_>,
    names: &Names<'_>,
    field: &F,
    core: &CoreSelect,
    own: &[CoreExpr],
) -> PyResult<()> {
    for name in field.names() {
        let expr = names.value(py, name)?;
        let of_group = names.annotation(name).is_some_and(|annotation| annotation.of_group);
        let is_shown = |item: &Item| matches!(item, Item::Value { expr: shown, .. } if *shown == expr);
        if !of_group && !own.contains(&expr) && !core.items.iter().any(is_shown) {
            return Err(unsupported(
                format!("F({name:?}) beside aggregates of a group"),
                "its rows differ in it: group by it as well, as in values(..), or aggregate it",
            ));
        }
    }
    Ok(())
}

/// A value that is no aggregate and no `F`: an expression, or a condition.
fn computed_value(py: Python<'_>, names: &Names<'_>, value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    if let Ok(condition) = value.cast::<Q>() {
        return condition.get().resolve(names, py);
    }
    match value.cast::<Expr>() {
        Ok(expr) => expr.get().core().cloned(),
        Err(_) => {
            let found = value.get_type().name()?;
            Err(PyTypeError::new_err(format!(
                "a computed value is an aggregate, F(..) or an expression, not a value of type {found}: literal(..) makes \
                 one of it"
            )))
        }
    }
}

fn value_item(py: Python<'_>, names: &Names<'_>, column: &Bound<'_, PyAny>) -> PyResult<Item> {
    match column.cast::<F>() {
        Ok(field) => Ok(Item::Value { expr: field.get().resolve_in(names, py)?, label: None }),
        Err(_) => match item_of(column)? {
            item @ Item::Value { .. } => Ok(item),
            Item::Entity { .. } | Item::Mapped { .. } => {
                Err(PyTypeError::new_err("values() takes columns, not classes"))
            }
        },
    }
}

/// GROUP BY of the columns beside aggregates: by their place where an expression may hold values, which are other parameters
/// each time that it is written.
fn regroup(core: &mut CoreSelect, annotations: &[Annotation], own: &[CoreExpr]) {
    let is_of_group = |label: &Option<String>| {
        annotations.iter().any(|known| known.of_group && Some(&known.name) == label.as_ref())
    };
    if !annotations.iter().any(|known| known.of_group) {
        return;
    }
    let columns = core.items.iter().enumerate().filter_map(|(at, item)| match item {
        Item::Value { label, .. } if is_of_group(label) => None,
        Item::Value { expr: expr @ CoreExpr::Column(_), .. } => Some(expr.clone()),
        Item::Value { .. } => Some(CoreExpr::Text(Arc::from((at + 1).to_string()))),
        // Its key is grouped by, or it is no object.
        Item::Entity { .. } | Item::Mapped { .. } => None,
    });
    let mut group_by = own.to_vec();
    for column in columns {
        if !group_by.contains(&column) {
            group_by.push(column);
        }
    }
    core.group_by = group_by;
}
