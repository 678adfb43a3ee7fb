//! Enum types of other schemas while models are tried out: a temporary type has no schema, so each stands under a name of its own,
//! and what the database says of it is put back into the words that it has for the real one.

use super::token::{TokenKind, qualified, tokens};
use super::{Catalog, IndexTerm, Table, holds};
use crate::error::Result;
use crate::model::TableName;
use crate::session::Link;
use crate::sql::Dialect;
use crate::sql::ddl::written;

/// A type with a schema.
pub(super) struct Aside {
    name: TableName,
    /// Its schema is the default one, whose types have none in a [`Catalog`].
    in_default: bool,
    /// Expressions name it without its schema.
    visible: bool,
}

impl Aside {
    /// Asks the database how it would call the type.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn of(link: &mut Link, name: TableName) -> Result<Self> {
        let Some(schema) = &name.schema else { return Ok(Self { name, in_default: true, visible: true }) };
        let dialect = link.dialect();
        let literal = |text: &str| written(dialect, |out| out.literal(text));
        let (schema, kind) = (literal(schema), literal(&name.name));
        let in_default = holds(link, format!("SELECT current_schema() = {schema}")).await?;
        let visible = format!(
            "SELECT coalesce((SELECT pg_type_is_visible(t.oid) FROM pg_type t \
             JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typname = {kind} AND n.nspname = {schema}), \
             {schema} = ANY (current_schemas(FALSE)))"
        );
        let visible = holds(link, visible).await?;
        Ok(Self { name, in_default, visible })
    }

    /// What it is called meanwhile.
    fn alias(&self) -> String {
        format!("{}.{}", self.name.schema.as_deref().unwrap_or_default(), self.name.name)
    }

    /// A statement that names the type's alias instead of it.
    pub(super) fn put(&self, sql: &str, dialect: &Dialect) -> String {
        let Some(schema) = &self.name.schema else { return sql.to_owned() };
        let all = tokens(sql, dialect);
        let is = |at: usize, name: &str| {
            all.get(at).is_some_and(|token| {
                token.kind != TokenKind::Literal && token.name().is_some_and(|word| word == name)
            })
        };
        let (mut text, mut done) = (String::with_capacity(sql.len()), 0);
        for at in 0..all.len() {
            let follows = all.get(at + 1).is_some_and(|token| token.is_sign('.'));
            if all[at].start >= done && is(at, schema) && follows && is(at + 2, &self.name.name) {
                text.push_str(&sql[done..all[at].start]);
                text.push_str(&dialect.quoted(&self.alias()));
                done = all[at + 2].end();
            }
        }
        text.push_str(&sql[done..]);
        text
    }

    /// Gives the type its name back, everywhere.
    pub(super) fn back(&self, catalog: &mut Catalog, dialect: &Dialect) {
        let alias = self.alias();
        let name = match self.in_default {
            true => TableName { schema: None, name: self.name.name.clone() },
            false => self.name.clone(),
        };
        for kind in catalog.enums.iter_mut().filter(|kind| kind.name.name == alias) {
            kind.name = name.clone();
        }
        let quoted = dialect.quoted(&alias);
        let of_column = qualified(&name, dialect);
        let of_expression = if self.visible { dialect.quoted(&name.name) } else { of_column.clone() };
        for table in &mut catalog.tables {
            for column in &mut table.columns {
                column.data_type = swapped(&column.data_type, &quoted, &of_column, dialect);
            }
            expressions(table, |text| *text = swapped(text, &quoted, &of_expression, dialect));
        }
    }
}

/// The text with each token `from` as `to`.
fn swapped(sql: &str, from: &str, to: &str, dialect: &Dialect) -> String {
    let (mut text, mut done) = (String::with_capacity(sql.len()), 0);
    for token in tokens(sql, dialect).iter().filter(|token| token.text == from) {
        text.push_str(&sql[done..token.start]);
        text.push_str(to);
        done = token.end();
    }
    text.push_str(&sql[done..]);
    text
}

/// All expressions of a table.
fn expressions(table: &mut Table, mut change: impl FnMut(&mut String)) {
    for column in &mut table.columns {
        column.default.iter_mut().for_each(&mut change);
        column.computed.iter_mut().for_each(|computed| change(&mut computed.expression));
    }
    table.checks.iter_mut().for_each(|check| change(&mut check.expression));
    table.exclusions.iter_mut().for_each(|exclusion| change(&mut exclusion.definition));
    for index in &mut table.indexes {
        index.predicate.iter_mut().for_each(&mut change);
        for part in &mut index.parts {
            if let IndexTerm::Expression(text) = &mut part.term {
                change(text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_stands_under_another_name_meanwhile() {
        let name = TableName { schema: Some("app".into()), name: "Mood".into() };
        let aside = Aside { name, in_default: false, visible: false };
        let sql = "CREATE TABLE t (a app.\"Mood\"[] DEFAULT '{app.Mood}'::\"app\".\"Mood\"[], b app.mood)";
        let put = aside.put(sql, &Dialect::POSTGRES);
        assert_eq!(put, "CREATE TABLE t (a \"app.Mood\"[] DEFAULT '{app.Mood}'::\"app.Mood\"[], b app.mood)");
        assert_eq!(
            swapped(&put, "\"app.Mood\"", "app.\"Mood\"", &Dialect::POSTGRES),
            sql.replace("\"app\"", "app")
        );
    }
}
