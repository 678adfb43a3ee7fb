//! The password file (PostgreSQL manual, section 34.16): lines of `host:port:database:user:password`.

use std::fs;
use std::path::Path;

/// The password for a login, or why the file is not looked at; neither where the file does not exist or has no line
/// for it.
pub(super) fn find(file: &Path, login: [&str; 4]) -> (Option<String>, Option<String>) {
    let Ok(known) = fs::metadata(file) else { return (None, None) };
    let refused = |why: &str| (None, Some(format!("the password file {} is ignored: {why}", file.display())));
    if !known.is_file() {
        return refused("it is no plain file");
    }
    if is_open_to_others(&known) {
        return refused("others may read it; its permissions should be u=rw (0600) or less");
    }
    match fs::read_to_string(file) {
        Ok(text) => (text.lines().find_map(|line| password(line, login)), None),
        Err(error) => refused(&error.to_string()),
    }
}

#[cfg(unix)]
fn is_open_to_others(known: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    known.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_known: &fs::Metadata) -> bool {
    false
}

/// The password of a line that is for this login; `*` stands for everything.
fn password(line: &str, login: [&str; 4]) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let mut rest = line;
    for wanted in login {
        let (field, behind) = field(rest)?;
        if field != wanted && &rest[..rest.len() - behind.len() - 1] != "*" {
            return None;
        }
        rest = behind;
    }
    Some(unescape(rest)).filter(|password| !password.is_empty())
}

/// The first field, unescaped, and what comes behind its colon.
fn field(text: &str) -> Option<(String, &str)> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ':' => return Some((unescape(&text[..at]), &text[at + 1..])),
            _ => {}
        }
    }
    None
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        let escaped = if c == '\\' { characters.clone().next() } else { None };
        plain.push(escaped.unwrap_or(c));
        if escaped.is_some() {
            characters.next();
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_line_that_fits_gives_the_password() {
        let login = ["h:1", "5432", "db", "me"];
        for (line, found) in [
            ("h\\:1:5432:db:me:pa\\:ss\\\\", Some("pa:ss\\")),
            ("*:*:*:*:x", Some("x")),
            ("\\*:*:*:*:x", None),
            ("h\\:1:5432:db:you:x", None),
            ("#*:*:*:*:x", None),
            ("*:*:*:*:", None),
            ("*:*:*", None),
        ] {
            assert_eq!(password(line, login).as_deref(), found, "{line}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn file_that_others_may_read_is_not_looked_at() {
        use std::os::unix::fs::PermissionsExt;
        let file = std::env::temp_dir().join(format!("ormkit-passfile-{}", std::process::id()));
        fs::write(&file, "*:*:*:*:s3cret\n").unwrap();
        for (mode, found) in [(0o600, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let (password, why) = find(&file, ["h", "1", "d", "u"]);
            assert_eq!((password.is_some(), why.is_none()), (found, found), "{mode:o}");
        }
        fs::remove_file(file).unwrap();
    }
}
