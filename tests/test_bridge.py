"""The border to asyncio: operations, sockets, timers and background work on asyncio's loop and on uvloop."""

import asyncio
import collections.abc
import contextlib
import contextvars
import gc
import os
import signal
import socket
import sys
import threading
import warnings
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop

from ormkit._ormkit import hooks

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    loop = LOOPS[request.param]()
    yield loop
    if not loop.is_closed():
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@pytest.fixture
def run(loop: asyncio.AbstractEventLoop) -> Run:
    return loop.run_until_complete


@contextlib.asynccontextmanager
async def echo_server(pause: float = 0.0) -> AsyncIterator[tuple[str, int]]:
    live, all_ended = 0, asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal live
        live += 1
        all_ended.clear()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                await asyncio.sleep(pause)
                writer.write(data)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        live -= 1
        if not live:
            all_ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[:2]
        await asyncio.wait_for(all_ended.wait(), 10)  # every test ends its connections: the server sees it
    finally:
        server.close()


# What an operation is.


def test_operation_passes_for_a_coroutine_and_not_for_a_future() -> None:
    operation = hooks.ready(1)
    assert asyncio.iscoroutine(operation)
    assert isinstance(operation, collections.abc.Coroutine)
    assert not asyncio.isfuture(operation)
    assert operation.__name__ == operation.__qualname__ == "hooks.ready"
    operation.close()


@pytest.mark.parametrize("value", [None, 5, (1, 2), [], "", StopIteration(3), Exception])
def test_value_comes_through_unchanged(run: Run, value: object) -> None:
    async def main() -> None:
        assert await hooks.ready(value) is value
        assert await hooks.call(lambda: value, 0.001) is value
        assert await asyncio.create_task(hooks.call(lambda: value, 0.001)) is value

    run(main())


@pytest.mark.parametrize("pause", [0.0, 0.001])
def test_exception_comes_through_with_its_own_traceback(run: Run, pause: float) -> None:
    def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as raised:
        run(hooks.call(fail, pause))
    assert "fail" in [entry.name for entry in raised.traceback]


def test_ready_operation_does_not_suspend() -> None:
    async def main() -> None:
        turned: list[bool] = []
        asyncio.get_running_loop().call_soon(turned.append, True)
        await hooks.ready(1)
        assert turned == []

    asyncio.run(main())


def test_nothing_runs_before_the_await(run: Run) -> None:
    calls: list[int] = []

    async def main() -> None:
        operation = hooks.call(lambda: calls.append(1))
        await asyncio.sleep(0)
        assert calls == []
        await operation
        assert calls == [1]

    run(main())


def test_operation_is_awaited_once(run: Run) -> None:
    async def main() -> None:
        operation = hooks.sleep(0.001)
        await operation
        with pytest.raises(RuntimeError, match="cannot reuse already awaited"):
            await operation

    run(main())


def test_second_task_cannot_await_a_waiting_operation(run: Run) -> None:
    async def wait(operation: Any) -> None:
        await operation

    async def main() -> None:
        operation = hooks.sleep(0.01)
        first = asyncio.create_task(wait(operation))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="is being awaited already"):
            await wait(operation)
        await first

    run(main())


def test_operation_cannot_be_driven_from_inside_its_own_poll(run: Run) -> None:
    errors: list[ValueError] = []

    def reenter() -> None:
        for reentry in (lambda: operation.send(None), operation.close):
            with pytest.raises(ValueError, match="already executing") as raised:
                reentry()
            errors.append(raised.value)

    operation = hooks.call(reenter, 0.001)
    run(operation)
    assert len(errors) == 2


def test_await_without_a_loop_is_an_error_and_the_operation_stays_usable(run: Run) -> None:
    operation = hooks.ready(3)
    with pytest.raises(RuntimeError, match="no running event loop"):
        operation.send(None)
    assert run(operation) == 3


def test_dropping_an_operation_unawaited_warns_with_its_name() -> None:
    with pytest.warns(RuntimeWarning, match=r"coroutine 'hooks\.sleep' was never awaited"):
        hooks.sleep(0)


def test_optional_operation_may_stay_unawaited() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hooks.optional()
        hooks.sleep(0).close()


def test_freeing_an_operation_does_not_disturb_an_exception_on_its_way(run: Run) -> None:
    async def main() -> None:
        waiting = hooks.sleep(1000, list)  # freed by the frame that the exception unwinds
        waiting.send(None)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(main())


# asyncio's tools.


def test_gather_runs_operations_side_by_side(run: Run) -> None:
    async def main() -> list[Any]:
        return await asyncio.gather(hooks.ready(1), hooks.call(lambda: 2, 0.01), hooks.offloaded(0.01))

    assert run(main()) == [1, 2, 42]


def test_wait_for_drops_the_work_on_timeout(run: Run) -> None:
    dropped: list[bool] = []

    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(hooks.sleep(1000, lambda: dropped.append(True)), 0.01)
        assert dropped == [True]

    run(main())


def test_cancelled_task_drops_the_work_and_gets_the_message(run: Run) -> None:
    dropped: list[bool] = []

    async def wait() -> None:
        await hooks.sleep(1000, lambda: dropped.append(True))

    async def main() -> None:
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert dropped == [True]

    run(main())


def test_cancelled_task_may_go_on_with_other_work(run: Run) -> None:
    async def stubborn() -> int:
        try:
            await hooks.sleep(1000)
        except asyncio.CancelledError:
            await hooks.sleep(0.001)
        return await hooks.ready(7)

    async def main() -> None:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0.001)
        task.cancel()
        assert await task == 7

    run(main())


def test_task_that_cancels_itself_from_a_poll_is_cancelled(run: Run) -> None:
    async def main() -> None:
        task = asyncio.create_task(hooks.call(lambda: task.cancel(), 0.001))
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_cancel_before_the_first_step_starts_nothing(run: Run) -> None:
    calls: list[int] = []

    async def main() -> None:
        task = asyncio.create_task(hooks.call(lambda: calls.append(1)))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert calls == []

    run(main())


def test_shield_lets_the_work_go_on(run: Run) -> None:
    async def main() -> None:
        inner = asyncio.ensure_future(hooks.call(lambda: 9, 0.02))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(inner), 0.001)
        assert await inner == 9

    run(main())


def test_async_iteration_and_context_managers_take_operations(run: Run) -> None:
    class Numbers:
        left = 3

        async def __aenter__(self) -> "Numbers":
            return self

        def __aexit__(self, *exception: object) -> Any:
            return hooks.call(lambda: False, 0.001)

        def __aiter__(self) -> "Numbers":
            return self

        def __anext__(self) -> Any:
            self.left -= 1
            return hooks.call(self.next_or_stop, 0.001)

        def next_or_stop(self) -> int:
            if self.left < 0:
                raise StopAsyncIteration
            return self.left

    async def main() -> list[int]:
        async with Numbers() as numbers:
            return [number async for number in numbers]

    assert run(main()) == [2, 1, 0]


def test_context_variables_are_the_tasks_own_before_and_after(run: Run) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody's")

    async def check(name: str) -> None:
        variable.set(name)
        assert await hooks.call(variable.get) == name
        assert await hooks.call(variable.get, 0.002) == name  # in a poll from a callback of the loop
        assert variable.get() == name

    async def main() -> None:
        await asyncio.gather(*(check(f"task {number}") for number in range(20)))

    run(main())


def test_current_task_is_known_in_the_first_poll(run: Run) -> None:
    async def main() -> None:
        assert await hooks.task_in_poll() is asyncio.current_task()
        await hooks.sleep(0.001)
        assert await hooks.task_in_poll() is asyncio.current_task()

    run(main())


def test_task_in_debug_mode_runs_and_prints(loop: asyncio.AbstractEventLoop) -> None:
    loop.set_debug(True)

    async def main() -> None:
        task = asyncio.create_task(hooks.sleep(0.001))
        await asyncio.sleep(0)
        assert "hooks.sleep" in repr(task)
        assert task.get_stack() == []
        await task

    loop.run_until_complete(main())


if sys.version_info >= (3, 11):

    def test_timeout_block_ends_a_wait(run: Run) -> None:
        async def main() -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await hooks.sleep(1000)
            assert await hooks.ready(1) == 1

        run(main())

    def test_task_group_cancels_its_operations(run: Run) -> None:
        dropped: list[bool] = []

        def fail() -> None:
            raise KeyError("mine")

        async def main() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(hooks.sleep(1000, lambda: dropped.append(True)))
                group.create_task(hooks.call(fail, 0.005))

        with pytest.raises(Exception, match="unhandled errors in a TaskGroup") as raised:
            run(main())
        assert [type(error) for error in raised.value.exceptions] == [KeyError]
        assert dropped == [True]


if sys.version_info >= (3, 12):

    def test_eager_tasks_start_at_once_and_park() -> None:
        async def main() -> None:
            asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
            ready = asyncio.create_task(hooks.ready(1))
            assert ready.done()
            parked = [asyncio.create_task(hooks.call(lambda: 2, 0.001)) for _ in range(10)]
            assert not parked[0].done()
            assert await asyncio.gather(*parked) == [2] * 10

        asyncio.run(main())


# The loop's time.


def test_ten_thousand_sleeps_end(run: Run) -> None:
    async def main() -> None:
        await asyncio.gather(*(hooks.sleep(0.001 * (number % 50)) for number in range(10_000)))

    run(main())


def test_sleeps_end_in_the_order_of_their_deadlines(run: Run) -> None:
    ended: list[int] = []

    async def main() -> None:
        await asyncio.gather(*(hooks.call(lambda n=n: ended.append(n), 0.05 + 0.1 * n) for n in (3, 1, 0, 2)))

    run(main())
    assert ended == [0, 1, 2, 3]


def test_earlier_sleep_is_not_held_up_by_a_later_one(run: Run) -> None:
    async def main() -> None:
        long = asyncio.create_task(hooks.sleep(1000))
        await asyncio.sleep(0)
        await asyncio.wait_for(hooks.sleep(0.002), 5)
        assert not long.done()
        long.cancel()

    run(main())


def test_operations_that_never_suspend_leave_the_loop_its_turns(run: Run) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def main() -> None:
        counter = asyncio.create_task(count())
        for _ in range(50):
            await hooks.work(100)
        counter.cancel()

    run(main())
    assert turns >= 5


def test_wake_that_comes_before_the_task_parks_is_not_lost(run: Run) -> None:
    async def main() -> None:
        operation = hooks.sleep(0.001)
        operation.send(None)
        await asyncio.sleep(0.01)  # it is woken here, and nobody waits
        woken = asyncio.Event()
        operation.add_done_callback(lambda _: woken.set())
        await asyncio.wait_for(woken.wait(), 5)
        assert operation.done()

    run(main())


def test_offloaded_jobs_run_beside_the_loop_and_beside_each_other(run: Run) -> None:
    async def main() -> list[int]:
        return await asyncio.gather(*(hooks.offloaded(0.005) for _ in range(20)))

    assert run(main()) == [42] * 20


def test_no_wake_is_lost_when_threads_wake_the_loop_while_it_wakes(run: Run) -> None:
    async def main() -> None:
        for _ in range(1000):
            assert await asyncio.gather(*(hooks.offloaded(0.00001) for _ in range(8))) == [42] * 8

    run(main())


def test_panic_of_an_offloaded_job_reaches_its_asker_and_the_pool_goes_on(run: Run) -> None:
    async def main() -> None:
        for _ in range(10):
            assert await hooks.offloaded_panic() is None
        assert await hooks.offloaded(0) == 42

    run(main())


def test_spawned_task_runs_without_an_awaiter(run: Run) -> None:
    async def main() -> None:
        for spawn in (lambda call: hooks.spawn(call, 0.001), hooks.spawn_from_thread):
            done = asyncio.Event()
            spawn(done.set)
            await asyncio.wait_for(done.wait(), 5)

    run(main())


@pytest.mark.parametrize("pause", [0.0, 0.001])
def test_panic_in_a_poll_is_an_internal_error_and_the_loop_goes_on(run: Run, pause: float) -> None:
    from ormkit._ormkit import InternalError

    async def main() -> None:
        operation = hooks.panic(pause)
        with pytest.raises(InternalError, match="in a poll"):
            await operation
        with pytest.raises(RuntimeError, match="cannot reuse"):
            await operation
        await hooks.sleep(0.001)

    run(main())


def test_keyboard_interrupt_of_one_task_delivers_to_the_others(loop: asyncio.AbstractEventLoop) -> None:
    async def interrupt() -> None:
        await hooks.sleep(0.005)
        raise KeyboardInterrupt

    async def wait() -> int:
        await hooks.sleep(0.005)
        return 1

    first = [loop.create_task(wait()) for _ in range(5)]
    interrupted = loop.create_task(interrupt())
    last = [loop.create_task(wait()) for _ in range(5)]
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(asyncio.gather(*first, interrupted, *last))
    assert isinstance(interrupted.exception(), KeyboardInterrupt)
    assert loop.run_until_complete(asyncio.wait_for(asyncio.gather(*first, *last), 5)) == [1] * 10


# Sockets.


def test_connection_echoes_over_tcp_by_name_and_by_address(run: Run) -> None:
    async def main() -> None:
        async with echo_server() as (host, port):
            for name in (host, "localhost"):
                connection = await hooks.connect(name, port)
                assert await connection.echo(b"hello", 3) == b"hello"
                assert connection.peek() == "quiet"
                connection.close()

    run(main())


def test_connection_echoes_over_a_unix_socket(run: Run, tmp_path: Any) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(5))
        writer.close()
        await writer.wait_closed()
        closed.set()

    closed = asyncio.Event()

    async def main() -> None:
        server = await asyncio.start_unix_server(serve, tmp_path / "s")
        connection = await hooks.connect(str(tmp_path / "s"))
        assert await connection.echo(b"hello") == b"hello"
        await closed.wait()
        server.close()

    run(main())


def test_large_payload_is_read_while_it_is_written(run: Run) -> None:
    payload = os.urandom(1 << 24)

    async def main() -> None:
        async with echo_server() as address:
            connection = await hooks.connect(*address)
            assert await asyncio.wait_for(connection.echo(payload), 60) == payload
            connection.close()

    run(main())


def test_many_connections_work_side_by_side(run: Run) -> None:
    async def talk(address: tuple[str, int]) -> None:
        connection = await hooks.connect(*address)
        for number in range(20):
            assert await connection.echo(b"%d" % number) == b"%d" % number
        connection.close()

    async def main() -> None:
        async with echo_server() as address:
            await asyncio.gather(*(talk(address) for _ in range(50)))

    run(main())


def test_refused_connection_is_a_connection_error(run: Run) -> None:
    async def main() -> None:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        server.close()
        await server.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            await hooks.connect(*address)
        with pytest.raises(OSError, match=r"lookup address"):
            await hooks.connect("x" * 300, 1)  # the resolver refuses it without asking anybody

    run(main())


@pytest.mark.parametrize("turns", range(8))
def test_cancelled_at_any_turn_the_connection_is_closed(run: Run, turns: int) -> None:
    async def talk(address: tuple[str, int]) -> None:
        connection = await hooks.connect(*address)
        await connection.echo(b"x" * 100_000, 1000)

    async def main() -> None:
        async with echo_server() as address:
            task = asyncio.create_task(talk(address))
            for _ in range(turns):
                await asyncio.sleep(0.001 if turns > 4 else 0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            if turns == 0:
                (await hooks.connect(*address)).close()  # the first never connected
                other = await hooks.connect(*address)
                await other.echo(b"x")
                other.close()

    run(main())


@pytest.mark.parametrize("close", ["close", "close_on_thread"])
def test_dropped_connection_is_closed_on_the_loops_next_turn(run: Run, close: str) -> None:
    async def main() -> None:
        async with echo_server() as address:
            connection = await hooks.connect(*address)
            await connection.echo(b"x")
            getattr(connection, close)()  # leaving the block waits until the server has seen the end

    run(main())


def test_end_of_an_idle_connection_is_seen_and_does_not_spin_the_loop() -> None:
    async def main() -> None:
        ended = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(1))
            writer.close()
            await writer.wait_closed()
            ended.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        connection = await hooks.connect(*server.sockets[0].getsockname())
        await connection.echo(b"x")
        await ended.wait()
        await asyncio.sleep(0.01)
        assert connection.peek() == "closed"
        turns = await turns_during(0.05)
        assert turns < 10
        assert await connection.read(10) == b""
        server.close()

    asyncio.run(main())


def test_bytes_that_nobody_asked_for_are_seen_and_kept() -> None:
    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(1))
            await asyncio.sleep(0.01)
            writer.write(b"notice")
            await reader.read()
            writer.close()
            await writer.wait_closed()
            closed.set()

        closed = asyncio.Event()
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        connection = await hooks.connect(*server.sockets[0].getsockname())
        await connection.echo(b"x")
        await asyncio.sleep(0.03)
        assert connection.peek() == "readable"
        assert await turns_during(0.05) < 10
        assert await connection.read(100) == b"notice"
        assert connection.peek() == "quiet"
        waiting = asyncio.create_task(connection.read(1))  # watched again
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        await closed.wait()
        server.close()

    asyncio.run(main())


def test_bytes_that_a_peek_saw_are_read_at_once(run: Run) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            connection = await hooks.connect(*listener.getsockname())
            peer, _ = listener.accept()
        peer.sendall(b"notice")
        assert connection.peek() == "readable"
        with pytest.raises(StopIteration) as read:  # without a turn of the loop
            connection.read(100).send(None)
        assert read.value.value == b"notice"
        connection.close()
        await asyncio.sleep(0)
        peer.close()

    run(main())


async def turns_during(seconds: float) -> int:
    loop: Any = asyncio.get_running_loop()
    turns, select = 0, loop._selector.select

    def counted(timeout: float | None) -> Any:
        nonlocal turns
        turns += 1
        return select(timeout)

    loop._selector.select = counted
    await asyncio.sleep(seconds)
    del loop._selector.select
    return turns


# Lives and ends of loops.


def test_two_loops_in_two_threads_do_not_meet() -> None:
    results: list[Any] = []

    async def main() -> None:
        async with echo_server() as address:
            connection = await hooks.connect(*address)
            for _ in range(50):
                results.append(await asyncio.gather(hooks.call(lambda: 1, 0.0005), hooks.offloaded(0.0005)))
                await connection.echo(b"x" * 1000)
            connection.close()

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [[1, 42]] * 100


def test_loop_may_move_to_another_thread(loop: asyncio.AbstractEventLoop) -> None:
    results: list[int] = []
    loop.run_until_complete(hooks.sleep(0.001))
    mover = threading.Thread(target=lambda: results.append(loop.run_until_complete(hooks.call(lambda: 1, 0.001))))
    mover.start()
    mover.join(10)
    assert results == [1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_closed_loop_drops_what_is_parked_on_it(loop: asyncio.AbstractEventLoop) -> None:
    dropped: list[bool] = []

    async def wait() -> None:
        await hooks.sleep(1000, lambda: dropped.append(True))

    task = loop.create_task(wait())
    loop.run_until_complete(asyncio.sleep(0))
    loop.set_exception_handler(lambda _loop, _context: None)  # asyncio reports the pending task
    loop.close()
    gc.collect()
    assert dropped == [True]
    del task
    assert asyncio.run(one()) == 1


def test_closed_loop_closes_idle_connections_that_are_still_held(loop: asyncio.AbstractEventLoop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = loop.run_until_complete(hooks.connect(*listener.getsockname()))
        peer, _ = listener.accept()
    with peer:
        peer.settimeout(20)
        loop.close()
        gc.collect()
        assert peer.recv(1) == b""
    assert connection.peek() == "closed"


async def one() -> int:
    return await hooks.call(lambda: 1, 0.001)


@pytest.mark.filterwarnings("ignore:unclosed event loop", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_forgotten_loop_is_collected_with_the_operations_parked_on_it() -> None:
    dropped: list[bool] = []

    async def wait() -> None:
        await hooks.sleep(1000, lambda: dropped.append(True))

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _loop, _context: None)
    task = loop.create_task(wait())
    loop.run_until_complete(asyncio.sleep(0))
    del task
    gone = weakref.ref(loop)
    gc.collect()
    assert dropped == []  # the loop holds it, although nobody holds the task
    del loop
    gc.collect()
    assert gone() is None
    assert dropped == [True]


def test_parked_task_that_nobody_holds_survives_the_collector(run: Run) -> None:
    ended: list[bool] = []

    async def wait() -> None:
        await hooks.sleep(0.005)
        ended.append(True)

    async def main() -> None:
        asyncio.create_task(wait())  # noqa: RUF006
        await asyncio.sleep(0)
        gc.collect()
        await hooks.sleep(0.02)
        assert ended == [True]

    run(main())


def test_finished_operations_leave_nothing_behind(run: Run) -> None:
    class Result:
        pass

    async def main() -> None:
        task = asyncio.create_task(hooks.call(Result, 0.001))
        result = weakref.ref(await task)
        operation = weakref.ref(task.get_coro())
        del task
        await asyncio.sleep(0)
        assert result() is None
        assert operation() is None

    run(main())


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forked_child_starts_fresh_and_leaves_the_parents_connection_alone(run: Run) -> None:
    async def main() -> None:
        async with echo_server() as address:
            connection = await hooks.connect(*address)
            await connection.echo(b"x")
            child = os.fork()
            if child == 0:
                good = False
                try:
                    signal.alarm(30)  # a child that hangs is a failure, too
                    asyncio._set_running_loop(None)
                    good = connection.peek() == "closed"
                    connection.close()
                    good = good and asyncio.run(one()) == 1
                finally:
                    os._exit(0 if good else 1)
            _, status = await asyncio.to_thread(os.waitpid, child, 0)
            assert os.waitstatus_to_exitcode(status) == 0
            assert connection.peek() == "quiet"
            assert await asyncio.wait_for(connection.echo(b"still here"), 5) == b"still here"
            connection.close()

    run(main())


def test_loop_without_add_reader_is_refused_by_name() -> None:
    from ormkit._ormkit import NotSupportedError

    class BareLoop:
        def add_reader(self, *_: object) -> None:
            raise NotImplementedError

    asyncio._set_running_loop(BareLoop())
    operation = hooks.sleep(0)
    try:
        with pytest.raises(NotSupportedError, match="BareLoop"):
            operation.send(None)
    finally:
        asyncio._set_running_loop(None)
        operation.close()
