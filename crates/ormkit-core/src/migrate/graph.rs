//! The graph of revisions, checked once.

use rustc_hash::FxHashMap;

use super::problem::places;
use super::{MigrationProblem, Revision};
use crate::error::Result;

/// Revisions and how they follow one another: no id twice, no gap, no circle.
#[derive(Debug)]
pub struct Graph {
    pub(super) revisions: Vec<Revision>,
    pub(super) nodes: Vec<Node>,
    /// Ids and branch labels.
    pub(super) names: FxHashMap<String, usize>,
}

/// The edges of a revision, as places in the graph.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// `down_revisions`.
    pub(super) down: Vec<usize>,
    /// `depends_on`.
    pub(super) depends: Vec<usize>,
    /// Those that follow it.
    pub(super) next: Vec<usize>,
    /// Those that depend on it.
    pub(super) dependents: Vec<usize>,
    /// Its place in an order in which each comes behind those that it needs, branch after branch.
    pub(super) rank: usize,
    /// Branch labels that hold here.
    pub(super) labels: Vec<String>,
}

impl Node {
    /// What must be there before it.
    pub(super) fn needs(&self) -> impl Iterator<Item = usize> + '_ {
        self.down.iter().chain(&self.depends).copied()
    }

    /// What needs it.
    pub(super) fn needed_by(&self) -> impl Iterator<Item = usize> + '_ {
        self.next.iter().chain(&self.dependents).copied()
    }
}

impl Graph {
    /// Orders revisions.
    ///
    /// # Errors
    /// `Migration`: an id or branch label twice, an id that Alembic does not take, a parent or dependency that is not there,
    /// a circle.
    pub fn new(revisions: Vec<Revision>) -> Result<Self> {
        let names = named(&revisions)?;
        let mut nodes: Vec<Node> = Vec::with_capacity(revisions.len());
        for revision in &revisions {
            nodes.push(Node {
                down: resolved(revision, &revision.down_revisions, "follows", &names)?,
                depends: resolved(revision, &revision.depends_on, "depends on", &names)?,
                ..Node::default()
            });
        }
        for index in 0..nodes.len() {
            for down in nodes[index].down.clone() {
                nodes[down].next.push(index);
            }
            for needed in nodes[index].depends.clone() {
                nodes[needed].dependents.push(index);
            }
        }
        for (rank, index) in ordered(&revisions, &nodes)?.into_iter().enumerate() {
            nodes[index].rank = rank;
        }
        let mut graph = Self { revisions, nodes, names };
        graph.spread_labels();
        Ok(graph)
    }

    /// All revisions, each behind those that it needs.
    pub fn walk(&self) -> Vec<&Revision> {
        self.sorted((0..self.nodes.len()).collect())
    }

    /// The revision of an id.
    pub fn get(&self, id: &str) -> Option<&Revision> {
        self.names.get(id).map(|index| &self.revisions[*index]).filter(|revision| revision.id == id)
    }

    /// Those that nothing follows.
    pub fn heads(&self) -> Vec<&Revision> {
        self.select(|node| node.next.is_empty())
    }

    /// Those that follow nothing.
    pub fn bases(&self) -> Vec<&Revision> {
        self.select(|node| node.down.is_empty())
    }

    /// Those that several follow.
    pub fn branch_points(&self) -> Vec<&Revision> {
        self.select(|node| node.next.len() > 1)
    }

    /// Those that follow a revision.
    pub fn next_of(&self, id: &str) -> Vec<&Revision> {
        let next = self.names.get(id).map(|index| self.nodes[*index].next.clone());
        self.sorted(next.unwrap_or_default())
    }

    /// The branch labels that hold at a revision: its own, and those of the branch that it is in.
    pub fn labels_of(&self, id: &str) -> &[String] {
        self.names.get(id).map_or(&[], |index| &self.nodes[*index].labels)
    }

    fn select(&self, wanted: impl Fn(&Node) -> bool) -> Vec<&Revision> {
        self.sorted((0..self.nodes.len()).filter(|index| wanted(&self.nodes[*index])).collect())
    }

    pub(super) fn sorted(&self, mut indexes: Vec<usize>) -> Vec<&Revision> {
        indexes.sort_by_key(|index| self.nodes[*index].rank);
        indexes.into_iter().map(|index| &self.revisions[index]).collect()
    }

    /// A label holds for all that follow it, and back to where the branch leaves another.
    fn spread_labels(&mut self) {
        for start in 0..self.nodes.len() {
            for label in self.revisions[start].branch_labels.clone() {
                let mut places = self.descendants(&[start], false);
                let mut at = start;
                while let [down] = self.nodes[at].down[..]
                    && self.nodes[down].needed_by().count() == 1
                {
                    places[down] = true;
                    at = down;
                }
                for (node, _) in self.nodes.iter_mut().zip(places).filter(|(_, holds)| *holds) {
                    node.labels.push(label.clone());
                }
            }
        }
    }
}

/// Characters that have a meaning in the words for a place.
const ILLEGAL: [char; 4] = ['@', '-', '+', ':'];

fn named(revisions: &[Revision]) -> Result<FxHashMap<String, usize>> {
    let mut names: FxHashMap<String, usize> = FxHashMap::default();
    for (index, revision) in revisions.iter().enumerate() {
        if revision.id.is_empty() || revision.id.contains(ILLEGAL) {
            let problem =
                format!("{} has an id that is empty or has one of `@ - + :` in it", revision.place());
            let next = "give it another, `revision = …` in its file, and say that where others follow it";
            return Err(MigrationProblem::new(problem).about([revision]).next(next).error());
        }
        if let Some(first) = names.insert(revision.id.clone(), index) {
            let both = [&revisions[first], revision];
            let problem = format!("the id of {} is that of another", places(both));
            let next = "give one of them an id of its own, and say that id where others follow it";
            return Err(MigrationProblem::new(problem).about(both).next(next).error());
        }
    }
    for (index, revision) in revisions.iter().enumerate() {
        for label in &revision.branch_labels {
            if let Some(first) = names.insert(label.clone(), index) {
                let both = [&revisions[first], revision];
                let problem = format!("the branch label `{label}` of {} names something else", places(both));
                return Err(MigrationProblem::new(problem).about(both).next("rename one of them").error());
            }
        }
    }
    Ok(names)
}

fn resolved(
    revision: &Revision,
    ids: &[String],
    verb: &str,
    names: &FxHashMap<String, usize>,
) -> Result<Vec<usize>> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(index) = names.get(id) else {
            let problem = format!("{} {verb} `{id}`, which is in no file", revision.place());
            let next = "put that file back, or say another id there; `ormkit migrate history` lists those that are known";
            return Err(MigrationProblem::new(problem).about([revision]).about_id(id).next(next).error());
        };
        if !found.contains(index) {
            found.push(*index);
        }
    }
    Ok(found)
}

/// Depth first from each revision that nothing needs: a branch is in one piece.
fn ordered(revisions: &[Revision], nodes: &[Node]) -> Result<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; nodes.len()];
    let mut order = Vec::with_capacity(nodes.len());
    let ends = (0..nodes.len()).filter(|index| nodes[*index].needed_by().next().is_none());
    for start in ends.chain(0..nodes.len()) {
        // The way from the start to here, each with how many of its needs have been looked at.
        let mut path: Vec<(usize, usize)> = Vec::new();
        if marks[start] == Mark::New {
            marks[start] = Mark::Open;
            path.push((start, 0));
        }
        while let Some((at, looked)) = path.last_mut() {
            let Some(need) = nodes[*at].needs().nth(*looked) else {
                marks[*at] = Mark::Done;
                order.push(*at);
                path.pop();
                continue;
            };
            *looked += 1;
            match marks[need] {
                Mark::New => {
                    marks[need] = Mark::Open;
                    path.push((need, 0));
                }
                Mark::Open => {
                    let circle = path.iter().skip_while(|(at, _)| *at != need);
                    let circle: Vec<&Revision> = circle.map(|(at, _)| &revisions[*at]).collect();
                    let problem =
                        format!("{} follow one another in a circle", places(circle.iter().copied()));
                    let next = "change `down_revision` or `depends_on` in one of them";
                    return Err(MigrationProblem::new(problem).about(circle).next(next).error());
                }
                Mark::Done => {}
            }
        }
    }
    Ok(order)
}
