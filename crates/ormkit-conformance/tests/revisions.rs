//! Revisions run from Rust: whole or not at all, once, and by one runner at a time.

use std::sync::Arc;
use std::time::Duration;

use ormkit_conformance::{Database, on_both, on_postgres};
use ormkit_core::driver::{Batch, Effect, NoRows, Statement};
use ormkit_core::error::{Error, ErrorClass, Result};
use ormkit_core::migrate::{Direction, Goal, Graph, Revision, Run, RunOptions, Step, VersionTable};
use ormkit_core::session::Link;

on_both!(
    revisions_run_up_and_down,
    failing_revision_is_undone_and_named,
    run_that_is_dropped_leaves_nothing,
    another_run_in_between_is_noticed,
    part_outside_of_the_transaction_is_kept,
);

fn graph() -> Arc<Graph> {
    let revisions =
        vec![Revision::new("one1", &[]), Revision::new("two2", &["one1"]), Revision::new("three", &["two2"])];
    Arc::new(Graph::new(revisions).unwrap())
}

/// Makes or drops a table of the revision's name.
async fn work(link: &mut Link, step: &Step) -> Result<()> {
    let id = &step.revision.id;
    let sql = match step.direction {
        Direction::Up => format!("CREATE TABLE {id} (id INTEGER)"),
        Direction::Down => format!("DROP TABLE {id}"),
    };
    link.run(Batch::of(&Statement::command(sql, Effect::Unknown)), &mut NoRows).await
}

async fn started(database: &Database, link: &mut Link, goal: Goal) -> Result<Run> {
    Run::start(link, &**database.pool.runtime(), graph(), &goal, RunOptions::default()).await
}

async fn run(database: &Database, goal: Goal) -> Result<Vec<String>> {
    let mut link = Link::new(database.pool.clone());
    let mut run = started(database, &mut link, goal).await?;
    let mut done = Vec::new();
    while let Some(step) = run.next(&mut link, &**database.pool.runtime()).await? {
        work(&mut link, &step).await?;
        run.done(&mut link).await?;
        done.push(step.revision.id);
    }
    run.end(&mut link).await?;
    Ok(done)
}

async fn heads(database: &Database) -> Result<Vec<String>> {
    VersionTable::default().heads(&mut Link::new(database.pool.clone())).await
}

fn up(target: &str) -> Goal {
    Goal::Up(target.into())
}

async fn revisions_run_up_and_down(database: Database) -> Result<()> {
    assert_eq!(run(&database, up("+2")).await?, ["one1", "two2"]);
    assert_eq!(heads(&database).await?, ["two2"]);
    assert_eq!(run(&database, up("head")).await?, ["three"]);
    assert_eq!(run(&database, up("head")).await?, [""; 0]);
    assert_eq!(run(&database, Goal::Single("three".into(), Direction::Down)).await?, ["three"]);
    assert_eq!(run(&database, Goal::Down("base".into())).await?, ["two2", "one1"]);
    assert_eq!(heads(&database).await?, [""; 0]);
    Ok(())
}

async fn failing_revision_is_undone_and_named(database: Database) -> Result<()> {
    run(&database, up("one1")).await?;
    let mut link = Link::new(database.pool.clone());
    let mut run = started(&database, &mut link, up("head")).await?;
    let step = run.next(&mut link, &**database.pool.runtime()).await?.unwrap();
    work(&mut link, &step).await?;
    let error = work(&mut link, &step).await.unwrap_err();
    let error = run.failed(&mut link, error, Some(7)).await;
    run.end(&mut link).await?;
    assert_eq!(error.class(), ErrorClass::MigrationError);
    assert!(error.to_string().starts_with("upgrade of `two2` failed in line 7: "), "{error}");
    assert_eq!(error.statement(), Some("CREATE TABLE two2 (id INTEGER)"));
    assert_eq!(heads(&database).await?, ["one1"]);
    assert!(database.rows("SELECT * FROM two2").await.is_err());
    Ok(())
}

async fn run_that_is_dropped_leaves_nothing(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    let mut dropped = started(&database, &mut link, up("head")).await?;
    let step = dropped.next(&mut link, &**database.pool.runtime()).await?.unwrap();
    work(&mut link, &step).await?;
    drop(dropped);
    drop(link);
    assert_eq!(run(&database, up("head")).await?, ["one1", "two2", "three"]);
    Ok(())
}

async fn another_run_in_between_is_noticed(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    let mut first = started(&database, &mut link, up("head")).await?;
    let step = first.next(&mut link, &**database.pool.runtime()).await?.unwrap();
    work(&mut link, &step).await?;
    first.done(&mut link).await?;
    // On PostgreSQL it would wait for the first one to end.
    first.end(&mut link).await?;
    drop(link);
    assert_eq!(run(&database, up("two2")).await?, ["two2"]);
    let mut link = Link::new(database.pool.clone());
    let mut late = started(&database, &mut link, up("head")).await?;
    let left: Vec<_> = late.left().map(|step| step.revision.id.clone()).collect();
    assert_eq!(left, ["three"]);
    late.end(&mut link).await
}

async fn part_outside_of_the_transaction_is_kept(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    let mut run = started(&database, &mut link, up("one1")).await?;
    let step = run.next(&mut link, &**database.pool.runtime()).await?.unwrap();
    work(&mut link, &step).await?;
    run.pause(&mut link).await?;
    assert!(!link.in_transaction());
    run.resume(&mut link)?;
    let error = run.failed(&mut link, Error::invalid_request("no"), None).await;
    assert!(
        error.to_string().contains("`one1` failed: no: what it did before its autocommit_block()"),
        "{error}"
    );
    run.end(&mut link).await?;
    assert_eq!(heads(&database).await?, [""; 0]);
    assert_eq!(database.rows("SELECT * FROM one1").await?.len(), 0);
    Ok(())
}

#[test]
fn second_run_waits_for_the_first() {
    on_postgres(async |database| {
        let mut link = Link::new(database.pool.clone());
        let mut first = started(&database, &mut link, up("head")).await?;
        let mut other = Link::new(database.pool.clone());
        let options = RunOptions { wait: Some(Duration::from_millis(150)), ..RunOptions::default() };
        let runtime = database.pool.runtime();
        let second = Run::start(&mut other, &**runtime, graph(), &up("head"), options).await;
        let error = second.err().unwrap();
        assert!(error.to_string().contains("another run has held the database"), "{error}");
        drop(other);
        first.end(&mut link).await?;
        drop(link);
        assert_eq!(run(&database, up("head")).await?.len(), 3);
        Ok(())
    });
}
