//! What the bridge's tests call. Compiled with the feature `test-hooks` alone.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ormkit_core::runtime::{Address, Peek, Runtime, TcpOptions, Transport, elsewhere};
use pyo3::exceptions::{PyConnectionError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{LoopRuntime, Operation, current_task, locked};

/// Completes at once.
#[pyfunction]
fn ready(py: Python<'_>, value: Py<PyAny>) -> PyResult<Py<Operation>> {
    Operation::start(py, "hooks.ready", async move { Ok(value) })
}

/// Calls `function` in a poll: the first one, or one from a callback of the loop after `seconds`.
#[pyfunction]
#[pyo3(signature = (function, seconds = 0.0))]
fn call(py: Python<'_>, function: Py<PyAny>, seconds: f64) -> PyResult<Py<Operation>> {
    Operation::start(py, "hooks.call", async move {
        let runtime = Python::attach(LoopRuntime::current)?;
        runtime.sleep(Duration::from_secs_f64(seconds)).await;
        Python::attach(|py| function.call0(py))
    })
}

/// Sleeps; `dropped` is called when the work is dropped before it is done.
#[pyfunction]
#[pyo3(signature = (seconds, dropped = None))]
fn sleep(py: Python<'_>, seconds: f64, dropped: Option<Py<PyAny>>) -> PyResult<Py<Operation>> {
    struct Witness(Option<Py<PyAny>>);
    impl Drop for Witness {
        fn drop(&mut self) {
            if let Some(function) = self.0.take() {
                Python::attach(|py| {
                    function.call0(py).map_or_else(|error| error.write_unraisable(py, None), drop)
                });
            }
        }
    }
    Operation::start(py, "hooks.sleep", async move {
        let mut witness = Witness(dropped);
        let runtime = Python::attach(LoopRuntime::current)?;
        runtime.sleep(Duration::from_secs_f64(seconds)).await;
        witness.0 = None;
        Ok(())
    })
}

/// Sleeps on a thread of the offload pool and answers 42.
#[pyfunction]
fn offloaded(py: Python<'_>, seconds: f64) -> PyResult<Py<Operation>> {
    Operation::start(py, "hooks.offloaded", async move {
        let runtime = Python::attach(LoopRuntime::current)?;
        let job = move || {
            std::thread::sleep(Duration::from_secs_f64(seconds));
            42
        };
        Ok(elsewhere(&*runtime, job).await)
    })
}

/// A job that panics: its asker sees None.
#[pyfunction]
fn offloaded_panic(py: Python<'_>) -> PyResult<Py<Operation>> {
    Operation::start(py, "hooks.offloaded_panic", async move {
        let runtime = Python::attach(LoopRuntime::current)?;
        Ok(elsewhere(&*runtime, || -> u8 { panic!("in a job") }).await)
    })
}

/// Panics in a poll, after a sleep.
#[pyfunction]
fn panic(py: Python<'_>, seconds: f64) -> PyResult<Py<Operation>> {
    Operation::start(py, "hooks.panic", async move {
        let runtime = Python::attach(LoopRuntime::current)?;
        runtime.sleep(Duration::from_secs_f64(seconds)).await;
        if seconds >= 0.0 {
            panic!("in a poll");
        }
        Ok(())
    })
}

/// Calls `function` from a background task after a sleep.
#[pyfunction]
fn spawn(py: Python<'_>, function: Py<PyAny>, seconds: f64) -> PyResult<()> {
    let runtime = LoopRuntime::current(py)?;
    let sleep = runtime.sleep(Duration::from_secs_f64(seconds));
    runtime.spawn(Box::pin(async move {
        sleep.await;
        Python::attach(|py| function.call0(py).map_or_else(|error| error.write_unraisable(py, None), drop));
    }));
    Ok(())
}

/// As `spawn`, asked for by a thread without the GIL.
#[pyfunction]
fn spawn_from_thread(py: Python<'_>, function: Py<PyAny>) -> PyResult<()> {
    let runtime = LoopRuntime::current(py)?;
    std::thread::spawn(move || {
        let spawner = Arc::clone(&runtime);
        spawner.spawn(Box::pin(async move {
            Python::attach(|py| {
                function.call0(py).map_or_else(|error| error.write_unraisable(py, None), drop)
            });
        }));
    });
    Ok(())
}

/// Works for `microseconds` without suspending.
#[pyfunction]
fn work(py: Python<'_>, microseconds: u64) -> PyResult<Py<Operation>> {
    Operation::start(py, "hooks.work", async move {
        let began = std::time::Instant::now();
        while began.elapsed() < Duration::from_micros(microseconds) {}
        Ok(())
    })
}

/// An operation that may stay un-awaited.
#[pyfunction]
fn optional(py: Python<'_>) -> PyResult<Py<Operation>> {
    let operation = Operation::start(py, "hooks.optional", async { Ok(()) })?;
    operation.get().need_not_be_awaited();
    Ok(operation)
}

/// The current task, as a poll sees it.
#[pyfunction]
fn task_in_poll(py: Python<'_>) -> PyResult<Py<Operation>> {
    Operation::start(py, "hooks.task_in_poll", async {
        Python::attach(|py| current_task(py, &*LoopRuntime::current(py)?).map(Bound::unbind))
    })
}

/// A connection whose peer sends back what it gets.
#[pyclass(frozen, module = "ormkit._ormkit.hooks")]
struct EchoConnection(Arc<std::sync::Mutex<Option<Box<dyn Transport>>>>);

/// Connects to `(host, port)` or to a path.
#[pyfunction]
#[pyo3(signature = (host, port = None))]
fn connect(py: Python<'_>, host: String, port: Option<u16>) -> PyResult<Py<Operation>> {
    let address = match port {
        Some(port) => Address::Tcp { host, port },
        None => Address::Unix(host.into()),
    };
    Operation::start(py, "hooks.connect", async move {
        let runtime = Python::attach(LoopRuntime::current)?;
        let transport = runtime.connect(&address, &TcpOptions::default()).await?;
        Python::attach(|py| Py::new(py, EchoConnection(Arc::new(std::sync::Mutex::new(Some(transport))))))
    })
}

#[pymethods]
impl EchoConnection {
    /// Sends `bytes` and reads as many back, at once: `times` rounds. Dropped half way, the connection is closed.
    #[pyo3(signature = (bytes, times = 1))]
    fn echo(&self, py: Python<'_>, bytes: Vec<u8>, times: usize) -> PyResult<Py<Operation>> {
        let place = Arc::clone(&self.0);
        Operation::start(py, "EchoConnection.echo", async move {
            let taken = locked(&place).take();
            let mut transport = taken.ok_or_else(|| PyConnectionError::new_err("in use or closed"))?;
            let mut answer = Vec::new();
            for _ in 0..times {
                answer = round(&mut *transport, &bytes).await?;
            }
            *locked(&place) = Some(transport);
            Python::attach(|py| Ok(PyBytes::new(py, &answer).unbind()))
        })
    }

    /// Reads `count` bytes.
    fn read(&self, py: Python<'_>, count: usize) -> PyResult<Py<Operation>> {
        let place = Arc::clone(&self.0);
        Operation::start(py, "EchoConnection.read", async move {
            let taken = locked(&place).take();
            let mut transport = taken.ok_or_else(|| PyConnectionError::new_err("in use or closed"))?;
            let mut buffer = vec![0; count];
            let read = poll_fn(|cx| transport.poll_read(cx, &mut buffer)).await?;
            *locked(&place) = Some(transport);
            Python::attach(|py| Ok(PyBytes::new(py, buffer.get(..read).unwrap_or_default()).unbind()))
        })
    }

    /// "quiet", "readable" or "closed".
    fn peek(&self) -> &'static str {
        match locked(&self.0).as_mut().map_or(Peek::Closed, |transport| transport.peek()) {
            Peek::Quiet => "quiet",
            Peek::Readable => "readable",
            Peek::Closed => "closed",
        }
    }

    /// Drops the socket.
    fn close(&self) {
        let closed = locked(&self.0).take();
        drop(closed);
    }

    /// Drops the socket on a thread without the GIL.
    fn close_on_thread(&self) {
        let closed = locked(&self.0).take();
        std::thread::spawn(move || drop(closed));
    }
}

/// Writes and reads at once: a peer that answers while it is sent to never blocks.
async fn round(transport: &mut dyn Transport, bytes: &[u8]) -> PyResult<Vec<u8>> {
    let (mut sent, mut answer, mut buffer) =
        (0, Vec::with_capacity(bytes.len()), vec![0; bytes.len().clamp(1, 65_536)]);
    poll_fn(|cx| {
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            match transport.poll_write(cx, rest)? {
                Poll::Ready(written) => sent += written,
                Poll::Pending => break,
            }
        }
        while answer.len() < bytes.len() {
            match transport.poll_read(cx, &mut buffer)? {
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Poll::Ready(read) => answer.extend_from_slice(buffer.get(..read).unwrap_or_default()),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(io::Result::Ok(()))
    })
    .await?;
    Ok(answer)
}

/// The parameters that a connection text gives, by libpq's names.
#[pyfunction]
fn postgres_parameters(text: &str) -> PyResult<Vec<(String, String)>> {
    ormkit_pg::Config::parameters(text).map_err(|error| PyValueError::new_err(error.to_string()))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let hooks = PyModule::new(module.py(), "hooks")?;
    hooks.add_class::<EchoConnection>()?;
    hooks.add_function(wrap_pyfunction!(ready, &hooks)?)?;
    hooks.add_function(wrap_pyfunction!(call, &hooks)?)?;
    hooks.add_function(wrap_pyfunction!(sleep, &hooks)?)?;
    hooks.add_function(wrap_pyfunction!(offloaded, &hooks)?)?;
    hooks.add_function(wrap_pyfunction!(offloaded_panic, &hooks)?)?;
    hooks.add_function(wrap_pyfunction!(panic, &hooks)?)?;
    hooks.add_function(wrap_pyfunction!(spawn, &hooks)?)?;
    hooks.add_function(wrap_pyfunction!(spawn_from_thread, &hooks)?)?;
    hooks.add_function(wrap_pyfunction!(work, &hooks)?)?;
    hooks.add_function(wrap_pyfunction!(optional, &hooks)?)?;
    hooks.add_function(wrap_pyfunction!(task_in_poll, &hooks)?)?;
    hooks.add_function(wrap_pyfunction!(connect, &hooks)?)?;
    hooks.add_function(wrap_pyfunction!(postgres_parameters, &hooks)?)?;
    module.add_submodule(&hooks)
}
