//! Setting a relation, and carrying a change to the other side.
use super::end::{End, end, end as end_of};
use super::list::{add_raw, index_of, remove_raw, set_members};
use super::missing::reference;
use super::side::{list_of, side_of};
use crate::errors::to_py;
use crate::instance::{self, SlotKind, State};
use ormkit_core::error::Error;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// The user sets a relation: what to store. The other side follows.
///
/// # Errors
/// `TypeError` for an object of another class, or None for a list; `RelationNotLoadedError` for a list that is not
/// loaded, because its members would be lost unseen.
pub(crate) fn assign<'py>(
    object: &Bound<'py, PyAny>,
    slot: usize,
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let end = end(object, slot)?;
    if instance::table_of(object)?.slots[slot].kind == (SlotKind::Relation { many: true }) {
        return assign_many(object, slot, end, value);
    }
    if !value.is_none() {
        end.check(value)?;
    }
    let old = present(object, slot)?;
    if old.as_ref().is_some_and(|old| old.is(value)) {
        return Ok(value.clone());
    }
    if let (Some(back), false) = (&end.back, value.is_none()) {
        instance::validated(value, back.slot(value)?, object)?;
    }
    if let (Some(back), Some(old)) = (&end.back, old.filter(|old| !old.is_none())) {
        instance::left(&old, back.slot(&old)?, object)?;
        leave(&old, back.slot(&old)?, object)?;
    }
    if let (Some(back), false) = (&end.back, value.is_none()) {
        join(value, back.slot(value)?, object)?;
    }
    Ok(value.clone())
}

fn assign_many<'py>(
    object: &Bound<'py, PyAny>,
    slot: usize,
    end: &'static End,
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    if end.is_write_only && !instance::is_new(object)? {
        let text = format!(
            "{} is write-only: what it holds is not known and cannot be replaced; use add(..) and remove(..)",
            end.place
        );
        return Err(to_py(object.py(), Error::invalid_request(text)));
    }
    let list = instance::read(object, slot)?;
    if value.is(&list) {
        return Ok(list);
    }
    if value.is_none() {
        let target = end.target_class.bind(object.py()).name()?;
        return Err(PyTypeError::new_err(format!(
            "{} is a list of {target}: assign a list, not None",
            end.place
        )));
    }
    let members = value.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    if let Some(members_of) = list_of(&list) {
        set_members(&members_of, members)?;
    }
    Ok(list)
}

/// The object in a slot, where that is known without IO and without an error.
fn present<'py>(object: &Bound<'py, PyAny>, slot: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
    match instance::slot(object, slot)? {
        Some(value) => Ok(Some(value)),
        None if instance::state(object)? == State::Transient => Ok(None),
        None => reference(object, end(object, slot)?),
    }
}

/// `member` came into a list or reference of `owner`: its own side says so.
pub(super) fn link(owner: &Bound<'_, PyAny>, end: &End, member: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some(back) = &end.back else { return Ok(()) };
    let slot = back.slot(member)?;
    if back.many {
        return join(member, slot, owner);
    }
    let old = present(member, slot)?;
    if old.as_ref().is_some_and(|old| old.is(owner)) {
        return Ok(());
    }
    if let Some(old) = old.filter(|old| !old.is_none())
        && let Some(back) = &end_of(member, slot)?.back
    {
        leave(&old, back.slot(&old)?, member)?;
    }
    instance::set(member, slot, owner)
}

/// `member` is going to come into a list of `owner` whose other side is a reference or a list: tells of what that changes there.
pub(super) fn tell_coming<'py>(
    owner: &Bound<'py, PyAny>,
    end: &End,
    member: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let Some(back) = &end.back else { return Ok(()) };
    let slot = back.slot(member)?;
    if back.many {
        return instance::heard(member, slot, owner).map(drop);
    }
    if let Some(old) = present(member, slot)?.filter(|old| !old.is_none() && !old.is(owner))
        && let Some(back) = &end_of(member, slot)?.back
    {
        instance::left(&old, back.slot(&old)?, member)?;
    }
    instance::validated(member, slot, owner).map(drop)
}

/// `member` is going to leave a list of `owner`: tells of it, on both sides.
pub(super) fn tell_leaving(
    owner: &Bound<'_, PyAny>,
    slot: usize,
    end: &End,
    member: &Bound<'_, PyAny>,
) -> PyResult<()> {
    instance::left(owner, slot, member)?;
    match &end.back {
        Some(back) => instance::left(member, back.slot(member)?, owner),
        None => Ok(()),
    }
}

/// `member` left a list or reference of `owner`: its own side forgets the owner.
pub(super) fn unlink(owner: &Bound<'_, PyAny>, end: &End, member: &Bound<'_, PyAny>) -> PyResult<()> {
    match &end.back {
        Some(back) => leave(member, back.slot(member)?, owner),
        None => Ok(()),
    }
}

/// Takes `member` out of a relation of `object`, where that is loaded.
pub(crate) fn leave(object: &Bound<'_, PyAny>, slot: usize, member: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some(value) = instance::slot(object, slot)? else { return Ok(()) };
    match list_of(&value) {
        Some(list) => remove_raw(&list, member),
        None if value.is(member) => instance::set(object, slot, object.py().None().bind(object.py())),
        None => Ok(()),
    }
}

/// Puts `member` into a relation of `object`, where that is loaded or a list of a new object.
pub(crate) fn join(object: &Bound<'_, PyAny>, slot: usize, member: &Bound<'_, PyAny>) -> PyResult<()> {
    let known = &instance::table_of(object)?.slots[slot];
    if known.kind != (SlotKind::Relation { many: true }) {
        let old = present(object, slot)?.filter(|old| !old.is_none() && !old.is(member));
        if let (Some(old), Some(back)) = (old, &end(object, slot)?.back) {
            leave(&old, back.slot(&old)?, object)?;
        }
        return instance::set(object, slot, member);
    }
    let value = match instance::slot(object, slot)? {
        Some(value) => value,
        None if known.write_only || instance::is_born(object)? => instance::read(object, slot)?,
        None => return Ok(()),
    };
    let Some(list) = list_of(&value) else { return Ok(()) };
    // A new object can be in no list of another; one that was loaded may be, though its reference was not read.
    let side = side_of(&list);
    let is_linked = side.as_ref().is_some_and(|side| side.get().end.is_linked);
    let is_new = !is_linked && instance::state(member)? == State::Transient;
    if side.is_none() || (!is_new && index_of(&list, member).is_some()) {
        return Ok(());
    }
    add_raw(&list, member)
}
