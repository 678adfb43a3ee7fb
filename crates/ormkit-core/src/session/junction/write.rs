//! Sending the rows of junctions: one statement for all that go, and one for all that come, of each.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::Session;
use super::super::flush::MAX_ROWS;
use super::super::gather::removed;
use super::super::journal::Action;
use super::super::unit::{model_of, stored_key_of, values_of};
use super::{Link, Links, Purge, Seam, Seams, came, told};
use crate::driver::{Batch, Row, RowSink, Statement, StatementText};
use crate::error::{Error, ErrorKind, Result};
use crate::host::{Host, ObjectId, State};
use crate::model::{FieldDefault, FieldId, Model, Relation};
use crate::session::identity::Key;
use crate::value::{Params, ValueRef};

/// What is known of a statement.
struct Sent {
    junction: Arc<Model>,
    /// What it inserts; None where it deletes.
    inserts: Option<Vec<FieldId>>,
    /// How many rows a DELETE must match; None: as many as there are.
    expected: Option<u64>,
}

impl<H: Host> Session<H> {
    /// Writes all links of a flush in one flight: those that go first. Inside of a transaction.
    pub(in crate::session) async fn write_links(&mut self, seams: Seams<H>) -> Result<()> {
        let (mut sent, mut statements) = (Vec::new(), Vec::new());
        let mut send = |(statement, known)| {
            statements.push(statement);
            sent.push(known);
        };
        for (seam, links) in &seams.links {
            self.delete_links(seam, links, &mut send)?;
        }
        for purge in &seams.purges {
            self.purge_links(purge, &mut send);
        }
        for (seam, links) in &seams.links {
            self.insert_links(seam, links, &mut send)?;
        }
        let mut sink = Counted(&sent);
        let ran = self.link.run_atomic(Batch { before: &[], statements: &statements }, &mut sink).await;
        ran.map_err(|error| {
            let wrote = sent.iter().filter_map(|sent| Some((&*sent.junction, sent.inserts.as_deref()?)));
            self.schema.explain_writes(error, wrote)
        })?;
        self.tell(&seams)?;
        for (seam, links) in seams.links {
            for (_, link) in links.links {
                self.unit.journal.linked(seam.clone(), link);
            }
        }
        Ok(())
    }

    fn delete_links(
        &self,
        seam: &Seam,
        links: &Links<H>,
        send: &mut impl FnMut((Statement, Sent)),
    ) -> Result<()> {
        let going: Vec<&Link<H>> = links.links.values().filter(|link| !link.comes).collect();
        for chunk in going.chunks(MAX_ROWS) {
            let (junction, fields) = (Arc::clone(self.schema.model(seam.model)), fields_of(seam));
            let text = self.plans.delete_by(&junction, &fields, chunk.len() > 1);
            let statement = statement(text, self.rows(links, chunk)?);
            send((statement, Sent { junction, inserts: None, expected: Some(chunk.len() as u64) }));
        }
        Ok(())
    }

    fn insert_links(
        &self,
        seam: &Seam,
        links: &Links<H>,
        send: &mut impl FnMut((Statement, Sent)),
    ) -> Result<()> {
        let coming: Vec<&Link<H>> = links.links.values().filter(|link| link.comes).collect();
        for chunk in coming.chunks(MAX_ROWS) {
            let (junction, fields) = (Arc::clone(self.schema.model(seam.model)), fields_of(seam));
            check_insertable(&junction, &fields)?;
            let text = self.plans.insert(&junction, &fields, chunk.len() > 1, &[]);
            let statement = statement(text, self.rows(links, chunk)?);
            send((statement, Sent { junction, inserts: Some(fields), expected: None }));
        }
        Ok(())
    }

    fn purge_links(&self, purge: &Purge, send: &mut impl FnMut((Statement, Sent))) {
        for chunk in purge.keys.chunks(MAX_ROWS) {
            let junction = Arc::clone(self.schema.model(purge.junction));
            let text = self.plans.delete_by(&junction, &purge.fields, chunk.len() > 1);
            let statement = statement(text, chunk.to_vec());
            send((statement, Sent { junction, inserts: None, expected: None }));
        }
    }

    /// The keys of both ends, link by link.
    fn rows(&self, links: &Links<H>, chunk: &[&Link<H>]) -> Result<Vec<Key>> {
        let key = |object: &H::Object, fields: &[FieldId]| {
            values_of(&self.host, model_of(&self.host, &self.schema, object), object, fields)
        };
        let row = |link: &&Link<H>| {
            let mut row = key(&link.one, &links.one)?;
            row.extend(key(&link.other, &links.other)?);
            Ok(row)
        };
        chunk.iter().map(row).collect()
    }

    /// Lists that were just loaded show what the program has made of the other ends: those whose own lists were changed and
    /// are not written yet. A partial list takes none in.
    pub(crate) fn carry_links_over(
        &mut self,
        parents: &[H::Object],
        relation: &Relation,
        partial: bool,
    ) -> Result<()> {
        self.unit.collect(&self.host);
        let (host, schema) = (&self.host, &self.schema);
        let Some(back) = relation.back.map(|back| schema.model(relation.target).relation(back)) else {
            return Ok(());
        };
        let parents: FxHashMap<ObjectId, &H::Object> = parents
            .iter()
            .filter(|parent| host.is_attached(parent, relation.id))
            .map(|parent| (host.id(parent), parent))
            .collect();
        for member in self.unit.new.values().chain(self.unit.changed.values()) {
            if host.model(member) != relation.target || !host.relation_changed(member, back.id) {
                continue;
            }
            for parent in came(host, member, back)?.iter().filter(|_| !partial) {
                if let Some(parent) = parents.get(&host.id(parent)) {
                    host.join(parent, relation.id, member)?;
                }
            }
            for parent in removed(host, member, back)? {
                if let Some(parent) = parents.get(&host.id(&parent)) {
                    host.leave(parent, relation.id, member)?;
                }
            }
        }
        Ok(())
    }

    /// Lists of both ends agree with what was written, also those that nobody has changed.
    fn tell(&mut self, seams: &Seams<H>) -> Result<()> {
        let links = seams.links.iter();
        let links = links.flat_map(|(seam, links)| links.links.values().map(move |link| (seam, link)));
        for told in told(&self.host, &self.schema, links) {
            let (owner, relation) = (&told.object, told.relation);
            let mut members = FxHashSet::<ObjectId>::default();
            self.host.related(owner, relation, &mut |member| {
                members.insert(self.host.id(member));
                Ok(())
            })?;
            let lacks = |member: &H::Object| !members.contains(&self.host.id(member));
            let in_step = !told.came.iter().any(lacks) && told.went.is_disjoint(&members);
            if in_step && !self.host.relation_changed(owner, relation) {
                continue;
            }
            if self.host.state(owner) == State::Persistent {
                let model = model_of(&self.host, &self.schema, owner);
                let known = Some((model.id, stored_key_of(&self.host, model, owner)?));
                self.unit.journal.note(&self.host, Action::Update, owner, known);
            }
            for member in &told.came {
                self.host.admit(owner, relation, member)?;
            }
            self.host.detach(owner, relation, &|member| told.went.contains(&member));
        }
        Ok(())
    }
}

fn fields_of(seam: &Seam) -> Vec<FieldId> {
    seam.one.iter().chain(&seam.other).copied().collect()
}

/// The statement with these rows: values one by one, or an array for each column.
fn statement(text: Arc<StatementText>, rows: Vec<Key>) -> Statement {
    let mut params = Params::new();
    for (at, param) in text.params.iter().enumerate() {
        let mut values = rows.iter().map(|row| row[at].as_ref().unwrap_or(ValueRef::Null));
        match param.array {
            true => params.push_array(param.element, values),
            false => params.push(values.next().unwrap_or(ValueRef::Null)),
        }
    }
    Statement::new(text, params)
}

/// # Errors
/// `Unsupported` for a junction with columns that a link alone does not fill.
fn check_insertable(junction: &Model, fields: &[FieldId]) -> Result<()> {
    for field in junction.field_ids().filter(|field| !fields.contains(field)) {
        let column = junction.field(field);
        let is_lacking = !column.nullable && !column.filled_by_database();
        if column.default == FieldDefault::Client || is_lacking {
            return Err(Error::unsupported(
                format!(
                    "a list through {}, whose {} a link does not fill",
                    junction.name(),
                    junction.place(field)
                ),
                format!("add objects of {}, or give the column a server default", junction.name()),
            ));
        }
    }
    Ok(())
}

/// Counts the rows that go.
struct Counted<'a>(&'a [Sent]);

impl RowSink for Counted<'_> {
    fn row(&mut self, _statement: usize, _row: &Row<'_>) -> Result<()> {
        Err(Error::protocol("a statement without RETURNING answered a row"))
    }

    fn restart(&mut self, _statement: usize) {}

    fn done(&mut self, statement: usize, affected: u64) -> Result<()> {
        let Sent { junction, expected, .. } = &self.0[statement];
        match expected {
            Some(expected) if *expected != affected => Err(Error::new(ErrorKind::StaleRow {
                table: junction.table().to_string(),
                action: "DELETE",
                expected: *expected,
                matched: affected,
                objects: Vec::new(),
            })),
            _ => Ok(()),
        }
    }
}
