//! Which revisions run, in which order.

use super::moves::Heads;
use super::problem::places;
use super::target::{Place, Relative};
use super::{Graph, MigrationProblem, Move, Revision};
use crate::error::Result;

/// Up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `upgrade`.
    Up,
    /// `downgrade`.
    Down,
}

/// A revision that runs.
#[derive(Clone, Debug)]
pub struct Step {
    /// The revision.
    pub revision: Revision,
    /// Which of its functions.
    pub direction: Direction,
    /// What becomes of the version table then.
    pub moves: Vec<Move>,
}

impl Graph {
    /// The places of a database's heads.
    ///
    /// # Errors
    /// `Migration`: it has an id that no revision has.
    pub(super) fn current(&self, current: &[String]) -> Result<Vec<usize>> {
        current
            .iter()
            .map(|id| {
                let known = self.names.get(id).filter(|index| self.revisions[**index].id == *id);
                known.copied().ok_or_else(|| {
                    MigrationProblem::new(format!("the database is at revision `{id}`, which is in no file"))
                        .about_id(id)
                        .next("put that file back, or say where the database is: `ormkit migrate stamp --purge <revision>`")
                        .error()
                })
            })
            .collect()
    }

    /// What leads up to `target` from a database with these heads; nothing where it is there already.
    ///
    /// # Errors
    /// `Migration`: the target is not known, is not one place, or is not above; the database has an id that no revision has.
    pub fn upgrade(&self, current: &[String], target: &str) -> Result<Vec<Step>> {
        let now = self.current(current)?;
        let targets = self.upgrade_target(&now, target)?;
        let (wanted, there) = (self.ancestors(&targets, true), self.ancestors(&now, true));
        let missing: Vec<usize> =
            (0..self.nodes.len()).filter(|index| wanted[*index] && !there[*index]).collect();
        Ok(self.steps(now, missing, Direction::Up))
    }

    pub(super) fn upgrade_target(&self, now: &[usize], target: &str) -> Result<Vec<usize>> {
        let Some(relative) = Relative::parse(target) else { return self.several(target) };
        let start = match relative.from {
            Some(from) => {
                let from = match relative.branch {
                    Some(branch) if relative.steps < 0 => self.one(&format!("{branch}@{from}"))?,
                    _ => self.one(from)?,
                };
                from.map_or(Place::Base, Place::At)
            }
            None if relative.steps <= 0 => {
                let problem = format!("`{target}` leads down");
                return Err(MigrationProblem::new(problem)
                    .next(format!("`ormkit migrate down -- {target}`"))
                    .error());
            }
            None => self.start(now, relative.branch)?,
        };
        let branch = relative.branch.filter(|_| relative.steps > 0);
        match self.step(start, relative.steps, branch)? {
            Some(Place::At(index)) => Ok(vec![index]),
            Some(Place::Base) => Ok(Vec::new()),
            None => Err(relative.too_far()),
        }
    }

    /// Where the database is on a branch, or at all.
    fn start(&self, now: &[usize], branch: Option<&str>) -> Result<Place> {
        let mut starts = now.to_vec();
        if let Some(branch) = branch {
            let line = [self.branch(branch)?];
            starts = self.in_line(now, &line, false);
            if starts.is_empty() {
                let there = self.ancestors(now, true);
                let there: Vec<usize> = (0..self.nodes.len()).filter(|index| there[*index]).collect();
                starts = self.latest(&self.in_line(&there, &line, false));
            }
        }
        match starts[..] {
            [] => Ok(Place::Base),
            [one] => Ok(Place::At(one)),
            _ => Err(self.many_starts(&starts)),
        }
    }

    fn many_starts(&self, starts: &[usize]) -> crate::error::Error {
        let starts = || starts.iter().map(|index| &self.revisions[*index]);
        let problem = format!("the database is at several revisions, {}", places(starts()));
        let next = "name the revision to go to, or the branch before an `@`";
        MigrationProblem::new(problem).about(starts()).next(next).error()
    }

    /// What leads down to `target` from a database with these heads; nothing where it is there already.
    ///
    /// # Errors
    /// As [`upgrade`](Self::upgrade).
    pub fn downgrade(&self, current: &[String], target: &str) -> Result<Vec<Step>> {
        let now = self.current(current)?;
        let (branch, place) = self.downgrade_target(&now, target)?;
        let mut roots = match place {
            Place::Base => (0..self.nodes.len()).filter(|index| self.nodes[*index].down.is_empty()).collect(),
            Place::At(index) => self.nodes[index].next.clone(),
        };
        if let Some(branch) = branch
            && roots.len() > 1
        {
            let line = self.ancestors(&[branch], false);
            roots.retain(|index| line[*index]);
            if roots.is_empty() {
                return Err(
                    MigrationProblem::new(format!("`{target}` is not below where the database is")).error()
                );
            }
        }
        let (above, there) = (self.descendants(&roots, true), self.ancestors(&now, true));
        let dropped: Vec<usize> =
            (0..self.nodes.len()).filter(|index| above[*index] && there[*index]).collect();
        if let Place::At(index) = place
            && dropped.is_empty()
            && !now.contains(&index)
        {
            let revision = &self.revisions[index];
            let problem = format!("{} is not below where the database is", revision.place());
            let next = "`ormkit migrate current` says where that is";
            return Err(MigrationProblem::new(problem).about([revision]).next(next).error());
        }
        Ok(self.steps(now, dropped, Direction::Down))
    }

    fn downgrade_target(&self, now: &[usize], target: &str) -> Result<(Option<usize>, Place)> {
        let Some(relative) = Relative::parse(target) else {
            let (branch, word) = match target.rsplit_once('@') {
                Some((branch, word)) => (Some(self.branch(branch)?), word),
                None => (None, target),
            };
            return Ok((branch, self.one(word)?.map_or(Place::Base, Place::At)));
        };
        let mut branch = relative.branch.map(|branch| self.branch(branch)).transpose()?;
        let start = match (relative.from, relative.steps < 0) {
            (None, false) => {
                let problem = format!("`{target}` leads up");
                return Err(MigrationProblem::new(problem)
                    .next(format!("`ormkit migrate up {target}`"))
                    .error());
            }
            (Some(from), false) => self.one(from)?,
            (Some(from), true) => match relative.branch {
                Some(branch) => self.one(&format!("{branch}@{from}"))?,
                None => self.one(from)?,
            },
            (None, true) => {
                let at = self.top(now, branch)?;
                branch = branch.or(at);
                at
            }
        };
        let start = start.map_or(Place::Base, Place::At);
        let words = relative.branch.filter(|_| relative.steps > 0);
        let place = self.step(start, relative.steps, words)?.ok_or_else(|| relative.too_far())?;
        Ok((branch, place))
    }

    /// The head that is counted down from.
    fn top(&self, now: &[usize], branch: Option<usize>) -> Result<Option<usize>> {
        let mut tops = now.to_vec();
        if let Some(branch) = branch {
            tops = self.in_line(now, &[branch], false);
            if tops.is_empty() {
                let there = self.ancestors(now, true);
                let there: Vec<usize> = (0..self.nodes.len()).filter(|index| there[*index]).collect();
                let line = self.in_line(&there, &[branch], false);
                tops = line
                    .iter()
                    .copied()
                    .filter(|index| {
                        let after = self.descendants(&self.nodes[*index].next, false);
                        !line.iter().any(|other| after[*other])
                    })
                    .collect();
            }
        }
        match tops[..] {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => Err(self.many_starts(&tops)),
        }
    }

    fn steps(&self, now: Vec<usize>, mut revisions: Vec<usize>, direction: Direction) -> Vec<Step> {
        revisions.sort_by_key(|index| self.nodes[*index].rank);
        if direction == Direction::Down {
            revisions.reverse();
        }
        let mut heads = Heads::new(self, now);
        revisions
            .into_iter()
            .map(|index| Step {
                revision: self.revisions[index].clone(),
                direction,
                moves: heads.pass(index, direction),
            })
            .collect()
    }

    /// The steps of these revisions, from a database with these heads.
    pub(super) fn replan(
        &self,
        current: &[String],
        ids: &[String],
        direction: Direction,
    ) -> Result<Vec<Step>> {
        let revisions = ids.iter().map(|id| self.named(id, None)).collect::<Result<_>>()?;
        Ok(self.steps(self.current(current)?, revisions, direction))
    }

    /// What becomes of the version table when one revision runs on a database with these heads, whatever else there is to run.
    ///
    /// # Errors
    /// `Migration`: the revision is not known, or has run already or not yet; the database has an id that no revision has.
    pub fn single(&self, current: &[String], id: &str, direction: Direction) -> Result<Step> {
        let now = self.current(current)?;
        let index = self.named(id, None)?;
        let there = self.ancestors(&now, true);
        let revision = self.revisions[index].clone();
        let refused = match direction {
            Direction::Up if there[index] => Some("has run already"),
            Direction::Up if !self.nodes[index].needs().all(|need| there[need]) => {
                Some("needs revisions that have not run yet")
            }
            Direction::Down if !now.contains(&index) => Some("is not where the database is"),
            _ => None,
        };
        if let Some(why) = refused {
            let problem = format!("{} {why}", revision.place());
            let next = "`ormkit migrate status` says where the database is";
            return Err(MigrationProblem::new(problem).about([&revision]).next(next).error());
        }
        let moves = Heads::new(self, now).pass(index, direction);
        Ok(Step { revision, direction, moves })
    }

    /// Those that a database with these heads has run, in the order of [`walk`](Self::walk).
    ///
    /// # Errors
    /// `Migration`: the database has an id that no revision has.
    pub fn applied(&self, current: &[String]) -> Result<Vec<&Revision>> {
        let there = self.ancestors(&self.current(current)?, true);
        Ok(self.sorted((0..self.nodes.len()).filter(|index| there[*index]).collect()))
    }
}
