//! Messages from the server (PostgreSQL manual, section 55.7).

use ormkit_core::error::{Error, Result};

use super::buffer::Reader;

/// Where the server says the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TxStatus {
    Idle,
    InTransaction,
    Failed,
}

/// A message from the server, borrowed from the receive buffer.
#[derive(Clone, Debug)]
pub(crate) enum Message<'a> {
    Authentication(Authentication<'a>),
    BackendKeyData {
        pid: u32,
        key: &'a [u8],
    },
    ParameterStatus {
        name: &'a str,
        value: &'a str,
    },
    ReadyForQuery(TxStatus),
    Error(Fields<'a>),
    Notice(Fields<'a>),
    Notification(Notification<'a>),
    NegotiateProtocolVersion(Negotiation),
    ParseComplete,
    BindComplete,
    CloseComplete,
    NoData,
    PortalSuspended,
    EmptyQuery,
    ParameterDescription(ParameterDescription<'a>),
    RowDescription(RowDescription<'a>),
    /// Its body: the row looks into it when it is asked for a cell.
    DataRow(&'a [u8]),
    CommandComplete(&'a str),
    CopyIn(CopyResponse),
    CopyOut(CopyResponse),
    CopyBoth(CopyResponse),
    CopyData(&'a [u8]),
    CopyDone,
}

impl<'a> Message<'a> {
    /// Decodes the message of type `tag`.
    ///
    /// # Errors
    /// An unknown type, too few or too many bytes, or values outside the protocol.
    pub(crate) fn decode(tag: u8, body: &'a [u8]) -> Result<Self> {
        Ok(match tag {
            b'D' => Self::DataRow(body),
            b'2' => empty(body, "BindComplete", Self::BindComplete)?,
            b'C' => command_complete(Reader::new(body, "CommandComplete"))?,
            b'Z' => ready_for_query(Reader::new(body, "ReadyForQuery"))?,
            b'1' => empty(body, "ParseComplete", Self::ParseComplete)?,
            b'3' => empty(body, "CloseComplete", Self::CloseComplete)?,
            b'n' => empty(body, "NoData", Self::NoData)?,
            b'I' => empty(body, "EmptyQueryResponse", Self::EmptyQuery)?,
            b's' => empty(body, "PortalSuspended", Self::PortalSuspended)?,
            b't' => Self::ParameterDescription(ParameterDescription::decode(body)?),
            b'T' => Self::RowDescription(RowDescription::decode(body)?),
            b'E' => Self::Error(Fields::decode(body, "ErrorResponse")?),
            b'N' => Self::Notice(Fields::decode(body, "NoticeResponse")?),
            b'A' => Self::Notification(Notification::decode(body)?),
            b'S' => parameter_status(Reader::new(body, "ParameterStatus"))?,
            b'R' => Self::Authentication(Authentication::decode(body)?),
            b'K' => backend_key_data(Reader::new(body, "BackendKeyData"))?,
            b'v' => negotiation(Reader::new(body, "NegotiateProtocolVersion"))?,
            b'G' => Self::CopyIn(CopyResponse::decode(body)?),
            b'H' => Self::CopyOut(CopyResponse::decode(body)?),
            b'W' => Self::CopyBoth(CopyResponse::decode(body)?),
            b'd' => Self::CopyData(body),
            b'c' => empty(body, "CopyDone", Self::CopyDone)?,
            tag => {
                return Err(Error::protocol(format!("unknown message type {}", tag.escape_ascii())));
            }
        })
    }

    /// The message's name in the manual, for errors.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Authentication(_) => "Authentication",
            Self::BackendKeyData { .. } => "BackendKeyData",
            Self::ParameterStatus { .. } => "ParameterStatus",
            Self::ReadyForQuery(_) => "ReadyForQuery",
            Self::Error(_) => "ErrorResponse",
            Self::Notice(_) => "NoticeResponse",
            Self::Notification(_) => "NotificationResponse",
            Self::NegotiateProtocolVersion(_) => "NegotiateProtocolVersion",
            Self::ParseComplete => "ParseComplete",
            Self::BindComplete => "BindComplete",
            Self::CloseComplete => "CloseComplete",
            Self::NoData => "NoData",
            Self::PortalSuspended => "PortalSuspended",
            Self::EmptyQuery => "EmptyQueryResponse",
            Self::ParameterDescription(_) => "ParameterDescription",
            Self::RowDescription(_) => "RowDescription",
            Self::DataRow(_) => "DataRow",
            Self::CommandComplete(_) => "CommandComplete",
            Self::CopyIn(_) => "CopyInResponse",
            Self::CopyOut(_) => "CopyOutResponse",
            Self::CopyBoth(_) => "CopyBothResponse",
            Self::CopyData(_) => "CopyData",
            Self::CopyDone => "CopyDone",
        }
    }
}

fn empty<'a>(body: &[u8], what: &'static str, message: Message<'a>) -> Result<Message<'a>> {
    Reader::new(body, what).finish()?;
    Ok(message)
}

fn command_complete(mut body: Reader<'_>) -> Result<Message<'_>> {
    let tag = body.c_str()?;
    body.finish()?;
    Ok(Message::CommandComplete(tag))
}

fn ready_for_query(mut body: Reader<'_>) -> Result<Message<'_>> {
    let status = match body.u8()? {
        b'I' => TxStatus::Idle,
        b'T' => TxStatus::InTransaction,
        b'E' => TxStatus::Failed,
        byte => {
            return Err(Error::protocol(format!("unknown transaction status {}", byte.escape_ascii())));
        }
    };
    body.finish()?;
    Ok(Message::ReadyForQuery(status))
}

fn parameter_status(mut body: Reader<'_>) -> Result<Message<'_>> {
    let (name, value) = (body.c_str()?, body.c_str()?);
    body.finish()?;
    Ok(Message::ParameterStatus { name, value })
}

/// The key has 4 bytes, and up to 256 from protocol 3.2 on.
fn negotiation(mut body: Reader<'_>) -> Result<Message<'_>> {
    let version = body.u32()?;
    let options = body.u32()?;
    for _ in 0..options {
        body.c_bytes()?;
    }
    body.finish()?;
    Ok(Message::NegotiateProtocolVersion(Negotiation { version, options }))
}

fn backend_key_data(mut body: Reader<'_>) -> Result<Message<'_>> {
    let pid = body.u32()?;
    let key = body.remainder();
    if !(4..=256).contains(&key.len()) {
        return Err(Error::protocol(format!("BackendKeyData has a key of {} bytes", key.len())));
    }
    Ok(Message::BackendKeyData { pid, key })
}

/// What a backend was told by NOTIFY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Notification<'a> {
    /// The process id of the backend that said so.
    pub(crate) pid: u32,
    pub(crate) channel: &'a str,
    pub(crate) payload: &'a str,
}

impl<'a> Notification<'a> {
    fn decode(body: &'a [u8]) -> Result<Self> {
        let mut body = Reader::new(body, "NotificationResponse");
        let said = Self { pid: body.u32()?, channel: body.c_str()?, payload: body.c_str()? };
        body.finish()?;
        Ok(said)
    }
}

/// The server speaks an older protocol than it was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Negotiation {
    /// The newest version that it speaks.
    pub(crate) version: u32,
    /// How many protocol options it does not know.
    pub(crate) options: u32,
}

/// How the data of a COPY goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CopyResponse {
    /// Rows in binary, or text of any kind.
    pub(crate) binary: bool,
    pub(crate) columns: usize,
}

impl CopyResponse {
    fn decode(body: &[u8]) -> Result<Self> {
        let mut body = Reader::new(body, "CopyResponse");
        let binary = match body.u8()? {
            0 => false,
            1 => true,
            byte => return Err(Error::protocol(format!("COPY has the unknown format {byte}"))),
        };
        let columns = usize::from(body.u16()?);
        // Each column's own format is that of the whole.
        body.bytes(2 * columns)?;
        body.finish()?;
        Ok(Self { binary, columns })
    }
}

/// How the server wants the client to prove who it is.
#[derive(Clone, Debug)]
pub(crate) enum Authentication<'a> {
    Ok,
    CleartextPassword,
    Md5Password { salt: [u8; 4] },
    Sasl { mechanisms: Vec<&'a str> },
    SaslContinue(&'a [u8]),
    SaslFinal(&'a [u8]),
    Other(u32),
}

impl<'a> Authentication<'a> {
    fn decode(body: &'a [u8]) -> Result<Self> {
        let mut body = Reader::new(body, "Authentication");
        let request = match body.u32()? {
            0 => Self::Ok,
            3 => Self::CleartextPassword,
            5 => Self::Md5Password { salt: body.u32()?.to_be_bytes() },
            10 => Self::Sasl { mechanisms: mechanisms(&mut body)? },
            11 => Self::SaslContinue(body.remainder()),
            12 => Self::SaslFinal(body.remainder()),
            other => return Ok(Self::Other(other)),
        };
        body.finish()?;
        Ok(request)
    }
}

fn mechanisms<'a>(body: &mut Reader<'a>) -> Result<Vec<&'a str>> {
    let mut names = Vec::new();
    loop {
        match body.c_str()? {
            "" => return Ok(names),
            name => names.push(name),
        }
    }
}

/// The fields of ErrorResponse and NoticeResponse: checked once, read when asked for.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    body: &'a [u8],
}

impl<'a> Fields<'a> {
    fn decode(body: &'a [u8], what: &'static str) -> Result<Self> {
        let mut reader = Reader::new(body, what);
        while reader.u8()? != 0 {
            reader.c_bytes()?;
        }
        reader.finish()?;
        Ok(Self { body })
    }

    /// Code and text of each field; text before authentication may be in any encoding.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.body, "ErrorResponse");
        std::iter::from_fn(move || match reader.u8() {
            Ok(0) | Err(_) => None,
            Ok(code) => reader.c_bytes().ok().map(|text| (code, text)),
        })
    }
}

/// The types that the server found for a statement's parameters.
#[derive(Clone, Debug)]
pub(crate) struct ParameterDescription<'a> {
    oids: &'a [[u8; 4]],
}

impl<'a> ParameterDescription<'a> {
    fn decode(body: &'a [u8]) -> Result<Self> {
        let mut body = Reader::new(body, "ParameterDescription");
        let count = usize::from(body.u16()?);
        let (oids, _) = body.bytes(count * 4)?.as_chunks::<4>();
        body.finish()?;
        Ok(Self { oids })
    }

    pub(crate) fn oids(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.oids.iter().map(|oid| u32::from_be_bytes(*oid))
    }
}

/// The columns of a result: checked once, read when asked for.
#[derive(Clone, Debug)]
pub(crate) struct RowDescription<'a> {
    count: usize,
    body: Reader<'a>,
}

/// One column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a str,
    pub(crate) oid: u32,
}

impl<'a> RowDescription<'a> {
    fn decode(body: &'a [u8]) -> Result<Self> {
        let mut body = Reader::new(body, "RowDescription");
        let count = usize::from(body.u16()?);
        let fields = body.clone();
        for _ in 0..count {
            field(&mut body)?;
        }
        body.finish()?;
        Ok(Self { count, body: fields })
    }

    /// Number of columns.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let mut body = self.body.clone();
        (0..self.count).map_while(move |_| field(&mut body).ok())
    }
}

/// Name, then table OID, attribute number, type OID, type length, type modifier and format.
fn field<'a>(body: &mut Reader<'a>) -> Result<Field<'a>> {
    let name = body.c_str()?;
    body.bytes(6)?;
    let oid = body.u32()?;
    body.bytes(8)?;
    Ok(Field { name, oid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_and_missing_bytes_are_refused() {
        for (tag, body) in [
            (b'Z', &b""[..]),
            (b'Z', b"II"),
            (b'Z', b"X"),
            (b'1', b"\0"),
            (b'C', b"SELECT 1"),
            (b'C', b"SELECT 1\0\0"),
            (b't', b"\0\x02\0\0\0\x17"),
            (b'T', b"\xff\xffid\0"),
            (b'E', b"SERROR\0"),
            (b'K', b"\0\0\0\x01\0"),
            (b'S', b"client_encoding\0"),
            (b'R', b"\0\0\0\x05ab"),
            (b'R', b"\0\0\0\x0aSCRAM-SHA-256\0"),
            (b'?', b""),
        ] {
            assert!(Message::decode(tag, body).is_err(), "{} {}", tag as char, body.escape_ascii());
        }
    }

    #[test]
    fn notification_says_who_where_and_what() {
        let body = b"\0\0\x01\x02news\0hello\0";
        let Message::Notification(said) = Message::decode(b'A', body).unwrap() else { panic!() };
        assert_eq!(said, Notification { pid: 258, channel: "news", payload: "hello" });
        assert!(Message::decode(b'A', b"\0\0\0\x01news\0\xff\0").is_err());
    }

    #[test]
    fn row_description_yields_names_and_types() {
        let body = b"\0\x01id\0\0\0\0\x07\0\x01\0\0\0\x17\0\x04\xff\xff\xff\xff\0\x01";
        let Message::RowDescription(columns) = Message::decode(b'T', body).unwrap() else { panic!() };
        assert_eq!(columns.len(), 1);
        assert_eq!(columns.fields().collect::<Vec<_>>(), [Field { name: "id", oid: 23 }]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_message_or_an_error(tag: u8, body: Vec<u8>) {
            match Message::decode(tag, &body) {
                Ok(Message::Error(fields)) => { let _ = fields.iter().count(); }
                Ok(Message::RowDescription(columns)) => { let _ = columns.fields().count(); }
                _ => {}
            }
        }
    }
}
