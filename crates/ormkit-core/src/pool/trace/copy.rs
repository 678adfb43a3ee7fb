//! A COPY, which takes many calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Ended, Outcome, Started, Timing, Tracer, ids, tell};
use crate::driver::StatementText;
use crate::error::Error;
use crate::runtime::Runtime;
use crate::value::Params;

/// A COPY whose end its tracer is told. Dropped before, it counts as cancelled.
pub struct TracedCopy {
    tracer: Arc<dyn Tracer>,
    runtime: Arc<dyn Runtime>,
    text: Arc<StatementText>,
    id: u64,
    queue: Duration,
    began: Instant,
    told: bool,
}

impl TracedCopy {
    pub(in crate::pool) fn start(
        tracer: &Arc<dyn Tracer>,
        runtime: &Arc<dyn Runtime>,
        text: &Arc<StatementText>,
        queue: Duration,
        backend_pid: Option<u32>,
    ) -> Self {
        let id = ids(1);
        tell(&**tracer, |tracer| {
            let params = &Params::new();
            tracer.started(&Started { id, text, params, backend_pid, comment: None, continues: false });
        });
        let (tracer, runtime, text) = (Arc::clone(tracer), Arc::clone(runtime), Arc::clone(text));
        let began = runtime.now();
        Self { tracer, runtime, text, id, queue, began, told: false }
    }

    /// It is over: how many rows were moved, or why not.
    pub fn end(mut self, moved: Result<u64, &Error>) {
        match moved {
            Ok(rows) => self.tell(rows, Outcome::Done),
            Err(error) => self.tell(0, Outcome::Failed(error)),
        }
    }

    fn tell(&mut self, rows: u64, outcome: Outcome<'_>) {
        self.told = true;
        let server = self.runtime.now().saturating_duration_since(self.began);
        let timing = Some(Timing { queue: self.queue, server, ..Timing::default() });
        let (id, text, params) = (self.id, &self.text, &Params::new());
        let ended = Ended { id, text, params, timing, rows, affected: rows, outcome, comment: None };
        tell(&*self.tracer, |tracer| tracer.ended(&ended));
    }
}

impl Drop for TracedCopy {
    fn drop(&mut self) {
        if !self.told {
            self.tell(0, Outcome::Cancelled);
        }
    }
}
