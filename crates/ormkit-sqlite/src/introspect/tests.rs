use ormkit_core::schema::{Column, IndexTerm, NumberingKind, Timing};

use super::index::index;
use super::table::table;

#[test]
fn columns_say_everything() {
    let sql = "CREATE TABLE \"my t\" (id integer PRIMARY KEY AUTOINCREMENT, -- the number, of a row
        [a b] VARCHAR(10, 2) NOT NULL ON CONFLICT IGNORE DEFAULT ('x' || 'y)') COLLATE NOCASE,
        n INT DEFAULT -1 CONSTRAINT positive CHECK (n > (0)), g TEXT GENERATED ALWAYS AS (lower(\"a b\")) STORED,
        h AS (n + 1), untyped, d DEFAULT CURRENT_TIMESTAMP REFERENCES other(x, y) ON DELETE SET NULL
            ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED) STRICT, WITHOUT ROWID";
    let table = table(sql).unwrap();
    assert_eq!(table.name.name, "my t");
    assert!(table.strict && table.without_rowid);
    let names: Vec<_> = table.columns.iter().map(|column| (&*column.name, &*column.data_type)).collect();
    assert_eq!(
        names,
        [
            ("id", "integer"),
            ("a b", "VARCHAR(10, 2)"),
            ("n", "INT"),
            ("g", "TEXT"),
            ("h", ""),
            ("untyped", ""),
            ("d", "")
        ]
    );
    let [id, ab, n, g, h, _, d] = &table.columns[..] else { panic!() };
    assert_eq!(id.numbering.as_ref().map(|numbering| numbering.kind), Some(NumberingKind::Autoincrement));
    assert!(!id.nullable);
    let expected = Column {
        nullable: false,
        default: Some("'x' || 'y)'".into()),
        collation: Some("NOCASE".into()),
        on_null: Some("IGNORE".into()),
        ..Column::new("a b", "VARCHAR(10, 2)")
    };
    assert_eq!(*ab, expected);
    assert_eq!(n.default.as_deref(), Some("-1"));
    assert_eq!(
        (table.checks[0].name.as_deref(), &*table.checks[0].expression),
        (Some("positive"), "n > (0)")
    );
    assert_eq!(
        g.computed.as_ref().map(|computed| (&*computed.expression, computed.stored)),
        Some(("lower(\"a b\")", true))
    );
    assert!(h.computed.as_ref().is_some_and(|computed| !computed.stored));
    assert_eq!(d.default.as_deref(), Some("CURRENT_TIMESTAMP"));
    let key = &table.foreign_keys[0];
    assert_eq!((&*key.table.name, key.referred.len(), key.timing), ("other", 2, Timing::Deferred));
    assert_eq!((key.on_delete.as_deref(), key.on_update.as_deref()), (Some("SET NULL"), Some("CASCADE")));
}

#[test]
fn constraints_of_the_table_say_everything() {
    let sql =
        "create table t (a, b, c, constraint pk primary key (a desc, b collate nocase) on conflict replace,
        unique (c) constraint \"q\"\"q\" check (a <> ','), foreign key (a, b) references u)";
    let table = table(sql).unwrap();
    let key = table.primary_key.unwrap();
    assert_eq!(key.columns, ["a", "b"]);
    assert_eq!(key.written.as_deref(), Some("a desc, b collate nocase"));
    assert_eq!((key.name.as_deref(), key.on_conflict.as_deref()), (Some("pk"), Some("REPLACE")));
    assert_eq!((&table.uniques[0].name, &table.uniques[0].columns), (&None, &vec!["c".to_owned()]));
    assert_eq!(table.checks[0].name.as_deref(), Some("q\"q"));
    assert!(table.foreign_keys[0].referred.is_empty());
}

#[test]
fn indexes_say_everything() {
    let sql =
        "CREATE UNIQUE INDEX ix ON \"my t\" (a COLLATE NOCASE DESC, lower(b), (a + 1), \"c\") WHERE (a > 0)";
    let (table, index) = index(sql).unwrap();
    assert_eq!((&*table.name, &*index.name, index.unique), ("my t", "ix", true));
    assert_eq!(index.predicate.as_deref(), Some("a > 0"));
    assert_eq!((index.parts[0].collation.as_deref(), index.parts[0].descending), (Some("NOCASE"), true));
    assert_eq!(index.parts[1].term, IndexTerm::Expression("lower(b)".into()));
    assert_eq!(index.columns(), [Some("a"), None, None, Some("c")]);
}

#[test]
fn what_is_no_definition_is_an_error() {
    for sql in [
        "CREATE TABLE",
        "CREATE TABLE t",
        "CREATE TABLE t (a",
        "CREATE TABLE t (a WHAT (",
        "CREATE TABLE t (a) X",
    ] {
        assert!(table(sql).is_err(), "{sql}");
    }
    assert!(index("CREATE INDEX i ON").is_err());
}
