//! Rows that refer to nothing: a migration must not make any, and is not held up by those that were there before it.

use super::Line;
use super::rebuild::lines;
use crate::error::{Error, ErrorKind, Result};
use crate::session::Link;

/// How many rows of which table refer to nothing in which other one.
#[derive(Clone, Debug, Default)]
pub struct Orphans(Vec<Group>);

#[derive(Clone, Debug)]
struct Group {
    table: String,
    parent: String,
    rows: i64,
}

impl Orphans {
    /// Those that are there before tables are rebuilt in the open transaction; none where the keys of a table do not fit yet.
    ///
    /// # Errors
    /// The connection was lost.
    pub(super) async fn before(link: &mut Link) -> Result<Self> {
        link.savepoint()?;
        match groups(link).await {
            Ok(found) => {
                link.release()?;
                Ok(Self(found))
            }
            // SQLite refuses to look where a foreign key points to what is no key: the migration may be about to mend it.
            Err(_) => link.rollback_savepoint().await.map(|()| Self::default()),
        }
    }

    fn rows(&self) -> i64 {
        self.0.iter().map(|group| group.rows).sum()
    }

    fn of(&self, group: &Group) -> i64 {
        let same = |known: &&Group| known.table == group.table && known.parent == group.parent;
        self.0.iter().filter(same).map(|known| known.rows).sum()
    }
}

/// Refuses rows that refer to nothing and did not before, where a transaction that rebuilt tables of SQLite is to end.
///
/// # Errors
/// `Operational` that names the first table.
pub async fn check_foreign_keys(link: &mut Link, before: &Orphans) -> Result<()> {
    let now = Orphans(groups(link).await?);
    // A table that was renamed has the same ones by another name.
    if now.rows() <= before.rows() {
        return Ok(());
    }
    let Some(new) = now.0.iter().find(|group| group.rows > before.of(group)) else { return Ok(()) };
    let (rows, Group { table, parent, .. }) = (new.rows - before.of(new), new);
    Err(Error::new(ErrorKind::Operational(format!(
        "{rows} row(s) of `{table}` refer to rows of `{parent}` that are not there: the migration was undone"
    ))))
}

async fn groups(link: &mut Link) -> Result<Vec<Group>> {
    let sql = "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2";
    let found = lines(link, sql.into()).await?;
    let group = |line: Line<'_>| {
        let parent = line.maybe(1)?.unwrap_or_default();
        Ok(Group { table: line.text(0)?, parent, rows: line.number(2)?.unwrap_or(0) })
    };
    Line::all(&found).map(group).collect()
}
