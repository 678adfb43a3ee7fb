use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Acquired, Closed, Connected, Ended, Outcome, Released, Started, Tracer};
use crate::driver::{Batch, Effect, NoRows, Statement, StatementText};
use crate::error::Error;
use crate::pool::tests::{World, world_of};
use crate::pool::{Hooks, PoolOptions};
use crate::testing::Steps;

/// Writes down what it hears.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn say(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Tracer for Log {
    fn connecting(&self) {
        self.say("connecting".into());
    }

    fn connected(&self, connected: &Connected<'_>) {
        self.say(format!("connected {}", connected.error.is_none()));
    }

    fn acquired(&self, acquired: &Acquired<'_>) {
        self.say(format!("acquired {} in {:?}", acquired.error.is_none(), acquired.time));
    }

    fn released(&self, released: &Released) {
        self.say(format!("released {}", released.id > 0));
    }

    fn closed(&self, _id: u64, closed: &Closed) {
        self.say(format!("closed {}", closed.reason.as_str()));
    }

    fn started(&self, started: &Started<'_>) {
        self.say(format!("started {}", started.text.sql));
    }

    fn ended(&self, ended: &Ended<'_>) {
        let outcome = match ended.outcome {
            Outcome::Done => "done",
            Outcome::Failed(_) => "failed",
            Outcome::Skipped => "skipped",
            Outcome::Cancelled => "cancelled",
        };
        let timed = if ended.timing.is_some() { "" } else { " untimed" };
        self.say(format!("{outcome} {}{timed}", ended.text.sql));
    }
}

fn world(tracer: Arc<dyn Tracer>) -> World {
    let options =
        PoolOptions { min: 0, max: 1, idle_timeout: None, max_lifetime: None, ..PoolOptions::default() };
    world_of(options, Hooks { tracer: Some(tracer), ..Hooks::default() })
}

fn commands<const N: usize>(texts: [&str; N]) -> [Statement; N] {
    texts.map(|text| Statement::command(text, Effect::Read))
}

#[test]
fn connection_waiting_and_statements_are_told_in_order() {
    let log = Arc::new(Log::default());
    let world = world(log.clone());
    let mut lent = world.acquire().unwrap();
    let (before, statements) = (commands(["BEGIN"]), commands(["SELECT 1", "SELECT 2"]));
    let batch = Batch { before: &before, statements: &statements };
    world.runtime.block_on(lent.run(batch, &mut NoRows)).unwrap();
    assert_eq!(
        log.take(),
        [
            "connecting",
            "connected true",
            "acquired true in 0ns",
            "started BEGIN",
            "started SELECT 1",
            "started SELECT 2",
            "done BEGIN untimed",
            "done SELECT 1",
            "done SELECT 2",
        ]
    );
}

#[test]
fn statements_behind_a_failed_one_are_skipped() {
    let log = Arc::new(Log::default());
    let world = world(log.clone());
    let mut lent = world.acquire().unwrap();
    let statements = commands(["SELECT 1", "SELECT 2", "SELECT 3"]);
    world.driver.fail("SELECT 2", Error::interface("no"));
    let ran = world.runtime.block_on(lent.run(Batch { before: &[], statements: &statements }, &mut NoRows));
    assert!(ran.is_err());
    assert_eq!(log.take()[6..], ["done SELECT 1", "failed SELECT 2", "skipped SELECT 3 untimed"]);
}

#[test]
fn dropped_flight_is_told_as_cancelled() {
    let log = Arc::new(Log::default());
    let world = world(log.clone());
    drop(world.dirty());
    assert_eq!(log.take()[3..], ["started SELECT slow()", "cancelled SELECT slow()", "released true"]);
    world.runtime.run_tasks();
}

#[test]
fn end_of_a_loan_and_of_a_connection_are_told() {
    let log = Arc::new(Log::default());
    let world = world(log.clone());
    drop(world.acquire().unwrap());
    world.pool.dispose();
    world.runtime.run_tasks();
    assert_eq!(log.take()[3..], ["released true", "closed disposed"]);
}

#[test]
fn waiting_is_the_queue_of_the_first_statement_alone() {
    struct Queues(Mutex<Vec<Duration>>);
    impl Tracer for Queues {
        fn ended(&self, ended: &Ended<'_>) {
            self.0.lock().unwrap().push(ended.timing.unwrap().queue);
        }
    }
    let queues = Arc::new(Queues(Mutex::default()));
    let world = world(queues.clone());
    let first = world.acquire().unwrap();
    let mut waiter = world.waiter();
    world.runtime.advance(Duration::from_secs(3));
    drop(first);
    let mut lent = waiter.poll().unwrap().unwrap();
    let statements = commands(["SELECT 1", "SELECT 2"]);
    for statement in &statements {
        world.runtime.block_on(lent.run(Batch::of(statement), &mut NoRows)).unwrap();
    }
    assert_eq!(*queues.0.lock().unwrap(), [Duration::from_secs(3), Duration::ZERO]);
}

#[test]
fn copy_is_told_with_its_end() {
    let log = Arc::new(Log::default());
    let world = world(log.clone());
    let mut lent = world.acquire().unwrap();
    let text = Arc::new(StatementText::command("COPY a FROM STDIN", Effect::Unknown));
    lent.trace_copy(&text).unwrap().end(Ok(5));
    drop(lent.trace_copy(&text));
    let copies = log.take().split_off(3);
    assert_eq!(copies[1], "done COPY a FROM STDIN");
    assert_eq!(copies[3], "cancelled COPY a FROM STDIN");
}

#[test]
fn panic_of_a_tracer_harms_nothing_and_deaf_ones_hear_nothing() {
    struct Broken;
    impl Tracer for Broken {
        fn started(&self, _started: &Started<'_>) {
            panic!("a tracer's own");
        }
        fn ended(&self, _ended: &Ended<'_>) {
            panic!("a tracer's own");
        }
    }
    struct Deaf;
    impl Tracer for Deaf {
        fn wants(&self) -> bool {
            false
        }
        fn started(&self, _started: &Started<'_>) {
            unreachable!("it does not listen");
        }
        fn acquired(&self, _acquired: &Acquired<'_>) {
            unreachable!("it does not listen");
        }
    }
    for tracer in [Arc::new(Broken) as Arc<dyn Tracer>, Arc::new(Deaf)] {
        let world = world(tracer);
        let mut lent = world.acquire().unwrap();
        let statement = commands(["SELECT 1"]);
        let mut sink = NoRows;
        let mut run = Steps::new(lent.run(Batch::of(&statement[0]), &mut sink));
        while run.poll().is_none() {}
        drop(run);
        drop(lent);
        world.assert_whole();
    }
}
