//! A table of SQLite that is rebuilt loses nothing.

use ormkit_conformance::{Database, on_sqlite, polled};
use ormkit_core::driver::Scope;
use ormkit_core::error::Result;
use ormkit_core::model::TableName;
use ormkit_core::schema::{Catalog, Change, Column, Operation, Part, introspect, migrate};
use ormkit_core::session::Link;
use ormkit_core::value::Value;

fn items() -> TableName {
    TableName { schema: None, name: "items".into() }
}

fn retyped(column: &str) -> Operation {
    let (from, to) = (("TEXT".to_owned(), None), ("INTEGER".to_owned(), None));
    Operation::Alter { table: items(), column: column.into(), change: Change::Type { from, to } }
}

async fn made(database: &Database, script: &[&str]) -> Result<Catalog> {
    for sql in script {
        database.rows(sql).await?;
    }
    introspect(&mut Link::new(database.pool.clone()), &Scope::Default).await
}

async fn texts(database: &Database) -> Result<Vec<Vec<Value>>> {
    database
        .rows("SELECT type, name, sql FROM sqlite_schema WHERE type IN ('trigger', 'view') ORDER BY 1, 2")
        .await
}

#[test]
fn rows_numbers_triggers_views_counters_and_keys_stay() {
    on_sqlite(async |database| {
        let catalog = made(
            &database,
            &[
                "CREATE TABLE items (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT COLLATE NOCASE, n TEXT,
                    twice AS (n * 2) STORED,
                    parent INTEGER REFERENCES items ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, UNIQUE (code) ON CONFLICT IGNORE, CONSTRAINT pos CHECK (n > 0),
                    CHECK (code <> 'x'))",
                "CREATE TABLE notes (item_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE)",
                "CREATE TABLE log (text TEXT)",
                "CREATE INDEX ix ON items (lower(code), n DESC) WHERE n > 1",
                "CREATE VIEW big AS SELECT code, twice FROM items WHERE n > 1",
                "CREATE TRIGGER told AFTER INSERT ON items BEGIN INSERT INTO log VALUES (new.code); END",
                "CREATE TRIGGER other AFTER DELETE ON log BEGIN UPDATE items SET n = n + 1; END",
                "INSERT INTO items (id, code, n) VALUES (1, 'a', '1'), (5, 'b', '2'), (9, 'c', '3')",
                "UPDATE items SET parent = 1 WHERE id = 5",
                "DELETE FROM items WHERE id = 9",
                "INSERT INTO notes VALUES (1), (5)",
            ],
        )
        .await?;
        let before = texts(&database).await?;
        let mut link = Link::new(database.pool.clone());
        migrate(&mut link, &catalog, &[retyped("n")]).await?;
        assert_eq!(texts(&database).await?, before);
        let rows = database.rows("SELECT id, code, n, twice, parent FROM items ORDER BY id").await?;
        let row = |id: i64, code: &str, n: i64, parent: Option<i64>| {
            vec![
                Value::Int(id),
                Value::from(code),
                Value::Int(n),
                Value::Int(n * 2),
                parent.map_or(Value::Null, Value::Int),
            ]
        };
        assert_eq!(rows, [row(1, "a", 1, None), row(5, "b", 2, Some(1))]);
        assert_eq!(database.number("SELECT count(*) FROM notes").await?, 2);
        assert_eq!(database.number("SELECT count(*) FROM log").await?, 3, "copying fires no trigger");
        // The counter goes on behind the highest number that there ever was.
        database.rows("INSERT INTO items (code, n) VALUES ('d', 4)").await?;
        assert_eq!(database.number("SELECT max(id) FROM items").await?, 10);
        assert_eq!(database.number("SELECT count(*) FROM log").await?, 4);
        // Words of ON CONFLICT, checks and keys are as they were.
        database.rows("INSERT INTO items (code, n) VALUES ('D', 4)").await?;
        assert_eq!(database.number("SELECT count(*) FROM items").await?, 3);
        assert!(database.rows("INSERT INTO items (code, n) VALUES ('e', 0)").await.is_err());
        assert!(database.rows("INSERT INTO notes VALUES (77)").await.is_err());
        database.rows("DELETE FROM items WHERE id = 1").await?;
        assert_eq!(database.number("SELECT count(*) FROM notes").await?, 0);
        let after = introspect(&mut link, &Scope::Default).await?;
        let mut expected = catalog;
        expected.apply(&retyped("n"), link.dialect());
        assert_eq!(after, expected);
        Ok(())
    });
}

#[test]
fn rows_keep_their_numbers_without_a_key() {
    on_sqlite(async |database| {
        let catalog = made(
            &database,
            &[
                "CREATE TABLE items (rowid TEXT, n TEXT)",
                "INSERT INTO items (_rowid_, n) VALUES (3, '1'), (8, '2')",
            ],
        )
        .await?;
        migrate(&mut Link::new(database.pool.clone()), &catalog, &[retyped("n")]).await?;
        assert_eq!(database.rows("SELECT _rowid_ FROM items").await?, [[Value::Int(3)], [Value::Int(8)]]);
        Ok(())
    });
}

#[test]
fn column_that_a_view_or_trigger_names_is_not_dropped_under_it() {
    on_sqlite(async |database| {
        let script =
            ["CREATE TABLE items (id INTEGER PRIMARY KEY, n TEXT)", "CREATE VIEW v AS SELECT n FROM items"];
        let catalog = made(&database, &script).await?;
        let part = || Part::Column(Column::new("n", "TEXT"));
        let mut link = Link::new(database.pool.clone());
        let step = [Operation::Drop { table: items(), part: part() }];
        assert!(
            migrate(&mut link, &catalog, &step).await.unwrap_err().to_string().contains("no such column")
        );
        database.rows("DROP VIEW v").await?;
        database.rows("CREATE TRIGGER t AFTER DELETE ON items BEGIN SELECT old.n; END").await?;
        assert!(
            migrate(&mut link, &catalog, &step).await.unwrap_err().to_string().contains("no such column")
        );
        assert_eq!(introspect(&mut link, &Scope::Default).await?.table(&items()), catalog.table(&items()));
        database.rows("DROP TRIGGER t").await?;
        migrate(&mut link, &catalog, &step).await?;
        Ok(())
    });
}

#[test]
fn rows_that_refer_to_nothing_undo_the_migration() {
    on_sqlite(async |database| {
        let catalog = made(
            &database,
            &[
                "CREATE TABLE items (id INTEGER PRIMARY KEY, n TEXT)",
                "CREATE TABLE notes (item_id INTEGER REFERENCES items (id))",
                "INSERT INTO items VALUES (1, '2')",
                "INSERT INTO notes VALUES (1)",
            ],
        )
        .await?;
        let mut link = Link::new(database.pool.clone());
        let table = catalog.table(&items()).unwrap().clone();
        let steps = [Operation::DropTable(table.clone()), Operation::CreateTable(table), retyped("n")];
        let error = migrate(&mut link, &catalog, &steps).await.unwrap_err().to_string();
        assert!(error.contains("1 row(s) of `notes` refer to rows of `items`"), "{error}");
        assert_eq!(database.number("SELECT id FROM items").await?, 1);
        Ok(())
    });
}

#[test]
fn foreign_keys_are_checked_again_after_a_migration_that_failed() {
    on_sqlite(async |database| {
        let catalog = made(
            &database,
            &["CREATE TABLE items (id INTEGER PRIMARY KEY, n TEXT)", "INSERT INTO items VALUES (1, NULL)"],
        )
        .await?;
        let change = Change::Nullable(false);
        let step = Operation::Alter { table: items(), column: "n".into(), change };
        assert!(migrate(&mut Link::new(database.pool.clone()), &catalog, &[step]).await.is_err());
        assert!(database.rows("INSERT INTO books (title, author_id) VALUES ('x', 77)").await.is_err());
        Ok(())
    });
}

/// More polls than the migration takes.
const MOST: usize = 400;

#[test]
fn a_rebuild_can_be_dropped_anywhere_and_is_all_or_nothing() {
    on_sqlite(async |database| {
        let before = made(
            &database,
            &[
                "CREATE TABLE items (id INTEGER PRIMARY KEY, code TEXT, n TEXT)",
                "CREATE TABLE notes (item_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE)",
                "CREATE INDEX ix ON items (code)",
                "CREATE VIEW codes AS SELECT code FROM items",
                "INSERT INTO items SELECT id, 'c' || id, id
                    FROM (WITH RECURSIVE x (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM x LIMIT 200) SELECT id FROM x)",
                "INSERT INTO notes SELECT id FROM items",
            ],
        )
        .await?;
        for polls in 0..MOST {
            let mut link = Link::new(database.pool.clone());
            let done = polled(polls, migrate(&mut link, &before, &[retyped("n")])).await;
            link.rollback().await;
            let after = introspect(&mut Link::new(database.pool.clone()), &Scope::Default).await?;
            let wanted = before.tables.iter().zip(&after.tables).all(|(before, after)| {
                let (mut before, mut after) = (before.clone(), after.clone());
                for table in [&mut before, &mut after] {
                    table.columns.iter_mut().filter(|column| column.name == "n").for_each(|column| {
                        column.data_type.clear();
                    });
                }
                before == after
            });
            assert!(wanted, "{polls} polls left {after:?}");
            assert_eq!(database.number("SELECT sum(n) FROM items").await?, 20_100);
            assert_eq!(database.number("SELECT count(*) FROM notes").await?, 200, "ON DELETE CASCADE slept");
            assert!(
                database.rows("INSERT INTO notes VALUES (999)").await.is_err(),
                "foreign keys are on again"
            );
            // A COMMIT that was on its way may have come through.
            if done.transpose()?.is_some() || after != before {
                assert_eq!(
                    after.table(&items()).and_then(|table| table.column("n")).unwrap().data_type,
                    "INTEGER"
                );
                return Ok(());
            }
        }
        panic!("the rebuild never came to an end");
    });
}
