//! Byte buffers of a connection, and a cursor over one message.

use std::ops::Range;

use ormkit_core::error::{Error, Result};

use crate::narrow::to_u32;

/// The largest message before authentication, in bytes. Anything longer is not PostgreSQL speaking.
pub(crate) const STARTUP_LIMIT: usize = 64 * 1024;

/// The largest message afterwards, in bytes: the server's own limit for one allocation.
pub(crate) const MESSAGE_LIMIT: usize = 0x3fff_ffff;

/// Memory that is kept when nothing is buffered, in bytes.
const KEPT: usize = 1 << 20;

const FIRST_CHUNK: usize = 16 * 1024;

/// The buffer grows to this size while the server sends faster than we take, in bytes.
const LARGE_CHUNK: usize = 256 * 1024;

/// Where a message lies in the [`ReadBuffer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) tag: u8,
    pub(crate) body: Range<usize>,
}

/// Received bytes. It grows with what arrives and never to a length that was only announced.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read took all the room there was: more is waiting.
    full: bool,
}

impl ReadBuffer {
    /// Room to read into. Frames taken before are no longer valid.
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > KEPT {
                self.bytes.truncate(KEPT);
                self.bytes.shrink_to_fit();
            } else if self.full && self.bytes.len() < LARGE_CHUNK {
                self.bytes.resize(self.bytes.len() * 2, 0);
            }
        } else if self.start > 0 && self.end == self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.bytes.len() {
            self.bytes.resize((self.end * 2).max(FIRST_CHUNK), 0);
        }
        &mut self.bytes[self.end..]
    }

    /// Notes that `count` bytes were read into [`spare`](Self::spare).
    pub(crate) fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
        self.full = self.end == self.bytes.len();
    }

    /// Takes the next message, if all of it is here.
    ///
    /// # Errors
    /// Its length is below 4 or above `limit` (in bytes): the message boundary is lost.
    pub(crate) fn take(&mut self, limit: usize) -> Result<Option<Frame>> {
        let Some((tag, rest)) = self.bytes[self.start..self.end].split_first() else { return Ok(None) };
        let Some(length) = rest.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if !(4..=limit).contains(&length) {
            return Err(Error::protocol(format!(
                "a message of type {} announces {length} bytes: this is not a PostgreSQL server",
                tag.escape_ascii()
            )));
        }
        if rest.len() < length {
            return Ok(None);
        }
        let frame = Frame { tag: *tag, body: self.start + 5..self.start + 1 + length };
        self.start = frame.body.end;
        Ok(Some(frame))
    }

    /// The body of a frame that was taken.
    pub(crate) fn body(&self, frame: &Frame) -> &[u8] {
        &self.bytes[frame.body.clone()]
    }
}

/// Bytes to be sent.
#[derive(Debug, Default)]
pub(crate) struct WriteBuffer {
    bytes: Vec<u8>,
    sent: usize,
}

impl WriteBuffer {
    /// What is still to be sent.
    pub(crate) fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Notes that `count` bytes were taken by the transport.
    pub(crate) fn advance(&mut self, count: usize) {
        self.sent += count;
        if self.sent >= self.bytes.len() {
            self.clear();
        }
    }

    /// Forgets everything, sent or not.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.sent = 0;
    }

    /// Where the next byte goes.
    pub(crate) fn position(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes themselves, to append to.
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Writes a message: its tag, a length, and what `body` appends.
    ///
    /// # Errors
    /// Those of `body`, and a message over 1 GiB. Nothing of the message stays in the buffer then.
    pub(crate) fn message(&mut self, tag: u8, body: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[tag, 0, 0, 0, 0]);
        let written = body(&mut self.bytes).and_then(|()| self.patch(start + 1));
        if written.is_err() {
            self.bytes.truncate(start);
        }
        written
    }

    /// Writes the distance from `at` to the end into the four bytes at `at`.
    pub(crate) fn patch(&mut self, at: usize) -> Result<()> {
        let length = self.bytes.len() - at;
        if length > MESSAGE_LIMIT {
            return Err(Error::data(None, "a statement with its parameters is limited to 1 GiB"));
        }
        self.bytes[at..at + 4].copy_from_slice(&to_u32(length).to_be_bytes());
        Ok(())
    }
}

/// A cursor over the body of one message.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// The message's name, for errors.
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(rest: &'a [u8], what: &'static str) -> Self {
        Self { rest, what }
    }

    #[cold]
    fn short(&self) -> Error {
        Error::protocol(format!("{} ends too early", self.what))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| self.short())?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or_else(|| self.short())?;
        self.rest = rest;
        Ok(head)
    }

    /// Everything that is left.
    pub(crate) fn remainder(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Bytes up to a NUL, which is taken too.
    pub(crate) fn c_bytes(&mut self) -> Result<&'a [u8]> {
        let end = memchr::memchr(0, self.rest).ok_or_else(|| self.short())?;
        let text = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Ok(text)
    }

    /// UTF-8 up to a NUL.
    pub(crate) fn c_str(&mut self) -> Result<&'a str> {
        let what = self.what;
        std::str::from_utf8(self.c_bytes()?)
            .map_err(|_| Error::protocol(format!("{what} holds text that is not UTF-8")))
    }

    /// Nothing may be left: trailing bytes mean that the message boundary is lost.
    pub(crate) fn finish(&self) -> Result<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(Error::protocol(format!("{} has {} bytes too many", self.what, self.rest.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(bytes: &[u8]) -> ReadBuffer {
        let mut buffer = ReadBuffer::default();
        for chunk in bytes.chunks(1000) {
            let spare = buffer.spare();
            spare[..chunk.len()].copy_from_slice(chunk);
            buffer.filled(chunk.len());
        }
        buffer
    }

    #[test]
    fn message_waits_for_its_last_byte() {
        let bytes = b"Z\0\0\0\x05I";
        for length in 0..bytes.len() {
            assert_eq!(buffer(&bytes[..length]).take(STARTUP_LIMIT).unwrap(), None);
        }
        let mut whole = buffer(bytes);
        let frame = whole.take(STARTUP_LIMIT).unwrap().unwrap();
        assert_eq!((frame.tag, whole.body(&frame)), (b'Z', &b"I"[..]));
        assert_eq!(whole.take(STARTUP_LIMIT).unwrap(), None);
    }

    #[test]
    fn impossible_lengths_are_refused_at_once() {
        for length in [0_u32, 3, 0x4000_0000, 0x8000_0000, u32::MAX] {
            let bytes = [&b"D"[..], &length.to_be_bytes()].concat();
            assert!(buffer(&bytes).take(MESSAGE_LIMIT).is_err(), "{length}");
        }
        assert!(buffer(b"HTTP/1.1 400 Bad Request\r\n").take(STARTUP_LIMIT).is_err());
    }

    #[test]
    fn announced_length_reserves_nothing() {
        let mut huge = buffer(b"D\x3f\xff\xff\xff");
        assert_eq!(huge.take(MESSAGE_LIMIT).unwrap(), None);
        assert!(huge.spare().len() <= FIRST_CHUNK);
        assert!(huge.bytes.capacity() <= 2 * FIRST_CHUNK);
    }

    #[test]
    fn messages_survive_moves_inside_the_buffer() {
        let one = [&b"D\0\x01\0\x04"[..], &[7; 0x1_0000]].concat();
        let mut source = one.repeat(5);
        let mut buffer = ReadBuffer::default();
        let mut seen = 0;
        while !source.is_empty() {
            let spare = buffer.spare();
            let count = spare.len().min(source.len());
            spare[..count].copy_from_slice(&source[..count]);
            source.drain(..count);
            buffer.filled(count);
            while let Some(frame) = buffer.take(MESSAGE_LIMIT).unwrap() {
                assert!(buffer.body(&frame).iter().all(|byte| *byte == 7));
                seen += 1;
            }
        }
        assert_eq!(seen, 5);
    }

    #[test]
    fn failed_message_leaves_nothing_behind() {
        let mut out = WriteBuffer::default();
        out.message(b'Q', |body| {
            body.extend_from_slice(b"x\0");
            Ok(())
        })
        .unwrap();
        out.message(b'B', |body| {
            body.push(1);
            Err(Error::data(None, "no"))
        })
        .unwrap_err();
        assert_eq!(out.pending(), b"Q\0\0\0\x06x\0");
    }
}
