//! What a connection knows of the protocol, without IO: statements become bytes, messages become rows.
//!
//! Everything that outlives a dropped future is here. A flight consists of units (the statements of a batch, those of
//! `before` first). They are written at once, up to the first whose types only the server knows: behind that one goes a
//! Flush, and the rest follows when it is described, and its types are known (`lookup`). An error ends the flight; its Sync
//! is sent as soon as possible. Inside of a transaction a large batch is written in parts, while the server works on those
//! before: an error then leaves nothing, because the transaction has failed.

mod copy;
mod lookup;
mod portals;
mod read;
mod write;

use std::sync::Arc;

pub(crate) use copy::CopyFlight;

use ormkit_core::driver::{Effect, Piece, RowSink, Statement, StatementText};
use ormkit_core::error::{Error, Result};

use self::portals::Portals;
use crate::protocol::buffer::WriteBuffer;
use crate::protocol::frontend::Portal;
use crate::protocol::pipeline::Pipeline;
use crate::row::{Shape, Span};
use crate::statement_cache::{Name, Prepared, StatementCache};
use crate::types::bind::Target;
use crate::types::named::lookup::Catalog;

/// The protocol's state of one connection.
pub(crate) struct Wire {
    pub(crate) out: WriteBuffer,
    pub(crate) pipeline: Pipeline,
    pub(crate) cache: StatementCache,
    pub(crate) flight: Flight,
    portals: Portals,
    /// A statement has changed the session, beside its transaction.
    pub(crate) session_changed: bool,
    /// A statement has changed tables or types.
    pub(crate) schema_changed: bool,
    /// A statement has changed `search_path`, and the end of its transaction may take it back.
    path_moved: bool,
    /// What is known of the database's types: shared by its connections.
    pub(crate) catalog: Arc<Catalog>,
    /// What statements say of whoever sends them.
    pub(crate) comment: Option<Arc<str>>,
    spans: Vec<Span>,
}

/// The statements on their way.
#[derive(Default)]
pub(crate) struct Flight {
    units: Vec<Unit>,
    /// The unit that the server describes before more can be written.
    undescribed: Option<usize>,
    /// The first unit of the rest, which is written when there is room again.
    rest: Option<usize>,
    /// It waits for types that are not known yet.
    lookup: Option<lookup::Lookup>,
    /// Statements and portals that are closed in this flight.
    closing: Vec<Name>,
    closing_portals: Vec<u32>,
    /// The unit whose text the unnamed statement has.
    unnamed: Option<usize>,
    /// A statement was not, or may not have been, what was thought of it: the flight can be run again.
    pub(crate) stale: bool,
    /// True once the transport has taken a byte of it.
    pub(crate) sent: bool,
    /// The first error: of the database, of a value, or of the sink.
    error: Option<Error>,
    /// What is known of a COPY, or of the question for its columns.
    pub(crate) copy: Option<CopyFlight>,
}

/// One statement of a flight.
struct Unit {
    text: Arc<StatementText>,
    /// Its number for the sink; None for the statements of `before`.
    statement: Option<usize>,
    name: Name,
    oids: Arc<[u32]>,
    targets: Arc<[Target]>,
    shape: Option<Arc<Shape>>,
    /// Its Parse is part of this flight.
    fresh: bool,
    /// It is prepared anew by what was known of it before.
    recalled: bool,
    /// Its types are the server's to say: it joins the cache when it is described.
    inferred: bool,
    /// Which of its rows are asked for.
    piece: Option<Piece>,
    /// The sink has heard of it.
    shown: bool,
    done: bool,
}

impl Wire {
    pub(crate) fn new(cache: StatementCache, catalog: Arc<Catalog>) -> Self {
        Self {
            out: WriteBuffer::default(),
            pipeline: Pipeline::default(),
            cache,
            flight: Flight::default(),
            portals: Portals::default(),
            session_changed: false,
            schema_changed: false,
            path_moved: false,
            catalog,
            comment: None,
            spans: Vec::new(),
        }
    }

    /// Takes back a flight of which nothing was sent.
    pub(crate) fn abandon(&mut self) {
        self.out.clear();
        self.pipeline.abandon();
        let closing = std::mem::take(&mut self.flight.closing);
        self.cache.evicted().extend(closing);
        self.portals.closing.append(&mut self.flight.closing_portals);
        for unit in self.flight.units.drain(..).filter(|unit| unit.fresh) {
            self.cache.forget_named(&unit.text, unit.name);
        }
        // What was forgotten just now was never prepared, but closing it does no harm.
    }

    /// Closes a result that is read in pieces.
    pub(crate) fn close_portal(&mut self, number: u32) {
        self.portals.close(number);
    }

    /// The first error of the flight that has ended.
    pub(crate) fn outcome(&mut self) -> Result<()> {
        self.flight.error.take().map_or(Ok(()), Err)
    }

    /// True when a COMMIT may have reached the server and its answer was not read.
    pub(crate) fn commit_is_pending(&self) -> bool {
        let pending = |unit: &Unit| unit.text.effect == Effect::Commit && !unit.done;
        self.flight.sent && self.flight.error.is_none() && self.flight.units.iter().any(pending)
    }

    /// Tells the sink that the statements it has heard of come again.
    pub(crate) fn restart(&self, sink: &mut dyn RowSink) {
        self.flight
            .units
            .iter()
            .filter(|unit| unit.shown)
            .filter_map(|unit| unit.statement)
            .for_each(|statement| sink.restart(statement));
    }
}

impl Flight {
    /// True when it can be run again, whatever of it was executed.
    fn only_reads(&self) -> bool {
        self.units.iter().all(|unit| unit.text.effect == Effect::Read)
    }
}

impl Unit {
    fn new(statement: &Statement, shown_as: Option<usize>) -> Self {
        Self {
            text: Arc::clone(&statement.text),
            statement: shown_as,
            name: Name::UNNAMED,
            oids: Arc::default(),
            targets: Arc::default(),
            shape: None,
            fresh: false,
            recalled: false,
            inferred: false,
            piece: statement.piece,
            shown: false,
            done: false,
        }
    }

    /// Where it is bound.
    fn portal(&self) -> Portal {
        self.piece.map(|piece| piece.cursor)
    }

    /// What the cache keeps of it.
    fn prepared(&self, shape: Option<&Arc<Shape>>) -> Prepared {
        Prepared {
            name: self.name,
            oids: Arc::clone(&self.oids),
            targets: Arc::clone(&self.targets),
            columns_of: Arc::clone(&self.text),
            shape: shape.map(Arc::clone),
        }
    }
}
