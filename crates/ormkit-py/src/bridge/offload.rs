//! Threads for blocking jobs: name resolution, long key derivations.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::locked;

/// Jobs that run at once; the others wait.
const MAX_THREADS: usize = 4;

/// A thread without work ends after this time.
const IDLE: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce() + Send>;

/// A small pool of threads that start when there is work. They never touch Python.
#[derive(Default)]
pub(super) struct Offload(Arc<Shared>);

#[derive(Default)]
struct Shared {
    jobs: Mutex<Jobs>,
    arrived: Condvar,
}

#[derive(Default)]
struct Jobs {
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

impl Offload {
    /// Runs `job` on a thread. A job that cannot be run (the system gives no thread) is dropped.
    pub(super) fn run(&self, job: Job) {
        let mut jobs = locked(&self.0.jobs);
        jobs.queue.push_back(job);
        if jobs.queue.len() <= jobs.idle || jobs.threads == MAX_THREADS {
            drop(jobs);
            self.0.arrived.notify_one();
            return;
        }
        jobs.threads += 1;
        drop(jobs);
        let shared = Arc::clone(&self.0);
        if thread::Builder::new().name("ormkit-offload".into()).spawn(move || shared.work()).is_err() {
            let mut jobs = locked(&self.0.jobs);
            jobs.threads -= 1;
            let unrun = if jobs.threads == 0 { std::mem::take(&mut jobs.queue) } else { VecDeque::new() };
            drop(jobs);
            drop(unrun);
        }
    }
}

impl Shared {
    fn work(&self) {
        while let Some(job) = self.next() {
            // A job that panics has dropped its answer, which its asker sees; the thread goes on.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }

    fn next(&self) -> Option<Job> {
        let mut jobs = locked(&self.jobs);
        if jobs.queue.is_empty() {
            jobs.idle += 1;
            let waited = self.arrived.wait_timeout_while(jobs, IDLE, |jobs| jobs.queue.is_empty());
            jobs = waited.unwrap_or_else(PoisonError::into_inner).0;
            jobs.idle -= 1;
        }
        let job = jobs.queue.pop_front();
        if job.is_none() {
            jobs.threads -= 1;
        }
        job
    }
}
