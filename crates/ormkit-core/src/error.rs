//! The one error type of all crates.
//!
//! A kind carries data and the sentence is made once, in `Display`. No text ever contains a bind value or a password.

use std::fmt;

mod class;
mod diagnostics;

pub use class::ErrorClass;
pub use diagnostics::{Diagnostics, SqlState};

use crate::migrate::MigrationProblem;

/// `Result` with ormkit's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. One pointer wide.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    statement: Option<String>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// What else is to be said, behind the kind's own sentence.
    notes: Vec<String>,
}

/// The kinds of failure, with what is known of each.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The database refused; the class follows from the SQLSTATE.
    Database(Box<Diagnostics>),
    /// A value does not fit its column, or a column's value does not fit the host's type.
    Data {
        /// Whose value it is, where that is known.
        place: Option<Place>,
        /// What was expected and what was found: types and ranges, never the value.
        problem: String,
    },
    /// A NOT NULL column would be written without a value: found before anything is sent.
    MissingValue {
        /// `Model.attr`.
        place: String,
        /// Table name.
        table: String,
        /// Column name.
        column: String,
    },
    /// A name that the model does not have.
    UnknownName {
        /// What was looked for: "attribute", "lookup", "relation", "model" …
        what: &'static str,
        /// The name as given.
        name: String,
        /// Where it was looked for, such as the model's name.
        within: String,
        /// The nearest existing names, best first.
        near: Vec<String>,
    },
    /// A name that exists and is of another kind than its place takes: a relation where a column is needed.
    OtherKind {
        /// `User.posts`.
        place: String,
        /// What it is.
        is: &'static str,
        /// What to write.
        instead: String,
    },
    /// The mapping is wrong: found when models are resolved.
    Mapping(String),
    /// Misuse of an API object (a closed pool, a malformed URL …).
    Interface(String),
    /// Not possible in the object's present state.
    InvalidRequest(String),
    /// Several foreign keys join two tables, and nothing says which is meant.
    AmbiguousKeys(String),
    /// No foreign key joins two tables.
    NoKeys(String),
    /// A text is no bookmark of the order that it is given to.
    Bookmark(String),
    /// The transaction has failed and waits for `rollback()`.
    PendingRollback {
        /// The first failure, as text.
        cause: String,
    },
    /// Two operations overlap on one session or connection.
    ConcurrentUse {
        /// "session" or "connection".
        what: &'static str,
        /// Who holds it: a task's name, where the host knows one.
        holder: String,
        /// Who came second.
        second: String,
    },
    /// The object belongs to no session.
    Detached(String),
    /// An attribute or relation has not been loaded.
    NotLoaded {
        /// `Model.attr`.
        place: String,
        /// True for relations.
        relation: bool,
        /// How to load it.
        cure: String,
    },
    /// No free connection within the acquire timeout.
    PoolTimeout {
        /// The timeout, in milliseconds.
        waited_ms: u64,
        /// Size, waiters and holders, in words.
        state: String,
    },
    /// No free connection, and no room in the line to wait for one.
    PoolFull {
        /// Size, waiters and holders, in words.
        state: String,
    },
    /// The server cannot be reached or the connection broke.
    ConnectionLost(String),
    /// The server has ended the connection, and said why.
    ConnectionEnded(Box<Diagnostics>),
    /// The connection broke while COMMIT was on its way: whether the transaction was kept is not known.
    OutcomeUnknown(String),
    /// The server answered COMMIT with ROLLBACK: nothing was kept.
    CommitRolledBack,
    /// The bytes from the server make no sense.
    Protocol(String),
    /// Any other failure to operate (authentication that is not offered, a timeout …).
    Operational(String),
    /// A query was cancelled by its timeout.
    Canceled(String),
    /// A statement that cannot be built.
    Programming(String),
    /// One row was asked for and there was none.
    NoResult(String),
    /// One row was asked for and there were more.
    MultipleResults(String),
    /// UPDATE or DELETE matched another number of rows than were loaded.
    StaleRow {
        /// Table name.
        table: String,
        /// "UPDATE" or "DELETE".
        action: &'static str,
        /// Rows that should have matched.
        expected: u64,
        /// Rows that did.
        matched: u64,
        /// The objects whose rows did not, as far as that is known: `User id=7`.
        objects: Vec<String>,
    },
    /// Objects that must be written before each other.
    Cycle {
        /// The relations on the cycle, as `Model.relation`.
        relations: Vec<String>,
    },
    /// A feature that this dialect or release does not have.
    Unsupported {
        /// The feature.
        feature: String,
        /// Where it is missing, and what to use instead.
        instead: String,
    },
    /// Revisions cannot be ordered, found or run.
    Migration(Box<MigrationProblem>),
    /// An error of the host language (an exception in a default or a converter): it comes out unchanged.
    Host(Box<dyn std::error::Error + Send + Sync>),
}

/// Whose value an error speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `Model.attr`, or the column's name where no model is known.
    Named(String),
    /// A parameter of the statement, counted from 0.
    Parameter(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Parameter(index) => write!(f, "parameter {}", index + 1),
        }
    }
}

impl Error {
    /// An error of `kind`.
    #[cold]
    pub fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Inner { kind, statement: None, cause: None, notes: Vec::new() }))
    }

    /// A value that does not fit: `place` is `Model.attr` or a column's name.
    pub fn data(place: impl Into<Option<String>>, problem: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data { place: place.into().map(Place::Named), problem: problem.into() })
    }

    /// Misuse of an API object.
    pub fn interface(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Interface(message.into()))
    }

    /// Not possible in the present state.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidRequest(message.into()))
    }

    /// A feature that is not there; `instead` says where or what to use.
    pub fn unsupported(feature: impl Into<String>, instead: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported { feature: feature.into(), instead: instead.into() })
    }

    /// The server broke the protocol.
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Protocol(message.into()))
    }

    /// A name that does not exist, with the nearest of `known`.
    pub fn unknown_name<'a>(
        what: &'static str,
        name: &str,
        within: impl Into<String>,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let near = near_matches(name, known);
        Self::new(ErrorKind::UnknownName { what, name: name.into(), within: within.into(), near })
    }

    /// An error of the host language.
    pub fn host(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::new(ErrorKind::Host(Box::new(error)))
    }

    /// The same error, because of one of the host language.
    #[must_use]
    pub fn caused_by(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Box::new(cause));
        self
    }

    /// The same error, with something to be said behind its own sentence. One of the host language comes out as it was.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.0.notes.push(note.into());
        self
    }

    /// Takes the error of the host language that this one comes of.
    pub fn take_cause(&mut self) -> Option<Box<dyn std::error::Error + Send + Sync>> {
        self.0.cause.take()
    }

    /// What happened.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The kind, by value.
    pub fn into_kind(self) -> ErrorKind {
        self.0.kind
    }

    /// The SQL text that was running, where one was.
    pub fn statement(&self) -> Option<&str> {
        self.0.statement.as_deref()
    }

    /// Notes the SQL text that was running; the first note stays.
    #[must_use]
    pub fn in_statement(mut self, sql: &str) -> Self {
        self.0.statement.get_or_insert_with(|| sql.to_owned());
        self
    }

    /// Names the column that a value error speaks of, where no place is known yet.
    #[must_use]
    pub fn at(mut self, name: impl FnOnce() -> String) -> Self {
        if let ErrorKind::Data { place: place @ None, .. } = &mut self.0.kind {
            *place = Some(Place::Named(name()));
        }
        self
    }

    /// Says which parameter of the statement a value error speaks of, counted from 0, where no place is known yet.
    #[must_use]
    pub fn at_parameter(mut self, index: usize) -> Self {
        if let ErrorKind::Data { place: place @ None, .. } = &mut self.0.kind {
            *place = Some(Place::Parameter(index));
        }
        self
    }

    /// Names the column whose value a parameter is, for whoever knows.
    #[must_use]
    pub fn name_parameter(mut self, name: impl FnOnce(usize) -> Option<String>) -> Self {
        if let ErrorKind::Data { place: Some(place), .. } = &mut self.0.kind
            && let Place::Parameter(index) = *place
            && let Some(name) = name(index)
        {
            *place = Place::Named(name);
        }
        self
    }

    /// What the database said, where it was the database.
    pub fn diagnostics(&self) -> Option<&Diagnostics> {
        match &self.0.kind {
            ErrorKind::Database(diagnostics) | ErrorKind::ConnectionEnded(diagnostics) => Some(diagnostics),
            _ => None,
        }
    }

    /// The same, to add what only the caller knows (a constraint resolved through metadata).
    pub fn diagnostics_mut(&mut self) -> Option<&mut Diagnostics> {
        match &mut self.0.kind {
            ErrorKind::Database(diagnostics) => Some(diagnostics),
            _ => None,
        }
    }
}

/// Up to three of `known` that a person may have meant, best first.
pub fn near_matches<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| (strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(score, _)| *score >= 0.8)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut seen = std::collections::HashSet::new();
    scored.retain(|(_, candidate)| seen.insert(*candidate));
    scored.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.kind.fmt(f)?;
        self.0.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.0.kind).field("statement", &self.0.statement).finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            ErrorKind::Host(error) => Some(&**error),
            _ => self.0.cause.as_deref().map(|cause| cause as _),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(diagnostics) => diagnostics.fmt(f),
            Self::Data { place: Some(place), problem } => write!(f, "{place}: {problem}"),
            Self::Data { place: None, problem } => f.write_str(problem),
            Self::MissingValue { place, .. } => {
                write!(f, "{place} may not be NULL and has no value: set it, or give the column a default")
            }
            Self::UnknownName { what, name, within, near } => {
                write!(f, "{within} has no {what} `{name}`")?;
                match &near[..] {
                    [] => Ok(()),
                    near => write!(f, ": did you mean {}?", list_of(near)),
                }
            }
            Self::OtherKind { place, is, instead } => write!(f, "{place} is {is}: {instead}"),
            Self::PendingRollback { cause } => {
                write!(f, "the transaction has failed, call rollback() first; the cause was: {cause}")
            }
            Self::ConcurrentUse { what, holder, second } => {
                write!(
                    f,
                    "this {what} is in use by {holder}; {second} must wait for it or use a {what} of its own"
                )
            }
            Self::NotLoaded { place, cure, .. } => write!(f, "{place} is not loaded: {cure}"),
            Self::PoolTimeout { waited_ms, state } => {
                write!(f, "no connection became free within {} s ({state})", *waited_ms as f64 / 1000.0)
            }
            Self::PoolFull { state } => write!(f, "the line for a connection is full ({state})"),
            Self::ConnectionEnded(diagnostics) => {
                write!(f, "the server has ended the connection: {diagnostics}")
            }
            Self::CommitRolledBack => {
                f.write_str("the server answered COMMIT with ROLLBACK: nothing of this transaction was kept")
            }
            Self::StaleRow { table, action, expected, matched, objects } => {
                write!(
                    f,
                    "{action} on `{table}` expected {expected} row(s), matched {matched}: changed or deleted since it was \
                     loaded"
                )?;
                if !objects.is_empty() {
                    write!(f, ": {}", objects.join(", "))?;
                }
                f.write_str("; after rollback() refresh() reads the row as it is, to be changed again")
            }
            Self::Cycle { relations } => {
                write!(
                    f,
                    "these relations form a cycle that no order of writing satisfies: {}; post_update=True of one of them writes its \
                     key in an UPDATE of its own",
                    relations.join(", ")
                )
            }
            Self::Unsupported { feature, instead } => write!(f, "{feature} is not supported: {instead}"),
            Self::Migration(problem) => problem.fmt(f),
            Self::Host(error) => error.fmt(f),
            Self::Mapping(text)
            | Self::Interface(text)
            | Self::InvalidRequest(text)
            | Self::AmbiguousKeys(text)
            | Self::NoKeys(text)
            | Self::Bookmark(text)
            | Self::Detached(text)
            | Self::ConnectionLost(text)
            | Self::OutcomeUnknown(text)
            | Self::Protocol(text)
            | Self::Operational(text)
            | Self::Canceled(text)
            | Self::Programming(text)
            | Self::NoResult(text)
            | Self::MultipleResults(text) => f.write_str(text),
        }
    }
}

/// `` `a` or `b` ``: names for a person to choose from.
fn list_of(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_name_says_what_was_meant() {
        let error = Error::unknown_name("attribute", "nmae", "User", ["id", "name", "email"]);
        assert_eq!(error.to_string(), "User has no attribute `nmae`: did you mean `name`?");
        assert_eq!(error.class(), ErrorClass::FieldError);
    }

    #[test]
    fn near_names_are_others_and_each_once() {
        assert_eq!(near_matches("idd", ["id", "id", "idd"]), ["id"]);
    }

    #[test]
    fn unlike_names_are_not_offered() {
        let error = Error::unknown_name("attribute", "zzz", "User", ["id", "name"]);
        assert_eq!(error.to_string(), "User has no attribute `zzz`");
    }

    #[test]
    fn error_is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }
}
