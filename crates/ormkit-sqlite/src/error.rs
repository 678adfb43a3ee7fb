//! SQLite's result codes as diagnostics with a SQLSTATE.

use std::time::Duration;

use ormkit_core::error::{Diagnostics, Error, ErrorKind, SqlState};
use rusqlite::ffi;

/// The error of `sql`, with table, columns and constraint as far as SQLite names them.
#[cold]
pub(crate) fn of(error: rusqlite::Error, sql: &str) -> Error {
    database(error, sql).in_statement(sql)
}

/// The same where no statement of the caller's was running: opening, pragmas.
#[cold]
pub(crate) fn opening(error: rusqlite::Error) -> Error {
    database(error, "")
}

/// The primary result code (the low byte of the extended one), where SQLite gave any.
pub(crate) fn primary_code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code & 0xff)
}

/// A statement stopped by request, before it reached SQLite again.
pub(crate) fn interrupted() -> Error {
    let state = state(b"57014");
    Error::new(ErrorKind::Database(Box::new(Diagnostics::new(state, "interrupted"))))
}

/// A statement ran for longer than it may.
#[cold]
pub(crate) fn timed_out(limit: Duration) -> Error {
    let message = format!("the statement ran for over {} s: statement_timeout", limit.as_secs_f64());
    Error::new(ErrorKind::Database(Box::new(Diagnostics::new(state(b"57014"), message))))
}

/// Another transaction of this program has kept the writer for too long.
#[cold]
pub(crate) fn writer_held(waited: Duration, in_memory: bool) -> Error {
    let wanted = if in_memory {
        "the database in memory, which serves one transaction at a time,"
    } else {
        "the writer"
    };
    let seconds = waited.as_secs_f64();
    let message = format!("{wanted} was held by another transaction of this program for over {seconds} s");
    Error::new(ErrorKind::Database(Box::new(Diagnostics::new(SqlState::LOCK_NOT_AVAILABLE, message))))
}

/// The transaction has failed and takes only ROLLBACK.
pub(crate) fn in_failed_transaction() -> Error {
    let message = "the transaction has failed: only ROLLBACK is possible";
    Error::new(ErrorKind::Database(Box::new(Diagnostics::new(SqlState::IN_FAILED_TRANSACTION, message))))
}

/// A write in a read-only transaction.
pub(crate) fn in_read_only_transaction() -> Error {
    let message = "cannot write in a read-only transaction";
    Error::new(ErrorKind::Database(Box::new(Diagnostics::new(state(b"25006"), message))))
}

fn database(error: rusqlite::Error, sql: &str) -> Error {
    let (code, message, position) = match error {
        rusqlite::Error::SqliteFailure(code, message) => {
            let message = message.unwrap_or_else(|| ffi::code_to_str(code.extended_code).to_owned());
            (code.extended_code, message, None)
        }
        rusqlite::Error::SqlInputError { error, msg, sql, offset } => {
            (error.extended_code, msg, position(&sql, offset))
        }
        rusqlite::Error::MultipleStatement => {
            let message = "the text holds several statements: execute them one by one";
            return Error::new(ErrorKind::Programming(message.into()));
        }
        rusqlite::Error::NulError(_) => return Error::data(None, "SQL text holds a NUL character"),
        other => return Error::new(ErrorKind::Operational(other.to_string())),
    };
    let mut diagnostics = Diagnostics::new(state_of(code, &message), message);
    diagnostics.position = position;
    place(&mut diagnostics, code, sql);
    Error::new(ErrorKind::Database(Box::new(diagnostics)))
}

/// The nearest SQLSTATE. Extended codes first, then primary ones (sqlite.org/rescode.html).
fn state_of(code: i32, message: &str) -> SqlState {
    match code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            return SqlState::UNIQUE_VIOLATION;
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => return SqlState::FOREIGN_KEY_VIOLATION,
        ffi::SQLITE_CONSTRAINT_NOTNULL => return SqlState::NOT_NULL_VIOLATION,
        ffi::SQLITE_CONSTRAINT_CHECK => return SqlState::CHECK_VIOLATION,
        // What it has read is older than what another has written: the transaction has to begin anew.
        ffi::SQLITE_BUSY_SNAPSHOT => return SqlState::SERIALIZATION_FAILURE,
        ffi::SQLITE_CONSTRAINT_DATATYPE => return state(b"22000"),
        _ => {}
    }
    state(match code & 0xff {
        ffi::SQLITE_CONSTRAINT => b"23000",
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => b"55P03",
        ffi::SQLITE_INTERRUPT => b"57014",
        ffi::SQLITE_READONLY => b"25006",
        ffi::SQLITE_CANTOPEN | ffi::SQLITE_IOERR | ffi::SQLITE_NOLFS => b"58030",
        ffi::SQLITE_FULL => b"53100",
        ffi::SQLITE_NOMEM => b"53200",
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => b"XX001",
        ffi::SQLITE_TOOBIG => b"54000",
        ffi::SQLITE_MISMATCH => b"22000",
        ffi::SQLITE_RANGE => b"42P02",
        ffi::SQLITE_AUTH | ffi::SQLITE_PERM => b"42501",
        ffi::SQLITE_ERROR => return state_of_message(message),
        _ => b"XX000",
    })
}

/// How the messages of our own functions begin.
const FUNCTIONS: [(&str, &[u8; 5]); 8] = [
    ("invalid decimal", b"22P02"),
    ("invalid regular expression", b"2201B"),
    ("invalid time", b"22007"),
    ("invalid input syntax", b"22P02"),
    ("cannot cast jsonb", b"22023"),
    ("null value in a key", b"22004"),
    ("invalid text", b"22021"),
    ("out of range", b"22003"),
];

/// SQLITE_ERROR says in words what was wrong (`sqlite3ErrorMsg` in its parser and resolver).
fn state_of_message(message: &str) -> SqlState {
    let starts = |text: &str| message.starts_with(text);
    if message.contains("syntax error") || starts("incomplete input") || starts("unrecognized token") {
        SqlState::SYNTAX_ERROR
    } else if starts("no such table") || starts("no such view") {
        SqlState::UNDEFINED_TABLE
    } else if starts("no such column") || message.contains("has no column named") {
        SqlState::UNDEFINED_COLUMN
    } else if starts("no such function") {
        state(b"42883")
    } else if starts("ambiguous column") {
        state(b"42702")
    } else if message.contains("already exists") {
        state(b"42P07")
    } else if starts("integer overflow") || starts("malformed JSON") {
        state(b"22003")
    } else if let Some((_, code)) = FUNCTIONS.iter().find(|(begin, _)| starts(begin)) {
        state(code)
    } else if starts("cannot start a transaction within") || starts("no such savepoint") {
        state(b"3B001")
    } else if message.contains("no transaction is active") {
        state(b"25P01")
    } else {
        state(b"42000")
    }
}

/// Table, columns and constraint, out of the message.
fn place(diagnostics: &mut Diagnostics, code: i32, sql: &str) {
    let Some((_, subject)) = diagnostics.message.split_once(" constraint failed: ") else {
        if code == ffi::SQLITE_CONSTRAINT_FOREIGNKEY {
            // SQLite names nothing here. The row of an INSERT can only be the referring one.
            diagnostics.table = inserted_table(sql);
        }
        return;
    };
    let subject = subject.to_owned();
    if code == ffi::SQLITE_CONSTRAINT_CHECK {
        diagnostics.constraint = Some(subject);
        diagnostics.table = inserted_table(sql).or_else(|| updated_table(sql));
    } else if let Some(index) = subject.strip_prefix("index '").and_then(|rest| rest.strip_suffix('\'')) {
        // A unique index over expressions.
        diagnostics.constraint = Some(index.to_owned());
    } else {
        for column in subject.split(", ") {
            let Some((table, column)) = column.split_once('.') else { continue };
            diagnostics.table.get_or_insert_with(|| table.to_owned());
            diagnostics.columns.push(column.to_owned());
        }
    }
}

/// The table of `INSERT INTO table`, where it is written so.
fn inserted_table(sql: &str) -> Option<String> {
    table_behind(&["INSERT", "INTO"], sql)
}

/// The table of `UPDATE table`, likewise.
fn updated_table(sql: &str) -> Option<String> {
    table_behind(&["UPDATE"], sql)
}

fn table_behind(words: &[&str], sql: &str) -> Option<String> {
    let mut found = sql.split([' ', '\n', '\t', '(']).filter(|word| !word.is_empty());
    if !words.iter().all(|word| found.next().is_some_and(|next| next.eq_ignore_ascii_case(word))) {
        return None;
    }
    found.next().map(|table| table.trim_matches('"').replace("\"\"", "\""))
}

/// Characters from 1, from bytes from 0.
fn position(sql: &str, offset: i32) -> Option<u32> {
    let before = sql.get(..usize::try_from(offset).ok()?)?;
    u32::try_from(before.chars().count() + 1).ok()
}

fn state(code: &[u8; 5]) -> SqlState {
    SqlState::new(code).expect("the codes of this file are digits and capital letters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_of_an_insert_is_found_in_its_text() {
        assert_eq!(inserted_table("INSERT INTO \"order\" (id) VALUES (?)").as_deref(), Some("order"));
        assert_eq!(inserted_table("insert into posts(id) values (1)").as_deref(), Some("posts"));
        assert_eq!(inserted_table("DELETE FROM posts"), None);
        assert_eq!(updated_table("UPDATE posts SET id = ?").as_deref(), Some("posts"));
    }

    #[test]
    fn position_counts_characters() {
        assert_eq!(position("ü x", 3), Some(3));
        assert_eq!(position("ü x", -1), None);
    }
}
