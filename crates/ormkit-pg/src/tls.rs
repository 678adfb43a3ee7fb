//! TLS over a [`Transport`]: rustls without IO. What is read goes through the session, what is written comes out of it.

pub(crate) mod client;
mod end_point;
mod files;
mod verify;

use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::task::{Context, Poll, Waker, ready};

use ormkit_core::runtime::{Aborter, Peek, Transport};
use rustls::ClientConnection;

/// Room for encrypted bytes: two records.
const STAGE: usize = 32 * 1024;

/// An encrypted stream.
///
/// Plaintext that [`poll_write`](Transport::poll_write) took and the socket did not is sent by the next read or write.
pub(crate) struct TlsTransport {
    inner: Box<dyn Transport>,
    session: ClientConnection,
    stage: Stage,
}

/// Encrypted bytes that were read and that the session has not taken yet.
struct Stage {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl TlsTransport {
    /// Shakes hands.
    ///
    /// # Errors
    /// The socket's, or `InvalidData` with what rustls says: the server is not who it should be, or speaks no TLS.
    pub(crate) async fn connect(inner: Box<dyn Transport>, session: ClientConnection) -> io::Result<Self> {
        let stage = Stage { bytes: vec![0; STAGE].into(), start: 0, end: 0 };
        let mut transport = Self { inner, session, stage };
        poll_fn(|cx| transport.poll_handshake(cx)).await?;
        Ok(transport)
    }

    /// The session, once hands are shaken.
    pub(crate) fn session(&self) -> &ClientConnection {
        &self.session
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let sent = self.poll_send(cx);
            if !self.session.is_handshaking() {
                return sent;
            }
            if !ready!(self.poll_feed(cx))? {
                return Poll::Ready(Err(io::Error::new(
                    ErrorKind::UnexpectedEof,
                    "the server closed the connection during the TLS handshake",
                )));
            }
        }
    }

    /// Sends what the session has ready.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            let mut outlet = Outlet { inner: &mut *self.inner, cx };
            match self.session.write_tls(&mut outlet) {
                Ok(0) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Gives the session more bytes, from the socket where none are left. False at the end of the stream.
    fn poll_feed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let stage = &mut self.stage;
        if stage.start == stage.end {
            let count = ready!(self.inner.poll_read(cx, &mut stage.bytes))?;
            (stage.start, stage.end) = (0, count);
            if count == 0 {
                return Poll::Ready(Ok(false));
            }
        }
        let mut bytes = &stage.bytes[stage.start..stage.end];
        stage.start += self.session.read_tls(&mut bytes)?;
        let processed = self.session.process_new_packets();
        if let Err(error) = processed {
            // The alert that tells the server why; that it cannot be sent changes nothing.
            let _ = self.poll_send(cx);
            return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, error)));
        }
        Poll::Ready(Ok(true))
    }

    /// Decrypted bytes that are here already. None: there are none yet.
    fn decrypted(&mut self, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        match self.session.reader().read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            read => Some(read),
        }
    }
}

impl Transport for TlsTransport {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let sent = self.poll_send(cx);
            if let Some(read) = self.decrypted(buffer) {
                return Poll::Ready(read);
            }
            match self.poll_feed(cx) {
                Poll::Ready(Ok(true)) => {}
                // PostgreSQL's messages have lengths: a stream that ends early is seen without TLS's own goodbye.
                Poll::Ready(Ok(false)) => return Poll::Ready(Ok(0)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    return match sent {
                        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                        _ => Poll::Pending,
                    };
                }
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // Nothing is taken before the last is gone: the session holds a bounded piece.
        ready!(self.poll_send(cx))?;
        let count = self.session.writer().write(bytes)?;
        if let Poll::Ready(Err(error)) = self.poll_send(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(count))
    }

    fn aborter(&self) -> Option<Aborter> {
        self.inner.aborter()
    }

    /// Bytes on the socket need not be the server's words: session tickets and new keys are taken in here.
    fn peek(&mut self) -> Peek {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            // What is decrypted is asked for without taking any of it: an empty read answers 0 at the end as well.
            match self.session.process_new_packets() {
                Ok(state) if state.plaintext_bytes_to_read() > 0 => return Peek::Readable,
                Ok(state) if state.peer_has_closed() => return Peek::Closed,
                Ok(_) => {}
                Err(_) => return Peek::Closed,
            }
            if self.stage.start == self.stage.end {
                match self.inner.peek() {
                    Peek::Readable => {}
                    other => return other,
                }
            }
            match self.poll_feed(&mut cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false) | Err(_)) => return Peek::Closed,
                Poll::Pending => return Peek::Quiet,
            }
        }
    }
}

/// Where the session's encrypted bytes go.
struct Outlet<'a, 'c> {
    inner: &'a mut dyn Transport,
    cx: &'a mut Context<'c>,
}

impl Write for Outlet<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.inner.poll_write(self.cx, bytes) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
