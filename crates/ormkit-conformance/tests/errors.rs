//! Errors have the same class and say the same things on both databases.

use ormkit_conformance::{AUTHOR, Database, on_both};
use ormkit_core::driver::{Batch, NoRows, Statement, StatementText};
use ormkit_core::error::{Error, ErrorClass, Result};
use ormkit_core::query::Select;
use ormkit_core::session::Link;
use ormkit_core::sql::{DialectName, Isolation, TransactionMode};
use ormkit_core::value::{Params, ValueRef};

on_both!(
    unique_violation_names_table_and_columns,
    foreign_key_violation_is_typed,
    check_violation_names_its_constraint,
    missing_value_is_found_before_anything_is_sent,
    syntax_error_is_a_programming_error,
    failed_transaction_refuses_statements_until_rollback,
    failed_statement_alone_needs_no_rollback,
    read_only_transaction_refuses_every_write,
    read_only_transaction_sees_one_state,
    values_that_are_together_too_large_are_refused_before_anything_is_sent,
    closed_pool_says_so,
);

async fn unique_violation_names_table_and_columns(database: Database) -> Result<()> {
    let mut session = database.session();
    session.insert(&[database.author("Ende")]).await?;
    let error = session.insert(&[database.author("Ende")]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::UniqueViolation);
    let told = error.diagnostics().expect("it comes from the database");
    assert_eq!(told.sqlstate.as_str(), "23505");
    assert_eq!(told.table.as_deref(), Some("authors"));
    assert!(!error.to_string().contains("Ende"), "{error}");
    Ok(())
}

async fn foreign_key_violation_is_typed(database: Database) -> Result<()> {
    let mut session = database.session();
    let error = session.insert(&[database.book("Momo").with("author_id", 7_i64)?]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::ForeignKeyViolation);
    Ok(())
}

async fn check_violation_names_its_constraint(database: Database) -> Result<()> {
    let mut session = database.session();
    let error = session.insert(&[database.book("Momo").with("year", -1_i64)?]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::CheckViolation);
    assert_eq!(error.diagnostics().and_then(|told| told.constraint.as_deref()), Some("ck_books_year"));
    Ok(())
}

async fn missing_value_is_found_before_anything_is_sent(database: Database) -> Result<()> {
    let mut session = database.session();
    let book = ormkit_core::record::Record::new(database.schema.model(ormkit_conformance::BOOK));
    let error = session.insert(&[book]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::NotNullViolation);
    assert!(error.to_string().contains("Book.title"), "{error}");
    Ok(())
}

async fn syntax_error_is_a_programming_error(database: Database) -> Result<()> {
    let error = database.rows("SELEC 1").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::ProgrammingError);
    let missing = database.rows("SELECT * FROM no_such_table").await.unwrap_err();
    assert_eq!(missing.class(), ErrorClass::ProgrammingError);
    Ok(())
}

async fn failed_transaction_refuses_statements_until_rollback(database: Database) -> Result<()> {
    let mut session = database.session();
    session.insert(&[database.author("Ende")]).await?;
    session.begin()?;
    session.insert(&[database.author("Ende")]).await.unwrap_err();
    let refused = [
        session.select(&Select::entity(AUTHOR)).await.err(),
        session.insert(&[database.author("Lem")]).await.err(),
        session.commit().await.err(),
    ];
    for error in refused.into_iter().map(|error| error.as_ref().map(Error::class)) {
        assert_eq!(error, Some(ErrorClass::PendingRollbackError));
    }
    session.rollback().await?;
    session.insert(&[database.author("Lem")]).await
}

async fn failed_statement_alone_needs_no_rollback(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    let statements =
        [Statement::new(StatementText::raw("SELECT no_such_column FROM authors").into(), Params::new())];
    link.run(Batch { before: &[], statements: &statements }, &mut NoRows).await.unwrap_err();
    link.check()?;
    assert_eq!(database.number("SELECT count(*) FROM authors").await?, 0);
    Ok(())
}

fn raw(sql: &str) -> [Statement; 1] {
    [Statement::new(StatementText::raw(sql).into(), Params::new())]
}

async fn read_only_transaction_refuses_every_write(database: Database) -> Result<()> {
    let mode = TransactionMode { read_only: true, ..TransactionMode::default() };
    let writes = [
        "INSERT INTO authors (name) VALUES ('Lem')",
        "WITH new AS (SELECT 'Lem' AS name) INSERT INTO authors (name) SELECT name FROM new RETURNING id",
        "UPDATE authors SET name = 'Lem'",
        "DELETE FROM authors",
        "CREATE TABLE other (id integer)",
        "DROP TABLE books",
    ];
    for sql in writes {
        let mut link = Link::new(database.pool.clone());
        link.begin_as(mode)?;
        link.run(Batch { before: &[], statements: &raw("SELECT 1") }, &mut NoRows).await?;
        let error = link.run(Batch { before: &[], statements: &raw(sql) }, &mut NoRows).await.unwrap_err();
        let told = error.diagnostics().expect("the database or its driver says it");
        assert_eq!(told.sqlstate.as_str(), "25006", "{sql}");
        let next = link.run(Batch { before: &[], statements: &raw("SELECT 1") }, &mut NoRows).await;
        assert_eq!(next.unwrap_err().class(), ErrorClass::PendingRollbackError);
        link.rollback().await;
        // The first statement of a transaction as well.
        link.begin_as(mode)?;
        link.run(Batch { before: &[], statements: &raw(sql) }, &mut NoRows).await.unwrap_err();
        link.rollback().await;
        link.begin()?;
        link.run(Batch { before: &[], statements: &raw("DELETE FROM authors") }, &mut NoRows).await?;
        link.rollback().await;
    }
    assert_eq!(database.number("SELECT count(*) FROM authors").await?, 0);
    Ok(())
}

async fn read_only_transaction_sees_one_state(database: Database) -> Result<()> {
    let count = Select::entity(AUTHOR);
    let mode = TransactionMode {
        isolation: Some(Isolation::RepeatableRead),
        read_only: true,
        ..TransactionMode::default()
    };
    let (mut reader, mut writer) = (database.session(), database.session());
    reader.begin_as(mode)?;
    assert_eq!(reader.count(&count).await?, 0);
    writer.insert(&[database.author("Ende")]).await?;
    assert_eq!(reader.count(&count).await?, 0);
    reader.savepoint().await?;
    assert_eq!(reader.count(&count).await?, 0);
    reader.rollback_savepoint().await?;
    reader.commit().await?;
    assert_eq!(reader.count(&count).await?, 1);
    assert!(!reader.in_transaction());
    Ok(())
}

async fn values_that_are_together_too_large_are_refused_before_anything_is_sent(
    database: Database,
) -> Result<()> {
    let mut params = Params::limited(6);
    params.push(ValueRef::Text("Ende"));
    params.push(ValueRef::Text("Lem"));
    let sql = match database.pool.dialect().name {
        DialectName::Postgres => "INSERT INTO authors (name) VALUES ($1), ($2)",
        DialectName::Sqlite => "INSERT INTO authors (name) VALUES (?), (?)",
    };
    let statements = [Statement::new(StatementText::raw(sql).into(), params)];
    let mut link = Link::new(database.pool.clone());
    link.begin()?;
    let error = link.run(Batch { before: &[], statements: &statements }, &mut NoRows).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::DataError);
    assert!(error.to_string().contains("over 4 GiB"), "{error}");
    link.rollback().await;
    assert_eq!(database.number("SELECT count(*) FROM authors").await?, 0);
    Ok(())
}

async fn closed_pool_says_so(database: Database) -> Result<()> {
    database.pool.close(std::time::Duration::ZERO).await;
    let error = database.rows("SELECT 1").await.unwrap_err();
    assert_eq!(
        (error.class(), error.to_string().as_str()),
        (ErrorClass::InterfaceError, "the pool is closed")
    );
    Ok(())
}
