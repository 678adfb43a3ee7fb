//! What the server says of an error (PostgreSQL manual, section 55.8).

use ormkit_core::error::{Diagnostics, Error, ErrorKind, SqlState};

use crate::protocol::backend::Fields;

/// The diagnostics of an ErrorResponse.
pub(crate) fn diagnostics(fields: &Fields<'_>) -> Diagnostics {
    let mut all = Diagnostics::new(SqlState::new(b"XX000").expect("five capitals and digits"), "");
    let mut severity = None;
    for (code, bytes) in fields.iter() {
        let text = || String::from_utf8_lossy(bytes).into_owned();
        match code {
            b'S' => all.severity = text(),
            b'V' => severity = Some(text()),
            b'C' => all.sqlstate = SqlState::new(bytes).unwrap_or(all.sqlstate),
            b'M' => all.message = text(),
            b'D' => all.detail = Some(text()),
            b'H' => all.hint = Some(text()),
            b'P' => all.position = text().parse().ok(),
            b'p' => all.internal_position = text().parse().ok(),
            b'q' => all.internal_query = Some(text()),
            b'W' => all.where_ = Some(text()),
            b's' => all.schema = Some(text()),
            b't' => all.table = Some(text()),
            b'c' => all.columns = vec![text()],
            b'd' => all.data_type = Some(text()),
            b'n' => all.constraint = Some(text()),
            b'F' => all.file = Some(text()),
            b'L' => all.line = text().parse().ok(),
            b'R' => all.routine = Some(text()),
            // Fields of later releases are to be ignored.
            _ => {}
        }
    }
    if let Some(severity) = severity {
        all.severity = severity;
    }
    all
}

/// An ErrorResponse as an error.
pub(crate) fn database_error(fields: &Fields<'_>) -> Error {
    Error::new(ErrorKind::Database(Box::new(diagnostics(fields))))
}

/// True when the server ends the connection with this error.
pub(crate) fn is_fatal(diagnostics: &Diagnostics) -> bool {
    matches!(diagnostics.severity.as_str(), "FATAL" | "PANIC")
}

/// True for the errors of a prepared statement that is no longer what we think: unknown to the server, known to it though
/// not to us, with another result than before, or with a composite parameter that was altered.
pub(crate) fn is_stale_statement(diagnostics: &Diagnostics) -> bool {
    match diagnostics.sqlstate.as_str() {
        "26000" | "42P05" => true,
        // No SQLSTATE of its own; the routine is never translated.
        "0A000" => diagnostics.routine.as_deref() == Some("RevalidateCachedQuery"),
        "42804" => diagnostics.routine.as_deref() == Some("record_recv"),
        _ => false,
    }
}

/// True for the errors of a statement that was prepared anew with the types that its parameters and columns had before.
pub(crate) fn is_stale_description(diagnostics: &Diagnostics) -> bool {
    // datatype_mismatch, undefined_function, ambiguous_function, indeterminate_datatype, invalid_binary_representation,
    // protocol_violation (as many formats as there were columns), undefined_object (a type that was dropped).
    matches!(
        diagnostics.sqlstate.as_str(),
        "42804" | "42883" | "42725" | "42P18" | "22P03" | "08P01" | "42704"
    )
}

/// The connection broke.
pub(crate) fn connection_lost(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::ConnectionLost(why.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::backend::Message;

    fn decode(body: &[u8]) -> Diagnostics {
        match Message::decode(b'E', body).unwrap() {
            Message::Error(fields) => diagnostics(&fields),
            other => panic!("{}", other.name()),
        }
    }

    #[test]
    fn all_eighteen_fields_are_kept() {
        let body = b"SFEHLER\0VERROR\0C23505\0Mm\0Dd\0Hh\0P7\0p8\0qq\0Ww\0ss\0tt\0cc\0dd\0nn\0Ff\0L9\0Rr\0\0";
        let all = decode(body);
        assert_eq!(all.severity, "ERROR");
        assert_eq!(all.sqlstate, SqlState::UNIQUE_VIOLATION);
        assert_eq!((all.position, all.internal_position, all.line), (Some(7), Some(8), Some(9)));
        let texts = [
            &all.detail,
            &all.hint,
            &all.internal_query,
            &all.where_,
            &all.schema,
            &all.table,
            &all.data_type,
            &all.constraint,
            &all.file,
            &all.routine,
        ];
        let texts: Vec<&str> = texts.into_iter().map(|text| text.as_deref().unwrap()).collect();
        assert_eq!(texts, ["d", "h", "q", "w", "s", "t", "d", "n", "f", "r"]);
        assert_eq!((all.message.as_str(), &all.columns[..]), ("m", &["c".to_owned()][..]));
    }

    #[test]
    fn strange_fields_do_no_harm() {
        let all = decode(b"Cnot a state\0M\xff\0Pmany\0zz\0\0");
        assert_eq!(all.sqlstate.as_str(), "XX000");
        assert_eq!((all.message.as_str(), all.position), ("\u{fffd}", None));
    }
}
