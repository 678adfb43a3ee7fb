//! From a source into the connection, at the pace at which the server takes it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use ormkit_core::driver::CopyStatement;
use ormkit_core::error::Result;
use pyo3::prelude::*;

use super::carrier::Carrier;
use super::encode::Encoder;
use super::source::Source;

/// Data is sent when there is so much of it, in bytes.
pub(super) const BLOCK: usize = 64 * 1024;

/// After this time without waiting the loop gets its turn.
const TURN: Duration = Duration::from_millis(5);

/// Copies the whole source; answers the number of rows.
///
/// # Errors
/// The source's own: the server is told so first, and the connection is whole. The database's.
pub(super) async fn pump(
    carrier: &mut Carrier,
    statement: &CopyStatement,
    mut source: Source,
) -> Result<u64> {
    let border = Arc::clone(carrier.border());
    let copy = carrier.copy()?;
    copy.begin(statement).await?;
    let mut encoder = Encoder::new(copy.columns(), &border);
    let mut turns = Turns::begin();
    loop {
        match Python::attach(|py| source.fill(py, copy, &mut encoder)) {
            Ok(true) => copy.send().await?,
            Ok(false) => return copy.finish().await,
            Err(error) => {
                copy.give_up().await?;
                return Err(error);
            }
        }
        turns.give().await;
    }
}

/// Knows when it is the loop's turn: a copy that never has to wait would keep everybody else waiting.
pub(super) struct Turns(Instant);

impl Turns {
    pub(super) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Lets the loop have its turn, where it is due.
    pub(super) async fn give(&mut self) {
        if self.0.elapsed() > TURN {
            pause().await;
            self.0 = Instant::now();
        }
    }
}

async fn pause() {
    let mut paused = false;
    poll_fn(|cx| match std::mem::replace(&mut paused, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}
