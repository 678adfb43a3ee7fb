use std::sync::Arc;

use super::{Link, State};
use crate::driver::{Batch, Effect, NoRows, Row, RowSink, Statement};
use crate::error::{Diagnostics, Error, ErrorClass, ErrorKind, Result, SqlState};
use crate::pool::{Pool, PoolOptions};
use crate::sql::Dialect;
use crate::testing::{FakeDriver, FakeRuntime, Steps};
use crate::value::Value;

struct World {
    driver: Arc<FakeDriver>,
    runtime: Arc<FakeRuntime>,
    pool: Pool,
}

fn world(dialect: &'static Dialect) -> World {
    let (driver, runtime) = (FakeDriver::new(dialect), FakeRuntime::new());
    let options = PoolOptions { max: 1, idle_timeout: None, max_lifetime: None, ..PoolOptions::default() };
    let pool = Pool::new(driver.clone(), runtime.clone(), options);
    World { driver, runtime, pool }
}

fn postgres() -> World {
    world(&Dialect::POSTGRES)
}

const BOTH: [&Dialect; 2] = [&Dialect::POSTGRES, &Dialect::SQLITE];

impl World {
    fn link(&self) -> Link {
        Link::new(self.pool.clone())
    }

    fn run(&self, link: &mut Link, sql: &str) -> Result<()> {
        self.runtime.block_on(run(link, sql))
    }

    /// A link inside a transaction whose BEGIN has been sent.
    fn inside(&self) -> Link {
        let mut link = self.link();
        link.begin().unwrap();
        self.run(&mut link, "INSERT 1").unwrap();
        link
    }

    fn duplicate(&self, sql: &str) {
        self.driver.fail(sql, duplicate());
    }

    /// What was sent, without the connection's number.
    fn sent(&self) -> Vec<String> {
        self.driver
            .take_log()
            .iter()
            .filter_map(|line| line.split_once(' ').map(|(_, sql)| sql.to_owned()))
            .collect()
    }

    /// The background work is done, and the only slot of the pool can be taken again.
    fn assert_whole(&self) {
        self.runtime.run_tasks();
        let status = self.pool.status();
        assert_eq!((status.in_use, status.waiting, status.draining), (0, 0, 0), "{status:?}");
        drop(self.runtime.block_on(self.pool.acquire()).unwrap());
    }
}

async fn run(link: &mut Link, sql: &str) -> Result<()> {
    let statement = [Statement::command(sql, Effect::Unknown)];
    link.run(Batch { before: &[], statements: &statement }, &mut NoRows).await
}

fn duplicate() -> Error {
    Error::new(ErrorKind::Database(Box::new(Diagnostics::new(SqlState::UNIQUE_VIOLATION, "duplicate key"))))
}

fn assert_waits_for_rollback(link: &Link) {
    assert!(link.in_transaction());
    assert_eq!(link.check().unwrap_err().class(), ErrorClass::PendingRollbackError);
}

/// How often an operation is polled until it is done.
fn polls_of<T>(mut steps: Steps<'_, T>) -> usize {
    1 + (0..).take_while(|_| steps.poll().is_none()).count()
}

#[test]
fn statement_outside_a_transaction_borrows_the_connection_for_itself() {
    let world = postgres();
    let mut link = world.link();
    world.run(&mut link, "SELECT 1").unwrap();
    assert!(!link.in_transaction());
    assert_eq!(world.sent(), ["connect", "SELECT 1"]);
    world.assert_whole();
}

#[test]
fn begin_travels_with_the_first_statement() {
    for dialect in BOTH {
        let world = world(dialect);
        let mut link = world.link();
        link.begin().unwrap();
        assert!(world.sent().is_empty());
        world.run(&mut link, "INSERT 1").unwrap();
        world.run(&mut link, "INSERT 2").unwrap();
        world.runtime.block_on(link.commit()).unwrap();
        assert_eq!(world.sent(), ["connect", dialect.begin, "INSERT 1", "INSERT 2", "COMMIT"]);
        world.assert_whole();
    }
}

#[test]
fn transaction_without_statements_sends_nothing() {
    let world = postgres();
    let mut link = world.link();
    link.begin().unwrap();
    assert_eq!(link.begin().unwrap_err().class(), ErrorClass::InvalidRequestError);
    world.runtime.block_on(link.commit()).unwrap();
    link.begin().unwrap();
    world.runtime.block_on(link.rollback());
    assert!(!link.in_transaction());
    assert!(world.sent().is_empty());
}

#[test]
fn error_inside_a_transaction_refuses_everything_until_rollback() {
    for dialect in BOTH {
        let world = world(dialect);
        let mut link = world.inside();
        world.duplicate("INSERT 2");
        assert_eq!(world.run(&mut link, "INSERT 2").unwrap_err().class(), ErrorClass::UniqueViolation);
        let refused = [world.run(&mut link, "SELECT 1"), world.runtime.block_on(link.commit()), link.begin()];
        for refusal in refused {
            let text = refusal.unwrap_err().to_string();
            assert!(text.ends_with("the cause was: duplicate key (SQLSTATE 23505)"), "{text}");
        }
        world.driver.take_log();
        world.runtime.block_on(link.rollback());
        assert_eq!(world.sent(), ["ROLLBACK"]);
        world.run(&mut link, "SELECT 1").unwrap();
        world.assert_whole();
    }
}

#[test]
fn error_of_a_sink_fails_the_transaction_and_keeps_the_connection() {
    let world = postgres();
    world.driver.answer("SELECT 1", vec![vec![Value::Int(1)]]);
    let mut link = world.inside();
    let statement = [Statement::command("SELECT 1", Effect::Read)];
    let mut sink = Refusing;
    let batch = Batch { before: &[], statements: &statement };
    assert_eq!(world.runtime.block_on(link.run(batch, &mut sink)).unwrap_err().to_string(), "no");
    assert_waits_for_rollback(&link);
    assert_eq!(world.pool.status().in_use, 1);
    world.runtime.block_on(link.rollback());
    world.assert_whole();
}

struct Refusing;

impl RowSink for Refusing {
    fn row(&mut self, _statement: usize, _row: &Row<'_>) -> Result<()> {
        Err(Error::interface("no"))
    }

    fn restart(&mut self, _statement: usize) {}
}

#[test]
fn failing_begin_executes_nothing_behind_it() {
    let world = postgres();
    let mut link = world.link();
    link.begin().unwrap();
    world.duplicate("BEGIN");
    world.run(&mut link, "INSERT 1").unwrap_err();
    assert_waits_for_rollback(&link);
    assert_eq!(world.sent(), ["connect", "BEGIN"]);
    world.runtime.block_on(link.rollback());
    assert!(world.sent().is_empty(), "there is nothing to roll back");
    world.assert_whole();
}

#[test]
fn no_connection_for_begin_leaves_the_transaction_open() {
    let world = postgres();
    let mut link = world.link();
    link.begin().unwrap();
    world.driver.fail_connect(Error::interface("refused"));
    assert!(world.run(&mut link, "INSERT 1").is_err());
    link.check().unwrap();
    world.run(&mut link, "INSERT 1").unwrap();
    assert_eq!(world.sent(), ["connect", "BEGIN", "INSERT 1"]);
}

#[test]
fn connection_lost_inside_a_transaction_waits_for_rollback() {
    let world = postgres();
    let mut link = world.inside();
    world.driver.lose("INSERT 2");
    assert_eq!(world.run(&mut link, "INSERT 2").unwrap_err().class(), ErrorClass::ConnectionLost);
    assert_waits_for_rollback(&link);
    world.runtime.block_on(link.rollback());
    world.run(&mut link, "SELECT 1").unwrap();
    world.assert_whole();
}

#[test]
fn statement_that_ends_the_transaction_by_itself_is_an_error() {
    let world = postgres();
    let mut link = world.inside();
    let statement = [Statement::command("COMMIT", Effect::Commit)];
    let batch = Batch { before: &[], statements: &statement };
    let error = world.runtime.block_on(link.run(batch, &mut NoRows)).unwrap_err();
    assert_eq!(error.class(), ErrorClass::InvalidRequestError);
    assert_waits_for_rollback(&link);
}

#[test]
fn transaction_that_the_callers_own_sql_left_open_is_rolled_back() {
    let world = postgres();
    let mut link = world.link();
    let statement = [Statement::command("BEGIN", Effect::Begin { read_only: false })];
    world.runtime.block_on(link.run(Batch { before: &[], statements: &statement }, &mut NoRows)).unwrap();
    world.runtime.run_tasks();
    assert_eq!(world.sent(), ["connect", "BEGIN", "clean"]);
    world.assert_whole();
}

#[test]
fn refused_commit_waits_for_rollback() {
    for dialect in BOTH {
        let world = world(dialect);
        let mut link = world.inside();
        world.duplicate("COMMIT");
        assert_eq!(world.runtime.block_on(link.commit()).unwrap_err().class(), ErrorClass::UniqueViolation);
        assert_waits_for_rollback(&link);
        assert!(!link.outcome_unknown());
        world.runtime.block_on(link.rollback());
        world.assert_whole();
    }
}

#[test]
fn connection_lost_during_commit_leaves_the_outcome_unknown() {
    let world = postgres();
    let mut link = world.inside();
    world.driver.lose("COMMIT");
    let error = world.runtime.block_on(link.commit()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::OutcomeUnknown(_)), "{error}");
    assert!(link.outcome_unknown());
    world.runtime.block_on(link.rollback());
    assert!(!link.in_transaction());
    world.assert_whole();
}

#[test]
fn savepoints_travel_with_the_next_statement() {
    let world = postgres();
    let mut link = world.link();
    link.savepoint().unwrap();
    world.run(&mut link, "INSERT 1").unwrap();
    link.savepoint().unwrap();
    link.release().unwrap();
    link.release().unwrap();
    link.savepoint().unwrap();
    world.run(&mut link, "INSERT 2").unwrap();
    world.runtime.block_on(link.rollback_savepoint()).unwrap();
    world.run(&mut link, "INSERT 3").unwrap();
    world.runtime.block_on(link.commit()).unwrap();
    let sent = world.sent();
    assert_eq!(sent[1..4], ["BEGIN", "SAVEPOINT ormkit_1", "INSERT 1"]);
    assert_eq!(sent[4..7], ["RELEASE SAVEPOINT ormkit_1", "SAVEPOINT ormkit_1", "INSERT 2"]);
    assert_eq!(
        sent[7..],
        ["ROLLBACK TO SAVEPOINT ormkit_1", "RELEASE SAVEPOINT ormkit_1", "INSERT 3", "COMMIT"]
    );
}

#[test]
fn rolled_back_savepoint_reopens_a_failed_transaction() {
    for dialect in BOTH {
        let world = world(dialect);
        let mut link = world.inside();
        link.savepoint().unwrap();
        world.duplicate("INSERT 2");
        world.run(&mut link, "INSERT 2").unwrap_err();
        assert_waits_for_rollback(&link);
        world.runtime.block_on(link.rollback_savepoint()).unwrap();
        world.run(&mut link, "INSERT 3").unwrap();
        world.runtime.block_on(link.commit()).unwrap();
        assert!(world.sent().contains(&"ROLLBACK TO SAVEPOINT ormkit_1".to_owned()));
        world.assert_whole();
    }
}

#[test]
fn savepoint_of_a_refused_statement_was_never_sent() {
    for dialect in BOTH {
        let world = world(dialect);
        let mut link = world.inside();
        link.savepoint().unwrap();
        world.driver.refuse("INSERT 2", Error::interface("cannot be encoded"));
        world.run(&mut link, "INSERT 2").unwrap_err();
        world.runtime.block_on(link.rollback_savepoint()).unwrap();
        world.run(&mut link, "INSERT 3").unwrap();
        world.runtime.block_on(link.commit()).unwrap();
        world.assert_whole();
    }
}

#[test]
fn savepoint_can_be_rolled_back_before_anything_was_sent() {
    let world = postgres();
    let mut link = world.link();
    link.savepoint().unwrap();
    link.fail(&Error::interface("a value is missing"));
    world.runtime.block_on(link.rollback_savepoint()).unwrap();
    link.check().unwrap();
    assert_eq!(link.release().unwrap_err().to_string(), "no savepoint is open");
    assert!(world.sent().is_empty());
}

#[test]
fn atomic_batch_outside_a_transaction_commits_after_its_last_statement() {
    let world = postgres();
    let statements = ["INSERT 1", "INSERT 2"].map(|sql| Statement::command(sql, Effect::Unknown));
    let batch = Batch { before: &[], statements: &statements };
    let mut link = world.link();
    world.runtime.block_on(link.run_atomic(batch, &mut NoRows)).unwrap();
    world.duplicate("INSERT 2");
    world.runtime.block_on(link.run_atomic(batch, &mut NoRows)).unwrap_err();
    let one = Batch { before: &[], statements: &statements[..1] };
    world.runtime.block_on(link.run_atomic(one, &mut NoRows)).unwrap();
    let sent = world.sent();
    assert_eq!(sent[1..5], ["BEGIN", "INSERT 1", "INSERT 2", "COMMIT"]);
    assert_eq!(sent[5..], ["BEGIN", "INSERT 1", "INSERT 2", "ROLLBACK", "INSERT 1"]);
    assert!(!link.in_transaction());
    world.assert_whole();
}

// The table of the module's documentation, row by row: each operation is dropped after every poll.

#[test]
fn dropped_while_waiting_for_the_pool_leaves_the_link_unchanged() {
    let world = postgres();
    let lent = world.runtime.block_on(world.pool.acquire()).unwrap();
    let mut link = world.link();
    link.begin().unwrap();
    let mut waiting = Steps::new(run(&mut link, "INSERT 1"));
    assert!(waiting.poll().is_none());
    drop((waiting, lent));
    link.check().unwrap();
    world.run(&mut link, "INSERT 1").unwrap();
    assert_eq!(world.sent(), ["connect", "BEGIN", "INSERT 1"]);
}

#[test]
fn read_outside_a_transaction_dropped_after_every_poll_leaves_the_link_unchanged() {
    let probe = postgres();
    let mut link = probe.link();
    let all = polls_of(Steps::new(run(&mut link, "SELECT 1")));
    for polls in 0..all {
        let world = postgres();
        let mut link = world.link();
        let mut read = Steps::new(run(&mut link, "SELECT 1"));
        (0..polls).for_each(|_| assert!(read.poll().is_none()));
        drop(read);
        assert!(!link.in_transaction());
        world.runtime.run_tasks();
        let cleaned = world.sent().iter().filter(|line| *line == "clean").count();
        assert_eq!(cleaned, usize::from(polls > 1), "polls: {polls}");
        world.run(&mut link, "SELECT 2").unwrap();
        world.assert_whole();
    }
}

#[test]
fn flush_dropped_after_every_poll_waits_for_rollback() {
    let statements = ["INSERT 2", "INSERT 3"].map(|sql| Statement::command(sql, Effect::Unknown));
    let batch = Batch { before: &[], statements: &statements };
    let probe = postgres();
    let mut link = probe.inside();
    let mut sink = NoRows;
    let all = polls_of(Steps::new(link.run(batch, &mut sink)));
    for polls in 0..all {
        let world = postgres();
        let mut link = world.inside();
        let mut sink = NoRows;
        let mut flush = Steps::new(link.run(batch, &mut sink));
        (0..polls).for_each(|_| assert!(flush.poll().is_none()));
        drop(flush);
        if polls == 0 {
            link.check().unwrap();
            continue;
        }
        assert!(matches!(link.state, State::Cancelled));
        assert_waits_for_rollback(&link);
        world.runtime.run_tasks();
        assert_eq!(world.sent().iter().filter(|line| *line == "clean").count(), 1);
        world.runtime.block_on(link.rollback());
        assert!(world.sent().is_empty(), "the drainer has rolled back");
        world.run(&mut link, "SELECT 1").unwrap();
        world.assert_whole();
    }
}

#[test]
fn first_statement_dropped_after_every_poll_is_open_or_waits_for_rollback() {
    let probe = postgres();
    let mut link = probe.link();
    link.begin().unwrap();
    let all = polls_of(Steps::new(run(&mut link, "INSERT 1")));
    for polls in 0..all {
        let world = postgres();
        let mut link = world.link();
        link.begin().unwrap();
        let mut first = Steps::new(run(&mut link, "INSERT 1"));
        (0..polls).for_each(|_| assert!(first.poll().is_none()));
        drop(first);
        // Up to the first poll it connects.
        assert_eq!(link.check().is_ok(), polls <= 1);
        world.runtime.block_on(link.rollback());
        world.assert_whole();
    }
}

#[test]
fn commit_dropped_after_every_poll_leaves_the_outcome_unknown() {
    let probe = postgres();
    let mut link = probe.inside();
    let all = polls_of(Steps::new(link.commit()));
    for polls in 0..all {
        let world = postgres();
        let mut link = world.inside();
        let mut commit = Steps::new(link.commit());
        (0..polls).for_each(|_| assert!(commit.poll().is_none()));
        drop(commit);
        assert_eq!(link.outcome_unknown(), polls > 0);
        assert!(link.in_transaction());
        world.runtime.block_on(link.rollback());
        assert!(!link.in_transaction());
        world.assert_whole();
    }
}

#[test]
fn rollback_dropped_after_every_poll_has_rolled_back() {
    let probe = postgres();
    let mut link = probe.inside();
    let all = polls_of(Steps::new(link.rollback()));
    for polls in 1..all {
        let world = postgres();
        let mut link = world.inside();
        let mut rollback = Steps::new(link.rollback());
        (0..polls).for_each(|_| assert!(rollback.poll().is_none()));
        drop(rollback);
        assert!(!link.in_transaction());
        world.runtime.run_tasks();
        assert_eq!(world.sent().iter().filter(|line| *line == "clean").count(), 1);
        world.run(&mut link, "SELECT 1").unwrap();
        world.assert_whole();
    }
}

#[test]
fn rollback_of_a_savepoint_dropped_half_way_waits_for_rollback() {
    let world = postgres();
    let mut link = world.inside();
    link.savepoint().unwrap();
    world.run(&mut link, "INSERT 2").unwrap();
    let mut undo = Steps::new(link.rollback_savepoint());
    assert!(undo.poll().is_none());
    drop(undo);
    assert_waits_for_rollback(&link);
    world.runtime.block_on(link.rollback());
    world.assert_whole();
}

#[test]
fn atomic_batch_dropped_after_every_poll_waits_for_rollback_at_most() {
    let statements = ["INSERT 1", "INSERT 2"].map(|sql| Statement::command(sql, Effect::Unknown));
    let batch = Batch { before: &[], statements: &statements };
    let probe = postgres();
    let mut link = probe.link();
    let mut sink = NoRows;
    let all = polls_of(Steps::new(link.run_atomic(batch, &mut sink)));
    for polls in 0..all {
        let world = postgres();
        let mut link = world.link();
        let mut sink = NoRows;
        let mut verb = Steps::new(link.run_atomic(batch, &mut sink));
        (0..polls).for_each(|_| assert!(verb.poll().is_none()));
        drop(verb);
        world.runtime.block_on(link.rollback());
        assert!(!link.in_transaction());
        world.run(&mut link, "SELECT 1").unwrap();
        world.assert_whole();
    }
}

#[test]
fn dropped_link_rolls_back_in_the_background() {
    let world = postgres();
    drop(world.inside());
    world.runtime.run_tasks();
    assert_eq!(world.sent()[3..], ["clean"]);
    world.assert_whole();
}

#[test]
fn connection_that_is_taken_is_given_back_or_drained() {
    let world = postgres();
    let mut link = world.link();
    assert!(world.runtime.block_on(link.take()).is_err(), "outside of a transaction");
    link.begin().unwrap();
    let lent = world.runtime.block_on(link.take()).unwrap();
    assert_waits_for_rollback(&link);
    link.give_back(lent, Ok(())).unwrap();
    world.run(&mut link, "INSERT 1").unwrap();
    let lent = world.runtime.block_on(link.take()).unwrap();
    assert!(link.give_back(lent, Err(duplicate())).is_err());
    assert_waits_for_rollback(&link);
    world.runtime.block_on(link.rollback());
    link.begin().unwrap();
    let lent = world.runtime.block_on(link.take()).unwrap();
    world.runtime.block_on(link.rollback());
    assert!(link.give_back(lent, Ok(())).is_err(), "its transaction is over");
    world.runtime.run_tasks();
    world.run(&mut link, "SELECT 1").unwrap();
    world.assert_whole();
}
