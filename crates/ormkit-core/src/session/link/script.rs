//! Scripts: several statements in one text.

use super::Link;
use crate::driver::{Batch, NoRows, Statement, StatementText};
use crate::error::Result;
use crate::sql::{DialectName, scan};
use crate::value::Params;

/// What begins or ends a transaction, or cannot run inside of one, on SQLite.
const APART: [&str; 9] =
    ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "VACUUM", "PRAGMA", "ATTACH", "DETACH"];

impl Link {
    /// Runs several statements, separated by semicolons, without values; their rows are dropped. Inside of the open
    /// transaction, else in one of its own, unless the script has its own words for that. (On PostgreSQL the server does
    /// so with a script: manual, section 55.2.2.1. On SQLite a script that holds PRAGMA, VACUUM, ATTACH or DETACH runs
    /// statement by statement.)
    ///
    /// # Errors
    /// What the database says of the first statement that fails; the rest is not executed. As [`run`](Self::run).
    pub async fn run_script(&mut self, script: &str) -> Result<()> {
        let statement = [Statement::new(StatementText::script(script).into(), Params::new())];
        let batch = Batch { before: &[], statements: &statement };
        let apart = |word: &str| APART.iter().any(|apart| apart.eq_ignore_ascii_case(word));
        let own = !self.in_transaction()
            && self.dialect().name == DialectName::Sqlite
            && !scan::first_words(script).any(apart);
        if !own {
            return self.run(batch, &mut NoRows).await;
        }
        self.begin()?;
        let ran = self.run(batch, &mut NoRows).await;
        let ended = match ran {
            Ok(()) => self.commit().await,
            Err(error) => Err(error),
        };
        if ended.is_err() {
            self.rollback().await;
        }
        ended
    }
}
