//! `RevisionGraph`.

use std::sync::Arc;

use ormkit_core::migrate::{Graph, Move, Revision, Step};
use pyo3::prelude::*;

use crate::session::raise;

/// Id, `down_revision`, `branch_labels`, `depends_on`, message, file.
type Head = (String, Vec<String>, Vec<String>, Vec<String>, String, Option<String>);

/// A row that goes, and one that comes; neither: all rows go.
pub(super) type Moved = (Option<String>, Option<String>);

/// An id and what becomes of the version table when it has run.
type Planned = (String, Vec<Moved>);

/// Revisions and how they follow one another, as Alembic understands them.
///
/// Raises:
///     MigrationError: An id is there twice, a parent is missing, they go round in a circle.
#[pyclass(frozen, module = "ormkit.migrations")]
pub(crate) struct RevisionGraph {
    pub(super) graph: Arc<Graph>,
}

#[pymethods]
impl RevisionGraph {
    #[new]
    fn new(revisions: Vec<Head>) -> PyResult<Self> {
        let heads =
            revisions.into_iter().map(|(id, down_revisions, branch_labels, depends_on, message, file)| {
                Revision { id, down_revisions, branch_labels, depends_on, message, file }
            });
        Ok(Self { graph: Arc::new(Graph::new(heads.collect()).map_err(raise)?) })
    }

    /// All ids, each behind those that it needs.
    fn walk(&self) -> Vec<String> {
        ids(self.graph.walk())
    }

    /// Those that nothing follows.
    fn heads(&self) -> Vec<String> {
        ids(self.graph.heads())
    }

    /// Those that follow nothing.
    fn bases(&self) -> Vec<String> {
        ids(self.graph.bases())
    }

    /// Those that several follow.
    fn branch_points(&self) -> Vec<String> {
        ids(self.graph.branch_points())
    }

    /// Those that follow a revision.
    fn next_of(&self, id: &str) -> Vec<String> {
        ids(self.graph.next_of(id))
    }

    /// The branch labels that hold at a revision.
    fn labels_of(&self, id: &str) -> Vec<String> {
        self.graph.labels_of(id).to_vec()
    }

    /// The ids that a word means: an id or the beginning of it, `head`, `heads`, `base`, `current`, `label@head`, `+1`.
    #[pyo3(signature = (target, current = Vec::new()))]
    fn find(&self, target: &str, current: Vec<String>) -> PyResult<Vec<String>> {
        self.graph.find(target, &current).map(ids).map_err(raise)
    }

    /// The ids from one to another, `"a:b"`, the later ones first.
    #[pyo3(signature = (range, current = Vec::new()))]
    fn range(&self, range: &str, current: Vec<String>) -> PyResult<Vec<String>> {
        self.graph.range(range, &current).map(ids).map_err(raise)
    }

    /// Those that a database with these heads has run.
    fn applied(&self, current: Vec<String>) -> PyResult<Vec<String>> {
        self.graph.applied(&current).map(ids).map_err(raise)
    }

    /// What leads up to a target from these heads: each id with the moves of the version table.
    fn upgrade(&self, current: Vec<String>, target: &str) -> PyResult<Vec<Planned>> {
        self.graph.upgrade(&current, target).map(planned).map_err(raise)
    }

    /// What leads down to a target.
    fn downgrade(&self, current: Vec<String>, target: &str) -> PyResult<Vec<Planned>> {
        self.graph.downgrade(&current, target).map(planned).map_err(raise)
    }

    /// The moves of the version table that make a database one that is at these targets.
    #[pyo3(signature = (current, targets, purge = false))]
    fn stamp(&self, current: Vec<String>, targets: Vec<String>, purge: bool) -> PyResult<Vec<Moved>> {
        let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
        let moves = self.graph.stamp(&current, &targets, purge).map_err(raise)?;
        Ok(moves.iter().map(moved).collect())
    }

    fn __len__(&self) -> usize {
        self.graph.walk().len()
    }

    fn __contains__(&self, id: &str) -> bool {
        self.graph.get(id).is_some()
    }
}

fn ids(revisions: Vec<&Revision>) -> Vec<String> {
    revisions.into_iter().map(|revision| revision.id.clone()).collect()
}

fn planned(steps: Vec<Step>) -> Vec<Planned> {
    steps.into_iter().map(|step| (step.revision.id, step.moves.iter().map(moved).collect())).collect()
}

fn moved(step: &Move) -> Moved {
    match step {
        Move::Insert(id) => (None, Some(id.clone())),
        Move::Update { from, to } => (Some(from.clone()), Some(to.clone())),
        Move::Delete(id) => (Some(id.clone()), None),
        Move::Clear => (None, None),
    }
}

pub(super) fn to_move(moved: Moved) -> Move {
    match moved {
        (None, Some(id)) => Move::Insert(id),
        (Some(from), Some(to)) => Move::Update { from, to },
        (Some(id), None) => Move::Delete(id),
        (None, None) => Move::Clear,
    }
}
