//! Rows that refer to nothing: a migration must not make any, and is not held up by those that were there before it.

use super::Line;
use super::rebuild::lines;
use crate::error::{Error, ErrorKind, Result};
use crate::session::Link;
use crate::sql::ddl::written;

/// How many rows of which table refer to nothing in which other one, and which foreign keys lead to no key.
#[derive(Clone, Debug, Default)]
pub struct Orphans {
    groups: Vec<Group>,
    /// SQLite's words for each table whose rows it refuses to look at.
    misfits: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
struct Group {
    table: String,
    parent: String,
    rows: i64,
}

impl Orphans {
    /// Those that there are in the open transaction.
    ///
    /// # Errors
    /// The connection was lost.
    pub(super) async fn before(link: &mut Link) -> Result<Self> {
        match groups(link, None).await {
            Ok(groups) => Ok(Self { groups, misfits: Vec::new() }),
            Err(error) if is_misfit(&error) => Self::of_each(link).await,
            Err(error) => Err(error),
        }
    }

    /// The same table by table: one whose foreign key leads to no key says nothing of the others.
    async fn of_each(link: &mut Link) -> Result<Self> {
        let names =
            lines(link, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name".into()).await?;
        let names: Vec<String> = Line::all(&names).map(|line| line.text(0)).collect::<Result<_>>()?;
        let mut found = Self::default();
        for name in names {
            match groups(link, Some(&name)).await {
                Ok(groups) => found.groups.extend(groups),
                Err(error) if is_misfit(&error) => found.misfits.push((name, error.to_string())),
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn rows(&self) -> i64 {
        self.groups.iter().map(|group| group.rows).sum()
    }

    fn of(&self, group: &Group) -> i64 {
        let same = |known: &&Group| known.table == group.table && known.parent == group.parent;
        self.groups.iter().filter(same).map(|known| known.rows).sum()
    }
}

/// Refuses rows that refer to nothing and did not before, and foreign keys that lead to no key any more, where a transaction that
/// rebuilt tables of SQLite is to end.
///
/// # Errors
/// `Operational` that names the first table.
pub async fn check_foreign_keys(link: &mut Link, before: &Orphans) -> Result<()> {
    let now = Orphans::before(link).await?;
    // A table that was renamed has the same ones by another name.
    if now.misfits.len() > before.misfits.len()
        && let Some((table, said)) =
            now.misfits.iter().find(|(table, _)| before.misfits.iter().all(|(known, _)| known != table))
    {
        return Err(undone(format!(
            "a foreign key of `{table}` leads to columns that are neither the key nor UNIQUE ({said})"
        )));
    }
    if now.rows() <= before.rows() {
        return Ok(());
    }
    let Some(new) = now.groups.iter().find(|group| group.rows > before.of(group)) else { return Ok(()) };
    let (rows, Group { table, parent, .. }) = (new.rows - before.of(new), new);
    Err(undone(format!("{rows} row(s) of `{table}` refer to rows of `{parent}` that are not there")))
}

fn undone(problem: String) -> Error {
    Error::new(ErrorKind::Operational(format!("{problem}: the migration was undone")))
}

/// SQLite's refusal to look at a table (SQLite documentation, "Foreign Key Support", section 3).
fn is_misfit(error: &Error) -> bool {
    error.to_string().contains("foreign key mismatch")
}

/// Those of one table, or of all. What SQLite refuses leaves the transaction as it was.
async fn groups(link: &mut Link, table: Option<&str>) -> Result<Vec<Group>> {
    link.savepoint()?;
    let dialect = link.dialect();
    let of =
        table.map_or_else(String::new, |name| format!("({})", written(dialect, |out| out.literal(name))));
    let sql = format!("SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check{of} GROUP BY 1, 2");
    let found = match lines(link, sql).await {
        Ok(found) => {
            link.release()?;
            found
        }
        Err(error) => {
            link.rollback_savepoint().await?;
            return Err(error);
        }
    };
    let group = |line: Line<'_>| {
        let parent = line.maybe(1)?.unwrap_or_default();
        Ok(Group { table: line.text(0)?, parent, rows: line.number(2)?.unwrap_or(0) })
    };
    Line::all(&found).map(group).collect()
}
