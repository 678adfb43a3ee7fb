//! Waiting for bytes and for time.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::runtime::{Runtime, Transport, elsewhere};

use crate::protocol::buffer::{ReadBuffer, WriteBuffer};

/// What one turn of reading and writing did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// This many bytes were read.
    Read(usize),
    /// The peer has closed its side.
    End,
}

/// Writes what it can, then reads what is there: both in one turn, so that a pipeline larger than the buffers between
/// the two sides cannot stop them both.
pub(crate) fn poll_turn(
    transport: &mut dyn Transport,
    cx: &mut Context<'_>,
    out: &mut WriteBuffer,
    inbox: &mut ReadBuffer,
    written: &mut bool,
) -> Poll<io::Result<Turn>> {
    let mut broken = None;
    while !out.pending().is_empty() {
        match transport.poll_write(cx, out.pending()) {
            Poll::Ready(Ok(0)) => broken = Some(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(count)) => {
                *written = true;
                out.advance(count);
                continue;
            }
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
            Poll::Ready(Err(error)) => broken = Some(error),
            Poll::Pending => {}
        }
        break;
    }
    loop {
        return match (transport.poll_read(cx, inbox.spare()), broken) {
            (Poll::Ready(Ok(0)), _) => Poll::Ready(Ok(Turn::End)),
            (Poll::Ready(Ok(count)), _) => {
                inbox.filled(count);
                Poll::Ready(Ok(Turn::Read(count)))
            }
            (Poll::Ready(Err(error)), None) if error.kind() == io::ErrorKind::Interrupted => {
                broken = None;
                continue;
            }
            // What the server said before it closed is worth more than that writing failed.
            (Poll::Ready(Err(_)) | Poll::Pending, Some(error)) | (Poll::Ready(Err(error)), None) => {
                Poll::Ready(Err(error))
            }
            (Poll::Pending, None) => Poll::Pending,
        };
    }
}

/// Writes all of `bytes`.
pub(crate) async fn write_all(transport: &mut dyn Transport, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match poll_fn(|cx| transport.poll_write(cx, bytes)).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => bytes = &bytes[count..],
        }
    }
    Ok(())
}

/// Reads and drops until the peer closes.
pub(crate) async fn read_to_end(transport: &mut dyn Transport) -> io::Result<()> {
    let mut scrap = [0; 64];
    while poll_fn(|cx| transport.poll_read(cx, &mut scrap)).await? > 0 {}
    Ok(())
}

/// `work`, or None when it takes longer than `time`.
pub(crate) async fn timeout<T>(
    runtime: &dyn Runtime,
    time: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    let mut sleep = runtime.sleep(time);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        sleep.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// The value of a blocking job that runs away from the thread that polls.
///
/// # Errors
/// `Operational` when no thread could be started for it.
pub(crate) async fn run_elsewhere<T: Send + 'static>(
    runtime: &Arc<dyn Runtime>,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let done = elsewhere(&**runtime, job).await;
    done.ok_or_else(|| Error::new(ErrorKind::Operational("no thread could be started".into())))
}
