//! Objects and values of a query, read in pieces: memory for one piece at a time.
//!
//! Inside of a transaction a stream is one of its results. Outside it has a connection and a transaction of its own, which
//! read what was there when it began; relations are loaded along on the same connection, piece by piece.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustc_hash::FxHashSet;

use super::link::{Course, End, Link, Pieces};
use super::read::query_of;
use super::{Rows, Session};
use crate::driver::Statement;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::load::hydrate::{Hydrator, Parents};
use crate::plan::Plan;
use crate::query::{Criterion, Deleted, Load, Reach, Select};
use crate::sql::{DialectName, TransactionMode};

/// A query that is read in pieces. Dropped before its end, a connection of its own goes back to the pool; inside of a
/// transaction its result stays open until the end of that, unless it is [closed](Session::close_stream).
pub struct Stream {
    plan: Arc<Plan>,
    loads: Vec<Load>,
    loads_beside: Vec<(usize, Vec<Load>)>,
    criteria: Vec<Criterion>,
    deleted: Deleted,
    again: bool,
    pieces: Pieces,
    course: Arc<Course>,
    /// Of a stream outside of any transaction.
    own: Option<Arc<Apart>>,
}

/// The link of a stream outside of any transaction. Its session knows it, and takes the connection away when it ends.
struct Apart {
    /// None while it is read, and when it has ended.
    link: Mutex<Option<Link>>,
}

impl Apart {
    fn take(&self) -> Option<Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put_back(&self, link: Link) {
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = Some(link);
    }
}

/// The streams of a session that have a connection of their own. One that was read to its end has none any more, but may
/// have rows that were not given out.
#[derive(Default)]
pub(super) struct OpenStreams(Vec<(Weak<Course>, Weak<Apart>)>);

impl OpenStreams {
    fn begin(&mut self, link: Link) -> (Arc<Course>, Arc<Apart>) {
        self.0.retain(|(course, _)| course.strong_count() > 0);
        let (course, apart) = (Arc::default(), Arc::new(Apart { link: Mutex::new(Some(link)) }));
        self.0.push((Arc::downgrade(&course), Arc::downgrade(&apart)));
        (course, apart)
    }

    /// Ends all of them; their connections are cleaned in the background.
    fn end(&mut self) {
        for (course, apart) in self.0.drain(..) {
            if let Some(course) = course.upgrade() {
                course.end(End::Session);
            }
            drop(apart.upgrade().and_then(|apart| apart.take()));
        }
    }
}

impl Stream {
    /// True when the last row has been read.
    pub fn is_ended(&self) -> bool {
        self.pieces.is_ended()
    }

    /// None behind the last row.
    fn shown<H: Host>(&self, rows: Rows<H>) -> Option<Rows<H>> {
        (!self.is_ended() || !rows.items.is_empty()).then_some(rows)
    }

    /// What says whether rows that were read may be given out still.
    pub fn course(&self) -> &Arc<Course> {
        &self.course
    }
}

impl<H: Host> Session<H> {
    /// A query to be read `rows` rows at a time. Flushes first where the session does; its own statement is sent when it is
    /// first read.
    ///
    /// # Errors
    /// Those of the flush. `Unsupported` for a query that loads a list by a join: a piece may end within it.
    pub async fn stream(&mut self, select: &Select, rows: NonZeroU32) -> Result<Stream> {
        // A piece may end within a list.
        let apart = self.lists_apart(select);
        let select = apart.as_ref().unwrap_or(select);
        self.autoflush(|schema| query_of(schema, select)).await?;
        let revised = self.revised(select)?;
        let select = revised.as_deref().unwrap_or(select);
        self.open_for_select(select)?;
        let mut params = crate::value::Params::new();
        let plan = self.plans.select(&self.schema, select, &mut params)?;
        if self.layouts(&plan)?.multiplies() {
            return Err(Error::unsupported(
                "joinedload of a list in a stream",
                "use selectinload: it loads the lists of each piece",
            ));
        }
        let statement: Statement = plan.with(params);
        let (course, own, pieces) = if self.link.in_transaction() {
            let pieces = self.link.pieces(statement, rows)?;
            (self.link.course(), None, pieces)
        } else {
            let mut link = self.link.apart();
            // On SQLite a transaction that reads holds up no writer.
            let read_only = link.dialect().name == DialectName::Sqlite;
            link.begin_as(TransactionMode { read_only, ..TransactionMode::default() })?;
            link.set_holder(self.host.caller());
            let pieces = link.pieces(statement, rows)?;
            let (course, apart) = self.streams.begin(link);
            (course, Some(apart), pieces)
        };
        let (loads, loads_beside) = (select.loads.clone(), select.loads_beside.clone());
        let (criteria, deleted, again) = (select.criteria.clone(), select.deleted, select.again);
        Ok(Stream { plan, loads, loads_beside, criteria, deleted, again, pieces, course, own })
    }

    /// The next rows; None behind the last.
    ///
    /// # Errors
    /// Those of the database. `InvalidRequest` when the stream has ended with its transaction, its savepoint or its session.
    ///
    /// # Cancelling
    /// Inside of a transaction that is broken; outside the stream is, and the session goes on.
    pub async fn read_stream(&mut self, stream: &mut Stream) -> Result<Option<Rows<H>>> {
        if let Err(ended) = stream.course.check() {
            self.close_pieces_of(stream);
            return Err(ended);
        }
        if stream.is_ended() {
            return Ok(None);
        }
        let Some(apart) = stream.own.clone() else {
            let rows = self.read_piece_of(stream).await?;
            return Ok(stream.shown(rows));
        };
        let mut link = apart.take().ok_or_else(|| {
            Error::interface("the stream was given up with a read that was cancelled or has failed")
        })?;
        let elsewhere = Elsewhere::new(self, &mut link);
        let rows = elsewhere.session.read_piece_of(stream).await;
        drop(elsewhere);
        match (&rows, stream.is_ended()) {
            (Ok(_), true) => link.commit().await?,
            (Ok(_), false) => apart.put_back(link),
            (Err(_), _) => link.rollback().await,
        }
        Ok(stream.shown(rows?))
    }

    /// Gives up what was not read.
    pub async fn close_stream(&mut self, stream: Stream) {
        match stream.own.as_ref().and_then(|apart| apart.take()) {
            Some(mut link) => link.rollback().await,
            None => self.give_up_stream(stream),
        }
    }

    /// The same without waiting: a connection of its own is cleaned in the background.
    pub fn give_up_stream(&mut self, mut stream: Stream) {
        self.close_pieces_of(&mut stream);
    }

    fn close_pieces_of(&mut self, stream: &mut Stream) {
        if stream.own.is_none() {
            self.link.close_pieces(&mut stream.pieces);
        }
    }

    /// Ends all streams of the session: the next step of each raises. Those with a connection of their own, which the end of
    /// a transaction leaves alone, give it back in the background.
    pub fn end_streams(&mut self) {
        self.link.end_courses(End::Session);
        self.streams.end();
    }

    async fn read_piece_of(&mut self, stream: &mut Stream) -> Result<Rows<H>> {
        let plan = Arc::clone(&stream.plan);
        let layouts = self.layouts(&plan)?;
        let reach = Reach::of(&stream.criteria, stream.deleted).again(stream.again);
        let mut hydrator = Hydrator {
            host: &self.host,
            home: self.unit.home.id(),
            identity: &mut self.unit.identity,
            plan: &plan,
            layouts: &layouts,
            fill: reach.fill(),
            items: Vec::new(),
            children: Vec::new(),
            seen: None,
            pairs: FxHashSet::default(),
            current: Vec::new(),
            parents: Parents::default(),
        };
        self.link.read_piece(&mut stream.pieces, &mut hydrator).await?;
        hydrator.finish()?;
        let rows = Rows { items: hydrator.items, plan };
        self.unload_stale_rows(&rows, reach);
        self.load_along(&rows, &stream.loads, reach).await?;
        self.load_beside(&rows, &stream.loads_beside, reach).await?;
        Ok(rows)
    }
}

/// A session that works on another link until this is dropped, also by a cancelled future.
struct Elsewhere<'a, H: Host> {
    session: &'a mut Session<H>,
    link: &'a mut Link,
}

impl<'a, H: Host> Elsewhere<'a, H> {
    fn new(session: &'a mut Session<H>, link: &'a mut Link) -> Self {
        std::mem::swap(&mut session.link, link);
        Self { session, link }
    }
}

impl<H: Host> Drop for Elsewhere<'_, H> {
    fn drop(&mut self) {
        std::mem::swap(&mut self.session.link, self.link);
    }
}
