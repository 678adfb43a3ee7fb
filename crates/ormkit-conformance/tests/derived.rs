//! What statements read from beside tables, with `Record`s.

use std::sync::Arc;

use ormkit_conformance::{AUTHOR, BOOK, Database, on_both};
use ormkit_core::error::Result;
use ormkit_core::model::FieldId;
use ormkit_core::query::{
    ArithmeticOp, CompareOp, Cte, Derived, Expr, Item, JoinKind, Order, Select, SetOp, Source,
};
use ormkit_core::value::{SqlType, Value, ValueRef};

on_both!(
    objects_of_an_alias_are_the_sessions,
    objects_come_out_of_a_subquery,
    union_answers_objects_in_order,
    recursive_cte_counts,
);

const ID: FieldId = FieldId(0);
const TITLE: FieldId = FieldId(1);
const YEAR: FieldId = FieldId(2);

/// One author of two books, and a book of nobody.
async fn fill(database: &Database) -> Result<()> {
    let mut session = database.session();
    let ende = database.author("Ende");
    let old = database.book("Jim Knopf").with("year", 1960_i64)?;
    ende.relate("books", vec![database.book("Momo").with("year", 1973_i64)?, old])?;
    session.add(&ende)?;
    session.add(&database.book("Solaris").with("year", 1961_i64)?)?;
    session.commit().await
}

fn older_than(source: impl Into<Source>, year: i64) -> Expr {
    Expr::compare(Expr::column(source, YEAR), CompareOp::Lt, Expr::value(year, SqlType::Integer))
}

async fn objects_of_an_alias_are_the_sessions(database: Database) -> Result<()> {
    fill(&database).await?;
    let mut session = database.session();
    let ende = session.get(AUTHOR, &[ValueRef::Int(1)][..], &[]).await?.expect("the row is there");
    let (author, book) = (Source::fresh(AUTHOR), Source::fresh(BOOK));
    let written = database.schema.model(BOOK).relation_named("author")?;
    let select = Select::default()
        .item(Item::Entity { source: author, fields: None })
        .select_from(book)
        .join(JoinKind::Inner, book, written, author)
        .filter(older_than(book, 1970));
    let found = session.select(&select).await?.into_objects();
    assert_eq!(found.len(), 1);
    // One object: what is changed here is seen there.
    found[0].set("name", "Michael")?;
    assert_eq!(ende.get("name")?, Value::from("Michael"));
    Ok(())
}

async fn objects_come_out_of_a_subquery(database: Database) -> Result<()> {
    fill(&database).await?;
    let newest = Select::entity(BOOK).order_by(Order::desc(Expr::column(BOOK, YEAR))).limit(2);
    let rows = Arc::new(Derived::select(&database.schema, Arc::new(newest), None)?);
    let columns = rows.fields_of(database.schema.model(BOOK))?;
    let title = Expr::part(&rows, rows.column_named("title")?);
    let select = Select::default().item(Item::Mapped { of: rows, model: BOOK, columns }).order_by(title);
    let found = database.session().select(&select).await?.into_objects();
    let titles = found.iter().map(|book| book.get("title")).collect::<Result<Vec<_>>>()?;
    assert_eq!(titles, [Value::from("Momo"), Value::from("Solaris")]);
    Ok(())
}

async fn union_answers_objects_in_order(database: Database) -> Result<()> {
    fill(&database).await?;
    let part = |condition| Arc::new(Select::entity(BOOK).filter(condition));
    let momo = Expr::column(BOOK, TITLE).eq(Expr::value("Momo", SqlType::Text));
    let parts = vec![part(older_than(BOOK, 1961)), part(momo)];
    let union = Select::set(&database.schema, SetOp::UnionAll, parts)?
        .item(Item::Entity { source: BOOK.into(), fields: None })
        .order_by(Order::desc(Expr::column(BOOK, ID)));
    let found = database.session().select(&union).await?.into_objects();
    let years = found.iter().map(|book| book.get("year")).collect::<Result<Vec<_>>>()?;
    assert_eq!(years.len(), 2);
    assert!(years.contains(&Value::Int(1960)) && years.contains(&Value::Int(1973)));
    Ok(())
}

async fn recursive_cte_counts(database: Database) -> Result<()> {
    let schema = &database.schema;
    let number = |value: i64| Expr::value(value, SqlType::Integer);
    let first = Select::default().item(Item::Value { expr: number(1), label: Some("n".into()) });
    let first = Cte::select(schema, Arc::new(first), Some("numbers"), true, None)?;
    let own = Arc::new(Derived::cte(Arc::new(first.clone())));
    let n = Expr::part(&own, 0);
    let next = Select::values([n.clone().arithmetic(ArithmeticOp::Add, number(1))]).filter(Expr::compare(
        n,
        CompareOp::Lt,
        number(4),
    ));
    let numbers = Arc::new(Derived::cte(Arc::new(first.add(schema, true, Arc::new(next))?)));
    let select = Select::values([Expr::part(&numbers, 0)]);
    assert_eq!(database.session().count(&select).await?, 4);
    Ok(())
}
