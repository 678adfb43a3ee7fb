//! Objects and values of a query, read in pieces: memory for one piece at a time.
//!
//! Inside of a transaction a stream is one of its results. Outside it has a connection and a transaction of its own, which
//! read what was there when it began; relations are loaded along on the same connection, piece by piece.

use std::num::NonZeroU32;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::link::{Link, Pieces};
use super::read::query_of;
use super::{Rows, Session};
use crate::driver::Statement;
use crate::error::{Error, Result};
use crate::host::{Fill, Host};
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
    pieces: Pieces,
    /// The link of a stream outside of any transaction.
    own: Option<Link>,
}

impl Stream {
    /// True when the last row has been read.
    pub fn is_ended(&self) -> bool {
        self.pieces.is_ended()
    }
}

impl<H: Host> Session<H> {
    /// A query to be read `rows` rows at a time. Flushes first where the session does; its own statement is sent when it is
    /// first read.
    ///
    /// # Errors
    /// Those of the flush. `Unsupported` for a query that loads a list by a join: a piece may end within it.
    pub async fn stream(&mut self, select: &Select, rows: NonZeroU32) -> Result<Stream> {
        if select.again {
            return Err(Error::unsupported(
                "populate_existing in a stream",
                "call expire_all() before it, or read the objects in a session of its own",
            ));
        }
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
        let mut own = None;
        let link = if self.link.in_transaction() {
            &mut self.link
        } else {
            let link = own.insert(self.link.apart());
            // On SQLite a transaction that reads holds up no writer.
            let read_only = link.dialect().name == DialectName::Sqlite;
            link.begin_as(TransactionMode { read_only, ..TransactionMode::default() })?;
            link.set_holder(self.host.caller());
            link
        };
        let pieces = link.pieces(statement, rows)?;
        let (loads, loads_beside) = (select.loads.clone(), select.loads_beside.clone());
        let (criteria, deleted) = (select.criteria.clone(), select.deleted);
        Ok(Stream { plan, loads, loads_beside, criteria, deleted, pieces, own })
    }

    /// The next rows; None behind the last.
    ///
    /// # Errors
    /// Those of the database. `InvalidRequest` when the transaction of the stream has ended.
    ///
    /// # Cancelling
    /// Inside of a transaction that is broken; outside the stream is, and the session goes on.
    pub async fn read_stream(&mut self, stream: &mut Stream) -> Result<Option<Rows<H>>> {
        if stream.is_ended() {
            return Ok(None);
        }
        let mut own = stream.own.take();
        let rows = match &mut own {
            Some(link) => {
                let elsewhere = Elsewhere::new(self, link);
                let rows = elsewhere.session.read_piece_of(stream).await;
                drop(elsewhere);
                match (&rows, stream.is_ended()) {
                    (Ok(_), true) => link.commit().await?,
                    (Ok(_), false) => {}
                    (Err(_), _) => link.rollback().await,
                }
                rows?
            }
            None => self.read_piece_of(stream).await?,
        };
        stream.own = own.filter(|_| !stream.is_ended());
        Ok((!stream.is_ended() || !rows.items.is_empty()).then_some(rows))
    }

    /// Gives up what was not read.
    pub async fn close_stream(&mut self, stream: Stream) {
        match stream {
            Stream { own: Some(mut link), .. } => link.rollback().await,
            stream => self.give_up_stream(stream),
        }
    }

    /// The same without waiting: a connection of its own is cleaned in the background.
    pub fn give_up_stream(&mut self, mut stream: Stream) {
        if stream.own.is_none() {
            self.link.close_pieces(&mut stream.pieces);
        }
    }

    async fn read_piece_of(&mut self, stream: &mut Stream) -> Result<Rows<H>> {
        let plan = Arc::clone(&stream.plan);
        let layouts = self.layouts(&plan)?;
        let mut hydrator = Hydrator {
            host: &self.host,
            home: self.unit.home.id(),
            identity: &mut self.unit.identity,
            plan: &plan,
            layouts: &layouts,
            fill: Fill::Missing,
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
        let reach = Reach::of(&stream.criteria, stream.deleted);
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
