//! `AsyncSession`: the core session, leased by one operation at a time.

mod arguments;
mod begin;
mod bind;
mod context;
mod ear;
mod execute;
mod load;
mod maker;
mod on_commit;
mod owner;
mod page;
mod query;
mod read;
mod refresh;
mod retry;
mod soft_delete;
mod stream;
mod sync;
mod told;
mod upsert;
mod verbs;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::session::{Home, Lease, Session, SessionOptions, Shared};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyWeakrefMethods, PyWeakrefReference};

use self::arguments::Arguments;
use self::bind::Bind;
use self::ear::Ear;
use self::on_commit::OnCommit;
use crate::bridge::{Caller, Operation};
use crate::errors::to_py;
use crate::event::Listeners;
use crate::host::{self, Owner, PyHost};
use crate::model::schema;

pub(crate) use begin::{Transaction, TransactionContext};
pub(crate) use context::SessionContext;
pub(crate) use maker::{SessionMaker, create_session, session_context};
pub(crate) use owner::load_attribute;

pub(crate) use read::value_of;
pub(crate) use stream::{Stream, StreamPartitions};

pub(crate) type CoreLease = Lease<Session<PyHost>, Caller>;

/// Objects, their changes and one transaction, for one task at a time.
///
/// Dropped without `close()` it rolls back in the background, and warns with `UncommittedWarning` when work is lost.
///
/// Args:
///     engine: The database; `bind` is another name for it. Or a connection of `engine.connect()` or `engine.begin()`: then
///         everything happens in that connection's transaction, which is begun where none is open. `commit()` keeps the
///         session's work for it, `rollback()` undoes the session's work and no more: its transactions are savepoints.
///     autoflush: Queries write pending changes first, so that they see them.
///     expire_on_commit: Always False: objects stay loaded after commit. True raises `NotSupportedError`.
///     read_only: Nothing is written: a flush or verb with something to write raises `InvalidRequestError`.
///     isolation: The level of its transactions: "read committed", "repeatable read", "serializable", in any case;
///         reading opens a transaction then. None: the database's default, and reading opens none. SQLite's
///         transactions are serializable, whatever is asked.
///     info: A dict whose contents `session.info` begins with.
#[pyclass(frozen, weakref, subclass, name = "AsyncSession", module = "ormkit")]
pub(crate) struct AsyncSession {
    pub(crate) link: Arc<SessionLink>,
    /// The user's own notes.
    pub(super) info: PyOnceLock<Py<PyDict>>,
}

const FACELESS: &str = "the session is of a class whose __init__ does not call super().__init__(): nobody can be told which session it is";

impl AsyncSession {
    pub(super) fn of(link: Arc<SessionLink>) -> Self {
        Self { link, info: PyOnceLock::new() }
    }

    /// Puts notes of the user's into its own dict.
    fn note(&self, info: &Bound<'_, PyDict>) -> PyResult<()> {
        let notes = self.info.get_or_init(info.py(), || PyDict::new(info.py()).unbind());
        notes.bind(info.py()).update(info.as_mapping())
    }

    /// Lets objects and listeners know the session.
    pub(crate) fn show(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get()
            .link
            .face
            .get_or_try_init(slf.py(), || PyWeakrefReference::new(slf).map(Bound::unbind))
            .map(drop)
    }
}

/// What operations hold of a session: the core session is made at first use, when a loop is running.
pub(crate) struct SessionLink {
    bind: Bind,
    options: SessionOptions,
    open: OnceLock<Open>,
    /// Blocks of `begin()` that are open: `commit()` and `rollback()` are theirs alone.
    blocks: Mutex<u32>,
    /// The inside of a `session_context`: a transaction follows another, and blocks of `begin()` are savepoints.
    inside: AtomicBool,
    on_commit: OnCommit,
    /// The program's session, once it is made.
    face: PyOnceLock<Py<PyWeakrefReference>>,
    /// Who listens to this session alone, and to those of the maker that has made it.
    pub(crate) listeners: Listeners,
    pub(crate) maker: OnceLock<Arc<Listeners>>,
    /// Listeners of a flush are being called: flushes tell nobody.
    is_telling: AtomicBool,
}

/// A core session that was made.
struct Open {
    shared: Arc<Shared<Session<PyHost>, Caller>>,
    home: Arc<Home<PyHost>>,
    /// How many blocks of `no_autoflush` are open.
    pauses: Arc<AtomicU32>,
}

impl Drop for SessionLink {
    fn drop(&mut self) {
        let Some(Open { shared, home, .. }) = self.open.take() else { return };
        host::leave(home.id());
        if let Some(session) = Shared::into_inner(shared)
            && !session.is_bare()
        {
            context::abandon(session, self.bind.engine.is_ours());
        }
    }
}

impl SessionLink {
    fn open(bind: Bind, options: SessionOptions) -> Arc<Self> {
        Arc::new(Self {
            bind,
            options,
            open: OnceLock::new(),
            blocks: Mutex::new(0),
            inside: AtomicBool::new(false),
            on_commit: OnCommit::default(),
            face: PyOnceLock::new(),
            listeners: Listeners::default(),
            maker: OnceLock::new(),
            is_telling: AtomicBool::new(false),
        })
    }

    /// The program's session; None where nobody holds it any more.
    ///
    /// # Errors
    /// `InvalidRequestError`: it is of a subclass whose `__init__` does not call that of `AsyncSession`.
    fn face<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, AsyncSession>>> {
        let Some(face) = self.face.get(py) else {
            return Err(to_py(py, Error::invalid_request(FACELESS)));
        };
        face.bind(py).upgrade_as::<AsyncSession>()
    }

    fn opened(self: &Arc<Self>, py: Python<'_>) -> PyResult<&Open> {
        if let Some(open) = self.open.get() {
            return Ok(open);
        }
        let (pool, plans) = (self.bind.pool(py)?, self.bind.engine.plans());
        let schema = schema(py)?;
        // Another thread may have been first: then this one's is not needed.
        Ok(self.open.get_or_init(|| {
            let mut session = Session::new(
                PyHost::of_session(&self.bind.engine),
                pool,
                schema,
                plans,
                self.options.clone(),
            );
            let home = Arc::clone(session.home());
            let this: Weak<Self> = Arc::downgrade(self);
            session.set_listener(Arc::new(Ear::new(Weak::clone(&this))));
            host::enter(home.id(), this as Weak<dyn Owner>);
            let pauses = Arc::clone(session.pauses());
            Open { shared: Shared::new(session), home, pauses }
        }))
    }

    /// Takes the core session out for one operation.
    ///
    /// # Errors
    /// `ConcurrentSessionUse` with both tasks' names.
    pub(crate) fn lease(self: &Arc<Self>, py: Python<'_>) -> PyResult<CoreLease> {
        let shared = &self.opened(py)?.shared;
        match shared.lease(Caller::current(py)?) {
            Ok(mut lease) => {
                lease.set_schema(schema(py)?);
                Ok(lease)
            }
            Err(holder) => {
                let second = Caller::current(py)?;
                let kind = ErrorKind::ConcurrentUse {
                    what: "session",
                    holder: holder.name(py),
                    second: second.name(py),
                };
                Err(to_py(py, Error::new(kind)))
            }
        }
    }

    /// Takes the core session out for `caller`.
    ///
    /// # Errors
    /// Who has it.
    pub(crate) fn lease_as(&self, caller: Caller) -> Result<CoreLease, Caller> {
        match self.open.get() {
            Some(open) => open.shared.lease(caller),
            // Whoever asks has opened it.
            None => Err(caller),
        }
    }

    fn blocks(&self) -> std::sync::MutexGuard<'_, u32> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Inside of a `session_context` the end of a transaction is the beginning of the next.
    fn begin_anew(&self, session: &mut Session<PyHost>) -> PyResult<()> {
        if self.inside.load(Ordering::Relaxed) { session.begin().map_err(raise) } else { Ok(()) }
    }

    /// Refuses what belongs to the open block.
    fn outside_block(&self, py: Python<'_>, verb: &str) -> PyResult<()> {
        if *self.blocks() == 0 {
            return Ok(());
        }
        let text = format!(
            "{verb}() inside a begin() block: the end of the block does it, or call it on the transaction"
        );
        Err(to_py(py, Error::invalid_request(text)))
    }
}

/// The core's error as an exception.
pub(crate) fn raise(error: Error) -> PyErr {
    Python::attach(|py| to_py(py, error))
}

/// Starts an operation on the leased session: the lease is taken on its first poll.
///
/// `first` is a method of the link that runs before, where some session is listened to.
macro_rules! on_session {
    ($py:expr, $link:expr, $name:literal, first $first:ident, |$session:ident| $body:expr) => {{
        let link = std::sync::Arc::clone(&$link);
        $crate::bridge::Operation::start($py, $name, async move {
            // Boxed: an operation that nobody listens to has no room for it.
            if $crate::event::any_session() {
                Box::pin(link.$first()).await?;
            }
            #[allow(unused_mut)]
            let mut $session = pyo3::Python::attach(|py| link.lease(py))?;
            $body
        })
    }};
    ($py:expr, $link:expr, $name:literal, |$session:ident| $body:expr) => {{
        let link = std::sync::Arc::clone(&$link);
        $crate::bridge::Operation::start($py, $name, async move {
            #[allow(unused_mut)]
            let mut $session = pyo3::Python::attach(|py| link.lease(py))?;
            $body
        })
    }};
}
pub(crate) use on_session;

/// None, as the result of an operation.
pub(crate) fn nothing() -> Py<PyAny> {
    Python::attach(|py| py.None())
}

#[pymethods]
impl AsyncSession {
    #[new]
    #[pyo3(
        signature = (engine = None, **options),
        text_signature = "(engine=None, *, bind=None, autoflush=True, expire_on_commit=False, read_only=False, isolation=None, info=None)"
    )]
    fn py_new(
        py: Python<'_>,
        engine: Option<&Bound<'_, PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let asked = Arguments::read("AsyncSession", engine, options, py)?;
        let made = Self::of(SessionLink::open(asked.bind()?.clone(), asked.options));
        if let Some(info) = asked.info {
            made.note(info.bind(py))?;
        }
        Ok(made)
    }

    /// Everything is done when the object is made: this lets subclasses call `super().__init__(..)` as they are used to.
    #[pyo3(signature = (*_args, **_kwargs))]
    fn __init__(
        slf: &Bound<'_, Self>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        Self::show(slf)
    }

    /// Write new, changed and deleted objects; opens a transaction where none is open.
    ///
    /// Raises:
    ///     IntegrityError, DataError: What the database or a value says. The transaction has failed then: everything
    ///         raises `PendingRollbackError` until `rollback()`.
    ///
    /// Cancelling the task breaks the transaction: only `rollback()` is possible, and nothing is lost.
    fn flush(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        on_session!(py, self.link, "AsyncSession.flush", first flush_told, |session| {
            session.flush().await.map_err(raise)?;
            Ok(nothing())
        })
    }

    /// Flush and commit. Without a transaction and without changes nothing is sent.
    ///
    /// Raises:
    ///     OutcomeUnknown: The connection broke during COMMIT: whether the transaction was kept is not known.
    ///     OperationalError: The server answered COMMIT with ROLLBACK.
    ///     InvalidRequestError: Inside a `begin()` block, whose end commits.
    fn commit(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        self.link.outside_block(py, "commit")?;
        let waiting = Arc::clone(&self.link);
        on_session!(py, self.link, "AsyncSession.commit", first commit_told, |session| {
            session.commit().await.map_err(raise)?;
            waiting.begin_anew(&mut session)?;
            drop(session);
            waiting.kept().await?;
            Ok(nothing())
        })
    }

    /// Have a callable called, without arguments, when the transaction is kept: after COMMIT of the outermost one, in the
    /// order of asking; what it returns is awaited where it can be. Without a transaction it waits for the next `commit()`
    /// or end of a block; verbs that commit by themselves are none. A rollback drops it, that of a savepoint drops those
    /// that were asked for inside of it.
    ///
    /// An exception of a callback comes out of `commit()` or the block when all were called: the transaction is kept all
    /// the same. They may use the session.
    ///
    /// Raises:
    ///     TypeError: It cannot be called.
    fn on_commit(&self, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        self.link.on_commit.add(callback)
    }

    /// Undo the transaction in the database and in memory: added objects are transient again, deleted ones persistent,
    /// attributes and collections at their last committed values.
    fn rollback(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        self.link.outside_block(py, "rollback")?;
        let waiting = Arc::clone(&self.link);
        on_session!(py, self.link, "AsyncSession.rollback", |session| {
            waiting.on_commit.forget_from(0);
            session.end_streams();
            session.rollback().await.map_err(raise)?;
            waiting.begin_anew(&mut session)?;
            drop(session);
            waiting.undone().await?;
            Ok(nothing())
        })
    }

    /// Roll back what is open and let all objects go; warns with `UncommittedWarning` of what is lost.
    fn close(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        context::close(py, &self.link, Some("closed without commit()"))
    }

    /// The same by the name that `contextlib.aclosing` calls.
    fn aclose(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        self.close(py)
    }

    /// Roll back what is open and let all objects go, without a warning: the session is as new.
    fn reset(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        self.link.outside_block(py, "reset")?;
        context::close(py, &self.link, None)
    }

    fn __aenter__(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<Py<Operation>> {
        let session: Py<Self> = slf.into();
        Operation::ready(py, "AsyncSession.__aenter__", session.into_any())
    }

    #[pyo3(signature = (exc_type, _exc_value, _traceback, /))]
    fn __aexit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        _exc_value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<Py<Operation>> {
        context::close(py, &self.link, exc_type.is_none().then_some("left without commit()"))
    }
}
