"""The tree of exceptions: bases, attributes, names."""

import pickle

import pytest

from ormkit import _ormkit, exc

BASES = {
    "InterfaceError": "OrmkitError",
    "DatabaseError": "OrmkitError",
    "DataError": "DatabaseError",
    "OperationalError": "DatabaseError",
    "PoolTimeout": "OperationalError",
    "ConnectionLost": "OperationalError",
    "SerializationFailure": "OperationalError",
    "DeadlockDetected": "OperationalError",
    "QueryCanceled": "OperationalError",
    "LockNotAvailable": "OperationalError",
    "IntegrityError": "DatabaseError",
    "UniqueViolation": "IntegrityError",
    "ForeignKeyViolation": "IntegrityError",
    "NotNullViolation": "IntegrityError",
    "CheckViolation": "IntegrityError",
    "ExclusionViolation": "IntegrityError",
    "ProgrammingError": "DatabaseError",
    "InternalError": "DatabaseError",
    "NotSupportedError": "DatabaseError",
    "InvalidRequestError": "OrmkitError",
    "PendingRollbackError": "InvalidRequestError",
    "DetachedInstanceError": "InvalidRequestError",
    "AmbiguousForeignKeysError": "InvalidRequestError",
    "NoForeignKeysError": "InvalidRequestError",
    "BookmarkError": "InvalidRequestError",
    "ConcurrentSessionUse": "InvalidRequestError",
    "NoResultFound": "OrmkitError",
    "MultipleResultsFound": "OrmkitError",
    "FieldError": "OrmkitError",
    "NotLoadedError": "OrmkitError",
    "RelationNotLoadedError": "NotLoadedError",
    "StaleDataError": "OrmkitError",
    "CircularDependencyError": "OrmkitError",
    "MigrationError": "OrmkitError",
}


@pytest.mark.parametrize(("name", "base"), BASES.items())
def test_class_stands_at_its_place(name: str, base: str):
    cls = getattr(exc, name)
    assert cls.__bases__[0] is getattr(exc, base)
    assert cls.__module__ == "ormkit.exc"


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (exc.PoolTimeout, TimeoutError),
        (exc.NoResultFound, LookupError),
        (exc.NoResultFound, ValueError),
        (exc.MultipleResultsFound, ValueError),
        (exc.FieldError, TypeError),
        (exc.NotLoadedError, AttributeError),
        (exc.RelationNotLoadedError, AttributeError),
    ],
)
def test_class_is_caught_as_the_builtin_exception(cls: type, builtin: type):
    assert issubclass(cls, builtin)


def test_aliases_are_the_same_classes():
    assert exc.DBAPIError is exc.DatabaseError
    assert exc.Unsupported is exc.NotSupportedError
    assert exc.DoesNotExist is exc.NoResultFound
    assert exc.MultipleObjectsReturned is exc.MultipleResultsFound


def test_every_database_error_has_every_attribute():
    error = exc.UniqueViolation("x")
    assert (error.sqlstate, error.detail, error.hint, error.statement) == (None, None, None, None)
    assert (error.constraint_name, error.table, error.columns, error.schema) == (None, None, (), None)
    assert error.code == "unique-violation"


def test_codes_are_unique():
    codes = [getattr(exc, name).code for name in ["OrmkitError", *BASES]]
    assert len(set(codes)) == len(codes)


def test_error_survives_pickling_with_its_attributes():
    error = exc.UniqueViolation("duplicate")
    error.table = "users"
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is exc.UniqueViolation
    assert (str(copy), copy.table) == ("duplicate", "users")


def test_module_exports_what_the_extension_has():
    exported = {name for name, value in vars(_ormkit).items() if getattr(value, "__module__", "") == "ormkit.exc"}
    assert exported == set(exc.__all__)
