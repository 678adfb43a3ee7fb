//! The SQLite driver, through rusqlite.
