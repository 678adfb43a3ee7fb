//! Relations that come along with their objects.

use ormkit_conformance::{AUTHOR, BOOK, Database, on_both};
use ormkit_core::error::{ErrorClass, Result};
use ormkit_core::query::{Load, Select, Strategy};
use ormkit_core::value::{Value, ValueRef};

on_both!(
    lists_come_along_in_their_order,
    single_objects_come_along,
    authors_without_books_have_an_empty_list,
    limit_counts_parents_and_not_joined_rows,
    relation_that_was_not_loaded_says_how_to_load_it,
    held_objects_are_shared_between_parents,
);

const BOTH: [Strategy; 2] = [Strategy::SelectIn, Strategy::Joined];

/// Two authors with two books each, and one with none.
async fn fill(database: &Database) -> Result<()> {
    let mut session = database.session();
    for (name, titles) in
        [("Ende", &["Momo", "Jim Knopf"][..]), ("Lem", &["Solaris", "Eden"]), ("Nobody", &[])]
    {
        let author = database.author(name);
        author.relate("books", titles.iter().map(|title| database.book(title)).collect())?;
        session.add(&author)?;
    }
    session.commit().await
}

fn authors(database: &Database, strategy: Strategy) -> Result<Select> {
    let books = database.schema.model(AUTHOR).relation_named("books")?;
    let id = database.schema.model(AUTHOR).field_named("id")?;
    let by_id = ormkit_core::query::Order::asc(ormkit_core::query::Expr::column(AUTHOR, id));
    Ok(Select::entity(AUTHOR).order_by(by_id).load(Load::new(books, strategy)))
}

async fn lists_come_along_in_their_order(database: Database) -> Result<()> {
    fill(&database).await?;
    for strategy in BOTH {
        let mut session = database.session();
        let found = session.select(&authors(&database, strategy)?).await?.into_objects();
        assert_eq!(found.len(), 3);
        let titles: Vec<Value> =
            found[1].related("books")?.iter().map(|book| book.get("title")).collect::<Result<_>>()?;
        assert_eq!(titles, [Value::from("Eden"), Value::from("Solaris")], "{strategy:?}");
    }
    Ok(())
}

async fn single_objects_come_along(database: Database) -> Result<()> {
    fill(&database).await?;
    let author = database.schema.model(BOOK).relation_named("author")?;
    for strategy in BOTH {
        let mut session = database.session();
        let loads = [Load::new(author, strategy)];
        let key = database.number("SELECT id FROM books WHERE title = 'Solaris'").await?;
        let book = session.get(BOOK, &[ValueRef::Int(key)][..], &loads).await?.expect("the row is there");
        assert_eq!(book.related("author")?[0].get("name")?, Value::from("Lem"), "{strategy:?}");
    }
    Ok(())
}

async fn authors_without_books_have_an_empty_list(database: Database) -> Result<()> {
    fill(&database).await?;
    for strategy in BOTH {
        let mut session = database.session();
        let found = session.select(&authors(&database, strategy)?).await?.into_objects();
        assert!(found[2].related("books")?.is_empty(), "{strategy:?}");
    }
    Ok(())
}

async fn limit_counts_parents_and_not_joined_rows(database: Database) -> Result<()> {
    fill(&database).await?;
    for strategy in BOTH {
        let mut session = database.session();
        let found = session.select(&authors(&database, strategy)?.limit(2)).await?.into_objects();
        let books: Vec<usize> = found
            .iter()
            .map(|author| author.related("books").map(|books| books.len()))
            .collect::<Result<_>>()?;
        assert_eq!(books, [2, 2], "{strategy:?}");
    }
    Ok(())
}

async fn relation_that_was_not_loaded_says_how_to_load_it(database: Database) -> Result<()> {
    fill(&database).await?;
    let mut session = database.session();
    let found = session.select(&Select::entity(AUTHOR)).await?.into_objects();
    let error = found[0].related("books").unwrap_err();
    assert_eq!(error.class(), ErrorClass::RelationNotLoadedError);
    assert!(error.to_string().starts_with("Author.books is not loaded"), "{error}");
    Ok(())
}

async fn held_objects_are_shared_between_parents(database: Database) -> Result<()> {
    fill(&database).await?;
    let author = database.schema.model(BOOK).relation_named("author")?;
    for strategy in BOTH {
        let mut session = database.session();
        let found =
            session.select(&Select::entity(BOOK).load(Load::new(author, strategy))).await?.into_objects();
        let (first, second) = (found[0].related("author")?, found[1].related("author")?);
        assert_eq!(first, second, "{strategy:?}");
    }
    Ok(())
}
