//! Relations that come along with their objects.

use ormkit_conformance::{AUTHOR, BOOK, Database, on_both};
use ormkit_core::error::{ErrorClass, Result};
use ormkit_core::model::{FieldId, ModelId, RelationId};
use ormkit_core::query::{Criterion, Expr, Item, JoinKind, Load, Order, Select, Source, Strategy};
use ormkit_core::record::Record;
use ormkit_core::value::{Value, ValueRef};

on_both!(
    lists_come_along_in_their_order,
    single_objects_come_along,
    authors_without_books_have_an_empty_list,
    limit_counts_parents_and_not_joined_rows,
    relation_that_was_not_loaded_says_how_to_load_it,
    held_objects_are_shared_between_parents,
    load_completes_objects_and_leaves_what_is_there,
    load_refuses_objects_of_several_classes,
    peers_are_loaded_along,
    columns_of_ones_choice_come_with_keys_alone,
    limit_of_a_load_is_of_each_parent,
    conditions_narrow_a_list,
    parts_are_completed_before_their_parent_goes,
    criteria_hold_for_what_is_loaded_along,
    contained_relations_are_read_from_the_join,
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

fn column(database: &Database, model: ModelId, name: &str) -> Result<(FieldId, Expr)> {
    let field = database.schema.model(model).field_named(name)?;
    Ok((field, Expr::column(model, field)))
}

fn books(database: &Database) -> Result<RelationId> {
    database.schema.model(AUTHOR).relation_named("books")
}

/// `title = ..`
fn titled(database: &Database, title: &str) -> Result<Expr> {
    let (_, column) = column(database, BOOK, "title")?;
    Ok(column.eq(Expr::value(title, ormkit_core::value::SqlType::Text)))
}

fn titles(author: &Record) -> Result<Vec<Value>> {
    author.related("books")?.iter().map(|book| book.get("title")).collect()
}

async fn all_authors(
    database: &Database,
    session: &mut ormkit_core::session::Session<ormkit_core::record::Records>,
) -> Result<Vec<Record>> {
    let (_, id) = column(database, AUTHOR, "id")?;
    Ok(session.select(&Select::entity(AUTHOR).order_by(id)).await?.into_objects())
}

async fn load_completes_objects_and_leaves_what_is_there(database: Database) -> Result<()> {
    fill(&database).await?;
    let mut session = database.session();
    let found = all_authors(&database, &mut session).await?;
    let load = [Load::new(books(&database)?, Strategy::SelectIn)];
    session.load(&found[..1], &[], &load).await?;
    let kept = found[0].related("books")?;
    found[0].relate("books", kept[..1].to_vec())?;
    session.load(&found, &[], &load).await?;
    assert_eq!(found[0].related("books")?, kept[..1]);
    assert_eq!(titles(&found[1])?, [Value::from("Eden"), Value::from("Solaris")]);
    session.rollback().await
}

async fn load_refuses_objects_of_several_classes(database: Database) -> Result<()> {
    fill(&database).await?;
    let mut session = database.session();
    let mut found = all_authors(&database, &mut session).await?;
    found.extend(session.select(&Select::entity(BOOK)).await?.into_objects());
    let error = session.load(&found, &[], &[]).await.unwrap_err();
    assert!(error.to_string().contains("objects of one class, not of Author and Book"), "{error}");
    Ok(())
}

async fn peers_are_loaded_along(database: Database) -> Result<()> {
    fill(&database).await?;
    let mut session = database.session();
    let found = all_authors(&database, &mut session).await?;
    session.load_peers(&found[0], &[], &[Load::new(books(&database)?, Strategy::SelectIn)]).await?;
    let counts: Vec<usize> =
        found.iter().map(|author| titles(author).map(|titles| titles.len())).collect::<Result<_>>()?;
    assert_eq!(counts, [2, 2, 0]);
    Ok(())
}

async fn columns_of_ones_choice_come_with_keys_alone(database: Database) -> Result<()> {
    fill(&database).await?;
    let (title, _) = column(&database, BOOK, "title")?;
    for strategy in BOTH {
        let mut session = database.session();
        let load = Load { fields: Some(vec![title]), ..Load::new(books(&database)?, strategy) };
        let mut select = Select::entity(AUTHOR).load(load);
        select.items = vec![Item::Entity { source: Source::plain(AUTHOR), fields: Some(Vec::new()) }];
        let found = session.select(&select).await?.into_objects();
        let written = found.iter().find(|author| !titles(author).unwrap().is_empty()).unwrap();
        let book = &written.related("books")?[0];
        assert_eq!(written.get("name").unwrap_err().class(), ErrorClass::NotLoadedError, "{strategy:?}");
        assert_eq!(book.get("year").unwrap_err().class(), ErrorClass::NotLoadedError, "{strategy:?}");
        let (year, _) = column(&database, BOOK, "year")?;
        session.load(std::slice::from_ref(book), &[year], &[]).await?;
        book.get("year")?;
    }
    Ok(())
}

async fn limit_of_a_load_is_of_each_parent(database: Database) -> Result<()> {
    fill(&database).await?;
    let (_, title) = column(&database, BOOK, "title")?;
    let mut session = database.session();
    let load = Load {
        limit: Some(1),
        order_by: vec![Order::desc(title)],
        ..Load::new(books(&database)?, Strategy::SelectIn)
    };
    let (_, id) = column(&database, AUTHOR, "id")?;
    let found = session.select(&Select::entity(AUTHOR).order_by(id).load(load.clone())).await?.into_objects();
    let first: Vec<Vec<Value>> = found.iter().map(titles).collect::<Result<_>>()?;
    assert_eq!(first, [vec![Value::from("Momo")], vec![Value::from("Solaris")], vec![]]);
    let joined = Load { strategy: Strategy::Joined, ..load };
    let error =
        session.select(&Select::entity(AUTHOR).load(joined)).await.err().expect("joins have no limit");
    assert!(error.to_string().contains("use selectinload"), "{error}");
    Ok(())
}

async fn conditions_narrow_a_list(database: Database) -> Result<()> {
    fill(&database).await?;
    let (_, id) = column(&database, AUTHOR, "id")?;
    for strategy in BOTH {
        let mut session = database.session();
        let load =
            Load { filter: vec![titled(&database, "Eden")?], ..Load::new(books(&database)?, strategy) };
        let found =
            session.select(&Select::entity(AUTHOR).order_by(id.clone()).load(load)).await?.into_objects();
        let loaded: Vec<Vec<Value>> = found.iter().map(titles).collect::<Result<_>>()?;
        assert_eq!(loaded, [vec![], vec![Value::from("Eden")], vec![]], "{strategy:?}");
    }
    Ok(())
}

async fn parts_are_completed_before_their_parent_goes(database: Database) -> Result<()> {
    fill(&database).await?;
    for strategy in BOTH {
        let mut session = database.session();
        session.begin()?;
        let load =
            Load { filter: vec![titled(&database, "Eden")?], ..Load::new(books(&database)?, strategy) };
        let found = session.select(&Select::entity(AUTHOR).load(load)).await?.into_objects();
        for author in &found {
            session.delete(author)?;
        }
        session.flush().await?;
        assert_eq!(session.count(&Select::entity(BOOK)).await?, 0, "{strategy:?}");
        session.rollback().await?;
    }
    Ok(())
}

async fn criteria_hold_for_what_is_loaded_along(database: Database) -> Result<()> {
    fill(&database).await?;
    let (_, id) = column(&database, AUTHOR, "id")?;
    for strategy in BOTH {
        let mut session = database.session();
        let mut select =
            Select::entity(AUTHOR).order_by(id.clone()).load(Load::new(books(&database)?, strategy));
        select.criteria = vec![Criterion { model: BOOK, condition: titled(&database, "Momo")? }];
        let found = session.select(&select).await?.into_objects();
        let loaded: Vec<Vec<Value>> = found.iter().map(titles).collect::<Result<_>>()?;
        assert_eq!(loaded, [vec![Value::from("Momo")], vec![], vec![]], "{strategy:?}");
    }
    Ok(())
}

async fn contained_relations_are_read_from_the_join(database: Database) -> Result<()> {
    fill(&database).await?;
    let relation = books(&database)?;
    let mut session = database.session();
    let (author, book) = (Source::plain(AUTHOR), Source { model: BOOK, alias: 7 });
    let select = Select::entity(AUTHOR)
        .join(JoinKind::Inner, author, relation, book)
        .filter(titled(&database, "Solaris")?.renamed(Source::plain(BOOK), book))
        .load(Load::new(relation, Strategy::Contained));
    let found = session.select(&select).await?.into_objects();
    assert_eq!((found.len(), titles(&found[0])?), (1, vec![Value::from("Solaris")]));
    let without = Select::entity(AUTHOR).load(Load::new(relation, Strategy::Contained));
    let error = session.select(&without).await.err().expect("nothing is joined");
    assert!(error.to_string().contains("does not join it"), "{error}");
    Ok(())
}
