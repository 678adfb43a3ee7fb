//! Hosts that hear of what is written.

use std::sync::Mutex;

use super::*;
use crate::host::Moment;

impl World {
    fn listening(
        &self,
        listener: impl Fn(Moment, &Record) -> crate::error::Result<()> + Send + Sync + 'static,
    ) -> Session<Records> {
        self.sessions.open_for(Records::new(Arc::clone(&self.schema)).listening(listener))
    }
}

#[test]
fn what_a_listener_sets_before_is_written() {
    let world = world();
    let mut session = world.listening(|moment, record| match moment {
        Moment::BeforeInsert => record.set("name", "Bea"),
        _ => Ok(()),
    });
    world.runtime.block_on(session.insert(&[world.author("Ann")])).unwrap();
    assert_eq!(
        world.sent(),
        ["connect", "BEGIN", "INSERT INTO authors (name) VALUES ($1) RETURNING id ('Bea')", "COMMIT"]
    );
}

#[test]
fn moments_come_in_the_order_of_writing() {
    let world = world();
    let heard: Arc<Mutex<Vec<(Moment, State)>>> = Arc::default();
    let hearing = Arc::clone(&heard);
    let mut session = world.listening(move |moment, record| {
        hearing.lock().unwrap().push((moment, record.state()));
        Ok(())
    });
    let author = world.author("Ann");
    author.relate("books", vec![world.book("Dune")]).unwrap();
    session.add(&author).unwrap();
    world.runtime.block_on(session.flush()).unwrap();
    author.set("name", "Bea").unwrap();
    world.runtime.block_on(session.flush()).unwrap();
    let one = [(Moment::BeforeInsert, State::Pending), (Moment::AfterInsert, State::Persistent)];
    let then = [(Moment::BeforeUpdate, State::Persistent), (Moment::AfterUpdate, State::Persistent)];
    assert_eq!(*heard.lock().unwrap(), [one, one, then].concat());
}

#[test]
fn an_error_of_a_listener_waits_for_the_rollback_and_loses_nothing() {
    let world = world();
    let mut session = world.listening(|moment, record| match (moment, record.get("name")?) {
        (Moment::AfterInsert, Value::Text(name)) if &*name == "Ann" => Err(Error::invalid_request("no Ann")),
        _ => Ok(()),
    });
    let author = world.author("Ann");
    session.add(&author).unwrap();
    let refused = world.runtime.block_on(session.commit()).unwrap_err();
    assert_eq!(refused.to_string(), "no Ann");
    assert_eq!(
        world.runtime.block_on(session.flush()).unwrap_err().class(),
        ErrorClass::PendingRollbackError
    );
    world.runtime.block_on(session.rollback()).unwrap();
    assert_eq!(author.state(), State::Transient);
    author.set("name", "Bea").unwrap();
    session.add(&author).unwrap();
    world.runtime.block_on(session.commit()).unwrap();
    assert_eq!(author.state(), State::Persistent);
}
