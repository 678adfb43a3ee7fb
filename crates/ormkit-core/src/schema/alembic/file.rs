//! The file of a revision, and its name.

use super::RevisionBody;
use crate::error::{Error, Result};
use crate::schema::python::{indented, list, string};

/// A revision's head: what stands above its functions.
#[derive(Clone, Copy, Debug)]
pub struct RevisionFile<'a> {
    /// Its id.
    pub revision: &'a str,
    /// Those before it: none for the first, several for a merge.
    pub down_revisions: &'a [String],
    /// Labels of the branch that begins here.
    pub branch_labels: &'a [String],
    /// Revisions of other branches that must be there.
    pub depends_on: &'a [String],
    /// What it does, in words.
    pub message: &'a str,
    /// When it was made, as it is to be read.
    pub created: &'a str,
}

impl RevisionFile<'_> {
    /// The whole file.
    pub fn render(&self, body: &RevisionBody) -> String {
        let revises = self.down_revisions.join(", ");
        let message = self.message.replace('\\', "\\\\").replace('"', "\\\"");
        let imports: String = body.imports.iter().map(|line| format!("{line}\n")).collect();
        format!(
            "\"\"\"{message}\n\nRevision ID: {revision}\nRevises: {revises}\nCreate Date: {created}\n\"\"\"\n\n\
             from alembic import op\nimport sqlalchemy as sa\n{imports}\n\
             # revision identifiers, used by Alembic.\n\
             revision = {id}\ndown_revision = {down}\nbranch_labels = {labels}\ndepends_on = {depends}\n\n\n\
             def upgrade():\n{upgrade}\n\n\ndef downgrade():\n{downgrade}\n",
            revision = self.revision,
            created = self.created,
            id = string(self.revision),
            down = ids(self.down_revisions),
            labels = several(self.branch_labels),
            depends = ids(self.depends_on),
            upgrade = indented(&body.upgrade),
            downgrade = indented(&body.downgrade),
        )
    }
}

/// None, one id, or a tuple.
fn ids(ids: &[String]) -> String {
    match ids {
        [] => "None".to_owned(),
        [one] => string(one),
        _ => several(ids),
    }
}

fn several(texts: &[String]) -> String {
    match texts {
        [] => "None".to_owned(),
        [one] => format!("({},)", string(one)),
        _ => {
            let list = list(texts);
            format!("({})", &list[1..list.len() - 1])
        }
    }
}

/// The name of a revision's file, without `.py`.
///
/// # Arguments
/// `template`: Alembic's `file_template`, with `%(rev)s`, `%(slug)s`, `%(epoch)s`, `%(year)d`, `%(month).2d`, `%(day).2d`,
/// `%(hour).2d`, `%(minute).2d`, `%(second).2d`. `longest`: of the slug, in characters; the usual one is 40. `date`: year,
/// month, day, hour, minute and second; `epoch`: the same in seconds since 1970.
///
/// # Errors
/// `Interface`: a part of the template that is not known.
pub fn file_name(
    template: &str,
    revision: &str,
    message: &str,
    longest: usize,
    date: [u32; 6],
    epoch: i64,
) -> Result<String> {
    let slug = slug(message, longest);
    let mut name = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('%') {
        name.push_str(before);
        if let Some(behind) = behind.strip_prefix('%') {
            name.push('%');
            rest = behind;
            continue;
        }
        let unknown =
            || Error::interface(format!("file_template `{template}`: `%{behind}` is no part of a name"));
        let (word, behind) =
            behind.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or_else(unknown)?;
        let end = behind.find(['d', 's']).ok_or_else(unknown)?;
        let width: usize = match behind[..end].trim_start_matches(['.', '0']) {
            "" => 0,
            digits => digits.parse().map_err(|_| unknown())?,
        };
        let place =
            ["year", "month", "day", "hour", "minute", "second"].iter().position(|part| *part == word);
        match (word, place) {
            ("rev", _) => name.push_str(revision),
            ("slug", _) => name.push_str(&slug),
            ("epoch", _) => name.push_str(&epoch.to_string()),
            (_, Some(place)) => name.push_str(&format!("{:0width$}", date[place])),
            _ => return Err(unknown()),
        }
        rest = &behind[end + 1..];
    }
    name.push_str(rest);
    Ok(name)
}

/// The message's words, joined by `_`; a longer one ends behind a word.
fn slug(message: &str, longest: usize) -> String {
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    let words: Vec<&str> = message.split(|char| !is_word(char)).filter(|word| !word.is_empty()).collect();
    let whole = words.join("_").to_lowercase();
    if whole.chars().count() <= longest {
        return whole;
    }
    let cut: String = whole.chars().take(longest).collect();
    format!("{}_", cut.rsplit_once('_').map_or(&*cut, |(words, _)| words))
}
