//! The pieces of SQL text of the caller's own: what is quoted, commented or a word.

/// The first words of the statements of a script, in its own spelling.
pub fn first_words(script: &str) -> impl Iterator<Item = &str> {
    let mut rest = script;
    let mut begins = true;
    std::iter::from_fn(move || {
        while let Some(char) = rest.chars().next() {
            let length = match opaque(rest) {
                0 => char.len_utf8(),
                length => length,
            };
            let (piece, behind) = rest.split_at(length);
            rest = behind;
            if char == ';' {
                begins = true;
            } else if begins && char.is_ascii_alphabetic() {
                begins = false;
                return Some(piece);
            } else if begins && !char.is_whitespace() && !piece.starts_with("--") && !piece.starts_with("/*")
            {
                begins = false;
            }
        }
        None
    })
}

/// The statements of a script, without their semicolons, each with the line that its text begins on, from 1 on. What stands
/// before a statement is part of it: its comments. With `triggers` a CREATE TRIGGER goes on to its `END`, as SQLite has it.
pub fn statements(script: &str, triggers: bool) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let (mut begin, mut at) = (0, 0);
    let mut words: Vec<&str> = Vec::new();
    let mut last = "";
    while let Some(char) = script[at..].chars().next() {
        let length = match opaque(&script[at..]) {
            0 => char.len_utf8(),
            length => length,
        };
        let piece = &script[at..at + length];
        if char.is_ascii_alphabetic() {
            words.extend((words.len() < 3).then_some(piece));
            last = piece;
        }
        let is_trigger = || {
            triggers
                && words.first().is_some_and(|word| word.eq_ignore_ascii_case("CREATE"))
                && words.iter().any(|word| word.eq_ignore_ascii_case("TRIGGER"))
        };
        if char == ';' && (!is_trigger() || last.eq_ignore_ascii_case("END")) {
            found.extend((!words.is_empty()).then_some((begin, at)));
            begin = at + 1;
            words.clear();
        }
        at += length;
    }
    found.extend((!words.is_empty()).then_some((begin, script.len())));
    let mut line = 1;
    let mut counted = 0;
    found
        .into_iter()
        .map(|(begin, end)| {
            line += script[counted..begin].matches('\n').count();
            counted = begin;
            (line, &script[begin..end])
        })
        .collect()
}

/// Length of what stands at the start of `rest` and holds neither placeholder nor semicolon; 0 where one may be. A word
/// is one piece.
pub(crate) fn opaque(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    match bytes[0] {
        quote @ (b'\'' | b'"') => quoted(bytes, quote),
        b'-' if bytes.get(1) == Some(&b'-') => rest.find('\n').unwrap_or(rest.len()),
        b'/' if bytes.get(1) == Some(&b'*') => block_comment(bytes),
        b'e' | b'E' if bytes.get(1) == Some(&b'\'') => escaped(bytes),
        b':' if bytes.get(1) == Some(&b':') => 2,
        b'$' => dollar_quoted(rest),
        byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
            rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
        }
        _ => 0,
    }
}

/// Up to the closing quote; a doubled quote is two runs.
fn quoted(bytes: &[u8], quote: u8) -> usize {
    bytes[1..].iter().position(|byte| *byte == quote).map_or(bytes.len(), |at| at + 2)
}

/// `E'…'`, where a backslash takes the next character along (PostgreSQL manual, section 4.1.2.2).
fn escaped(bytes: &[u8]) -> usize {
    let mut at = 2;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'\'' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Block comments nest (SQL:2016 part 2, section 5.2).
fn block_comment(bytes: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

/// `$tag$ … $tag$`.
fn dollar_quoted(rest: &str) -> usize {
    let Some(end) = rest[1..].find('$') else { return 1 };
    let tag = &rest[..end + 2];
    let inner = &tag[1..tag.len() - 1];
    if inner.starts_with(|c: char| c.is_ascii_digit())
        || inner.contains(|c: char| !c.is_alphanumeric() && c != '_')
    {
        return 1;
    }
    rest[tag.len()..].find(tag).map_or(rest.len(), |at| tag.len() + at + tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> Vec<&str> {
        first_words(script).collect()
    }

    #[test]
    fn statements_begin_behind_semicolons_that_end_one() {
        assert_eq!(
            words("select 1; -- ; drop\n insert into t values (';', \"a;b\");;\n/* x; */ BEGIN"),
            ["select", "insert", "BEGIN"]
        );
        assert_eq!(words("DO $$ BEGIN; COMMIT; END $$; update t set a = E'\\'; drop'"), ["DO", "update"]);
        assert_eq!(words("(select 1); pragma x"), ["pragma"]);
        assert!(words(" ; -- only\n").is_empty());
    }

    #[test]
    fn statements_come_with_their_lines() {
        let script = "-- one\nselect ';';\n\n;update t\nset a = 1; -- end\n";
        assert_eq!(statements(script, false), [(1, "-- one\nselect ';'"), (4, "update t\nset a = 1")]);
        let trigger = "CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM u; END; select 1";
        assert_eq!(statements(trigger, true).len(), 2);
        assert_eq!(statements(trigger, false).len(), 3);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_scanned_to_its_end(text in "[a-zE'\"$;:/*\\\\ \n-]{0,60}|\\PC{0,20}") {
            let _ = first_words(&text).count();
            let _ = (statements(&text, true), statements(&text, false));
            let mut rest = text.as_str();
            while !rest.is_empty() {
                let length = opaque(rest);
                proptest::prop_assert!(rest.is_char_boundary(length.min(rest.len())));
                let next = rest.chars().next().map_or(1, char::len_utf8);
                rest = &rest[length.max(next).min(rest.len())..];
            }
        }
    }
}
