//! The body of a `DO`: the statements that PL/pgSQL runs in it (PostgreSQL manual, "Control Structures").

use crate::schema::token::{Token, TokenKind, tokens};
use crate::sql::Dialect;
use crate::sql::scan::{opaque, statements};

/// What a block does.
pub(super) enum Block {
    /// Its statements, each with the number of lines before it.
    Statements(Vec<(usize, Run)>),
    /// It is in another language.
    Unread,
}

/// A statement of a block.
pub(super) enum Run {
    /// It stands there.
    Written(String),
    /// `EXECUTE` of a text that is made while it runs.
    Made(String),
}

/// The block of a `DO`; None for every other statement.
pub(super) fn of(statement: &str, dialect: &Dialect) -> Option<Block> {
    let all = tokens(statement, dialect);
    if !all.first().is_some_and(|first| first.is("DO")) {
        return None;
    }
    let mut at = 1;
    while let Some(token) = all.get(at) {
        if token.is("LANGUAGE") {
            at += 2;
            continue;
        }
        let Some(text) = Text::at(statement, token) else { break };
        let language = |token: &Token<'_>| token.name().map(|name| name.to_ascii_lowercase());
        let behind = all.iter().position(|token| token.start >= text.end).unwrap_or(all.len());
        let mut around = all[..at].iter().chain(&all[behind..]);
        let said = around.find(|token| token.is("LANGUAGE")).and_then(|_| around.next()).and_then(language);
        if said.is_some_and(|name| name != "plpgsql") {
            break;
        }
        let lines = statement[..text.begin].matches('\n').count();
        return Some(Block::Statements(read(&text.inner, lines, dialect)));
    }
    Some(Block::Unread)
}

/// A string, in quotes or between dollars.
struct Text {
    /// Where the text in it begins.
    begin: usize,
    /// Behind its last quote.
    end: usize,
    inner: String,
}

impl Text {
    fn at(sql: &str, token: &Token<'_>) -> Option<Self> {
        if token.is_sign('$') {
            let string = &sql[token.start..token.start + opaque(&sql[token.start..])];
            let tag = string.get(1..)?.find('$')? + 2;
            let inner = string.get(tag..string.len().checked_sub(tag)?)?.to_owned();
            return Some(Self { begin: token.start + tag, end: token.start + string.len(), inner });
        }
        let escapes = usize::from(token.text.starts_with(['e', 'E']));
        let inner = token.text.get(escapes + 1..token.text.len().checked_sub(1)?)?;
        (token.kind == TokenKind::Literal).then(|| Self {
            begin: token.start + escapes + 1,
            end: token.end(),
            inner: inner.replace("''", "'"),
        })
    }
}

fn read(body: &str, lines: usize, dialect: &Dialect) -> Vec<(usize, Run)> {
    let runs = statements(body, false).into_iter().filter_map(|(line, piece)| {
        let start = bare(piece, dialect)?;
        let before = lines + line - 1 + piece[..start].matches('\n').count();
        Some((before, run(&piece[start..], dialect)))
    });
    runs.collect()
}

/// Words that a statement may stand behind, in one piece with it.
const BEFORE: [&str; 4] = ["BEGIN", "ELSE", "LOOP", "EXCEPTION"];
/// Those that a condition stands between.
const CONDITIONS: [(&str, &str); 8] = [
    ("IF", "THEN"),
    ("ELSIF", "THEN"),
    ("ELSEIF", "THEN"),
    ("CASE", "THEN"),
    ("WHEN", "THEN"),
    ("FOR", "LOOP"),
    ("FOREACH", "LOOP"),
    ("WHILE", "LOOP"),
];
/// Those that no statement of SQL stands behind.
const ALONE: [&str; 7] = ["DECLARE", "END", "NULL", "RETURN", "RAISE", "EXIT", "CONTINUE"];

/// Where the statement begins behind the words of control; None for a piece that has none.
fn bare(piece: &str, dialect: &Dialect) -> Option<usize> {
    let all = tokens(piece, dialect);
    let mut at = 0;
    while let Some(token) = all.get(at) {
        let condition = CONDITIONS.iter().find(|(word, _)| token.is(word));
        at = match condition {
            Some((_, end)) => at + outside(&all[at..], end)? + 1,
            // `<<label>>`
            None if token.is_sign('<') => at + all[at..].iter().position(|token| token.is_sign('>'))? + 2,
            None if BEFORE.iter().any(|word| token.is(word)) => at + 1,
            None if ALONE.iter().any(|word| token.is(word)) => return None,
            None => return Some(token.start),
        };
    }
    None
}

/// Where a word stands in no parentheses.
fn outside(all: &[Token<'_>], word: &str) -> Option<usize> {
    let mut depth = 0_i32;
    all.iter().position(|token| {
        depth += i32::from(token.is_sign('(')) - i32::from(token.is_sign(')'));
        depth == 0 && token.is(word)
    })
}

/// PERFORM is a SELECT, EXECUTE of a text that stands there the statement in it.
fn run(statement: &str, dialect: &Dialect) -> Run {
    let all = tokens(statement, dialect);
    let [first, rest @ ..] = all.as_slice() else { return Run::Written(statement.to_owned()) };
    if first.is("PERFORM") {
        return Run::Written(format!("SELECT{}", &statement[first.end()..]));
    }
    if !first.is("EXECUTE") {
        return Run::Written(statement.to_owned());
    }
    let text = rest.first().and_then(|token| Text::at(statement, token));
    let goes_on = |text: &Text| {
        rest.iter()
            .find(|token| token.start >= text.end)
            .is_some_and(|next| !next.is("USING") && !next.is("INTO"))
    };
    match text {
        Some(text) if !goes_on(&text) => Run::Written(text.inner),
        _ => Run::Made(statement.to_owned()),
    }
}
