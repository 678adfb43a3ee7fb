mod again;
mod listened;
mod orphans;
mod precede;
mod told;

use std::sync::Arc;

use super::Session;
use crate::error::{Diagnostics, Error, ErrorClass, ErrorKind, SqlState};
use crate::host::State;
use crate::model::{ColumnType, Field, Model, ModelDef, ModelId, Registry, RelationDef, Schema, Target};
use crate::pool::{Pool, PoolOptions};
use crate::query::{Load, Select, Strategy};
use crate::record::{Record, Records, Sessions};
use crate::sql::Dialect;
use crate::testing::{FakeDriver, FakeRuntime, Steps};
use crate::value::{Value, ValueRef};

const AUTHOR: ModelId = ModelId(0);
const BOOK: ModelId = ModelId(1);

const INSERT_AUTHOR: &str = "INSERT INTO authors (name) VALUES ($1) RETURNING id";
const INSERT_BOOK: &str = "INSERT INTO books (title, author_id) VALUES ($1, $2) RETURNING id";
const UPDATE_AUTHOR: &str = "UPDATE authors SET name = $1 WHERE id = $2";
const GET_AUTHOR: &str = "SELECT id, name FROM authors WHERE id = $1";

fn model(name: &str, table: &str, fields: Vec<Field>, relation: RelationDef) -> ModelDef {
    ModelDef { module: "app".into(), relations: vec![relation], ..ModelDef::new(name, table, fields) }
}

fn library() -> Arc<Schema> {
    let id = || Field::new("id", ColumnType::Integer).key().numbered();
    let relation = |name: &str, target: &str, back: &str, many| {
        let mut relation = RelationDef::new(name, Target::Name(target.into()));
        (relation.back_populates, relation.many) = (Some(back.into()), Some(many));
        relation
    };
    let mut registry = Registry::new();
    let name = Field::new("name", ColumnType::Text).required();
    registry
        .declare(model("Author", "authors", vec![id(), name], relation("books", "Book", "author", true)))
        .unwrap();
    let title = Field::new("title", ColumnType::Text).required();
    let key = Field::new("author_id", ColumnType::Integer).references("authors", "id");
    let author = relation("author", "Author", "books", false);
    registry.declare(model("Book", "books", vec![id(), title, key], author)).unwrap();
    registry.freeze().unwrap()
}

struct World {
    driver: Arc<FakeDriver>,
    runtime: Arc<FakeRuntime>,
    pool: Pool,
    schema: Arc<Schema>,
    sessions: Sessions,
}

fn world() -> World {
    world_of(library())
}

fn world_of(schema: Arc<Schema>) -> World {
    let (driver, runtime) = (FakeDriver::new(&Dialect::POSTGRES), FakeRuntime::new());
    let options = PoolOptions { max: 1, idle_timeout: None, max_lifetime: None, ..PoolOptions::default() };
    let pool = Pool::new(driver.clone(), runtime.clone(), options);
    driver.answer(INSERT_AUTHOR, vec![vec![Value::Int(7)]]);
    driver.answer(INSERT_BOOK, vec![vec![Value::Int(9)]]);
    driver.affect(UPDATE_AUTHOR, 1);
    let sessions = Sessions::new(pool.clone(), Arc::clone(&schema));
    World { driver, runtime, pool, schema, sessions }
}

impl World {
    fn session(&self) -> Session<Records> {
        self.sessions.open()
    }

    fn model(&self, id: ModelId) -> &Arc<Model> {
        self.schema.model(id)
    }

    fn author(&self, name: &str) -> Record {
        Record::new(self.model(AUTHOR)).with("name", name).unwrap()
    }

    fn book(&self, title: &str) -> Record {
        Record::new(self.model(BOOK)).with("title", title).unwrap()
    }

    /// A stored author, number 7.
    fn stored(&self, session: &mut Session<Records>) -> Record {
        self.driver.answer(GET_AUTHOR, vec![vec![Value::Int(7), Value::from("Ann")]]);
        let found =
            self.runtime.block_on(session.get(AUTHOR, &[ValueRef::Int(7)][..], &[])).unwrap().unwrap();
        self.driver.take_log();
        found
    }

    fn sent(&self) -> Vec<String> {
        let log = self.driver.take_log();
        log.iter().filter_map(|line| line.split_once(' ').map(|(_, sql)| sql.to_owned())).collect()
    }
}

fn duplicate() -> Error {
    Error::new(ErrorKind::Database(Box::new(Diagnostics::new(SqlState::UNIQUE_VIOLATION, "duplicate key"))))
}

#[test]
fn parents_are_inserted_first_and_their_keys_carried_over() {
    let world = world();
    let mut session = world.session();
    let (author, book) = (world.author("Ann"), world.book("Dune"));
    book.relate("author", vec![author.clone()]).unwrap();
    session.add(&book).unwrap();
    world.runtime.block_on(session.commit()).unwrap();
    assert_eq!(
        world.sent(),
        [
            "connect",
            "BEGIN",
            "INSERT INTO authors (name) VALUES ($1) RETURNING id ('Ann')",
            "INSERT INTO books (title, author_id) VALUES ($1, $2) RETURNING id ('Dune', 7)",
            "COMMIT"
        ]
    );
    assert_eq!(book.get("author_id").unwrap(), Value::Int(7));
    assert_eq!(author.state(), State::Persistent);
}

#[test]
fn a_child_takes_the_key_from_the_list_that_holds_it() {
    let world = world();
    let mut session = world.session();
    let (author, book) = (world.author("Ann"), world.book("Dune"));
    author.relate("books", vec![book.clone()]).unwrap();
    session.add(&author).unwrap();
    world.runtime.block_on(session.flush()).unwrap();
    assert_eq!(book.get("author_id").unwrap(), Value::Int(7));
}

#[test]
fn a_held_object_is_answered_without_a_statement() {
    let world = world();
    let mut session = world.session();
    let author = world.stored(&mut session);
    let again = world.runtime.block_on(session.get(AUTHOR, &[ValueRef::Int(7)][..], &[])).unwrap();
    assert_eq!(again, Some(author));
    assert!(world.sent().is_empty());
}

#[test]
fn a_dropped_object_is_read_again_unless_it_was_changed() {
    let world = world();
    let mut session = world.session();
    drop(world.stored(&mut session));
    world
        .runtime
        .block_on(session.get(AUTHOR, &[ValueRef::Int(7)][..], &[]))
        .unwrap()
        .unwrap()
        .set("name", "Bea")
        .unwrap();
    world.driver.take_log();
    world.runtime.block_on(session.commit()).unwrap();
    assert_eq!(world.sent(), ["UPDATE authors SET name = $1 WHERE id = $2 ('Bea', 7)"]);
}

#[test]
fn a_query_answers_the_sessions_object_and_keeps_its_changes() {
    let world = world();
    let mut session = world.session();
    session.options.autoflush = false;
    let author = world.stored(&mut session);
    author.set("name", "Mine").unwrap();
    world.driver.answer("SELECT id, name FROM authors", vec![vec![Value::Int(7), Value::from("Theirs")]]);
    let found = world.runtime.block_on(session.select(&Select::entity(AUTHOR))).unwrap().into_objects();
    assert_eq!(found, std::slice::from_ref(&author));
    assert_eq!(author.get("name").unwrap(), Value::from("Mine"));
}

#[test]
fn an_insert_alone_needs_no_transaction() {
    let world = world();
    let mut session = world.session();
    world.runtime.block_on(session.insert(&[world.author("Ann")])).unwrap();
    assert_eq!(world.sent(), ["connect", "INSERT INTO authors (name) VALUES ($1) RETURNING id ('Ann')"]);
    assert!(!session.in_transaction());
}

#[test]
fn a_failed_verb_leaves_the_object_as_it_was() {
    let world = world();
    let mut session = world.session();
    world.driver.fail(INSERT_AUTHOR, duplicate());
    let author = world.author("Ann");
    let error = world.runtime.block_on(session.insert(std::slice::from_ref(&author))).unwrap_err();
    assert_eq!(error.class(), ErrorClass::UniqueViolation);
    assert_eq!((author.state(), session.pending().unwrap()), (State::Transient, [vec![], vec![], vec![]]));
    world.runtime.block_on(session.insert(&[author])).unwrap();
}

#[test]
fn a_failed_flush_waits_for_rollback_and_loses_nothing() {
    let world = world();
    let mut session = world.session();
    let author = world.author("Ann");
    session.add(&author).unwrap();
    world.driver.fail(INSERT_AUTHOR, duplicate());
    world.runtime.block_on(session.flush()).unwrap_err();
    let refused = world.runtime.block_on(session.select(&Select::entity(AUTHOR)));
    assert_eq!(refused.err().map(|error| error.class()), Some(ErrorClass::PendingRollbackError));
    world.runtime.block_on(session.rollback()).unwrap();
    assert_eq!(author.state(), State::Transient);
    session.add(&author).unwrap();
    world.runtime.block_on(session.commit()).unwrap();
}

#[test]
fn rollback_folds_an_insert_and_its_updates_into_one_insert() {
    let world = world();
    let mut session = world.session();
    let author = world.author("Ann");
    session.add(&author).unwrap();
    world.runtime.block_on(session.flush()).unwrap();
    author.set("name", "Bea").unwrap();
    world.runtime.block_on(session.flush()).unwrap();
    world.runtime.block_on(session.rollback()).unwrap();
    assert_eq!((author.get("id").unwrap(), author.get("name").unwrap()), (Value::Null, Value::from("Ann")));
    world.driver.take_log();
    session.add(&author).unwrap();
    world.runtime.block_on(session.commit()).unwrap();
    assert_eq!(world.sent(), ["INSERT INTO authors (name) VALUES ($1) RETURNING id ('Ann')"]);
}

#[test]
fn a_row_that_vanished_is_noticed() {
    let world = world();
    let mut session = world.session();
    let author = world.stored(&mut session);
    author.set("name", "Bea").unwrap();
    world.driver.affect(UPDATE_AUTHOR, 0);
    let error = world.runtime.block_on(session.flush()).unwrap_err();
    assert_eq!(error.class(), ErrorClass::StaleDataError);
}

#[test]
fn a_flush_dropped_at_any_point_writes_once_when_tried_again() {
    for polls in 0..40 {
        let world = world();
        let mut session = world.session();
        let author = world.author("Ann");
        session.add(&author).unwrap();
        let mut steps = Steps::new(session.commit());
        let done = (0..polls).any(|_| {
            world.runtime.run_tasks();
            steps.poll().is_some()
        });
        drop(steps);
        if done {
            assert!(polls > 2, "a commit takes more than two polls, or nothing was tried");
            return;
        }
        let unknown = session.link.outcome_unknown();
        world.runtime.block_on(session.rollback()).unwrap();
        if !unknown {
            assert_eq!(author.state(), State::Transient, "after {polls} polls");
            session.add(&author).unwrap();
            world.runtime.block_on(session.commit()).unwrap();
            assert_eq!(author.state(), State::Persistent);
        }
        world.runtime.run_tasks();
        assert_eq!(world.pool.status().in_use, 0);
    }
    panic!("the commit never ended");
}

#[test]
fn lists_are_loaded_by_one_statement_for_all_parents() {
    let world = world();
    let mut session = world.session();
    let authors = vec![vec![Value::Int(7), Value::from("Ann")], vec![Value::Int(8), Value::from("Bea")]];
    world.driver.answer("SELECT id, name FROM authors", authors);
    let books = "SELECT id, title, author_id FROM books WHERE author_id = ANY($1)";
    world.driver.answer(books, vec![vec![Value::Int(1), Value::from("Dune"), Value::Int(8)]]);
    let mut select = Select::entity(AUTHOR);
    select.loads = vec![Load::new(world.model(AUTHOR).relations[0].id, Strategy::SelectIn)];
    let found = world.runtime.block_on(session.select(&select)).unwrap().into_objects();
    assert_eq!(found[0].related("books").unwrap(), []);
    let children = found[1].related("books").unwrap();
    assert_eq!(children[0].related("author").unwrap(), [found[1].clone()]);
    assert_eq!(world.sent().len(), 3, "connect, parents, children");
}
