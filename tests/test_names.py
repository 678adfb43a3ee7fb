"""Every name that is promised exists, is in the stubs, and says what it is. The lists are written by hand."""

import ast
import importlib
from pathlib import Path

import pytest

import ormkit

STUBS = Path(__file__).parent.parent / "stubs" / "ormkit"

TOP_LEVEL = """
    create_engine create_pool create_async_engine ConnectionPool Engine Connection QueryResult
    Base DeclarativeBase AsyncAttrs MappedAsDataclass MetaData Table Mapped mapped_column relationship foreign remote declared_attr validates
    query_tags create_engine create_pool create_async_engine ConnectionPool Engine Connection QueryResult
    Base DeclarativeBase MappedAsDataclass MetaData Table Mapped mapped_column relationship declared_attr validates
    hybrid_property association_proxy column_property synonym
    ForeignKey ForeignKeyConstraint PrimaryKeyConstraint UniqueConstraint CheckConstraint ExcludeConstraint Index Identity Computed
    ColumnInfo RelationshipInfo RelatedList Change
    Integer BigInteger SmallInteger String Text Unicode UnicodeText Float Double Boolean LargeBinary Numeric DateTime TIMESTAMP
    Date Time Interval Uuid uuid7 Enum JSON JSONB ARRAY TypeDecorator Inet Cidr Citext Tsvector Range Vector Hstore MacAddr Bit
    event inspect InstanceState AttributeState History Mapper NamedItems
    select insert update delete text func and_ or_ not_ exists aliased case cast literal union
    Query RowQuery Page Q F Count Sum Avg Min Max
    AsyncSession async_sessionmaker sessionmaker create_session session_context Transaction Row
    selectinload joinedload subqueryload lazyload raiseload noload contains_eager load_only defer undefer with_loader_criteria
    OrmkitError InterfaceError DatabaseError DBAPIError DataError OperationalError PoolTimeout ConnectionLost SerializationFailure
    DeadlockDetected QueryCanceled LockNotAvailable IntegrityError UniqueViolation ForeignKeyViolation NotNullViolation
    CheckViolation ExclusionViolation ProgrammingError InternalError NotSupportedError Unsupported InvalidRequestError
    PendingRollbackError DetachedInstanceError ConcurrentSessionUse AmbiguousForeignKeysError NoForeignKeysError BookmarkError NoResultFound MultipleResultsFound DoesNotExist
    MultipleObjectsReturned FieldError NotLoadedError RelationNotLoadedError StaleDataError CircularDependencyError
    MigrationError UncommittedWarning
    RustColumnInfo RustIndexInfo RustConstraintInfo RustTableInfo
"""

MODULES = {
    "base": "Base DeclarativeBase",
    "fields": "Mapped mapped_column ForeignKey JSON ColumnInfo Integer String DateTime TIMESTAMP Unicode UnicodeText",
    "inspection": "inspect InstanceState AttributeState History Mapper NamedItems",
    "query": "select insert update delete bindparam Query Q F Count Sum Avg Min Max",
    "relationships": "relationship foreign remote RelationshipInfo selectinload joinedload subqueryload lazyload raiseload noload contains_eager"
    " load_only defer undefer with_loader_criteria",
    "session": "AsyncSession async_sessionmaker sessionmaker create_session session_context Transaction Row ScalarResult MappingResult",
    "mixins": "SoftDeleteMixin TimestampMixin",
    "migrations": "AlembicConfig MigrationScript MigrationRunner",
    "cli": "main",
    "event": "listen listens_for remove contains FlushContext ORMExecuteState NO_VALUE ExecutionContext",
    "exc": "OrmkitError IntegrityError NoResultFound",
    "exceptions": "OrmkitError IntegrityError NoResultFound",
    "types": "Integer String JSON TypeDecorator",
    "testing": "assert_queries detect_n_plus_one ormkit_session rolled_back_session",
}

PROMISED = [("", name) for name in TOP_LEVEL.split()] + [
    (module, name) for module, names in MODULES.items() for name in names.split()
]


def declared(stub: Path) -> set[str]:
    """The names of a stub, those that it imports from another one under the same name among them."""
    names = set()
    for node in ast.parse(stub.read_text()).body:
        match node:
            case ast.ImportFrom(names=aliases):
                names |= {alias.asname for alias in aliases if alias.asname}
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case _:
                pass
    return names


@pytest.mark.parametrize(("module", "name"), PROMISED)
def test_promised_name_exists_and_says_what_it_is(module: str, name: str) -> None:
    found = getattr(importlib.import_module(f"ormkit.{module}" if module else "ormkit"), name)
    assert (found.__doc__ or "").strip()


@pytest.mark.parametrize("module", ["", *MODULES])
def test_promised_names_are_in_the_stubs(module: str) -> None:
    stub = STUBS / module / "__init__.pyi" if module in ("", "migrations") else STUBS / f"{module}.pyi"
    assert {name for where, name in PROMISED if where == module} <= declared(stub)


def test_exceptions_are_those_of_exc() -> None:
    assert importlib.import_module("ormkit.exceptions").__all__ == importlib.import_module("ormkit.exc").__all__
    assert ormkit.TIMESTAMP is ormkit.DateTime
