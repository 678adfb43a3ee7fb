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
}

impl<'a> Encoded<'a> {
    /// Text in which a backslash stands before characters that would mean something else, as PostgreSQL writes elements.
    pub fn backslash(text: &'a str) -> Self {
        Self { text, encoding: Encoding::Backslash }
    }

    /// What was encoded: a [`Value::Text`].
    pub fn decode(self) -> Value {
        match self.encoding {
            Encoding::Backslash => Value::Text(without_backslashes(self.text).into()),
        }
    }
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
    fn backslashes_are_taken_off() {
        for (text, plain) in [("a", "a"), (r#"a\"b\\"#, r#"a"b\"#), (r"\ä\\n", r"ä\n"), ("", "")] {
            assert_eq!(Encoded::backslash(text).decode(), Value::from(plain));
        }
    }
}
