use std::time::Duration;

use crate::error::{Error, ErrorClass, Result};
use crate::pool::tests::{SECOND, World, world};
use crate::pool::{Lent, PoolOptions};
use crate::testing::Steps;

const TICK: Duration = Duration::from_millis(10);

/// Polls everybody who was woken, and lets time pass: the answers of those who came to an end, in order.
fn pass<'a>(world: &World, waiting: &mut Vec<Steps<'a, Result<Lent>>>, time: Duration) -> Vec<Result<Lent>> {
    let mut ended = Vec::new();
    let mut left = time;
    loop {
        while waiting.iter().any(Steps::is_woken) {
            let mut at = 0;
            while at < waiting.len() {
                match if waiting[at].is_woken() { waiting[at].poll() } else { None } {
                    Some(answer) => {
                        ended.push(answer);
                        drop(waiting.remove(at));
                    }
                    None => at += 1,
                }
            }
            world.runtime.run_tasks();
        }
        if left.is_zero() {
            return ended;
        }
        left = left.saturating_sub(TICK);
        world.runtime.advance(TICK);
        world.runtime.run_tasks();
    }
}

fn crowd(world: &World, count: usize) -> Vec<Steps<'_, Result<Lent>>> {
    (0..count).map(|_| Steps::new(world.pool.acquire())).collect()
}

#[test]
fn crowd_makes_few_connects_to_a_server_that_is_away_and_all_are_told_in_time() {
    let world = world(10);
    world.driver.set_away(true);
    let mut waiting = crowd(&world, 100);
    let mut ended = pass(&world, &mut waiting, 2 * SECOND);
    // Those who were under way at the first failure, and five pauses that double: 50 ms and more.
    let first = world.driver.take_connects();
    assert!((10..=10 + 8).contains(&first), "{first}");
    assert_eq!(ended.len(), first, "who connects is told at once");
    ended.extend(pass(&world, &mut waiting, 10 * SECOND));
    let later = world.driver.take_connects();
    assert!((9..=21).contains(&later), "one a second, or two: {later}");
    ended.extend(pass(&world, &mut waiting, 18 * SECOND));
    assert!(waiting.is_empty());
    for error in ended.into_iter().map(Result::unwrap_err) {
        assert!(matches!(error.class(), ErrorClass::ConnectionLost | ErrorClass::PoolTimeout), "{error:?}");
        assert!(error.to_string().contains("nobody listens"), "{error}");
    }
    world.driver.set_away(false);
    world.runtime.advance(SECOND);
    world.assert_whole();
}

#[test]
fn first_success_lets_all_go_on() {
    let world = world(5);
    world.driver.set_away(true);
    let mut waiting = crowd(&world, 20);
    assert_eq!(pass(&world, &mut waiting, Duration::ZERO).len(), 5, "they were under way");
    world.driver.set_away(false);
    world.driver.take_connects();
    let lent: Vec<Lent> =
        pass(&world, &mut waiting, Duration::from_millis(60)).into_iter().flatten().collect();
    assert_eq!((lent.len(), world.driver.take_connects()), (5, 5));
    drop(lent);
    while !waiting.is_empty() {
        assert!(pass(&world, &mut waiting, TICK).iter().all(Result::is_ok));
    }
    assert_eq!(world.driver.take_connects(), 0);
    world.assert_whole();
}

#[test]
fn who_comes_alone_is_told_at_once_and_later_after_a_pause() {
    let world = world(1);
    world.driver.set_away(true);
    assert!(world.acquire().is_err());
    for longest in [50, 100, 200] {
        let mut waiting = crowd(&world, 1);
        let mut waited = Duration::ZERO;
        while pass(&world, &mut waiting, TICK).is_empty() {
            waited += TICK;
        }
        let longest = Duration::from_millis(longest);
        assert!(waited + 2 * TICK > longest / 2 && waited <= longest, "{waited:?} of {longest:?}");
    }
    assert_eq!(world.driver.take_connects(), 4);
}

#[test]
fn wrong_password_is_each_callers_own_business() {
    let world = world(1);
    for _ in 0..3 {
        world.driver.fail_connect(Error::interface("wrong password"));
        assert_eq!(world.acquire().unwrap_err().to_string(), "wrong password");
    }
    assert!(world.acquire().is_ok());
    assert_eq!(world.driver.take_connects(), 4);
    assert_eq!(world.pool.status().connect_error, None);
}

#[test]
fn connection_that_comes_back_serves_who_waits_for_the_server() {
    let world = world(2);
    let lent = world.acquire().unwrap();
    world.driver.set_away(true);
    assert!(world.acquire().is_err());
    let mut waiter = world.waiter();
    assert_eq!(world.pool.status().connect_error.as_deref(), Some("nobody listens"));
    drop(lent);
    assert!(waiter.poll().unwrap().is_ok());
}

#[test]
fn dead_idle_connections_do_not_all_connect_anew() {
    let world = world(5);
    drop((0..5).map(|_| world.acquire().unwrap()).collect::<Vec<_>>());
    (1..=5).for_each(|number| world.driver.make_stale(number));
    world.driver.set_away(true);
    assert!(world.acquire().is_err());
    world.driver.take_connects();
    let mut waiting = crowd(&world, 4);
    assert!(pass(&world, &mut waiting, Duration::ZERO).is_empty());
    assert_eq!((world.driver.take_connects(), world.driver.live()), (0, 0));
    world.driver.set_away(false);
    assert_eq!(pass(&world, &mut waiting, 5 * TICK).into_iter().filter(Result::is_ok).count(), 4);
}

#[test]
fn attempt_that_is_dropped_lets_the_next_one_try() {
    let world = world(2);
    world.driver.set_away(true);
    assert!(world.acquire().is_err());
    world.driver.set_away(false);
    let (mut first, mut second) = (world.waiter(), world.waiter());
    world.runtime.advance(SECOND);
    world.runtime.run_tasks();
    assert!(second.poll().is_none());
    assert!(first.poll().is_none(), "it connects");
    drop(first);
    assert!(second.is_woken());
    assert!(second.poll().is_none());
    drop(second.poll().unwrap().unwrap());
    drop(second);
    world.assert_whole();
}

#[test]
fn pause_whose_task_is_dropped_is_over() {
    let world = world(1);
    world.driver.set_away(true);
    assert!(world.acquire().is_err());
    world.runtime.drop_tasks();
    assert!(world.acquire().is_err());
    assert_eq!(world.driver.take_connects(), 2);
}

#[test]
fn opening_the_minimum_tells_its_error_at_once() {
    let options = PoolOptions { min: 1, max: 2, ..PoolOptions::default() };
    let world = crate::pool::tests::world_with(options);
    world.driver.set_away(true);
    for _ in 0..3 {
        assert!(world.runtime.block_on(world.pool.open_minimum()).is_err());
    }
}
