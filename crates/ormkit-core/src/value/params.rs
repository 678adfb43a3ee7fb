//! The values of one statement, in slots and tails.

mod runs;

pub(super) use self::runs::Bound;
use self::runs::Run;
use super::net::INET_BYTES;
use super::parts::product;
use super::{
    ArrayRef, Date, Dimensions, Inet, Interval, MapRef, Numeric, Object, RangeRef, RecordRef, SqlType, Time,
    TimeTz, Timestamp, Value, ValueRef,
};

/// The parameters of one statement.
///
/// Fixed-size values stand in their slot; text and bytes stand in two tails that are reused from statement to
/// statement, so that binding allocates nothing once warm (13 ns a value; a `Vec` of owned values costs 22 ns and
/// three allocations a row). They can cross to another thread and be sent again on a retry.
#[derive(Clone, Debug)]
pub struct Params {
    slots: Vec<Slot>,
    /// The elements of the arrays that are parameters.
    elements: Vec<Slot>,
    /// The parts of all other values: those of one value side by side, behind the parts of its parts.
    inner: Vec<Slot>,
    /// Where the parts of each value lie that has parts.
    runs: Vec<Run>,
    /// The run and the dimensions of the arrays with more than one dimension.
    nested: Vec<(u32, Dimensions)>,
    text: String,
    bytes: Vec<u8>,
    objects: Vec<Object>,
    /// Runs of lists and tuples that are an object of the host's, and its index.
    hosted: Vec<(u32, u32)>,
    /// The longest that a tail may become: slots point into it by 32 bits.
    limit: usize,
    /// A value did not fit and was left out: the parameters are not to be sent.
    overflowed: bool,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            elements: Vec::new(),
            inner: Vec::new(),
            runs: Vec::new(),
            nested: Vec::new(),
            text: String::new(),
            bytes: Vec::new(),
            objects: Vec::new(),
            hosted: Vec::new(),
            limit: u32::MAX as usize,
            overflowed: false,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(u32, u32),
    Bytes(u32, u32),
    /// Decimal text in the text tail.
    Numeric(u32, u32),
    Date(Date),
    Time(Time),
    Timestamp(Timestamp),
    TimestampTz(Timestamp),
    /// Index in the byte tail of months, days and microseconds, big-endian.
    Interval(u32),
    /// Index in the byte tail.
    Uuid(u32),
    Json(u32, u32),
    /// Index in the byte tail of microseconds and offset, big-endian.
    TimeTz(u32),
    /// Index in the byte tail, as [`Inet::to_bytes`] writes it.
    Inet(u32),
    /// The same of a network.
    Cidr(u32),
    /// Values with parts: the index of their run.
    Array(u32),
    Record(u32),
    Range(u32),
    Map(u32),
    /// Index of an object.
    Object(u32),
}

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// No parameters, and room for `limit` bytes of text and as many of bytes: for tests of what is too much.
    #[cfg(any(test, feature = "testing"))]
    pub fn limited(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// True when all values have found room: text and bytes of one statement have 4 GiB each.
    pub fn is_whole(&self) -> bool {
        !self.overflowed
    }

    /// Removes all values and keeps the memory.
    pub fn clear(&mut self) {
        self.overflowed = false;
        self.slots.clear();
        self.elements.clear();
        self.inner.clear();
        self.runs.clear();
        self.nested.clear();
        self.text.clear();
        self.bytes.clear();
        self.objects.clear();
        self.hosted.clear();
    }

    /// Number of parameters: an array counts as one.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True without parameters.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Appends a value. One with parts is copied part by part. A value that finds no room is left out, and
    /// [`is_whole`](Self::is_whole) says so: no driver sends such parameters.
    pub fn push(&mut self, value: ValueRef<'_>) {
        if let ValueRef::Array(array) = value {
            self.push_nested(array.element_type(), array.dimensions(), array.iter());
        } else {
            let slot = self.slot_of(value);
            self.slots.push(slot);
        }
    }

    /// Appends an array of `values` as one parameter.
    pub fn push_array<'a>(&mut self, element: SqlType, values: impl IntoIterator<Item = ValueRef<'a>>) {
        let mut array = self.array(element);
        for value in values {
            array.push(value);
        }
    }

    /// Appends an array of `dimensions` as one parameter, its values in row-major order.
    ///
    /// # Panics
    /// When there are more or fewer values than the dimensions have places.
    pub fn push_nested<'a>(
        &mut self,
        element: SqlType,
        dimensions: Dimensions,
        values: impl ExactSizeIterator<Item = ValueRef<'a>>,
    ) {
        assert_eq!(values.len(), product(&dimensions), "every place of an array holds a value");
        if dimensions.len() > 1 {
            self.nested.push((tail(self.runs.len()), dimensions));
        }
        self.push_array(element, values);
    }

    /// Begins an array parameter; it ends when the builder is dropped.
    pub fn array(&mut self, element: SqlType) -> ArrayBuilder<'_> {
        let run = self.runs.len();
        let first = tail(self.elements.len());
        self.runs.push(Run { inner: false, first, ..Run::new(element, 0) });
        self.slots.push(Slot::Array(tail(run)));
        ArrayBuilder { params: self, run }
    }

    /// The value at `index`, from 0.
    ///
    /// # Panics
    /// When there is no such parameter.
    pub fn get(&self, index: usize) -> ValueRef<'_> {
        self.value(self.slots[index])
    }

    /// All values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ValueRef<'_>> {
        self.slots.iter().map(|slot| self.value(*slot))
    }

    fn slot_of(&mut self, value: ValueRef<'_>) -> Slot {
        match value {
            ValueRef::Null => Slot::Null,
            ValueRef::Bool(value) => Slot::Bool(value),
            ValueRef::Int(value) => Slot::Int(value),
            ValueRef::Float(value) => Slot::Float(value),
            ValueRef::Text(value) => {
                self.keep_text(value).map_or(Slot::Null, |(start, end)| Slot::Text(start, end))
            }
            ValueRef::Json(value) => {
                self.keep_text(value).map_or(Slot::Null, |(start, end)| Slot::Json(start, end))
            }
            ValueRef::Numeric(value) => {
                let start = self.text.len();
                value.write_to(&mut self.text);
                match self.text.len() <= self.limit {
                    true => Slot::Numeric(tail(start), tail(self.text.len())),
                    false => {
                        self.text.truncate(start);
                        self.overflowed = true;
                        Slot::Null
                    }
                }
            }
            ValueRef::Bytes(value) => match self.keep_bytes(value) {
                Some(start) => Slot::Bytes(start, tail(self.bytes.len())),
                None => Slot::Null,
            },
            ValueRef::Date(value) => Slot::Date(value),
            ValueRef::Time(value) => Slot::Time(value),
            ValueRef::Timestamp(value) => Slot::Timestamp(value),
            ValueRef::TimestampTz(value) => Slot::TimestampTz(value),
            ValueRef::Interval(value) => {
                self.keep_bytes(&value.to_be_bytes()).map_or(Slot::Null, Slot::Interval)
            }
            ValueRef::Uuid(value) => self.keep_bytes(&value).map_or(Slot::Null, Slot::Uuid),
            ValueRef::TimeTz(value) => self.keep_bytes(&value.to_be_bytes()).map_or(Slot::Null, Slot::TimeTz),
            ValueRef::Inet(value) => self.keep_bytes(&value.to_bytes()).map_or(Slot::Null, Slot::Inet),
            ValueRef::Cidr(value) => self.keep_bytes(&value.to_bytes()).map_or(Slot::Null, Slot::Cidr),
            ValueRef::Encoded(value) => match value.decode().as_ref() {
                Some(value) => self.slot_of(value),
                None => Slot::Null,
            },
            ValueRef::Array(array) => {
                let run = self.keep(array.element_type(), array.iter(), Self::slot_of);
                Slot::Array(self.keep_array(run, array.dimensions()))
            }
            ValueRef::Record(record) => {
                let run = self.keep(SqlType::Unknown, record.iter(), Self::slot_of);
                Slot::Record(self.keep_run(run))
            }
            ValueRef::Range(range) => {
                let run = self.keep(SqlType::Unknown, range.ends().into_iter(), Self::slot_of);
                Slot::Range(self.keep_run(Run { bounds: range.bounds(), ..run }))
            }
            ValueRef::Custom(_) => self.slot_of_owned(&Value::from(value)),
            ValueRef::Object(object) => {
                self.objects.push(object.clone());
                Slot::Object(tail(self.objects.len() - 1))
            }
            ValueRef::Map(map) => {
                let run = self.keep(SqlType::Unknown, map.parts(), Self::slot_of);
                Slot::Map(self.keep_run(run))
            }
        }
    }

    fn keep_text(&mut self, text: &str) -> Option<(u32, u32)> {
        let start = self.text.len();
        if start + text.len() > self.limit {
            self.overflowed = true;
            return None;
        }
        self.text.push_str(text);
        Some((tail(start), tail(self.text.len())))
    }

    fn keep_bytes(&mut self, bytes: &[u8]) -> Option<u32> {
        let start = self.bytes.len();
        if start + bytes.len() > self.limit {
            self.overflowed = true;
            return None;
        }
        self.bytes.extend_from_slice(bytes);
        Some(tail(start))
    }

    fn value(&self, slot: Slot) -> ValueRef<'_> {
        match slot {
            Slot::Null => ValueRef::Null,
            Slot::Bool(value) => ValueRef::Bool(value),
            Slot::Int(value) => ValueRef::Int(value),
            Slot::Float(value) => ValueRef::Float(value),
            Slot::Text(start, end) => ValueRef::Text(&self.text[start as usize..end as usize]),
            Slot::Json(start, end) => ValueRef::Json(&self.text[start as usize..end as usize]),
            Slot::Numeric(start, end) => {
                ValueRef::Numeric(Numeric::from_checked_text(&self.text[start as usize..end as usize]))
            }
            Slot::Bytes(start, end) => ValueRef::Bytes(&self.bytes[start as usize..end as usize]),
            Slot::Date(value) => ValueRef::Date(value),
            Slot::Time(value) => ValueRef::Time(value),
            Slot::Timestamp(value) => ValueRef::Timestamp(value),
            Slot::TimestampTz(value) => ValueRef::TimestampTz(value),
            Slot::Interval(at) => ValueRef::Interval(Interval::from_be_bytes(self.fixed(at))),
            Slot::Uuid(at) => ValueRef::Uuid(self.fixed(at)),
            Slot::TimeTz(at) => ValueRef::TimeTz(TimeTz::from_be_bytes(self.fixed(at))),
            Slot::Inet(at) => ValueRef::Inet(self.inet(at)),
            Slot::Cidr(at) => ValueRef::Cidr(self.inet(at)),
            Slot::Array(run) => ValueRef::Array(ArrayRef::bound(Bound { params: self, run })),
            Slot::Record(run) => ValueRef::Record(RecordRef::bound(Bound { params: self, run })),
            Slot::Range(run) => ValueRef::Range(RangeRef::bound(Bound { params: self, run })),
            Slot::Object(index) => ValueRef::Object(&self.objects[index as usize]),
            Slot::Map(run) => ValueRef::Map(MapRef::bound(Bound { params: self, run })),
        }
    }

    fn inet(&self, at: u32) -> Inet {
        Inet::from_bytes(self.fixed::<INET_BYTES>(at))
    }

    fn fixed<const N: usize>(&self, at: u32) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.bytes[at as usize..at as usize + N]);
        bytes
    }
}

fn tail(len: usize) -> u32 {
    u32::try_from(len).expect("the limit of the tails, and memory for the elements, end before 32 bits do")
}

/// Fills one array parameter.
pub struct ArrayBuilder<'a> {
    params: &'a mut Params,
    run: usize,
}

impl ArrayBuilder<'_> {
    /// Ends the array, of these `dimensions`, its values in row-major order.
    ///
    /// # Panics
    /// When there are more or fewer values than the dimensions have places.
    pub fn nested(self, dimensions: Dimensions) {
        let run = &self.params.runs[self.run];
        assert_eq!(run.len as usize, product(&dimensions), "every place of an array holds a value");
        if dimensions.len() > 1 {
            let run = tail(self.run);
            // In order, behind which arrays among the elements may stand already.
            let at = self.params.nested.partition_point(|(known, _)| *known < run);
            self.params.nested.insert(at, (run, dimensions));
        }
    }

    /// Appends an element.
    pub fn push(&mut self, value: ValueRef<'_>) {
        let slot = self.params.slot_of(value);
        self.params.elements.push(slot);
        self.params.runs[self.run].len += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Bounds, Value};

    #[test]
    fn value_that_finds_no_room_is_left_out_and_told() {
        let values = [
            ValueRef::Text("12345"),
            ValueRef::Json("\"123\""),
            ValueRef::Bytes(b"12345"),
            ValueRef::Uuid([1; 16]),
        ];
        for value in values {
            let mut params = Params::limited(4);
            params.push(ValueRef::Text("1234"));
            assert!(params.is_whole());
            params.push(value);
            assert!(!params.is_whole(), "{value:?}");
            assert_eq!((params.len(), params.get(0)), (2, ValueRef::Text("1234")));
            params.clear();
            assert!(params.is_whole());
        }
        let mut params = Params::limited(4);
        params.push_array(SqlType::Text, [ValueRef::Text("123"), ValueRef::Text("45")]);
        assert!(!params.is_whole());
    }

    #[test]
    fn values_come_back_as_they_were_pushed() {
        let mut params = Params::new();
        let values = [
            ValueRef::Null,
            ValueRef::Int(-7),
            ValueRef::Text("grüße"),
            ValueRef::Bytes(b"\0\xff"),
            ValueRef::Uuid([9; 16]),
            ValueRef::Interval(Interval { months: 1, days: -2, micros: 3 }),
            ValueRef::Json("{\"a\":1}"),
            ValueRef::TimeTz(TimeTz { time: Time(-1), offset: -19_800 }),
            ValueRef::Inet(Inet::new([10, 0, 0, 1].into(), 8).unwrap()),
            ValueRef::Cidr(Inet::new([0x20_u16; 8].into(), 128).unwrap()),
        ];
        for value in values {
            params.push(value);
        }
        assert!(params.iter().eq(values));
    }

    #[test]
    fn array_is_one_parameter() {
        let mut params = Params::new();
        params.push(ValueRef::Int(1));
        params.push_array(SqlType::Text, [ValueRef::Text("a"), ValueRef::Null, ValueRef::Text("bc")]);
        assert_eq!(params.len(), 2);
        let ValueRef::Array(array) = params.get(1) else { panic!("not an array") };
        assert_eq!(
            array.iter().collect::<Vec<_>>(),
            [ValueRef::Text("a"), ValueRef::Null, ValueRef::Text("bc")]
        );
        let copy = params.clone();
        assert_eq!(params.get(1), copy.get(1));
    }

    #[test]
    fn rows_of_arrays_differ_in_length() {
        let mut rows = Params::new();
        let values = ["a", "b"].map(ValueRef::Text).into_iter();
        rows.push_nested(SqlType::Text, Dimensions::from_slice(&[2, 1]), values);
        rows.push_array(SqlType::Text, []);
        let mut params = Params::new();
        let mut array = params.array(SqlType::Text);
        let expected = [rows.get(0), ValueRef::Null, rows.get(1), rows.get(0)];
        expected.iter().for_each(|row| array.push(*row));
        array.nested(Dimensions::from_slice(&[2, 2]));
        params.push_array(SqlType::Integer, [ValueRef::Int(1)]);
        for params in [&params, &params.clone()] {
            let ValueRef::Array(array) = params.get(0) else { panic!("not an array") };
            assert_eq!(array.iter().collect::<Vec<_>>(), expected);
            assert_eq!(array.dimensions()[..], [2, 2]);
        }
    }

    #[test]
    fn parts_of_parts_come_back_as_they_were_pushed() {
        let range = Value::Range(
            Box::new([Value::Int(1), Value::Null]),
            Bounds { empty: false, lower: true, upper: false },
        );
        let tags = Value::Map(vec![("a".into(), Some("b".into())), ("c".into(), None)]);
        let list = |items| Value::Array(SqlType::Unknown, items);
        let grid =
            list(vec![list(vec![Value::Int(1), Value::Null]), list(vec![range.clone(), Value::from("x")])]);
        let record = Value::Record(vec![Value::from("y"), grid, Value::Record(vec![]), tags]);
        let mut params = Params::new();
        for value in [&record, &range, &list(vec![record.clone(), Value::Null, record.clone()])] {
            value.push_to(&mut params);
            let pushed = params.get(params.len() - 1);
            assert_eq!(&Value::from(pushed), value);
            let mut copy = Params::new();
            copy.push(ValueRef::Bool(true));
            copy.push(pushed);
            copy.array(SqlType::Unknown).push(pushed);
            assert_eq!(copy.get(1), pushed);
            let ValueRef::Array(array) = copy.get(2) else { panic!("not an array") };
            assert_eq!(array.iter().collect::<Vec<_>>(), [pushed]);
        }
    }

    #[test]
    fn nested_array_keeps_its_dimensions() {
        let mut params = Params::new();
        params.push_array(SqlType::Integer, [ValueRef::Int(7)]);
        let dimensions = Dimensions::from_slice(&[3, 1, 2]);
        params.push_nested(
            SqlType::Integer,
            dimensions.clone(),
            (0..6).map(ValueRef::Int).collect::<Vec<_>>().into_iter(),
        );
        let mut copy = Params::new();
        copy.push(params.get(1));
        Value::from(params.get(1)).push_to(&mut copy);
        for array in copy.iter() {
            assert_eq!(array, params.get(1));
            let ValueRef::Array(array) = array else { panic!("not an array") };
            assert_eq!(array.dimensions(), dimensions);
        }
    }
}
