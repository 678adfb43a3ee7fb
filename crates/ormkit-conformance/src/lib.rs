//! One suite of behaviour for every driver: the same test bodies run on SQLite and on PostgreSQL, through tokio.
//!
//! A test is an async function of a [`Database`]; [`on_both!`] makes a test of it for each driver. SQLite is a
//! temporary file, PostgreSQL a schema of its own on the server that `ORMKIT_TEST_POSTGRES_URL` names
//! (`scripts/with-postgres` starts one).

mod database;
mod interrupt;
mod library;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/rust.md")]
mod guide {}

pub use database::{Database, on_postgres, on_sqlite};
pub use interrupt::polled;
pub use library::{AUTHOR, BOOK, MENTORSHIP, SAMPLE, TAG, TAGGING, library};

/// Makes a test for SQLite and one for PostgreSQL of each named function, `async fn(Database) -> Result<()>`.
#[macro_export]
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[test]
                fn $test() {
                    $crate::on_sqlite(super::$test);
                }
            )+
        }

        mod postgres {
            $(
                #[test]
                fn $test() {
                    $crate::on_postgres(super::$test);
                }
            )+
        }
    };
}
