//! LISTEN on a connection of its own, which is opened again when it is lost.

use std::fmt;
use std::time::{Duration, Instant};

use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::sql::Dialect;

use crate::PgDriver;
use crate::connection::{PgConnection, establish};

/// The longest name, in bytes (NAMEDATALEN - 1): the server would cut a longer one and listen to another channel.
const LONGEST_NAME: usize = 63;

/// The wait before the first attempt to reconnect; each one after it waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What somebody told a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The channel.
    pub channel: String,
    /// What was said; empty for a NOTIFY without it.
    pub payload: String,
    /// The process id of the server's backend that said so.
    pub pid: u32,
}

/// The names of channels, checked.
#[derive(Clone, Debug)]
pub struct Channels(
    /// As SQL has them.
    Vec<String>,
);

impl Channels {
    /// These channels.
    ///
    /// # Errors
    /// `Interface` for no channels, and for a name that is empty, longer than 63 bytes or has a NUL.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let names = names.into_iter().map(quoted).collect::<Result<Vec<_>>>()?;
        if names.is_empty() {
            return Err(Error::interface("listen() takes the name of a channel"));
        }
        Ok(Self(names))
    }
}

/// What a [`Listener`] hears.
#[derive(Debug)]
pub enum Heard {
    /// A notification.
    Notification(Notification),
    /// The connection was lost, or could not be opened again.
    Lost {
        /// Why.
        error: Error,
        /// How long the listener waits before it tries again.
        wait: Duration,
    },
    /// The channels are listened to again. What was said in between is lost.
    Restored,
}

/// Listens to channels on a connection of its own, in no pool.
///
/// No more is read from the socket than is taken from the listener: the server keeps the notifications of one that is
/// slow (its queue has 8 GiB), and a process that does not ask for them does not grow. A connection whose other end is
/// gone without a word is noticed by TCP's keepalives (`keepalives_idle` of the URL).
pub struct Listener {
    driver: PgDriver,
    channels: Channels,
    state: State,
}

enum State {
    Unopened,
    Live(Box<PgConnection>),
    /// To be opened again, not before a moment; how many attempts have failed.
    Lost {
        not_before: Instant,
        attempts: u32,
    },
    Closed,
}

impl Listener {
    /// Describes a listener; nothing is opened yet.
    pub fn new(driver: PgDriver, channels: Channels) -> Self {
        Self { driver, channels, state: State::Unopened }
    }

    /// Connects and listens. Dropped half way, nothing stays open.
    ///
    /// # Errors
    /// As [`Driver::connect`](ormkit_core::driver::Driver::connect); what the server says of LISTEN (a standby has none).
    pub async fn open(&mut self) -> Result<()> {
        if matches!(self.state, State::Live(_) | State::Lost { .. }) {
            return Ok(());
        }
        self.state = State::Live(connect(self.driver.clone(), &self.channels).await?);
        Ok(())
    }

    /// Waits for what comes next. It may be dropped at any time: nothing that was said is lost by it.
    ///
    /// # Errors
    /// `Interface` when it is not open; what stands in the way of reconnecting and will not pass by itself (a password
    /// that is no longer right): the listener is closed then.
    pub async fn next(&mut self) -> Result<Heard> {
        let (not_before, attempts) = match &mut self.state {
            State::Live(connection) => {
                let error = match connection.notification().await {
                    Ok(said) => return Ok(Heard::Notification(said)),
                    Err(error) => error,
                };
                return self.lose(error, 0);
            }
            State::Lost { not_before, attempts } => (*not_before, *attempts),
            State::Unopened | State::Closed => {
                return Err(Error::interface("the listener is not open"));
            }
        };
        let runtime = &self.driver.runtime;
        let wait = not_before.saturating_duration_since(runtime.now());
        if !wait.is_zero() {
            runtime.sleep(wait).await;
        }
        match connect(self.driver.clone(), &self.channels).await {
            Ok(connection) => {
                self.state = State::Live(connection);
                Ok(Heard::Restored)
            }
            Err(error) => self.lose(error, attempts + 1),
        }
    }

    /// Closes the connection.
    pub fn close(&mut self) {
        self.state = State::Closed;
    }

    /// True between [`open`](Self::open) and [`close`](Self::close), also while it reconnects.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Live(_) | State::Lost { .. })
    }

    fn lose(&mut self, error: Error, attempts: u32) -> Result<Heard> {
        if !is_passing(&error) {
            self.state = State::Closed;
            return Err(error);
        }
        let wait = wait(attempts, random());
        self.state = State::Lost { not_before: self.driver.runtime.now() + wait, attempts };
        Ok(Heard::Lost { error, wait })
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { driver, channels, .. } = self;
        f.debug_struct("Listener").field("driver", driver).field("channels", channels).finish_non_exhaustive()
    }
}

/// It takes parts of the listener: a reference to the whole one cannot cross threads.
async fn connect(driver: PgDriver, channels: &Channels) -> Result<Box<PgConnection>> {
    let mut connection = establish::connect(&driver.config, driver.runtime, &driver.common).await?;
    connection.listen(&channels.0).await?;
    Ok(Box::new(connection))
}

/// A channel's name as SQL has it.
fn quoted(channel: &str) -> Result<String> {
    let problem = if channel.is_empty() {
        "is empty"
    } else if channel.len() > LONGEST_NAME {
        "is longer than 63 bytes"
    } else if channel.contains('\0') {
        "has a NUL"
    } else {
        return Ok(Dialect::POSTGRES.quoted(channel));
    };
    Err(Error::interface(format!("the name of a channel {problem}")))
}

/// True for what goes by when the server is back: it cannot be reached, is starting or stopping, or is full (class 53).
fn is_passing(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::ConnectionLost(_) | ErrorKind::ConnectionEnded(_) => true,
        ErrorKind::Database(said) => {
            matches!(said.sqlstate.as_str(), "57P01" | "57P02" | "57P03") || said.sqlstate.class() == "53"
        }
        _ => false,
    }
}

/// Twice as long each time up to the longest wait, of which a `part` of 65,536ths is taken from the upper half: those who
/// lost their connections together do not come back together.
fn wait(attempts: u32, part: u16) -> Duration {
    let longest = FIRST_WAIT.saturating_mul(1 << attempts.min(20)).min(LONGEST_WAIT);
    longest.mul_f64(0.5 + f64::from(part) / f64::from(u16::MAX) / 2.0)
}

fn random() -> u16 {
    let mut bytes = [0; 2];
    // Without random numbers the wait is the shortest.
    let _ = getrandom::fill(&mut bytes);
    u16::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_channels_are_quoted_or_refused() {
        for (name, expected) in [("news", "news"), ("New\"s", "\"New\"\"s\""), ("user", "\"user\"")] {
            assert_eq!(quoted(name).unwrap(), expected);
        }
        assert!(quoted(&"ä".repeat(31)).is_ok());
        for name in [String::new(), "ä".repeat(32), "a\0b".to_owned()] {
            assert!(quoted(&name).is_err(), "{}", name.escape_debug());
        }
    }

    #[test]
    fn waits_double_up_to_a_bound_and_differ() {
        assert_eq!(wait(0, u16::MAX), FIRST_WAIT);
        assert_eq!(wait(0, 0), FIRST_WAIT / 2);
        assert_eq!(wait(3, u16::MAX), FIRST_WAIT * 8);
        for attempts in [9, 20, u32::MAX] {
            assert_eq!((wait(attempts, 0), wait(attempts, u16::MAX)), (LONGEST_WAIT / 2, LONGEST_WAIT));
        }
    }

    #[test]
    fn what_does_not_pass_by_itself_ends_the_listener() {
        let said = |state: &[u8; 5]| {
            let state = ormkit_core::error::SqlState::new(state).unwrap();
            let said = ormkit_core::error::Diagnostics::new(state, "");
            Error::new(ErrorKind::Database(Box::new(said)))
        };
        assert!(is_passing(&said(b"57P03")) && is_passing(&said(b"53300")));
        assert!(!is_passing(&said(b"28P01")) && !is_passing(&Error::protocol("HTTP")));
    }
}
