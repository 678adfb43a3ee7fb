"""Spans of OpenTelemetry. The provider of a process can be set up once only: each test is a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio, json, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from library import Author, Base, Book
from ormkit import AsyncSession, OrmkitError, create_engine, selectinload

async def main(url):
    exporter = InMemorySpanExporter()
    async with create_engine(url, max_connections=2) as engine:
        await engine.execute("SELECT 'before there is a provider'")
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        trace.set_tracer_provider(provider)
        tracer = trace.get_tracer("program")
        await Base.metadata.create_all(engine)
        exporter.clear()

        async def work(name):
            with tracer.start_as_current_span(name):
                async with AsyncSession(engine) as session:
                    async with session.begin():
                        session.add(Author(name=name, books=[Book(title=name)]))
                async with AsyncSession(engine) as session:
                    await session.query(Author).filter(name=name).options(selectinload(Author.books)).one()
                try:
                    await engine.execute("SELECT nothing FROM nowhere")
                except OrmkitError:
                    pass

        await asyncio.gather(work("one"), work("two"))
        with tracer.start_as_current_span("late"):
            slow = asyncio.ensure_future(engine.execute(SLOW[engine.dialect]))
            await asyncio.sleep(0.05)
            slow.cancel()
            await asyncio.gather(slow, return_exceptions=True)
    spans = exporter.get_finished_spans()
    names = {span.context.span_id: span.name for span in spans}
    print(json.dumps([
        {"name": span.name, "parent": names.get(span.parent.span_id) if span.parent else None,
         "kind": span.kind.name, "status": span.status.status_code.name, "scope": span.instrumentation_scope.name,
         **span.attributes}
        for span in spans
    ]))

SLOW = {
    "postgresql": "SELECT pg_sleep(5)",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000000) SELECT max(i) FROM n",
}
asyncio.run(main(sys.argv[1]))
"""


def test_each_statement_is_a_span_of_who_began_it(url):
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", PROGRAM, url]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr
    output = ended.stdout
    spans = json.loads(output)
    ours = [span for span in spans if span["scope"] == "ormkit"]
    assert {span["kind"] for span in ours} == {"CLIENT"}
    assert not any("before" in span["db.query.text"] for span in ours)
    postgres = url.startswith("postgres")
    for name in ("one", "two"):
        own = [span for span in ours if span["parent"] == name]
        assert [span["name"] for span in own] == ["BEGIN", "INSERT", "INSERT", "COMMIT", "SELECT", "SELECT", "SELECT"]
        assert [span["status"] for span in own] == ["UNSET"] * 6 + ["ERROR"]
        assert own[4]["db.query.text"].startswith("SELECT id, name") and own[4]["db.response.returned_rows"] == 1
        failed = own[-1]
        assert failed["error.type"] == "ProgrammingError"
        assert failed["db.response.status_code"] == ("42P01" if postgres else failed["db.response.status_code"])
    (late,) = [span for span in ours if span["parent"] == "late"]
    assert (late["status"], late["error.type"]) == ("ERROR", "cancelled")
    assert late["db.system.name"] == ("postgresql" if postgres else "sqlite")
    assert (late.get("server.address") is not None, "server.port" in late) == (postgres, postgres)
    assert late["db.namespace"] in url
    # Values are in no span.
    assert "'one'" not in output


def test_program_without_opentelemetry_goes_on(sqlite_url):
    program = """
import asyncio, sys
sys.modules["opentelemetry"] = None
import ormkit
async def main():
    async with ormkit.create_engine(sys.argv[1]) as engine:
        print((await engine.execute("SELECT 1")).scalar())
asyncio.run(main())
"""
    output = subprocess.run([sys.executable, "-c", program, sqlite_url], check=True, capture_output=True, text=True)
    assert output.stdout == "1\n"
