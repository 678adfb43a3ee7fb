//! The pool over real connections: tasks that are aborted at any point, on tokio.

mod support;

use std::sync::Arc;
use std::time::Duration;

use ormkit_core::driver::{Batch, Health, Statement};
use ormkit_core::error::Result;
use ormkit_core::pool::{Pool, PoolOptions};
use ormkit_core::runtime::tokio::TokioRuntime;
use ormkit_core::value::ValueRef;
use ormkit_pg::{Config, PgDriver};
use support::{Recorder, begin, commit, raw, url};

fn on_tokio<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test)
}

fn pool(max: usize) -> Pool {
    let runtime = Arc::new(TokioRuntime::current());
    let driver = PgDriver::new(Config::parse(&url()).unwrap(), runtime.clone());
    Pool::new(Arc::new(driver), runtime, PoolOptions { max, ..PoolOptions::default() })
}

/// Runs one flight on a borrowed connection and answers its first cell.
async fn flight(pool: &Pool, before: &[Statement], statements: &[Statement]) -> Result<String> {
    let mut lent = pool.acquire().await?;
    assert_eq!(lent.health(), Health::Idle, "a lent connection is idle");
    let mut sink = Recorder::default();
    lent.run(Batch { before, statements }, &mut sink).await?;
    Ok(sink.rows.first().map(|row| row[0].clone()).unwrap_or_default())
}

async fn echo(pool: &Pool, number: i64, delay: f64) -> Result<String> {
    let values = [ValueRef::Int(number), ValueRef::Float(delay)];
    let query = [raw("SELECT $1::int8, pg_sleep($2::float8)", &values)];
    flight(pool, if number % 2 == 0 { &[] } else { std::slice::from_ref(BEGIN.get_or_init(begin)) }, &query)
        .await
}

static BEGIN: std::sync::OnceLock<Statement> = std::sync::OnceLock::new();

#[test]
fn aborted_tasks_leave_a_pool_whose_answers_reach_their_own_tasks() {
    on_tokio(async {
        let pool = pool(4);
        let mut tasks = Vec::new();
        for number in 0..150 {
            let (victim, other) = (pool.clone(), pool.clone());
            let delay = if number % 3 == 0 { 30.0 } else { 0.0 };
            let aborted = tokio::spawn(async move { echo(&victim, number, delay).await });
            tasks.push(tokio::spawn(async move { (number, echo(&other, -number, 0.0).await) }));
            tokio::time::sleep(Duration::from_micros(200 * (number as u64 % 20))).await;
            aborted.abort();
        }
        for task in tasks {
            let (number, answer) = task.await.unwrap();
            assert_eq!(answer.unwrap(), (-number).to_string());
        }
        assert_eq!(pool.close(Duration::from_secs(20)).await, 0);
    });
}

#[test]
fn flight_with_its_commit_is_whole_or_absent_when_aborted() {
    on_tokio(async {
        let pool = pool(2);
        let table = format!("aborted_{}", std::process::id());
        flight(&pool, &[], &[raw(&format!("CREATE TABLE {table} (n int)"), &[])]).await.unwrap();
        for delay in 0..40 {
            let (victim, sql) = (pool.clone(), format!("INSERT INTO {table} VALUES (1), (2)"));
            let insert = async move { flight(&victim, &[begin()], &[raw(&sql, &[]), commit()]).await };
            let task = tokio::spawn(insert);
            tokio::time::sleep(Duration::from_micros(100 * delay)).await;
            task.abort();
        }
        let count = flight(&pool, &[], &[raw(&format!("SELECT count(*) % 2 FROM {table}"), &[])]).await;
        flight(&pool, &[], &[raw(&format!("DROP TABLE {table}"), &[])]).await.unwrap();
        assert_eq!(count.unwrap(), "0");
    });
}

#[test]
fn what_a_statement_leaves_in_the_session_is_gone_for_the_next_borrower() {
    on_tokio(async {
        let pool = pool(1);
        let ask = async |sql: &str| flight(&pool, &[], &[raw(sql, &[])]).await.unwrap();
        let backend = ask("SELECT pg_backend_pid()::text").await;
        for change in [
            "SET application_name = 'changed'",
            "SET DateStyle = 'German'",
            "SELECT set_config('my.setting', 'changed', false)",
            "CREATE TEMPORARY TABLE left_over AS SELECT 1 AS a",
            "SELECT pg_advisory_lock(4711)",
            "LISTEN left_over",
        ] {
            ask(change).await;
            while pool.status().draining > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // The same connection, with its prepared statements, and nothing of the change.
            assert_eq!(ask("SELECT pg_backend_pid()::text").await, backend, "{change}");
            let left = ask(
                "SELECT concat_ws('|', current_setting('application_name'), current_setting('DateStyle'), \
                 current_setting('my.setting', true), to_regclass('left_over'), \
                 (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), \
                 (SELECT count(*) FROM pg_listening_channels()))",
            )
            .await;
            assert!(matches!(left.as_str(), "|ISO, MDY||0|0" | "|ISO, MDY|0|0"), "{change}: {left}");
        }
        pool.close(Duration::from_secs(1)).await;
    });
}
