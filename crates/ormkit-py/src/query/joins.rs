//! Joins: along relations, on the one foreign key, on conditions.

use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::model::{FieldId, Model, ModelId, RelationId, Schema};
use ormkit_core::query::{
    Derived, Expr as CoreExpr, FromItem, Item, Join, JoinKind, On, Rows, Select as CoreSelect, Source,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use std::sync::Arc;

use super::{RelationPart, Subquery, mapped_item};
use crate::attribute::Attribute;
use crate::errors::to_py;
use crate::expr::{Expr, condition_of};
use crate::model::{Table, schema, unsupported, with_def};
use crate::session::raise;

/// What a class, an alias, a subquery or a `text(..)` is in FROM.
///
/// # Errors
/// `TypeError` for anything else.
pub(super) fn from_item(entity: &Bound<'_, PyAny>) -> PyResult<FromItem> {
    if let Ok(rows) = entity.cast::<Subquery>() {
        return Ok(rows.get().in_from());
    }
    if let Ok(expr) = entity.cast::<Expr>()
        && let Some(text) = expr.get().written()
    {
        return Ok(Arc::new(Derived::new(Rows::Raw(text.clone()), None, Vec::new())).into());
    }
    match entity.cast::<Table>() {
        Ok(table) => Ok(table.get().source().into()),
        Err(_) => mapped_item(entity).map(|(item, _)| item),
    }
}

/// `join(A, B)`: tables joined to each other, for `select_from`.
#[pyclass(frozen, module = "ormkit", name = "Join")]
pub(crate) struct JoinedTables {
    pub(super) from: FromItem,
    pub(super) joins: Vec<Join>,
}

/// `A JOIN B`, for `select_from`: on a condition, along a relation, or on the one foreign key between them.
#[pyfunction]
#[pyo3(signature = (left, right, onclause = None, *, isouter = false, full = false))]
pub(crate) fn join(
    left: &Bound<'_, PyAny>,
    right: &Bound<'_, PyAny>,
    onclause: Option<&Bound<'_, PyAny>>,
    isouter: bool,
    full: bool,
) -> PyResult<JoinedTables> {
    let (from, mut joins) = match left.cast::<JoinedTables>() {
        Ok(known) => (known.get().from.clone(), known.get().joins.clone()),
        Err(_) => (from_item(left)?, Vec::new()),
    };
    let known = CoreSelect { from: vec![from.clone()], joins: joins.clone(), ..CoreSelect::default() };
    joins.push(joined(&*schema(left.py())?, &sources_of(&known), kind_of(isouter, full), right, onclause)?);
    Ok(JoinedTables { from, joins })
}

/// `A LEFT OUTER JOIN B`, for `select_from`.
#[pyfunction]
#[pyo3(signature = (left, right, onclause = None, *, full = false))]
pub(crate) fn outerjoin(
    left: &Bound<'_, PyAny>,
    right: &Bound<'_, PyAny>,
    onclause: Option<&Bound<'_, PyAny>>,
    full: bool,
) -> PyResult<JoinedTables> {
    join(left, right, onclause, true, full)
}

#[pymethods]
impl JoinedTables {
    /// Joins one more.
    #[pyo3(signature = (right, onclause = None, *, isouter = false, full = false))]
    fn join(
        slf: &Bound<'_, Self>,
        right: &Bound<'_, PyAny>,
        onclause: Option<&Bound<'_, PyAny>>,
        isouter: bool,
        full: bool,
    ) -> PyResult<Self> {
        join(slf, right, onclause, isouter, full)
    }

    /// Joins one more; rows without a partner stay.
    #[pyo3(signature = (right, onclause = None, *, full = false))]
    fn outerjoin(
        slf: &Bound<'_, Self>,
        right: &Bound<'_, PyAny>,
        onclause: Option<&Bound<'_, PyAny>>,
        full: bool,
    ) -> PyResult<Self> {
        join(slf, right, onclause, true, full)
    }
}

/// What the words of a join say.
pub(super) fn kind_of(isouter: bool, full: bool) -> JoinKind {
    match (full, isouter) {
        (true, _) => JoinKind::Full,
        (false, true) => JoinKind::Left,
        (false, false) => JoinKind::Inner,
    }
}

/// The join of the tables `known` to a relation's target, a class, an alias or a subquery.
pub(super) fn joined(
    schema: &Schema,
    known: &Known,
    kind: JoinKind,
    target: &Bound<'_, PyAny>,
    onclause: Option<&Bound<'_, PyAny>>,
) -> PyResult<Join> {
    let onclause = onclause.filter(|clause| !clause.is_none());
    if let Ok(name) = target.extract::<&str>() {
        return Err(PyTypeError::new_err(format!(
            "a join takes a relation, a class, an alias or a subquery, and no text: join(Model.{name})"
        )));
    }
    if let Ok(part) = target.cast::<RelationPart>() {
        let (attribute, also) = part.get().joined(target.py());
        return with_also(joined(schema, known, kind, attribute, onclause)?, also);
    }
    if let Some(part) = onclause.and_then(|clause| clause.cast::<RelationPart>().ok()) {
        let (attribute, also) = part.get().joined(target.py());
        return with_also(joined(schema, known, kind, target, Some(attribute))?, also);
    }
    if let Ok(attribute) = target.cast::<Attribute>() {
        let relation = relation_id(schema, attribute)?;
        let to = schema.model(attribute.get().model()).relation(relation).target;
        let item = attribute.get().target().cloned().unwrap_or_else(|| Source::plain(to).into());
        return match onclause {
            None => along(schema, known, kind, attribute, item),
            Some(_) => Err(PyTypeError::new_err(format!(
                "{} says what it is joined on: for a condition of your own name the class, or add it to where()",
                attribute.repr()?
            ))),
        };
    }
    let item = from_item(target)?;
    if let Some(attribute) = onclause.and_then(|clause| clause.cast::<Attribute>().ok()) {
        let relation = relation_id(schema, attribute)?;
        let to = schema.model(attribute.get().model()).relation(relation).target;
        if !models_of(&item).contains(&to) {
            let (name, expected) = (attribute.repr()?, with_def(to, |def| def.name.clone()));
            return Err(PyTypeError::new_err(format!(
                "{name} leads to {expected}: join that or an alias of it"
            )));
        }
        return along(schema, known, kind, attribute, item);
    }
    let known = known.without(&item, None).ok_or_else(|| repeated(&item, "join"))?;
    let on = match onclause {
        Some(clause) => condition_of(clause)?,
        None => only_key(schema, &known, &item)?,
    };
    Ok(Join { target: item, kind, on: On::Condition(on) })
}

/// A join along a relation on a further condition, which speaks of the joined table by its class.
fn with_also(join: Join, condition: CoreExpr) -> PyResult<Join> {
    let on = match (join.on, &join.target) {
        (On::Relation { parent, relation, .. }, FromItem::Table(target)) => {
            let also = Some(condition.renamed(Source::plain(target.model), *target));
            On::Relation { parent, relation, also }
        }
        (On::Condition(on), _) => On::Condition(CoreExpr::all([on, condition])),
        (on @ On::Relation { .. }, FromItem::Derived(_)) => on,
    };
    Ok(Join { on, ..join })
}

fn repeated(item: &FromItem, what: &str) -> PyErr {
    let name = name_of(item);
    unsupported(
        format!("{what} to {name}, which the statement has already"),
        format!("join an alias: `other = aliased({name})`, or ask for related rows with any() or has()"),
    )
}

fn along(
    schema: &Schema,
    known: &Known,
    kind: JoinKind,
    attribute: &Bound<'_, Attribute>,
    target: FromItem,
) -> PyResult<Join> {
    let this = attribute.get();
    let relation = relation_id(schema, attribute)?;
    let parent = attribute.as_super().get().relation_source()?.unwrap_or_else(|| Source::plain(this.model()));
    if known.without(&target, Some(parent)).is_none() {
        let name = attribute.repr()?;
        return Err(repeated(&target, &format!("join({name})")));
    }
    let on = match &target {
        FromItem::Table(_) => On::Relation { parent, relation, also: None },
        FromItem::Derived(_) => {
            let relation = schema.model(parent.model).relation(relation);
            if relation.junction.is_some() {
                let name = attribute.repr()?;
                return Err(unsupported(
                    format!("a subquery joined along {name}, which goes through a junction"),
                    "join the junction and the subquery on conditions",
                ));
            }
            if relation.condition.is_some() {
                let name = attribute.repr()?;
                return Err(unsupported(
                    format!("a subquery joined along {name}, of which more is said than its key"),
                    "join the subquery on a condition",
                ));
            }
            let mut pairs = Vec::with_capacity(relation.local.len());
            for (local, remote) in relation.local.iter().zip(&relation.remote) {
                let far = column_in(&target, relation.target, *remote).ok_or_else(|| {
                    PyTypeError::new_err(format!(
                        "the subquery has no column for {}: select it there, or join on a condition",
                        schema.model(relation.target).place(*remote)
                    ))
                })?;
                pairs.push(far.eq(CoreExpr::column(parent, *local)));
            }
            On::Condition(CoreExpr::all(pairs))
        }
    };
    Ok(Join { target, kind, on })
}

/// The relation behind an attribute.
///
/// # Errors
/// `TypeError` for a column.
pub(crate) fn relation_id(schema: &Schema, attribute: &Bound<'_, Attribute>) -> PyResult<RelationId> {
    let this = attribute.get();
    let model = schema.model(this.model());
    model.check().map_err(|error| to_py(attribute.py(), error))?;
    let columns = model.fields().len();
    match this.slot().checked_sub(columns) {
        Some(relation) => Ok(RelationId(relation as u16)),
        None => {
            let name = attribute.repr()?;
            Err(PyTypeError::new_err(format!("a relation or a class is expected here; {name} is a column")))
        }
    }
}

/// What a statement reads from so far.
#[derive(Default)]
pub(super) struct Known {
    /// What it starts from or has joined.
    placed: Vec<FromItem>,
    /// What it only selects: a join may give it its place.
    selected: Vec<FromItem>,
}

impl Known {
    /// The left side of a join alone.
    pub(super) fn left(item: FromItem) -> Self {
        Self { placed: vec![item], selected: Vec::new() }
    }

    pub(super) fn contains(&self, item: &FromItem) -> bool {
        self.placed.contains(item) || self.selected.contains(item)
    }

    /// What `target` can be joined to; None where it has a place already, or nothing else is there.
    fn without(&self, target: &FromItem, parent: Option<Source>) -> Option<Vec<FromItem>> {
        if self.placed.contains(target) {
            return None;
        }
        let others = self.selected.iter().filter(|item| *item != target);
        let others: Vec<FromItem> = others.chain(&self.placed).cloned().collect();
        let has_left = !others.is_empty() || parent.is_some_and(|parent| *target != parent);
        (has_left || self.selected.is_empty()).then_some(others)
    }
}

/// What a statement reads from so far.
pub(super) fn sources_of(select: &CoreSelect) -> Known {
    let items = select.items.iter().filter_map(|item| match item {
        Item::Entity { source, .. } => Some((*source).into()),
        Item::Mapped { of, .. } => Some(of.clone().into()),
        Item::Value { expr: CoreExpr::Column(column), .. } => Some(column.source.into()),
        Item::Value { expr: CoreExpr::Part(part), .. } => Some(part.of.clone().into()),
        Item::Value { .. } => None,
    });
    let joined = select.joins.iter().map(|join| join.target.clone());
    let placed: Vec<FromItem> = select.from.iter().cloned().chain(joined).collect();
    let mut selected: Vec<FromItem> = Vec::new();
    for item in items.filter(|_| select.from.is_empty()) {
        if !placed.contains(&item) && !selected.contains(&item) {
            selected.push(item);
        }
    }
    Known { placed, selected }
}

fn name_of(item: &FromItem) -> String {
    match item {
        FromItem::Table(source) => with_def(source.model, |def| def.name.clone()),
        FromItem::Derived(derived) => derived.name.as_deref().unwrap_or("the subquery").to_owned(),
    }
}

/// The models whose columns rows have.
fn models_of(item: &FromItem) -> Vec<ModelId> {
    let mut models = Vec::new();
    match item {
        FromItem::Table(source) => models.push(source.model),
        FromItem::Derived(derived) => {
            for column in &derived.columns {
                if let CoreExpr::Column(column) = &column.of
                    && !models.contains(&column.source.model)
                {
                    models.push(column.source.model);
                }
            }
        }
    }
    models
}

/// The column of rows that shows a field.
fn column_in(item: &FromItem, model: ModelId, field: FieldId) -> Option<CoreExpr> {
    match item {
        FromItem::Table(source) => (source.model == model).then(|| CoreExpr::column(*source, field)),
        FromItem::Derived(derived) => {
            let shows = |of: &CoreExpr| matches!(of, CoreExpr::Column(column) if column.source.model == model && column.field == field);
            let at = derived.columns.iter().position(|column| shows(&column.of))?;
            Some(CoreExpr::part(derived, u16::try_from(at).ok()?))
        }
    }
}

/// A foreign key that could join, as a condition and as words.
struct Candidate {
    condition: CoreExpr,
    text: String,
}

/// The condition of the one foreign key between what a statement has and `item`; where several would do, that of what
/// was joined last.
fn only_key(schema: &Schema, known: &[FromItem], item: &FromItem) -> PyResult<CoreExpr> {
    let mut all: Vec<Candidate> = Vec::new();
    let mut last: Vec<usize> = Vec::new();
    for (at, other) in known.iter().enumerate() {
        for (holder, referred) in [(other, item), (item, other)] {
            for candidate in keys(schema, holder, referred) {
                if !all.iter().any(|known| known.condition == candidate.condition) {
                    if at + 1 == known.len() {
                        last.push(all.len());
                    }
                    all.push(candidate);
                }
            }
        }
    }
    let name = name_of(item);
    match (all.len(), &last[..]) {
        (0, _) => Err(raise(Error::new(ErrorKind::NoKeys(format!(
            "no foreign key joins {name} to the statement: give a condition"
        ))))),
        (1, _) => Ok(all.remove(0).condition),
        (_, [one]) => Ok(all.remove(*one).condition),
        _ => {
            let texts: Vec<&str> = all.iter().map(|candidate| candidate.text.as_str()).collect();
            Err(raise(Error::new(ErrorKind::AmbiguousKeys(format!(
                "several foreign keys join {name} to the statement: {}; join along a relation, or give a condition",
                texts.join(", ")
            )))))
        }
    }
}

fn keys(schema: &Schema, holder: &FromItem, referred: &FromItem) -> Vec<Candidate> {
    let mut found = Vec::new();
    for model in models_of(holder) {
        let model: &Model = schema.model(model);
        for reference in &model.references {
            let target = schema.model(reference.target);
            let mut pairs = reference.fields.iter().zip(&reference.target_fields);
            let condition = pairs
                .by_ref()
                .map(|(own, far)| {
                    let own = column_in(holder, model.id, *own)?;
                    Some(own.eq(column_in(referred, reference.target, *far)?))
                })
                .collect::<Option<Vec<_>>>();
            let Some(condition) = condition else { continue };
            let places = |model: &Model, fields: &[FieldId]| {
                fields.iter().map(|field| model.place(*field)).collect::<Vec<_>>().join(", ")
            };
            let text = format!(
                "{} → {}",
                places(model, &reference.fields),
                places(target, &reference.target_fields)
            );
            found.push(Candidate { condition: CoreExpr::all(condition), text });
        }
    }
    found
}
