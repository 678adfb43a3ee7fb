//! `primaryjoin=` and `secondaryjoin=`: which columns a relation goes by.
use super::raise::unsupported;
use super::registry::{self, with_def};
use crate::attribute::Attribute;
use crate::expr::Expr;
use crate::fields::{JoinCondition, RelationJoin};
use ormkit_core::model::{ModelId, RelationDef, RelationId, Target};
use ormkit_core::query::{CompareOp, Expr as CoreExpr};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// One side of an equality.
#[derive(Clone, Debug)]
enum Side {
    /// A column of the class body.
    Own(String),
    /// A column of a class or table that is there.
    Column(ModelId, String),
    /// `User.id` or `links.c.user_id` in a text: what comes before the column's name, and that.
    Named(String, String),
}

impl Side {
    fn column(&self) -> &str {
        match self {
            Self::Own(column) | Self::Column(_, column) | Self::Named(_, column) => column,
        }
    }

    /// True where it is a column of the end that has this name, of its class or table.
    fn is_of(&self, end: &End) -> bool {
        match self {
            Self::Own(_) => end.is_owner,
            Self::Named(of, _) => end.names.contains(of),
            Self::Column(model, _) => {
                with_def(*model, |def| end.names.contains(&def.name) || end.names.contains(&def.table.name))
            }
        }
    }
}

/// An end of a relation.
struct End {
    /// It is the class of the relation.
    is_owner: bool,
    names: Vec<String>,
}

type Equalities = Vec<(Side, Side)>;

/// Relations whose joins can only be looked at when all classes are there.
struct Waiting {
    model: ModelId,
    relation: RelationId,
    primary: Option<RelationJoin>,
    secondary: Option<RelationJoin>,
}

static WAITING: Mutex<Vec<Waiting>> = Mutex::new(Vec::new());
static IS_WAITING: AtomicBool = AtomicBool::new(false);

/// Notes what a relation says of its joins.
pub(super) fn note(
    model: ModelId,
    relation: RelationId,
    primary: Option<RelationJoin>,
    secondary: Option<RelationJoin>,
) {
    if primary.is_none() && secondary.is_none() {
        return;
    }
    let waiting = Waiting { model, relation, primary, secondary };
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).push(waiting);
    IS_WAITING.store(true, Ordering::Release);
}

/// What a relation says of its joins that nobody has looked at yet: a class that extends its class says the same.
pub(super) fn said(py: Python<'_>, model: ModelId, relation: RelationId) -> [Option<RelationJoin>; 2] {
    let waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    let found = waiting.iter().find(|waiting| waiting.model == model && waiting.relation == relation);
    let copy = |join: &Option<RelationJoin>| join.as_ref().map(|join| join.clone_ref(py));
    found.map_or([None, None], |found| [copy(&found.primary), copy(&found.secondary)])
}

/// Looks at all that wait.
///
/// # Errors
/// What a callable raises; a condition that is no equality of columns. Those of classes that were declared again since
/// are left out.
pub(super) fn resolve(py: Python<'_>) -> PyResult<()> {
    if !IS_WAITING.load(Ordering::Acquire) {
        return Ok(());
    }
    let mut waiting =
        std::mem::take(&mut *WAITING.lock().unwrap_or_else(PoisonError::into_inner)).into_iter();
    while let Some(next) = waiting.next() {
        match columns_of(py, &next) {
            Ok((near, far)) => registry::choose_keys(py, next.model, next.relation, near, far),
            Err(_) if registry::is_replaced(py, next.model) => {}
            Err(error) => {
                let mut kept = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push(next);
                kept.extend(waiting);
                return Err(error);
            }
        }
    }
    IS_WAITING.store(false, Ordering::Release);
    Ok(())
}

/// The columns that lead to this side and to the other one.
fn columns_of(py: Python<'_>, waiting: &Waiting) -> PyResult<(Vec<String>, Vec<String>)> {
    let (class, table, relation) = with_def(waiting.model, |def| {
        let relation = def.relations[waiting.relation.index()].clone();
        (def.name.clone(), def.table.name.clone(), relation)
    });
    let place = format!("{class}.{}", relation.name);
    let owner = End { is_owner: true, names: vec![class, table] };
    let names = target_names(&relation);
    let target = End { is_owner: names.iter().any(|name| owner.names.contains(name)), names };
    let side = |join: &Option<RelationJoin>, option: &str, end: &End| match join {
        None => Ok(Vec::new()),
        Some(join) => {
            let what = format!("{place}: relationship({option}=..)");
            let pairs = equalities(py, join, &what)?;
            match relation.secondary.is_some() {
                true => pairs.iter().map(|pair| junction_column(pair, end, &what)).collect(),
                // Which of both is the foreign key is what the tables say.
                false => Ok(pairs
                    .iter()
                    .flat_map(|(one, other)| [one, other])
                    .map(|s| s.column().to_owned())
                    .collect()),
            }
        }
    };
    Ok((side(&waiting.primary, "primaryjoin", &owner)?, side(&waiting.secondary, "secondaryjoin", &target)?))
}

fn target_names(relation: &RelationDef) -> Vec<String> {
    match &relation.target {
        Target::Name(name) => vec![name.clone()],
        Target::Model(model) => with_def(*model, |def| vec![def.name.clone(), def.table.name.clone()]),
    }
}

/// Of `users.id == links.user_id` the column that is not of the end.
fn junction_column((one, other): &(Side, Side), end: &End, what: &str) -> PyResult<String> {
    match (one.is_of(end), other.is_of(end)) {
        (true, false) => Ok(other.column().to_owned()),
        (false, true) => Ok(one.column().to_owned()),
        _ => Err(unsupported(
            format!("{what} that does not compare {} with the junction", end.names[0]),
            "compare its key with the junction's foreign key",
        )),
    }
}

fn equalities(py: Python<'_>, join: &RelationJoin, what: &str) -> PyResult<Equalities> {
    let given = match join {
        RelationJoin::Text(text) => return in_text(text, what),
        RelationJoin::Object(object) => object.bind(py).clone(),
        RelationJoin::Callable(callable) => callable.bind(py).call0()?,
    };
    if let Ok(text) = given.cast::<PyString>() {
        return in_text(text.to_str()?, what);
    }
    if let Ok(condition) = given.cast::<JoinCondition>() {
        let condition = condition.get();
        let other = condition.other.bind(py).cast::<Attribute>()?.get();
        let own = Side::Own(condition.own.clone());
        return Ok(vec![(own, Side::Column(other.model(), other.name().to_owned()))]);
    }
    match given.cast::<Expr>() {
        Ok(expr) => in_expression(expr.get().core()?, what),
        Err(_) => Err(PyTypeError::new_err(format!(
            "{what} takes a condition, a text or a callable that answers one, not {}",
            given.repr()?
        ))),
    }
}

fn in_expression(expr: &CoreExpr, what: &str) -> PyResult<Equalities> {
    let side = |expr: &CoreExpr| match expr {
        CoreExpr::Column(column) => {
            let model = column.source.model;
            let name = with_def(model, |def| def.fields[column.field.index()].name.clone());
            Some(Side::Column(model, name))
        }
        _ => None,
    };
    match expr {
        CoreExpr::And(parts) => {
            let mut all = Vec::new();
            for part in parts.iter() {
                all.extend(in_expression(part, what)?);
            }
            Ok(all)
        }
        CoreExpr::Compare(node) if node.op == CompareOp::Eq => match (side(&node.left), side(&node.right)) {
            (Some(one), Some(other)) => Ok(vec![(one, other)]),
            _ => Err(refused(what)),
        },
        _ => Err(refused(what)),
    }
}

/// Reads `"User.id == links.c.user_id"`, `"and_(A.x == B.x, A.y == B.y)"`.
fn in_text(text: &str, what: &str) -> PyResult<Equalities> {
    let bare = text.trim();
    let inside = bare.strip_prefix("and_(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(bare);
    let mut all = Vec::new();
    for part in inside.split([',', '&']).map(str::trim).filter(|part| !part.is_empty()) {
        let part = part.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(part);
        let (one, other) = part.split_once("==").ok_or_else(|| refused(what))?;
        all.push((named_side(one, what)?, named_side(other, what)?));
    }
    if all.is_empty() { Err(refused(what)) } else { Ok(all) }
}

fn named_side(text: &str, what: &str) -> PyResult<Side> {
    let mut text = text.trim();
    // What says which side is which is known already.
    for word in ["foreign(", "remote("] {
        text = text.strip_prefix(word).and_then(|rest| rest.strip_suffix(')')).unwrap_or(text);
    }
    let (of, column) = text.rsplit_once('.').ok_or_else(|| refused(what))?;
    let of = of.strip_suffix(".c").unwrap_or(of);
    let of = of.rsplit('.').next().unwrap_or(of);
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|part| part.is_alphanumeric() || part == '_');
    match is_name(of) && is_name(column) {
        true => Ok(Side::Named(of.to_owned(), column.to_owned())),
        false => Err(refused(what)),
    }
}

fn refused(what: &str) -> PyErr {
    unsupported(
        format!("{what} beyond equalities of columns"),
        "leave it to the foreign keys, and narrow the relation where it is loaded: selectinload(X.ys.and_(..))",
    )
}
