//! Steps of a migration that are unsafe where a program is at work: each with why, and with the safer way.
//!
//! A script is read statement by statement, as the database would: what it has created itself is nobody's yet, and what it has
//! said before (`SET lock_timeout`, `BEGIN`) counts. Only words are looked at; how large a table is, nobody knows here.

mod block;
mod cursor;
mod plan;
mod postgres;
mod rule;
mod sqlite;
mod state;

pub use plan::plan;
pub use rule::Rule;

use self::block::{Block, Run};
use self::state::State;
use crate::sql::scan::statements;
use crate::sql::{Dialect, DialectName};

/// What is known of where the steps will run.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// The database's language.
    pub dialect: &'static Dialect,
    /// The major version of PostgreSQL.
    pub version: u32,
    /// All of it runs in one transaction, as a revision does.
    pub in_transaction: bool,
    /// Columns that models map, as table and column: dropping one of them breaks the program.
    pub mapped: Vec<(String, String)>,
}

impl Conditions {
    /// Those of a script by itself: PostgreSQL 15, no transaction around it, no models.
    pub fn new(dialect: &'static Dialect) -> Self {
        Self { dialect, version: 15, in_transaction: false, mapped: Vec::new() }
    }
}

/// An unsafe step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which kind.
    pub rule: Rule,
    /// The line of the script on which the statement begins, from 1 on; of a plan the number of the step.
    pub line: usize,
    /// The statement.
    pub statement: String,
}

/// The unsafe statements of a script. A comment `ormkit: allow code` in a statement or before it lets that statement pass.
pub fn script(sql: &str, conditions: &Conditions) -> Vec<Finding> {
    let mut state = State::new(conditions);
    let mut findings = Vec::new();
    for (line, statement) in statements(sql, conditions.dialect.name == DialectName::Sqlite) {
        step(&mut findings, &mut state, line, statement, "");
    }
    findings
}

/// Looks at a statement of a script, and at those in a block; `around` is the block that it stands in.
fn step(findings: &mut Vec<Finding>, state: &mut State<'_>, line: usize, statement: &str, around: &str) {
    let dialect = state.conditions.dialect;
    let block = (dialect.name == DialectName::Postgres).then(|| block::of(statement, dialect)).flatten();
    let around = if around.is_empty() { statement } else { around };
    match block {
        None => {
            let rules = look(statement, state);
            add(findings, rules, line, statement, around, dialect);
        }
        Some(Block::Unread) => add(findings, vec![Rule::NotLookedAt], line, statement, around, dialect),
        Some(Block::Statements(all)) => {
            let was_begun = state.enter();
            for (before, run) in all {
                match run {
                    Run::Written(inner) => step(findings, state, line + before, &inner, around),
                    Run::Made(made) => {
                        add(findings, vec![Rule::NotLookedAt], line + before, &made, around, dialect);
                    }
                }
            }
            state.leave(was_begun);
        }
    }
}

/// What there is to say of the next statement.
fn look(statement: &str, state: &mut State<'_>) -> Vec<Rule> {
    match state.conditions.dialect.name {
        DialectName::Postgres => postgres::look(statement, state),
        DialectName::Sqlite => sqlite::look(statement, state),
    }
}

/// `around`: what may hold the comment that lets the statement pass, the statement itself or the block that it stands in.
fn add(
    findings: &mut Vec<Finding>,
    rules: Vec<Rule>,
    line: usize,
    statement: &str,
    around: &str,
    dialect: &Dialect,
) {
    let words = crate::schema::token::tokens(statement, dialect);
    let code = words.first().map_or("", |first| &statement[first.start..]);
    let line = line + statement[..statement.len() - code.len()].matches('\n').count();
    for rule in rules {
        let allowed = around.split("ormkit: allow ").skip(1).any(|rest| {
            rest.split(|char: char| !(char.is_ascii_alphanumeric() || char == '-')).next()
                == Some(rule.code())
        });
        if !allowed {
            findings.push(Finding { rule, line, statement: code.to_owned() });
        }
    }
}

#[cfg(test)]
mod tests;
