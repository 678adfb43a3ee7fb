//! Carrying operations out.

use super::culprit::in_table;
use super::orphans::{Orphans, check_foreign_keys};
use super::rebuild::{Rebuild, rebuild};
use super::{Catalog, Operation};
use crate::driver::{Batch, NoRows, Statement, StatementText};
use crate::error::{Error, Result};
use crate::model::TableName;
use crate::session::Link;
use crate::sql::{Dialect, TransactionMode};
use crate::value::Params;

/// Does `operations`, of which `found` is the beginning: all of them or none, in one transaction. New labels of an enum are
/// added before it and stay, since PostgreSQL lets nobody use them before they are committed. On SQLite what ALTER TABLE cannot
/// do is done by rebuilding the table.
///
/// # Errors
/// An open transaction. What the database says: nothing is kept then. `Operational` on SQLite where rows are left that refer to
/// nothing.
///
/// # Cancelling
/// The transaction is rolled back.
pub async fn migrate(link: &mut Link, found: &Catalog, operations: &[Operation]) -> Result<()> {
    if link.in_transaction() {
        return Err(Error::invalid_request(
            "a migration runs in a transaction of its own: end this one first",
        ));
    }
    let dialect = link.dialect();
    let is_label = |operation: &&Operation| matches!(operation, Operation::AddEnumValue { .. });
    for label in operations.iter().filter(is_label) {
        run(link, label.sql(dialect)?).await?;
    }
    let steps = plan(found, operations, dialect)?;
    link.begin_as(TransactionMode { rebuilds: true, ..TransactionMode::default() })?;
    let done = match carry_out(link, steps, dialect).await {
        Ok(Some(before)) => check_foreign_keys(link, &before).await,
        done => done.map(drop),
    };
    match done {
        Ok(()) => link.commit().await,
        Err(error) => {
            link.rollback().await;
            Err(error)
        }
    }
}

/// The same inside of the open transaction, which was begun as one that [rebuilds](TransactionMode::rebuilds) and which the caller
/// ends. It adds no labels to enums. Where tables were rebuilt, the rows that referred to nothing before:
/// [foreign keys](check_foreign_keys) are to be checked before the end, for a table that others refer to may get its key by a later
/// step.
///
/// # Errors
/// What the database says: the transaction has failed then.
pub async fn migrate_in(
    link: &mut Link,
    found: &Catalog,
    operations: &[Operation],
) -> Result<Option<Orphans>> {
    let dialect = link.dialect();
    carry_out(link, plan(found, operations, dialect)?, dialect).await
}

async fn carry_out(link: &mut Link, steps: Vec<Step>, dialect: &'static Dialect) -> Result<Option<Orphans>> {
    let before = match steps.iter().any(|step| matches!(step, Step::Rebuild(_))) {
        true => Some(Orphans::before(link).await?),
        false => None,
    };
    for step in steps {
        match step {
            Step::Run(sql) => run(link, sql).await?,
            Step::Of(table, sql) => run(link, sql).await.map_err(|error| in_table(error, &table))?,
            Step::Rebuild(table) => {
                rebuild(link, &table, dialect).await.map_err(|error| in_table(error, &table.to.name))?;
            }
        }
    }
    Ok(before)
}

/// Runs a statement without parameters; its rows are dropped.
pub(super) async fn run(link: &mut Link, sql: String) -> Result<()> {
    let statements = [Statement::new(StatementText::raw(sql).into(), Params::new())];
    link.run(Batch { before: &[], statements: &statements }, &mut NoRows).await
}

/// What is run.
enum Step {
    Run(String),
    /// A statement about a table.
    Of(TableName, String),
    Rebuild(Box<Rebuild>),
}

/// Statements as they come; rebuilds at the end, one for all changes of a table.
fn plan(found: &Catalog, operations: &[Operation], dialect: &'static Dialect) -> Result<Vec<Step>> {
    let mut now = found.clone();
    let mut steps = Vec::new();
    let mut rebuilds: Vec<Rebuild> = Vec::new();
    let labels_are_done = |operation: &&Operation| !matches!(operation, Operation::AddEnumValue { .. });
    for operation in operations.iter().filter(labels_are_done) {
        if let Operation::DropTable(table) = operation {
            rebuilds.retain(|rebuild| rebuild.from.name != table.name);
        }
        if let Operation::RenameTable { .. } = operation {
            // Rebuilds call tables as they were called when the steps in them came.
            steps.extend(finished(&mut rebuilds, &now)?);
        }
        if let Operation::RenameColumn { table, from, to } = operation {
            // ALTER TABLE has triggers and views say the new name: it comes before the rebuild, or where it cannot, behind it.
            let waiting = rebuilds.iter_mut().find(|known| known.from.name == *table);
            if !waiting.is_none_or(|rebuild| rebuild.renames(from, to)) {
                steps.extend(finished(&mut rebuilds, &now)?);
            }
            steps.push(Step::Run(operation.sql(dialect)?));
            now.apply(operation, dialect);
            continue;
        }
        let waiting =
            operation.table().and_then(|name| rebuilds.iter_mut().find(|known| known.from.name == *name));
        if waiting.is_none() && (dialect.adds_constraints || operation.is_plain_on_sqlite()) {
            let renames = !dialect.adds_constraints && matches!(operation, Operation::RenameTable { .. });
            let follow = |on: &str| Step::Run(format!("PRAGMA legacy_alter_table = {on}"));
            // What refers to the table goes along, unlike in a rebuild.
            steps.extend(renames.then(|| follow("OFF")));
            let sql = operation.sql(dialect)?;
            steps.push(match operation.table() {
                Some(table) => Step::Of(table.clone(), sql),
                None => Step::Run(sql),
            });
            steps.extend(renames.then(|| follow("ON")));
        } else if let Some(table) = operation.table() {
            match waiting {
                Some(rebuild) => rebuild.follow(operation),
                None => {
                    let mut rebuild = Rebuild::of(known(&now, table)?);
                    rebuild.follow(operation);
                    rebuilds.push(rebuild);
                }
            }
        }
        now.apply(operation, dialect);
    }
    steps.extend(finished(&mut rebuilds, &now)?);
    Ok(steps)
}

fn finished(rebuilds: &mut Vec<Rebuild>, now: &Catalog) -> Result<Vec<Step>> {
    let finish = |mut rebuild: Rebuild| {
        rebuild.to = known(now, &rebuild.from.name)?.clone();
        Ok(Step::Rebuild(Box::new(rebuild)))
    };
    rebuilds.drain(..).map(finish).collect()
}

fn known<'a>(catalog: &'a Catalog, name: &TableName) -> Result<&'a super::Table> {
    catalog
        .table(name)
        .ok_or_else(|| Error::invalid_request(format!("there is no table `{name}` to be changed")))
}
