//! Statements of PostgreSQL, and the locks that they take (PostgreSQL manual, "ALTER TABLE" and "Explicit Locking").

use super::Rule;
use super::cursor::Cursor;
use super::state::State;

pub(super) fn look(statement: &str, state: &mut State<'_>) -> Vec<Rule> {
    let mut words = Cursor::new(statement, state.conditions.dialect);
    let mut rules = Vec::new();
    if words.take("BEGIN") || words.take("START TRANSACTION") {
        state.begin();
    } else if ["COMMIT", "ROLLBACK", "END", "ABORT"].iter().any(|word| words.take(word)) {
        if !words.take("TO") {
            state.end();
        }
    } else if words.take("SET") {
        let _ = words.take("LOCAL") || words.take("SESSION");
        if words.take("lock_timeout") {
            state.limit_locks();
        }
    } else if words.take("SELECT") {
        if words.has("set_config") && statement.contains("lock_timeout") {
            state.limit_locks();
        }
    } else if words.take("CREATE") {
        create(words, state, &mut rules);
    } else if words.take("DROP") {
        drop(words, state, &mut rules);
    } else if words.take("REINDEX") {
        reindex(&words, state, &mut rules);
    } else if words.take("ALTER TABLE") {
        alter_table(words, state, &mut rules);
    } else if words.take("ALTER INDEX") || words.take("ALTER MATERIALIZED VIEW") {
        if words.has("SET TABLESPACE") {
            rules.push(Rule::TableRewritten);
        }
    } else if words.take("ALTER TYPE") {
        if words.has("ADD VALUE") && state.in_transaction() {
            rules.push(Rule::EnumValueInTransaction);
        }
        rules.extend(words.has("RENAME VALUE").then_some(Rule::LabelRenamed));
    } else if words.take("ALTER SCHEMA") {
        rules.extend(words.has("RENAME TO").then_some(Rule::SchemaRenamed));
    } else if words.take("ALTER DOMAIN") {
        let scans = words.has("SET NOT NULL")
            || (words.has("ADD CONSTRAINT") || words.has("ADD CHECK")) && !words.has("NOT VALID");
        rules.extend(scans.then_some(Rule::ConstraintScans));
    } else if words.take("TRUNCATE") {
        let _ = words.take("TABLE");
        let _ = words.take("ONLY");
        if names_one_in_use(&words, state) {
            rules.push(Rule::TableEmptied);
            state.lock(&mut rules);
        }
        rules.extend(words.has("CASCADE").then_some(Rule::DropCascades));
    } else if words.take("VACUUM") {
        rules.extend(words.has("FULL").then_some(Rule::TableRewritten));
    } else if words.take("CLUSTER") {
        rules.push(Rule::TableRewritten);
    } else if words.take("REFRESH MATERIALIZED VIEW") {
        rules.extend((!words.take("CONCURRENTLY")).then_some(Rule::RefreshBlocks));
    } else if words.take("LOCK") {
        rules.push(Rule::TableLocked);
    } else {
        whole_table(words, state, &mut rules);
    }
    rules
}

/// UPDATE and DELETE of all rows, also those that stand in a WITH.
pub(super) fn whole_table(mut words: Cursor<'_>, state: &State<'_>, rules: &mut Vec<Rule>) {
    if words.take("WITH") {
        words.take("RECURSIVE");
        loop {
            let _ = words.name();
            let _ = words.group();
            words.take("AS");
            words.take("NOT");
            words.take("MATERIALIZED");
            if let Some(inner) = words.group() {
                whole_table(inner, state, rules);
            }
            // SEARCH and CYCLE stand between a query and the comma behind it.
            while !words.at_statement() && !words.take_sign(',') {
                words.skip();
            }
            if words.at_statement() {
                break;
            }
        }
    }
    if !(words.take("UPDATE") || words.take("DELETE FROM")) {
        return;
    }
    let _ = words.take("ONLY");
    let Some(table) = words.name().filter(|table| state.is_in_use(table)) else { return };
    if !words.outside().has("WHERE") {
        rules.push(Rule::WholeTableWritten);
    }
    rules.extend(state.is_locked(&table).then_some(Rule::WrittenWhileLocked));
}

/// True where one of the tables that stand here, with commas between them, may be in use.
fn names_one_in_use(words: &Cursor<'_>, state: &State<'_>) -> bool {
    words.pieces().into_iter().any(|mut piece| piece.name().is_some_and(|table| state.is_in_use(&table)))
}

fn create(mut words: Cursor<'_>, state: &mut State<'_>, rules: &mut Vec<Rule>) {
    for word in ["GLOBAL", "LOCAL", "TEMPORARY", "TEMP", "UNLOGGED"] {
        words.take(word);
    }
    if words.take("TABLE") || words.take("MATERIALIZED VIEW") {
        words.take("IF NOT EXISTS");
        words.name().into_iter().for_each(|table| state.make(table));
        return;
    }
    words.take("UNIQUE");
    if !words.take("INDEX") {
        return;
    }
    let concurrently = words.take("CONCURRENTLY");
    words.take("IF NOT EXISTS");
    let index = words.clone().name();
    if !words.skip_to("ON") {
        return;
    }
    words.take("ONLY");
    let in_use = words.name().is_some_and(|table| state.is_in_use(&table));
    if !in_use {
        index.into_iter().for_each(|index| state.make_index(index));
    }
    match concurrently {
        true if state.in_transaction() => rules.push(Rule::ConcurrentlyInTransaction),
        false if in_use => rules.push(Rule::IndexBlocksWrites),
        _ => {}
    }
}

fn drop(mut words: Cursor<'_>, state: &mut State<'_>, rules: &mut Vec<Rule>) {
    let cascades = words.outside().has("CASCADE");
    if words.take("INDEX") {
        match words.take("CONCURRENTLY") {
            true => rules.extend(state.in_transaction().then_some(Rule::ConcurrentlyInTransaction)),
            false => {
                words.take("IF EXISTS");
                let mut all = words.pieces().into_iter();
                if all.any(|mut piece| piece.name().is_some_and(|index| state.is_index_in_use(&index))) {
                    rules.push(Rule::DropIndexBlocks);
                    state.lock(rules);
                }
            }
        }
    } else if words.take("TABLE") {
        words.take("IF EXISTS");
        if names_one_in_use(&words, state) {
            rules.push(Rule::TableDropped);
            state.lock(rules);
        }
    } else if words.take("SCHEMA") || words.take("DATABASE") {
        rules.push(Rule::TableDropped);
    }
    rules.extend(cascades.then_some(Rule::DropCascades));
}

fn reindex(words: &Cursor<'_>, state: &mut State<'_>, rules: &mut Vec<Rule>) {
    match words.has("CONCURRENTLY") {
        true => rules.extend(state.in_transaction().then_some(Rule::ConcurrentlyInTransaction)),
        false => rules.push(Rule::ReindexBlocks),
    }
}

fn alter_table(mut words: Cursor<'_>, state: &mut State<'_>, rules: &mut Vec<Rule>) {
    words.take("IF EXISTS");
    words.take("ONLY");
    let Some(table) = words.name() else { return };
    let in_use = state.is_in_use(&table);
    let mut said = Vec::new();
    let mut locks = false;
    for action in words.pieces() {
        locks |= alter(action, &table, state, &mut said);
    }
    if in_use {
        rules.extend(said);
        if locks {
            state.lock(rules);
            state.lock_out(&table);
        }
    }
}

/// One action of ALTER TABLE; true where it keeps everybody out.
fn alter(mut action: Cursor<'_>, table: &str, state: &mut State<'_>, rules: &mut Vec<Rule>) -> bool {
    if action.take("ADD") {
        return add(action, table, state, rules);
    }
    if action.take("VALIDATE CONSTRAINT") {
        let name = action.name().unwrap_or_default();
        rules.extend(state.is_unchecked(&name).then_some(Rule::ValidatedAtOnce));
        let proven = state.checks.iter().filter(|(check, ..)| *check == name);
        let proven: Vec<_> = proven.map(|(_, table, column)| (table.clone(), column.clone())).collect();
        state.never_null.extend(proven);
        return false;
    }
    if action.take("DROP") {
        rules.extend(action.outside().has("CASCADE").then_some(Rule::DropCascades));
        if !action.take("CONSTRAINT") && !action.take("IDENTITY") {
            action.take("COLUMN");
            action.take("IF EXISTS");
            let column = action.name().unwrap_or_default();
            let mapped = state.is_mapped(table, &column);
            rules.push(if mapped { Rule::MappedColumnDropped } else { Rule::ColumnDropped });
        }
    } else if action.take("RENAME") {
        if action.take("TO") {
            rules.push(Rule::TableRenamed);
        } else if !action.take("CONSTRAINT") {
            rules.push(Rule::ColumnRenamed);
        }
    } else if action.take("ALTER") {
        action.take("COLUMN");
        let column = action.name().unwrap_or_default();
        if action.take("SET DATA TYPE") || action.take("TYPE") {
            rules.extend((!is_free_type(&action)).then_some(Rule::TypeChangeRewrites));
        } else if action.take("SET EXPRESSION") {
            rules.push(Rule::TableRewritten);
        } else if action.take("SET NOT NULL") {
            let proven = state.never_null.contains(&(table.to_owned(), column));
            rules.extend((!proven).then_some(Rule::SetNotNullScans));
        }
    } else if action.take("ATTACH PARTITION")
        || (action.take("DETACH PARTITION") && !action.has("CONCURRENTLY"))
    {
        rules.push(Rule::PartitionLocks);
    } else if ["TABLESPACE", "LOGGED", "UNLOGGED", "ACCESS METHOD"].iter().any(|word| action.has(word)) {
        rules.push(Rule::TableRewritten);
    }
    true
}

/// Types that every text is in as it is stored.
fn is_free_type(action: &Cursor<'_>) -> bool {
    let mut action = action.clone();
    let is_text = action.take("text") || action.take("character varying") || action.take("varchar");
    is_text && !action.take_sign('(') && !action.has("USING")
}

fn add(mut action: Cursor<'_>, table: &str, state: &mut State<'_>, rules: &mut Vec<Rule>) -> bool {
    let name = if action.take("CONSTRAINT") { action.name().unwrap_or_default() } else { String::new() };
    let not_valid = action.outside().has("NOT VALID");
    if action.take("CHECK") || action.take("FOREIGN KEY") {
        if let Some(column) = never_null(action.clone()) {
            match not_valid {
                true => state.checks.push((name.clone(), table.to_owned(), column)),
                false => state.never_null.extend([(table.to_owned(), column)]),
            }
        }
        match not_valid {
            true => state.leave_unchecked(name),
            false => rules.push(Rule::ConstraintScans),
        }
        return true;
    }
    // PostgreSQL 18 has it as a constraint, which can be NOT VALID.
    if action.take("NOT NULL") {
        match (not_valid, action.name()) {
            (true, Some(column)) => {
                state.checks.push((name.clone(), table.to_owned(), column));
                state.leave_unchecked(name);
            }
            (true, None) => {}
            (false, _) => rules.push(Rule::SetNotNullScans),
        }
        return true;
    }
    if ["UNIQUE", "PRIMARY KEY", "EXCLUDE"].iter().any(|word| action.take(word)) {
        rules.extend((!action.has("USING INDEX")).then_some(Rule::ConstraintBuildsIndex));
        return true;
    }
    action.take("COLUMN");
    action.take("IF NOT EXISTS");
    if action.name().is_some() {
        column(action, state, rules);
    }
    true
}

/// The column of `CHECK (column IS NOT NULL)`.
fn never_null(mut check: Cursor<'_>) -> Option<String> {
    while check.take_sign('(') {}
    let column = check.name()?;
    check.take("IS NOT NULL").then_some(column)
}

/// Functions whose answer is another at each call (`pg_proc.provolatile`), of those that defaults use.
const VOLATILE: [&str; 14] = [
    "random",
    "gen_random_uuid",
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "uuid_generate_v4",
    "uuidv4",
    "uuidv7",
    "clock_timestamp",
    "timeofday",
    "nextval",
    "txid_current",
    "pg_current_xact_id",
    "gen_random_bytes",
    "setseed",
];

fn column(mut definition: Cursor<'_>, state: &State<'_>, rules: &mut Vec<Rule>) {
    let data_type = definition.peek().unwrap_or_default().to_lowercase();
    definition.skip();
    let numbers = ["serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"];
    let options = definition.outside();
    let generated = options.has("GENERATED");
    let virtual_column = options.has("VIRTUAL") || (state.conditions.version >= 18 && !options.has("STORED"));
    let is_identity = options.has("AS IDENTITY");
    if numbers.contains(&&*data_type) || is_identity || (generated && !virtual_column) {
        rules.push(Rule::NewColumnRewrites);
    }
    let mut default = definition.clone();
    let has_default = default.skip_to("DEFAULT") && !is_identity;
    if has_default && !generated {
        let volatile = default.calls().iter().any(|call| VOLATILE.contains(&&**call));
        // Before 11 every default was written to every row.
        if volatile || state.conditions.version < 11 {
            rules.push(Rule::VolatileDefaultRewrites);
        }
    }
    let fills_itself = has_default || generated || numbers.contains(&&*data_type);
    if (options.has("NOT NULL") || options.has("PRIMARY KEY")) && !fills_itself {
        rules.push(Rule::NotNullWithoutDefault);
    }
    if options.has("UNIQUE") || options.has("PRIMARY KEY") {
        rules.push(Rule::ConstraintBuildsIndex);
    }
    // Without a value of its own every row refers to nothing.
    if (options.has("REFERENCES") && has_default) || options.has("CHECK") {
        rules.push(Rule::ConstraintScans);
    }
}
