//! CREATE INDEX, as SQLite keeps it (SQLite documentation, "CREATE INDEX").

use ormkit_core::error::Result;
use ormkit_core::model::TableName;
use ormkit_core::schema::cursor::Cursor;
use ormkit_core::schema::token::{TokenKind, bare};
use ormkit_core::schema::{Index, IndexPart, IndexTerm};
use ormkit_core::sql::Dialect;

use super::table::qualified;

/// The index of a statement, and its table.
///
/// # Errors
/// `Protocol`: the text is no CREATE INDEX.
pub(super) fn index(sql: &str) -> Result<(TableName, Index)> {
    let mut cursor = Cursor::new(sql, &Dialect::SQLITE);
    cursor.take("CREATE");
    let unique = cursor.take("UNIQUE");
    cursor.take("INDEX");
    cursor.take("IF NOT EXISTS");
    let TableName { schema, name } = qualified(&mut cursor)?;
    if !cursor.take("ON") {
        return Err(cursor.unreadable("ON"));
    }
    let table = TableName { schema, name: cursor.name()? };
    let mut parts = Vec::new();
    cursor.items(|item| {
        parts.push(part(item)?);
        Ok(())
    })?;
    let predicate = cursor.take("WHERE").then(|| cursor.until(|_| false));
    let predicate = predicate.map(|text| bare(text, &Dialect::SQLITE).to_owned());
    let index = Index {
        name,
        unique,
        parts,
        include: Vec::new(),
        method: None,
        predicate,
        nulls_not_distinct: false,
        storage: Vec::new(),
    };
    Ok((table, index))
}

fn part(item: &mut Cursor<'_>) -> Result<IndexPart> {
    let first = item.peek().ok_or_else(|| item.unreadable("a column"))?;
    let text = item.until(|token| ["COLLATE", "ASC", "DESC"].iter().any(|word| token.is(word)));
    let term = match (first.kind, first.name()) {
        (TokenKind::Word | TokenKind::Quoted, Some(name)) if text == first.text => {
            IndexTerm::Column(name.into_owned())
        }
        _ => IndexTerm::Expression(bare(text, &Dialect::SQLITE).to_owned()),
    };
    let collation = if item.take("COLLATE") { Some(item.name()?) } else { None };
    let descending = item.take("DESC");
    Ok(IndexPart { term, collation, class: None, descending, nulls_first: false })
}
