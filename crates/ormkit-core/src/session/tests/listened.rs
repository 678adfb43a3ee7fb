//! Sessions whose transactions and statements are listened to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::driver::{Batch, NoRows, Statement, StatementText};
use crate::error::Result;
use crate::query::{Criterion, Expr, Update, Write};
use crate::runtime::BoxFuture;
use crate::session::{Link, SessionListener};
use crate::value::Params;

const TENANT: &str = "SET LOCAL app.tenant = '1'";

/// Sets a tenant where a transaction begins.
#[derive(Default)]
struct Tenant {
    refuses: AtomicBool,
    keeps: AtomicBool,
    kept: Mutex<Option<Link>>,
}

impl SessionListener for Tenant {
    fn hears_begin(&self) -> bool {
        true
    }

    fn begun<'a>(&'a self, mut link: Link) -> BoxFuture<'a, (Option<Link>, Result<()>)> {
        Box::pin(async move {
            if self.refuses.load(Ordering::Relaxed) {
                return (Some(link), Err(Error::invalid_request("no tenant")));
            }
            if self.keeps.load(Ordering::Relaxed) {
                *self.kept.lock().unwrap() = Some(link);
                return (None, Ok(()));
            }
            let statement = Statement::new(Arc::new(StatementText::script(TENANT)), Params::new());
            let ran = link.run(Batch::of(&statement), &mut NoRows).await;
            (Some(link), ran)
        })
    }
}

/// Shows the objects of one name alone.
struct OnlyAnn;

fn is_ann() -> Expr {
    Expr::column(AUTHOR, crate::model::FieldId(1)).eq(Expr::value("Ann", crate::value::SqlType::Text))
}

impl SessionListener for OnlyAnn {
    fn hears_execute(&self) -> bool {
        true
    }

    fn select(&self, select: &Select) -> Result<Option<Select>> {
        let mut select = select.clone();
        select.criteria.push(Criterion { model: AUTHOR, condition: is_ann() });
        let condition =
            Expr::column(BOOK, crate::model::FieldId(1)).eq(Expr::value("Dune", crate::value::SqlType::Text));
        select.criteria.push(Criterion { model: BOOK, condition });
        Ok(Some(select))
    }

    fn write(&self, write: &Write) -> Result<Option<Write>> {
        let mut write = write.clone();
        if let Write::Update(update) = &mut write {
            update.filter.push(is_ann());
        }
        Ok(Some(write))
    }
}

fn listened(world: &World, listener: Arc<dyn SessionListener>) -> Session<Records> {
    let mut session = world.session();
    session.set_listener(listener);
    session
}

#[test]
fn what_a_listener_runs_follows_begin_and_comes_once_in_a_transaction() {
    let world = world();
    let mut session = listened(&world, Arc::new(Tenant::default()));
    world.driver.answer("SELECT id, name FROM authors", vec![]);
    for _ in 0..2 {
        world.runtime.block_on(session.select(&Select::entity(AUTHOR))).unwrap();
    }
    session.add(&world.author("Ann")).unwrap();
    world.runtime.block_on(session.commit()).unwrap();
    let select = "SELECT id, name FROM authors";
    let insert = "INSERT INTO authors (name) VALUES ($1) RETURNING id ('Ann')";
    assert_eq!(world.sent(), ["connect", "BEGIN", TENANT, select, select, insert, "COMMIT"]);
}

#[test]
fn a_verb_of_one_statement_has_a_transaction_that_is_told_of() {
    let world = world();
    let mut session = listened(&world, Arc::new(Tenant::default()));
    world.runtime.block_on(session.insert(&[world.author("Ann")])).unwrap();
    assert!(!session.in_transaction());
    let insert = "INSERT INTO authors (name) VALUES ($1) RETURNING id ('Ann')";
    assert_eq!(world.sent(), ["connect", "BEGIN", TENANT, insert, "COMMIT"]);
}

#[test]
fn a_failed_verb_that_is_told_of_leaves_nothing_open() {
    let world = world();
    let mut session = listened(&world, Arc::new(Tenant::default()));
    world.driver.fail(INSERT_AUTHOR, duplicate());
    world.runtime.block_on(session.insert(&[world.author("Ann")])).unwrap_err();
    assert!(!session.in_transaction());
    world.runtime.block_on(session.insert(&[world.author("Bea")])).unwrap();
    assert_eq!(world.pool.status().in_use, 0);
}

#[test]
fn the_rollback_of_a_savepoint_does_not_undo_what_the_listener_has_run() {
    let world = world();
    let mut session = listened(&world, Arc::new(Tenant::default()));
    world.runtime.block_on(session.savepoint()).unwrap();
    session.add(&world.author("Ann")).unwrap();
    world.runtime.block_on(session.flush()).unwrap();
    world.runtime.block_on(session.rollback_savepoint()).unwrap();
    let sent = world.sent();
    let place = |text: &str| sent.iter().position(|line| line.starts_with(text)).unwrap();
    assert!(place(TENANT) < place("SAVEPOINT"), "{sent:?}");
    world.runtime.block_on(session.commit()).unwrap();
}

#[test]
fn a_listener_that_refuses_makes_the_transaction_wait_for_its_rollback() {
    let world = world();
    let tenant = Arc::new(Tenant::default());
    let mut session = listened(&world, Arc::clone(&tenant) as _);
    let author = world.author("Ann");
    for keeps in [false, true] {
        tenant.refuses.store(!keeps, Ordering::Relaxed);
        tenant.keeps.store(keeps, Ordering::Relaxed);
        session.add(&author).unwrap();
        world.runtime.block_on(session.commit()).unwrap_err();
        let refused = world.runtime.block_on(session.flush()).unwrap_err();
        assert_eq!(refused.class(), ErrorClass::PendingRollbackError);
        world.runtime.block_on(session.rollback()).unwrap();
        assert_eq!(author.state(), State::Transient);
    }
    assert!(!world.sent().iter().any(|line| line.starts_with("INSERT")));
    tenant.kept.lock().unwrap().take();
    tenant.keeps.store(false, Ordering::Relaxed);
    session.add(&author).unwrap();
    world.runtime.block_on(session.commit()).unwrap();
    assert_eq!(author.state(), State::Persistent);
}

#[test]
fn a_listener_that_is_dropped_at_any_point_leaves_a_session_that_goes_on() {
    for polls in 0..40 {
        let world = world();
        let mut session = listened(&world, Arc::new(Tenant::default()));
        let author = world.author("Ann");
        session.add(&author).unwrap();
        let mut steps = Steps::new(session.commit());
        let done = (0..polls).any(|_| {
            world.runtime.run_tasks();
            steps.poll().is_some()
        });
        drop(steps);
        if done {
            assert!(polls > 3, "a commit takes more than three polls, or nothing was tried");
            return;
        }
        world.runtime.block_on(session.rollback()).unwrap();
        world.runtime.run_tasks();
        assert_eq!(world.pool.status().in_use, 0, "after {polls} polls");
    }
    panic!("the commit never ended");
}

#[test]
fn conditions_of_a_listener_reach_queries_keys_counts_and_lists() {
    let world = world();
    let mut session = listened(&world, Arc::new(OnlyAnn));
    let all = "SELECT id, name FROM authors WHERE name = $1";
    world.driver.answer(all, vec![vec![Value::Int(7), Value::from("Ann")]]);
    let books = "SELECT id, title, author_id FROM books WHERE author_id = ANY($1) AND title = $2";
    world.driver.answer(books, vec![]);
    let loads = vec![Load::new(world.model(AUTHOR).relations[0].id, Strategy::SelectIn)];
    let mut select = Select::entity(AUTHOR);
    select.loads.clone_from(&loads);
    let found = world.runtime.block_on(session.select(&select)).unwrap().into_objects();
    assert_eq!(found[0].related("books").unwrap(), []);
    let by_key = "SELECT id, name FROM authors WHERE id = $1 AND name = $2";
    world.driver.answer(by_key, vec![]);
    assert_eq!(world.runtime.block_on(session.get(AUTHOR, &[ValueRef::Int(8)][..], &loads)).unwrap(), None);
    let count = "SELECT count(*) FROM authors WHERE name = $1";
    world.driver.answer(count, vec![vec![Value::Int(1)]]);
    assert_eq!(world.runtime.block_on(session.count(&Select::entity(AUTHOR))).unwrap(), 1);
    assert_eq!(
        world.sent(),
        [
            "connect".to_owned(),
            format!("{all} ('Ann')"),
            format!("{books} ([7], 'Dune')"),
            format!("{by_key} (8, 'Ann')"),
            format!("{count} ('Ann')")
        ]
    );
}

#[test]
fn a_write_of_rows_takes_the_conditions_of_a_listener() {
    let world = world();
    let mut session = listened(&world, Arc::new(OnlyAnn));
    let name = (crate::model::FieldId(1), Expr::value("Eve", crate::value::SqlType::Text));
    let update = Update::new(AUTHOR, vec![name]);
    world.driver.affect("UPDATE authors SET name = $1 WHERE name = $2", 1);
    let written = world.runtime.block_on(session.write_at_once(&Write::Update(update))).unwrap();
    assert_eq!(written.affected, 1);
}

/// Answers another statement than the one it is shown.
struct Another;

impl SessionListener for Another {
    fn hears_execute(&self) -> bool {
        true
    }

    fn select(&self, _select: &Select) -> Result<Option<Select>> {
        Ok(Some(Select::entity(BOOK)))
    }
}

#[test]
fn a_listener_cannot_change_what_a_query_answers() {
    let world = world();
    let mut session = listened(&world, Arc::new(Another));
    let refused = world.runtime.block_on(session.select(&Select::entity(AUTHOR)));
    assert_eq!(refused.err().map(|error| error.class()), Some(ErrorClass::InvalidRequestError));
    assert!(world.sent().is_empty());
}
