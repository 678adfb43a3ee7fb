//! Revisions of a schema: their order, where a database stands among them, and taking it from one to another.
//!
//! What a revision does is the caller's: a file in Python, a list of [`Operation`](crate::schema::Operation)s, a function.
//! Here is what is around it, as Alembic has it, so that either tool can go on where the other stopped: the graph of
//! revisions, the words for a place in it, and the table `alembic_version` with one row for each head.

mod graph;
mod history;
mod lineage;
mod moves;
mod plan;
mod problem;
mod range;
mod revision;
mod run;
mod settings;
mod stamp;
mod target;
#[cfg(test)]
mod tests;

pub use graph::Graph;
pub use history::VersionTable;
pub use moves::Move;
pub use plan::{Direction, Step};
pub use problem::MigrationProblem;
pub use revision::Revision;
pub use run::{Goal, Run, RunOptions, in_the_way};
pub use settings::RESET;
