//! What names a table of SQLite: its triggers, views that show it, triggers that write to it from elsewhere.

use super::Line;
use super::rebuild::lines;
use super::token::{mentions, tokens};
use crate::error::Result;
use crate::session::Link;
use crate::sql::Dialect;

const EVENTS: [&str; 3] = ["INSERT", "UPDATE", "DELETE"];

struct Named {
    is_view: bool,
    name: String,
    table: String,
    sql: String,
}

/// Fails where a view or trigger names what is gone from a table: SQLite finds that when it prepares a statement that needs it.
///
/// # Errors
/// What SQLite says.
pub(super) async fn check(link: &mut Link, table: &str, dialect: &'static Dialect) -> Result<()> {
    let kept =
        "SELECT type = 'view', name, tbl_name, sql FROM sqlite_schema WHERE type IN ('view', 'trigger')";
    let found = lines(link, kept.into()).await?;
    let read = |line: Line<'_>| {
        let (name, table, sql) = (line.text(1)?, line.text(2)?, line.text(3)?);
        Ok(Named { is_view: line.number(0)? == Some(1), name, table, sql })
    };
    let all = Line::all(&found).map(read).collect::<Result<Vec<Named>>>()?;
    for one in reached(&all, table, dialect) {
        let sql = match one.is_view {
            true => format!("SELECT * FROM {}", dialect.quoted(&one.name)),
            false => fired(link, one, dialect).await?,
        };
        lines(link, format!("EXPLAIN {sql}")).await?;
    }
    Ok(())
}

/// Those that name the table, or a view that does.
fn reached<'a>(all: &'a [Named], table: &str, dialect: &Dialect) -> Vec<&'a Named> {
    let mut names = vec![table.to_owned()];
    let mut next = 0;
    while let Some(name) = names.get(next).cloned() {
        let views = all.iter().filter(|one| one.is_view && mentions(&one.sql, &name, dialect));
        let new: Vec<String> = views.map(|one| one.name.clone()).filter(|one| !names.contains(one)).collect();
        names.extend(new);
        next += 1;
    }
    all.iter().filter(|one| names.iter().any(|name| mentions(&one.sql, name, dialect))).collect()
}

/// A statement that lets a trigger fire.
async fn fired(link: &mut Link, trigger: &Named, dialect: &'static Dialect) -> Result<String> {
    let words = tokens(&trigger.sql, dialect);
    let event = words.iter().find_map(|word| EVENTS.into_iter().find(|event| word.is(event)));
    let table = dialect.quoted(&trigger.table);
    Ok(match event {
        Some("UPDATE") => {
            let literal = crate::sql::ddl::written(dialect, |out| out.literal(&trigger.table));
            let columns = format!("SELECT name FROM pragma_table_xinfo({literal}) WHERE hidden = 0");
            let columns = lines(link, columns).await?;
            let same = |line: Line<'_>| line.text(0).map(|name| dialect.quoted(&name));
            let same = Line::all(&columns).map(same).collect::<Result<Vec<String>>>()?;
            let set: Vec<String> = same.iter().map(|name| format!("{name} = {name}")).collect();
            format!("UPDATE {table} SET {}", set.join(", "))
        }
        Some("DELETE") => format!("DELETE FROM {table}"),
        _ => format!("INSERT INTO {table} DEFAULT VALUES"),
    })
}
