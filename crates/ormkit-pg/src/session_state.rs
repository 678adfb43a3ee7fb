//! What a statement of the caller's own leaves behind in the server's session, beside its transaction.
//!
//! A connection that has been told to `SET`, to `LISTEN`, to keep a temporary table, a cursor or an advisory lock is not
//! what the next borrower expects. It is reset before it is lent again, and only then: others pay nothing.

/// What undoes all of it. Prepared statements stay: they are the driver's. (PostgreSQL manual, DISCARD: these are its
/// parts. RESET ALL leaves the role as it is.)
pub(crate) const RESET: [&str; 6] = [
    "CLOSE ALL",
    "SET SESSION AUTHORIZATION DEFAULT",
    "RESET ALL",
    "UNLISTEN *",
    "SELECT pg_advisory_unlock_all()",
    "DISCARD TEMP",
];

/// True when a statement may have changed the session: by its command tag, or by the functions that its text names. A
/// function of the database's own that does so inside is not seen.
pub(crate) fn is_changed_by(tag: &str, sql: &str) -> bool {
    match tag.split(' ').next().unwrap_or_default() {
        "SET" | "LISTEN" | "DECLARE" | "LOAD" | "PREPARE" => true,
        // `SELECT … INTO TEMP` has the tag of SELECT.
        "SELECT" | "CREATE" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "DO" | "CALL" | "COPY" => {
            names(sql, &["set_config", "pg_advisory_", "pg_try_advisory_", "temp"])
        }
        _ => false,
    }
}

/// True when a statement may have changed which schemas its tables are looked for in: what is prepared was written for the
/// tables of another.
pub(crate) fn moves_path(tag: &str, sql: &str) -> bool {
    match tag.split(' ').next().unwrap_or_default() {
        "SET" | "SELECT" | "DO" => names(sql, &["search_path"]),
        "RESET" => names(sql, &["search_path", "all"]),
        _ => false,
    }
}

fn names(sql: &str, words: &[&str]) -> bool {
    let sql = sql.to_ascii_lowercase();
    words.iter().any(|word| sql.contains(word))
}

#[cfg(test)]
mod tests {
    use super::{is_changed_by, moves_path};

    #[test]
    fn statements_that_move_the_path_are_known() {
        for (tag, sql) in [
            ("SET", "set local SEARCH_PATH = a"),
            ("SELECT 1", "SELECT set_config('search_path', 'a', true)"),
            ("RESET", "RESET search_path"),
            ("RESET", "RESET ALL"),
        ] {
            assert!(moves_path(tag, sql), "{sql}");
        }
        for (tag, sql) in
            [("SET", "SET lock_timeout = 5"), ("SHOW", "SHOW search_path"), ("SELECT 1", "SELECT 1")]
        {
            assert!(!moves_path(tag, sql), "{sql}");
        }
    }

    #[test]
    fn statements_that_change_the_session_are_known_by_tag_or_text() {
        for (tag, sql) in [
            ("SET", "SET search_path = x"),
            ("LISTEN", "LISTEN x"),
            ("DECLARE CURSOR", "DECLARE c CURSOR WITH HOLD FOR SELECT 1"),
            ("CREATE TABLE", "CREATE TEMPORARY TABLE t (a int)"),
            ("SELECT 1", "SELECT Set_Config('a.b', 'c', false)"),
            ("SELECT 1", "select pg_advisory_lock(1)"),
            ("SELECT 3", "SELECT 1 INTO TEMP t"),
        ] {
            assert!(is_changed_by(tag, sql), "{sql}");
        }
        for (tag, sql) in [
            ("SELECT 1", "SELECT 1"),
            ("INSERT 0 1", "INSERT INTO a VALUES (1)"),
            ("CREATE TABLE", "CREATE TABLE t (a int)"),
            ("BEGIN", "BEGIN"),
            ("COMMIT", "COMMIT"),
            ("RESET", "RESET ALL"),
        ] {
            assert!(!is_changed_by(tag, sql), "{sql}");
        }
    }
}
