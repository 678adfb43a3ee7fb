//! Lists that are never loaded: objects are added and taken out unseen, statements do the rest.
use super::assign::{tell_leaving, unlink};
use super::change::Change;
use super::list::{collect, index_of, list, splice};
use super::side::{Side, added, list_of, side_of};
use crate::elsewhere;
use crate::errors::to_py;
use crate::expr::of_owner;
use crate::instance::{self, State};
use crate::model::schema;
use crate::query::{Delete, Insert, Select, Update};
use ormkit_core::error::Error;
use ormkit_core::model::{Relation, RelationId, RelationKind};
use ormkit_core::query::{
    Delete as CoreDelete, Expr as CoreExpr, Insert as CoreInsert, Order, Select as CoreSelect, Source,
    Update as CoreUpdate,
};
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

/// The objects of a relation that is never loaded. `select()` reads them; what is added and removed is written by the next
/// flush.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct WriteOnlyCollection {
    /// What came, and in its tie what went.
    kept: Py<PyList>,
}

/// A write-only list in a slot of `owner`, to which `members` came.
///
/// # Errors
/// Every mistake in the references between models, when they are resolved for the first time.
pub(crate) fn write_only<'py>(
    owner: &Bound<'py, PyAny>,
    slot: usize,
    members: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let kept = list(owner, slot, &mut std::iter::empty(), false)?.cast_into::<PyList>()?;
    let side = Side::tie(&kept)?;
    for member in members.try_iter()? {
        side.get().begin(&kept);
        kept.append(member?)?;
    }
    Ok(Bound::new(owner.py(), WriteOnlyCollection { kept: kept.unbind() })?.into_any())
}

/// The members that came to a write-only list: what copies and pickles keep of it.
pub(crate) fn write_only_members<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    Ok(PyList::new(value.py(), added(value))?.into_any())
}

impl WriteOnlyCollection {
    /// What it keeps.
    pub(super) fn kept<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, PyList> {
        self.kept.bind(py)
    }

    /// The list that its owner has now, which is another one after a rollback.
    fn current<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyList>, Bound<'py, Side>)> {
        let side = Side::tie(self.kept(py))?;
        let known = side.get();
        let now = instance::read(known.owner.bind(py), known.slot)?;
        match list_of(&now) {
            Some(list) if !list.is(self.kept(py)) => Ok((list.clone(), Side::tie(&list)?)),
            _ => Ok((self.kept(py).clone(), side)),
        }
    }

    /// `User.posts`.
    fn place(&self, py: Python<'_>) -> String {
        side_of(self.kept(py)).map_or_else(|| "a write-only list".into(), |side| side.get().end.place.clone())
    }

    fn unknown(&self, py: Python<'_>, what: &str) -> PyErr {
        let place = self.place(py);
        let attribute = place.rsplit('.').next().unwrap_or_default();
        PyTypeError::new_err(format!(
            "{place} is write-only and never loaded: it {what}; read it by await session.scalars(it.{attribute}.select())"
        ))
    }

    /// What `made` makes of the relation and the condition that a related row meets.
    fn statement<T>(
        &self,
        py: Python<'_>,
        made: impl FnOnce(&Relation, CoreExpr) -> PyResult<T>,
    ) -> PyResult<T> {
        let side = Side::tie(self.kept(py))?;
        let (owner, slot) = (side.get().owner.bind(py), side.get().slot);
        let (schema, table) = (schema(py)?, instance::table_of(owner)?);
        let id = RelationId((slot - table.columns) as u16);
        let relation = schema.model(table.model).relation(id);
        let condition = of_owner(&schema, owner, table.model, relation, Source::plain(relation.target))?;
        made(relation, condition)
    }
}

impl Side {
    /// The tie of a list that has one.
    fn tie<'py>(list: &Bound<'py, PyList>) -> PyResult<Bound<'py, Self>> {
        side_of(list).ok_or_else(|| PyTypeError::new_err("this list belongs to no object"))
    }

    /// True where the row of `member` may say that it is of this list.
    fn may_hold(&self, member: &Bound<'_, PyAny>) -> PyResult<bool> {
        let owner = self.owner.bind(member.py());
        if instance::is_new(owner)? || instance::state(member)? == State::Transient {
            return Ok(false);
        }
        if let Some(back) = &self.end.back
            && let Some(other) = instance::slot(member, back.slot(member)?)?
        {
            return Ok(match other.cast::<PyList>() {
                Ok(others) => index_of(others, owner).is_some(),
                Err(_) => other.is(owner) || other.is_instance_of::<WriteOnlyCollection>(),
            });
        }
        let value = |object: &Bound<'_, PyAny>, name: &str| match instance::table_of(object)?.position(name) {
            Some(slot) => Ok::<_, PyErr>(instance::slot(object, slot)?.map(Bound::unbind)),
            None => Ok(None),
        };
        for (own, other) in &self.end.pairs {
            if let (Some(own), Some(other)) = (value(owner, own)?, value(member, other)?)
                && !own.bind(member.py()).eq(other)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Takes an object out of a list that need not know it; false where it is no member.
fn take_out(list: &Bound<'_, PyList>, side: &Side, object: &Bound<'_, PyAny>) -> PyResult<bool> {
    side.end.check(object)?;
    if let Some(at) = index_of(list, object) {
        return splice(list, at, at + 1, Vec::new()).map(|_| true);
    }
    if let Some(back) = side.end.back.as_ref().filter(|back| !back.many) {
        // Where its key says whom it refers to, its reference is known: it is set to None below.
        drop(instance::read(object, back.slot(object)?));
    }
    if !side.may_hold(object)? {
        return Ok(false);
    }
    let owner = side.owner.bind(list.py());
    tell_leaving(owner, side.slot, side.end, object)?;
    side.touch(list)?;
    side.let_go(object);
    unlink(owner, side.end, object)?;
    Ok(true)
}

#[pymethods]
impl WriteOnlyCollection {
    /// Add objects. Await the answer to write at once.
    #[pyo3(signature = (*objects))]
    fn add(&self, objects: &Bound<'_, PyTuple>) -> PyResult<Change> {
        self.add_all(objects.as_any())
    }

    /// Add the objects of a list or another iterable. Await the answer to write at once.
    fn add_all(&self, objects: &Bound<'_, PyAny>) -> PyResult<Change> {
        let (list, side) = self.current(objects.py())?;
        let mut new: Vec<Bound<'_, PyAny>> = Vec::new();
        for object in collect(objects)? {
            if index_of(&list, &object).is_none() && !new.iter().any(|other| other.is(&object)) {
                new.push(object);
            }
        }
        Ok(Change::new(Some(side.get()), splice(&list, list.len(), list.len(), new)?, list.py()))
    }

    /// Take objects out; one that is known to be no member changes nothing. Await the answer to write at once.
    #[pyo3(signature = (*objects))]
    fn remove(&self, objects: &Bound<'_, PyTuple>) -> PyResult<Change> {
        let (list, side) = self.current(objects.py())?;
        let mut gone = Vec::new();
        for object in objects.iter() {
            if take_out(&list, side.get(), &object)? {
                gone.push(object);
            }
        }
        Ok(Change::new(Some(side.get()), gone, list.py()))
    }

    /// A SELECT of the related objects, in the order that the relation says.
    ///
    /// Raises:
    ///     TypeError: The object has no key yet: it is not flushed.
    fn select(&self, py: Python<'_>) -> PyResult<Select> {
        self.statement(py, |relation, condition| {
            let target = Source::plain(relation.target);
            let mut select = CoreSelect::entity(relation.target).filter(condition);
            let order = relation.order_by.iter().map(|(field, descending)| Order {
                expr: CoreExpr::column(target, *field),
                descending: *descending,
                nulls: None,
            });
            select.order_by = order.collect();
            Ok(Select::new(select))
        })
    }

    /// An INSERT of related rows: their foreign key is given, the rest is `values(..)` or rows for `execute`.
    ///
    /// Raises:
    ///     TypeError: The object has no key yet: it is not flushed.
    ///     InvalidRequestError: A junction links the rows: insert them, then `add_all(..)`.
    fn insert(&self, py: Python<'_>) -> PyResult<Insert> {
        let side = Side::tie(self.kept(py))?;
        let place = self.place(py);
        self.statement(py, |relation, _| {
            if relation.kind != RelationKind::OneToMany {
                let text = format!(
                    "{place}.insert(): rows that a junction links are inserted by themselves: insert(..).returning(..) of \
                     the class, then add_all(..) of what it answers"
                );
                return Err(to_py(py, Error::invalid_request(text)));
            }
            let owner = side.get().owner.bind(py);
            let schema = schema(py)?;
            let model = schema.model(instance::table_of(owner)?.model);
            let keys = crate::expr::key_of_owner(model, owner, &relation.local)?;
            let fixed = relation.remote.iter().copied().zip(keys).collect();
            Ok(Insert::with_fixed(CoreInsert::new(relation.target), fixed))
        })
    }

    /// An UPDATE of the related rows.
    ///
    /// Raises:
    ///     TypeError: The object has no key yet: it is not flushed.
    fn update(&self, py: Python<'_>) -> PyResult<Update> {
        self.statement(py, |relation, condition| {
            let mut core = CoreUpdate::new(relation.target, Vec::new());
            core.filter.push(condition);
            Ok(Update::of_core(core))
        })
    }

    /// A DELETE of the related rows.
    ///
    /// Raises:
    ///     TypeError: The object has no key yet: it is not flushed.
    fn delete(&self, py: Python<'_>) -> PyResult<Delete> {
        self.statement(py, |relation, condition| {
            let mut core = CoreDelete::new(relation.target);
            core.filter.push(condition);
            Ok(Delete::of_core(core))
        })
    }

    fn __iter__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Err(self.unknown(py, "cannot be iterated"))
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Err(self.unknown(py, "has no known length"))
    }

    fn __bool__(&self, py: Python<'_>) -> PyResult<bool> {
        Err(self.unknown(py, "does not know whether it is empty"))
    }

    fn __getitem__(&self, py: Python<'_>, index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let _ = index;
        Err(self.unknown(py, "has no known members"))
    }

    fn __contains__(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<bool> {
        let _ = object;
        Err(self.unknown(py, "has no known members"))
    }

    fn __getattr__(&self, py: Python<'_>, name: &str) -> PyResult<Py<PyAny>> {
        let place = self.place(py);
        let hint = elsewhere::instead(WORDS, name, &place)
            .map_or_else(String::new, |instead| format!(": {place} is write-only, write {instead}"));
        let text = format!("'WriteOnlyCollection' object has no attribute '{name}'{hint}");
        Err(PyAttributeError::new_err(text))
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<WriteOnlyCollection {}>", self.place(py))
    }

    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        visit.call(&self.kept)
    }
}

/// Words of lists and of dynamic relations.
const WORDS: elsewhere::Words = &[
    ("append", "add(object)"),
    ("extend", "add_all([..])"),
    ("set", "add_all([..]) and remove(..)"),
    ("clear", "await session.execute(it.delete()), or update() with a NULL key"),
    ("all", "(await session.scalars(it.select())).all()"),
    ("filter", "it.select().where(..)"),
    ("filter_by", "it.select().filter_by(..)"),
    ("order_by", "it.select().order_by(..)"),
    ("limit", "it.select().limit(..)"),
    ("count", "await session.scalar(select(func.count()).select_from(it.select().subquery()))"),
    ("first", "(await session.scalars(it.select().limit(1))).first()"),
];
