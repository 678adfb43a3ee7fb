//! A piece of the history: `a:b`.

use super::target::{Place, Relative};
use super::{Graph, MigrationProblem, Revision};
use crate::error::Result;

impl Graph {
    /// The revisions of a word (see [`upgrade`](Self::upgrade)), and `current` for those of a database with these heads.
    ///
    /// # Errors
    /// `Migration`: there is none, or there are several where the word is for one.
    pub fn find(&self, text: &str, current: &[String]) -> Result<Vec<&Revision>> {
        Ok(self.sorted(self.ends(text, current)?))
    }

    fn ends(&self, text: &str, current: &[String]) -> Result<Vec<usize>> {
        match text {
            "current" => self.current(current),
            text if Relative::parse(text).is_some() => self.upgrade_target(&self.current(current)?, text),
            text => self.several(text),
        }
    }

    /// The revisions from one to another, both included, the later ones first. An empty end is `base` or `heads`; a relative
    /// one counts from the other end: `-3:` are the last three and the one before, `ae10:+2` the two behind `ae10`.
    ///
    /// # Errors
    /// As [`find`](Self::find); the range is not in one line.
    pub fn range(&self, text: &str, current: &[String]) -> Result<Vec<&Revision>> {
        let Some((lower, upper)) = text.split_once(':') else {
            let problem = format!("`{text}` is no range");
            return Err(MigrationProblem::new(problem).next("say `-r <first>:<last>`").error());
        };
        let upper = if upper.is_empty() { "heads" } else { upper };
        let (low, high) = match (counts(lower, '-'), counts(upper, '+')) {
            (Some(relative), _) => {
                let high = self.ends(upper, current)?;
                let mut low = Vec::new();
                for index in &high {
                    // Behind the end it is all of them.
                    if let Some(Place::At(index)) = self.step(Place::At(*index), relative.steps, None)? {
                        low.push(index);
                    }
                }
                (low, high)
            }
            (None, Some(relative)) => {
                let low = if lower.is_empty() { Vec::new() } else { self.ends(lower, current)? };
                let start = match low[..] {
                    [] => Place::Base,
                    [one] => Place::At(one),
                    _ => return Err(self.many_heads(&low, lower)),
                };
                match self.step(start, relative.steps, relative.branch)? {
                    Some(Place::At(index)) => (low, vec![index]),
                    _ => return Err(relative.too_far()),
                }
            }
            (None, None) => {
                let low = if lower.is_empty() { Vec::new() } else { self.ends(lower, current)? };
                (low, self.ends(upper, current)?)
            }
        };
        let needed = self.ancestors(&high, true);
        if let Some(beside) = low.iter().find(|index| !needed[**index]) {
            let revision = &self.revisions[*beside];
            let problem = format!("{} does not come before `{upper}`", revision.place());
            return Err(MigrationProblem::new(problem).about([revision]).error());
        }
        let after = self.descendants(&low, false);
        let within = |index: &usize| needed[*index] && (low.is_empty() || after[*index]);
        let mut found = self.sorted((0..self.nodes.len()).filter(within).collect());
        found.reverse();
        Ok(found)
    }
}

/// An end that is counted from the other.
fn counts(text: &str, sign: char) -> Option<Relative<'_>> {
    Relative::parse(text).filter(|relative| relative.from.is_none() && text.contains(sign))
}
