//! The exception classes: names, bases and documentation, roots before leaves.
use ormkit_core::error::ErrorClass as C;

/// One class of the tree.
pub(super) struct Node {
    /// What the core calls it; None for classes that only Python raises.
    pub(super) class: Option<C>,
    /// The public name.
    pub(super) name: &'static str,
    /// A class above it in this table, or a built-in exception; the first comes first in the MRO.
    pub(super) bases: &'static [&'static str],
    /// `__doc__`.
    pub(super) doc: &'static str,
}

const fn node(class: C, name: &'static str, bases: &'static [&'static str], doc: &'static str) -> Node {
    Node { class: Some(class), name, bases, doc }
}

const fn own(name: &'static str, bases: &'static [&'static str], doc: &'static str) -> Node {
    Node { class: None, name, bases, doc }
}

/// All classes; every base stands above what derives from it.
pub(super) const TREE: &[Node] = &[
    own("OrmkitError", &["Exception"], "The root of all errors."),
    node(
        C::InterfaceError,
        "InterfaceError",
        &["OrmkitError"],
        "Misuse of an engine or connection: it is closed, its URL is malformed.",
    ),
    node(C::DatabaseError, "DatabaseError", &["OrmkitError"], "What the database or the way to it says."),
    node(
        C::DataError,
        "DataError",
        &["DatabaseError"],
        "A value does not fit its column, or its Python type.",
    ),
    node(
        C::OperationalError,
        "OperationalError",
        &["DatabaseError"],
        "The database cannot do it now: connections, memory, permissions to log in.",
    ),
    node(
        C::PoolTimeout,
        "PoolTimeout",
        &["OperationalError", "TimeoutError"],
        "No connection became free within `acquire_timeout`.",
    ),
    node(
        C::ConnectionLost,
        "ConnectionLost",
        &["OperationalError"],
        "The server cannot be reached, or the connection broke.",
    ),
    node(
        C::OutcomeUnknown,
        "OutcomeUnknown",
        &["ConnectionLost"],
        "The connection broke during COMMIT: whether the transaction was kept is not known, so it is never run again.",
    ),
    node(
        C::SerializationFailure,
        "SerializationFailure",
        &["OperationalError"],
        "A concurrent transaction got in the way (40001): run the transaction again.",
    ),
    node(
        C::DeadlockDetected,
        "DeadlockDetected",
        &["OperationalError"],
        "A deadlock was broken by ending this transaction (40P01): run it again.",
    ),
    node(
        C::QueryCanceled,
        "QueryCanceled",
        &["OperationalError"],
        "The statement was cancelled by its timeout or by request (57014).",
    ),
    node(
        C::LockNotAvailable,
        "LockNotAvailable",
        &["OperationalError"],
        "A lock is held by another transaction (55P03).",
    ),
    node(C::IntegrityError, "IntegrityError", &["DatabaseError"], "A constraint refuses the rows."),
    node(
        C::UniqueViolation,
        "UniqueViolation",
        &["IntegrityError"],
        "A row with the same unique value exists (23505).",
    ),
    node(
        C::ForeignKeyViolation,
        "ForeignKeyViolation",
        &["IntegrityError"],
        "The row referred to does not exist, or is still referred to (23503).",
    ),
    node(
        C::NotNullViolation,
        "NotNullViolation",
        &["IntegrityError"],
        "A column that may not be NULL has no value (23502).",
    ),
    node(C::CheckViolation, "CheckViolation", &["IntegrityError"], "A CHECK constraint is false (23514)."),
    node(
        C::ExclusionViolation,
        "ExclusionViolation",
        &["IntegrityError"],
        "An exclusion constraint of PostgreSQL is violated (23P01).",
    ),
    node(
        C::ProgrammingError,
        "ProgrammingError",
        &["DatabaseError"],
        "The statement is wrong: syntax, unknown tables or columns, types that do not fit.",
    ),
    node(
        C::InternalError,
        "InternalError",
        &["DatabaseError"],
        "The database is in a state of its own making.",
    ),
    node(
        C::NotSupportedError,
        "NotSupportedError",
        &["DatabaseError"],
        "The database or this release does not have the feature.",
    ),
    node(
        C::InvalidRequestError,
        "InvalidRequestError",
        &["OrmkitError"],
        "Not possible in the present state of the object, session or mapping.",
    ),
    node(
        C::PendingRollbackError,
        "PendingRollbackError",
        &["InvalidRequestError"],
        "The transaction has failed: only `rollback()` is possible.",
    ),
    node(
        C::DetachedInstanceError,
        "DetachedInstanceError",
        &["InvalidRequestError"],
        "The object belongs to no session.",
    ),
    node(
        C::AmbiguousForeignKeysError,
        "AmbiguousForeignKeysError",
        &["InvalidRequestError", "TypeError"],
        "Several foreign keys join the tables: the text lists them.",
    ),
    node(
        C::NoForeignKeysError,
        "NoForeignKeysError",
        &["InvalidRequestError", "TypeError"],
        "No foreign key joins the tables.",
    ),
    node(
        C::BookmarkError,
        "BookmarkError",
        &["InvalidRequestError", "ValueError"],
        "The text is no bookmark of this query: it was changed, or is of another class or order.",
    ),
    node(
        C::ConcurrentSessionUse,
        "ConcurrentSessionUse",
        &["InvalidRequestError"],
        "Two tasks use one session at the same time.",
    ),
    node(
        C::NoResultFound,
        "NoResultFound",
        &["OrmkitError", "LookupError", "ValueError"],
        "A row was asked for and there is none.",
    ),
    node(
        C::MultipleResultsFound,
        "MultipleResultsFound",
        &["OrmkitError", "ValueError"],
        "One row was asked for and there are more.",
    ),
    node(
        C::FieldError,
        "FieldError",
        &["OrmkitError", "TypeError"],
        "The model has no attribute, lookup or relation of this name.",
    ),
    node(
        C::NotLoadedError,
        "NotLoadedError",
        &["OrmkitError", "AttributeError"],
        "The attribute is not loaded: reading never does IO.",
    ),
    node(
        C::RelationNotLoadedError,
        "RelationNotLoadedError",
        &["NotLoadedError"],
        "The relation is not loaded: reading never does IO.",
    ),
    node(
        C::StaleDataError,
        "StaleDataError",
        &["OrmkitError"],
        "A row was changed or deleted by another since it was loaded.",
    ),
    node(
        C::CircularDependencyError,
        "CircularDependencyError",
        &["OrmkitError"],
        "Objects would have to be written before each other.",
    ),
    node(
        C::MigrationError,
        "MigrationError",
        &["OrmkitError"],
        "A migration cannot be found, ordered or run.",
    ),
];

/// Other names of the same classes.
pub(super) const ALIASES: &[(&str, &str)] = &[
    ("DBAPIError", "DatabaseError"),
    ("Unsupported", "NotSupportedError"),
    ("DoesNotExist", "NoResultFound"),
    ("MultipleObjectsReturned", "MultipleResultsFound"),
];

/// The stable id of a class: its name in lower case with hyphens (`unique-violation`).
pub(super) fn code(name: &str) -> String {
    let mut code = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !code.is_empty() {
            code.push('-');
        }
        code.push(letter.to_ascii_lowercase());
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_base_stands_above_what_derives_from_it() {
        for (at, node) in TREE.iter().enumerate() {
            let own = node.bases.iter().filter(|base| TREE.iter().any(|other| other.name == **base));
            for base in own {
                assert!(TREE[..at].iter().any(|other| other.name == *base), "{} before {base}", node.name);
            }
        }
    }

    #[test]
    fn names_are_those_of_the_core() {
        for node in TREE {
            if let Some(class) = node.class {
                assert_eq!(format!("{class:?}"), node.name);
            }
        }
    }

    #[test]
    fn code_is_the_name_with_hyphens() {
        assert_eq!(code("UniqueViolation"), "unique-violation");
    }
}
