use std::sync::Arc;
use std::time::Duration;

use super::{Hooks, Lent, Pool, PoolOptions, Reason};
use crate::driver::{Batch, Effect, NoRows, Statement};
use crate::error::{Error, ErrorClass, Result};
use crate::sql::Dialect;
use crate::testing::{FakeDriver, FakeRuntime, Steps};

pub(super) struct World {
    pub(super) driver: Arc<FakeDriver>,
    pub(super) runtime: Arc<FakeRuntime>,
    pub(super) pool: Pool,
}

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn world(max: usize) -> World {
    world_with(PoolOptions { min: 0, max, idle_timeout: None, max_lifetime: None, ..PoolOptions::default() })
}

pub(super) fn world_with(options: PoolOptions) -> World {
    world_of(options, Hooks::default())
}

pub(super) fn world_of(options: PoolOptions, hooks: Hooks) -> World {
    let (driver, runtime) = (FakeDriver::new(&Dialect::POSTGRES), FakeRuntime::new());
    let pool = Pool::with_hooks(driver.clone(), runtime.clone(), options, hooks);
    World { driver, runtime, pool }
}

impl World {
    pub(super) fn acquire(&self) -> Result<Lent> {
        self.runtime.block_on(self.pool.acquire())
    }

    pub(super) fn waiter(&self) -> Steps<'_, Result<Lent>> {
        let mut waiter = Steps::new(self.pool.acquire());
        assert!(waiter.poll().is_none(), "nothing should be free");
        waiter
    }

    /// A connection in the middle of a statement.
    pub(super) fn dirty(&self) -> Lent {
        let mut lent = self.acquire().unwrap();
        let statement = [Statement::command("SELECT slow()", Effect::Read)];
        let mut sink = NoRows;
        let mut run = Steps::new(lent.run(Batch { before: &[], statements: &statement }, &mut sink));
        assert!(run.poll().is_none());
        drop(run);
        lent
    }

    /// Every slot can be taken, none is counted twice, and no connection is lost.
    pub(super) fn assert_whole(&self) {
        self.runtime.run_tasks();
        let status = self.pool.status();
        assert_eq!((status.in_use, status.waiting, status.draining), (0, 0, 0), "{status:?}");
        assert_eq!(self.driver.live(), status.idle);
        let all: Vec<Lent> = (0..status.max).map(|_| self.acquire().unwrap()).collect();
        assert_eq!(self.pool.status().in_use, all.len());
    }
}

#[test]
fn connection_is_used_again() {
    let world = world(2);
    drop(world.acquire().unwrap());
    drop(world.acquire().unwrap());
    assert_eq!(world.driver.take_log(), ["1 connect"]);
    world.assert_whole();
}

#[test]
fn waiters_are_served_in_order_and_newcomers_do_not_overtake() {
    let world = world(1);
    let lent = world.acquire().unwrap();
    let (mut first, mut second) = (world.waiter(), world.waiter());
    drop(lent);
    assert!(first.is_woken() && !second.is_woken());
    assert!(world.waiter().poll().is_none());
    let lent = first.poll().unwrap();
    assert!(second.poll().is_none());
    drop(lent);
    assert!(second.poll().unwrap().is_ok());
}

#[test]
fn grant_of_a_dropped_waiter_goes_to_the_next() {
    let world = world(1);
    let lent = world.acquire().unwrap();
    let (first, mut second) = (world.waiter(), world.waiter());
    drop(lent);
    drop(first);
    assert!(second.is_woken());
    drop(second.poll().unwrap());
    drop(second);
    world.assert_whole();
}

#[test]
fn slot_of_a_dropped_connecting_caller_passes_on() {
    let world = world(1);
    let mut connecting = Steps::new(world.pool.acquire());
    assert!(connecting.poll().is_none());
    let mut second = world.waiter();
    drop(connecting);
    assert!(second.is_woken());
    assert!(second.poll().is_none(), "it connects now");
    assert!(second.poll().unwrap().is_ok());
    assert_eq!(world.driver.take_log(), ["1 connect"]);
}

#[test]
fn acquire_can_be_dropped_after_every_poll() {
    for polls in 0..=3 {
        let world = world(1);
        let mut lent = Some(world.acquire().unwrap());
        world.pool.dispose();
        let mut acquire = Steps::new(world.pool.acquire());
        // It waits, then connects, then has a connection.
        let done = (0..polls).filter_map(|_| {
            let polled = acquire.poll();
            lent = None;
            polled
        });
        assert_eq!(done.count(), usize::from(polls == 3));
        drop((acquire, lent));
        world.assert_whole();
    }
}

#[test]
fn connect_error_reaches_only_the_caller_that_caused_it() {
    let world = world(1);
    world.driver.fail_connect(Error::interface("refused"));
    assert_eq!(world.acquire().unwrap_err().to_string(), "refused");
    assert!(world.acquire().is_ok());
    world.assert_whole();
}

#[test]
fn timeout_names_who_holds_the_connections() {
    let world = world(1);
    let lent = world.runtime.block_on(world.pool.acquire_as(Some("import".into()))).unwrap();
    lent.note(&Statement::command("SELECT 1", Effect::Read).text);
    let mut waiter = world.waiter();
    world.runtime.advance(30 * SECOND);
    let error = waiter.poll().unwrap().unwrap_err();
    assert_eq!(error.class(), ErrorClass::PoolTimeout);
    assert_eq!(
        error.to_string(),
        "no connection became free within 30 s (1 of 1 connections in use, 0 waiting; \
         held by import for 30.0 s, last SELECT 1)"
    );
    drop((waiter, lent));
    world.assert_whole();
}

#[test]
fn connecting_for_too_long_is_an_error_and_frees_the_slot() {
    let world = world(1);
    world.driver.hang_connecting(true);
    let mut acquire = Steps::new(world.pool.acquire());
    assert!(acquire.poll().is_none());
    world.runtime.advance(10 * SECOND);
    let error = acquire.poll().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "no connection within 10 s");
    world.driver.hang_connecting(false);
    world.runtime.run_tasks();
    world.runtime.advance(SECOND); // the server counts as away for a moment
    world.assert_whole();
}

#[test]
fn dirty_connection_is_cleaned_once_and_lent_again() {
    let world = world(1);
    drop(world.dirty());
    assert_eq!(world.pool.status().draining, 1);
    world.runtime.run_tasks();
    assert_eq!(world.driver.take_log(), ["1 connect", "1 clean"]);
    world.assert_whole();
    assert!(world.driver.take_log().is_empty(), "the cleaned connection serves again");
}

#[test]
fn waiter_does_not_wait_for_the_drainer() {
    let world = world(1);
    let dirty = world.dirty();
    let mut waiter = world.waiter();
    drop(dirty);
    assert!(waiter.poll().is_none(), "it connects");
    let lent = waiter.poll().unwrap().unwrap();
    assert_eq!(world.driver.take_log(), ["1 connect", "2 connect"]);
    world.runtime.run_tasks();
    assert_eq!(world.driver.take_log(), ["1 clean", "1 close"], "there is no place left for it");
    drop((waiter, lent));
    world.assert_whole();
}

#[test]
fn connection_that_stays_dirty_is_closed_after_a_while() {
    let world = world(1);
    world.driver.hang_cleaning();
    drop(world.dirty());
    world.runtime.run_tasks();
    assert_eq!(world.driver.live(), 1);
    world.runtime.advance(5 * SECOND);
    world.runtime.run_tasks();
    assert_eq!(world.driver.live(), 0);
    world.assert_whole();
}

#[test]
fn at_most_as_many_connections_drain_as_may_be_open() {
    let world = world(1);
    world.driver.hang_cleaning();
    drop(world.dirty());
    drop(world.dirty());
    assert_eq!(world.driver.live(), 1, "the second one was closed at once");
    assert_eq!(world.pool.status().draining, 1);
}

#[test]
fn drainer_dropped_unrun_frees_what_it_holds() {
    let world = world(1);
    drop(world.dirty());
    world.runtime.drop_tasks();
    assert_eq!(world.driver.live(), 0);
    world.assert_whole();
}

#[test]
fn connection_that_fails_its_check_is_replaced() {
    let world = world(1);
    drop(world.acquire().unwrap());
    world.driver.make_stale(1);
    drop(world.acquire().unwrap());
    assert_eq!(world.driver.take_log(), ["1 connect", "1 close", "2 connect"]);
    world.assert_whole();
}

#[test]
fn connection_is_pinged_only_after_it_was_idle_for_long() {
    let world = world(1);
    drop(world.acquire().unwrap());
    world.runtime.advance(29 * SECOND);
    drop(world.acquire().unwrap());
    assert_eq!(world.driver.take_log(), ["1 connect"]);
    world.runtime.advance(30 * SECOND);
    drop(world.acquire().unwrap());
    assert_eq!(world.driver.take_log(), ["1 PING"]);
    world.assert_whole();
}

#[test]
fn connection_that_fails_its_ping_is_replaced_and_nobody_is_told() {
    let world = world(1);
    drop(world.acquire().unwrap());
    world.runtime.advance(30 * SECOND);
    world.driver.lose("PING");
    drop(world.acquire().unwrap());
    assert_eq!(world.driver.take_log(), ["1 connect", "1 PING", "1 close", "2 connect"]);
    world.assert_whole();
}

#[test]
fn connection_that_does_not_answer_its_ping_is_replaced_after_two_seconds() {
    let world = world(1);
    drop(world.acquire().unwrap());
    world.runtime.advance(30 * SECOND);
    world.driver.hang_pinging(true);
    let mut acquire = Steps::new(world.pool.acquire());
    (0..3).for_each(|_| assert!(acquire.poll().is_none()));
    assert_eq!(world.pool.status().holders.len(), 1);
    world.runtime.advance(2 * SECOND);
    assert!(acquire.poll().is_none(), "it connects");
    assert!(acquire.poll().unwrap().is_ok());
    assert_eq!(world.driver.take_log(), ["1 connect", "1 close", "2 connect"]);
    drop(acquire);
    assert!(world.pool.status().holders.is_empty());
    world.assert_whole();
}

#[test]
fn ping_can_be_dropped_after_every_poll() {
    for polls in 0..4 {
        let world = world(1);
        drop(world.acquire().unwrap());
        world.runtime.advance(30 * SECOND);
        let mut acquire = Steps::new(world.pool.acquire());
        let lent = (0..polls).find_map(|_| acquire.poll());
        drop((acquire, lent));
        world.assert_whole();
    }
}

#[test]
fn full_line_refuses_at_once() {
    let options = PoolOptions { min: 0, max: 1, max_waiting: Some(1), ..PoolOptions::default() };
    let world = world_with(options);
    let lent = world.acquire().unwrap();
    let mut waiter = world.waiter();
    let error = Steps::new(world.pool.acquire()).poll().unwrap().unwrap_err();
    assert_eq!(error.class(), ErrorClass::PoolTimeout);
    assert!(
        error
            .to_string()
            .starts_with("the line for a connection is full (1 of 1 connections in use, 1 waiting;"),
        "{error}"
    );
    drop(lent);
    assert!(waiter.poll().unwrap().is_ok());
    drop(waiter);
    assert_eq!(world.pool.status().counters.refused, 1);
    world.assert_whole();
}

#[test]
fn pool_counts_what_it_does() {
    let world = world(1);
    let lent = world.acquire().unwrap();
    let (mut served, mut late, cancelled) = (world.waiter(), world.waiter(), world.waiter());
    drop(cancelled);
    world.runtime.advance(2 * SECOND);
    drop(lent);
    drop(served.poll().unwrap().unwrap());
    let lent = late.poll().unwrap().unwrap();
    let mut late = world.waiter();
    world.runtime.advance(30 * SECOND);
    assert!(late.poll().unwrap().is_err());
    drop((late, lent));
    drop(world.dirty());
    world.runtime.run_tasks();
    world.driver.make_stale(1);
    world.driver.fail_connect(Error::interface("no"));
    assert!(world.acquire().is_err());
    let counters = world.pool.status().counters;
    let counted = (counters.acquires, counters.waits, counters.timeouts, counters.cancels);
    assert_eq!(counted, (7, 4, 1, 1));
    assert_eq!((counters.wait_total, counters.wait_max), (34 * SECOND, 30 * SECOND));
    assert_eq!((counters.opened, counters.connect_failures, counters.cleaned), (1, 1, 1));
    assert_eq!((counters.closed(Reason::Lost), counters.resets), (1, 0));
    let mut twice = counters.clone();
    twice.add(&counters);
    assert_eq!((twice.acquires, twice.wait_max, twice.closed(Reason::Lost)), (14, 30 * SECOND, 2));
}

#[test]
fn idle_connections_are_closed_down_to_the_minimum() {
    let options = PoolOptions { min: 1, max: 3, max_lifetime: None, ..PoolOptions::default() };
    let world = world_with(options);
    let lent: Vec<Lent> = (0..3).map(|_| world.acquire().unwrap()).collect();
    drop(lent);
    world.runtime.run_tasks();
    world.runtime.advance(600 * SECOND);
    world.runtime.run_tasks();
    assert_eq!(world.driver.live(), 1);
}

#[test]
fn old_connection_is_closed_when_it_comes_back() {
    let options = PoolOptions { idle_timeout: None, ..PoolOptions::default() };
    let world = world_with(options);
    let lent = world.acquire().unwrap();
    world.runtime.advance(3600 * SECOND);
    drop(lent);
    assert_eq!(world.driver.take_log(), ["1 connect", "1 close"]);
}

#[test]
fn minimum_is_opened_and_stays_idle() {
    let options =
        PoolOptions { min: 2, max: 3, idle_timeout: None, max_lifetime: None, ..PoolOptions::default() };
    let world = world_with(options);
    world.runtime.block_on(world.pool.open_minimum()).unwrap();
    world.runtime.block_on(world.pool.open_minimum()).unwrap();
    assert_eq!(world.pool.status().idle, 2);
    world.assert_whole();
}

#[test]
fn close_refuses_waiters_and_waits_for_borrowers() {
    let world = world(1);
    let lent = world.acquire().unwrap();
    let mut waiter = world.waiter();
    let mut close = Steps::new(world.pool.close(SECOND));
    assert!(close.poll().is_none());
    assert_eq!(waiter.poll().unwrap().unwrap_err().to_string(), "the pool is closed");
    drop(lent);
    assert!(close.is_woken());
    assert_eq!(close.poll(), Some(0));
    assert_eq!(world.driver.live(), 0);
    assert_eq!(world.acquire().unwrap_err().class(), ErrorClass::InterfaceError);
}

#[test]
fn close_gives_up_on_borrowers_after_its_timeout() {
    let world = world(1);
    let lent = world.acquire().unwrap();
    let mut close = Steps::new(world.pool.close(SECOND));
    assert!(close.poll().is_none());
    world.runtime.advance(SECOND);
    assert_eq!(close.poll(), Some(1));
    drop(lent);
    assert_eq!(world.driver.live(), 0);
}

#[test]
fn connection_opened_while_the_pool_closes_is_not_lent() {
    let world = world(1);
    let mut acquire = Steps::new(world.pool.acquire());
    assert!(acquire.poll().is_none());
    let mut close = Steps::new(world.pool.close(SECOND));
    assert!(close.poll().is_none());
    assert!(acquire.poll().unwrap().is_err());
    assert_eq!(close.poll(), Some(0));
    assert_eq!(world.driver.live(), 0);
}

#[test]
fn disposed_pool_opens_new_connections() {
    let world = world(2);
    let lent = world.acquire().unwrap();
    drop(world.acquire().unwrap());
    world.pool.dispose();
    drop(lent);
    assert_eq!(world.driver.live(), 0);
    world.assert_whole();
}

#[test]
fn pool_is_whole_after_many_random_drops() {
    let world = world(3);
    let mut seed = 7_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut waiting: Vec<Steps<'_, Result<Lent>>> = Vec::new();
    let mut lent: Vec<Lent> = Vec::new();
    for _ in 0..20_000 {
        match random(6) {
            0 => waiting.push(Steps::new(world.pool.acquire())),
            1 if !waiting.is_empty() => drop(waiting.swap_remove(random(waiting.len() as u64) as usize)),
            2 | 3 if !waiting.is_empty() => {
                let at = random(waiting.len() as u64) as usize;
                if let Some(done) = waiting[at].poll() {
                    drop(waiting.swap_remove(at));
                    lent.push(done.unwrap());
                }
            }
            4 if !lent.is_empty() => drop(lent.swap_remove(random(lent.len() as u64) as usize)),
            5 if !lent.is_empty() => {
                let mut dirty = lent.swap_remove(random(lent.len() as u64) as usize);
                let statement = [Statement::command("SELECT slow()", Effect::Read)];
                let mut sink = NoRows;
                let mut run = Steps::new(dirty.run(Batch { before: &[], statements: &statement }, &mut sink));
                assert!(run.poll().is_none(), "no lent connection is anything but idle");
            }
            _ => drop(world.runtime.run_tasks()),
        }
        let status = world.pool.status();
        assert!(status.size <= 3 && status.draining <= 3, "{status:?}");
        assert!(world.driver.live() <= 6);
    }
    drop((waiting, lent));
    world.assert_whole();
}

#[test]
fn upkeep_is_one_task_however_often_a_connection_comes_back() {
    let world = world_with(PoolOptions::default());
    for _ in 0..3 {
        drop(world.acquire().unwrap());
        let lent = world.acquire().unwrap();
        assert!(world.runtime.tasks() <= 1);
        world.runtime.run_tasks();
        drop(lent);
        assert_eq!(world.runtime.tasks(), 1, "it goes on while the connection is lent");
    }
}
