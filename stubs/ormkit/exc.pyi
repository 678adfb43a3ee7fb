"""Every error that ormkit raises, in one tree with the words of DB-API 2."""

class OrmkitError(Exception):
    """The root. `code` is stable, made of the class's name."""

    code: str
    message: str

class InterfaceError(OrmkitError):
    """The library was used in a way that cannot work: a closed engine, a malformed URL."""

class DatabaseError(OrmkitError):
    """The database refused something; the attributes say what it told."""

    sqlstate: str | None
    detail: str | None
    hint: str | None
    constraint_name: str | None
    table: str | None
    columns: tuple[str, ...]
    schema: str | None
    statement: str | None

DBAPIError = DatabaseError

class DataError(DatabaseError):
    """A value that the column cannot hold; found before anything is sent where that is possible."""

class OperationalError(DatabaseError):
    """Not the program's fault: the server, the network, the moment."""

class PoolTimeout(OperationalError, TimeoutError):
    """No connection became free in time."""

class ConnectionLost(OperationalError): ...

class OutcomeUnknown(ConnectionLost):
    """The connection broke during COMMIT: whether the transaction was kept is not known."""

class SerializationFailure(OperationalError): ...
class DeadlockDetected(OperationalError): ...
class QueryCanceled(OperationalError): ...
class LockNotAvailable(OperationalError): ...

class IntegrityError(DatabaseError):
    """A constraint was violated."""

class UniqueViolation(IntegrityError): ...
class ForeignKeyViolation(IntegrityError): ...
class NotNullViolation(IntegrityError): ...
class CheckViolation(IntegrityError): ...
class ExclusionViolation(IntegrityError): ...
class ProgrammingError(DatabaseError): ...
class InternalError(DatabaseError): ...

class NotSupportedError(DatabaseError):
    """Something that this database, or ormkit on it, cannot do; named in the message."""

Unsupported = NotSupportedError

class InvalidRequestError(OrmkitError):
    """The session or the models were asked for something that makes no sense in their state."""

class PendingRollbackError(InvalidRequestError):
    """The transaction failed before; only a rollback goes on."""

class DetachedInstanceError(InvalidRequestError): ...

class AmbiguousForeignKeysError(InvalidRequestError, TypeError):
    """Several foreign keys join the tables: the text lists them."""

class NoForeignKeysError(InvalidRequestError, TypeError):
    """No foreign key joins the tables."""

class BookmarkError(InvalidRequestError, ValueError):
    """The text is no bookmark of this query: it was changed, or is of another class or order."""

class ConcurrentSessionUse(InvalidRequestError):
    """Two tasks in one session at the same time."""

class NoResultFound(OrmkitError, LookupError, ValueError): ...
class MultipleResultsFound(OrmkitError, ValueError): ...

DoesNotExist = NoResultFound
MultipleObjectsReturned = MultipleResultsFound

class FieldError(OrmkitError, TypeError):
    """An attribute, lookup or relation that does not exist, with what was probably meant."""

class NotLoadedError(OrmkitError, AttributeError):
    """An attribute that was not loaded; reading it never does IO."""

class RelationNotLoadedError(NotLoadedError): ...
class StaleDataError(OrmkitError): ...
class CircularDependencyError(OrmkitError): ...

class MigrationError(OrmkitError):
    file: str | None
    revisions: tuple[str, ...]
    statement: str | None

class UncommittedWarning(UserWarning):
    """A session was left with changes that nobody committed."""
