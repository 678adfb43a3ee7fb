//! What becomes of the version table: a row for each head.

use super::{Direction, Graph};
use crate::model::TableName;
use crate::sql::Dialect;
use crate::sql::ddl::written;

/// A change of the version table. Each touches exactly one row, except [`Clear`](Self::Clear).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// A new head.
    Insert(String),
    /// A head that moves.
    Update {
        /// From this id.
        from: String,
        /// To this one.
        to: String,
    },
    /// A head that is gone.
    Delete(String),
    /// No heads at all, whatever there was.
    Clear,
}

impl Move {
    /// Does it to a list of heads, which is in order.
    pub(super) fn follow(&self, heads: &mut Vec<String>) {
        match self {
            Self::Insert(id) => heads.push(id.clone()),
            Self::Update { from, to } => {
                heads.retain(|head| head != from);
                heads.push(to.clone());
            }
            Self::Delete(id) => heads.retain(|head| head != id),
            Self::Clear => heads.clear(),
        }
        heads.sort();
    }

    /// The statement, without a semicolon.
    pub fn sql(&self, table: &TableName, dialect: &'static Dialect) -> String {
        written(dialect, |out| {
            out.push(match self {
                Self::Insert(_) => "INSERT INTO ",
                Self::Update { .. } => "UPDATE ",
                Self::Delete(_) | Self::Clear => "DELETE FROM ",
            });
            out.table(table);
            match self {
                Self::Insert(id) => {
                    out.push(" (version_num) VALUES (");
                    out.literal(id);
                    out.push(")");
                }
                Self::Update { from, to } => {
                    out.push(" SET version_num = ");
                    out.literal(to);
                    out.push(" WHERE version_num = ");
                    out.literal(from);
                }
                Self::Delete(id) => {
                    out.push(" WHERE version_num = ");
                    out.literal(id);
                }
                Self::Clear => {}
            }
        })
    }
}

/// The heads of a database while revisions run.
pub(super) struct Heads<'a> {
    graph: &'a Graph,
    now: Vec<usize>,
}

impl<'a> Heads<'a> {
    pub(super) fn new(graph: &'a Graph, now: Vec<usize>) -> Self {
        Self { graph, now }
    }

    /// A revision runs.
    pub(super) fn pass(&mut self, revision: usize, direction: Direction) -> Vec<Move> {
        match direction {
            Direction::Up => {
                let followed: Vec<usize> = self.graph.nodes[revision].needs().collect();
                let (gone, kept) = self.now.iter().partition::<Vec<usize>, _>(|head| followed.contains(head));
                self.now = kept;
                self.now.push(revision);
                self.moves(&gone, &[revision])
            }
            Direction::Down => {
                self.now.retain(|head| *head != revision);
                let below: Vec<usize> = self.graph.nodes[revision].needs().collect();
                let covered = self.graph.ancestors(&self.now, true);
                let mut shown: Vec<usize> = self.graph.latest(&below);
                shown.retain(|index| !covered[*index]);
                shown.dedup();
                self.now.extend(&shown);
                self.moves(&[revision], &shown)
            }
        }
    }

    fn moves(&self, gone: &[usize], new: &[usize]) -> Vec<Move> {
        let id = |index: &usize| self.graph.revisions[*index].id.clone();
        replaced(gone.iter().map(id).collect(), new.iter().map(id).collect())
    }
}

/// Pairs of what goes and what comes are updates.
pub(super) fn replaced(gone: Vec<String>, new: Vec<String>) -> Vec<Move> {
    let pairs = gone.len().min(new.len());
    let deleted = gone[pairs..].iter().cloned().map(Move::Delete);
    let updated = gone.iter().zip(&new).map(|(from, to)| Move::Update { from: from.clone(), to: to.clone() });
    let inserted = new[pairs..].iter().cloned().map(Move::Insert);
    deleted.chain(updated).chain(inserted).collect()
}
