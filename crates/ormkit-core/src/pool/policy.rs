//! What to do with a connection, decided from plain facts and a given `now`: no lock, no IO.

use std::time::{Duration, Instant};

use super::{PoolOptions, Reason};
use crate::driver::{Connection, Health};

/// What is known of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// When it is to be closed for its age; None: never.
    pub(super) retires: Option<Instant>,
    /// Since when it has been idle.
    pub(super) idle_since: Instant,
}

/// What happens to a connection that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It can be lent again.
    Keep,
    /// It has replies outstanding, a transaction open, or a changed session.
    Drain,
    /// It is of no more use.
    Close,
}

/// How a connection comes back: one whose session was changed has to be cleaned, though nothing is under way.
pub(super) fn standing(connection: &dyn Connection) -> Health {
    match connection.health() {
        Health::Idle if !connection.is_pristine() => Health::Dirty,
        health => health,
    }
}

/// What happens to a connection that comes back. `current`: the pool has neither been closed nor disposed of since the
/// connection was opened.
pub(super) fn returned(health: Health, facts: Facts, current: bool, now: Instant) -> Fate {
    let retired = !current || is_retired(facts, now);
    match health {
        Health::Closed => Fate::Close,
        _ if retired => Fate::Close,
        Health::Idle => Fate::Keep,
        Health::Dirty | Health::InTransaction | Health::Failed => Fate::Drain,
    }
}

/// Why a connection is closed that comes back, where it is not kept. As for [`returned`].
pub(super) fn closing(health: Health, facts: Facts, current: bool, now: Instant) -> Reason {
    match health {
        Health::Closed => Reason::Lost,
        _ if !current => Reason::Disposed,
        _ if is_retired(facts, now) => Reason::Lifetime,
        Health::Idle => Reason::Surplus,
        Health::Dirty | Health::InTransaction | Health::Failed => Reason::Unclean,
    }
}

/// True when an idle connection was silent for so long that it is asked for a sign of life.
pub(super) fn doubtful(facts: Facts, options: &PoolOptions, now: Instant) -> bool {
    options.ping_after.is_some_and(|limit| now.saturating_duration_since(facts.idle_since) >= limit)
}

/// Why an idle connection is closed that is not lendable.
pub(super) fn retiring(facts: Facts, now: Instant) -> Reason {
    if is_retired(facts, now) { Reason::Lifetime } else { Reason::Idle }
}

/// True when an idle connection may still be lent.
pub(super) fn lendable(facts: Facts, options: &PoolOptions, now: Instant) -> bool {
    !is_retired(facts, now) && !is_stale(facts, options, now)
}

/// Which of the idle connections are to be closed, as ascending positions in `idle`. Those past their lifetime go; those
/// idle for too long go as long as `open` connections stay above the minimum, the longest idle first.
pub(super) fn evicted(idle: &[Facts], open: usize, options: &PoolOptions, now: Instant) -> Vec<usize> {
    let retired = idle.iter().filter(|facts| is_retired(**facts, now)).count();
    let mut spare = open.saturating_sub(retired).saturating_sub(options.min);
    let mut oldest_first: Vec<usize> = (0..idle.len()).collect();
    oldest_first.sort_by_key(|at| idle[*at].idle_since);
    let mut out: Vec<usize> = oldest_first
        .into_iter()
        .filter(|at| {
            let facts = idle[*at];
            if is_retired(facts, now) {
                return true;
            }
            let goes = spare > 0 && is_stale(facts, options, now);
            spare -= usize::from(goes);
            goes
        })
        .collect();
    out.sort_unstable();
    out
}

/// How long until an idle connection may have to be closed; None when there is none to come. `open`: idle connections
/// and lent ones.
pub(super) fn next_upkeep(
    idle: &[Facts],
    open: usize,
    options: &PoolOptions,
    now: Instant,
) -> Option<Duration> {
    if open == 0 {
        return None;
    }
    let stale = idle.iter().filter_map(|facts| facts.idle_since.checked_add(options.idle_timeout?));
    let retired = idle.iter().filter_map(|facts| facts.retires);
    let due = stale.chain(retired).min().map(|due| due.saturating_duration_since(now));
    // Lent connections come back some day; those kept for the minimum stay past their idle timeout.
    Some(due.unwrap_or(ROUND).max(options.idle_timeout.unwrap_or(ROUND).clamp(FLOOR, ROUND)))
}

/// The shortest time between two rounds of upkeep.
const FLOOR: Duration = Duration::from_secs(1);
/// The time between two rounds when nothing is known to be due.
pub(super) const ROUND: Duration = Duration::from_secs(30);

/// How long nobody connects after so many failures in a row: 50 ms, doubled with each, at most a second; between half of
/// that and all of it by `chance`, so that many programs do not come back at the same time.
pub(super) fn pause(failures: u32, chance: u64) -> Duration {
    let doubled = PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
    let share = chance as u32;
    doubled.mul_f64(0.5 + 0.5 * f64::from(share) / f64::from(u32::MAX))
}

const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// When the connection number `serial` retires: between 90 % and 100 % of the longest lifetime, so that connections
/// opened together are not closed together.
pub(super) fn retirement(opened: Instant, serial: u64, options: &PoolOptions) -> Option<Instant> {
    let longest = options.max_lifetime?;
    // Multiples of the golden ratio spread evenly over the circle.
    let share = (serial.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32;
    let jitter = (longest / 10).as_secs_f64() * f64::from(share) / f64::from(u32::MAX);
    opened.checked_add(longest.saturating_sub(Duration::from_secs_f64(jitter)))
}

fn is_retired(facts: Facts, now: Instant) -> bool {
    facts.retires.is_some_and(|retires| now >= retires)
}

fn is_stale(facts: Facts, options: &PoolOptions, now: Instant) -> bool {
    options.idle_timeout.is_some_and(|limit| now.saturating_duration_since(facts.idle_since) >= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn options(min: usize) -> PoolOptions {
        PoolOptions {
            min,
            idle_timeout: Some(10 * MINUTE),
            max_lifetime: Some(60 * MINUTE),
            ..PoolOptions::default()
        }
    }

    fn facts(now: Instant, idle_for: u32) -> Facts {
        Facts { retires: None, idle_since: now - idle_for * MINUTE }
    }

    #[test]
    fn only_an_idle_connection_is_kept() {
        let now = Instant::now();
        let fates = [Health::Idle, Health::InTransaction, Health::Failed, Health::Dirty, Health::Closed]
            .map(|health| returned(health, facts(now, 0), true, now));
        assert_eq!(fates, [Fate::Keep, Fate::Drain, Fate::Drain, Fate::Drain, Fate::Close]);
    }

    #[test]
    fn retired_connection_is_closed_when_it_comes_back() {
        let now = Instant::now();
        let retired = Facts { retires: Some(now), ..facts(now, 0) };
        assert_eq!(returned(Health::Idle, retired, true, now), Fate::Close);
        assert_eq!(returned(Health::Idle, facts(now, 0), false, now), Fate::Close);
        assert!(!lendable(retired, &options(0), now));
    }

    #[test]
    fn connection_idle_for_too_long_is_not_lent() {
        let now = Instant::now() + 60 * MINUTE;
        assert!(lendable(facts(now, 9), &options(0), now));
        assert!(!lendable(facts(now, 10), &options(0), now));
    }

    #[test]
    fn longest_idle_connections_are_evicted_down_to_the_minimum() {
        let now = Instant::now() + 60 * MINUTE;
        let idle = [facts(now, 11), facts(now, 20), facts(now, 1), facts(now, 15)];
        assert_eq!(evicted(&idle, 4, &options(2), now), [1, 3]);
        assert_eq!(evicted(&idle, 4, &options(0), now), [0, 1, 3]);
        assert!(evicted(&idle, 4, &options(4), now).is_empty());
    }

    #[test]
    fn retired_connections_are_evicted_below_the_minimum() {
        let now = Instant::now() + 60 * MINUTE;
        let idle = [Facts { retires: Some(now), ..facts(now, 0) }, facts(now, 1)];
        assert_eq!(evicted(&idle, 2, &options(2), now), [0]);
    }

    #[test]
    fn lifetimes_differ_by_a_tenth_at_most() {
        let now = Instant::now();
        let lifetimes: Vec<Duration> =
            (0..100).filter_map(|serial| retirement(now, serial, &options(0))).map(|at| at - now).collect();
        assert!(lifetimes.iter().all(|time| *time >= 54 * MINUTE && *time <= 60 * MINUTE));
        let spread = *lifetimes.iter().max().unwrap() - *lifetimes.iter().min().unwrap();
        assert!(spread > 5 * MINUTE, "{spread:?}");
    }

    #[test]
    fn pauses_grow_to_a_second_and_differ_by_half() {
        let longest: Vec<u128> =
            [1, 2, 3, 5, 6, 40, u32::MAX].map(|failures| pause(failures, u64::MAX).as_millis()).into();
        assert_eq!(longest, [50, 100, 200, 800, 1000, 1000, 1000]);
        assert_eq!(pause(6, 0).as_millis(), 500);
    }

    #[test]
    fn upkeep_sleeps_until_the_first_connection_is_due() {
        let now = Instant::now() + 60 * MINUTE;
        assert_eq!(next_upkeep(&[facts(now, 4), facts(now, 2)], 2, &options(0), now), Some(6 * MINUTE));
        assert_eq!(next_upkeep(&[], 0, &options(0), now), None);
        // Kept for the minimum, and long past its time.
        assert_eq!(next_upkeep(&[facts(now, 40)], 1, &options(1), now), Some(Duration::from_secs(30)));
    }

    #[test]
    fn upkeep_goes_on_while_all_connections_are_lent() {
        assert_eq!(next_upkeep(&[], 1, &options(0), Instant::now()), Some(Duration::from_secs(30)));
    }
}
