use std::sync::{Arc, Mutex};

use super::{Closed, Hook, Hooks, Reason};
use crate::driver::{Batch, Effect, NoRows, Statement};
use crate::error::{Error, Result};
use crate::pool::PoolOptions;
use crate::pool::lent::Lent;
use crate::pool::tests::{SECOND, World, world_of};
use crate::testing::Steps;

/// Runs one statement on the connection.
fn hook(sql: &'static str) -> Option<Hook> {
    Some(Arc::new(move |mut lent| {
        Box::pin(async move {
            run(&mut lent, sql).await?;
            Ok(lent)
        })
    }))
}

async fn run(lent: &mut Lent, sql: &str) -> Result<()> {
    let statement = [Statement::command(sql, Effect::Read)];
    lent.run(Batch { before: &[], statements: &statement }, &mut NoRows).await
}

fn world(max: usize, hooks: Hooks) -> World {
    let options =
        PoolOptions { min: 0, max, idle_timeout: None, max_lifetime: None, ..PoolOptions::default() };
    world_of(options, hooks)
}

fn both() -> Hooks {
    Hooks { init: hook("SET a"), reset: hook("SET b"), ..Hooks::default() }
}

impl World {
    fn run(&self, lent: &mut Lent, sql: &str) {
        self.runtime.block_on(run(lent, sql)).unwrap();
    }
}

#[test]
fn init_runs_once_on_a_new_connection_and_reset_after_each_borrower() {
    let world = world(1, both());
    let mut lent = world.acquire().unwrap();
    assert_eq!(world.driver.take_log(), ["1 connect", "1 SET a"]);
    world.run(&mut lent, "SELECT 1");
    drop(lent);
    drop(world.acquire().unwrap());
    world.runtime.run_tasks();
    assert_eq!(world.driver.take_log(), ["1 SELECT 1", "1 SET b", "1 SET b"]);
    assert_eq!(world.pool.status().idle, 1);
}

#[test]
fn waiter_waits_for_reset_and_opens_no_other_connection() {
    let world = world(1, both());
    let lent = world.acquire().unwrap();
    let mut waiter = world.waiter();
    drop(lent);
    assert!(waiter.poll().is_none(), "reset runs");
    world.runtime.run_tasks();
    assert!(waiter.poll().unwrap().is_ok());
    assert_eq!(world.driver.take_log(), ["1 connect", "1 SET a", "1 SET b"]);
}

#[test]
fn session_that_a_borrower_has_changed_is_reset_and_prepared_again() {
    let world = world(1, both());
    let mut lent = world.acquire().unwrap();
    world.run(&mut lent, "SET c");
    drop(lent);
    world.runtime.run_tasks();
    let log = ["1 connect", "1 SET a", "1 SET c", "1 clean", "1 reset", "1 SET a", "1 SET b"];
    assert_eq!(world.driver.take_log(), log);
    drop(world.acquire().unwrap());
    world.runtime.run_tasks();
    assert_eq!(world.driver.take_log(), ["1 SET b"], "what callbacks set is no change");
}

#[test]
fn cancelled_operation_is_cleaned_before_reset() {
    let world = world(1, both());
    drop(world.dirty());
    world.runtime.run_tasks();
    assert_eq!(world.driver.take_log(), ["1 connect", "1 SET a", "1 clean", "1 SET b"]);
    assert_eq!(world.pool.status().idle, 1);
}

#[test]
fn error_of_init_is_the_callers_and_closes_the_connection() {
    let world = world(1, both());
    world.driver.fail("SET a", Error::interface("no"));
    assert_eq!(world.acquire().unwrap_err().to_string(), "no");
    assert_eq!(world.driver.live(), 0);
    assert!(world.acquire().is_ok());
    world.runtime.run_tasks();
    world.assert_whole();
}

#[test]
fn error_of_reset_closes_the_connection_and_is_told_to_who_listens() {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let listener = Arc::clone(&told);
    let failed: Arc<dyn Fn(Error) + Send + Sync> =
        Arc::new(move |error| listener.lock().unwrap().push(error.to_string()));
    let world = world(1, Hooks { failed: Some(failed), ..both() });
    world.driver.fail("SET b", Error::interface("no"));
    drop(world.acquire().unwrap());
    world.runtime.run_tasks();
    assert_eq!(*told.lock().unwrap(), ["no"]);
    assert_eq!(world.driver.live(), 0);
    world.assert_whole();
}

#[test]
fn callback_that_hangs_is_given_up() {
    let hang: Hook = Arc::new(|lent| {
        Box::pin(async move {
            std::future::pending::<()>().await;
            Ok(lent)
        })
    });
    let world = world(1, Hooks { init: Some(hang), ..Hooks::default() });
    let mut acquire = Steps::new(world.pool.acquire());
    (0..3).for_each(|_| assert!(acquire.poll().is_none()));
    world.runtime.advance(10 * SECOND);
    let error = acquire.poll().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the init callback did not end within 10 s");
    assert_eq!((world.driver.live(), world.pool.status().in_use), (0, 0));
}

#[test]
fn transaction_that_a_callback_leaves_open_is_refused() {
    let begin: Hook = Arc::new(|mut lent| {
        Box::pin(async move {
            let begin = [Statement::command("BEGIN", Effect::Begin { read_only: false })];
            lent.run(Batch { before: &[], statements: &begin }, &mut NoRows).await?;
            Ok(lent)
        })
    });
    let world = world(1, Hooks { init: Some(begin), ..Hooks::default() });
    let error = world.acquire().unwrap_err();
    assert_eq!(error.to_string(), "the init callback left its connection in a transaction");
    assert_eq!(world.driver.live(), 0);
}

#[test]
fn callbacks_can_be_dropped_after_every_poll() {
    for polls in 0..12 {
        let world = world(1, both());
        let mut acquire = Steps::new(world.pool.acquire());
        let lent = (0..polls).find_map(|_| acquire.poll()).map(Result::unwrap);
        drop((acquire, lent));
        world.runtime.run_tasks();
        world.assert_whole();
        // What was dropped in the middle of init was lent to nobody.
        let log = world.driver.take_log();
        assert!(!log.join(" ").contains("1 SET b") || log[1] == "1 SET a", "{log:?}");
    }
    for dropped in [true, false] {
        let world = world(1, both());
        drop(world.acquire().unwrap());
        if dropped {
            world.runtime.drop_tasks();
            assert_eq!(world.driver.live(), 0);
        }
        world.runtime.run_tasks();
        world.assert_whole();
    }
}

#[test]
fn close_is_told_of_each_connection_and_why() {
    let told: Arc<Mutex<Vec<Reason>>> = Arc::default();
    let listener = Arc::clone(&told);
    let close: Arc<dyn Fn(Closed) + Send + Sync> =
        Arc::new(move |closed| listener.lock().unwrap().push(closed.reason));
    let world = world(2, Hooks { close: Some(close), ..Hooks::default() });
    drop(world.acquire().unwrap());
    world.driver.make_stale(1);
    let lent = world.acquire().unwrap();
    world.pool.dispose();
    drop(lent);
    drop(world.acquire().unwrap());
    world.runtime.block_on(world.pool.close(SECOND));
    assert_eq!(*told.lock().unwrap(), [Reason::Lost, Reason::Disposed, Reason::Disposed]);
}

#[test]
fn connection_that_is_prepared_while_the_pool_closes_is_not_lent() {
    let world = world(1, both());
    let mut acquire = Steps::new(world.pool.acquire());
    (0..2).for_each(|_| assert!(acquire.poll().is_none()));
    let mut close = Steps::new(world.pool.close(SECOND));
    assert!(close.poll().is_none());
    let error = (0..9).find_map(|_| acquire.poll()).unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the pool is closed");
    assert_eq!(close.poll(), Some(0));
    assert_eq!(world.driver.live(), 0);
}
