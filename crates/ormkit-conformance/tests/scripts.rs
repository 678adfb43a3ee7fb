//! Scripts: all of it or nothing, in the open transaction or one of its own.

use ormkit_conformance::{Database, on_both, polled};
use ormkit_core::error::{ErrorClass, Result};
use ormkit_core::session::Link;

on_both!(
    script_runs_all_of_its_statements_or_none,
    script_joins_the_open_transaction,
    script_that_ends_the_transaction_fails_it,
    script_has_its_own_words_for_transactions,
    script_can_be_dropped_anywhere,
);

const TWO: &str = "INSERT INTO authors (name) VALUES ('a;b'); -- one; \n INSERT INTO authors (name) VALUES ('c'); SELECT 1;";
const FAILS: &str = "INSERT INTO authors (name) VALUES ('a'); INSERT INTO nowhere VALUES (1)";

async fn count(database: &Database) -> Result<i64> {
    database.number("SELECT count(*) FROM authors").await
}

async fn script_runs_all_of_its_statements_or_none(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    link.run_script(TWO).await?;
    assert_eq!(count(&database).await?, 2);
    let error = link.run_script(FAILS).await.unwrap_err();
    assert_eq!(error.diagnostics().unwrap().sqlstate.as_str(), "42P01");
    assert!(!link.in_transaction());
    assert_eq!(count(&database).await?, 2);
    link.run_script(" ; -- nothing").await?;
    Ok(())
}

async fn script_joins_the_open_transaction(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    link.begin()?;
    link.run_script(TWO).await?;
    link.rollback().await;
    assert_eq!(count(&database).await?, 0);
    link.begin()?;
    link.savepoint()?;
    link.run_script(TWO).await?;
    assert!(link.run_script(FAILS).await.is_err());
    assert_eq!(link.check().unwrap_err().class(), ErrorClass::PendingRollbackError);
    link.rollback_savepoint().await?;
    link.run_script(TWO).await?;
    link.commit().await?;
    assert_eq!(count(&database).await?, 2);
    Ok(())
}

async fn script_that_ends_the_transaction_fails_it(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    link.begin()?;
    let error = link.run_script(&format!("{TWO} COMMIT")).await.unwrap_err();
    assert!(error.to_string().contains("ended the transaction by itself"), "{error}");
    link.rollback().await;
    assert_eq!(count(&database).await?, 2);
    Ok(())
}

async fn script_has_its_own_words_for_transactions(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    link.run_script(&format!("BEGIN; {TWO} ROLLBACK; BEGIN; {TWO} COMMIT")).await?;
    assert_eq!(count(&database).await?, 2);
    // One that forgets its end: nothing of it is kept, and nobody else gets its transaction.
    let _ = link.run_script(&format!("BEGIN; {TWO}")).await;
    drop(link);
    assert_eq!(count(&database).await?, 2);
    Ok(())
}

async fn script_can_be_dropped_anywhere(database: Database) -> Result<()> {
    for polls in 0..200 {
        // A script that was dropped while it commits may become visible later, so that each round counts its own rows.
        let names = format!("name IN ('a{polls}', 'b{polls}')");
        let two = format!(
            "INSERT INTO authors (name) VALUES ('a{polls}'); INSERT INTO authors (name) VALUES ('b{polls}')"
        );
        let mut link = Link::new(database.pool.clone());
        let done = polled(polls, link.run_script(&two)).await;
        drop(link);
        let kept = database.number(&format!("SELECT count(*) FROM authors WHERE {names}")).await?;
        assert!(kept == 0 || kept == 2, "{kept} of 2 rows after {polls} polls");
        if let Some(done) = done {
            done?;
            assert_eq!(kept, 2);
            assert_eq!(count(&database).await? % 2, 0);
            return Ok(());
        }
    }
    panic!("the script never came to an end");
}
