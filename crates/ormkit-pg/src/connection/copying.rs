//! COPY over a connection.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use ormkit_core::driver::{
    BulkCopy, Cell, CopyColumn, CopyStatement, CopyWay, NoRows, RowSink, Statement, StatementText,
};
use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::runtime::BoxFuture;
use ormkit_core::value::Params;

use super::io::{Turn, poll_turn};
use super::wire::Wire;
use super::{PgConnection, TURN_BYTES};
use crate::copy::CopyRows;

impl BulkCopy for PgConnection {
    fn begin<'a>(&'a mut self, statement: &'a CopyStatement) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.require_usable()?;
            self.copy_rows = CopyRows::default();
            if let Some(query) = &statement.rows {
                self.common.types().refresh();
                let described = self.describe(query).await?;
                self.look_up(described.iter().map(|(_, oid)| *oid)).await?;
                self.copy_rows = CopyRows::new(described, self.common.types())?;
            }
            let width = statement.rows.as_ref().map(|_| self.copy_rows.columns().len());
            self.wire.begin_copy(statement, width)?;
            poll_fn(|cx| self.poll_copy(cx, Wire::copy_goes)).await?;
            self.copy_outcome()?;
            if width.is_some() && statement.way == CopyWay::In {
                self.wire.write_copy_data(|out| {
                    out.extend_from_slice(&crate::copy::HEADER);
                    Ok(())
                })?;
            }
            Ok(())
        })
    }

    fn columns(&self) -> &[CopyColumn] {
        self.copy_rows.columns()
    }

    fn push_row(&mut self, cell: &mut Cell<'_>) -> Result<()> {
        let rows = &self.copy_rows;
        self.wire.write_copy_data(|out| rows.encode(cell, out))
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.wire.write_copy_data(|out| {
            out.extend_from_slice(bytes);
            Ok(())
        })
    }

    fn buffered(&self) -> usize {
        self.wire.out.pending().len()
    }

    fn send(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.wire.close_copy_data();
            poll_fn(|cx| self.poll_copy(cx, |wire| wire.out.pending().is_empty())).await?;
            self.copy_outcome()
        })
    }

    fn receive(&mut self) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            poll_fn(|cx| self.poll_copy(cx, Wire::has_copy_data)).await?;
            self.copy_outcome()?;
            Ok(self.wire.has_copy_data())
        })
    }

    fn take_bytes(&mut self, show: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let Some(copy) = &mut self.wire.flight.copy else { return Ok(()) };
        let shown = show(&copy.data);
        copy.data.clear();
        shown
    }

    fn take_rows(&mut self, sink: &mut dyn RowSink) -> Result<()> {
        match &mut self.wire.flight.copy {
            Some(copy) => self.copy_rows.decode(&mut copy.data, sink),
            None => Ok(()),
        }
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async move {
            if self.copy_rows.is_some() && self.wire.copy_takes() {
                self.wire.write_copy_data(|out| {
                    out.extend_from_slice(&crate::copy::TRAILER);
                    Ok(())
                })?;
            }
            self.wire.end_copy_data();
            poll_fn(|cx| self.poll_copy(cx, |_| false)).await?;
            self.copy_outcome()?;
            Ok(self.wire.flight.copy.as_ref().map_or(0, |copy| copy.affected))
        })
    }

    fn give_up(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            poll_fn(|cx| self.poll_flight(cx, None, &mut NoRows)).await?;
            // What the server says of it is the caller's own doing.
            let _ = self.wire.outcome();
            Ok(())
        })
    }
}

impl PgConnection {
    /// Moves bytes until it is `done`, or the copy is over: then every reply was read and nothing is left to be sent.
    fn poll_copy(&mut self, cx: &mut Context<'_>, done: impl Fn(&Wire) -> bool) -> Poll<Result<()>> {
        let over = |wire: &Wire| wire.is_settled() || (!wire.has_failed() && done(wire));
        let mut read = 0;
        loop {
            if let Err(error) = self.take_messages(&mut NoRows, true) {
                return Poll::Ready(Err(self.close(error)));
            }
            self.wire.end_failed_copy(true);
            if over(&self.wire) {
                return Poll::Ready(Ok(()));
            }
            if read > TURN_BYTES {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Self { transport, wire, inbox, .. } = self;
            match poll_turn(&mut **transport, cx, &mut wire.out, inbox, &mut wire.flight.sent) {
                Poll::Ready(Ok(Turn::Read(count))) => read += count,
                Poll::Ready(Ok(Turn::End)) => {
                    return Poll::Ready(Err(self.lose("the server has closed the connection")));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.lose(&error.to_string()))),
                // Writing may have been all that there was to do.
                Poll::Pending if over(wire) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The error that ended the copy, if one did.
    fn copy_outcome(&mut self) -> Result<()> {
        if self.wire.is_settled() { self.wire.outcome() } else { Ok(()) }
    }

    /// The names and types of the columns of a query, which is not executed: no privilege to read is needed.
    async fn describe(&mut self, query: &str) -> Result<Vec<(Box<str>, u32)>> {
        let statement = Statement::new(Arc::new(StatementText::raw(query)), Params::new());
        self.wire.begin_describe(&statement)?;
        poll_fn(|cx| self.poll_copy(cx, |_| false)).await?;
        self.wire.outcome()?;
        let described = self.wire.flight.copy.take().map(|copy| copy.described).unwrap_or_default();
        if described.is_empty() {
            return Err(Error::new(ErrorKind::Programming("COPY moves rows of one column at least".into())));
        }
        Ok(described)
    }

    /// Learns the types that are not known yet.
    async fn look_up(&mut self, oids: impl Iterator<Item = u32>) -> Result<()> {
        let missing = self.common.types().missing(oids);
        if missing.is_empty() {
            return Ok(());
        }
        self.wire.begin_lookup(missing)?;
        poll_fn(|cx| self.poll_flight(cx, None, &mut NoRows)).await?;
        self.wire.outcome()
    }
}
