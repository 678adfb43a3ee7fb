//! CREATE TABLE, as SQLite keeps it (SQLite documentation, "CREATE TABLE").

use ormkit_core::error::Result;
use ormkit_core::model::TableName;
use ormkit_core::schema::cursor::Cursor;
use ormkit_core::schema::token::{Token, TokenKind, bare};
use ormkit_core::schema::{
    Check, Column, Computed, ForeignKey, Numbering, NumberingKind, PrimaryKey, Table, Timing, Unique,
};
use ormkit_core::sql::Dialect;

/// The table of a statement.
///
/// # Errors
/// `Protocol`: the text is no CREATE TABLE with columns.
pub(super) fn table(sql: &str) -> Result<Table> {
    let mut cursor = Cursor::new(sql, &Dialect::SQLITE);
    cursor.take("CREATE");
    let _ = cursor.take("TEMP") || cursor.take("TEMPORARY");
    cursor.take("TABLE");
    cursor.take("IF NOT EXISTS");
    let mut table = Table::new(qualified(&mut cursor)?);
    cursor.items(|item| {
        if begins_constraint(item) { constraint(&mut table, item) } else { column(&mut table, item) }
    })?;
    while !cursor.is_at_end() {
        if cursor.take("WITHOUT ROWID") {
            table.without_rowid = true;
        } else if cursor.take("STRICT") {
            table.strict = true;
        } else if !cursor.take_sign(',') {
            return Err(cursor.unreadable("an option of the table"));
        }
    }
    require_key(&mut table);
    Ok(table)
}

/// A name with its schema, where that is not the main one.
pub(super) fn qualified(cursor: &mut Cursor<'_>) -> Result<TableName> {
    let first = cursor.name()?;
    if !cursor.take_sign('.') {
        return Ok(TableName { schema: None, name: first });
    }
    let schema = Some(first).filter(|schema| !schema.eq_ignore_ascii_case("main"));
    Ok(TableName { schema, name: cursor.name()? })
}

/// The number of a row, and a key without row numbers, is never NULL, whatever was said.
fn require_key(table: &mut Table) {
    let Some(key) = table.primary_key.clone() else { return };
    let without_rowid = table.without_rowid;
    for name in &key.columns {
        let alone = key.columns.len() == 1 && key.written.as_deref() != Some("DESC");
        for column in table.columns.iter_mut().filter(|column| column.name == *name) {
            if without_rowid || (alone && column.data_type.eq_ignore_ascii_case("INTEGER")) {
                column.nullable = false;
            }
        }
    }
}

const CONSTRAINTS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];

fn begins_constraint(item: &Cursor<'_>) -> bool {
    item.peek().is_some_and(|token| CONSTRAINTS.iter().any(|word| token.is(word)))
}

/// True for a word behind which a column's type is over.
fn ends_type(token: &Token<'_>) -> bool {
    const WORDS: [&str; 11] = [
        "CONSTRAINT",
        "PRIMARY",
        "NOT",
        "NULL",
        "UNIQUE",
        "CHECK",
        "DEFAULT",
        "COLLATE",
        "REFERENCES",
        "GENERATED",
        "AS",
    ];
    WORDS.iter().any(|word| token.is(word))
}

fn column(table: &mut Table, item: &mut Cursor<'_>) -> Result<()> {
    let mut column = Column::new(item.name()?, "");
    if item.peek().is_some_and(|token| !ends_type(&token)) {
        column.data_type = item.until(ends_type).to_owned();
    }
    let mut name = None;
    while !item.is_at_end() {
        if item.take("CONSTRAINT") {
            name = Some(item.name()?);
            continue;
        }
        column_option(table, &mut column, item, name.take())?;
    }
    table.columns.push(column);
    Ok(())
}

fn column_option(
    table: &mut Table,
    column: &mut Column,
    item: &mut Cursor<'_>,
    name: Option<String>,
) -> Result<()> {
    let columns = vec![column.name.clone()];
    if item.take("PRIMARY KEY") {
        // Without its own row number the order of a key of one column means nothing; with it, it takes the number away.
        let written = item.take("DESC").then(|| "DESC".to_owned());
        item.take("ASC");
        let mut key = PrimaryKey { written, ..primary_key(name, columns) };
        key.on_conflict = on_conflict(item)?;
        if item.take("AUTOINCREMENT") {
            column.numbering = Some(Numbering { kind: NumberingKind::Autoincrement, options: Vec::new() });
        }
        table.primary_key = Some(key);
    } else if item.take("NOT NULL") {
        column.nullable = false;
        column.on_null = on_conflict(item)?;
    } else if item.take("NULL") {
        on_conflict(item)?;
    } else if item.take("UNIQUE") {
        let on_conflict = on_conflict(item)?;
        table.uniques.push(Unique { on_conflict, ..unique(name, columns) });
    } else if item.take("CHECK") {
        table.checks.push(Check { name, expression: expression(item)? });
    } else if item.take("DEFAULT") {
        column.default = Some(default(item)?);
    } else if item.take("COLLATE") {
        column.collation = Some(item.name()?).filter(|name| !name.eq_ignore_ascii_case("BINARY"));
    } else if item.peek().is_some_and(|token| token.is("REFERENCES")) {
        table.foreign_keys.push(references(item, name, columns)?);
    } else if item.take("GENERATED ALWAYS AS") || item.take("AS") {
        let expression = expression(item)?;
        let stored = item.take("STORED");
        item.take("VIRTUAL");
        column.computed = Some(Computed { expression, stored });
    } else if let Some(key) = table.foreign_keys.last_mut()
        && (item.take("DEFERRABLE") || item.take("NOT DEFERRABLE"))
    {
        // SQLite takes these words also apart from REFERENCES.
        key.timing = initially(item);
    } else {
        return Err(item.unreadable("an option of the column"));
    }
    Ok(())
}

fn expression(item: &mut Cursor<'_>) -> Result<String> {
    Ok(bare(item.enclosed()?, &Dialect::SQLITE).to_owned())
}

/// A number with its sign, a literal, a word, or an expression in parentheses.
fn default(item: &mut Cursor<'_>) -> Result<String> {
    if item.peek().is_some_and(|token| token.is_sign('(')) {
        return expression(item);
    }
    let sign = if item.take_sign('-') { "-" } else { "" };
    item.take_sign('+');
    let token = item.peek().ok_or_else(|| item.unreadable("a default"))?;
    item.skip();
    // A name in quotes is a text here.
    match (token.kind, token.name()) {
        (TokenKind::Quoted, Some(text)) => Ok(format!("'{}'", text.replace('\'', "''"))),
        _ => Ok(format!("{sign}{}", token.text)),
    }
}

fn on_conflict(item: &mut Cursor<'_>) -> Result<Option<String>> {
    if !item.take("ON CONFLICT") {
        return Ok(None);
    }
    Ok(Some(item.word()?).filter(|word| word != "ABORT"))
}

fn primary_key(name: Option<String>, columns: Vec<String>) -> PrimaryKey {
    PrimaryKey {
        name,
        columns,
        include: Vec::new(),
        timing: Timing::Immediate,
        written: None,
        on_conflict: None,
    }
}

fn unique(name: Option<String>, columns: Vec<String>) -> Unique {
    Unique {
        name,
        columns,
        include: Vec::new(),
        nulls_not_distinct: false,
        timing: Timing::Immediate,
        written: None,
        on_conflict: None,
    }
}

fn constraint(table: &mut Table, item: &mut Cursor<'_>) -> Result<()> {
    let mut name = None;
    while item.take("CONSTRAINT") {
        name = Some(item.name()?);
    }
    if item.take("PRIMARY KEY") {
        let (columns, written, autoincrement) = key_columns(item)?;
        let mut key = PrimaryKey { written, ..primary_key(name, columns) };
        key.on_conflict = on_conflict(item)?;
        if autoincrement {
            let numbering = Numbering { kind: NumberingKind::Autoincrement, options: Vec::new() };
            let numbered = table.columns.iter_mut().filter(|column| key.columns.contains(&column.name));
            numbered.for_each(|column| column.numbering = Some(numbering.clone()));
        }
        table.primary_key = Some(key);
    } else if item.take("UNIQUE") {
        let (columns, written, _) = key_columns(item)?;
        let on_conflict = on_conflict(item)?;
        table.uniques.push(Unique { written, on_conflict, ..unique(name, columns) });
    } else if item.take("CHECK") {
        table.checks.push(Check { name, expression: expression(item)? });
        on_conflict(item)?;
    } else if item.take("FOREIGN KEY") {
        let columns = names(item)?;
        table.foreign_keys.push(references(item, name, columns)?);
    } else {
        return Err(item.unreadable("a constraint"));
    }
    // SQLite needs no comma between constraints.
    if item.is_at_end() { Ok(()) } else { constraint(table, item) }
}

/// Columns of a key: their names, the list as it was written where it says more, and whether it says AUTOINCREMENT.
fn key_columns(item: &mut Cursor<'_>) -> Result<(Vec<String>, Option<String>, bool)> {
    let (mut columns, mut written, mut says_more, mut numbered) = (Vec::new(), Vec::new(), false, false);
    item.items(|part| {
        let name = part.name()?;
        let quoted = Dialect::SQLITE.quoted(&name);
        let rest = part.until(|token| token.is("AUTOINCREMENT"));
        numbered |= part.take("AUTOINCREMENT") || rest.eq_ignore_ascii_case("AUTOINCREMENT");
        if rest.is_empty() || rest.eq_ignore_ascii_case("ASC") || rest.eq_ignore_ascii_case("AUTOINCREMENT") {
            written.push(quoted);
        } else {
            says_more = true;
            written.push(format!("{quoted} {rest}"));
        }
        columns.push(name);
        Ok(())
    })?;
    Ok((columns, says_more.then(|| written.join(", ")), numbered))
}

fn names(item: &mut Cursor<'_>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    item.items(|part| {
        names.push(part.name()?);
        Ok(())
    })?;
    Ok(names)
}

fn references(item: &mut Cursor<'_>, name: Option<String>, columns: Vec<String>) -> Result<ForeignKey> {
    if !item.take("REFERENCES") {
        return Err(item.unreadable("REFERENCES"));
    }
    let table = qualified(item)?;
    let referred =
        if item.peek().is_some_and(|token| token.is_sign('(')) { names(item)? } else { Vec::new() };
    let mut key = ForeignKey {
        name,
        columns,
        table,
        referred,
        on_delete: None,
        on_update: None,
        match_full: false,
        timing: Timing::Immediate,
    };
    loop {
        if item.take("ON DELETE") {
            key.on_delete = action(item)?;
        } else if item.take("ON UPDATE") {
            key.on_update = action(item)?;
        } else if item.take("MATCH") {
            // SQLite reads the words and does not act on them.
            item.word()?;
        } else if item.take("NOT DEFERRABLE") {
            initially(item);
        } else if item.take("DEFERRABLE") {
            key.timing = initially(item);
        } else {
            return Ok(key);
        }
    }
}

fn action(item: &mut Cursor<'_>) -> Result<Option<String>> {
    for words in ["SET NULL", "SET DEFAULT", "NO ACTION"] {
        if item.take(words) {
            return Ok(Some(words.to_owned()).filter(|_| words != "NO ACTION"));
        }
    }
    item.word().map(Some)
}

fn initially(item: &mut Cursor<'_>) -> Timing {
    if item.take("INITIALLY DEFERRED") {
        return Timing::Deferred;
    }
    item.take("INITIALLY IMMEDIATE");
    Timing::Deferrable
}
