//! What a revision has SET is its own: the next one finds the role, `search_path` and the rest as the run has found them.

use std::sync::Arc;

use crate::driver::{Batch, Effect, KeptRows, NoRows, Row, RowSink, Statement, StatementText};
use crate::error::Result;
use crate::schema::Line;
use crate::session::Link;
use crate::sql::ddl::written;
use crate::value::Params;

/// What undoes it in a script, where nobody asks how it was. RESET ALL leaves the role as it is.
pub const RESET: [&str; 3] = ["RESET SESSION AUTHORIZATION", "RESET ROLE", "RESET ALL"];

/// The settings of a session of PostgreSQL as whoever has opened it has left them.
#[derive(Default)]
pub(super) struct Settings {
    /// What gives the role back, with the settings that are not the server's own.
    back: Vec<String>,
}

impl Settings {
    /// How they are now.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn of(link: &mut Link) -> Result<Self> {
        let dialect = link.dialect();
        let literal = |text: &str| written(dialect, |out| out.literal(text));
        let sql = "SELECT name, setting FROM pg_settings WHERE source = 'session' \
            UNION ALL SELECT 'session_authorization', session_user::text \
            UNION ALL SELECT 'role', current_setting('role')";
        let text = StatementText::new(sql.to_owned(), Vec::new(), None, Effect::Read);
        let mut found = Found(KeptRows::new());
        link.run(Batch::of(&Statement::new(Arc::new(text), Params::new())), &mut found).await?;
        let mut back = vec!["RESET ALL".to_owned()];
        let mut set = Vec::new();
        for line in Line::all(&found.0) {
            let (name, value) = (line.text(0)?, line.text(1)?);
            match name.as_str() {
                // One that may be taken must be given back before the role is, which is one of its own.
                "session_authorization" => {
                    back.insert(0, format!("SET SESSION AUTHORIZATION {}", literal(&value)))
                }
                "role" => back.push(match value.as_str() {
                    "none" => "SET ROLE NONE".to_owned(),
                    role => format!("SET ROLE {}", literal(role)),
                }),
                _ => set.push(format!("set_config({}, {}, FALSE)", literal(&name), literal(&value))),
            }
        }
        if !set.is_empty() {
            back.insert(back.len() - 1, format!("SELECT {}", set.join(", ")));
        }
        Ok(Self { back })
    }

    /// Makes them what they were.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn restore(&self, link: &mut Link) -> Result<()> {
        let statements: Vec<Statement> =
            self.back.iter().map(|sql| Statement::command(sql.clone(), Effect::Unknown)).collect();
        link.run(Batch { before: &[], statements: &statements }, &mut NoRows).await
    }
}

struct Found(KeptRows);

impl RowSink for Found {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        row.keep(&mut self.0);
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.0.clear();
    }
}
