//! Elements of arrays that came as text: what they hold has to be copied before it can be read.

use std::borrow::Cow;

use super::Value;

/// A text, or bytes, still written as the array's text form writes it. Only arrays hold such values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded<'a> {
    text: &'a str,
    encoding: Encoding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// A backslash stands before characters that would mean something else.
    Backslash,
    /// What stands between the quotes of a JSON string.
    Json,
    /// Two hexadecimal digits a byte.
    Hex,
}

impl<'a> Encoded<'a> {
    /// Text in which a backslash stands before characters that would mean something else, as PostgreSQL writes elements.
    pub fn backslash(text: &'a str) -> Self {
        Self { text, encoding: Encoding::Backslash }
    }

    /// What stands between the quotes of a JSON string; None where that is none.
    pub(super) fn json(text: &'a str) -> Option<Self> {
        unquoted(text).map(|_| Self { text, encoding: Encoding::Json })
    }

    /// Bytes as hexadecimal digits; None for others.
    pub(super) fn hex(text: &'a str) -> Option<Self> {
        from_hex(text).map(|_| Self { text, encoding: Encoding::Hex })
    }

    /// Text without its backslashes.
    pub(super) fn plain(self) -> Cow<'a, str> {
        without_backslashes(self.text)
    }

    /// What was encoded: a [`Value::Text`] or [`Value::Bytes`].
    pub fn decode(self) -> Value {
        match self.encoding {
            Encoding::Backslash => Value::Text(self.plain().into()),
            Encoding::Json => Value::Text(unquoted(self.text).unwrap_or_default().into()),
            Encoding::Hex => Value::Bytes(from_hex(self.text).unwrap_or_default().into()),
        }
    }
}

fn unquoted(text: &str) -> Option<String> {
    serde_json::from_str(&format!("\"{text}\"")).ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| Some((digit(*high)? * 16 + digit(*low)?) as u8);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

fn without_backslashes(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut characters = text.chars();
    let mut plain = String::with_capacity(text.len());
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_json_and_hexadecimal_digits_are_checked_and_read() {
        assert_eq!(Encoded::json(r"a\n\ud83d\ude00").unwrap().decode(), Value::from("a\n😀"));
        assert_eq!(Encoded::hex("0aFF").unwrap().decode(), Value::Bytes([10, 255].into()));
        assert!(Encoded::json(r"\ud800").is_none() && Encoded::json("\"").is_none());
        assert!(Encoded::hex("0").is_none() && Encoded::hex("0g").is_none());
    }

    #[test]
    fn backslashes_are_taken_off() {
        for (text, plain) in [("a", "a"), (r#"a\"b\\"#, r#"a"b\"#), (r"\ä\\n", r"ä\n"), ("", "")] {
            assert_eq!(Encoded::backslash(text).decode(), Value::from(plain));
        }
    }
}
