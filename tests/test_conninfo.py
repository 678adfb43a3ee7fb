"""Connection URLs and keyword/value texts are read as libpq reads them."""

import asyncio
import random

import psycopg
import pytest
from psycopg.pq import Conninfo

import ormkit
from ormkit._ormkit import hooks

URL_PIECES = [
    *["postgresql://", "postgres://", "user", "a.b", "10.0.0.1", "[::1]", "[", "]", ":", "/", "?", "&", "=", ",", "@"],
    *[
        "%20",
        "%2F",
        "%41",
        "%",
        "%0",
        "%zz",
        "%00",
        " ",
        "\t",
        "h1",
        "5432",
        "1",
        "db",
        "host",
        "port",
        "dbname",
        "user",
    ],
    *[
        "application_name",
        "sslmode",
        "require",
        "connect_timeout",
        "ssl=true",
        "password=p",
        "é",
        "+",
        "'",
        "\\",
        "nosuch",
    ],
    *["sslmode=prefer&", "host=/tmp", "hostaddr=::1"],
]
TEXT_PIECES = [
    *[
        "host",
        "port",
        "user",
        "password",
        "dbname",
        "sslmode",
        "nosuch",
        "=",
        "=",
        "=",
        " ",
        " ",
        "\t",
        "\n",
        "'",
        "'",
        "\\",
    ],
    *[
        "\\'",
        "\\\\",
        "a",
        "b c",
        "''",
        "é",
        "5432",
        "host=h ",
        "port = 1 ",
        "password='x y' ",
        "user=u",
        "dbname='a\\'b'",
    ],
]


def libpq(text: str) -> dict[str, str] | None:
    try:
        options = Conninfo.parse(text.encode())
    except (psycopg.Error, ValueError):
        return None
    try:
        return {option.keyword.decode(): option.val.decode() for option in options if option.val is not None}
    except UnicodeDecodeError:
        return None  # libpq passes any bytes on; here they are text


def ours(text: str) -> dict[str, str] | None:
    try:
        return dict(hooks.postgres_parameters(text))
    except ValueError:
        return None


def is_stricter(text: str) -> bool:
    """Whether the text is one of those that are refused here on purpose: an @ where a password may have been cut."""
    return "://" in text and "@" in text


def compare(text: str) -> bool:
    """Fails where the two disagree; True when both read the text."""
    theirs, read = libpq(text), ours(text)
    if read is None and theirs is not None:
        assert is_stricter(text), (text, theirs)
        return False
    assert read == theirs, text
    return read is not None


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://",
        "postgresql:///",
        "postgresql://u:p@h:1/d?sslmode=require",
        "postgresql://u@",
        "postgresql://:p@h",
        "postgresql://h1,h2:2,:3/d",
        "postgresql://,",
        "postgresql://h1,/d",
        "postgresql://[::1]:1,[fe80::1%25eth0]/d",
        "postgresql://[]/d",
        "postgresql://[::1",
        "postgresql://[::1]x",
        "postgresql://%2Ftmp/d",
        "postgresql:///d?host=/tmp&port=5433",
        "postgresql://h/a/b",
        "postgresql://h?",
        "postgresql://h?&",
        "postgresql://h?port=1&",
        "postgresql://h?port=1&&user=u",
        "postgresql://h?port",
        "postgresql://h?port=1=2",
        "postgresql://h?port=1&port=2",
        "postgresql://h?ssl=true",
        "postgresql://h?ssl=false",
        "postgresql://h?po%72t=1",
        "postgresql://h?application_name=a%20b",
        "postgresql://h?application_name=a b",
        "postgresql://h?application_name= a ",
        "postgresql://h?application_name=a\tb",
        "postgresql://h?nosuch=1",
        "postgresql://h?Port=1",
        "postgresql://h:%31/",
        "postgresql://u%zz@h",
        "postgresql://u%00@h",
        "host=h port=1",
        "host = h\tport\n=\n1",
        "host=",
        "host= port=1",
        "host='' port=1",
        "host='a b' password='it\\'s'",
        "host='a'port=1",
        "host=a\\ b",
        "host=a\\",
        "host='a\\",
        "host",
        "host h",
        "=h",
        "nosuch=1",
        "host=h host=i",
        "host=a'b",
    ],
)
def test_texts_are_read_as_libpq_reads_them(text: str) -> None:
    compare(text)


@pytest.mark.parametrize("seed", range(8))
def test_random_texts_are_read_as_libpq_reads_them(seed: int) -> None:
    chance = random.Random(seed)
    read = 0
    for _ in range(3000):
        url = "postgresql://" + "".join(chance.choices(URL_PIECES[2:], k=chance.randint(0, 9)))
        read += compare(url)
        text = chance.choice(["host=", "user = ", "dbname='"]) + "".join(
            chance.choices(TEXT_PIECES, k=chance.randint(0, 9))
        )
        if "://" not in text:
            read += compare(text)
    assert read > 300


def test_keyword_text_describes_an_engine() -> None:
    engine = ormkit.create_engine("host=db.example port=6000 user=app password='s3 cret' dbname=shop")
    assert "db.example:6000" in engine.url
    assert "s3" not in engine.url


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("postgresql://u:s3cret@h/d?colour=red", "known are"),
        ("postgresql://u:s3cret@h/d?sslmode=maybe", "verify-full"),
        ("postgresql://u:s3cret@h/d?sslrootcert=system&sslmode=require", "verify-full"),
        ("host=h password='s3cret", "quote"),
        ("host=h password=s3cret colour=red", "known are"),
        ("host=h password=s3cret require_auth=magic", "require_auth"),
    ],
)
def test_mistakes_are_named_and_passwords_are_not(url: str, part: str) -> None:
    with pytest.raises(ormkit.InterfaceError) as caught:
        ormkit.create_engine(url)
    assert part in str(caught.value)
    assert "s3cret" not in repr(caught.value)


async def test_settings_reach_every_session(postgres_url: str) -> None:
    async with ormkit.create_engine(postgres_url, settings={"search_path": "shop", "lock_timeout": "5s"}) as engine:
        assert (await engine.execute("SHOW search_path")).scalar() == "shop"
        assert (await engine.execute("SHOW lock_timeout")).scalar() == "5s"


@pytest.mark.parametrize("settings", [{"DateStyle": "German"}, {"a\0b": "c"}, {"a": "b\0c"}, {"": "x"}])
def test_settings_that_the_driver_needs_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ormkit.InterfaceError):
        ormkit.create_engine("postgresql://u@h/d", settings=settings)
    with pytest.raises(ormkit.NotSupportedError):
        ormkit.create_engine("sqlite:///x.db", settings=settings)


@pytest.mark.parametrize(("query", "option"), [("?connect_timeout=0.2", None), ("?connect_timeout=30", 0.2), ("", 0.2)])
async def test_connect_timeout_is_the_options_or_the_urls(query: str, option: float | None) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    engine = ormkit.create_engine(f"postgresql://u@127.0.0.1:{port}/d{query}", connect_timeout=option)
    with pytest.raises(ormkit.OperationalError):
        await asyncio.wait_for(engine.execute("SELECT 1"), 5)
    await engine.close()
    await asyncio.wait_for(ended.wait(), 5)
    server.close()
