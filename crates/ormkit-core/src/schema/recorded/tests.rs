use super::*;
use crate::model::{ColumnType, Constraint, Field, ModelDef, Registry};
use crate::schema::{Check, Compare, NumberingKind};

fn recorded(script: &str) -> Recorded {
    let mut recorded = Recorded::default();
    recorded.run(script).unwrap();
    recorded
}

fn table(name: &str) -> TableName {
    match name.split_once('.') {
        Some((schema, name)) => TableName { schema: Some(schema.into()), name: name.into() },
        None => TableName { schema: None, name: name.into() },
    }
}

fn columns(script: &str) -> Vec<(String, String)> {
    let recorded = recorded(script);
    let table = &recorded.catalog().tables[0];
    table.columns.iter().map(|column| (column.name.clone(), column.data_type.clone())).collect()
}

#[test]
fn types_have_the_names_that_the_server_prints() {
    for (written, printed) in [
        ("VARCHAR(50)", "character varying(50)"),
        ("int", "integer"),
        ("NUMERIC(10)", "numeric(10,0)"),
        ("decimal(10, 2)", "numeric(10,2)"),
        ("TIMESTAMP(3) WITH TIME ZONE", "timestamp(3) with time zone"),
        ("timestamptz", "timestamp with time zone"),
        ("DOUBLE PRECISION", "double precision"),
        ("FLOAT(10)", "real"),
        ("text[][]", "text[]"),
        ("INTEGER ARRAY[3]", "integer[]"),
        ("char", "character(1)"),
        ("bit varying(5)", "bit varying(5)"),
        ("interval day to second", "interval day to second"),
        ("public.\"Mood\"[]", "\"Mood\"[]"),
        ("app.mood", "app.mood"),
        ("pg_catalog.int8", "bigint"),
        ("vector(3)", "vector(3)"),
        ("BIGSERIAL", "bigint"),
    ] {
        let script = format!("CREATE TABLE t (a {written} NOT NULL DEFAULT (1) CHECK (a > 0))");
        assert_eq!(columns(&script), [("a".to_owned(), printed.to_owned())], "{written}");
    }
}

#[test]
fn a_table_has_what_its_statement_says() {
    let recorded = recorded(
        "CREATE TYPE mood AS ENUM ('good', 'bad');
         CREATE TABLE authors (id SERIAL PRIMARY KEY);
         CREATE TABLE public.Books (
            id BIGINT GENERATED ALWAYS AS IDENTITY (START WITH 1 INCREMENT BY 5),
            title VARCHAR(20) COLLATE \"C\" DEFAULT 'it''s, (so' NOT NULL,
            author INTEGER CONSTRAINT by REFERENCES authors ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
            twice BIGINT GENERATED ALWAYS AS (id * 2) STORED,
            how mood DEFAULT NULL UNIQUE,
            CONSTRAINT pk PRIMARY KEY (id, title) INCLUDE (how),
            CHECK (length(title) > 0), CHECK (author > id)
         )",
    );
    let books = recorded.catalog().table(&table("books")).unwrap();
    let numbering = books.columns[0].numbering.as_ref().unwrap();
    assert_eq!(
        (numbering.kind, &*numbering.options),
        (NumberingKind::Always, &["INCREMENT BY 5".to_owned()][..])
    );
    let title = &books.columns[1];
    assert_eq!((title.default.as_deref(), title.collation.as_deref()), (Some("'it''s, (so'"), Some("C")));
    assert_eq!(books.columns[3].computed.as_ref().unwrap().expression, "id * 2");
    assert_eq!((&books.columns[4].default, books.columns[4].nullable), (&None, true));
    let key = books.primary_key.as_ref().unwrap();
    assert_eq!((key.name.as_deref(), &*key.include), (Some("pk"), &["how".to_owned()][..]));
    let foreign = &books.foreign_keys[0];
    assert_eq!((foreign.name.as_deref(), &*foreign.referred), (Some("by"), &["id".to_owned()][..]));
    assert_eq!(foreign.timing, crate::model::Timing::Deferred);
    assert_eq!(books.uniques[0].name.as_deref(), Some("books_how_key"));
    let checks: Vec<_> = books.checks.iter().map(|check| check.name.as_deref().unwrap()).collect();
    assert_eq!(checks, ["books_title_check", "books_check"]);
    assert_eq!(
        recorded.catalog().table(&table("authors")).unwrap().primary_key.as_ref().unwrap().name.as_deref(),
        Some("authors_pkey")
    );
}

#[test]
fn changes_come_to_what_the_server_would_have() {
    let recorded = recorded(
        "CREATE TABLE t (id INT, a INT, b TEXT, CONSTRAINT u UNIQUE (a, b), CONSTRAINT c CHECK (a > 0));
         CREATE INDEX CONCURRENTLY ix ON t USING btree (lower(b) DESC, a) INCLUDE (id) WITH (fillfactor = 70) WHERE ((a > 0));
         CREATE UNIQUE INDEX uq ON t (id);
         ALTER TABLE ONLY t ADD CONSTRAINT pk PRIMARY KEY USING INDEX uq, ADD COLUMN IF NOT EXISTS a INT, ADD d DATE DEFAULT now();
         ALTER TABLE t ALTER COLUMN a TYPE BIGINT USING a::bigint, ALTER b SET NOT NULL, ALTER d DROP DEFAULT;
         ALTER TABLE t RENAME COLUMN a TO \"A\";
         ALTER TABLE t RENAME CONSTRAINT c TO c2;
         ALTER INDEX ix RENAME TO ix2;
         ALTER TABLE t RENAME TO t2;
         ALTER TABLE t2 DROP COLUMN b;
         COMMENT ON COLUMN public.t2.d IS 'it''s';
         CREATE SCHEMA app; ALTER TABLE t2 SET SCHEMA app;",
    );
    let found = recorded.catalog().table(&table("app.t2")).unwrap();
    let names: Vec<_> =
        found.columns.iter().map(|column| (column.name.as_str(), column.data_type.as_str())).collect();
    assert_eq!(names, [("id", "integer"), ("A", "bigint"), ("d", "date")]);
    assert_eq!(found.columns[2].comment.as_deref(), Some("it's"));
    assert_eq!(found.checks, [Check { name: Some("c2".into()), expression: "\"A\" > 0".into() }]);
    assert_eq!(found.primary_key.as_ref().unwrap().name.as_deref(), Some("pk"));
    assert!(found.uniques.is_empty() && found.indexes.is_empty());
}

#[test]
fn an_index_has_its_parts() {
    let recorded = recorded(
        "CREATE TABLE t (a INT, b TEXT);
         CREATE INDEX ix ON t USING gin (lower(b) gin_trgm_ops, (a + 1), b COLLATE \"C\" DESC NULLS LAST) \
            INCLUDE (a) NULLS NOT DISTINCT WITH (fillfactor = 70) WHERE ((a > 0));
         CREATE INDEX ON t (a, b);",
    );
    let indexes = &recorded.catalog().tables[0].indexes;
    let terms: Vec<_> =
        indexes[0].parts.iter().map(|part| (part.term.clone(), part.class.as_deref())).collect();
    let expression = |text: &str| crate::schema::IndexTerm::Expression(text.into());
    let column = |text: &str| crate::schema::IndexTerm::Column(text.into());
    assert_eq!(
        terms,
        [(expression("lower(b)"), Some("gin_trgm_ops")), (expression("a + 1"), None), (column("b"), None)]
    );
    assert!(indexes[0].parts[2].descending && !indexes[0].parts[2].nulls_first);
    assert_eq!(
        (&*indexes[0].storage, indexes[0].predicate.as_deref()),
        (&["fillfactor=70".to_owned()][..], Some("a > 0"))
    );
    assert_eq!(indexes[1].name, "t_a_b_idx");
}

#[test]
fn enums_gain_and_change_their_labels() {
    let recorded = recorded(
        "CREATE TYPE public.mood AS ENUM ('a', 'c');
         CREATE TABLE t (m mood, n mood[]);
         ALTER TYPE mood ADD VALUE IF NOT EXISTS 'b' BEFORE 'c'; ALTER TYPE mood ADD VALUE 'd' AFTER 'c';
         ALTER TYPE mood RENAME VALUE 'a' TO 'A'; ALTER TYPE mood RENAME TO moods;",
    );
    let kind = &recorded.catalog().enums[0];
    assert_eq!((kind.name.name.as_str(), kind.labels.join("")), ("moods", "Abcd".to_owned()));
    let types: Vec<_> =
        recorded.catalog().tables[0].columns.iter().map(|one| one.data_type.as_str()).collect();
    assert_eq!(types, ["moods", "moods[]"]);
}

#[test]
fn what_makes_no_table_is_passed_over() {
    let recorded = recorded(
        "BEGIN; SET LOCAL lock_timeout = '1s'; CREATE EXTENSION IF NOT EXISTS citext; INSERT INTO t VALUES (';');
         CREATE VIEW v AS SELECT 1; ALTER TABLE v OWNER TO me; DROP VIEW v; CREATE TEMP TABLE temporary (a INT);
         CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN CREATE TABLE x (a INT); END $$ LANGUAGE plpgsql;
         CREATE TABLE parts (a INT) PARTITION BY RANGE (a); CREATE TABLE part1 PARTITION OF parts DEFAULT; DROP TABLE part1;
         WITH gone AS (DELETE FROM parts RETURNING a) INSERT INTO parts SELECT a FROM gone; DROP TABLE IF EXISTS nothing;
         SELECT setval('s', 1); CREATE TRIGGER g BEFORE INSERT ON parts EXECUTE FUNCTION f(); COMMIT",
    );
    let names: Vec<_> = recorded.catalog().tables.iter().map(|table| table.name.name.as_str()).collect();
    assert_eq!(names, ["parts"]);
}

#[test]
fn script_of_a_dump_names_every_schema() {
    let script = "SELECT pg_catalog.set_config('search_path', '', false); CREATE TABLE public.t (a INT)";
    assert_eq!(recorded(script).catalog().tables[0].name.to_string(), "t");
}

#[test]
fn what_cannot_be_followed_is_an_error() {
    for (script, said) in [
        ("DO $$ BEGIN CREATE TABLE t (a INT); END $$", "what DO does to tables is not to be seen"),
        ("CREATE TABLE t AS SELECT 1", "columns of this table are not said"),
        ("SELECT * INTO t FROM u", "SELECT INTO"),
        ("CREATE TABLE t (LIKE u)", "LIKE"),
        ("SET search_path TO app", "`search_path`"),
        ("SELECT pg_catalog.set_config('search_path', 'app', false)", "`search_path`"),
        ("ALTER TABLE nowhere ADD a INT", "there is no table `nowhere`"),
        ("CREATE TABLE t (a INT); ALTER TABLE t DROP COLUMN b", "`t` has no column `b`"),
        ("CREATE TABLE t (a INT); ALTER TABLE t DROP CONSTRAINT b", "`t` has no constraint `b`"),
        ("DROP INDEX nowhere", "there is no index `nowhere`"),
        ("CREATE TABLE t (a INT", "closing parenthesis"),
        ("ALTER TABLE", "expected a name"),
    ] {
        let error = Recorded::default().run(script).unwrap_err().to_string();
        assert!(error.contains(said), "{script}: {error}");
    }
}

#[test]
fn names_that_are_made_are_cut_as_the_server_cuts_them() {
    let long = "a".repeat(60);
    let script =
        format!("CREATE TABLE {long} (b INT UNIQUE, {long} INT UNIQUE, UNIQUE (b, {long}), UNIQUE (b))");
    let recorded = recorded(&script);
    let names: Vec<_> =
        recorded.catalog().tables[0].uniques.iter().map(|one| one.name.as_deref().unwrap()).collect();
    let (half, most) = ("a".repeat(29), "a".repeat(57));
    assert_eq!(names[0], format!("{most}_b_key"));
    assert_eq!(names[1], format!("{half}_{half}_key"));
    assert!(names.iter().all(|name| name.len() <= 63) && names[3] == format!("{}_b_key1", "a".repeat(56)));
}

#[test]
fn models_are_compared_with_what_is_on_record() {
    let mut name = Field::new("name", ColumnType::VarChar(20)).required();
    name.index = true;
    let mut def =
        ModelDef::new("User", "users", vec![Field::new("id", ColumnType::Integer).key().numbered(), name]);
    def.constraints
        .push(Constraint::Check { name: Some("ck".into()), condition: "name IN ('a', 'b')".into() });
    let mut registry = Registry::new();
    registry.declare(ModelDef { module: "app".into(), ..def }).unwrap();
    let schema = registry.freeze().unwrap();
    let models = [schema.models()[0].id];
    let steps = |recorded: &Recorded| {
        let compared = Compare::default().beside(recorded, &schema, &models).unwrap();
        compared.operations.iter().map(|step| step.sql(POSTGRES).unwrap()).collect::<Vec<_>>()
    };
    let mut made = Recorded::default();
    for statement in steps(&made) {
        made.run(&statement).unwrap();
    }
    assert_eq!(steps(&made), Vec::<String>::new());
    // As the server prints it.
    let there = recorded(
        "CREATE TABLE users (id SERIAL PRIMARY KEY, name VARCHAR(20) NOT NULL, old INTEGER,
            CONSTRAINT ck CHECK (((name)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))));
         CREATE INDEX ix ON users (name)",
    );
    assert_eq!(steps(&there), ["ALTER TABLE users DROP COLUMN old"]);
}
