//! `ormkit.event`: functions of the program that hear of what is written, of what sessions do and of what attributes are set to.
//!
//! Where nobody listens nothing is looked up: one flag for all models and one for all sessions.
mod attribute;
mod engine;
mod execute;
mod listener;
mod mapper;
mod reading;
mod records;
mod registry;
mod session;
mod state;
mod target;

pub(crate) use attribute::{any as any_attribute, incoming, leaving, no_value};
pub(crate) use engine::{EngineListeners, ExecutionContext};
pub(crate) use execute::OrmExecuteState;
pub(crate) use listener::Listener;
pub(crate) use mapper::{hear, hears, tell_init};
pub(crate) use reading::{any_reading, expired, refreshed};
pub(crate) use records::{ConnectionRecord, ExceptionContext};
pub(crate) use session::{
    FlushContext, Listeners, SessionEvent, any_begin, any_execute, any_session, of_kind,
};
pub(crate) use state::{any_move, moving};
pub(crate) use target::{contains, listen, listens_for, remove};
