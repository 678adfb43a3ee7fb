//! Many tasks over few connections, and connections that break.

use std::sync::Arc;

use ormkit_conformance::{AUTHOR, Database, on_both, on_postgres, polled};
use ormkit_core::driver::{Batch, NoRows, Statement, StatementText};
use ormkit_core::error::{ErrorClass, Result};
use ormkit_core::query::Select;
use ormkit_core::session::Link;
use ormkit_core::value::Params;

on_both!(
    many_tasks_share_few_connections,
    transactions_of_many_tasks_do_not_mix,
    status_names_holders_and_their_last_statement,
    pinned_link_keeps_its_connection_until_it_is_lost,
    disposed_pool_goes_on,
);

const TASKS: i64 = 64;

async fn many_tasks_share_few_connections(database: Database) -> Result<()> {
    let database = Arc::new(database);
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let database = Arc::clone(&database);
            tokio::spawn(async move {
                let mut session = database.session();
                session.insert(&[database.author(&format!("author {number}"))]).await?;
                session.count(&Select::entity(AUTHOR)).await
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.expect("the task does not panic")? >= 1);
    }
    assert_eq!(database.number("SELECT count(*) FROM authors").await?, TASKS);
    let status = database.pool.status();
    assert!(status.size <= status.max && status.in_use == 0 && status.waiting == 0, "{status:?}");
    Ok(())
}

async fn transactions_of_many_tasks_do_not_mix(database: Database) -> Result<()> {
    let database = Arc::new(database);
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let database = Arc::clone(&database);
            tokio::spawn(async move {
                let mut session = database.session();
                session.add(&database.author(&format!("first {number}")))?;
                session.flush().await?;
                tokio::task::yield_now().await;
                session.add(&database.author(&format!("second {number}")))?;
                if number % 2 == 0 { session.commit().await } else { session.rollback().await }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task does not panic")?;
    }
    let stored = database.rows("SELECT name FROM authors").await?;
    assert_eq!(stored.len() as i64, TASKS);
    let odd = "SELECT count(*) FROM authors WHERE name LIKE '%1' OR name LIKE '%3'";
    assert_eq!(database.number(odd).await?, 0);
    Ok(())
}

async fn pinned_link_keeps_its_connection_until_it_is_lost(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    let statement = [Statement::new(StatementText::raw("SELECT 1").into(), Params::new())];
    let batch = Batch { before: &[], statements: &statement };
    let in_use = || database.pool.status().in_use;
    link.pin().await?;
    assert_eq!(in_use(), 1);
    link.run(batch, &mut NoRows).await?;
    link.begin()?;
    link.run(batch, &mut NoRows).await?;
    link.commit().await?;
    link.begin()?;
    link.run(batch, &mut NoRows).await?;
    link.rollback().await;
    assert_eq!(in_use(), 1);
    link.unpin();
    assert_eq!(in_use(), 0);
    let error = link.run(batch, &mut NoRows).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::InterfaceError);
    link.rollback().await;
    // One that is dropped on its way takes the connection with it, and no other one takes its place.
    let mut link = Link::new(database.pool.clone());
    link.pin().await?;
    link.begin()?;
    let finished = polled(1, link.run(batch, &mut NoRows)).await.is_some();
    link.rollback().await;
    let next = link.run(batch, &mut NoRows).await;
    assert_eq!(next.err().map(|error| error.class()), (!finished).then_some(ErrorClass::InterfaceError));
    Ok(())
}

async fn status_names_holders_and_their_last_statement(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    link.set_holder(Some("import".into()));
    link.begin()?;
    run(&mut link, "SELECT 1").await?;
    let holders = database.pool.status().holders;
    assert_eq!(holders.len(), 1);
    assert_eq!(holders[0].name.as_deref(), Some("import"));
    assert_eq!(holders[0].last_statement.as_deref(), Some("SELECT 1"));
    link.commit().await?;
    assert!(database.pool.status().holders.is_empty());
    Ok(())
}

async fn disposed_pool_goes_on(database: Database) -> Result<()> {
    let mut session = database.session();
    session.begin()?;
    session.insert(&[database.author("Ende")]).await?;
    database.pool.dispose();
    session.commit().await?;
    assert_eq!(database.pool.status().size, 0);
    assert_eq!(database.number("SELECT count(*) FROM authors").await?, 1);
    Ok(())
}

async fn run(link: &mut Link, sql: &str) -> Result<()> {
    let statements = [Statement::new(StatementText::raw(sql).into(), Params::new())];
    link.run(Batch { before: &[], statements: &statements }, &mut NoRows).await
}

#[test]
fn connection_that_the_server_has_closed_is_replaced() {
    on_postgres(async |database: Database| {
        let victim = database.number("SELECT pg_backend_pid()").await?;
        let mut executioner = Link::new(database.pool.clone());
        executioner.begin()?;
        let lent = database.pool.acquire().await?;
        run(&mut executioner, &format!("SELECT pg_terminate_backend({victim}, 5000)")).await?;
        drop(lent);
        executioner.commit().await?;
        for _ in 0..4 {
            assert_ne!(database.number("SELECT pg_backend_pid()").await?, victim);
        }
        Ok(())
    });
}

#[test]
fn connection_that_breaks_inside_a_transaction_waits_for_rollback() {
    on_postgres(async |database: Database| {
        let mut link = Link::new(database.pool.clone());
        link.begin()?;
        run(&mut link, "SELECT 1").await?;
        let error = run(&mut link, "SELECT pg_terminate_backend(pg_backend_pid())").await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::ConnectionLost);
        assert_eq!(link.check().unwrap_err().class(), ErrorClass::PendingRollbackError);
        link.rollback().await;
        run(&mut link, "SELECT 1").await
    });
}

#[test]
fn connection_that_breaks_during_commit_leaves_the_outcome_unknown() {
    on_postgres(async |database: Database| {
        // A deferred trigger runs inside COMMIT.
        database.rows("CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'").await?;
        database.rows("CREATE CONSTRAINT TRIGGER stop AFTER INSERT ON authors DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION stop()").await?;
        let mut session = database.session();
        session.add(&database.author("Ende"))?;
        let error = session.commit().await.unwrap_err();
        assert!(error.to_string().contains("not known"), "{error}");
        session.rollback().await?;
        assert_eq!(database.number("SELECT count(*) FROM authors").await?, 0);
        Ok(())
    });
}
