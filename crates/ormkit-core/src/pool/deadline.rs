//! A future with a time limit.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::runtime::Runtime;

/// Runs `work` for `limit` at most: None when the time was up first. Without a limit no timer is made.
pub(super) async fn within<T>(
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
        // Made only when there is something to wait for.
        timer.get_or_insert_with(|| runtime.sleep(limit)).as_mut().poll(cx).map(|()| None)
    })
    .await
}
