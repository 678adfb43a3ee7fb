//! What the databases say of tables that were made by hand.

use ormkit_conformance::{Database, on_both, on_postgres, on_sqlite};
use ormkit_core::driver::Scope;
use ormkit_core::error::Result;
use ormkit_core::model::TableName;
use ormkit_core::schema::{Catalog, IndexTerm, NumberingKind, Table, Timing, introspect};
use ormkit_core::session::Link;
use ormkit_core::value::Value;

on_both!(models_tables_are_found, views_are_told_from_tables, reading_sees_the_open_transaction);

async fn catalog(database: &Database) -> Result<Catalog> {
    introspect(&mut Link::new(database.pool.clone()), &Scope::Default).await
}

async fn made(database: &Database, script: &[&str]) -> Result<Catalog> {
    for sql in script {
        database.rows(sql).await?;
    }
    catalog(database).await
}

async fn schema_name(database: &Database) -> Result<String> {
    match &database.rows("SELECT current_schema()::text").await?[0][0] {
        Value::Text(name) => Ok(name.to_string()),
        other => panic!("{other:?}"),
    }
}

fn table<'a>(catalog: &'a Catalog, name: &str) -> &'a Table {
    catalog.table(&TableName { schema: None, name: name.into() }).expect("the table was made")
}

async fn models_tables_are_found(database: Database) -> Result<()> {
    let catalog = catalog(&database).await?;
    let names: Vec<&str> = catalog.tables.iter().map(|table| &*table.name.name).collect();
    assert_eq!(names, ["authors", "books", "mentorships", "samples", "taggings", "tags"]);
    let books = table(&catalog, "books");
    assert_eq!(books.primary_key.as_ref().unwrap().columns, ["id"]);
    assert_eq!(books.foreign_keys[0].table.name, "authors");
    assert!(!books.column("title").unwrap().nullable);
    Ok(())
}

async fn views_are_told_from_tables(database: Database) -> Result<()> {
    let catalog = made(&database, &["CREATE VIEW titles AS SELECT title FROM books"]).await?;
    assert_eq!(catalog.views[0].name.name, "titles");
    assert!(catalog.views[0].definition.contains("SELECT"));
    assert_eq!(catalog.tables.len(), 6);
    Ok(())
}

async fn reading_sees_the_open_transaction(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    link.begin()?;
    link.run_script("CREATE TABLE fresh (id INTEGER)").await?;
    let inside = introspect(&mut link, &Scope::Default).await?;
    assert!(link.in_transaction());
    link.rollback().await;
    assert_eq!((inside.tables.len(), catalog(&database).await?.tables.len()), (7, 6));
    Ok(())
}

#[test]
fn postgres_tells_columns_in_its_own_words() {
    on_postgres(async |database| {
        let catalog = made(
            &database,
            &[
                "CREATE TYPE mood AS ENUM ('sad', 'it''s')",
                "CREATE TABLE t (
                    id serial PRIMARY KEY, always bigint GENERATED ALWAYS AS IDENTITY (START WITH 10 CACHE 5) NOT NULL,
                    code varchar(20) COLLATE \"C\" DEFAULT 'a', price numeric(10, 2) NOT NULL DEFAULT (1 + 2),
                    moods mood[], at timestamptz(3) DEFAULT now(), twice int GENERATED ALWAYS AS (price * 2) STORED)",
                "COMMENT ON TABLE t IS 'a table'",
                "COMMENT ON COLUMN t.code IS 'a code'",
            ],
        )
        .await?;
        let mood = catalog.enums.iter().find(|kind| kind.name.name == "mood").unwrap();
        assert_eq!(mood.labels, ["sad", "it's"]);
        let t = table(&catalog, "t");
        let types: Vec<&str> = t.columns.iter().map(|column| &*column.data_type).collect();
        let expected = [
            "integer",
            "bigint",
            "character varying(20)",
            "numeric(10,2)",
            "mood[]",
            "timestamp(3) with time zone",
            "integer",
        ];
        assert_eq!(types, expected);
        let [id, always, code, price, _, at, twice] = &t.columns[..] else { panic!("{t:?}") };
        assert_eq!(id.numbering.as_ref().map(|numbering| numbering.kind), Some(NumberingKind::Serial));
        assert_eq!(id.default, None);
        let numbering = always.numbering.as_ref().unwrap();
        assert_eq!(
            (numbering.kind, numbering.options.join(" ")),
            (NumberingKind::Always, "START WITH 10 CACHE 5".into())
        );
        assert_eq!(code.default.as_deref(), Some("'a'::character varying"));
        assert_eq!((code.collation.as_deref(), code.comment.as_deref()), (Some("C"), Some("a code")));
        assert_eq!((price.default.as_deref(), price.nullable), (Some("1 + 2"), false));
        assert_eq!(at.default.as_deref(), Some("now()"));
        let computed = twice.computed.as_ref().unwrap();
        assert_eq!((&*computed.expression, computed.stored), ("price * (2)::numeric", true));
        assert_eq!(t.comment.as_deref(), Some("a table"));
        Ok(())
    });
}

#[test]
fn postgres_tells_constraints_and_indexes_with_every_option() {
    on_postgres(async |database| {
        let catalog = made(
            &database,
            &[
                "CREATE TABLE p (a int, b int, c text, PRIMARY KEY (b, a),
                    CONSTRAINT u UNIQUE NULLS NOT DISTINCT (c) INCLUDE (a) DEFERRABLE INITIALLY DEFERRED,
                    CONSTRAINT ck CHECK (a > 0), CONSTRAINT ex EXCLUDE USING btree (c WITH =))",
                "CREATE TABLE k (x int, y int, CONSTRAINT fk FOREIGN KEY (x, y) REFERENCES p (b, a)
                    MATCH FULL ON DELETE SET NULL ON UPDATE CASCADE DEFERRABLE)",
                "CREATE UNIQUE INDEX i ON p (lower(c), b DESC NULLS LAST, c text_pattern_ops, c COLLATE \"C\")
                    INCLUDE (a) WITH (fillfactor = 70) WHERE a > 1",
                "CREATE INDEX h ON p USING hash (c)",
            ],
        )
        .await?;
        let p = table(&catalog, "p");
        assert_eq!(p.primary_key.as_ref().unwrap().columns, ["b", "a"]);
        let unique = &p.uniques[0];
        assert_eq!((&*unique.columns, &*unique.include), (&["c".to_owned()][..], &["a".to_owned()][..]));
        assert!(unique.nulls_not_distinct && unique.timing == Timing::Deferred);
        assert_eq!(p.checks[0].expression, "a > 0");
        assert_eq!(p.exclusions[0].definition, "EXCLUDE USING btree (c WITH =)");
        let key = &table(&catalog, "k").foreign_keys[0];
        assert_eq!((&*key.columns.join(","), &*key.referred.join(",")), ("x,y", "b,a"));
        assert_eq!((key.on_delete.as_deref(), key.on_update.as_deref()), (Some("SET NULL"), Some("CASCADE")));
        assert!(key.match_full && key.timing == Timing::Deferrable);
        let [hash, index] = &p.indexes[..] else { panic!("{:?}", p.indexes) };
        assert_eq!(hash.method.as_deref(), Some("hash"));
        assert!(index.unique && index.method.is_none());
        assert_eq!(index.columns(), [None, Some("b"), Some("c"), Some("c")]);
        assert_eq!(index.parts[0].term, IndexTerm::Expression("lower(c)".into()));
        assert!(index.parts[1].descending && !index.parts[1].nulls_first);
        assert_eq!(index.parts[2].class.as_deref(), Some("text_pattern_ops"));
        assert_eq!(index.parts[3].collation.as_deref(), Some("C"));
        assert_eq!((index.include.join(","), index.storage.join(",")), ("a".into(), "fillfactor=70".into()));
        assert_eq!(index.predicate.as_deref(), Some("a > 1"));
        Ok(())
    });
}

#[test]
fn postgres_leaves_out_other_schemas_partitions_and_temporary_tables_unless_asked() {
    on_postgres(async |database| {
        let other = format!("{}_other", schema_name(&database).await?);
        database.rows(&format!("CREATE SCHEMA {other}")).await?;
        database.rows(&format!("CREATE TABLE {other}.far (id int PRIMARY KEY)")).await?;
        database.rows(&format!("CREATE TABLE near (id int REFERENCES {other}.far)")).await?;
        database.rows("CREATE TABLE parts (id int) PARTITION BY RANGE (id)").await?;
        database.rows("CREATE TABLE part PARTITION OF parts FOR VALUES FROM (1) TO (2)").await?;
        let mut link = Link::new(database.pool.clone());
        link.pin().await?;
        link.run_script("CREATE TEMPORARY TABLE passing (id int)").await?;
        let names = |catalog: &Catalog| -> Vec<String> {
            catalog.tables.iter().map(|table| table.name.to_string()).collect()
        };
        let near = introspect(&mut link, &Scope::Default).await?;
        assert_eq!(
            names(&near),
            ["authors", "books", "mentorships", "near", "parts", "samples", "taggings", "tags"]
        );
        assert_eq!(table(&near, "near").foreign_keys[0].table.schema.as_deref(), Some(&*other));
        let both = introspect(&mut link, &Scope::Schemas(vec![other.clone()])).await?;
        assert_eq!(both.schemas, std::slice::from_ref(&other));
        assert!(names(&both).contains(&format!("{other}.far")));
        assert_eq!(names(&introspect(&mut link, &Scope::Temporary).await?), ["passing"]);
        drop(link);
        database.rows(&format!("DROP SCHEMA {other} CASCADE")).await?;
        Ok(())
    });
}

#[test]
fn sqlite_leaves_out_what_is_its_own() {
    on_sqlite(async |database| {
        let catalog = made(
            &database,
            &[
                "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE)",
                "CREATE VIRTUAL TABLE words USING fts5(word)",
                "CREATE TRIGGER t AFTER INSERT ON counted BEGIN SELECT 1; END",
                "CREATE INDEX ix ON COUNTED (name) WHERE name > ''",
            ],
        )
        .await?;
        let names: Vec<&str> = catalog.tables.iter().map(|table| &*table.name.name).collect();
        assert_eq!(names, ["authors", "books", "counted", "mentorships", "samples", "taggings", "tags"]);
        let counted = table(&catalog, "counted");
        assert_eq!((counted.indexes.len(), counted.uniques.len()), (1, 1));
        assert!(introspect(&mut Link::new(database.pool.clone()), &Scope::Schemas(vec![])).await.is_err());
        Ok(())
    });
}
