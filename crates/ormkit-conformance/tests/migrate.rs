//! From one schema to another and back: whatever the two are, a second look finds nothing left to do.

mod support;

use ormkit_conformance::{Database, on_both, on_postgres};
use ormkit_core::driver::Scope;
use ormkit_core::error::Result;
use ormkit_core::schema::{
    Catalog, Change, Column, Numbering, NumberingKind, Operation, Part, Renames, diff, introspect, migrate,
};
use ormkit_core::session::Link;
use ormkit_core::sql::DialectName;
use ormkit_core::value::Value;
use support::Chance;

on_both!(
    schemas_by_chance_are_reached_and_left_again,
    steps_back_undo_steps,
    names_follow_hints_and_rows_stay,
    failing_migration_leaves_everything_as_it_was,
    nothing_is_left_for_a_second_look_at_models,
    what_other_tools_name_otherwise_is_no_difference,
);

const SCHEMAS: u64 = 40;

async fn found(link: &mut Link) -> Result<Catalog> {
    introspect(link, &Scope::Default).await
}

/// Goes to `wanted`, and finds nothing left to do; the answer is what was done.
async fn reach(link: &mut Link, wanted: &Catalog) -> Result<Vec<Operation>> {
    let before = found(link).await?;
    let steps = diff(wanted, &before, &Renames::default(), link.dialect());
    migrate(link, &before, &steps).await?;
    let after = found(link).await?;
    let left = diff(wanted, &after, &Renames::default(), link.dialect());
    assert!(left.is_empty(), "left: {left:#?}\nafter {steps:#?}");
    let mut foretold = before;
    steps.iter().for_each(|step| foretold.apply(step, link.dialect()));
    let differs = diff(&after, &foretold, &Renames::default(), link.dialect());
    assert!(differs.is_empty(), "foretold otherwise: {differs:#?}");
    Ok(steps)
}

async fn schemas_by_chance_are_reached_and_left_again(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    let postgres = link.dialect().name == DialectName::Postgres;
    reach(&mut link, &Catalog::default()).await?;
    for seed in 1..=SCHEMAS {
        let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (one, other) = (support::catalog(&mut chance, postgres), support::catalog(&mut chance, postgres));
        for wanted in [&one, &other, &one] {
            reach(&mut link, wanted).await.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{error:?}"));
        }
    }
    Ok(())
}

async fn steps_back_undo_steps(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    let dialect = link.dialect();
    for seed in 1..=SCHEMAS {
        let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        reach(&mut link, &support::catalog(&mut chance, dialect.name == DialectName::Postgres)).await?;
        let before = found(&mut link).await?;
        let wanted = support::catalog(&mut chance, dialect.name == DialectName::Postgres);
        let steps = diff(&wanted, &before, &Renames::default(), dialect);
        let Some(back) = steps.iter().rev().map(Operation::reverse).collect::<Option<Vec<_>>>() else {
            continue;
        };
        migrate(&mut link, &before, &steps).await?;
        let there = found(&mut link).await?;
        migrate(&mut link, &there, &back.concat())
            .await
            .unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        let left = diff(&before, &found(&mut link).await?, &Renames::default(), dialect);
        assert!(left.is_empty(), "seed {seed}: {left:#?}");
    }
    Ok(())
}

async fn names_follow_hints_and_rows_stay(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    database.rows("CREATE TABLE people (id INTEGER PRIMARY KEY, mail TEXT, CHECK (mail <> ''))").await?;
    database.rows("CREATE TABLE pets (owner INTEGER REFERENCES people (id))").await?;
    database.rows("INSERT INTO people VALUES (7, 'a@b')").await?;
    let before = found(&mut link).await?;
    let renames = Renames {
        tables: vec![(support::name("people"), "users".into())],
        columns: vec![(support::name("users"), "mail".into(), "email".into())],
    };
    let dialect = link.dialect();
    let mut wanted = before.clone();
    wanted.apply(&Operation::RenameTable { from: support::name("people"), to: "users".into() }, dialect);
    let (from, to) = ("mail".into(), "email".into());
    wanted.apply(&Operation::RenameColumn { table: support::name("users"), from, to }, dialect);
    let steps = diff(&wanted, &before, &renames, dialect);
    assert_eq!(steps.len(), 2, "{steps:#?}");
    migrate(&mut link, &before, &steps).await?;
    assert_eq!(database.rows("SELECT id, email FROM users").await?, [[Value::Int(7), Value::from("a@b")]]);
    let after = found(&mut link).await?;
    assert!(diff(&wanted, &after, &Renames::default(), dialect).is_empty());
    let pets = after.table(&support::name("pets")).unwrap();
    assert_eq!(pets.foreign_keys[0].table, support::name("users"), "what refers to a table follows its name");
    Ok(())
}

async fn failing_migration_leaves_everything_as_it_was(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    database.rows("CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, a TEXT)").await?;
    database.rows("INSERT INTO t VALUES (1, NULL)").await?;
    let before = found(&mut link).await?;
    let mut wanted = before.clone();
    let t = support::name("t");
    let column = before.table(&t).unwrap().column("a").unwrap().clone();
    wanted.apply(
        &Operation::Add { table: t.clone(), part: Part::Column(Column { name: "b".into(), ..column }) },
        link.dialect(),
    );
    let change = Change::Nullable(false);
    wanted.apply(&Operation::Alter { table: t, column: "a".into(), change }, link.dialect());
    let steps = diff(&wanted, &before, &Renames::default(), link.dialect());
    assert!(migrate(&mut link, &before, &steps).await.is_err());
    assert!(!link.in_transaction());
    assert_eq!(found(&mut link).await?, before);
    assert_eq!(database.number("SELECT count(*) FROM t").await?, 1);
    Ok(())
}

async fn nothing_is_left_for_a_second_look_at_models(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    let models: Vec<_> = database.schema.models().iter().map(|model| model.id).collect();
    let wanted = ormkit_core::schema::wanted(&mut link, &database.schema, &models).await?;
    assert!(reach(&mut link, &wanted).await?.is_empty());
    reach(&mut link, &Catalog::default()).await?;
    assert!(found(&mut link).await?.tables.is_empty());
    reach(&mut link, &wanted).await?;
    let mut session = database.session();
    session.add(&database.author("Ada"))?;
    session.commit().await?;
    assert_eq!(database.number("SELECT count(*) FROM authors").await?, 1);
    Ok(())
}

async fn what_other_tools_name_otherwise_is_no_difference(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    let (ours, theirs) = match link.dialect().name {
        DialectName::Postgres => (
            "CREATE TABLE t (id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, email VARCHAR(10), boss INTEGER,
                CONSTRAINT uq UNIQUE (email), CONSTRAINT fk FOREIGN KEY (boss) REFERENCES t (id))",
            "CREATE TABLE t (boss INTEGER REFERENCES t ON DELETE NO ACTION, id SERIAL CONSTRAINT k PRIMARY KEY,
                email CHARACTER VARYING(10) UNIQUE)",
        ),
        DialectName::Sqlite => (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT, boss INTEGER, at TEXT, up INTEGER,
                CONSTRAINT uq UNIQUE (email), CONSTRAINT fk FOREIGN KEY (boss) REFERENCES t (id))",
            "CREATE TABLE t (boss INT REFERENCES t, id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
                email VARCHAR(10) UNIQUE, at DATETIME, up BOOLEAN)",
        ),
    };
    database.rows(ours).await?;
    database.rows("CREATE INDEX ours ON t (email, id)").await?;
    let wanted = found(&mut link).await?;
    database.rows("DROP TABLE t").await?;
    database.rows(theirs).await?;
    database.rows("CREATE INDEX theirs ON t (email, id)").await?;
    let left = diff(&wanted, &found(&mut link).await?, &Renames::default(), link.dialect());
    assert!(left.is_empty(), "{left:#?}");
    Ok(())
}

#[test]
fn postgres_numbering_goes_on_behind_what_there_is() {
    on_postgres(async |database| {
        let mut link = Link::new(database.pool.clone());
        for (rows, start, next) in [
            ("VALUES (1), (20)", "", 21),
            ("VALUES (3)", "START WITH 10", 11),
            ("SELECT 1 WHERE FALSE", "START WITH 10", 10),
        ] {
            database.rows("CREATE TABLE t (id INTEGER NOT NULL, n INTEGER)").await?;
            database.rows(&format!("INSERT INTO t (id) {rows}")).await?;
            let mut wanted = found(&mut link).await?;
            let options = Some(start.to_owned()).filter(|start| !start.is_empty()).into_iter().collect();
            let to = Some(Numbering { kind: NumberingKind::ByDefault, options });
            let change = Change::Numbering { from: None, to };
            wanted.apply(
                &Operation::Alter { table: support::name("t"), column: "id".into(), change },
                link.dialect(),
            );
            reach(&mut link, &wanted).await?;
            database.rows("INSERT INTO t (n) VALUES (0)").await?;
            assert_eq!(database.number("SELECT id::int8 FROM t WHERE n = 0").await?, next);
            database.rows("DROP TABLE t").await?;
        }
        Ok(())
    });
}
