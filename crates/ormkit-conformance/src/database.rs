//! A fresh database for each test.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ormkit_core::driver::{Batch, Effect, NoRows, Row, RowSink, Statement, StatementText};
use ormkit_core::error::Result;
use ormkit_core::model::{ModelId, Schema};
use ormkit_core::pool::{Pool, PoolOptions};
use ormkit_core::record::{Record, Records, Sessions};
use ormkit_core::runtime::tokio::TokioRuntime;
use ormkit_core::schema::create_all;
use ormkit_core::session::{Link, Session};
use ormkit_core::value::{Params, Value};
use ormkit_pg::PgDriver;
use ormkit_sqlite::{Config, SqliteDriver};

use crate::{AUTHOR, BOOK, MENTORSHIP, SAMPLE, TAG, library};

/// The library's tables, empty, and a pool of three connections.
pub struct Database {
    /// Its connections.
    pub pool: Pool,
    /// The library's models.
    pub schema: Arc<Schema>,
    sessions: Sessions,
}

impl Database {
    async fn create(pool: Pool) -> Result<Self> {
        let schema = library();
        create_all(&pool, &schema, &[AUTHOR, BOOK, SAMPLE, TAG, MENTORSHIP]).await?;
        Ok(Self::of(pool, schema))
    }

    fn of(pool: Pool, schema: Arc<Schema>) -> Self {
        let sessions = Sessions::new(pool.clone(), Arc::clone(&schema));
        Self { pool, schema, sessions }
    }

    /// The same, through another pool of its dialect.
    #[must_use]
    pub fn through(&self, pool: Pool) -> Self {
        Self::of(pool, Arc::clone(&self.schema))
    }

    /// A new session.
    pub fn session(&self) -> Session<Records> {
        self.sessions.open()
    }

    /// A new session for other models of the same tables.
    pub fn session_of(&self, schema: &Arc<Schema>) -> Session<Records> {
        Sessions::new(self.pool.clone(), Arc::clone(schema)).open()
    }

    /// A new author.
    pub fn author(&self, name: &str) -> Record {
        self.record(AUTHOR, "name", name)
    }

    /// A new book.
    pub fn book(&self, title: &str) -> Record {
        self.record(BOOK, "title", title)
    }

    /// A new tag.
    pub fn tag(&self, word: &str) -> Record {
        self.record(TAG, "word", word)
    }

    fn record(&self, model: ModelId, attribute: &str, value: &str) -> Record {
        Record::new(self.schema.model(model)).with(attribute, value).expect("the library has this attribute")
    }

    /// The cells of the rows that SQL without parameters answers, on a connection of its own.
    ///
    /// # Errors
    /// What the database says.
    pub async fn rows(&self, sql: &str) -> Result<Vec<Vec<Value>>> {
        let statements = [Statement::new(Arc::new(StatementText::raw(sql)), Params::new())];
        let mut rows = Cells::default();
        Link::new(self.pool.clone()).run(Batch { before: &[], statements: &statements }, &mut rows).await?;
        Ok(rows.0)
    }

    /// The only cell that SQL answers, as a number.
    ///
    /// # Errors
    /// What the database says.
    ///
    /// # Panics
    /// When the answer is something else.
    pub async fn number(&self, sql: &str) -> Result<i64> {
        match self.rows(sql).await?.as_slice() {
            [row] => match row.as_slice() {
                [Value::Int(number)] => Ok(*number),
                other => panic!("{sql} answered {other:?}"),
            },
            other => panic!("{sql} answered {} rows", other.len()),
        }
    }
}

#[derive(Default)]
struct Cells(Vec<Vec<Value>>);

impl RowSink for Cells {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        let cells = (0..row.len()).map(|index| row.cell(index).map(Value::from));
        self.0.push(cells.collect::<Result<_>>()?);
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.0.clear();
    }
}

/// Runs a test on a new file, in a folder of its own, which is removed in any case.
///
/// # Panics
/// When the test fails, or leaves a connection behind.
pub fn on_sqlite<T: Future<Output = Result<()>>>(test: impl FnOnce(Database) -> T) {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = folder.path().join("test.db");
    on_tokio(async {
        let runtime = Arc::new(TokioRuntime::current());
        let config = Config::new(ormkit_sqlite::Database::File(file));
        let driver = Arc::new(SqliteDriver::new(config, runtime.clone()));
        run(Pool::new(driver, runtime, options()), test).await.expect("the test passes");
    });
}

/// Runs a test in a new schema of the server in `ORMKIT_TEST_POSTGRES_URL`.
///
/// # Panics
/// When the test fails or leaves a connection behind, or when there is no server.
pub fn on_postgres<T: Future<Output = Result<()>>>(test: impl FnOnce(Database) -> T) {
    let url = std::env::var("ORMKIT_TEST_POSTGRES_URL")
        .expect("ORMKIT_TEST_POSTGRES_URL names no server: run the tests through scripts/with-postgres");
    let name = unique_name();
    on_tokio(async {
        let runtime = Arc::new(TokioRuntime::current());
        let config = ormkit_pg::Config::parse(&url).expect("ORMKIT_TEST_POSTGRES_URL is well-formed");
        let config = config.with_setting("search_path", &name).expect("a schema's name");
        let driver = Arc::new(PgDriver::new(config, runtime.clone()));
        let admin = Pool::new(driver.clone(), runtime.clone(), options());
        execute(&admin, format!("CREATE SCHEMA {name}")).await.expect("the server answers");
        let ran = run(Pool::new(driver, runtime, options()), test).await;
        execute(&admin, format!("DROP SCHEMA {name} CASCADE")).await.expect("the server answers");
        admin.close(Duration::ZERO).await;
        ran.expect("the test passes");
    });
}

async fn run<T: Future<Output = Result<()>>>(pool: Pool, test: impl FnOnce(Database) -> T) -> Result<()> {
    test(Database::create(pool.clone()).await?).await?;
    let left = pool.close(Duration::from_secs(10)).await;
    assert_eq!(left, 0, "connections are still lent: {pool:?}");
    Ok(())
}

async fn execute(pool: &Pool, sql: String) -> Result<()> {
    let statements = [Statement::command(sql, Effect::Unknown)];
    Link::new(pool.clone()).run(Batch { before: &[], statements: &statements }, &mut NoRows).await
}

/// A name that no other test has, nor one of another process.
fn unique_name() -> String {
    static NAMES: AtomicU32 = AtomicU32::new(0);
    format!("ormkit_conformance_{}_{}", std::process::id(), NAMES.fetch_add(1, Ordering::Relaxed))
}

fn on_tokio(test: impl Future<Output = ()>) {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    tokio.expect("a tokio runtime").block_on(test);
}

fn options() -> PoolOptions {
    PoolOptions { min: 0, max: 3, ..PoolOptions::default() }
}
