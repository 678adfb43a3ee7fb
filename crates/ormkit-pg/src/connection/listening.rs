//! A connection that listens.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use ormkit_core::driver::{Batch, Effect, NoRows, Statement};
use ormkit_core::error::Result;

use super::io::{Turn, poll_turn};
use super::{PgConnection, TURN_BYTES};
use crate::listen::Notification;
use crate::protocol::backend;

impl PgConnection {
    /// Listens to channels, by their names as SQL has them.
    pub(crate) async fn listen(&mut self, channels: &[String]) -> Result<()> {
        self.heard = Some(VecDeque::new());
        let statements: Vec<Statement> = channels
            .iter()
            .map(|channel| Statement::command(format!("LISTEN {channel}"), Effect::Unknown))
            .collect();
        self.attempt(Batch { before: &[], statements: &statements }, &mut NoRows).await
    }

    /// The next notification. It may be dropped at any time: nothing is lost.
    ///
    /// No more is read from the socket than the notifications at hand allow for: who does not ask for them has the server
    /// keep them, and nothing grows here.
    pub(crate) async fn notification(&mut self) -> Result<Notification> {
        poll_fn(|cx| self.poll_notification(cx)).await
    }

    fn poll_notification(&mut self, cx: &mut Context<'_>) -> Poll<Result<Notification>> {
        let mut read = 0;
        loop {
            if let Err(error) = self.take_messages(&mut NoRows, false) {
                return Poll::Ready(Err(self.close(error)));
            }
            if let Some(said) = self.heard.as_mut().and_then(VecDeque::pop_front) {
                return Poll::Ready(Ok(said));
            }
            self.require_usable()?;
            if read > TURN_BYTES {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Self { transport, wire, inbox, .. } = self;
            let turn = poll_turn(&mut **transport, cx, &mut wire.out, inbox, &mut wire.flight.sent);
            match ready!(turn) {
                Ok(Turn::Read(count)) => read += count,
                Ok(Turn::End) => return Poll::Ready(Err(self.lose("the server has closed the connection"))),
                Err(error) => return Poll::Ready(Err(self.lose(&error.to_string()))),
            }
        }
    }
}

/// Keeps a notification, on a connection that listens.
pub(super) fn keep(heard: &mut Option<VecDeque<Notification>>, said: &backend::Notification<'_>) {
    if let Some(heard) = heard {
        heard.push_back(Notification {
            channel: said.channel.to_owned(),
            payload: said.payload.to_owned(),
            pid: said.pid,
        });
    }
}
