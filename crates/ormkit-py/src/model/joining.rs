//! `primaryjoin=` and `secondaryjoin=`: which columns a relation goes by, and what else holds of the objects it leads to.
mod text;

use super::raise::{Mistake, mapping, to_python, unsupported};
use super::registry::{self, with_def};
use crate::attribute::Attribute;
use crate::expr::{Expr, Said};
use crate::fields::{JoinCondition, RelationJoin};
use ormkit_core::model::{ModelId, Pairs, Property, RelationDef, RelationId, Target};
use ormkit_core::query::{CompareOp, Expr as CoreExpr};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One side of an equality.
#[derive(Clone, Debug)]
enum Side {
    /// A column of the class body.
    Own(String),
    /// A column of a class or table that is there, and what is said of it.
    Column(ModelId, String, Said),
    /// `User.id` or `links.c.user_id` in a text: what comes before the column's name, that, and what is said of it.
    Named(String, String, Said),
}

impl Side {
    fn column(&self) -> &str {
        match self {
            Self::Own(column) | Self::Column(_, column, _) | Self::Named(_, column, _) => column,
        }
    }

    fn said(&self) -> Said {
        match self {
            Self::Own(_) => Said::default(),
            Self::Column(_, _, said) | Self::Named(_, _, said) => *said,
        }
    }

    /// True where it is a column of the end that has this name, of its class or table.
    fn is_of(&self, end: &End) -> bool {
        match self {
            Self::Own(_) => end.is_owner,
            Self::Named(of, _, _) => end.names.contains(of),
            Self::Column(model, _, _) => {
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

/// What a condition says.
#[derive(Default)]
struct Parts {
    equal: Vec<(Side, Side)>,
    /// Whatever is no equality of columns.
    rest: Vec<CoreExpr>,
}

/// What both conditions say of a relation.
struct Joined {
    near: Vec<String>,
    far: Vec<String>,
    pairs: Option<Pairs>,
    remote_side: Vec<String>,
    condition: Option<Property>,
}

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

/// Looks at all that wait; answers what is wrong: what a callable raises; a condition that is no equality of columns. Those of
/// classes that were declared again since are left out. They are looked at again by the next call.
pub(super) fn resolve(py: Python<'_>) -> Vec<Mistake> {
    if !IS_WAITING.load(Ordering::Acquire) {
        return Vec::new();
    }
    let waiting = std::mem::take(&mut *WAITING.lock().unwrap_or_else(PoisonError::into_inner));
    let (mut kept, mut mistakes) = (Vec::new(), Vec::new());
    for next in waiting {
        match columns_of(py, &next) {
            Ok(joined) => {
                registry::choose_keys(py, next.model, next.relation, joined.near, joined.far);
                registry::with_relation(py, next.model, next.relation, |def| {
                    def.pairs = joined.pairs;
                    def.remote_side.extend(joined.remote_side);
                    def.condition = joined.condition.map(Arc::new);
                });
            }
            Err(_) if registry::is_replaced(py, next.model) => {}
            Err(error) => {
                mistakes.push(Mistake::of_relation(next.model, next.relation, error));
                kept.push(next);
            }
        }
    }
    IS_WAITING.store(!kept.is_empty(), Ordering::Release);
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).extend(kept);
    mistakes
}

/// What the conditions say.
fn columns_of(py: Python<'_>, waiting: &Waiting) -> PyResult<Joined> {
    let (class, table, relation) = with_def(waiting.model, |def| {
        let relation = def.relations[waiting.relation.index()].clone();
        (def.name.clone(), def.table.name.clone(), relation)
    });
    let place = format!("{class}.{}", relation.name);
    let owner = End { is_owner: true, names: vec![class, table] };
    let names = target_names(&relation);
    let target = End { is_owner: names.iter().any(|name| owner.names.contains(name)), names };
    let mut joined = Joined { near: vec![], far: vec![], pairs: None, remote_side: vec![], condition: None };
    let mut rest = Vec::new();
    for (join, option, end) in
        [(&waiting.primary, "primaryjoin", &owner), (&waiting.secondary, "secondaryjoin", &target)]
    {
        let Some(join) = join else { continue };
        let what = format!("{place}: relationship({option}=..)");
        let mut parts = parts_of(py, join, waiting.model, &what)?;
        if relation.secondary.is_some() {
            let keys = parts.equal.iter().map(|pair| junction_column(pair, end, &what));
            let keys: Vec<String> = keys.collect::<PyResult<_>>()?;
            if option == "primaryjoin" { joined.near = keys } else { joined.far = keys }
        } else {
            take_pairs(&mut joined, &relation, &mut parts, (&owner, &target), &what)?;
        }
        rest.extend(parts.rest.into_iter().map(|part| (part, what.clone())));
    }
    joined.condition = condition(rest, &target)?;
    Ok(joined)
}

/// The columns that a relation without a junction goes by. Which of two is the foreign key is what the tables say, unless
/// it is said.
fn take_pairs(
    joined: &mut Joined,
    relation: &RelationDef,
    parts: &mut Parts,
    (owner, target): (&End, &End),
    what: &str,
) -> PyResult<()> {
    let (mut columns, mut holders) = (Vec::new(), Vec::new());
    let mut is_sided = true;
    for (one, other) in &parts.equal {
        let (own, far) = match are_remote((one, other), relation, (owner, target)) {
            (true, false) => (other, one),
            (false, true) => (one, other),
            _ => {
                is_sided = false;
                (one, other)
            }
        };
        joined.near.extend([own.column().to_owned(), far.column().to_owned()]);
        if far.said().remote {
            joined.remote_side.push(far.column().to_owned());
        }
        let is_named = |side: &Side, end: &End| {
            side.said().foreign || relation.foreign_keys.iter().any(|name| names(name, side, end))
        };
        match (is_named(own, owner), is_named(far, target)) {
            (true, false) => holders.push(true),
            (false, true) => holders.push(false),
            (false, false) => {}
            (true, true) => {
                return Err(mapping(format!(
                    "{what}: both of an equality are foreign, one refers to the other"
                )));
            }
        }
        columns.push((own.column().to_owned(), far.column().to_owned()));
    }
    match holders[..] {
        [own, ..]
            if is_sided && holders.len() == columns.len() && holders.iter().all(|other| *other == own) =>
        {
            joined.pairs = Some(Pairs { columns, own });
        }
        [] => {}
        _ => {
            return Err(unsupported(
                format!(
                    "{what} in which some columns refer to the one end and some to the other, or it is not said which"
                ),
                "mark with foreign(..) the column of each equality that refers, and of a class that refers to itself the \
                 far one with remote(..)",
            ));
        }
    }
    Ok(())
}

/// Which of both is a column of the far end.
fn are_remote(
    (one, other): (&Side, &Side),
    relation: &RelationDef,
    (owner, target): (&End, &End),
) -> (bool, bool) {
    let both = |is_far: &dyn Fn(&Side) -> bool| (is_far(one), is_far(other));
    if !target.is_owner {
        return both(&|side| side.is_of(target) && !side.is_of(owner));
    }
    // Of a class that refers to itself: as is said, and what refers where nothing is, as in SQLAlchemy.
    match () {
        () if one.said().remote || other.said().remote => both(&|side| side.said().remote),
        () if !relation.remote_side.is_empty() => {
            both(&|side| relation.remote_side.iter().any(|name| names(name, side, target)))
        }
        () => both(&|side| side.said().foreign),
    }
}

/// True where `column` or `Model.column` means a side.
fn names(name: &str, side: &Side, end: &End) -> bool {
    let (class, column) = name.rsplit_once('.').unwrap_or(("", name));
    column == side.column()
        && (class.is_empty() || end.names.iter().any(|known| known == class))
        && side.is_of(end)
}

/// What holds of the far end beside the equalities.
fn condition(rest: Vec<(CoreExpr, String)>, target: &End) -> PyResult<Option<Property>> {
    let Some((_, what)) = rest.first() else { return Ok(None) };
    let what = what.clone();
    let mut parts = Vec::with_capacity(rest.len());
    for (part, _) in rest {
        let mut part = part;
        for source in part.read_from() {
            let is_target = with_def(source.model, |def| {
                target.names.contains(&def.name) || target.names.contains(&def.table.name)
            });
            if is_target && (!target.is_owner || Said::of(source).remote) {
                part = part.renamed(source, Property::ROW);
            }
        }
        parts.push(part);
    }
    let whole = CoreExpr::all(parts);
    if let Some(other) = whole.read_from().into_iter().find(|source| *source != Property::ROW) {
        let name = with_def(other.model, |def| def.name.clone());
        let of = &target.names[0];
        return Err(unsupported(
            format!("{what} with a condition on a column of {name}"),
            match target.is_owner {
                true => format!("say which columns are those of the far end: remote({of}.kind) == .."),
                false => format!(
                    "conditions on columns of {of}, and the others where the relation is used: X.ys.any(..)"
                ),
            },
        ));
    }
    Property::new(whole).map(Some).map_err(to_python)
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

fn parts_of(py: Python<'_>, join: &RelationJoin, model: ModelId, what: &str) -> PyResult<Parts> {
    let given = match join {
        RelationJoin::Text(text) => return text::parts(py, text, model, what),
        RelationJoin::Object(object) => object.bind(py).clone(),
        RelationJoin::Callable(callable) => callable.bind(py).call0()?,
    };
    if let Ok(text) = given.cast::<PyString>() {
        return text::parts(py, text.to_str()?, model, what);
    }
    if let Ok(condition) = given.cast::<JoinCondition>() {
        let condition = condition.get();
        let other = condition.other.bind(py).cast::<Attribute>()?.get();
        let own = Side::Own(condition.own.clone());
        let other = Side::Column(other.model(), other.name().to_owned(), Said::default());
        return Ok(Parts { equal: vec![(own, other)], rest: Vec::new() });
    }
    in_object(&given, what)
}

/// The parts of a condition that is made of expressions.
fn in_object(given: &Bound<'_, PyAny>, what: &str) -> PyResult<Parts> {
    let Ok(expr) = given.cast::<Expr>() else {
        return Err(PyTypeError::new_err(format!(
            "{what} takes a condition, a text or a callable that answers one, not {}",
            given.repr()?
        )));
    };
    let mut parts = Parts::default();
    in_expression(&mut parts, expr.get().core()?);
    match parts.equal.is_empty() {
        true => Err(refused(what)),
        false => Ok(parts),
    }
}

fn in_expression(parts: &mut Parts, expr: &CoreExpr) {
    let side = |expr: &CoreExpr| match expr {
        CoreExpr::Column(column) => {
            let model = column.source.model;
            let name = with_def(model, |def| def.fields[column.field.index()].name.clone());
            Some(Side::Column(model, name, Said::of(column.source)))
        }
        _ => None,
    };
    match expr {
        CoreExpr::And(all) => all.iter().for_each(|part| in_expression(parts, part)),
        CoreExpr::Compare(node) if node.op == CompareOp::Eq => match (side(&node.left), side(&node.right)) {
            (Some(one), Some(other)) => parts.equal.push((one, other)),
            _ => parts.rest.push(expr.clone()),
        },
        _ => parts.rest.push(expr.clone()),
    }
}

fn refused(what: &str) -> PyErr {
    unsupported(
        format!("{what} without an equality of columns of both ends"),
        "say by which columns they belong together: and_(A.id == B.a_id, B.kind == ..), in a lambda or a text where a \
         class is not made yet",
    )
}
