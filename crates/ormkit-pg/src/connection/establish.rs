//! Opening a connection: one server after the other, within one budget of time.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::runtime::{Address, Runtime, Transport};

use super::PgConnection;
use super::io::{Turn, poll_turn, run_elsewhere, timeout};
use super::pooler::Question;
use super::route::{self, Encryption, Opened, Route, describe};
use super::target_session;
use super::wire::Wire;
use crate::cancel::CancelTarget;
use crate::common::Common;
use crate::config::hosts::Place;
use crate::config::tls::SslMode;
use crate::config::{Config, TargetSession};
use crate::copy::CopyRows;
use crate::error::connection_lost;
use crate::notice;
use crate::protocol::backend::Message;
use crate::protocol::buffer::{ReadBuffer, STARTUP_LIMIT, WriteBuffer};
use crate::protocol::scram::{ClientFinal, Derivation};
use crate::protocol::startup::{Channel, Login, Session, Startup, Step};
use crate::statement_cache::StatementCache;
use crate::tls::client::TlsClient;

/// The most bytes of statements that one connection keeps prepared.
const STATEMENT_BYTES: usize = 4 << 20;

/// A login takes some thirty messages, and what its triggers have to say.
const LOGIN_MESSAGES: u32 = 10_000;

/// Connects to the first server that answers and is what was asked for.
pub(crate) async fn connect(
    config: &Config,
    runtime: Arc<dyn Runtime>,
    common: &Arc<Common>,
) -> Result<PgConnection> {
    let attempts = async { try_all(&*config.with_current_password().await?, &runtime, common).await };
    let Some(time) = config.connect_timeout() else { return attempts.await };
    timeout(&*runtime, time, attempts).await.unwrap_or_else(|| {
        let places: Vec<String> = config.addresses().iter().map(describe).collect();
        let seconds = time.as_secs_f64();
        Err(connection_lost(format!("no connection to {} within {seconds} s", places.join(", "))))
    })
}

async fn try_all(config: &Config, runtime: &Arc<dyn Runtime>, common: &Arc<Common>) -> Result<PgConnection> {
    let tls = load_tls(config, runtime).await?;
    let places = config.places();
    // A standby is preferred: any server will do in a second round.
    let rounds: &[TargetSession] = match config.target {
        TargetSession::PreferStandby => &[TargetSession::Standby, TargetSession::Any],
        ref target => std::slice::from_ref(target),
    };
    let deadline = config.connect_timeout().and_then(|time| runtime.now().checked_add(time));
    let mut ahead = rounds.len() * places.len();
    let mut failures = Vec::new();
    for target in rounds {
        failures.clear();
        for place in &places {
            ahead -= 1;
            let mut reached = match look_up(config, runtime, place).await {
                Ok(reached) => reached,
                Err(error) => {
                    failures.push(error);
                    continue;
                }
            };
            while let Some(place) = reached.pop_front() {
                let attempt = try_one(config, runtime, common, &place, tls.as_ref(), *target);
                let others = ahead + reached.len();
                match in_share(runtime, deadline, others, &place, attempt).await {
                    Err(error) if is_elsewhere(&error) => failures.push(error),
                    outcome => return outcome,
                }
            }
        }
    }
    if failures.len() == 1 {
        return Err(failures.remove(0));
    }
    let all: Vec<String> = failures.iter().map(ToString::to_string).collect();
    Err(connection_lost(all.join("; ")))
}

/// The addresses of a server, in the order in which they are to be tried: each is a server of its own.
async fn look_up(config: &Config, runtime: &Arc<dyn Runtime>, place: &Place) -> Result<VecDeque<Place>> {
    let Some(name) = place.name() else { return Ok([place.clone()].into()) };
    let failed =
        |why: String| connection_lost(format!("cannot connect to {}: {why}", describe(&place.address)));
    let addresses = runtime.resolve(name).await.map_err(|error| failed(error.to_string()))?;
    if addresses.is_empty() {
        return Err(failed("the host name has no address".into()));
    }
    Ok(config.balanced(place.at(addresses)).into())
}

/// An attempt that leaves the others their share of the time: a server that does not answer must not take all of it.
async fn in_share(
    runtime: &Arc<dyn Runtime>,
    deadline: Option<Instant>,
    others: usize,
    place: &Place,
    attempt: impl Future<Output = Result<PgConnection>>,
) -> Result<PgConnection> {
    let Some(deadline) = deadline.filter(|_| others > 0) else { return attempt.await };
    let left = deadline.saturating_duration_since(runtime.now());
    let share = left / u32::try_from(others + 1).unwrap_or(u32::MAX);
    timeout(&**runtime, share, attempt).await.unwrap_or_else(|| {
        let (place, seconds) = (describe(&place.address), share.as_secs_f64());
        Err(connection_lost(format!("cannot connect to {place}: no answer within {seconds:.1} s")))
    })
}

/// True when another server may do better: nobody listens here, it is starting up or shutting down, or not of the kind
/// that was asked for.
fn is_elsewhere(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::ConnectionLost(_) | ErrorKind::ConnectionEnded(_) => true,
        ErrorKind::Database(diagnostics) => diagnostics.sqlstate.as_str() == "57P03",
        _ => false,
    }
}

/// What the files of TLS say, where it is required: before anything is sent.
async fn load_tls(config: &Config, runtime: &Arc<dyn Runtime>) -> Result<Option<TlsClient>> {
    let remote = config.places().iter().any(|place| matches!(place.address, Address::Tcp { .. }));
    if config.tls.mode < SslMode::Require || !remote {
        return Ok(None);
    }
    route::load(runtime, &config.tls).await.map(Some)
}

async fn try_one(
    config: &Config,
    runtime: &Arc<dyn Runtime>,
    common: &Arc<Common>,
    place: &Place,
    tls: Option<&TlsClient>,
    target: TargetSession,
) -> Result<PgConnection> {
    let encryption = match (&place.address, config.tls.mode, tls) {
        (Address::Unix(_), ..) | (_, SslMode::Disable | SslMode::Allow, _) => Encryption::None,
        (_, _, Some(client)) => Encryption::Required(client.clone()),
        (_, _, None) => Encryption::Offered(Arc::clone(&config.tls)),
    };
    let host = place.host.clone();
    let route = Route {
        runtime: Arc::clone(runtime),
        address: place.address.clone(),
        host,
        tcp: config.tcp.clone(),
        encryption,
    };
    let may_encrypt = config.tls.mode == SslMode::Allow && matches!(place.address, Address::Tcp { .. });
    let mut connection = match log_in(config, common, place, &route).await {
        // `allow`: a server that does not take this client in the clear may take it in TLS.
        Err(error) if may_encrypt && is_turned_away(&error) => {
            let client = route::load(runtime, &config.tls).await?;
            log_in(config, common, place, &Route { encryption: Encryption::Required(client), ..route })
                .await?
        }
        outcome => outcome?,
    };
    target_session::require(&mut connection, target).await?;
    let mut chance = [0; 8];
    getrandom::fill(&mut chance)
        .map_err(|_| Error::new(ErrorKind::Operational("the system gives no random bytes".into())))?;
    connection.prepare_by(config.prepare_mode(), u64::from_ne_bytes(chance));
    Ok(connection)
}

/// True when the server does not authorize the login.
fn is_turned_away(error: &Error) -> bool {
    error.diagnostics().is_some_and(|diagnostics| diagnostics.sqlstate.as_str().starts_with("28"))
}

async fn log_in(config: &Config, common: &Arc<Common>, place: &Place, route: &Route) -> Result<PgConnection> {
    let Opened { mut transport, proof, encryption } = route.open().await?;
    let broken = |error: io::Error| connection_lost(format!("cannot connect to {}: {error}", route.place()));
    let login = Login {
        user: config.user(),
        password: place.password.as_deref(),
        password_note: config.password_note(),
        policy: &config.auth,
        minor_versions: config.minor_versions,
        channel: match (&proof, &place.address) {
            (Some(proof), _) => Channel::Tls(proof),
            (None, Address::Unix(_)) => Channel::Local,
            (None, Address::Tcp { .. }) => Channel::Clear,
        },
    };
    let mut inbox = ReadBuffer::default();
    let mut out = WriteBuffer::default();
    let mut startup = Startup::begin(login, &config.startup_parameters(), &mut out)?;
    let mut messages = 0;
    let session = loop {
        let Some(frame) = inbox.take(STARTUP_LIMIT)? else {
            exchange(&mut *transport, &mut out, &mut inbox).await.map_err(broken)?;
            continue;
        };
        messages += 1;
        if messages > LOGIN_MESSAGES {
            return Err(Error::protocol("the server does not come to the end of the login"));
        }
        let message = Message::decode(frame.tag, inbox.body(&frame))?;
        if let Message::Notice(fields) = &message
            && startup.is_authenticated()
        {
            notice::tell(common.notices(), fields);
        }
        match startup.receive(message, &mut out)? {
            Step::Continue => {}
            Step::Derive(derivation) => {
                startup.derived(derive(&route.runtime, derivation).await?, &mut out)?
            }
            Step::Ready(session) => break session,
        }
    };
    let route = Route { encryption, ..route.clone() };
    Ok(assemble(config, Arc::clone(common), route, transport, inbox, session))
}

fn assemble(
    config: &Config,
    common: Arc<Common>,
    route: Route,
    transport: Box<dyn Transport>,
    inbox: ReadBuffer,
    session: Session,
) -> PgConnection {
    // No cell tells that an attribute of a composite was renamed: what is known grows no older than the youngest connection.
    common.types().forget_composites();
    let cache = StatementCache::new(config.statement_cache_size(), STATEMENT_BYTES);
    let mut wire = Wire::new(cache, Arc::clone(common.types()));
    wire.pipeline.settings = session.settings;
    let schema_changes = common.schema_changes();
    PgConnection {
        runtime: Arc::clone(&route.runtime),
        transport,
        inbox,
        wire,
        cancel: CancelTarget { route, pid: session.pid, key: session.key.into() },
        cancelling: None,
        copy_rows: CopyRows::default(),
        heard: None,
        closed: None,
        common,
        question: Question::Settled,
        schema_changes,
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
async fn derive(runtime: &Arc<dyn Runtime>, derivation: Derivation) -> Result<ClientFinal> {
    if !derivation.is_long() {
        return Ok(derivation.run());
    }
    run_elsewhere(runtime, move || derivation.run()).await
}
