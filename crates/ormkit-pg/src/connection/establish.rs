//! Opening a connection: one address after the other, within one budget of time.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::runtime::{Address, Runtime, Transport};

use super::PgConnection;
use super::io::{Turn, poll_turn, timeout};
use super::wire::Wire;
use crate::cancel::{CancelTarget, describe};
use crate::config::Config;
use crate::error::connection_lost;
use crate::protocol::backend::Message;
use crate::protocol::buffer::{ReadBuffer, STARTUP_LIMIT, WriteBuffer};
use crate::protocol::scram::{ClientFinal, Derivation};
use crate::protocol::startup::{Session, Startup, Step};
use crate::statement_cache::StatementCache;

/// The most bytes of statements that one connection keeps prepared.
const STATEMENT_BYTES: usize = 4 << 20;

/// Connects to the first address that answers.
pub(crate) async fn connect(config: &Config, runtime: Arc<dyn Runtime>) -> Result<PgConnection> {
    let attempts = try_all(config, &runtime);
    let Some(time) = config.connect_timeout() else { return attempts.await };
    timeout(&*runtime, time, attempts).await.unwrap_or_else(|| {
        let places: Vec<String> = config.addresses().iter().map(describe).collect();
        let seconds = time.as_secs_f64();
        Err(connection_lost(format!("no connection to {} within {seconds} s", places.join(", "))))
    })
}

async fn try_all(config: &Config, runtime: &Arc<dyn Runtime>) -> Result<PgConnection> {
    let mut failures = Vec::new();
    for address in config.addresses() {
        match try_one(config, runtime, address).await {
            Err(error) if is_elsewhere(&error) => failures.push(error),
            outcome => return outcome,
        }
    }
    if failures.len() == 1 {
        return Err(failures.remove(0));
    }
    let all: Vec<String> = failures.iter().map(ToString::to_string).collect();
    Err(connection_lost(all.join("; ")))
}

/// True when another address may do better: nobody listens here, or the server is starting up or shutting down.
fn is_elsewhere(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::ConnectionLost(_) => true,
        ErrorKind::Database(diagnostics) => diagnostics.sqlstate.as_str() == "57P03",
        _ => false,
    }
}

async fn try_one(config: &Config, runtime: &Arc<dyn Runtime>, address: &Address) -> Result<PgConnection> {
    let place = describe(address);
    let broken = |error: io::Error| connection_lost(format!("cannot connect to {place}: {error}"));
    let mut transport = runtime.connect(address).await.map_err(broken)?;
    let mut inbox = ReadBuffer::default();
    let parameters = config.startup_parameters();
    let mut out = WriteBuffer::default();
    let mut startup = Startup::begin(config.user(), config.password(), &parameters, &mut out)?;
    let session = loop {
        let Some(frame) = inbox.take(STARTUP_LIMIT)? else {
            exchange(&mut *transport, &mut out, &mut inbox).await.map_err(broken)?;
            continue;
        };
        let message = Message::decode(frame.tag, inbox.body(&frame))?;
        match startup.receive(message, &mut out)? {
            Step::Continue => {}
            Step::Derive(derivation) => startup.derived(derive(&**runtime, derivation).await, &mut out)?,
            Step::Ready(session) => break session,
        }
    };
    Ok(assemble(config, runtime, address, transport, inbox, session))
}

fn assemble(
    config: &Config,
    runtime: &Arc<dyn Runtime>,
    address: &Address,
    transport: Box<dyn Transport>,
    inbox: ReadBuffer,
    session: Session,
) -> PgConnection {
    PgConnection {
        runtime: Arc::clone(runtime),
        transport,
        inbox,
        wire: Wire::new(StatementCache::new(config.statement_cache_size(), STATEMENT_BYTES)),
        cancel: CancelTarget {
            runtime: Arc::clone(runtime),
            address: address.clone(),
            pid: session.pid,
            key: session.key.into(),
        },
        cancelling: None,
        closed: None,
    }
}

/// Sends what is written and reads once.
async fn exchange(
    transport: &mut dyn Transport,
    out: &mut WriteBuffer,
    inbox: &mut ReadBuffer,
) -> io::Result<()> {
    match poll_fn(|cx| poll_turn(transport, cx, out, inbox, &mut false)).await? {
        Turn::Read(_) => Ok(()),
        Turn::End => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
    }
}

/// Derives the keys here, or away from the thread that polls when that takes long.
async fn derive(runtime: &dyn Runtime, derivation: Derivation) -> ClientFinal {
    if !derivation.is_long() {
        return derivation.run();
    }
    let shared = Arc::new(Mutex::new(Slot { done: None, waker: None }));
    let slot = Arc::clone(&shared);
    runtime.offload(Box::new(move || {
        let done = derivation.run();
        let waker = {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            slot.done = Some(done);
            slot.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }));
    poll_fn(|cx| {
        let mut slot = shared.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.done.take() {
            Some(done) => Poll::Ready(done),
            None => {
                slot.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    })
    .await
}

/// Where the job leaves its result and the task its waker.
struct Slot {
    done: Option<ClientFinal>,
    waker: Option<Waker>,
}
