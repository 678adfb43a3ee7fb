use std::time::Duration;

use crate::driver::{Batch, Effect, NoRows, Statement};
use crate::error::Error;
use crate::pool::PoolOptions;
use crate::pool::tests::{SECOND, World, world_with};

/// A pool of at least two, opened.
fn opened() -> World {
    let world = world_with(PoolOptions { min: 2, max: 3, ..PoolOptions::default() });
    world.runtime.block_on(world.pool.open_minimum()).unwrap();
    world.runtime.run_tasks();
    world.driver.take_log();
    world
}

/// Borrows a connection and gives it back broken.
fn lose_one(world: &World) {
    world.driver.lose("SELECT 1");
    let mut lent = world.acquire().unwrap();
    let statement = [Statement::command("SELECT 1", Effect::Read)];
    let mut sink = NoRows;
    let ran = world.runtime.block_on(lent.run(Batch { before: &[], statements: &statement }, &mut sink));
    assert!(ran.is_err());
}

#[test]
fn connection_that_is_lost_is_replaced_in_the_background() {
    let world = opened();
    lose_one(&world);
    assert_eq!(world.driver.live(), 1);
    world.runtime.run_tasks();
    assert_eq!(world.driver.take_log(), ["2 SELECT 1", "2 close", "3 connect"]);
    world.assert_whole();
}

#[test]
fn connections_that_retire_are_replaced_down_to_the_minimum() {
    let world = opened();
    world.runtime.advance(3600 * SECOND);
    world.runtime.run_tasks();
    assert_eq!((world.driver.live(), world.pool.status().idle), (2, 2));
    assert_eq!(world.driver.take_log(), ["2 close", "1 close", "3 connect", "4 connect"]);
    world.assert_whole();
}

#[test]
fn pool_that_was_not_opened_keeps_no_minimum_and_neither_does_one_that_was_disposed_of() {
    let world = world_with(PoolOptions { min: 2, max: 3, ..PoolOptions::default() });
    drop(world.acquire().unwrap());
    world.runtime.run_tasks();
    assert_eq!(world.driver.live(), 1);
    let world = opened();
    world.pool.dispose();
    world.runtime.run_tasks();
    assert_eq!(world.driver.live(), 0);
    world.runtime.block_on(world.pool.open_minimum()).unwrap();
    assert_eq!(world.driver.live(), 2);
}

#[test]
fn refill_waits_out_the_pauses_of_an_outage() {
    let world = opened();
    world.driver.set_away(true);
    world.driver.take_connects();
    world.runtime.advance(3600 * SECOND);
    world.runtime.run_tasks();
    assert_eq!((world.driver.live(), world.driver.take_connects()), (0, 1));
    for _ in 0..100 {
        world.runtime.advance(Duration::from_millis(100));
        world.runtime.run_tasks();
    }
    let connects = world.driver.take_connects();
    assert!((9..=25).contains(&connects), "one or two a second: {connects}");
    world.driver.set_away(false);
    world.runtime.advance(SECOND);
    world.runtime.run_tasks();
    assert_eq!(world.pool.status().idle, 2);
    world.assert_whole();
}

#[test]
fn refill_that_fails_otherwise_is_tried_again_by_upkeep() {
    let world = opened();
    world.driver.fail_connect(Error::interface("wrong password"));
    world.runtime.advance(3600 * SECOND);
    world.runtime.run_tasks();
    assert_eq!(world.driver.live(), 0);
    world.runtime.advance(30 * SECOND);
    world.runtime.run_tasks();
    assert_eq!(world.driver.live(), 2);
}

#[test]
fn refill_that_is_dropped_frees_its_place() {
    for polled in [false, true] {
        let world = opened();
        world.driver.hang_connecting(true);
        lose_one(&world);
        if polled {
            world.runtime.run_tasks();
            assert_eq!(world.pool.status().in_use, 1);
        }
        world.runtime.drop_tasks();
        world.driver.hang_connecting(false);
        assert_eq!((world.pool.status().in_use, world.driver.live()), (0, 1));
        lose_one(&world);
        world.runtime.run_tasks();
        assert_eq!(world.driver.live(), 2, "the next one fills both");
        world.assert_whole();
    }
}

#[test]
fn closed_pool_is_not_refilled() {
    let world = opened();
    world.runtime.block_on(world.pool.close(SECOND));
    world.runtime.run_tasks();
    assert_eq!((world.driver.live(), world.driver.take_log().len()), (0, 2));
}
