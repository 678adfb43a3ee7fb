//! Which class of a family a row is of, and where its cells go.

use std::sync::Arc;

use crate::driver::Row;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::model::{FieldId, Mark, Model, Schema};
use crate::plan::{Kind, Kinds};
use crate::value::ValueRef;

/// The classes that an object of a family may be of.
pub(super) struct KindLayouts<H: Host> {
    kinds: Arc<Kinds>,
    /// Class by class; those of its more fields follow that of the fields all of them have.
    layouts: Vec<Vec<H::Layout>>,
    /// What the classes extend, for messages.
    of: String,
}

impl<H: Host> KindLayouts<H> {
    pub(super) fn new(
        host: &H,
        schema: &Schema,
        (model, fields, from): (&Model, &[FieldId], usize),
        kinds: &Arc<Kinds>,
    ) -> Result<Box<Self>> {
        let layouts = kinds.each.iter().map(|kind| {
            let class = schema.model(kind.model);
            let more = kind.more.iter().map(|(fields, from)| host.layout(class, fields, *from));
            std::iter::once(host.layout(class, fields, from)).chain(more).collect()
        });
        let of = format!("{}.{}", model.name(), discriminator(model));
        Ok(Box::new(Self { layouts: layouts.collect::<Result<_>>()?, kinds: Arc::clone(kinds), of }))
    }

    /// Where the cells of a row go; None: where those of the class go that is asked for.
    pub(super) fn find(&self, row: &Row<'_>) -> Result<Option<&[H::Layout]>> {
        let is_it = |kind: &Kind, cell: &ValueRef<'_>| match (&kind.mark, cell) {
            (Mark::Text(mark), ValueRef::Text(text)) => mark == text,
            (Mark::Int(mark), ValueRef::Int(number)) => mark == number,
            (Mark::Int(mark), ValueRef::Bool(truth)) => *mark == i64::from(*truth),
            _ => false,
        };
        let cell = row.cell(self.kinds.cell)?;
        if cell.is_null() {
            return Ok(None);
        }
        match self.kinds.each.iter().position(|kind| is_it(kind, &cell)) {
            Some(at) => Ok(Some(&self.layouts[at])),
            None => {
                let known: Vec<String> = self.kinds.each.iter().map(|kind| kind.mark.to_string()).collect();
                Err(Error::data(
                    self.of.clone(),
                    format!(
                        "a row holds a value that is the polymorphic_identity of none of its classes: {}",
                        known.join(", ")
                    ),
                ))
            }
        }
    }
}

fn discriminator(model: &Model) -> &str {
    model.family.as_ref().map_or("", |family| &model.field(family.discriminator).name)
}
