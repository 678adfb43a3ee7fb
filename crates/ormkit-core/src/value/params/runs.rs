//! Values with parts among the parameters: the parts of one value stand side by side.

use smallvec::SmallVec;

use super::{Params, Slot, product, tail};
use crate::value::{Bounds, Dimensions, Object, SqlType, Value, ValueRef};

/// Where the parts of a value lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// The type of an array's elements.
    pub(super) element: SqlType,
    /// Those of a range.
    pub(super) bounds: Bounds,
    /// The parts are among the inner ones, not among the elements.
    pub(super) inner: bool,
    pub(super) first: u32,
    pub(super) len: u32,
}

impl Run {
    /// A run of inner parts that begins at 0.
    pub(super) fn new(element: SqlType, len: usize) -> Self {
        Self { element, bounds: Bounds::EMPTY, inner: true, first: 0, len: tail(len) }
    }
}

impl Params {
    /// Appends an array of `dimensions` as one parameter, its values in row-major order.
    ///
    /// # Panics
    /// When there are more or fewer values than the dimensions have places.
    pub(in super::super) fn push_owned(
        &mut self,
        element: SqlType,
        dimensions: Dimensions,
        values: &[&Value],
    ) {
        assert_eq!(values.len(), product(&dimensions), "every place of an array holds a value");
        let first = tail(self.elements.len());
        for value in values {
            let slot = self.slot_of_owned(value);
            self.elements.push(slot);
        }
        let run = Run { inner: false, first, ..Run::new(element, values.len()) };
        let run = self.keep_array(run, dimensions);
        self.slots.push(Slot::Array(run));
    }

    /// Appends a value that is no array.
    pub(in super::super) fn push_owned_scalar(&mut self, value: &Value) {
        let slot = self.slot_of_owned(value);
        self.slots.push(slot);
    }

    /// Appends a list or tuple that is an object of the host's, too.
    pub(in super::super) fn push_hosted(&mut self, value: &Value, object: &Object) {
        value.push_to(self);
        if let Some(slot) = self.slots.last().copied() {
            self.note_object(slot, object);
        }
    }

    fn note_object(&mut self, slot: Slot, object: &Object) {
        if let Slot::Array(run) | Slot::Record(run) = slot {
            self.objects.push(object.clone());
            self.hosted.push((run, tail(self.objects.len() - 1)));
        }
    }

    pub(super) fn slot_of_owned(&mut self, value: &Value) -> Slot {
        match value {
            Value::Array(element, _) => {
                let (dimensions, flat) = value.flat();
                let run = self.keep(*element, flat.into_iter(), Self::slot_of_owned);
                Slot::Array(self.keep_array(run, dimensions))
            }
            Value::Record(fields) => {
                let run = self.keep(SqlType::Unknown, fields.iter(), Self::slot_of_owned);
                Slot::Record(self.keep_run(run))
            }
            Value::Range(ends, bounds) => {
                let run = self.keep(SqlType::Unknown, ends.iter(), Self::slot_of_owned);
                Slot::Range(self.keep_run(Run { bounds: *bounds, ..run }))
            }
            Value::Map(entries) => {
                let parts = entries.iter().flat_map(|(key, value)| {
                    [ValueRef::Text(key), value.as_deref().map_or(ValueRef::Null, ValueRef::Text)]
                });
                let run = self.keep(SqlType::Unknown, parts, Self::slot_of);
                Slot::Map(self.keep_run(run))
            }
            Value::Hosted(value, object) => {
                let slot = self.slot_of_owned(value);
                self.note_object(slot, object);
                slot
            }
            scalar => self.slot_of(scalar.as_ref().unwrap_or(ValueRef::Null)),
        }
    }

    /// Keeps the parts of one value side by side, behind the parts of its parts.
    pub(super) fn keep<T>(
        &mut self,
        element: SqlType,
        parts: impl Iterator<Item = T>,
        mut slot_of: impl FnMut(&mut Self, T) -> Slot,
    ) -> Run {
        let slots: SmallVec<[Slot; 8]> = parts.map(|part| slot_of(self, part)).collect();
        let first = tail(self.inner.len());
        self.inner.extend_from_slice(&slots);
        Run { first, ..Run::new(element, slots.len()) }
    }

    pub(super) fn keep_run(&mut self, run: Run) -> u32 {
        self.runs.push(run);
        tail(self.runs.len() - 1)
    }

    pub(super) fn keep_array(&mut self, run: Run, dimensions: Dimensions) -> u32 {
        if dimensions.len() > 1 {
            self.nested.push((tail(self.runs.len()), dimensions));
        }
        self.keep_run(run)
    }
}

/// The parts of a value inside [`Params`].
#[derive(Clone, Copy)]
pub(in super::super) struct Bound<'a> {
    pub(super) params: &'a Params,
    pub(super) run: u32,
}

impl<'a> Bound<'a> {
    fn run(&self) -> &'a Run {
        &self.params.runs[self.run as usize]
    }

    /// The host's object that the list or tuple is, too.
    pub(in super::super) fn object(&self) -> Option<&'a Object> {
        let found = self.params.hosted.iter().find(|(run, _)| *run == self.run);
        found.map(|(_, object)| &self.params.objects[*object as usize])
    }

    pub(in super::super) fn element(&self) -> SqlType {
        self.run().element
    }

    pub(in super::super) fn bounds(&self) -> Bounds {
        self.run().bounds
    }

    pub(in super::super) fn len(&self) -> usize {
        self.run().len as usize
    }

    pub(in super::super) fn dimensions(&self) -> Dimensions {
        // Runs are numbered in the order in which their dimensions are kept.
        match self.params.nested.binary_search_by_key(&self.run, |(run, _)| *run) {
            Ok(at) => self.params.nested[at].1.clone(),
            Err(_) if self.len() == 0 => Dimensions::new(),
            Err(_) => Dimensions::from_slice(&[self.len()]),
        }
    }

    pub(in super::super) fn get(&self, index: usize) -> ValueRef<'a> {
        let run = self.run();
        let parts = if run.inner { &self.params.inner } else { &self.params.elements };
        self.params.value(parts[run.first as usize + index])
    }
}
