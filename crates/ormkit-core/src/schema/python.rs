//! Python as it is written: strings, calls, and SQL inside of `text()`.

use std::fmt::Write;

/// The longest line, in characters; a call that is longer has an argument a line.
const WIDTH: usize = 100;

/// A call.
pub(super) struct Call {
    function: String,
    arguments: Vec<String>,
}

impl Call {
    pub(super) fn new(function: impl Into<String>) -> Self {
        Self { function: function.into(), arguments: Vec::new() }
    }

    /// Adds an argument, which is Python.
    pub(super) fn with(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds a string.
    pub(super) fn text(self, text: &str) -> Self {
        self.with(string(text))
    }

    /// Adds an argument by keyword.
    pub(super) fn keyword(self, name: &str, value: impl AsRef<str>) -> Self {
        self.with(format!("{name}={}", value.as_ref()))
    }

    /// Adds a string by keyword, where there is one.
    pub(super) fn maybe(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.keyword(name, string(text)),
            None => self,
        }
    }

    /// Adds `name=True`, where it is so.
    pub(super) fn flag(self, name: &str, holds: bool) -> Self {
        if holds { self.keyword(name, "True") } else { self }
    }

    /// As Python has it.
    pub(super) fn written(&self) -> String {
        let line = format!("{}({})", self.function, self.arguments.join(", "));
        if line.chars().count() <= WIDTH && !line.contains('\n') {
            return line;
        }
        let lines: String = self.arguments.iter().map(|one| format!("{},\n", indented(one))).collect();
        format!("{}(\n{lines})", self.function)
    }
}

/// Each line four spaces further in. Strings never go over several lines, so that none is changed.
pub(super) fn indented(code: &str) -> String {
    let lines: Vec<String> = code
        .lines()
        .map(|line| if line.is_empty() { String::new() } else { format!("    {line}") })
        .collect();
    lines.join("\n")
}

/// A string, as `repr` has it.
pub(super) fn string(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    within(text, quote)
}

/// A string in the quotes that formatters like.
pub(super) fn quoted(text: &str) -> String {
    let quote = if text.contains('"') && !text.contains('\'') { '\'' } else { '"' };
    within(text, quote)
}

fn within(text: &str, quote: char) -> String {
    let mut written = String::from(quote);
    for char in text.chars() {
        match char {
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            char if char == quote => {
                written.push('\\');
                written.push(char);
            }
            char if char.is_control() || matches!(char, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let code = char as u32;
                // Writing to a String never fails.
                let _ = if code < 0x100 {
                    write!(written, "\\x{code:02x}")
                } else {
                    write!(written, "\\u{code:04x}")
                };
            }
            char => written.push(char),
        }
    }
    written.push(quote);
    written
}

/// A list of strings.
pub(super) fn list<S: AsRef<str>>(texts: &[S]) -> String {
    let all: Vec<String> = texts.iter().map(|text| string(text.as_ref())).collect();
    format!("[{}]", all.join(", "))
}

/// SQL in a string that becomes a `text()` of SQLAlchemy; None where no backslash helps: `:a:`.
pub(super) fn sql(sql: &str) -> Option<String> {
    Some(string(&escaped(sql)?))
}

/// SQL for a `text()` of SQLAlchemy, where `:name` is a parameter unless a backslash stands before it.
fn escaped(sql: &str) -> Option<String> {
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    let mut escaped = String::with_capacity(sql.len());
    let mut before = ' ';
    for (at, char) in sql.char_indices() {
        if char == ':' {
            let rest = &sql[at + 1..];
            let end = rest.find(|char| !is_word(char)).unwrap_or(rest.len());
            let word = rest[..end].chars().count();
            let goes_on = rest[end..].starts_with(':');
            let is_parameter =
                before != ':' && before != '\\' && !is_word(before) && (word > 1 || (word == 1 && !goes_on));
            if is_parameter && goes_on {
                return None;
            }
            // A backslash that is meant loses one of two.
            if is_parameter || (before == '\\' && !goes_on) {
                escaped.push('\\');
            }
        }
        escaped.push(char);
        before = char;
    }
    Some(escaped)
}

/// `sa.text('…')`
pub(super) fn sa_text(text: &str) -> Option<String> {
    Some(format!("sa.text({})", sql(text)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_as_repr_has_them() {
        assert_eq!(string("it's"), "\"it's\"");
        assert_eq!(string("a'\"b\\\n\u{1}é"), "'a\\'\"b\\\\\\n\\x01é'");
    }

    #[test]
    fn colons_are_no_parameters() {
        assert_eq!(sql("a::text = ':b'").unwrap(), "\"a::text = '\\\\:b'\"");
        assert_eq!(sql("a[:n] || '10:30'").unwrap(), "\"a[\\\\:n] || '10:30'\"");
        assert_eq!(sql("E'\\:a'").unwrap(), "\"E'\\\\\\\\:a'\"");
        assert_eq!(sql("':ab:'"), None);
    }

    #[test]
    fn long_calls_have_an_argument_a_line() {
        let call = Call::new("op.f").text(&"x".repeat(98)).flag("unique", true).flag("off", false);
        assert_eq!(call.written(), format!("op.f(\n    '{}',\n    unique=True,\n)", "x".repeat(98)));
    }
}
