//! Lists through junctions, from both ends.

use ormkit_conformance::{AUTHOR, BOOK, Database, TAG, on_both};
use ormkit_core::error::{ErrorKind, Result};
use ormkit_core::host::State;
use ormkit_core::query::lookup::{Condition, conditions, resolve};
use ormkit_core::query::{Criterion, Expr, JoinKind, Load, Order, Select, Source, Strategy};
use ormkit_core::record::{Record, Records};
use ormkit_core::session::Session;
use ormkit_core::value::{SqlType, Value, ValueRef};

on_both!(
    links_are_written_with_their_ends_and_read_from_both,
    lists_come_along_in_their_order,
    objects_that_are_held_are_shared,
    limits_are_of_each_parent,
    conditions_and_criteria_narrow_lists,
    loads_go_on_behind_a_junction,
    get_brings_lists_along,
    joins_go_through_the_junction,
    outer_joins_keep_rows_without_a_link,
    contained_lists_are_read_from_the_join,
    conditions_cross_junctions,
    links_come_and_go_with_changes,
    a_link_that_both_ends_ask_for_is_written_once,
    links_that_leave_and_come_back_are_left_alone,
    lists_of_the_other_end_follow,
    deleted_ends_take_their_links_along,
    links_of_a_table_without_cascade_go_before_the_row,
    deleted_members_leave_loaded_lists,
    deletion_cascades_to_members,
    rollback_puts_lists_back,
    savepoint_puts_back_lists_that_were_loaded_in_it,
    undone_deletions_make_members_again,
    rows_that_are_gone_are_noticed,
    new_members_of_lists_without_cascade_are_refused,
    pending_links_show_in_lists_that_are_loaded,
    models_are_linked_with_themselves,
    many_links_are_written_and_deleted,
    merge_takes_lists_over,
);

type Unit = Session<Records>;

async fn tagged(database: &Database) -> Result<()> {
    let mut session = database.session();
    let (fun, old, odd) = (database.tag("fun"), database.tag("old"), database.tag("odd"));
    for tag in [&fun, &old, &odd] {
        session.add(tag)?;
    }
    for (title, tags) in [("Momo", vec![&fun, &old]), ("Eden", vec![&old]), ("Atlas", vec![])] {
        let book = database.book(title);
        book.relate("tags", tags.into_iter().cloned().collect())?;
        session.add(&book)?;
    }
    session.commit().await
}

async fn books(database: &Database, session: &mut Unit, loads: Vec<Load>) -> Result<Vec<Record>> {
    let id = database.schema.model(BOOK).field_named("id")?;
    let mut select = Select::entity(BOOK).order_by(Order::asc(Expr::column(BOOK, id)));
    select.loads = loads;
    Ok(session.select(&select).await?.into_objects())
}

async fn tags(database: &Database, session: &mut Unit, loads: Vec<Load>) -> Result<Vec<Record>> {
    let id = database.schema.model(TAG).field_named("id")?;
    let mut select = Select::entity(TAG).order_by(Order::asc(Expr::column(TAG, id)));
    select.loads = loads;
    Ok(session.select(&select).await?.into_objects())
}

fn tags_of(database: &Database, strategy: Strategy) -> Result<Load> {
    Ok(Load::new(database.schema.model(BOOK).relation_named("tags")?, strategy))
}

fn books_of(database: &Database, strategy: Strategy) -> Result<Load> {
    Ok(Load::new(database.schema.model(TAG).relation_named("books")?, strategy))
}

fn words(book: &Record) -> Result<Vec<String>> {
    names(book, "tags", "word")
}

fn titles(tag: &Record) -> Result<Vec<String>> {
    names(tag, "books", "title")
}

fn names(object: &Record, relation: &str, attribute: &str) -> Result<Vec<String>> {
    let text = |record: &Record| match record.get(attribute)? {
        Value::Text(text) => Ok(text.to_string()),
        other => panic!("{other:?} is no text"),
    };
    object.related(relation)?.iter().map(text).collect()
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

async fn count(database: &Database, table: &str) -> Result<i64> {
    database.number(&format!("SELECT count(*) FROM {table}")).await
}

const BOTH: [Strategy; 2] = [Strategy::SelectIn, Strategy::Joined];

async fn links_are_written_with_their_ends_and_read_from_both(database: Database) -> Result<()> {
    tagged(&database).await?;
    assert_eq!(count(&database, "taggings").await?, 3);
    for strategy in BOTH {
        let mut session = database.session();
        let found = books(&database, &mut session, vec![tags_of(&database, strategy)?]).await?;
        assert_eq!(sorted(words(&found[0])?), ["fun", "old"], "{strategy:?}");
        assert_eq!((words(&found[1])?, words(&found[2])?), (vec!["old".to_owned()], vec![]), "{strategy:?}");
        let mut session = database.session();
        let found = tags(&database, &mut session, vec![books_of(&database, strategy)?]).await?;
        assert_eq!(
            (titles(&found[0])?, titles(&found[2])?),
            (vec!["Momo".to_owned()], vec![]),
            "{strategy:?}"
        );
    }
    Ok(())
}

async fn lists_come_along_in_their_order(database: Database) -> Result<()> {
    tagged(&database).await?;
    for strategy in BOTH {
        let mut session = database.session();
        let found = tags(&database, &mut session, vec![books_of(&database, strategy)?]).await?;
        assert_eq!(titles(&found[1])?, ["Eden", "Momo"], "{strategy:?}");
        let mut session = database.session();
        let mut load = books_of(&database, strategy)?;
        let title = database.schema.model(BOOK).field_named("title")?;
        load.order_by = vec![Order::desc(Expr::column(BOOK, title))];
        let found = tags(&database, &mut session, vec![load]).await?;
        assert_eq!(titles(&found[1])?, ["Momo", "Eden"], "{strategy:?}");
    }
    Ok(())
}

async fn objects_that_are_held_are_shared(database: Database) -> Result<()> {
    tagged(&database).await?;
    let mut session = database.session();
    let held = tags(&database, &mut session, vec![]).await?;
    let found = books(&database, &mut session, vec![tags_of(&database, Strategy::SelectIn)?]).await?;
    assert_eq!(found[1].related("tags")?, [held[1].clone()]);
    session.load(&held, &[], &[books_of(&database, Strategy::SelectIn)?]).await?;
    assert_eq!(held[0].related("books")?, [found[0].clone()]);
    Ok(())
}

async fn limits_are_of_each_parent(database: Database) -> Result<()> {
    tagged(&database).await?;
    let mut session = database.session();
    let mut load = books_of(&database, Strategy::SelectIn)?;
    load.limit = Some(1);
    let found = tags(&database, &mut session, vec![load.clone()]).await?;
    assert_eq!((titles(&found[0])?, titles(&found[1])?), (vec!["Momo".to_owned()], vec!["Eden".to_owned()]));
    let mut session = database.session();
    load.offset = Some(1);
    let found = tags(&database, &mut session, vec![load]).await?;
    assert_eq!((titles(&found[0])?, titles(&found[1])?), (vec![], vec!["Momo".to_owned()]));
    Ok(())
}

fn titled(database: &Database, title: &str) -> Result<Expr> {
    let field = database.schema.model(BOOK).field_named("title")?;
    Ok(Expr::column(BOOK, field).eq(Expr::value(title, SqlType::Text)))
}

async fn conditions_and_criteria_narrow_lists(database: Database) -> Result<()> {
    tagged(&database).await?;
    for strategy in BOTH {
        let mut session = database.session();
        let mut load = books_of(&database, strategy)?;
        load.filter = vec![titled(&database, "Eden")?];
        let found = tags(&database, &mut session, vec![load]).await?;
        assert_eq!(
            (titles(&found[0])?, titles(&found[1])?),
            (vec![], vec!["Eden".to_owned()]),
            "{strategy:?}"
        );
        let mut session = database.session();
        let mut select = Select::entity(TAG).load(books_of(&database, strategy)?);
        select.criteria = vec![Criterion { model: BOOK, condition: titled(&database, "Momo")? }];
        let found = session.select(&select).await?.into_objects();
        let listed: usize =
            found.iter().map(|tag| titles(tag).map(|titles| titles.len())).sum::<Result<_>>()?;
        assert_eq!((found.len(), listed), (3, 2), "{strategy:?}");
    }
    Ok(())
}

async fn loads_go_on_behind_a_junction(database: Database) -> Result<()> {
    tagged(&database).await?;
    for then in BOTH {
        let mut session = database.session();
        let mut load = tags_of(&database, Strategy::SelectIn)?;
        load.then = vec![books_of(&database, then)?];
        let found = books(&database, &mut session, vec![load]).await?;
        let old = found[1].related("tags")?.remove(0);
        assert_eq!(titles(&old)?, ["Eden", "Momo"], "{then:?}");
        assert_eq!(sorted(words(&found[0])?), ["fun", "old"], "{then:?}");
    }
    Ok(())
}

async fn get_brings_lists_along(database: Database) -> Result<()> {
    tagged(&database).await?;
    for strategy in BOTH {
        let mut session = database.session();
        let load = [tags_of(&database, strategy)?];
        let book = session.get(BOOK, &[ValueRef::Int(1)][..], &load).await?.expect("the row is there");
        assert_eq!(words(&book)?.len(), 2, "{strategy:?}");
    }
    Ok(())
}

fn joined(database: &Database, kind: JoinKind) -> Result<Select> {
    let relation = database.schema.model(BOOK).relation_named("tags")?;
    let id = database.schema.model(BOOK).field_named("id")?;
    let select = Select::entity(BOOK).join(kind, Source::plain(BOOK), relation, Source::plain(TAG));
    Ok(select.order_by(Order::asc(Expr::column(BOOK, id))))
}

async fn joins_go_through_the_junction(database: Database) -> Result<()> {
    tagged(&database).await?;
    let mut session = database.session();
    let word = database.schema.model(TAG).field_named("word")?;
    let old = Expr::column(TAG, word).eq(Expr::value("old", SqlType::Text));
    let found = session.select(&joined(&database, JoinKind::Inner)?.filter(old)).await?.into_objects();
    let found: Vec<Value> = found.iter().map(|book| book.get("title")).collect::<Result<_>>()?;
    assert_eq!(found, [Value::from("Momo"), Value::from("Eden")]);
    Ok(())
}

async fn outer_joins_keep_rows_without_a_link(database: Database) -> Result<()> {
    tagged(&database).await?;
    let mut session = database.session();
    assert_eq!(session.count(&joined(&database, JoinKind::Left)?).await?, 4);
    assert_eq!(session.count(&joined(&database, JoinKind::Inner)?).await?, 3);
    Ok(())
}

async fn contained_lists_are_read_from_the_join(database: Database) -> Result<()> {
    tagged(&database).await?;
    let mut session = database.session();
    let word = database.schema.model(TAG).field_named("word")?;
    let fun = Expr::column(TAG, word).eq(Expr::value("fun", SqlType::Text));
    let load = tags_of(&database, Strategy::Contained)?;
    let select = joined(&database, JoinKind::Inner)?.filter(fun).load(load);
    let found = session.select(&select).await?.into_objects();
    assert_eq!(found.len(), 1);
    assert_eq!(words(&found[0])?, ["fun"]);
    Ok(())
}

async fn titles_where(database: &Database, name: &str, value: Expr) -> Result<Vec<String>> {
    let lookup = resolve(&database.schema, BOOK, name)?;
    let condition = Condition { lookup, values: vec![value] };
    let id = database.schema.model(BOOK).field_named("id")?;
    let condition = conditions(&database.schema, Source::plain(BOOK), &[condition]);
    let select = Select::entity(BOOK).filter(condition).order_by(Order::asc(Expr::column(BOOK, id)));
    let mut session = database.session();
    let found = session.select(&select).await?.into_objects();
    found
        .iter()
        .map(|book| match book.get("title")? {
            Value::Text(text) => Ok(text.to_string()),
            other => panic!("{other:?} is no text"),
        })
        .collect()
}

async fn conditions_cross_junctions(database: Database) -> Result<()> {
    tagged(&database).await?;
    let text = |text: &str| Expr::value(text, SqlType::Text);
    assert_eq!(titles_where(&database, "tags__word", text("old")).await?, ["Momo", "Eden"]);
    assert_eq!(titles_where(&database, "tags__word__ne", text("old")).await?, ["Atlas"]);
    assert_eq!(titles_where(&database, "tags__books__title", text("Eden")).await?, ["Momo", "Eden"]);
    assert_eq!(titles_where(&database, "tags__isnull", Expr::Bool(true)).await?, ["Atlas"]);
    assert_eq!(titles_where(&database, "tags", Expr::value(1_i64, SqlType::Integer)).await?, ["Momo"]);
    Ok(())
}

async fn links_come_and_go_with_changes(database: Database) -> Result<()> {
    tagged(&database).await?;
    let mut session = database.session();
    let all = tags(&database, &mut session, vec![]).await?;
    let found = books(&database, &mut session, vec![tags_of(&database, Strategy::SelectIn)?]).await?;
    found[0].relate("tags", vec![all[1].clone(), all[2].clone(), database.tag("new")])?;
    found[1].relate("tags", vec![])?;
    session.commit().await?;
    let mut session = database.session();
    let found = books(&database, &mut session, vec![tags_of(&database, Strategy::SelectIn)?]).await?;
    assert_eq!(sorted(words(&found[0])?), ["new", "odd", "old"]);
    assert_eq!(count(&database, "taggings").await?, 3);
    Ok(())
}

async fn a_link_that_both_ends_ask_for_is_written_once(database: Database) -> Result<()> {
    let mut session = database.session();
    let (book, tag) = (database.book("Momo"), database.tag("fun"));
    book.relate("tags", vec![tag.clone(), tag.clone()])?;
    tag.relate("books", vec![book.clone()])?;
    session.add(&book)?;
    session.commit().await?;
    assert_eq!(count(&database, "taggings").await?, 1);
    book.relate("tags", vec![])?;
    tag.relate("books", vec![])?;
    session.commit().await?;
    assert_eq!(count(&database, "taggings").await?, 0);
    Ok(())
}

async fn links_that_leave_and_come_back_are_left_alone(database: Database) -> Result<()> {
    tagged(&database).await?;
    let mut session = database.session();
    let found = books(&database, &mut session, vec![tags_of(&database, Strategy::SelectIn)?]).await?;
    let members = found[0].related("tags")?;
    // Rows that were written again would be refused, or be missing.
    found[0].relate("tags", vec![])?;
    found[0].relate("tags", members)?;
    session.commit().await?;
    assert_eq!(count(&database, "taggings").await?, 3);
    Ok(())
}

async fn lists_of_the_other_end_follow(database: Database) -> Result<()> {
    let mut session = database.session();
    let (book, tag) = (database.book("Momo"), database.tag("fun"));
    session.add(&book)?;
    session.add(&tag)?;
    session.commit().await?;
    book.relate("tags", vec![tag.clone()])?;
    session.flush().await?;
    assert_eq!(tag.related("books")?, std::slice::from_ref(&book));
    // Nothing is left to be written.
    session.flush().await?;
    assert_eq!(count_in(&mut session, &database).await?, 1);
    session.rollback().await?;
    assert!(tag.related("books")?.is_empty() && book.related("tags")?.is_empty());
    Ok(())
}

async fn count_in(session: &mut Unit, database: &Database) -> Result<i64> {
    session.count(&joined(database, JoinKind::Inner)?).await
}

async fn deleted_ends_take_their_links_along(database: Database) -> Result<()> {
    tagged(&database).await?;
    let mut session = database.session();
    let found = books(&database, &mut session, vec![]).await?;
    session.delete(&found[0])?;
    session.commit().await?;
    assert_eq!((count(&database, "taggings").await?, count(&database, "tags").await?), (1, 3));
    let all = tags(&database, &mut session, vec![books_of(&database, Strategy::SelectIn)?]).await?;
    session.delete(&all[1])?;
    session.commit().await?;
    assert_eq!(count(&database, "taggings").await?, 0);
    Ok(())
}

/// Ann and Ben, who learn from Cid; Cid learns from Ann.
async fn school(database: &Database, session: &mut Unit) -> Result<[Record; 3]> {
    let [ann, ben, cid] = ["Ann", "Ben", "Cid"].map(|name| database.author(name));
    ann.relate("mentors", vec![cid.clone()])?;
    ben.relate("mentors", vec![cid.clone()])?;
    ann.relate("pupils", vec![cid.clone()])?;
    for author in [&ann, &ben, &cid] {
        session.add(author)?;
    }
    session.commit().await?;
    Ok([ann, ben, cid])
}

async fn links_of_a_table_without_cascade_go_before_the_row(database: Database) -> Result<()> {
    school(&database, &mut database.session()).await?;
    assert_eq!(count(&database, "mentorships").await?, 3);
    let mut session = database.session();
    let cid = session.get(AUTHOR, &[ValueRef::Int(3)][..], &[]).await?.expect("the row is there");
    session.remove(&[cid]).await?;
    assert_eq!((count(&database, "mentorships").await?, count(&database, "authors").await?), (0, 2));
    Ok(())
}

async fn deleted_members_leave_loaded_lists(database: Database) -> Result<()> {
    tagged(&database).await?;
    let mut session = database.session();
    let found = books(&database, &mut session, vec![tags_of(&database, Strategy::SelectIn)?]).await?;
    let all = tags(&database, &mut session, vec![]).await?;
    session.delete(&all[1])?;
    session.flush().await?;
    assert_eq!((words(&found[0])?, words(&found[1])?), (vec!["fun".to_owned()], vec![]));
    session.rollback().await?;
    assert_eq!((words(&found[0])?.len(), words(&found[1])?.len()), (2, 1));
    Ok(())
}

async fn deletion_cascades_to_members(database: Database) -> Result<()> {
    use ormkit_core::model::Cascade;
    let schema = ormkit_conformance::library();
    // What a list with the delete cascade does, on the library's tables.
    let mut registry = ormkit_core::model::Registry::new();
    for model in schema.models().iter().filter(|model| model.id.0 < 5) {
        let mut def = model.def.clone();
        for relation in def.relations.iter_mut().filter(|relation| relation.name == "tags") {
            relation.cascade = Cascade { delete: true, ..Cascade::default() };
        }
        registry.declare(def)?;
    }
    let schema = registry.freeze()?;
    tagged(&database).await?;
    let mut session = database.session_of(&schema);
    let book = session.get(BOOK, &[ValueRef::Int(2)][..], &[]).await?.expect("the row is there");
    session.delete(&book)?;
    session.commit().await?;
    assert_eq!(
        database.rows("SELECT word FROM tags ORDER BY word").await?,
        [["fun"], ["odd"]].map(|row| row.map(Value::from))
    );
    assert_eq!(count(&database, "taggings").await?, 1);
    Ok(())
}

async fn rollback_puts_lists_back(database: Database) -> Result<()> {
    tagged(&database).await?;
    let mut session = database.session();
    let found = books(&database, &mut session, vec![tags_of(&database, Strategy::SelectIn)?]).await?;
    let all = tags(&database, &mut session, vec![books_of(&database, Strategy::SelectIn)?]).await?;
    found[0].relate("tags", vec![all[2].clone()])?;
    session.flush().await?;
    assert_eq!((titles(&all[0])?, titles(&all[2])?), (vec![], vec!["Momo".to_owned()]));
    session.rollback().await?;
    assert_eq!(sorted(words(&found[0])?), ["fun", "old"]);
    assert_eq!((titles(&all[0])?, titles(&all[2])?), (vec!["Momo".to_owned()], vec![]));
    // Nothing is left to be written.
    session.commit().await?;
    assert_eq!(count(&database, "taggings").await?, 3);
    Ok(())
}

async fn savepoint_puts_back_lists_that_were_loaded_in_it(database: Database) -> Result<()> {
    tagged(&database).await?;
    let mut session = database.session();
    let found = books(&database, &mut session, vec![tags_of(&database, Strategy::SelectIn)?]).await?;
    let all = tags(&database, &mut session, vec![]).await?;
    found[2].relate("tags", vec![all[2].clone()])?;
    session.savepoint().await?;
    found[0].relate("tags", vec![all[2].clone()])?;
    session.flush().await?;
    session.load(&all, &[], &[books_of(&database, Strategy::SelectIn)?]).await?;
    assert_eq!(
        (titles(&all[0])?, sorted(titles(&all[2])?)),
        (vec![], vec!["Atlas".to_owned(), "Momo".to_owned()])
    );
    session.rollback_savepoint().await?;
    assert_eq!((titles(&all[0])?, titles(&all[2])?), (vec!["Momo".to_owned()], vec!["Atlas".to_owned()]));
    assert_eq!(sorted(words(&found[0])?), ["fun", "old"]);
    session.commit().await?;
    assert_eq!(count(&database, "taggings").await?, 4);
    Ok(())
}

async fn undone_deletions_make_members_again(database: Database) -> Result<()> {
    tagged(&database).await?;
    let mut session = database.session();
    let all = tags(&database, &mut session, vec![books_of(&database, Strategy::SelectIn)?]).await?;
    session.delete(&all[0])?;
    session.flush().await?;
    let found = books(&database, &mut session, vec![tags_of(&database, Strategy::SelectIn)?]).await?;
    assert_eq!(words(&found[0])?, ["old"]);
    session.rollback().await?;
    assert_eq!(sorted(words(&found[0])?), ["fun", "old"]);
    Ok(())
}

async fn rows_that_are_gone_are_noticed(database: Database) -> Result<()> {
    tagged(&database).await?;
    let mut session = database.session();
    let found = books(&database, &mut session, vec![tags_of(&database, Strategy::SelectIn)?]).await?;
    database.rows("DELETE FROM taggings WHERE tag_id = 1").await?;
    found[0].relate("tags", vec![])?;
    let error = session.commit().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::StaleRow { expected: 2, matched: 1, .. }), "{error}");
    session.rollback().await?;
    assert_eq!(words(&found[0])?.len(), 2);
    Ok(())
}

async fn new_members_of_lists_without_cascade_are_refused(database: Database) -> Result<()> {
    let mut session = database.session();
    let (book, tag) = (database.book("Momo"), database.tag("fun"));
    session.add(&book)?;
    session.add(&tag)?;
    session.commit().await?;
    session.expunge(&tag)?;
    book.relate("tags", vec![tag.clone()])?;
    let error = session.flush().await.unwrap_err().to_string();
    assert!(error.contains("Book.tags refers to a Tag that is not of this session"), "{error}");
    session.rollback().await?;
    assert_eq!((tag.state(), count(&database, "taggings").await?), (State::Detached, 0));
    Ok(())
}

async fn pending_links_show_in_lists_that_are_loaded(database: Database) -> Result<()> {
    tagged(&database).await?;
    let mut session = database.session();
    let found = books(&database, &mut session, vec![tags_of(&database, Strategy::SelectIn)?]).await?;
    let all = tags(&database, &mut session, vec![]).await?;
    session.pauses().fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    found[1].relate("tags", vec![all[2].clone()])?;
    session.load(&all, &[], &[books_of(&database, Strategy::SelectIn)?]).await?;
    assert_eq!((titles(&all[1])?, titles(&all[2])?), (vec!["Momo".to_owned()], vec!["Eden".to_owned()]));
    session.commit().await?;
    assert_eq!(count(&database, "taggings").await?, 3);
    Ok(())
}

async fn models_are_linked_with_themselves(database: Database) -> Result<()> {
    school(&database, &mut database.session()).await?;
    let author = database.schema.model(AUTHOR);
    for strategy in BOTH {
        let mut session = database.session();
        let loads =
            ["mentors", "pupils"].map(|name| author.relation_named(name).map(|id| Load::new(id, strategy)));
        let loads = loads.into_iter().collect::<Result<Vec<_>>>()?;
        let cid = session.get(AUTHOR, &[ValueRef::Int(3)][..], &loads).await?.expect("the row is there");
        assert_eq!(sorted(names(&cid, "pupils", "name")?), ["Ann", "Ben"], "{strategy:?}");
        assert_eq!(names(&cid, "mentors", "name")?, ["Ann"], "{strategy:?}");
    }
    let lookup = resolve(&database.schema, AUTHOR, "mentors__mentors__name")?;
    let condition = Condition { lookup, values: vec![Expr::value("Ann", SqlType::Text)] };
    let condition = conditions(&database.schema, Source::plain(AUTHOR), &[condition]);
    let mut session = database.session();
    assert_eq!(session.count(&Select::entity(AUTHOR).filter(condition)).await?, 2);
    Ok(())
}

async fn many_links_are_written_and_deleted(database: Database) -> Result<()> {
    let mut session = database.session();
    let all: Vec<Record> = (0..300).map(|number| database.tag(&number.to_string())).collect();
    for number in 0..20 {
        let book = database.book(&number.to_string());
        book.relate("tags", all.clone())?;
        session.add(&book)?;
    }
    session.commit().await?;
    assert_eq!(count(&database, "taggings").await?, 6_000);
    let mut session = database.session();
    let found = books(&database, &mut session, vec![tags_of(&database, Strategy::SelectIn)?]).await?;
    assert!(found.iter().all(|book| book.related("tags").is_ok_and(|tags| tags.len() == 300)));
    for book in &found {
        book.relate("tags", book.related("tags")?.split_off(299))?;
    }
    session.commit().await?;
    assert_eq!(count(&database, "taggings").await?, 20);
    Ok(())
}

async fn merge_takes_lists_over(database: Database) -> Result<()> {
    tagged(&database).await?;
    let mut first = database.session();
    let found = books(&database, &mut first, vec![tags_of(&database, Strategy::SelectIn)?]).await?;
    let all = tags(&database, &mut first, vec![]).await?;
    first.close().await?;
    found[0].relate("tags", vec![all[2].clone()])?;
    let mut session = database.session();
    let merged = session.merge(&found[0], &[]).await?;
    assert_eq!(words(&merged)?, ["odd"]);
    session.commit().await?;
    assert_eq!(count(&database, "taggings").await?, 2);
    Ok(())
}
