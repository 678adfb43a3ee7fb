//! Sessions that join the transaction of somebody else's link, on real databases.

use std::sync::Arc;

use ormkit_conformance::{AUTHOR, Database, on_both};
use ormkit_core::error::{Error, ErrorClass, Result};
use ormkit_core::query::Select;
use ormkit_core::session::{BorrowedLink, LendLink, Link, Shared, guests};

on_both!(
    work_of_a_guest_is_kept_with_the_link,
    work_of_a_guest_is_undone_with_the_link,
    rollback_of_a_guest_leaves_the_rest,
    violation_of_a_guest_leaves_the_rest,
    dropped_guest_leaves_nothing,
    guest_is_refused_while_the_link_is_in_use,
);

type SharedLink = Arc<Shared<Link, &'static str>>;

fn lender(link: &SharedLink) -> LendLink {
    let link = Arc::clone(link);
    Arc::new(move || {
        let lease = link.lease("a guest").map_err(|who| Error::invalid_request(format!("{who} has it")))?;
        Ok(Box::new(lease) as BorrowedLink)
    })
}

/// A link, and a database whose connections are tickets for it.
fn joined(database: &Database) -> (SharedLink, Database) {
    let link = Shared::new(Link::new(database.pool.clone()));
    let pool = guests(&database.pool, lender(&link));
    (link, database.through(pool))
}

async fn authors(database: &Database) -> Result<i64> {
    database.number("SELECT count(*) FROM authors").await
}

async fn work_of_a_guest_is_kept_with_the_link(database: Database) -> Result<()> {
    let (link, inner) = joined(&database);
    let mut session = inner.session();
    session.add(&inner.author("Ende"))?;
    session.commit().await?;
    assert_eq!((authors(&inner).await?, authors(&database).await?), (1, 0));
    lease(&link).commit().await?;
    assert_eq!(authors(&database).await?, 1);
    Ok(())
}

async fn work_of_a_guest_is_undone_with_the_link(database: Database) -> Result<()> {
    let (link, inner) = joined(&database);
    let mut session = inner.session();
    session.insert(&[inner.author("Ende")]).await?;
    session.add(&inner.author("Lem"))?;
    session.commit().await?;
    lease(&link).rollback().await;
    assert_eq!(authors(&database).await?, 0);
    Ok(())
}

async fn rollback_of_a_guest_leaves_the_rest(database: Database) -> Result<()> {
    let (link, inner) = joined(&database);
    let mut session = inner.session();
    session.insert(&[inner.author("Ende")]).await?;
    session.add(&inner.author("Lem"))?;
    session.flush().await?;
    session.savepoint().await?;
    session.add(&inner.author("Orwell"))?;
    session.release().await?;
    session.rollback().await?;
    lease(&link).commit().await?;
    assert_eq!(authors(&database).await?, 1);
    Ok(())
}

async fn violation_of_a_guest_leaves_the_rest(database: Database) -> Result<()> {
    let (link, inner) = joined(&database);
    let mut session = inner.session();
    session.insert(&[inner.author("Ende").with("id", 1_i64)?]).await?;
    let error = session.insert(&[inner.author("Lem").with("id", 1_i64)?]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::UniqueViolation);
    assert_eq!(session.count(&Select::entity(AUTHOR)).await?, 1);
    lease(&link).commit().await?;
    assert_eq!(authors(&database).await?, 1);
    Ok(())
}

async fn dropped_guest_leaves_nothing(database: Database) -> Result<()> {
    let (link, inner) = joined(&database);
    let mut session = inner.session();
    session.add(&inner.author("Ende"))?;
    session.flush().await?;
    drop(session);
    while inner.pool.status().draining > 0 {
        tokio::task::yield_now().await;
    }
    lease(&link).commit().await?;
    assert_eq!(authors(&database).await?, 0);
    Ok(())
}

async fn guest_is_refused_while_the_link_is_in_use(database: Database) -> Result<()> {
    let (link, inner) = joined(&database);
    let held = lease(&link);
    let error = inner.session().insert(&[inner.author("Ende")]).await.unwrap_err();
    assert!(error.to_string().contains("the test has it"), "{error}");
    drop(held);
    inner.session().insert(&[inner.author("Ende")]).await?;
    Ok(())
}

fn lease(link: &SharedLink) -> ormkit_core::session::Lease<Link, &'static str> {
    link.lease("the test").unwrap_or_else(|who| panic!("{who} has the link"))
}
