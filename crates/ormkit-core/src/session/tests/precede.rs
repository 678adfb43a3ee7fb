//! Rows that make way for others in one flush.

use super::*;

const DELETE_AUTHOR: &str = "DELETE FROM authors WHERE id = $1";
const INSERT_KEYED: &str = "INSERT INTO authors (id, name) VALUES ($1, $2)";
const UPDATE_BOOK: &str = "UPDATE books SET author_id = $1 WHERE id = $2";
const BOOKS: &str = "SELECT id, title, author_id FROM books WHERE author_id = $1";

/// The stored author, marked for deletion, and a new one of the same key.
fn replaced(world: &World, session: &mut Session<Records>) -> Record {
    let old = world.stored(session);
    let new = world.author("Bea").with("id", 7).unwrap();
    session.delete(&old).unwrap();
    session.add(&new).unwrap();
    world.driver.affect(DELETE_AUTHOR, 1);
    world.driver.affect(INSERT_KEYED, 1);
    world.driver.affect(UPDATE_BOOK, 1);
    new
}

#[test]
fn a_deleted_row_goes_before_another_takes_its_key() {
    let world = world();
    let mut session = world.session();
    let new = replaced(&world, &mut session);
    world.driver.answer(BOOKS, Vec::new());
    world.runtime.block_on(session.flush()).unwrap();
    let sent = world.sent();
    assert_eq!(
        sent[sent.len() - 2..],
        [format!("{DELETE_AUTHOR} (7)"), format!("{INSERT_KEYED} (7, 'Bea')")],
        "{sent:?}"
    );
    let found = world.runtime.block_on(session.get(AUTHOR, &[ValueRef::Int(7)][..], &[])).unwrap();
    assert_eq!(found, Some(new));
}

#[test]
fn what_refers_to_a_row_that_makes_way_lets_go_and_comes_back() {
    let world = world();
    let mut session = world.session();
    world.driver.answer(BOOKS, vec![vec![Value::Int(9), Value::from("Dune"), Value::Int(7)]]);
    let get = "SELECT id, title, author_id FROM books WHERE id = $1";
    world.driver.answer(get, vec![vec![Value::Int(9), Value::from("Dune"), Value::Int(7)]]);
    let book = world.runtime.block_on(session.get(BOOK, &[ValueRef::Int(9)][..], &[])).unwrap().unwrap();
    let new = replaced(&world, &mut session);
    book.relate("author", vec![new]).unwrap();
    world.driver.take_log();
    world.runtime.block_on(session.flush()).unwrap();
    let sent = world.sent();
    assert_eq!(
        sent[sent.len() - 4..],
        [
            format!("{UPDATE_BOOK} (NULL, 9)"),
            format!("{DELETE_AUTHOR} (7)"),
            format!("{INSERT_KEYED} (7, 'Bea')"),
            format!("{UPDATE_BOOK} (7, 9)")
        ],
        "{sent:?}"
    );
}
