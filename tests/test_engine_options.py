"""What `create_engine` takes: options by keyword, checked before anything is opened."""

from __future__ import annotations

import inspect
from urllib.parse import urlsplit

import pytest

import ormkit
from ormkit import InterfaceError, OperationalError, create_async_engine, create_engine, create_pool


def test_options_are_told_by_the_signature():
    parameters = inspect.signature(create_engine).parameters
    assert parameters["max_connections"].default == 10
    assert parameters["max_connections"].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            {"max_conections": 3},
            TypeError,
            r"unexpected keyword argument 'max_conections'; did you mean max_connections",
        ),
        ({"max_connections": "3"}, TypeError, r"create_engine\(\) argument max_connections: "),
        ({"max_connections": 0}, ValueError, "max_connections must be at least 1"),
        ({"min_connections": 11}, ValueError, "not below min_connections"),
        ({"acquire_timeout": -1}, ValueError, "acquire_timeout must be a number of seconds from 0 upwards"),
        ({"idle_timeout": "1"}, TypeError, "argument idle_timeout"),
    ],
)
def test_wrong_options_are_named(options, error, text):
    with pytest.raises(error, match=text):
        create_engine("sqlite::memory:", **options)


async def test_pool_takes_its_sizes_by_position(url: str):
    async with create_pool(url, 0, 3, acquire_timeout=1) as engine:
        assert engine.status().max == 3
        assert (await engine.execute("SELECT 1")).scalar() == 1
    assert create_pool(url, max_connections=2).status().max == 2
    with pytest.raises(ValueError, match="not below min_connections"):
        create_pool(url, 4, 3)


class NullPool:
    pass


class AsyncAdaptedQueuePool:
    pass


class AssertionPool:
    pass


@pytest.mark.parametrize(
    ("options", "most"),
    [
        ({}, 15),
        ({"pool_size": 20}, 30),
        ({"pool_size": 3, "max_overflow": 0}, 3),
        ({"max_overflow": 2}, 7),
        ({"pool_size": 5, "max_overflow": -1}, 2**31 - 1),
        ({"pool_size": 0}, 2**31 - 1),
        ({"max_connections": 4}, 4),
        ({"poolclass": AsyncAdaptedQueuePool, "pool_size": 1}, 11),
        ({"poolclass": NullPool}, 2**31 - 1),
    ],
)
def test_sizes_in_sqlalchemys_words(options, most):
    assert create_async_engine("sqlite+aiosqlite:///:memory:", **options).status().max == most


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"creator": print}, TypeError, "has no use for creator: password= is for tokens"),
        ({"connect_args": {"mode": [1]}}, TypeError, "connect_args: mode is a text, a number or a bool, not list"),
        ({"connect_args": ["mode"]}, TypeError, "connect_args is a dict of the URL's parameters"),
        ({"connect_args": {"check_same_treads": False}}, InterfaceError, "unknown parameter `check_same_treads`"),
        (
            {"connect_args": {"statement_cache_size": 0}},
            TypeError,
            'word of another driver: write create_engine.prepared="unn',
        ),
        (
            {"connect_args": {"prepared_statement_name_func": str}},
            TypeError,
            "word of another driver: write create_engine",
        ),
        ({"connect_args": {"server_settings": {}}}, TypeError, "write create_engine.settings="),
        ({"poolclass": "StaticPool"}, TypeError, "poolclass is a class, not str"),
        ({"isolation_level": "SERIALIZABLE"}, TypeError, "has no use for isolation_level: AsyncSession"),
        ({"poolclass": AssertionPool}, TypeError, "has no use for poolclass=AssertionPool"),
        ({"pool_size": 3, "max_connections": 3}, TypeError, "got both pool_size and max_connections"),
        ({"pool_timeout": 3, "acquire_timeout": 3}, TypeError, "got both pool_timeout and acquire_timeout"),
        ({"poolclass": NullPool, "pool_size": 3}, TypeError, "got both pool_size and max_connections"),
        ({"pool_sizes": 3}, TypeError, "unexpected keyword argument 'pool_sizes'; did you mean pool_size"),
        ({"future": False}, TypeError, "future=True alone"),
        ({"pool_size": -1}, ValueError, "pool_size is a number from 0 up"),
    ],
)
def test_words_without_meaning_are_named(options, error, text):
    with pytest.raises(error, match=text):
        create_async_engine("sqlite::memory:", **options)


async def test_words_of_sqlites_driver_are_understood() -> None:
    words = {"check_same_thread": False, "timeout": 0.5, "uri": True}
    async with create_async_engine("sqlite+aiosqlite://", connect_args=words) as engine:
        assert (await engine.execute("SELECT 1")).scalar() == 1
    with pytest.raises(InterfaceError, match="`timeout` is not a number of seconds"):
        create_async_engine("sqlite+aiosqlite://", connect_args={"timeout": "soon"})
    with pytest.raises(TypeError, match="write create_engine.connect_timeout="):
        create_async_engine("postgresql://localhost/d", connect_args={"timeout": 5})


@pytest.mark.parametrize("form", ["url", "url with parameters", "keywords"])
async def test_connect_args_are_parameters_of_the_url(postgres_url: str, form: str):
    name = "it's \\ & = ? %41 ü"
    parts = urlsplit(postgres_url)
    url = {
        "url": postgres_url,
        "url with parameters": f"{postgres_url}?application_name=other&sslmode=disable",
        "keywords": f"host={parts.hostname} port={parts.port} dbname={parts.path[1:]} user={parts.username} "
        f"password={parts.password} application_name=other",
    }[form]
    arguments = {"application_name": name, "keepalives": True, "keepalives_idle": 7}
    async with create_engine(url, connect_args=arguments) as engine:
        known = await engine.execute("SELECT current_setting('application_name')")
        # Servers before 16 keep only what is ASCII of this setting.
        assert known.scalar() in (name.replace("ü", "??"), name.replace("ü", r"\xc3\xbc"))


async def test_connect_args_of_sqlite_open_a_file_as_they_say(tmp_path):
    with pytest.raises(OperationalError):
        async with create_engine(f"sqlite:///{tmp_path}/none.db#x", connect_args={"mode": "rw"}) as engine:
            await engine.execute("SELECT 1")


async def test_null_pool_keeps_no_connection(postgres_url: str):
    async with create_async_engine(postgres_url, poolclass=NullPool, echo=False, future=True) as engine:
        pids = [(await engine.execute("SELECT pg_backend_pid()")).scalar() for _ in range(3)]
        assert len(set(pids)) == 3
        assert engine.status().size == 0


async def test_times_and_pings_in_sqlalchemys_words(postgres_url: str):
    url = postgres_url.replace("postgresql://", "postgresql+asyncpg://")
    async with create_async_engine(
        url, pool_size=1, max_overflow=0, pool_timeout=0.05, pool_recycle=-1, pool_pre_ping=True
    ) as engine:
        async with engine.connect():
            with pytest.raises(ormkit.PoolTimeout, match="within 0.05 s"):
                await engine.execute("SELECT 1")
        assert (await engine.execute("SELECT 1")).scalar() == 1


class Url:
    """As SQLAlchemy's: its text hides the password."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __str__(self) -> str:
        return "***"

    def render_as_string(self, hide_password: bool = True) -> str:
        assert not hide_password
        return self.url


async def test_url_object_is_read_with_its_password(postgres_url: str):
    async with create_async_engine(Url(postgres_url)) as engine:
        assert (await engine.execute("SELECT 1")).scalar() == 1
