//! Steps as the text of a revision file of Alembic, which Alembic runs with the same result.
//!
//! A step is a call of `op` where Alembic's calls can say all of it; where they cannot, `op.execute` runs its SQL. SQLite's
//! rebuilds are blocks of `op.batch_alter_table`. The texts are in the words of one database: what is written for SQLite is
//! run on SQLite.

mod batch;
mod file;
mod metadata;
mod parts;
mod steps;
mod types;

pub use file::{RevisionFile, file_name};
pub use metadata::metadata;

use super::{Catalog, Operation};
use crate::error::Result;
use crate::sql::{Dialect, DialectName};

/// What is in the two functions of a revision file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionBody {
    /// Lines to be imported beside `op` and `sa`.
    pub imports: Vec<String>,
    /// The statements of `upgrade`, not indented; `pass` where there are none.
    pub upgrade: String,
    /// Those of `downgrade`.
    pub downgrade: String,
}

impl RevisionBody {
    /// The body that does `operations` to `found`, and undoes them.
    ///
    /// # Errors
    /// `Unsupported`: SQLite's rebuild in Alembic cannot do a step (it drops no constraint that has no name); SQL with `:a:`
    /// in it, which Alembic would read as a parameter.
    pub fn new(found: &Catalog, operations: &[Operation], dialect: &'static Dialect) -> Result<Self> {
        let mut there = found.clone();
        operations.iter().for_each(|operation| there.apply(operation, dialect));
        let mut kept = Vec::new();
        let mut back = Vec::new();
        for operation in operations.iter().rev() {
            match operation.reverse() {
                Some(steps) => back.extend(steps),
                None => kept.extend(steps::stays(operation)),
            }
        }
        let upgrade = written(found, operations, dialect)?;
        let mut downgrade = kept;
        downgrade.extend(written(&there, &back, dialect)?);
        let (upgrade, downgrade) = (joined(upgrade), joined(downgrade));
        let uses = |name: &str| [&upgrade, &downgrade].iter().any(|code| code.contains(name));
        let dialects = uses("postgresql.").then(|| "from sqlalchemy.dialects import postgresql".to_owned());
        Ok(Self { imports: dialects.into_iter().collect(), upgrade, downgrade })
    }
}

fn written(found: &Catalog, operations: &[Operation], dialect: &'static Dialect) -> Result<Vec<String>> {
    match dialect.name {
        DialectName::Postgres => steps::all(found, operations, dialect),
        DialectName::Sqlite => batch::all(found, operations, dialect),
    }
}

/// Comments alone are no body.
fn joined(lines: Vec<String>) -> String {
    let is_code = |line: &String| !line.starts_with('#');
    let pass = (!lines.iter().any(is_code)).then(|| "pass".to_owned());
    lines.into_iter().chain(pass).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
