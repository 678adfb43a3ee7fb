//! Which replies are outstanding, and what a message means as the reply to the oldest of them.
//!
//! A flight is a run of extended-protocol messages with one Sync at its end, or one simple Query. The server answers in
//! order; after an error it skips everything up to the Sync, and so does the queue here. Messages that answer nothing
//! (notices, notifications, changed parameters) may come at any place.

use std::collections::VecDeque;

use ormkit_core::error::{Error, Result};

use super::backend::{CopyResponse, Fields, Message, ParameterDescription, RowDescription, TxStatus};
use super::settings::Settings;

/// A reply that is outstanding. The number says for which unit of the flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Parse(u32),
    /// The parameters' types of a prepared statement; its columns follow.
    ParamTypes(u32),
    Columns(u32),
    Bind(u32),
    Execute(u32),
    Close,
    /// A simple Query; stays until ReadyForQuery.
    Query(u32),
    Sync,
}

/// What a message means.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// Nothing for anybody but the pipeline.
    Noted,
    ParamTypes(u32, ParameterDescription<'a>),
    /// The columns of the result; None when there will be no rows.
    Columns(u32, Option<RowDescription<'a>>),
    /// A row: the body of its message.
    Row(u32, &'a [u8]),
    /// The command tag; None for an empty statement.
    Complete(u32, Option<&'a str>),
    /// The rows that were asked for are here, and there may be more.
    Suspended(u32),
    /// The unit that failed; None when the error answers nothing.
    Failed(Option<u32>, Fields<'a>),
    /// COPY has begun.
    Copy(u32, Copy, CopyResponse),
    /// Data of a COPY that goes out.
    CopyData(&'a [u8]),
    /// The flight is over.
    Ready,
}

/// Which way COPY goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copy {
    /// The server waits for data: it cannot go on without.
    In,
    /// Data comes.
    Out,
}

/// The outstanding replies of one connection.
#[derive(Debug)]
pub(crate) struct Pipeline {
    /// What the server says of its settings.
    pub(crate) settings: Settings,
    expected: VecDeque<Expected>,
    status: TxStatus,
    /// Messages of the extended protocol were written and their Sync was not: the server sends no ReadyForQuery.
    open: bool,
    /// An error came before the Sync was sent: the server skips until it gets one.
    skipping: bool,
    /// The simple Query has been answered, if only the first of its statements.
    answered: bool,
    /// COPY has begun to go out, and its end has not come.
    copies_out: bool,
}

impl Default for Pipeline {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            expected: VecDeque::new(),
            status: TxStatus::Idle,
            open: false,
            skipping: false,
            answered: false,
            copies_out: false,
        }
    }
}

impl Pipeline {
    /// Notes that a message was written whose reply is `expected`.
    pub(crate) fn expect(&mut self, expected: Expected) {
        self.open = expected != Expected::Sync;
        self.answered &= !matches!(expected, Expected::Query(_));
        if self.open && self.skipping {
            return;
        }
        self.skipping = false;
        self.expected.push_back(expected);
    }

    /// Forgets replies to messages that were never sent.
    pub(crate) fn abandon(&mut self) {
        self.expected.clear();
        (self.open, self.skipping) = (false, false);
    }

    /// True until the last reply of the flight is read.
    pub(crate) fn is_busy(&self) -> bool {
        self.open || !self.expected.is_empty()
    }

    /// True when the flight is open: it ends only after a Sync.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Where the transaction stands, as of the last ReadyForQuery.
    pub(crate) fn status(&self) -> TxStatus {
        self.status
    }

    /// Takes a message.
    ///
    /// # Errors
    /// It cannot be the next reply: the connection is of no more use.
    pub(crate) fn receive<'a>(&mut self, message: Message<'a>) -> Result<Event<'a>> {
        let front = self.expected.front().copied();
        let event = match (front, message) {
            (Some(Expected::Execute(unit) | Expected::Query(unit)), Message::DataRow(body)) => {
                return Ok(Event::Row(unit, body));
            }
            (_, Message::Notice(_) | Message::Notification(_)) => return Ok(Event::Noted),
            (_, Message::ParameterStatus { name, value }) => {
                self.settings.note(name, value)?;
                return Ok(Event::Noted);
            }
            (_, Message::Error(fields)) => return Ok(self.fail(fields)),
            (Some(Expected::Query(unit)), message) => return self.simple(unit, message),
            (Some(Expected::Parse(_)), Message::ParseComplete) => Event::Noted,
            (Some(Expected::ParamTypes(unit)), Message::ParameterDescription(types)) => {
                Event::ParamTypes(unit, types)
            }
            (Some(Expected::Columns(unit)), Message::RowDescription(columns)) => {
                Event::Columns(unit, Some(columns))
            }
            (Some(Expected::Columns(unit)), Message::NoData) => Event::Columns(unit, None),
            (Some(Expected::Bind(_)), Message::BindComplete) => Event::Noted,
            (Some(Expected::Close), Message::CloseComplete) => Event::Noted,
            (Some(Expected::Execute(unit)), Message::CommandComplete(tag)) => {
                Event::Complete(unit, Some(tag))
            }
            (Some(Expected::Execute(unit)), Message::EmptyQuery) => Event::Complete(unit, None),
            (Some(Expected::Execute(unit)), Message::PortalSuspended) => Event::Suspended(unit),
            (Some(Expected::Execute(unit)), message) => return self.copy(unit, message),
            (Some(Expected::Sync), Message::ReadyForQuery(status)) => {
                (self.status, self.copies_out) = (status, false);
                Event::Ready
            }
            (_, other) => return Err(unexpected(&other)),
        };
        self.expected.pop_front();
        Ok(event)
    }

    fn simple<'a>(&mut self, unit: u32, message: Message<'a>) -> Result<Event<'a>> {
        self.answered |= matches!(message, Message::CommandComplete(_) | Message::EmptyQuery);
        Ok(match message {
            Message::RowDescription(columns) => Event::Columns(unit, Some(columns)),
            Message::CommandComplete(tag) => Event::Complete(unit, Some(tag)),
            Message::EmptyQuery => Event::Complete(unit, None),
            // Without a tag nobody knows what became of a COMMIT.
            Message::ReadyForQuery(_) if !self.answered => return Err(unexpected(&message)),
            Message::ReadyForQuery(status) => {
                (self.status, self.copies_out) = (status, false);
                // The Query and the Sync that stands for its own ReadyForQuery.
                self.expected.drain(..self.expected.len().min(2));
                Event::Ready
            }
            other => return self.copy(unit, other),
        })
    }

    fn fail<'a>(&mut self, fields: Fields<'a>) -> Event<'a> {
        let unit = self.expected.front().and_then(|expected| match *expected {
            Expected::Parse(unit)
            | Expected::ParamTypes(unit)
            | Expected::Columns(unit)
            | Expected::Bind(unit)
            | Expected::Execute(unit)
            | Expected::Query(unit) => Some(unit),
            Expected::Close | Expected::Sync => None,
        });
        while self.expected.front().is_some_and(|expected| *expected != Expected::Sync) {
            self.expected.pop_front();
        }
        self.skipping = self.open && self.expected.is_empty();
        self.copies_out = false;
        Event::Failed(unit, fields)
    }

    fn copy<'a>(&mut self, unit: u32, message: Message<'a>) -> Result<Event<'a>> {
        let under_way = self.copies_out;
        self.copies_out = matches!(message, Message::CopyOut(_) | Message::CopyData(_));
        match message {
            Message::CopyIn(response) | Message::CopyBoth(response) => {
                Ok(Event::Copy(unit, Copy::In, response))
            }
            Message::CopyOut(response) => Ok(Event::Copy(unit, Copy::Out, response)),
            Message::CopyData(data) if under_way => Ok(Event::CopyData(data)),
            Message::CopyDone if under_way => Ok(Event::Noted),
            other => Err(unexpected(&other)),
        }
    }
}

fn unexpected(message: &Message<'_>) -> Error {
    Error::protocol(format!("{} where another reply is due", message.name()))
}

#[cfg(test)]
mod tests {
    use super::super::buffer::{MESSAGE_LIMIT, ReadBuffer};
    use super::*;

    const FLIGHT: [Expected; 9] = [
        Expected::Close,
        Expected::Parse(0),
        Expected::Bind(0),
        Expected::Columns(0),
        Expected::Execute(0),
        Expected::Bind(1),
        Expected::Execute(1),
        Expected::Sync,
        Expected::Sync,
    ];

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        [&[tag][..], &(body.len() as u32 + 4).to_be_bytes(), body].concat()
    }

    /// What a server sent for Close, Parse, Bind, Describe, Execute of `SELECT 1 AS x`, Bind and Execute of an INSERT,
    /// Sync, and Sync again.
    fn recorded() -> Vec<Vec<u8>> {
        vec![
            message(b'3', b""),
            message(b'1', b""),
            message(b'2', b""),
            message(b'T', b"\0\x01x\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0"),
            message(b'D', b"\0\x01\0\0\0\x04\0\0\0\x01"),
            message(b'D', b"\0\x01\xff\xff\xff\xff"),
            message(b'C', b"SELECT 2\0"),
            message(b'2', b""),
            message(b'C', b"INSERT 0 1\0"),
            message(b'Z', b"T"),
            message(b'S', b"TimeZone\0Etc/UTC\0"),
            message(b'Z', b"I"),
        ]
    }

    fn aside() -> Vec<u8> {
        [
            message(b'N', b"SNOTICE\0C00000\0Mx\0\0"),
            message(b'S', b"application_name\0app\0"),
            message(b'A', b"\0\0\0\x01c\0p\0"),
        ]
        .concat()
    }

    /// Everything that `chunks` mean, as text, up to the first error.
    fn play<'a>(expected: &[Expected], chunks: impl Iterator<Item = &'a [u8]>) -> Result<Vec<String>> {
        let mut pipeline = Pipeline::default();
        expected.iter().for_each(|reply| pipeline.expect(*reply));
        let mut buffer = ReadBuffer::default();
        let mut events = Vec::new();
        for mut chunk in chunks {
            while !chunk.is_empty() {
                let spare = buffer.spare();
                let count = spare.len().min(chunk.len());
                spare[..count].copy_from_slice(&chunk[..count]);
                buffer.filled(count);
                chunk = &chunk[count..];
                while let Some(frame) = buffer.take(MESSAGE_LIMIT)? {
                    let event = pipeline.receive(Message::decode(frame.tag, buffer.body(&frame))?)?;
                    if !matches!(event, Event::Noted) {
                        events.push(format!("{event:?}"));
                    }
                }
            }
        }
        Ok(events)
    }

    fn play_all(expected: &[Expected], messages: &[Vec<u8>]) -> Result<Vec<String>> {
        play(expected, messages.iter().map(|message| &message[..]))
    }

    #[test]
    fn recorded_flight_means_the_same_in_any_pieces() {
        let whole = recorded().concat();
        let events = play(&FLIGHT, std::iter::once(&whole[..])).unwrap();
        assert_eq!(events.len(), 7);
        assert!(events[0].starts_with("Columns(0, Some"));
        assert_eq!(events[3], "Complete(0, Some(\"SELECT 2\"))");
        assert_eq!(events[6], "Ready");
        assert_eq!(play(&FLIGHT, whole.chunks(1)).unwrap(), events);
        for length in 0..whole.len() {
            let part = play(&FLIGHT, std::iter::once(&whole[..length])).unwrap();
            assert_eq!(part, events[..part.len()], "truncated at {length}");
        }
    }

    #[test]
    fn messages_aside_change_nothing() {
        let events = play_all(&FLIGHT, &recorded()).unwrap();
        let mixed: Vec<Vec<u8>> = recorded().into_iter().flat_map(|message| [aside(), message]).collect();
        assert_eq!(play_all(&FLIGHT, &mixed).unwrap(), events);
    }

    #[test]
    fn error_skips_to_the_sync() {
        let mut replies = recorded()[..3].to_vec();
        replies.extend([message(b'E', b"SERROR\0C22012\0Mx\0\0"), message(b'Z', b"I")]);
        let events = play_all(&FLIGHT[..8], &replies).unwrap();
        assert_eq!(events.len(), 2);
        assert!(events[0].starts_with("Failed(Some(0)"));
    }

    #[test]
    fn replies_out_of_order_are_refused() {
        let recorded = recorded();
        for index in [0, 1, 2, 3, 4, 7, 9] {
            let allowed: &[u8] = if index == 4 { b"DC" } else { &recorded[index][..1] };
            for other in recorded.iter().filter(|other| !allowed.contains(&other[0]) && other[0] != b'S') {
                let mut replies = recorded[..index].to_vec();
                replies.push(other.clone());
                assert!(play_all(&FLIGHT, &replies).is_err(), "{index} {}", other.escape_ascii());
            }
        }
        assert!(play_all(&[], &[message(b'Z', b"I")]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_replies_or_an_error(bytes: Vec<u8>, cut in 0_usize..12) {
            let mut replies = recorded()[..cut].concat();
            replies.extend(bytes);
            let _ = play(&FLIGHT, replies.chunks(7));
        }
    }

    #[test]
    fn query_is_answered_before_the_server_is_ready() {
        let flight = [Expected::Query(0), Expected::Sync];
        assert!(play_all(&flight, &[message(b'Z', b"I")]).is_err());
        for answer in [message(b'C', b"COMMIT\0"), message(b'I', b"")] {
            let events = play_all(&flight, &[answer, message(b'Z', b"I")]).unwrap();
            assert_eq!(events.last().unwrap(), "Ready");
        }
        let failed = play_all(&flight, &[message(b'E', b"SERROR\0C22012\0Mx\0\0"), message(b'Z', b"I")]);
        assert_eq!(failed.unwrap().last().unwrap(), "Ready");
    }

    #[test]
    fn open_flight_waits_for_its_sync_after_an_error() {
        let mut pipeline = Pipeline::default();
        pipeline.expect(Expected::Parse(0));
        let error = Message::decode(b'E', b"C42601\0\0").unwrap();
        pipeline.receive(error).unwrap();
        assert!(pipeline.is_busy() && pipeline.is_open());
        pipeline.expect(Expected::Sync);
        assert!(pipeline.is_busy() && !pipeline.is_open());
        pipeline.receive(Message::ReadyForQuery(TxStatus::Failed)).unwrap();
        assert!(!pipeline.is_busy());
        assert_eq!(pipeline.status(), TxStatus::Failed);
    }
}
