//! Running revisions: who else wants to waits, and each is kept whole or not at all.
//!
//! A run is taken step by step by whoever knows what revisions do:
//!
//! ```text
//! start ──▶ next ──▶ (the revision's statements) ──▶ done ──▶ next … ──▶ end
//!             ▲                  │
//!             └───── again ◀─────┴──▶ failed
//! ```
//!
//! On PostgreSQL a run holds an advisory lock of the session, and asks for it without waiting in the server: a statement that
//! waits has a snapshot, for which `CREATE INDEX CONCURRENTLY` of the other run would wait in turn. Behind a pooler, which may
//! give each transaction another session, the lock is that of the transaction of each revision. On SQLite that transaction is
//! the only one that writes. Either of the two looks again at where the database is.
//!
//! # Cancelling
//! The transaction of the revision is rolled back, the lock goes with the connection.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxBuildHasher;

use super::settings::Settings;
use super::{Direction, Graph, MigrationProblem, Step, VersionTable};
use crate::driver::{Batch, Effect, NoRows, Row, RowSink, Statement, StatementText};
use crate::error::{Error, ErrorClass, ErrorKind, Result, SqlState};
use crate::runtime::Runtime;
use crate::schema::{Catalog, Operation, Orphans, check_foreign_keys, migrate_in};
use crate::session::Link;
use crate::sql::{DialectName, TransactionMode};
use crate::value::{Params, SqlType, ValueRef};

/// Where a run goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Up to a place.
    Up(String),
    /// Down to a place.
    Down(String),
    /// This revision alone.
    Single(String, Direction),
}

/// How revisions are run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The version table.
    pub table: VersionTable,
    /// PostgreSQL: how long a statement waits for the locks of others, before the revision is undone and tried again. None: the
    /// server's own setting.
    pub lock_timeout: Option<Duration>,
    /// How often a revision is tried, where locks are not to be had.
    pub attempts: u32,
    /// The longest wait for another run to end; None: as long as it takes.
    pub wait: Option<Duration>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { table: VersionTable::default(), lock_timeout: None, attempts: 5, wait: None }
    }
}

/// Between two looks at whether another run has ended.
const LOOK: Duration = Duration::from_millis(100);

/// A run.
pub struct Run {
    graph: Arc<Graph>,
    options: RunOptions,
    left: VecDeque<Step>,
    /// Where the database is, as far as this run knows.
    heads: Vec<String>,
    /// The revision whose transaction is open, and how often it was begun.
    open: Option<Step>,
    attempts: u32,
    /// A part of it was committed already.
    parted: bool,
    /// It rebuilt tables: foreign keys are to be checked before its end, against what was amiss before.
    rebuilt: Option<Orphans>,
    locked: bool,
    /// A pooler stands before the server: a lock lasts for a transaction.
    pooled: bool,
    has_table: bool,
    /// Those of the session before the first revision (PostgreSQL).
    settings: Option<Settings>,
}

impl Run {
    /// Waits for other runs, and plans.
    ///
    /// # Errors
    /// An open transaction. `Migration`: the goal is not known, or another run takes longer than `wait`; what the database says.
    pub async fn start(
        link: &mut Link,
        runtime: &dyn Runtime,
        graph: Arc<Graph>,
        goal: &Goal,
        options: RunOptions,
    ) -> Result<Self> {
        if link.in_transaction() {
            let text = "revisions run in transactions of their own: end this one first";
            return Err(Error::invalid_request(text));
        }
        let mut run = Self {
            graph,
            options,
            left: VecDeque::new(),
            heads: Vec::new(),
            open: None,
            attempts: 0,
            parted: false,
            rebuilt: None,
            locked: false,
            pooled: false,
            has_table: false,
            settings: None,
        };
        if link.dialect().name == DialectName::Postgres {
            // The lock is that of a session.
            link.pin().await?;
            run.pooled = is_pooled(link).await?;
            run.settings = Some(Settings::of(link).await?);
            if !run.pooled {
                run.lock(link, runtime).await?;
            }
        }
        let planned = run.plan(link, goal).await;
        if planned.is_err() {
            run.end(link).await?;
        }
        planned.map(|()| run)
    }

    async fn plan(&mut self, link: &mut Link, goal: &Goal) -> Result<()> {
        self.heads = self.options.table.heads(link).await?;
        self.left = match goal {
            Goal::Up(target) => self.graph.upgrade(&self.heads, target)?.into(),
            Goal::Down(target) => self.graph.downgrade(&self.heads, target)?.into(),
            Goal::Single(id, direction) => {
                VecDeque::from([self.graph.single(&self.heads, id, *direction)?])
            }
        };
        Ok(())
    }

    /// What is still to be run.
    pub fn left(&self) -> impl ExactSizeIterator<Item = &Step> {
        self.left.iter()
    }

    /// Begins the transaction of the next revision; None when all have run. Its statements go to the link then.
    ///
    /// # Errors
    /// `Migration` with the revision: what the database says.
    pub async fn next(&mut self, link: &mut Link, runtime: &dyn Runtime) -> Result<Option<Step>> {
        let Some(step) = self.left.front().cloned() else { return Ok(None) };
        let start = runtime.now();
        loop {
            let begun = self.begin(link, step.direction).await;
            if let Ok(true) = begun {
                break;
            }
            link.rollback().await;
            // SQLite's one writer is another run, or somebody else whom it waits for as it waits for runs.
            let waited = runtime.now().saturating_duration_since(start);
            let may_wait = self.options.wait.is_none_or(|longest| waited < longest);
            let is_sqlite = link.dialect().name == DialectName::Sqlite;
            match begun {
                Err(error) if !(may_wait && is_sqlite && Self::is_lock(error.class())) => {
                    return Err(failure(&step, error, None));
                }
                Ok(_) if !may_wait => return Err(held(waited)),
                _ => runtime.sleep(LOOK).await,
            }
        }
        let step = self.left.pop_front();
        if step.is_none() {
            // Another run has done the rest.
            link.rollback().await;
        }
        self.attempts += 1;
        self.parted = false;
        self.open.clone_from(&step);
        Ok(step)
    }

    /// False where another run has the lock of a transaction.
    async fn begin(&mut self, link: &mut Link, direction: Direction) -> Result<bool> {
        link.begin_as(TransactionMode { rebuilds: true, ..TransactionMode::default() })?;
        if let (Some(timeout), DialectName::Postgres) = (self.options.lock_timeout, link.dialect().name) {
            let set = format!("SET LOCAL lock_timeout = {}", timeout.as_millis().max(1));
            link.run(Batch::of(&Statement::command(set, Effect::Unknown)), &mut NoRows).await?;
        }
        if self.pooled {
            let sql = format!("SELECT pg_try_advisory_xact_lock({})", self.key());
            if !answer(link, sql).await? {
                return Ok(false);
            }
        }
        if !self.locked {
            let heads = self.options.table.heads(link).await?;
            if heads != self.heads {
                self.catch_up(heads, direction)?;
            }
        }
        if !self.has_table && !self.left.is_empty() {
            self.options.table.ensure(link).await?;
        }
        Ok(true)
    }

    /// Another run was there in between: what it has done is not to be done again.
    fn catch_up(&mut self, heads: Vec<String>, direction: Direction) -> Result<()> {
        let applied: Vec<String> = self.graph.applied(&heads)?.iter().map(|known| known.id.clone()).collect();
        let wanted = |step: &Step| applied.contains(&step.revision.id) == (direction == Direction::Down);
        let left: Vec<String> =
            self.left.iter().filter(|step| wanted(step)).map(|step| step.revision.id.clone()).collect();
        self.left = self.graph.replan(&heads, &left, direction)?.into();
        self.heads = heads;
        Ok(())
    }

    /// Moves the rows of the version table and commits.
    ///
    /// # Errors
    /// `Migration` with the revision: what the database says. Nothing of it is kept then, except where the connection was lost
    /// during COMMIT: what became of it is not known.
    pub async fn done(&mut self, link: &mut Link) -> Result<()> {
        let Some(step) = self.open.take() else {
            return Err(Error::invalid_request("no revision is running"));
        };
        if let Err(error) = self.keep(link, &step).await {
            link.rollback().await;
            return Err(failure(&step, error, None));
        }
        self.has_table = true;
        self.attempts = 0;
        for step in &step.moves {
            step.follow(&mut self.heads);
        }
        Ok(())
    }

    async fn keep(&mut self, link: &mut Link, step: &Step) -> Result<()> {
        if let Some(settings) = &self.settings {
            // Neither the version table nor the next revision is to be looked for elsewhere.
            settings.restore(link).await?;
        }
        self.options.table.apply(link, &step.moves).await?;
        self.check(link).await?;
        link.commit().await
    }

    async fn check(&mut self, link: &mut Link) -> Result<()> {
        match self.rebuilt.take() {
            Some(before) => check_foreign_keys(link, &before).await,
            None => Ok(()),
        }
    }

    /// Does steps of the schema for the revision that runs. Foreign keys of tables that were rebuilt are checked at its end:
    /// what they refer to may get its key later.
    ///
    /// # Errors
    /// As [`migrate_in`].
    pub async fn migrate(
        &mut self,
        link: &mut Link,
        found: &Catalog,
        operations: &[Operation],
    ) -> Result<()> {
        let own = !link.in_transaction();
        if own {
            self.resume(link)?;
        }
        let before = migrate_in(link, found, operations).await?;
        self.rebuilt = self.rebuilt.take().or(before);
        if own {
            self.check(link).await?;
            link.commit().await?;
        }
        Ok(())
    }

    /// Undoes the revision that runs, waits a moment, and lets [`next`](Self::next) begin it once more; false where that was done
    /// often enough. For an [error that a lock of somebody else's has made](Self::is_lock).
    ///
    /// # Errors
    /// None: it answers true or false.
    pub async fn again(&mut self, link: &mut Link, runtime: &dyn Runtime) -> bool {
        // What was committed would be done twice.
        if self.parted || self.attempts >= self.options.attempts {
            return false;
        }
        link.rollback().await;
        self.rebuilt = None;
        let Some(step) = self.open.take() else { return false };
        self.left.push_front(step);
        runtime.sleep(LOOK * (1 << self.attempts.min(6))).await;
        true
    }

    /// True for errors that are gone when somebody else has given up a lock.
    pub fn is_lock(class: ErrorClass) -> bool {
        matches!(class, ErrorClass::LockNotAvailable | ErrorClass::DeadlockDetected)
    }

    /// Undoes the revision that runs: `error` with the revision, its file and its line.
    pub async fn failed(&mut self, link: &mut Link, error: Error, line: Option<u32>) -> Error {
        let ended = link.ended_by_statement();
        link.rollback().await;
        self.rebuilt = None;
        let Some(step) = self.open.take() else { return error };
        match (self.parted, ended) {
            (true, _) => parted(&step, error, line),
            (false, true) => ended_by_itself(&step, error, line),
            (false, false) => failure(&step, error, line),
        }
    }

    /// Commits what the revision has done so far: what comes until [`resume`](Self::resume) commits by itself.
    ///
    /// # Errors
    /// What the database says; behind a pooler, where nothing would keep other runs waiting.
    pub async fn pause(&mut self, link: &mut Link) -> Result<()> {
        if self.pooled {
            let problem = "a pooler stands before the server, where no run can hold others off outside of a transaction, \
                as autocommit_block() needs";
            let next = "run `ormkit migrate up` with the URL of the server itself";
            return Err(MigrationProblem::new(problem)
                .about(self.open.iter().map(|step| &step.revision))
                .next(next)
                .error());
        }
        self.parted = true;
        self.check(link).await?;
        link.commit().await
    }

    /// Begins a transaction for the rest of the revision.
    ///
    /// # Errors
    /// As [`Link::begin_as`].
    pub fn resume(&mut self, link: &mut Link) -> Result<()> {
        link.begin_as(TransactionMode { rebuilds: true, ..TransactionMode::default() })
    }

    /// Lets other runs go on. To be called however the run went.
    ///
    /// # Errors
    /// What the database says.
    pub async fn end(&mut self, link: &mut Link) -> Result<()> {
        link.rollback().await;
        // A connection that was lost has taken the lock along.
        if !std::mem::take(&mut self.locked) || link.connection().is_none() {
            return Ok(());
        }
        let unlock = format!("SELECT pg_advisory_unlock({})", self.key());
        link.run(Batch::of(&Statement::new(StatementText::raw(unlock).into(), Params::new())), &mut NoRows)
            .await
    }

    async fn lock(&mut self, link: &mut Link, runtime: &dyn Runtime) -> Result<()> {
        let mut waited = Duration::ZERO;
        loop {
            if answer(link, format!("SELECT pg_try_advisory_lock({})", self.key())).await? {
                self.locked = true;
                return Ok(());
            }
            if self.options.wait.is_some_and(|longest| waited >= longest) {
                return Err(held(waited));
            }
            runtime.sleep(LOOK).await;
            waited += LOOK;
        }
    }

    /// The key of the advisory lock: the same for all runs with this version table. Advisory locks are per database.
    fn key(&self) -> i64 {
        let mut hasher = FxBuildHasher.build_hasher();
        hasher.write(b"ormkit migrate ");
        hasher.write(self.options.table.name.to_string().as_bytes());
        hasher.finish().cast_signed()
    }
}

/// True where the process that serves us is not the one that the connection was told of: between the two stands a pooler.
async fn is_pooled(link: &mut Link) -> Result<bool> {
    let told = link.connection().and_then(|connection| connection.backend_pid());
    let Some(told) = told else { return Ok(false) };
    Ok(!answer(link, format!("SELECT pg_backend_pid() = {told}")).await?)
}

/// What a query of one boolean answers.
async fn answer(link: &mut Link, sql: String) -> Result<bool> {
    let text = StatementText::new(sql, Vec::new(), Some(vec![SqlType::Bool]), Effect::Unknown);
    let mut got = Got(false);
    link.run(Batch::of(&Statement::new(Arc::new(text), Params::new())), &mut got).await?;
    Ok(got.0)
}

/// Another run took too long.
fn held(waited: Duration) -> Error {
    let problem = format!("another run has held the database for {} s", waited.as_secs());
    MigrationProblem::new(problem).next("wait for it to end, and try again").error()
}

/// The failure of a revision that was undone.
fn failure(step: &Step, error: Error, line: Option<u32>) -> Error {
    let id = &step.revision.id;
    let next = match (error.kind(), step.direction) {
        (ErrorKind::OutcomeUnknown(_), _) => "`ormkit migrate current` says whether it was kept".to_owned(),
        (_, Direction::Up) => {
            format!("the database is as it was before `{id}`, `ormkit migrate up` tries again")
        }
        (_, Direction::Down) => {
            format!("the database is as it was after `{id}`, `ormkit migrate down` tries again")
        }
    };
    named(step, error, line, next)
}

/// The failure of a revision of which a part was committed.
fn parted(step: &Step, error: Error, line: Option<u32>) -> Error {
    let next = "what it did before its autocommit_block(), and in it, was kept: look at what is there before you run it again";
    named(step, error, line, next.to_owned())
}

/// The failure of a revision that said COMMIT or ROLLBACK itself, among other statements.
fn ended_by_itself(step: &Step, error: Error, line: Option<u32>) -> Error {
    let next = "what it did before a COMMIT was kept: look at what is there before you run it again, and leave BEGIN and COMMIT \
        to the run; op.get_context().autocommit_block() is for what must run outside of its transaction";
    named(step, error, line, next.to_owned())
}

fn named(step: &Step, error: Error, line: Option<u32>, next: String) -> Error {
    if matches!(error.kind(), ErrorKind::Migration(_)) {
        return error;
    }
    let function = match step.direction {
        Direction::Up => "upgrade",
        Direction::Down => "downgrade",
    };
    let line = line.map_or_else(String::new, |line| format!(" in line {line}"));
    let detail = error.diagnostics().and_then(|known| {
        known.detail.as_ref().and_then(|detail| in_the_way(known.sqlstate.as_str(), detail))
    });
    let error = match detail {
        Some(detail) => error.with_note(detail),
        None => error,
    };
    let problem = format!("{function} of {} failed{line}: {error}", step.revision.place());
    let wrapped = MigrationProblem::new(problem).about([&step.revision]).next(next).error();
    let wrapped = match error.statement().map(str::to_owned) {
        Some(sql) => wrapped.in_statement(&sql),
        None => wrapped,
    };
    wrapped.caused_by(error)
}

/// Which view, key or other object it is that keeps a step from being done: PostgreSQL says so beside its message, in a
/// detail that holds no values there.
pub fn in_the_way(sqlstate: &str, detail: &str) -> Option<String> {
    let states = [SqlState::DEPENDENT_OBJECTS, SqlState::FEATURE_NOT_SUPPORTED];
    states.iter().any(|state| state.as_str() == sqlstate).then(|| detail.replace('\n', "; "))
}

struct Got(bool);

impl RowSink for Got {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        self.0 = row.cell(0)? == ValueRef::Bool(true);
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.0 = false;
    }
}
