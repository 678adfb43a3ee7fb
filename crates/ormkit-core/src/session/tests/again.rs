//! Expired, refreshed and merged objects, changed keys.

use super::*;
use crate::session::Attributes;

fn get(world: &World, session: &mut Session<Records>, id: i64) -> Option<Record> {
    world.runtime.block_on(session.get(AUTHOR, &[ValueRef::Int(id)][..], &[])).unwrap()
}

#[test]
fn an_expired_object_is_read_by_the_next_get() {
    let world = world();
    let mut session = world.session();
    let author = world.stored(&mut session);
    author.set("name", "Bea").unwrap();
    session.expire(&author, Attributes::All).unwrap();
    assert_eq!(author.get("id").unwrap(), Value::Int(7));
    assert!(author.get("name").is_err());
    assert_eq!(get(&world, &mut session, 7), Some(author.clone()));
    assert_eq!(get(&world, &mut session, 7), Some(author.clone()));
    assert_eq!(world.sent(), [format!("{GET_AUTHOR} (7)")]);
    assert_eq!(author.get("name").unwrap(), Value::from("Ann"));
    assert_eq!(session.pending().unwrap()[1], []);
}

#[test]
fn a_changed_key_is_written_with_the_old_one_and_known_until_a_rollback() {
    let world = world();
    let mut session = world.session();
    let author = world.stored(&mut session);
    world.driver.affect("UPDATE authors SET id = $1 WHERE id = $2", 1);
    author.set("id", 8).unwrap();
    world.runtime.block_on(session.flush()).unwrap();
    assert_eq!(world.sent(), ["BEGIN", "UPDATE authors SET id = $1 WHERE id = $2 (8, 7)"]);
    assert_eq!(get(&world, &mut session, 8), Some(author.clone()));
    world.runtime.block_on(session.rollback()).unwrap();
    world.driver.take_log();
    assert_eq!(get(&world, &mut session, 7), Some(author));
    assert_eq!(world.sent(), Vec::<String>::new());
}

#[test]
fn a_merged_object_changes_what_differs() {
    let world = world();
    let mut session = world.session();
    let author = world.stored(&mut session);
    let given = world.author("Bea").with("id", 7).unwrap();
    let merged = world.runtime.block_on(session.merge(&given, &[])).unwrap();
    assert_eq!((&merged, merged.get("name").unwrap()), (&author, Value::from("Bea")));
    world.runtime.block_on(session.commit()).unwrap();
    assert_eq!(world.sent(), [format!("{UPDATE_AUTHOR} ('Bea', 7)")]);
    assert_eq!(given.state(), State::Transient);
}
