//! The words for a place in the graph, as Alembic understands them: `head`, `heads`, `base`, an id, the beginning of one (four
//! characters at least), a branch label; `+2`, `-1`, `ae10+1`; each of them on a branch, `label@head`, `label@+1`.

use super::problem::places;
use super::{Graph, MigrationProblem};
use crate::error::{Error, Result};

/// A place that is counted from another.
pub(super) struct Relative<'a> {
    pub(super) branch: Option<&'a str>,
    pub(super) from: Option<&'a str>,
    /// Not 0 as a rule; below 0 downwards.
    pub(super) steps: i64,
    pub(super) text: &'a str,
}

impl<'a> Relative<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (branch, rest) = match text.split_once('@') {
            Some((branch, rest)) if !branch.is_empty() => (Some(branch), rest),
            _ => (None, text),
        };
        let sign = rest.find(['+', '-'])?;
        let digits = &rest[sign + 1..];
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let steps = rest[sign..].parse().ok()?;
        Some(Self { branch, from: Some(&rest[..sign]).filter(|from| !from.is_empty()), steps, text })
    }

    pub(super) fn too_far(&self) -> Error {
        let problem = format!("`{}` leads out of the revisions: there are not as many", self.text);
        MigrationProblem::new(problem).next("`ormkit migrate history` lists them").error()
    }
}

/// Where a walk has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Before all revisions.
    Base,
    /// At a revision.
    At(usize),
}

impl Graph {
    /// The one revision that a word means; None for `base`, and for `head` where there are no revisions.
    ///
    /// # Errors
    /// `Migration`: there is none, or there are several.
    pub(super) fn one(&self, text: &str) -> Result<Option<usize>> {
        let found = self.several(text)?;
        match found[..] {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => Err(self.many_heads(&found, text)),
        }
    }

    /// The revisions that a word means; none for `base`.
    pub(super) fn several(&self, text: &str) -> Result<Vec<usize>> {
        let (branch, word) = match text.split_once('@') {
            Some((branch, word)) => (Some(branch), word),
            None => (None, text),
        };
        match word {
            "base" => branch.map_or(Ok(Vec::new()), |branch| self.branch(branch).map(|_| Vec::new())),
            "heads" | "head" => {
                let real = word == "heads" && branch.is_none();
                let heads: Vec<usize> = (0..self.nodes.len())
                    .filter(|index| self.nodes[*index].next.is_empty())
                    .filter(|index| !real || self.nodes[*index].dependents.is_empty())
                    .collect();
                let heads = match branch {
                    Some(branch) => self.in_line(&heads, &[self.branch(branch)?], false),
                    None => heads,
                };
                if word == "head" && heads.len() > 1 {
                    return Err(self.many_heads(&heads, text));
                }
                Ok(heads)
            }
            word => Ok(vec![self.named(word, branch)?]),
        }
    }

    /// A branch by its label, or by a revision on it.
    pub(super) fn branch(&self, label: &str) -> Result<usize> {
        self.named(label, None).map_err(|_| {
            MigrationProblem::new(format!("there is no branch `{label}`"))
                .about_id(label)
                .next("`ormkit migrate history` shows each revision with its branches")
                .error()
        })
    }

    /// A revision by its id or the beginning of it, or by a branch label.
    pub(super) fn named(&self, word: &str, branch: Option<&str>) -> Result<usize> {
        let line = branch.map(|branch| self.branch(branch)).transpose()?;
        let index = match self.names.get(word) {
            Some(index) => *index,
            None => self.beginning_with(word, line)?,
        };
        if let (Some(line), Some(branch)) = (line, branch)
            && self.in_line(&[index], &[line], false).is_empty()
        {
            let revision = &self.revisions[index];
            let problem = format!("{} is not on the branch `{branch}`", revision.place());
            return Err(MigrationProblem::new(problem).about([revision]).error());
        }
        Ok(index)
    }

    fn beginning_with(&self, word: &str, line: Option<usize>) -> Result<usize> {
        let fits = |name: &str| name.len() > 3 && !word.is_empty() && name.starts_with(word);
        let mut found: Vec<usize> =
            self.names.iter().filter(|(name, _)| fits(name)).map(|(_, index)| *index).collect();
        if let Some(line) = line {
            found = self.in_line(&found, &[line], false);
        }
        found.sort_by_key(|index| self.nodes[*index].rank);
        match found[..] {
            [one] => Ok(one),
            [] => {
                let problem = format!("there is no revision or branch `{word}`");
                let known = "`ormkit migrate history` lists them";
                Err(MigrationProblem::new(problem).about_id(word).next(known).error())
            }
            _ => {
                let found = || found.iter().map(|index| &self.revisions[*index]);
                let problem = format!("`{word}` may be {}", places(found()));
                Err(MigrationProblem::new(problem).about(found()).next("type more of the id").error())
            }
        }
    }

    pub(super) fn many_heads(&self, heads: &[usize], word: &str) -> Error {
        let heads = || heads.iter().map(|index| &self.revisions[*index]);
        let problem =
            format!("`{word}` is one revision, and there are {}: {}", heads().count(), places(heads()));
        let next = "`ormkit migrate merge heads -m \"merge\"` joins them, `ormkit migrate up heads` runs all of them";
        MigrationProblem::new(problem).about(heads()).next(next).error()
    }

    /// Walks from a place; None where the graph ends before.
    ///
    /// # Errors
    /// `Migration`: it branches on the way.
    pub(super) fn step(&self, start: Place, steps: i64, branch: Option<&str>) -> Result<Option<Place>> {
        let mut at = start;
        for _ in 0..steps.unsigned_abs() {
            let onward: Vec<usize> = if steps > 0 {
                let up: Vec<usize> = match at {
                    Place::Base => {
                        (0..self.nodes.len()).filter(|index| self.nodes[*index].down.is_empty()).collect()
                    }
                    Place::At(index) => self.nodes[index].next.clone(),
                };
                match branch {
                    Some(branch) => self.in_line(&up, &[self.branch(branch)?], false),
                    None => up,
                }
            } else {
                match at {
                    Place::Base => return Ok(None),
                    Place::At(index) => self.nodes[index].down.clone(),
                }
            };
            at = match onward[..] {
                [] if steps > 0 => return Ok(None),
                [] => Place::Base,
                [one] => Place::At(one),
                _ => {
                    let ways = || onward.iter().map(|index| &self.revisions[*index]);
                    let problem = format!("the way branches into {}", places(ways()));
                    let next = "name the revision, or the branch before an `@`";
                    return Err(MigrationProblem::new(problem).about(ways()).next(next).error());
                }
            };
        }
        Ok(Some(at))
    }
}
