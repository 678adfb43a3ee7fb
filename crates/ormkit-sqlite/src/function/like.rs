//! `LIKE … ESCAPE` and lower case, whatever the script. Letters are compared by their simple lower case, one by one, as
//! PostgreSQL does with a UTF-8 locale of the C library.

use std::str::Chars;

use rusqlite::{Connection, Result};

use super::{define, output, text, wrong};

pub(super) fn install(connection: &Connection) -> Result<()> {
    define(connection, "like", 3, |context| {
        let (Some(pattern), Some(subject), Some(escape)) =
            (text(context, 0)?, text(context, 1)?, text(context, 2)?)
        else {
            return Ok(None);
        };
        let mut signs = escape.chars();
        match (signs.next(), signs.next()) {
            (Some(sign), None) => Ok(Some(matches(pattern.chars(), subject.chars(), sign))),
            _ => Err(wrong("ESCAPE expression must be a single character")),
        }
    })?;
    define(connection, "ormkit_lower", 1, |context| {
        Ok(output(text(context, 0)?.map(|text| text.chars().map(folded).collect())))
    })
}

/// The simple lower case of a letter: one character for one.
fn folded(letter: char) -> char {
    letter.to_lowercase().next().unwrap_or(letter)
}

/// True when the whole text matches: `%` is any text, `_` any character, `escape` takes the next sign as it is.
fn matches(mut pattern: Chars<'_>, mut text: Chars<'_>, escape: char) -> bool {
    // what follows the last `%`, and the text that it was last tried at
    let mut again: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let mut rest = pattern.clone();
        let sign = rest.next();
        if sign == Some('%') && escape != '%' {
            again = Some((rest.clone(), text.clone()));
            pattern = rest;
            continue;
        }
        let mut behind = text.clone();
        let fits = match (sign, behind.next()) {
            (None, None) => return true,
            (Some(sign), Some(letter)) if sign == escape => {
                rest.next().is_some_and(|literal| folded(literal) == folded(letter))
            }
            (Some('_'), Some(_)) => true,
            (Some(sign), Some(letter)) => folded(sign) == folded(letter),
            _ => false,
        };
        if fits {
            (pattern, text) = (rest, behind);
            continue;
        }
        let Some((from, at)) = &mut again else { return false };
        if at.next().is_none() {
            return false;
        }
        (pattern, text) = (from.clone(), at.clone());
    }
}

#[cfg(test)]
mod tests {
    fn like(pattern: &str, text: &str) -> bool {
        super::matches(pattern.chars(), text.chars(), '\\')
    }

    #[test]
    fn letters_of_every_script_are_compared_without_case() {
        assert!(like("ä%", "ÄPFEL"));
        assert!(like("%ПРИВЕТ", "ах, привет"));
        assert!(like("ς", "Σ") == (super::folded('Σ') == 'ς'));
        assert!(!like("ss", "ß"));
    }

    #[test]
    fn signs_mean_what_they_mean_in_sql() {
        assert!(like("%a%b_c%", "xxaYYbZc"));
        assert!(!like("a_", "a"));
        assert!(like("", ""));
        assert!(like("%", ""));
        assert!(like("50\\%", "50%"));
        assert!(!like("50\\%", "50x"));
        assert!(!like("a\\", "a"));
        assert!(like("%ab%ab", "abxabyab"));
    }
}
