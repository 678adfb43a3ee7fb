//! Which class of the public error tree an error belongs to.

use super::{Error, ErrorKind, SqlState};

/// The leaves and branches of the error tree, by their public names. A binding makes one exception class of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names are the documentation; the tree is in the user guide
pub enum ErrorClass {
    InterfaceError,
    DatabaseError,
    DataError,
    OperationalError,
    PoolTimeout,
    ConnectionLost,
    OutcomeUnknown,
    SerializationFailure,
    DeadlockDetected,
    QueryCanceled,
    LockNotAvailable,
    IntegrityError,
    UniqueViolation,
    ForeignKeyViolation,
    NotNullViolation,
    CheckViolation,
    ExclusionViolation,
    ProgrammingError,
    InternalError,
    NotSupportedError,
    InvalidRequestError,
    PendingRollbackError,
    DetachedInstanceError,
    AmbiguousForeignKeysError,
    NoForeignKeysError,
    BookmarkError,
    ConcurrentSessionUse,
    NoResultFound,
    MultipleResultsFound,
    FieldError,
    NotLoadedError,
    RelationNotLoadedError,
    StaleDataError,
    CircularDependencyError,
    MigrationError,
    /// An error of the host language, to be raised unchanged.
    Host,
}

impl Error {
    /// The class of the public tree.
    pub fn class(&self) -> ErrorClass {
        use ErrorClass as C;
        match self.kind() {
            ErrorKind::Database(diagnostics) => of_state(diagnostics.sqlstate),
            ErrorKind::Data { .. } => C::DataError,
            ErrorKind::MissingValue { .. } => C::NotNullViolation,
            ErrorKind::UnknownName { .. } | ErrorKind::OtherKind { .. } => C::FieldError,
            ErrorKind::Mapping(_) | ErrorKind::InvalidRequest(_) => C::InvalidRequestError,
            ErrorKind::Interface(_) => C::InterfaceError,
            ErrorKind::PendingRollback { .. } => C::PendingRollbackError,
            ErrorKind::ConcurrentUse { .. } => C::ConcurrentSessionUse,
            ErrorKind::AmbiguousKeys(_) => C::AmbiguousForeignKeysError,
            ErrorKind::NoKeys(_) => C::NoForeignKeysError,
            ErrorKind::Bookmark(_) => C::BookmarkError,
            ErrorKind::Detached(_) => C::DetachedInstanceError,
            ErrorKind::NotLoaded { relation: true, .. } => C::RelationNotLoadedError,
            ErrorKind::NotLoaded { relation: false, .. } => C::NotLoadedError,
            ErrorKind::PoolTimeout { .. } | ErrorKind::PoolFull { .. } => C::PoolTimeout,
            ErrorKind::ConnectionLost(_) | ErrorKind::ConnectionEnded(_) => C::ConnectionLost,
            ErrorKind::OutcomeUnknown(_) => C::OutcomeUnknown,
            ErrorKind::CommitRolledBack | ErrorKind::Operational(_) | ErrorKind::Protocol(_) => {
                C::OperationalError
            }
            ErrorKind::Canceled(_) => C::QueryCanceled,
            ErrorKind::Programming(_) => C::ProgrammingError,
            ErrorKind::NoResult(_) => C::NoResultFound,
            ErrorKind::MultipleResults(_) => C::MultipleResultsFound,
            ErrorKind::StaleRow { .. } => C::StaleDataError,
            ErrorKind::Cycle { .. } => C::CircularDependencyError,
            ErrorKind::Unsupported { .. } => C::NotSupportedError,
            ErrorKind::Migration(_) => C::MigrationError,
            ErrorKind::Host(_) => C::Host,
        }
    }
}

/// The class of a SQLSTATE: exact codes first, then their two-character class.
fn of_state(state: SqlState) -> ErrorClass {
    use ErrorClass as C;
    match state {
        SqlState::UNIQUE_VIOLATION => return C::UniqueViolation,
        SqlState::FOREIGN_KEY_VIOLATION => return C::ForeignKeyViolation,
        SqlState::NOT_NULL_VIOLATION => return C::NotNullViolation,
        SqlState::CHECK_VIOLATION => return C::CheckViolation,
        SqlState::EXCLUSION_VIOLATION => return C::ExclusionViolation,
        SqlState::SERIALIZATION_FAILURE => return C::SerializationFailure,
        SqlState::DEADLOCK_DETECTED => return C::DeadlockDetected,
        SqlState::QUERY_CANCELED => return C::QueryCanceled,
        SqlState::LOCK_NOT_AVAILABLE => return C::LockNotAvailable,
        SqlState::IN_FAILED_TRANSACTION => return C::PendingRollbackError,
        _ => {}
    }
    match state.class() {
        "22" => C::DataError,
        "23" => C::IntegrityError,
        "0A" => C::NotSupportedError,
        "08" => C::ConnectionLost,
        "57" if matches!(state.as_str(), "57P01" | "57P02" | "57P03" | "57P05") => C::ConnectionLost,
        "40" | "53" | "54" | "55" | "57" | "58" | "28" | "3D" => C::OperationalError,
        "42" | "26" | "34" | "3F" | "2F" | "38" | "39" | "44" => C::ProgrammingError,
        "24" | "25" | "2D" | "XX" => C::InternalError,
        _ => C::DatabaseError,
    }
}
