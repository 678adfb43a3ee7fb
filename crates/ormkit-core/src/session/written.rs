//! What the statements of a flush answer: rows with what the database filled in, and how many rows they matched.

use super::group::Group;
use super::identity::KeyIndex;
use super::journal::Action;
use super::unit::{key_of, stored_key_of};
use crate::driver::{Row, RowSink};
use crate::error::{Error, ErrorKind, Result};
use crate::host::{Fill, Host};
use crate::load::RowKey;

/// Takes keys and server defaults back into the objects, and counts rows.
pub(super) struct Written<'a, H: Host> {
    host: &'a H,
    groups: &'a [Group<H>],
    answered: Vec<Answered>,
}

/// Which objects of a group have their row.
enum Answered {
    /// As many, in order.
    Next(usize),
    /// Those marked, found by their keys.
    Keyed(KeyIndex, Vec<bool>),
}

impl<'a, H: Host> Written<'a, H> {
    pub(super) fn new(host: &'a H, groups: &'a [Group<H>]) -> Result<Self> {
        let answered = groups.iter().map(|group| {
            if !group.is_keyed() {
                return Ok(Answered::Next(0));
            }
            let mut index = KeyIndex::with_capacity(group.objects.len());
            for (at, object) in group.objects.iter().enumerate() {
                let key = match group.action {
                    Action::Delete => stored_key_of(host, &group.model, object)?,
                    _ => key_of(host, &group.model, object)?,
                };
                index.insert(key, at as u32)?;
            }
            Ok(Answered::Keyed(index, vec![false; group.objects.len()]))
        });
        Ok(Self { host, groups, answered: answered.collect::<Result<_>>()? })
    }

    /// The objects whose rows are not there, as far as that is known.
    fn stale(&self, statement: usize) -> Vec<String> {
        let group = &self.groups[statement];
        let missing: Vec<&H::Object> = match &self.answered[statement] {
            Answered::Keyed(_, found) => group
                .objects
                .iter()
                .zip(found)
                .filter(|(_, found)| !**found)
                .map(|(object, _)| object)
                .collect(),
            Answered::Next(_) if group.objects.len() == 1 => group.objects.iter().collect(),
            Answered::Next(_) => Vec::new(),
        };
        missing.into_iter().take(10).map(|object| group.shown(self.host, object)).collect()
    }
}

impl<H: Host> RowSink for Written<'_, H> {
    fn row(&mut self, statement: usize, row: &Row<'_>) -> Result<()> {
        let group = &self.groups[statement];
        let at = match &mut self.answered[statement] {
            Answered::Next(next) => {
                *next += 1;
                Some(*next - 1)
            }
            Answered::Keyed(index, found) => {
                let cells: Vec<usize> = (0..group.model.key.len()).collect();
                let at = index.find(&RowKey { row, cells: &cells })?.map(|at| at as usize);
                at.inspect(|at| found[*at] = true)
            }
        };
        let object = at.and_then(|at| group.objects.get(at));
        let (Some(object), Some(layout)) = (object, &group.layout) else {
            return Err(Error::protocol("RETURNING answered more rows than were written"));
        };
        self.host.fill(object, layout, row, Fill::Unchanged)
    }

    fn restart(&mut self, statement: usize) {
        match &mut self.answered[statement] {
            Answered::Next(next) => *next = 0,
            Answered::Keyed(_, found) => found.fill(false),
        }
    }

    fn done(&mut self, statement: usize, affected: u64) -> Result<()> {
        let group = &self.groups[statement];
        let expected = group.objects.len() as u64;
        let action = match group.action {
            Action::Insert => {
                let answered = match &self.answered[statement] {
                    Answered::Next(next) => *next as u64,
                    Answered::Keyed(..) => expected,
                };
                return match group.layout.is_some() && answered != expected {
                    true => Err(Error::protocol("RETURNING answered fewer rows than were written")),
                    false => Ok(()),
                };
            }
            Action::Update => "UPDATE",
            Action::Delete => "DELETE",
        };
        if affected == expected {
            return Ok(());
        }
        let table = group.table.table().to_string();
        let objects = self.stale(statement);
        Err(Error::new(ErrorKind::StaleRow { table, action, expected, matched: affected, objects }))
    }
}
