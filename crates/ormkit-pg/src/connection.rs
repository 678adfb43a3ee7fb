//! One connection: the protocol's state over a transport. Bytes are awaited here and below, nowhere else.
//!
//! A connection is *Dirty* from the moment at which a flight is written until its last reply is read. All that is known
//! of the flight lives in [`Wire`], so that [`PgConnection::clean`] can go on where a dropped `run` stopped: it sends the
//! rest, reads the replies and rolls back. It is *Closed* for good after an IO error, after a message that makes no
//! sense, and when the server says goodbye.

mod copying;
pub(crate) mod establish;
pub(crate) mod io;
mod listening;
mod pooler;
pub(crate) mod route;
mod target_session;
pub(crate) mod wire;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use ormkit_core::driver::{
    Batch, BulkCopy, Cancel, Column, Connection, Effect, Health, NoRows, Row, RowSink, Statement,
    StatementText,
};
use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::runtime::{Aborter, BoxFuture, Peek, Runtime, Transport};
use ormkit_core::value::Params;

use self::io::{Turn, poll_turn, timeout};
use self::pooler::Question;
use self::wire::Wire;
use crate::cancel::CancelTarget;
use crate::common::Common;
use crate::copy::CopyRows;
use crate::error::connection_lost;
use crate::listen::Notification;
use crate::notice;
use crate::protocol::backend::{Message, TxStatus};
use crate::protocol::buffer::{MESSAGE_LIMIT, ReadBuffer};
use crate::session_state::RESET;

/// A drain that takes longer than this asks the server to cancel.
const PATIENCE: Duration = Duration::from_millis(5);

/// A drain that takes longer than this after the CancelRequest closes the connection, and so does a ROLLBACK.
const DEADLINE: Duration = Duration::from_secs(10);

/// After this many bytes of replies and statements in one go, other tasks get their turn: some milliseconds of decoding.
const TURN_BYTES: usize = 512 * 1024;

/// The message Terminate.
const TERMINATE: [u8; 5] = *b"X\0\0\0\x04";

/// A connection to a PostgreSQL server.
pub(crate) struct PgConnection {
    runtime: Arc<dyn Runtime>,
    transport: Box<dyn Transport>,
    inbox: ReadBuffer,
    wire: Wire,
    cancel: CancelTarget,
    /// A CancelRequest whose end was not awaited: until it is over, it could hit the next statement.
    cancelling: Option<BoxFuture<'static, Result<()>>>,
    /// The columns of a COPY.
    copy_rows: CopyRows,
    /// Notifications that nobody has taken yet; None on a connection that does not listen, which drops them.
    heard: Option<VecDeque<Notification>>,
    /// Why the connection is of no more use.
    closed: Option<String>,
    common: Arc<Common>,
    /// Whether a pooler stands between: what names of statements depend on.
    question: Question,
    /// The changes of the schema that its statements know.
    schema_changes: u64,
}

impl Connection for PgConnection {
    fn run<'a>(&'a mut self, batch: Batch<'a>, sink: &'a mut dyn RowSink) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.require_usable()?;
            self.settle_names().await?;
            let is_script = |statement: &Statement| statement.text.effect == Effect::Script;
            if batch.statements.iter().any(is_script) {
                return self.run_one_by_one(batch, sink).await;
            }
            let began = self.health();
            match self.attempt(batch, sink).await {
                Err(_) if began == Health::Idle && self.may_repeat(batch) => {
                    self.wire.restart(sink);
                    self.roll_back().await?;
                    self.attempt(batch, sink).await
                }
                outcome => outcome,
            }
        })
    }

    fn health(&self) -> Health {
        match self.wire.pipeline.status() {
            _ if self.closed.is_some() => Health::Closed,
            _ if !self.wire.is_settled() || self.cancelling.is_some() => Health::Dirty,
            TxStatus::Idle => Health::Idle,
            TxStatus::InTransaction => Health::InTransaction,
            TxStatus::Failed => Health::Failed,
        }
    }

    fn is_pristine(&self) -> bool {
        !self.wire.session_changed
    }

    fn keep_session(&mut self) {
        self.wire.session_changed = false;
    }

    fn set_comment(&mut self, comment: Option<Arc<str>>) {
        self.wire.comment = comment;
    }

    fn backend_pid(&self) -> Option<u32> {
        Some(self.cancel.pid)
    }

    fn reset(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let statements =
                RESET.map(|sql| Statement::new(Arc::new(StatementText::raw(sql)), Params::new()));
            self.attempt(Batch { before: &[], statements: &statements }, &mut NoRows).await?;
            self.wire.session_changed = false;
            Ok(())
        })
    }

    fn reported_setting(&self, name: &str) -> Option<&str> {
        self.wire.pipeline.settings.get(name)
    }

    fn close_cursor(&mut self, cursor: u32) {
        if self.wire.pipeline.status() == TxStatus::InTransaction {
            self.wire.close_portal(cursor);
        }
    }

    fn clean(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            if !self.wire.flight.sent && self.wire.pipeline.is_busy() {
                self.wire.abandon();
            }
            self.drain().await?;
            // A CancelRequest that came late may have hit the ROLLBACK.
            if self.roll_back_in_time().await.is_err() {
                self.roll_back_in_time().await?;
            }
            Ok(())
        })
    }

    fn check(&mut self) -> bool {
        if self.closed.is_some() {
            return false;
        }
        let alive = match self.transport.peek() {
            Peek::Quiet => Ok(()),
            Peek::Closed => Err(connection_lost("the server has closed the connection")),
            Peek::Readable => self.read_unasked(),
        };
        if let Err(error) = alive {
            self.closed = Some(error.to_string());
        }
        self.closed.is_none()
    }

    fn ping(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.require_usable()?;
            self.wire.ping();
            poll_fn(|cx| self.poll_flight(cx, None, &mut NoRows)).await?;
            self.wire.outcome()
        })
    }

    fn bulk_copy(&mut self) -> Result<&mut dyn BulkCopy> {
        Ok(self)
    }

    fn aborter(&self) -> Option<Aborter> {
        self.transport.aborter()
    }

    fn canceller(&self) -> Box<dyn Cancel> {
        Box::new(self.cancel.clone())
    }
}

/// Says goodbye (protocol, "Termination"), where that does not wait: a server that only finds the end of the stream, or a
/// pooler before it, logs it as a client that was lost.
impl Drop for PgConnection {
    fn drop(&mut self) {
        if self.closed.is_none() && self.health() != Health::Dirty {
            let mut cx = Context::from_waker(Waker::noop());
            let _ = self.transport.poll_write(&mut cx, &TERMINATE);
        }
    }
}

impl PgConnection {
    /// Runs what holds scripts, which go by the simple protocol: a Query behind a failed one would be executed.
    async fn run_one_by_one(&mut self, batch: Batch<'_>, sink: &mut dyn RowSink) -> Result<()> {
        self.attempt(Batch { before: &[], statements: batch.before }, &mut NoRows).await?;
        for (index, statement) in batch.statements.iter().enumerate() {
            self.attempt(Batch::of(statement), &mut Numbered { sink: &mut *sink, index }).await?;
            if statement.text.effect == Effect::Script {
                sink.done(index, 0)?;
            }
        }
        Ok(())
    }

    /// Runs the batch once.
    async fn attempt(&mut self, batch: Batch<'_>, sink: &mut dyn RowSink) -> Result<()> {
        self.require_usable()?;
        self.hear_of_schema_changes();
        self.wire.begin(batch)?;
        poll_fn(|cx| self.poll_flight(cx, Some(batch), sink)).await?;
        self.tell_of_schema_changes();
        self.wire.outcome()
    }

    /// Prepares all statements anew when another connection has met one that is no longer what it was: inside a
    /// transaction the server's error about it would be the end.
    fn hear_of_schema_changes(&mut self) {
        let count = self.common.schema_changes();
        if self.schema_changes != count {
            self.schema_changes = count;
            self.wire.cache.forget_all();
        }
    }

    /// Tells the other connections, once it is committed.
    fn tell_of_schema_changes(&mut self) {
        let committed = self.wire.schema_changed && self.health() == Health::Idle;
        if self.wire.flight.stale || committed {
            self.wire.schema_changed &= !committed;
            self.common.note_schema_change();
        }
    }

    fn require_usable(&self) -> Result<()> {
        if let Some(why) = &self.closed {
            return Err(connection_lost(format!("the connection is closed: {why}")));
        }
        if self.health() == Health::Dirty {
            return Err(Error::invalid_request("replies are outstanding on this connection: clean it first"));
        }
        Ok(())
    }

    /// Rolls back where a transaction is open.
    async fn roll_back(&mut self) -> Result<()> {
        self.require_usable()?;
        if self.health() == Health::Idle {
            return Ok(());
        }
        let rollback = [Statement::command("ROLLBACK", Effect::Rollback)];
        self.attempt(Batch { before: &[], statements: &rollback }, &mut NoRows).await
    }

    /// The same, for nobody waits here without a limit.
    async fn roll_back_in_time(&mut self) -> Result<()> {
        let runtime = Arc::clone(&self.runtime);
        match timeout(&*runtime, DEADLINE, self.roll_back()).await {
            Some(outcome) => outcome,
            None => Err(self.lose("the server did not answer ROLLBACK in time")),
        }
    }

    /// True when the batch failed because a prepared statement is no longer what it was, and can be run again: as it
    /// began outside a transaction, its one Sync has undone what it did, unless it commits on its way.
    fn may_repeat(&self, batch: Batch<'_>) -> bool {
        let harmless = |statement: &Statement| {
            matches!(statement.text.effect, Effect::Read | Effect::Write { .. } | Effect::Savepoint)
        };
        self.wire.flight.stale
            && self.closed.is_none()
            && (batch.statements.len() == 1 || batch.statements.iter().all(harmless))
    }

    /// Moves bytes until the flight is over. `batch` is what is left to be written, if anybody still wants it.
    fn poll_flight(
        &mut self,
        cx: &mut Context<'_>,
        batch: Option<Batch<'_>>,
        sink: &mut dyn RowSink,
    ) -> Poll<Result<()>> {
        let wanted = batch.is_some();
        let mut moved = 0;
        loop {
            if let Err(error) = self.take_messages(sink, wanted) {
                return Poll::Ready(Err(self.close(error)));
            }
            let unsent = self.wire.out.pending().len();
            self.wire.advance(batch);
            moved += self.wire.out.pending().len() - unsent;
            if !wanted {
                self.wire.end_failed_copy(false);
            }
            if self.wire.is_settled() {
                return Poll::Ready(Ok(()));
            }
            if moved > TURN_BYTES {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Self { transport, wire, inbox, .. } = self;
            let turn = poll_turn(&mut **transport, cx, &mut wire.out, inbox, &mut wire.flight.sent);
            if turn.is_pending() && (wire.is_settled() || wanted && wire.has_room_for_rest()) {
                continue; // writing was all that there was left to do, or there is more to be written
            }
            match ready!(turn) {
                Ok(Turn::Read(count)) => moved += count,
                Ok(Turn::End) => return Poll::Ready(Err(self.lose("the server has closed the connection"))),
                Err(error) => return Poll::Ready(Err(self.lose(&error.to_string()))),
            }
        }
    }

    /// Handles all messages that are here; the sink hears of them only when it is `wanted`.
    fn take_messages(&mut self, sink: &mut dyn RowSink, wanted: bool) -> Result<()> {
        while let Some(frame) = self.inbox.take(MESSAGE_LIMIT)? {
            let message = Message::decode(frame.tag, self.inbox.body(&frame))?;
            if let Message::Notice(fields) = &message {
                notice::tell(self.common.notices(), fields);
            }
            if let Message::Notification(said) = &message {
                listening::keep(&mut self.heard, said);
            }
            self.wire.receive(message, wanted.then_some(&mut *sink))?;
        }
        Ok(())
    }

    /// Notes a broken connection.
    fn lose(&mut self, why: &str) -> Error {
        self.close(connection_lost(format!("the connection to {} broke: {why}", self.cancel.route.place())))
    }

    /// Closes the connection because of `error`, and answers what the caller is told.
    fn close(&mut self, error: Error) -> Error {
        self.closed = Some(error.to_string());
        if self.wire.commit_is_pending() {
            return Error::new(ErrorKind::OutcomeUnknown(format!(
                "whether the transaction was committed is not known: {error}"
            )));
        }
        error
    }

    /// Reads the replies that are outstanding; asks the server to cancel when they take long.
    async fn drain(&mut self) -> Result<()> {
        let mut patience = self.runtime.sleep(PATIENCE);
        let mut deadline: Option<BoxFuture<'static, ()>> = None;
        poll_fn(|cx| {
            if let Some(cancelling) = &mut self.cancelling
                && cancelling.as_mut().poll(cx).is_ready()
            {
                // Where it failed there is nothing to be done but to wait for the replies.
                self.cancelling = None;
            }
            if self.closed.is_some() {
                return Poll::Ready(self.require_usable());
            }
            let drained = self.poll_flight(cx, None, &mut NoRows)?;
            if drained.is_ready() && self.cancelling.is_none() {
                return Poll::Ready(Ok(()));
            }
            if let Some(deadline) = &mut deadline {
                ready!(deadline.as_mut().poll(cx));
                return Poll::Ready(Err(self.lose("replies to a cancelled statement did not come in time")));
            }
            ready!(patience.as_mut().poll(cx));
            self.cancelling.get_or_insert_with(|| self.cancel.cancel());
            deadline = Some(self.runtime.sleep(DEADLINE));
            // The new futures have not been polled yet.
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }

    /// Reads what came while nobody asked: notices and changed settings are harmless, anything else is not.
    fn read_unasked(&mut self) -> Result<()> {
        let mut cx = Context::from_waker(Waker::noop());
        match self.transport.poll_read(&mut cx, self.inbox.spare()) {
            Poll::Ready(Ok(0)) => Err(connection_lost("the server has closed the connection")),
            Poll::Ready(Ok(count)) => {
                self.inbox.filled(count);
                self.take_messages(&mut NoRows, false)
            }
            Poll::Ready(Err(error)) => Err(connection_lost(error.to_string())),
            Poll::Pending => Ok(()),
        }
    }
}

/// The sink of one statement, which has another number for who wants its rows.
struct Numbered<'a> {
    sink: &'a mut dyn RowSink,
    index: usize,
}

impl RowSink for Numbered<'_> {
    fn columns(&mut self, _statement: usize, columns: &[Column<'_>]) -> Result<()> {
        self.sink.columns(self.index, columns)
    }

    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        self.sink.row(self.index, row)
    }

    fn restart(&mut self, _statement: usize) {
        self.sink.restart(self.index);
    }

    fn suspended(&mut self, _statement: usize) {
        self.sink.suspended(self.index);
    }

    fn done(&mut self, _statement: usize, affected: u64) -> Result<()> {
        self.sink.done(self.index, affected)
    }
}
