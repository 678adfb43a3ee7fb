//! The unit of work on real databases.

use ormkit_conformance::{AUTHOR, BOOK, Database, on_both};
use ormkit_core::error::{ErrorClass, Result};
use ormkit_core::host::State;
use ormkit_core::model::FieldId;
use ormkit_core::query::{ArithmeticOp, CompareOp, Expr, Order, Select};
use ormkit_core::value::{SqlType, Value, ValueRef};

on_both!(
    added_objects_are_read_back_with_their_keys,
    parents_are_written_first_whichever_side_was_related,
    only_changed_columns_are_written,
    expressions_are_computed_by_the_statement_that_writes_them,
    deleted_author_takes_the_books_along,
    rollback_undoes_rows_and_objects,
    object_of_a_key_is_one_object,
    savepoint_undoes_only_what_was_done_in_it,
    savepoint_survives_a_violation,
    verb_is_kept_at_once_and_leaves_the_rest_pending,
    verb_of_several_objects_keeps_all_or_none,
    many_objects_are_inserted_in_order,
    filters_order_and_limits_are_the_databases,
    uncommitted_rows_are_invisible_to_others,
);

async fn added_objects_are_read_back_with_their_keys(database: Database) -> Result<()> {
    let mut session = database.session();
    let author = database.author("Ende");
    session.add(&author)?;
    session.commit().await?;
    assert_eq!((author.get("id")?, author.state()), (Value::Int(1), State::Persistent));
    let mut other = database.session();
    let found = other.get(AUTHOR, &[ValueRef::Int(1)][..], &[]).await?.expect("the row is there");
    assert_eq!(found.get("name")?, Value::from("Ende"));
    assert_eq!(found.get("born")?, Value::Null);
    Ok(())
}

async fn parents_are_written_first_whichever_side_was_related(database: Database) -> Result<()> {
    let mut session = database.session();
    let (ende, momo) = (database.author("Ende"), database.book("Momo"));
    momo.relate("author", vec![ende.clone()])?;
    let (lem, solaris) = (database.author("Lem"), database.book("Solaris"));
    lem.relate("books", vec![solaris.clone()])?;
    session.add(&momo)?;
    session.add(&lem)?;
    session.commit().await?;
    assert_eq!(momo.get("author_id")?, ende.get("id")?);
    assert_eq!(solaris.get("author_id")?, lem.get("id")?);
    let joined = "SELECT count(*) FROM books JOIN authors ON authors.id = books.author_id";
    assert_eq!(database.number(joined).await?, 2);
    Ok(())
}

async fn only_changed_columns_are_written(database: Database) -> Result<()> {
    let mut session = database.session();
    let book = database.book("Momo").with("year", 1973_i64)?;
    session.add(&book)?;
    session.commit().await?;
    database.rows("UPDATE books SET year = 1974").await?;
    book.set("title", "Momo!")?;
    session.commit().await?;
    assert_eq!(
        database.rows("SELECT title, year FROM books").await?,
        [[Value::from("Momo!"), Value::Int(1974)]]
    );
    Ok(())
}

async fn expressions_are_computed_by_the_statement_that_writes_them(database: Database) -> Result<()> {
    let mut session = database.session();
    let next =
        || Expr::column(BOOK, FieldId(2)).arithmetic(ArithmeticOp::Add, Expr::value(1, SqlType::Integer));
    let (momo, jim) = (database.book("Momo").with("year", 1973_i64)?, database.book("Jim"));
    jim.set_expr("year", Expr::value(1960, SqlType::Integer))?;
    session.add(&momo)?;
    session.add(&jim)?;
    session.commit().await?;
    assert_eq!(jim.get("year")?, Value::Int(1960));
    for book in [&momo, &jim] {
        book.set_expr("year", next())?;
        assert_eq!(book.get("year").unwrap_err().class(), ErrorClass::NotLoadedError);
    }
    session.flush().await?;
    assert_eq!((momo.get("year")?, jim.get("year")?), (Value::Int(1974), Value::Int(1961)));
    session.rollback().await?;
    assert_eq!((momo.get("year")?, jim.get("year")?), (Value::Int(1973), Value::Int(1960)));
    Ok(())
}

async fn deleted_author_takes_the_books_along(database: Database) -> Result<()> {
    let mut session = database.session();
    let author = database.author("Ende");
    author.relate("books", vec![database.book("Momo"), database.book("Jim Knopf")])?;
    session.add(&author)?;
    session.commit().await?;
    session.delete(&author)?;
    session.commit().await?;
    assert_eq!(database.number("SELECT count(*) FROM books").await?, 0);
    assert_eq!(author.state(), State::Deleted);
    Ok(())
}

async fn rollback_undoes_rows_and_objects(database: Database) -> Result<()> {
    let mut session = database.session();
    let kept = database.author("Ende");
    session.add(&kept)?;
    session.commit().await?;
    let lost = database.author("Lem");
    session.add(&lost)?;
    kept.set("name", "Michael")?;
    session.flush().await?;
    session.rollback().await?;
    assert_eq!((kept.get("name")?, lost.state()), (Value::from("Ende"), State::Transient));
    session.add(&lost)?;
    session.commit().await?;
    assert_eq!(database.number("SELECT count(*) FROM authors").await?, 2);
    Ok(())
}

async fn object_of_a_key_is_one_object(database: Database) -> Result<()> {
    let mut session = database.session();
    let author = database.author("Ende");
    session.add(&author)?;
    session.commit().await?;
    author.set("name", "Mine")?;
    let found = session.select(&Select::entity(AUTHOR)).await?.into_objects();
    assert_eq!(found, std::slice::from_ref(&author));
    assert_eq!(author.get("name")?, Value::from("Mine"));
    session.rollback().await
}

async fn savepoint_undoes_only_what_was_done_in_it(database: Database) -> Result<()> {
    let mut session = database.session();
    session.add(&database.author("outside"))?;
    session.savepoint().await?;
    session.add(&database.author("inside"))?;
    session.flush().await?;
    session.savepoint().await?;
    session.add(&database.author("deep"))?;
    session.release().await?;
    session.rollback_savepoint().await?;
    session.add(&database.author("after"))?;
    session.commit().await?;
    let names = database.rows("SELECT name FROM authors ORDER BY name").await?;
    assert_eq!(names, [[Value::from("after")], [Value::from("outside")]]);
    Ok(())
}

async fn savepoint_survives_a_violation(database: Database) -> Result<()> {
    let mut session = database.session();
    session.add(&database.author("Ende"))?;
    session.savepoint().await?;
    let twin = database.author("Ende");
    session.add(&twin)?;
    assert_eq!(session.flush().await.unwrap_err().class(), ErrorClass::UniqueViolation);
    session.rollback_savepoint().await?;
    assert_eq!(twin.state(), State::Transient);
    session.add(&database.author("Lem"))?;
    session.commit().await?;
    assert_eq!(database.number("SELECT count(*) FROM authors").await?, 2);
    Ok(())
}

async fn verb_is_kept_at_once_and_leaves_the_rest_pending(database: Database) -> Result<()> {
    let mut session = database.session();
    let waiting = database.author("waiting");
    session.add(&waiting)?;
    session.insert(&[database.author("now")]).await?;
    assert_eq!(database.number("SELECT count(*) FROM authors").await?, 1);
    assert_eq!(waiting.state(), State::Pending);
    session.rollback().await?;
    assert_eq!(database.number("SELECT count(*) FROM authors").await?, 1);
    Ok(())
}

async fn verb_of_several_objects_keeps_all_or_none(database: Database) -> Result<()> {
    let mut session = database.session();
    let twins = [database.author("Ende"), database.author("Ende")];
    assert_eq!(session.insert(&twins).await.unwrap_err().class(), ErrorClass::UniqueViolation);
    assert!(!session.in_transaction());
    assert_eq!(database.number("SELECT count(*) FROM authors").await?, 0);
    twins[1].set("name", "Lem")?;
    session.insert(&twins).await?;
    assert_eq!(database.number("SELECT count(*) FROM authors").await?, 2);
    Ok(())
}

async fn many_objects_are_inserted_in_order(database: Database) -> Result<()> {
    let mut session = database.session();
    let books: Vec<_> = (0..500).map(|number| database.book(&format!("book {number:03}"))).collect();
    session.insert(&books).await?;
    let keys: Vec<Value> = books.iter().map(|book| book.get("id")).collect::<Result<_>>()?;
    assert_eq!(keys, (1..=500).map(Value::Int).collect::<Vec<_>>());
    let last = database.rows("SELECT id FROM books WHERE title = 'book 499'").await?;
    assert_eq!(last, [[Value::Int(500)]]);
    Ok(())
}

async fn filters_order_and_limits_are_the_databases(database: Database) -> Result<()> {
    let mut session = database.session();
    let books: Vec<_> = [("a", 1960), ("b", 1973), ("c", 1979)]
        .into_iter()
        .map(|(title, year)| database.book(title).with("year", year as i64))
        .collect::<Result<_>>()?;
    session.insert(&books).await?;
    let year = Expr::column(BOOK, database.schema.model(BOOK).field_named("year")?);
    let after_1965 = Expr::compare(year.clone(), CompareOp::Gt, Expr::value(1965_i64, SqlType::Integer));
    let late = Select::entity(BOOK).filter(after_1965);
    assert_eq!(session.count(&late).await?, 2);
    let newest = late.order_by(Order::desc(year)).limit(1);
    assert_eq!(session.select(&newest).await?.into_objects(), [books[2].clone()]);
    assert!(session.exists(&newest).await?);
    Ok(())
}

async fn uncommitted_rows_are_invisible_to_others(database: Database) -> Result<()> {
    let (mut writer, mut reader) = (database.session(), database.session());
    writer.add(&database.author("Ende"))?;
    writer.flush().await?;
    assert_eq!(reader.count(&Select::entity(AUTHOR)).await?, 0);
    assert_eq!(writer.count(&Select::entity(AUTHOR)).await?, 1);
    writer.commit().await?;
    assert_eq!(reader.count(&Select::entity(AUTHOR)).await?, 1);
    Ok(())
}
