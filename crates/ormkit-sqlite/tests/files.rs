//! Files: which mode they get, what is left of the WAL.

mod support;

use ormkit_core::value::{Params, Value};
use support::*;

fn journal_mode(connection: &mut Box<dyn ormkit_core::driver::Connection>) -> Value {
    sql(connection, "PRAGMA journal_mode").unwrap().rows[0][0].clone()
}

#[test]
fn new_file_is_put_into_wal_mode() {
    let file = File::new();
    let mut connection = connect(&file.driver());
    assert_eq!(journal_mode(&mut connection), Value::from("wal"));
}

#[test]
fn mode_of_an_existing_file_stays() {
    let file = File::new();
    let mut config = ormkit_sqlite::Config::parse(&format!("sqlite:///{}", file.0.display())).unwrap();
    config.mode = ormkit_sqlite::Mode::ReadWrite;
    std::fs::write(&file.0, "").unwrap();
    // Not asked to create: the empty file gets SQLite's own default.
    let driver = ormkit_sqlite::SqliteDriver::new(config, std::sync::Arc::new(Threads));
    sql(&mut connect(&driver), "CREATE TABLE t (id INTEGER)").unwrap();
    drop(driver);
    let mut connection = connect(&file.driver());
    assert_eq!(journal_mode(&mut connection), Value::from("delete"));
    run(&mut connection, &[write("INSERT INTO t VALUES (1)", true, Params::new())]).unwrap();
    assert_eq!(int(&mut connection, "SELECT count(*) FROM t"), 1);
    assert!(!file.wal().exists());
}

#[test]
fn wal_is_moved_into_the_database_when_the_engine_is_closed() {
    let file = File::new();
    let driver = file.driver();
    let mut connection = connect(&driver);
    sql(&mut connection, "CREATE TABLE t (id INTEGER)").unwrap();
    assert!(file.wal().exists());
    drop((connection, driver));
    assert!(!file.wal().exists());
    assert!(std::fs::metadata(&file.0).unwrap().len() > 0);
}

#[test]
fn wal_does_not_grow_without_end() {
    let file = File::new();
    let driver = file.driver();
    let mut connection = connect(&driver);
    sql(&mut connection, "CREATE TABLE t (body BLOB)").unwrap();
    // 64 MB in all, a transaction each: without checkpoints the WAL would hold all of it.
    for _ in 0..1_000 {
        run(&mut connection, &[write("INSERT INTO t VALUES (zeroblob(65536))", true, Params::new())])
            .unwrap();
        if std::fs::metadata(&file.0).unwrap().len() > 1_000_000 {
            return;
        }
    }
    panic!("no checkpoint has written into the database");
}

#[test]
fn immutable_file_is_read() {
    let file = File::new();
    sql(&mut connect(&file.driver()), "CREATE TABLE t AS SELECT 5 AS id").unwrap();
    let driver = driver(&format!("sqlite:///{}?mode=ro&immutable=1", file.0.display()));
    assert_eq!(int(&mut connect(&driver), "SELECT id FROM t"), 5);
}

#[test]
fn foreign_keys_are_on_and_double_quotes_are_names() {
    let file = File::new();
    let mut connection = connect(&file.driver());
    assert_eq!(sql(&mut connection, "PRAGMA foreign_keys").unwrap().rows, [[Value::Int(1)]]);
    sql(&mut connection, "SELECT \"no such column\"").err().unwrap();
    sql(&mut connection, "CREATE TABLE t (id INTEGER CHECK (id <> \"x\"))").err().unwrap();
}

#[test]
fn file_of_a_stranger_is_kept_from_doing_harm() {
    let file = File::new();
    let mut owner = connect(&file.driver());
    sql(&mut owner, "CREATE TABLE t (id INTEGER)").unwrap();
    drop(owner);
    for (parameter, harmless) in [("", false), ("?trusted=0", true)] {
        let url = format!("sqlite:///{}{parameter}", file.0.display());
        let config = ormkit_sqlite::Config::parse(&url).unwrap();
        let driver = ormkit_sqlite::SqliteDriver::new(config, std::sync::Arc::new(Threads));
        let mut connection = connect(&driver);
        assert_eq!(int(&mut connection, "PRAGMA trusted_schema"), i64::from(!harmless));
        assert_eq!(int(&mut connection, "PRAGMA cell_size_check"), i64::from(harmless));
        sql(&mut connection, "PRAGMA writable_schema=ON").unwrap();
        let rewritten = sql(&mut connection, "UPDATE sqlite_schema SET sql = sql WHERE name = 't'");
        assert_eq!(rewritten.is_err(), harmless, "{parameter}");
    }
}

#[test]
fn bundled_sqlite_has_no_known_hole() {
    // CVE-2026-11824 is mended in 3.53.2.
    assert!(rusqlite::version_number() >= 3_053_002, "{}", rusqlite::version());
}
