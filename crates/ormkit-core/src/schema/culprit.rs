//! Whose text it is that the database does not take: it says what is wrong, and neither in which table nor in which model.

use crate::error::{Error, ErrorKind};
use crate::model::{Model, TableName};

/// The longest piece of a statement that a sentence quotes, in characters.
const QUOTED: usize = 200;

/// The error of a statement about a table of a model: with both, and with the piece of the statement that is meant.
pub(super) fn of_model(error: Error, model: Option<&Model>) -> Error {
    let Some(model) = model else { return error };
    let place = match model.name() == model.table().name {
        true => format!("the table `{}`", model.table()),
        false => format!("the table `{}` of {}", model.table(), model.name()),
    };
    placed(error, &place)
}

/// The error of a statement about a table: with the table, and with the piece of the statement that is meant.
pub fn in_table(error: Error, table: &TableName) -> Error {
    placed(error, &format!("the table `{table}`"))
}

fn placed(error: Error, place: &str) -> Error {
    let ErrorKind::Database(said) = error.kind() else { return error };
    // What is wrong with rows, locks or connections names its table, or has none.
    if !matches!(said.sqlstate.class(), "22" | "42" | "0A") {
        return error;
    }
    let piece = error.statement().and_then(|sql| piece(sql, said.position?));
    let note = match piece {
        Some(piece) => format!("in {place}: `{piece}`"),
        None => format!("in {place}"),
    };
    error.with_note(note)
}

/// The line of a statement that a position, counted in characters from 1, is in.
fn piece(sql: &str, position: u32) -> Option<String> {
    let before = usize::try_from(position).ok()?.checked_sub(1)?;
    let (at, _) = sql.char_indices().nth(before)?;
    let start = sql[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = sql[start..].lines().next()?.trim().trim_end_matches(',');
    (line.chars().count() <= QUOTED).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Diagnostics, SqlState};

    fn error(state: SqlState, position: Option<u32>, sql: &str) -> String {
        let diagnostics = Diagnostics { position, ..Diagnostics::new(state, "no such column: x") };
        let error = Error::new(ErrorKind::Database(Box::new(diagnostics))).in_statement(sql);
        in_table(error, &TableName { schema: None, name: "t".into() }).to_string()
    }

    #[test]
    fn the_piece_that_is_meant_is_said() {
        let sql = "CREATE TABLE t (\n    ä INTEGER,\n    CONSTRAINT ck CHECK (x > 0)\n)";
        let place = u32::try_from(sql.chars().position(|char| char == 'x').unwrap() + 1).unwrap();
        let said = error(SqlState::UNDEFINED_COLUMN, Some(place), sql);
        assert!(said.ends_with("; in the table `t`: `CONSTRAINT ck CHECK (x > 0)`"), "{said}");
        assert!(error(SqlState::UNDEFINED_COLUMN, None, sql).ends_with("; in the table `t`"));
        assert!(error(SqlState::UNDEFINED_COLUMN, Some(9_999), sql).ends_with("; in the table `t`"));
    }

    #[test]
    fn what_rows_are_to_blame_for_is_let_be() {
        assert!(!error(SqlState::UNIQUE_VIOLATION, Some(1), "SELECT 1").contains("the table"));
    }
}
