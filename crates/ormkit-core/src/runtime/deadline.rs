//! A future with a time limit.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::Runtime;

/// Runs `work` for `limit` at most: None when the time was up first, and `work` is dropped then. A timer is made only when
/// there is a limit and something to wait for.
pub async fn within<T>(
    runtime: &dyn Runtime,
    limit: Option<Duration>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    let Some(limit) = limit else { return Some(work.await) };
    let mut timer = None;
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        timer.get_or_insert_with(|| runtime.sleep(limit)).as_mut().poll(cx).map(|()| None)
    })
    .await
}
