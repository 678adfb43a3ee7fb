//! Every operation is dropped after every poll: sessions and the pool go on as if it had not been begun, or say that they
//! wait for a rollback.

use std::time::Duration;

use ormkit_conformance::{AUTHOR, Database, on_both, polled};
use ormkit_core::error::{ErrorClass, Result};
use ormkit_core::query::{Load, Select, Strategy};
use ormkit_core::record::Record;

on_both!(
    read_can_be_dropped_anywhere,
    load_can_be_dropped_anywhere,
    flush_can_be_dropped_anywhere_and_is_repeated_after_rollback,
    commit_can_be_dropped_anywhere_and_writes_each_object_once,
    rollback_can_be_dropped_anywhere,
    verb_can_be_dropped_anywhere_and_keeps_all_or_nothing,
    waiting_for_a_connection_can_be_dropped_anywhere,
    slow_statement_that_is_dropped_holds_up_nobody,
);

/// More polls than any of these operations takes.
const MOST: usize = 200;

fn authors(database: &Database, round: usize) -> [Record; 2] {
    ["a", "b"].map(|name| database.author(&format!("{name}{round}")))
}

async fn stored(database: &Database, round: usize) -> Result<i64> {
    database.number(&format!("SELECT count(*) FROM authors WHERE name IN ('a{round}', 'b{round}')")).await
}

async fn read_can_be_dropped_anywhere(database: Database) -> Result<()> {
    let authors: Vec<Record> = (0..300).map(|number| database.author(&number.to_string())).collect();
    database.session().insert(&authors).await?;
    for polls in 0..MOST {
        let mut session = database.session();
        let done = polled(polls, session.select(&Select::entity(AUTHOR))).await;
        assert!(!session.in_transaction());
        assert_eq!(session.select(&Select::entity(AUTHOR)).await?.into_objects().len(), 300);
        if done.is_some() {
            return Ok(());
        }
    }
    panic!("the read never came to an end");
}

async fn load_can_be_dropped_anywhere(database: Database) -> Result<()> {
    let authors: Vec<Record> = (0..300).map(|number| database.author(&number.to_string())).collect();
    for author in &authors {
        author.relate("books", vec![database.book("one"), database.book("two")])?;
    }
    database.session().insert(&authors).await?;
    let load = [Load::new(database.schema.model(AUTHOR).relation_named("books")?, Strategy::SelectIn)];
    for polls in 0..MOST {
        let mut session = database.session();
        let found = session.select(&Select::entity(AUTHOR)).await?.into_objects();
        let done = polled(polls, session.load(&found, &[], &load)).await;
        assert!(!session.in_transaction());
        session.load(&found, &[], &load).await?;
        for author in &found {
            assert_eq!(author.related("books")?.len(), 2);
        }
        if done.is_some() {
            return Ok(());
        }
    }
    panic!("the load never came to an end");
}

async fn flush_can_be_dropped_anywhere_and_is_repeated_after_rollback(database: Database) -> Result<()> {
    for polls in 0..MOST {
        let mut session = database.session();
        let authors = authors(&database, polls);
        authors.iter().try_for_each(|author| session.add(author))?;
        let done = polled(polls, session.flush()).await;
        if done.is_none() && session.in_transaction() {
            session.rollback().await?;
            assert_eq!(stored(&database, polls).await?, 0);
            authors.iter().try_for_each(|author| session.add(author))?;
        }
        session.commit().await?;
        assert_eq!(stored(&database, polls).await?, 2);
        if done.is_some() {
            return Ok(());
        }
    }
    panic!("the flush never came to an end");
}

async fn commit_can_be_dropped_anywhere_and_writes_each_object_once(database: Database) -> Result<()> {
    for polls in 0..MOST {
        let mut session = database.session();
        let authors = authors(&database, polls);
        authors.iter().try_for_each(|author| session.add(author))?;
        let done = polled(polls, session.commit()).await;
        if session.in_transaction() {
            session.rollback().await?;
        }
        let count = stored(&database, polls).await?;
        assert!(if done.is_some() { count == 2 } else { count == 0 || count == 2 }, "{count} of 2 rows");
        if done.is_some() {
            return Ok(());
        }
    }
    panic!("the commit never came to an end");
}

async fn rollback_can_be_dropped_anywhere(database: Database) -> Result<()> {
    for polls in 1..MOST {
        let mut session = database.session();
        let authors = authors(&database, polls);
        authors.iter().try_for_each(|author| session.add(author))?;
        session.flush().await?;
        let done = polled(polls, session.rollback()).await;
        assert!(!session.in_transaction());
        authors.iter().try_for_each(|author| session.add(author))?;
        session.commit().await?;
        assert_eq!(stored(&database, polls).await?, 2);
        if done.is_some() {
            return Ok(());
        }
    }
    panic!("the rollback never came to an end");
}

async fn verb_can_be_dropped_anywhere_and_keeps_all_or_nothing(database: Database) -> Result<()> {
    for polls in 0..MOST {
        let mut session = database.session();
        let done = polled(polls, session.insert(&authors(&database, polls))).await;
        if session.in_transaction() {
            session.rollback().await?;
        }
        let count = stored(&database, polls).await?;
        assert!(count == 0 || count == 2, "{count} of 2 rows");
        if done.is_some() {
            return Ok(());
        }
    }
    panic!("the verb never came to an end");
}

async fn waiting_for_a_connection_can_be_dropped_anywhere(database: Database) -> Result<()> {
    let mut lent = Vec::new();
    for _ in 0..database.pool.status().max {
        lent.push(database.pool.acquire().await?);
    }
    for polls in [0, 1] {
        assert!(polled(polls, database.pool.acquire()).await.is_none());
    }
    drop(lent);
    assert_eq!(database.number("SELECT count(*) FROM authors").await?, 0);
    assert_eq!(database.pool.status().waiting, 0);
    Ok(())
}

async fn slow_statement_that_is_dropped_holds_up_nobody(database: Database) -> Result<()> {
    let slow = match database.pool.dialect().name {
        ormkit_core::sql::DialectName::Postgres => "SELECT count(*) FROM pg_sleep(600)",
        ormkit_core::sql::DialectName::Sqlite => {
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        }
    };
    for _ in 0..2 * database.pool.status().max {
        let cut = tokio::time::timeout(Duration::from_millis(30), database.rows(slow)).await;
        assert!(cut.is_err(), "the statement is still running");
        assert_eq!(database.number("SELECT count(*) FROM authors").await?, 0);
    }
    let mut session = database.session();
    session.begin()?;
    session.insert(&[database.author("Ende")]).await?;
    assert!(polled(2, session.commit()).await.is_none() || !session.in_transaction());
    if session.in_transaction() {
        let refused = session.count(&Select::entity(AUTHOR)).await.unwrap_err();
        assert_eq!(refused.class(), ErrorClass::PendingRollbackError);
        session.rollback().await?;
    }
    Ok(())
}
