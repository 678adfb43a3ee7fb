//! Levels of writes: those of one level may go in any order, so that they are one flight.

use rustc_hash::FxHashMap;

use super::flush::Assignments;
use super::gather::{Write, late_references};
use super::journal::Action;
use super::order::{Edge, depths};
use super::unit::{stored_fields_of, stored_key_of};
use crate::error::Result;
use crate::host::{Host, ObjectId};
use crate::model::Schema;

/// Levels of DELETEs, children first.
pub(super) fn delete_levels<H: Host>(
    host: &H,
    schema: &Schema,
    deletes: Vec<Write<H>>,
) -> Result<Vec<Vec<Write<H>>>> {
    let mut levels = by_depth(deletes, |writes| delete_edges(host, schema, writes))?;
    levels.reverse();
    Ok(levels)
}

/// Groups by rank, and cyclic ranks by depth.
pub(super) fn by_depth<H: Host>(
    mut writes: Vec<Write<H>>,
    edges: impl Fn(&[Write<H>]) -> Result<Vec<Edge>>,
) -> Result<Vec<Vec<Write<H>>>> {
    writes.sort_by_key(|write| write.model.rank);
    let mut levels = Vec::new();
    let mut rest = writes.into_iter().peekable();
    while let Some(first) = rest.next() {
        let rank = first.model.rank;
        let mut level = vec![first];
        while let Some(next) = rest.next_if(|next| next.model.rank == rank) {
            level.push(next);
        }
        if level.len() == 1 || !level.iter().any(|write| write.model.cyclic) {
            levels.push(level);
            continue;
        }
        let depths = depths(level.len(), &edges(&level)?)?;
        let deepest = depths.iter().copied().max().unwrap_or(0) as usize;
        let mut split: Vec<Vec<Write<H>>> = (0..=deepest).map(|_| Vec::new()).collect();
        for (write, depth) in level.into_iter().zip(depths) {
            split[depth as usize].push(write);
        }
        levels.append(&mut split);
    }
    Ok(levels)
}

/// A child is written after its parent when the parent is new, or gets the key that the child refers to.
pub(super) fn save_edges<H: Host>(
    host: &H,
    writes: &[Write<H>],
    assignments: &Assignments<H>,
) -> Result<Vec<Edge>> {
    let places: FxHashMap<ObjectId, usize> =
        writes.iter().enumerate().map(|(at, write)| (host.id(&write.object), at)).collect();
    let mut edges = Vec::new();
    for (after, write) in writes.iter().enumerate() {
        for assignment in assignments.get(&host.id(&write.object)).into_iter().flatten() {
            let Some(parent) = &assignment.parent else { continue };
            let Some(&before) = places.get(&host.id(parent)) else { continue };
            let gets_key = || -> Result<bool> {
                let changed = host.changed(parent)?;
                Ok(before != after && assignment.from.iter().any(|field| changed.contains(*field)))
            };
            if writes[before].action == Action::Insert || gets_key()? {
                edges.push(Edge { before, after, because: assignment.because.clone() });
            }
        }
    }
    Ok(edges)
}

/// A parent is deleted after the children that refer to it; depth counts from the parent, and levels run downwards.
fn delete_edges<H: Host>(host: &H, schema: &Schema, writes: &[Write<H>]) -> Result<Vec<Edge>> {
    let mut places = FxHashMap::default();
    for (at, write) in writes.iter().enumerate() {
        let key = stored_key_of(host, &write.model, &write.object)?;
        places.insert((write.model.root(), format!("{key:?}")), at);
    }
    let mut edges = Vec::new();
    for (after, write) in writes.iter().enumerate() {
        for reference in &write.model.references {
            if late_references(schema, &write.model).any(|relation| relation.local == reference.fields) {
                continue;
            }
            // As the row has it: what the program has set since is not written.
            let key = stored_fields_of(host, &write.model, &write.object, &reference.fields)?;
            if let Some(before) = places
                .get(&(schema.model(reference.target).root(), format!("{key:?}")))
                .filter(|before| **before != after)
            {
                let because = write.model.place(reference.fields[0]);
                edges.push(Edge { before: *before, after, because });
            }
        }
    }
    Ok(edges)
}
