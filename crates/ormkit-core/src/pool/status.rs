//! What a pool tells about itself.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Counters;
use crate::driver::StatementText;
use crate::runtime::Aborter;

/// A pool at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Open and opening connections; those being cleaned after a cancelled operation are not counted.
    pub size: usize,
    /// Connections that nobody uses.
    pub idle: usize,
    /// Connections that are lent or being opened.
    pub in_use: usize,
    /// Callers that wait for a connection.
    pub waiting: usize,
    /// Connections being cleaned after a cancelled operation.
    pub draining: usize,
    /// The most connections at once.
    pub max: usize,
    /// What the last attempt to connect said, while the server is away.
    pub connect_error: Option<Arc<str>>,
    /// What the pool has done so far.
    pub counters: Counters,
    /// Who has a connection, the longest first.
    pub holders: Vec<Holder>,
}

/// Who has a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The label given at [`acquire_as`](super::Pool::acquire_as), such as a task's name.
    pub name: Option<Arc<str>>,
    /// How long it has been lent.
    pub age: Duration,
    /// The SQL of the last statement, without its values.
    pub last_statement: Option<String>,
}

/// More holders than this are only counted in an error's text.
const SHOWN: usize = 5;
/// Longer statements are cut in an error's text, in characters.
const SHOWN_SQL: usize = 80;

impl fmt::Display for Status {
    /// `10 of 10 connections in use, 3 waiting; held by import for 12.5 s, last SELECT 1; …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} connections in use, {} waiting", self.in_use, self.max, self.waiting)?;
        for (at, holder) in self.holders.iter().take(SHOWN).enumerate() {
            write!(f, "{}{holder}", if at == 0 { "; held by " } else { "; by " })?;
        }
        match self.holders.len().saturating_sub(SHOWN) {
            0 => {}
            more => write!(f, "; and {more} more")?,
        }
        match &self.connect_error {
            None => Ok(()),
            Some(error) => write!(f, "; the server is away: {error}"),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or("an unnamed caller"))?;
        write!(f, " for {:.1} s", self.age.as_secs_f64())?;
        let Some(sql) = &self.last_statement else { return Ok(()) };
        let shown: String = sql.chars().take(SHOWN_SQL).collect();
        write!(f, ", last {shown}{}", if shown.len() < sql.len() { "…" } else { "" })
    }
}

/// What is noted of a lent connection. Its lock is held for one assignment.
pub(super) struct Borrow {
    noted: Mutex<Noted>,
    aborter: Option<Aborter>,
}

struct Noted {
    name: Option<Arc<str>>,
    since: Instant,
    last: Option<Arc<StatementText>>,
}

impl Borrow {
    pub(super) fn new(now: Instant, aborter: Option<Aborter>) -> Self {
        Self { noted: Mutex::new(Noted { name: None, since: now, last: None }), aborter }
    }

    /// Ends the connection under its borrower; false where that cannot be done.
    pub(super) fn abort(&self) -> bool {
        self.aborter.iter().for_each(|abort| abort());
        self.aborter.is_some()
    }

    /// A new loan begins.
    pub(super) fn begin(&self, name: Option<Arc<str>>, now: Instant) {
        let loan = Noted { name, since: now, last: None };
        drop(std::mem::replace(&mut *self.lock(), loan));
    }

    pub(super) fn note(&self, statement: &Arc<StatementText>) {
        let before = self.lock().last.replace(Arc::clone(statement));
        drop(before);
    }

    pub(super) fn holder(&self, now: Instant) -> Holder {
        let (name, since, last) = {
            let noted = self.lock();
            (noted.name.clone(), noted.since, noted.last.clone())
        };
        Holder {
            name,
            age: now.saturating_duration_since(since),
            last_statement: last.map(|text| text.sql.clone()),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_holders_and_counts_the_rest() {
        let holder = |name: &str, age| Holder {
            name: Some(name.into()),
            age: Duration::from_millis(age),
            last_statement: Some("SELECT ".to_owned() + &"x".repeat(100)),
        };
        let holders = (1..=7).map(|at| holder(&format!("t{at}"), 1500)).collect();
        let connect_error = Some("refused".into());
        let status = Status {
            size: 7,
            idle: 0,
            in_use: 7,
            waiting: 2,
            draining: 0,
            max: 7,
            connect_error,
            counters: Counters::default(),
            holders,
        };
        let text = status.to_string();
        assert!(
            text.starts_with("7 of 7 connections in use, 2 waiting; held by t1 for 1.5 s, last SELECT xx"),
            "{text}"
        );
        assert!(text.ends_with("x…; and 2 more; the server is away: refused"), "{text}");
    }
}
