//! What fuzzers feed (`make fuzz`): each function takes any input, and MUST neither panic nor hang nor allocate much more than it
//! was given. The properties below run the same for a short while with every test run.

use std::sync::Arc;

use ormkit_core::driver::{Batch, Effect, NoRows, Piece, Statement, StatementText};
use ormkit_core::value::{ParamType, Params, SqlType, Value, ValueRef};

use crate::config::Config;
use crate::connection::wire::Wire;
use crate::copy::CopyRows;
use crate::protocol::backend::Message;
use crate::protocol::buffer::{MESSAGE_LIMIT, ReadBuffer, STARTUP_LIMIT, WriteBuffer};
use crate::protocol::startup::{Channel, Login, Startup, Step};
use crate::statement_cache::{Keeping, StatementCache};
use crate::types::catalog::TYPES;
use crate::types::named::sample;
use crate::types::{ColumnCodec, text_array};

/// Feeds what a socket would give, in pieces of `size` bytes; false when it is not a message.
fn feed(bytes: &[u8], size: usize, limit: usize, mut take: impl FnMut(Message<'_>) -> bool) {
    let mut buffer = ReadBuffer::default();
    for mut piece in bytes.chunks(size.max(1)) {
        while !piece.is_empty() {
            let spare = buffer.spare();
            let count = spare.len().min(piece.len());
            spare[..count].copy_from_slice(&piece[..count]);
            buffer.filled(count);
            piece = &piece[count..];
            loop {
                let Ok(frame) = buffer.take(limit) else { return };
                let Some(frame) = frame else { break };
                let Ok(message) = Message::decode(frame.tag, buffer.body(&frame)) else { return };
                if !take(message) {
                    return;
                }
            }
        }
    }
}

/// What a server answers to a flight of statements: typed and inferred ones, one that is read in pieces, a script, COMMIT.
pub fn replies(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    let mut params = Params::new();
    params.push(ValueRef::Int(7));
    let typed = StatementText::new(
        "SELECT $1, a FROM t".into(),
        vec![ParamType::scalar(SqlType::Integer)],
        Some(vec![SqlType::Integer, SqlType::Text]),
        Effect::Read,
    );
    let statements = [
        Statement::new(Arc::new(typed), params.clone()),
        Statement::new(Arc::new(StatementText::raw("SELECT $1")), params.clone()),
        Statement::new(Arc::new(StatementText::raw("SELECT a")), Params::new()).in_pieces(Piece {
            cursor: 1,
            rows: std::num::NonZeroU32::MIN,
            first: true,
        }),
        Statement::new(Arc::new(StatementText::script("SELECT 1; SELECT 2")), Params::new()),
        Statement::command("COMMIT", Effect::Commit),
    ];
    let before = [Statement::command("BEGIN", Effect::Begin { read_only: false })];
    let batch = match choice % 5 {
        0 => Batch { before: &before, statements: &statements[..3] },
        1 => Batch::of(&statements[0]),
        2 => Batch::of(&statements[1]),
        3 => Batch::of(&statements[3]),
        _ => Batch::of(&statements[4]),
    };
    let mut cache = StatementCache::new(8, 1 << 20);
    cache.keep(if choice & 8 == 0 { Keeping::Named(1) } else { Keeping::Described });
    let mut wire = Wire::new(cache, Arc::new(sample::sample()));
    if wire.begin(batch).is_err() {
        return;
    }
    feed(bytes, usize::from(choice >> 4) + 1, MESSAGE_LIMIT, |message| {
        let taken = wire.receive(message, Some(&mut NoRows)).is_ok();
        wire.advance(Some(batch));
        taken && wire.pipeline.is_busy()
    });
    let _ = wire.outcome();
}

/// What a server says until it has let the client in: authentication, SCRAM, settings.
pub fn startup(input: &[u8]) {
    let text = "postgresql://user:pencil@host/db?allow_cleartext_password=1&scram_min_iterations=1&scram_max_iterations=8";
    let Ok(config) = Config::parse_with(text, &|_| None) else { return };
    let login = Login {
        user: config.user(),
        password: Some("pencil"),
        password_note: None,
        policy: &config.auth,
        minor_versions: (0, 2),
        channel: Channel::Local,
    };
    let mut out = WriteBuffer::default();
    let Ok(mut startup) = Startup::begin(login, &config.startup_parameters(), &mut out) else { return };
    feed(input, input.len(), STARTUP_LIMIT, |message| match startup.receive(message, &mut out) {
        Ok(Step::Continue) => true,
        Ok(Step::Derive(derivation)) => startup.derived(derivation.run(), &mut out).is_ok(),
        Ok(Step::Ready(_)) | Err(_) => false,
    });
}

/// A cell of every type, built in or from the catalog, in both formats.
pub fn cells(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    let choice = usize::from(*choice);
    let (oid, array, _) = TYPES[choice % TYPES.len()];
    for (oid, expected) in [(oid, SqlType::Unknown), (array, SqlType::Unknown), (oid, SqlType::Text)] {
        if let Ok(value) = ColumnCodec::new(oid, expected).decode(Some(bytes)) {
            let _ = Value::from(value);
        }
    }
    let oid = sample::MOOD + u32::from(input[0]) % 11;
    if let Some(named) = sample::sample().find(oid)
        && let Ok(value) = named.decode(bytes)
    {
        let _ = Value::from(value);
    }
    if let Ok(array) = text_array::decode(bytes, crate::types::catalog::Delimiter::Comma) {
        let _ = Value::from(ValueRef::Array(array));
    }
}

/// A stream of COPY's binary format.
pub fn copied(input: &[u8]) {
    let described = vec![("a".into(), 23), ("b".into(), 25), ("c".into(), sample::PATH)];
    let Ok(mut rows) = CopyRows::new(described, &sample::sample()) else { return };
    let mut data = Vec::new();
    for piece in input.chunks(7) {
        data.extend_from_slice(piece);
        if rows.decode(&mut data, &mut NoRows).is_err() {
            return;
        }
    }
}

/// A URL or a keyword/value text.
pub fn url(text: &str) {
    for text in [text.to_owned(), format!("postgresql://{text}"), format!("host={text}")] {
        if let Ok(config) = Config::parse_with(&text, &|_| None) {
            assert!(!format!("{config}").is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Messages of the server with any bodies, so that more than the first is looked at.
    fn messages() -> impl Strategy<Value = Vec<u8>> {
        let tag = prop::sample::select(b"RSKZTtDC123nsIEANGHWdcv".to_vec());
        let body = prop::collection::vec(prop_oneof![4 => 0..4_u8, 1 => any::<u8>()], 0..24);
        let message = (tag, body)
            .prop_map(|(tag, body)| [&[tag][..], &(body.len() as u32 + 4).to_be_bytes(), &body].concat());
        prop::collection::vec(message, 0..8).prop_map(|messages| messages.concat())
    }

    proptest! {
        #[test]
        fn any_input_is_survived(bytes: Vec<u8>, text in "\\PC{0,40}") {
            replies(&bytes);
            startup(&bytes);
            cells(&bytes);
            copied(&bytes);
            url(&text);
        }

        #[test]
        fn any_messages_are_survived(choice: u8, messages in messages()) {
            let input = [&[choice][..], &messages].concat();
            replies(&input);
            startup(&messages);
        }
    }
}
