//! The steps between two schemas.

use super::state::State;
use super::{Conditions, Finding, Rule, add, look};
use crate::schema::{Change, Column, Operation, Part};
use crate::sql::DialectName;

/// The unsafe ones of the steps of a plan; a finding's line is the number of the step, from 1 on.
pub fn plan(steps: &[Operation], conditions: &Conditions) -> Vec<Finding> {
    let mut state = State::new(conditions);
    let mut findings = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let Ok(sql) = step.sql(conditions.dialect) else {
            // On SQLite: only a rebuild does it.
            let statement = shown(step);
            findings.push(Finding {
                rule: Rule::TableRebuilt,
                line: place + 1,
                statement: statement.clone(),
            });
            if let Operation::Add { table, part: Part::Column(column) } = step
                && lacks_value(column)
                && state.is_in_use(&table.name)
            {
                let statement = statement.clone();
                findings.push(Finding { rule: Rule::NotNullWithoutDefault, line: place + 1, statement });
            }
            if step.loses_data() {
                let column = step.table().zip(step.column());
                let mapped = column.is_some_and(|(table, column)| state.is_mapped(&table.name, column));
                let rule = if mapped { Rule::MappedColumnDropped } else { Rule::ColumnDropped };
                findings.push(Finding { rule, line: place + 1, statement });
            }
            continue;
        };
        let mut rules = look(&sql, &mut state);
        // Labels are added before the transaction.
        rules.retain(|rule| *rule != Rule::EnumValueInTransaction);
        if let (DialectName::Postgres, Operation::Alter { change: Change::Type { from, to }, .. }) =
            (conditions.dialect.name, step)
        {
            let free = crate::schema::keeps_stored_form(&from.0, &to.0);
            rules.retain(|rule| *rule != Rule::TypeChangeRewrites || !free);
        }
        add(&mut findings, rules, place + 1, &sql, &sql, conditions.dialect);
    }
    findings
}

/// True for a column that rows which are there have no value for.
fn lacks_value(column: &Column) -> bool {
    let fills_itself = column.default.is_some() || column.computed.is_some() || column.numbering.is_some();
    !column.nullable && !fills_itself
}

fn shown(step: &Operation) -> String {
    let table = step.table().map_or_else(String::new, |table| format!(" {table}"));
    let column = step.column().map_or_else(String::new, |column| format!(".{column}"));
    format!("{}{table}{column}", step.kind())
}
