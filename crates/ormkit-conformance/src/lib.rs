//! One suite of behaviour for every driver: the same test bodies run on SQLite and on PostgreSQL, through tokio.
//!
//! A test is an async function of a [`Database`]; [`on_both!`] makes a test of it for each driver. SQLite is a
//! temporary file, PostgreSQL a schema of its own on the server that `ORMKIT_TEST_POSTGRES_URL` names
//! (`scripts/with-postgres` starts one).
//!
//! This is what a Rust program does, from models to rows:
//!
//! ```
//! use std::sync::Arc;
//!
//! use ormkit_core::model::{ColumnType, Field, ModelDef, Registry};
//! use ormkit_core::plan::Plans;
//! use ormkit_core::pool::{Pool, PoolOptions};
//! use ormkit_core::query::{CompareOp, Expr, Order, Select};
//! use ormkit_core::record::{Record, Records};
//! use ormkit_core::runtime::tokio::TokioRuntime;
//! use ormkit_core::schema::create_all;
//! use ormkit_core::session::{Session, SessionOptions};
//! use ormkit_core::value::{SqlType, Value};
//! use ormkit_sqlite::{Config, SqliteDriver};
//!
//! # async fn example() -> ormkit_core::error::Result<()> {
//! // A model: its columns, its table.
//! let mut registry = Registry::new();
//! let fields = vec![
//!     Field::new("id", ColumnType::Integer).key().numbered(),
//!     Field::new("title", ColumnType::Text).required(),
//!     Field::new("year", ColumnType::Integer),
//! ];
//! let book = registry.declare(ModelDef::new("Book", "books", fields))?;
//! let schema = registry.freeze()?;
//!
//! // A database: a driver and a pool on tokio.
//! let runtime = Arc::new(TokioRuntime::current());
//! let driver = Arc::new(SqliteDriver::new(Config::parse("sqlite::memory:")?, runtime.clone()));
//! let pool = Pool::new(driver, runtime, PoolOptions::default());
//! create_all(&pool, &schema, &[book]).await?;
//!
//! // A session: objects in, objects out.
//! let plans = Arc::new(Plans::new(pool.dialect()));
//! let records = Records::new(Arc::clone(&schema));
//! let mut session = Session::new(records, pool, Arc::clone(&schema), plans, SessionOptions::default());
//! session.host().know(session.home());
//!
//! let model = schema.model(book);
//! session.add(&Record::new(model).with("title", "Momo")?.with("year", 1973_i64)?)?;
//! session.add(&Record::new(model).with("title", "Jim Button")?.with("year", 1960_i64)?)?;
//! session.commit().await?;
//!
//! let (title, year) = (model.field_named("title")?, model.field_named("year")?);
//! let old = Expr::compare(Expr::column(book, year), CompareOp::Lt, Expr::value(1970_i64, SqlType::Integer));
//! let query = Select::entity(book).filter(old).order_by(Order::asc(Expr::column(book, title)));
//! let found = session.select(&query).await?.into_objects();
//! assert_eq!(found.len(), 1);
//! assert_eq!(found[0].get("title")?, Value::from("Jim Button"));
//!
//! // Only what has changed is written.
//! found[0].set("title", "Jim Knopf")?;
//! session.commit().await?;
//! # Ok(())
//! # }
//! # let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # tokio.block_on(example()).unwrap();
//! ```

mod database;
mod interrupt;
mod library;

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
