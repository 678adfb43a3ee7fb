//! Saying where a database is, without running anything.

use super::moves::replaced;
use super::{Graph, Move};
use crate::error::Result;

impl Graph {
    /// What makes a database with these heads one that is at `targets`: heads in the line of a target are replaced by it,
    /// others stay. `purge`: all rows are taken out first, whatever they say.
    ///
    /// # Errors
    /// `Migration`: a target is not known, or not one place; without `purge`, the database has an id that no revision has.
    pub fn stamp(&self, current: &[String], targets: &[&str], purge: bool) -> Result<Vec<Move>> {
        let now = if purge { Vec::new() } else { self.current(current)? };
        let mut wanted: Vec<usize> = Vec::new();
        let mut gone: Vec<usize> = Vec::new();
        for target in targets {
            let dests = self.several(target)?;
            let line: Vec<usize> = match (&dests[..], target.split_once('@')) {
                ([], Some((branch, _))) => vec![self.branch(branch)?],
                _ => dests.clone(),
            };
            gone.extend(if line.is_empty() { now.clone() } else { self.in_line(&now, &line, true) });
            wanted.extend(dests);
        }
        wanted.sort_unstable();
        wanted.dedup();
        let wanted = self.latest(&wanted);
        let stays = |index: &usize| wanted.contains(index);
        let ids =
            |indexes: Vec<usize>| indexes.into_iter().map(|index| self.revisions[index].id.clone()).collect();
        gone.sort_unstable();
        gone.dedup();
        gone.retain(|index| !stays(index));
        let new: Vec<usize> = wanted.iter().copied().filter(|index| !now.contains(index)).collect();
        let clear = purge.then_some(Move::Clear);
        Ok(clear.into_iter().chain(replaced(ids(gone), ids(new))).collect())
    }
}
