//! What COPY is told: every part is checked, and quoted where it can be text.

use std::sync::Arc;

use ormkit_core::driver::{CopyStatement, CopyWay, StatementText};
use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::sql::Dialect;

/// What is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyTarget {
    /// A table.
    Table {
        /// Its schema; None: the first of the search path that has it.
        schema: Option<String>,
        /// Its name, as it is.
        name: String,
        /// Its columns, as they are; none: all that are not generated.
        columns: Vec<String>,
    },
    /// The rows of a query of the caller's own.
    Query(String),
}

/// The form of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyFormat {
    /// Rows that are encoded and decoded here, in binary.
    Rows,
    /// PostgreSQL's binary format, as bytes.
    Binary,
    /// PostgreSQL's text format, as bytes.
    Text,
    /// CSV, as bytes.
    Csv,
}

/// How the data is written. What is None is as the server has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// What stands between columns: one character of ASCII.
    pub delimiter: Option<String>,
    /// What stands for NULL.
    pub null: Option<String>,
    /// Whether the first line has the names of the columns.
    pub header: Option<bool>,
    /// What CSV quotes by: one character of ASCII.
    pub quote: Option<String>,
    /// What stands in front of a quote inside of quotes, in CSV: one character of ASCII.
    pub escape: Option<String>,
    /// The encoding of the data, by its name.
    pub encoding: Option<String>,
}

/// The statement that copies into a table.
///
/// ```no_run
/// # use ormkit_core::{driver::Connection, error::Result, value::ValueRef};
/// # use ormkit_pg::{CopyFormat, CopyOptions, CopyTarget, copy_in};
/// # async fn example(connection: &mut dyn Connection) -> Result<u64> {
/// let target = CopyTarget::Table { schema: None, name: "books".into(), columns: vec!["year".into()] };
/// let copy = connection.bulk_copy()?;
/// copy.begin(&copy_in(&target, CopyFormat::Rows, &CopyOptions::default())?).await?;
/// for year in 1900..2000 {
///     copy.push_row(&mut |_, sink| sink(ValueRef::Int(year)))?;
///     if copy.buffered() > 64 * 1024 {
///         copy.send().await?;
///     }
/// }
/// copy.finish().await
/// # }
/// ```
///
/// # Errors
/// `Programming` for options that the format does not have or that cannot be, and for a query.
pub fn copy_in(target: &CopyTarget, format: CopyFormat, options: &CopyOptions) -> Result<CopyStatement> {
    if matches!(target, CopyTarget::Query(_)) {
        return Err(wrong("copy_from() writes into a table"));
    }
    statement(target, CopyWay::In, "FROM STDIN", format, options)
}

/// The statement that copies a table, or the rows of a query.
///
/// # Errors
/// `Programming` for options that the format does not have or that cannot be.
pub fn copy_out(target: &CopyTarget, format: CopyFormat, options: &CopyOptions) -> Result<CopyStatement> {
    statement(target, CopyWay::Out, "TO STDOUT", format, options)
}

fn statement(
    target: &CopyTarget,
    way: CopyWay,
    direction: &str,
    format: CopyFormat,
    options: &CopyOptions,
) -> Result<CopyStatement> {
    options.check(format)?;
    let sql = format!("COPY {} {direction} WITH ({})", target.sql(), options.sql(format));
    if sql.contains('\0') {
        return Err(Error::data(None, "SQL for PostgreSQL must not contain NUL (U+0000)"));
    }
    let rows = (format == CopyFormat::Rows).then(|| target.query());
    Ok(CopyStatement { text: Arc::new(StatementText::raw(sql)), way, rows })
}

fn quoted(name: &str) -> String {
    Dialect::POSTGRES.quoted(name)
}

impl CopyTarget {
    fn sql(&self) -> String {
        match self {
            Self::Table { columns, .. } if columns.is_empty() => self.table(),
            Self::Table { columns, .. } => format!("{} ({})", self.table(), list(columns)),
            // A comment at the query's end must not take the parenthesis along.
            Self::Query(sql) => format!("(\n{}\n)", sql.trim().trim_end_matches(';')),
        }
    }

    /// A query with the same columns.
    fn query(&self) -> String {
        match self {
            Self::Table { columns, .. } if columns.is_empty() => format!("SELECT * FROM {}", self.table()),
            Self::Table { columns, .. } => format!("SELECT {} FROM {}", list(columns), self.table()),
            Self::Query(sql) => sql.clone(),
        }
    }

    fn table(&self) -> String {
        match self {
            Self::Table { schema: Some(schema), name, .. } => format!("{}.{}", quoted(schema), quoted(name)),
            Self::Table { name, .. } => quoted(name),
            Self::Query(_) => String::new(),
        }
    }
}

fn list(columns: &[String]) -> String {
    let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
    columns.join(", ")
}

impl CopyOptions {
    /// # Errors
    /// An option that the format does not have, or that the server would not take for what it is meant.
    fn check(&self, format: CopyFormat) -> Result<()> {
        let given = [
            ("delimiter", self.delimiter.is_some(), true),
            ("null", self.null.is_some(), true),
            ("header", self.header.is_some(), true),
            ("quote", self.quote.is_some(), format == CopyFormat::Csv),
            ("escape", self.escape.is_some(), format == CopyFormat::Csv),
            ("encoding", self.encoding.is_some(), true),
        ];
        let is_text = matches!(format, CopyFormat::Text | CopyFormat::Csv);
        if let Some((name, ..)) = given.iter().find(|(_, given, fits)| *given && !(is_text && *fits)) {
            return Err(wrong(&format!("COPY has no {name} in this format")));
        }
        for (name, value) in
            [("delimiter", &self.delimiter), ("quote", &self.quote), ("escape", &self.escape)]
        {
            if let Some(value) = value {
                one_character(name, value)?;
            }
        }
        if let Some(delimiter) = &self.delimiter {
            // The server says the same: the backslash sequences of the text format begin with them.
            let letter =
                |found: char| found.is_ascii_lowercase() || found.is_ascii_digit() || "\\.".contains(found);
            if format == CopyFormat::Text && delimiter.contains(letter) {
                return Err(wrong(
                    "the delimiter of the text format is no small letter, digit, backslash or dot",
                ));
            }
            if format == CopyFormat::Csv && delimiter == self.quote.as_deref().unwrap_or("\"") {
                return Err(wrong("delimiter and quote are the same"));
            }
        }
        let null = self.null.as_deref().unwrap_or_default();
        if null.contains(['\r', '\n', '\0']) {
            return Err(wrong("null is on one line"));
        }
        let encoding = self.encoding.as_deref().unwrap_or("UTF8");
        let names = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if encoding.is_empty() || !encoding.bytes().all(names) {
            return Err(wrong("encoding is the name of an encoding"));
        }
        Ok(())
    }

    fn sql(&self, format: CopyFormat) -> String {
        let mut all = vec![match format {
            CopyFormat::Rows | CopyFormat::Binary => "FORMAT binary".to_owned(),
            CopyFormat::Text => "FORMAT text".to_owned(),
            CopyFormat::Csv => "FORMAT csv".to_owned(),
        }];
        all.extend(self.header.map(|header| format!("HEADER {header}")));
        for (name, value) in [
            ("DELIMITER", &self.delimiter),
            ("NULL", &self.null),
            ("QUOTE", &self.quote),
            ("ESCAPE", &self.escape),
            ("ENCODING", &self.encoding),
        ] {
            all.extend(value.as_ref().map(|value| format!("{name} {}", literal(value))));
        }
        all.join(", ")
    }
}

fn one_character(name: &str, value: &str) -> Result<()> {
    if value.len() == 1 && value.is_ascii() && !value.contains(['\r', '\n', '\0']) {
        return Ok(());
    }
    Err(wrong(&format!("{name} is one character of ASCII, and no line end")))
}

/// A string, whatever `standard_conforming_strings` is.
fn literal(text: &str) -> String {
    let escape = if text.contains('\\') { "E" } else { "" };
    format!("{escape}'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn wrong(problem: &str) -> Error {
    Error::new(ErrorKind::Programming(problem.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> CopyTarget {
        CopyTarget::Table { schema: None, name: name.into(), columns: Vec::new() }
    }

    fn csv(delimiter: &str, null: &str, quote: &str) -> CopyOptions {
        let some = |text: &str| Some(text.to_owned());
        CopyOptions { delimiter: some(delimiter), null: some(null), quote: some(quote), ..Default::default() }
    }

    #[test]
    fn every_part_is_quoted() {
        let target = CopyTarget::Table {
            schema: Some("My\"Shop".into()),
            name: "user".into(),
            columns: vec!["id".into(), "a b".into()],
        };
        let rows = copy_in(&target, CopyFormat::Rows, &CopyOptions::default()).unwrap();
        let sql = "COPY \"My\"\"Shop\".\"user\" (id, \"a b\") FROM STDIN WITH (FORMAT binary)";
        assert_eq!(rows.text.sql, sql);
        assert_eq!(rows.rows.unwrap(), "SELECT id, \"a b\" FROM \"My\"\"Shop\".\"user\"");
        let options = CopyOptions {
            header: Some(true),
            escape: Some("\\".into()),
            encoding: Some("LATIN1".into()),
            ..csv("'", "it's \\N", "|")
        };
        let text = copy_out(&table("t"), CopyFormat::Csv, &options).unwrap();
        assert_eq!(
            text.text.sql,
            "COPY t TO STDOUT WITH (FORMAT csv, HEADER true, DELIMITER '''', NULL E'it''s \\\\N', QUOTE '|', \
             ESCAPE E'\\\\', ENCODING 'LATIN1')"
        );
    }

    #[test]
    fn query_keeps_its_comments_and_loses_its_semicolon() {
        let query = CopyTarget::Query(" SELECT 1 -- one\n; ".into());
        let copy = copy_out(&query, CopyFormat::Text, &CopyOptions::default()).unwrap();
        assert_eq!(copy.text.sql, "COPY (\nSELECT 1 -- one\n\n) TO STDOUT WITH (FORMAT text)");
        assert!(copy_in(&query, CopyFormat::Text, &CopyOptions::default()).is_err());
    }

    #[test]
    fn options_that_cannot_be_are_refused() {
        for options in [
            csv(";;", "", "\""),
            csv("", "", "\""),
            csv("ä", "", "\""),
            csv("\n", "", "\""),
            csv("\0", "", "\""),
            csv("\"", "", "\""),
            csv(",", "a\nb", "\""),
            CopyOptions { encoding: Some("UTF8', HEADER".into()), ..Default::default() },
            CopyOptions { encoding: Some(String::new()), ..Default::default() },
        ] {
            assert!(copy_in(&table("t"), CopyFormat::Csv, &options).is_err(), "{options:?}");
        }
        let quote = CopyOptions { quote: Some("'".into()), ..Default::default() };
        assert!(copy_in(&table("t"), CopyFormat::Text, &quote).is_err());
        let null = CopyOptions { null: Some(String::new()), ..Default::default() };
        assert!(copy_in(&table("t"), CopyFormat::Rows, &null).is_err());
        let letter = CopyOptions { delimiter: Some("n".into()), ..Default::default() };
        assert!(copy_in(&table("t"), CopyFormat::Text, &letter).is_err());
        assert!(copy_in(&table("a\0b"), CopyFormat::Text, &CopyOptions::default()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_option_ends_its_literal(text in "[ -~]{0,20}") {
            let written = literal(&text);
            let inner = written.trim_start_matches('E');
            let inner = inner.strip_prefix('\'').unwrap().strip_suffix('\'').unwrap();
            // Pairs taken away, neither quotes nor backslashes remain.
            proptest::prop_assert!(!inner.replace("''", "").contains('\''));
            proptest::prop_assert!(!inner.replace("\\\\", "").contains('\\'));
        }
    }
}
