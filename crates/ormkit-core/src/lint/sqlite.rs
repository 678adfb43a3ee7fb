//! Statements of SQLite (SQLite documentation, "ALTER TABLE").

use super::Rule;
use super::cursor::Cursor;
use super::postgres::whole_table;
use super::state::State;

pub(super) fn look(statement: &str, state: &mut State<'_>) -> Vec<Rule> {
    let mut words = Cursor::new(statement, state.conditions.dialect);
    let mut rules = Vec::new();
    if words.take("BEGIN") {
        state.begin();
    } else if ["COMMIT", "ROLLBACK", "END"].iter().any(|word| words.take(word)) {
        if !words.take("TO") {
            state.end();
        }
    } else if words.take("CREATE") {
        let _ = words.take("TEMPORARY") || words.take("TEMP");
        if words.take("TABLE") {
            words.take("IF NOT EXISTS");
            words.name().into_iter().for_each(|table| state.make(table));
        }
    } else if words.take("DROP TABLE") {
        words.take("IF EXISTS");
        rules.extend(words.name().is_some_and(|table| state.is_in_use(&table)).then_some(Rule::TableDropped));
    } else if words.take("PRAGMA") {
        match words.name().as_deref() {
            Some("foreign_keys") if state.in_transaction() && words.take_sign('=') => {
                rules.push(Rule::PragmaInTransaction);
            }
            Some("writable_schema") => rules.push(Rule::SchemaWritten),
            _ => {}
        }
    } else if words.take("ALTER TABLE") {
        alter_table(words, state, &mut rules);
    } else {
        whole_table(words, state, &mut rules);
    }
    rules
}

fn alter_table(mut words: Cursor<'_>, state: &State<'_>, rules: &mut Vec<Rule>) {
    let Some(table) = words.name() else { return };
    let in_use = state.is_in_use(&table);
    if words.take("RENAME") {
        let rule = if words.take("TO") { Rule::TableRenamed } else { Rule::ColumnRenamed };
        rules.extend(in_use.then_some(rule));
    } else if words.take("DROP") {
        if words.take("CONSTRAINT") {
            return rules.push(Rule::NotOnSqlite);
        }
        words.take("COLUMN");
        let column = words.name().unwrap_or_default();
        let mapped = state.is_mapped(&table, &column);
        let rule = if mapped { Rule::MappedColumnDropped } else { Rule::ColumnDropped };
        rules.extend(in_use.then_some(rule));
    } else if words.take("ADD") {
        if ["CONSTRAINT", "UNIQUE", "PRIMARY", "FOREIGN", "CHECK"].iter().any(|word| words.take(word)) {
            return rules.push(Rule::NotOnSqlite);
        }
        words.take("COLUMN");
        if words.name().is_some() {
            column(&words, in_use, rules);
        }
    } else {
        rules.push(Rule::NotOnSqlite);
    }
}

fn column(definition: &Cursor<'_>, in_use: bool, rules: &mut Vec<Rule>) {
    let options = definition.outside();
    if options.has("UNIQUE") || options.has("PRIMARY KEY") {
        rules.push(Rule::NewColumnUnique);
    }
    if options.has("STORED") {
        rules.push(Rule::NotOnSqlite);
    }
    let mut default = definition.clone();
    let has_default = default.skip_to("DEFAULT");
    let clocks = ["CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME"];
    let varies = default.take_sign('(') || clocks.iter().any(|word| default.take(word));
    if has_default && varies && in_use {
        rules.push(Rule::DefaultNotConstant);
    }
    let fills_itself =
        (has_default && !default.take("NULL")) || options.has("GENERATED") || options.has("AS");
    if options.has("NOT NULL") && !fills_itself && in_use {
        rules.push(Rule::NotNullWithoutDefault);
    }
}
