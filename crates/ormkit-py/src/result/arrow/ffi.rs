//! The structures of Arrow's C data and stream interfaces, as the specification lays them out.
//!
//! Who exports keeps everything in `private_data` and frees it in `release`, which the consumer calls once; a consumer may move
//! a structure away and set the `release` of the place that it was in to null.
//! Source: <https://arrow.apache.org/docs/format/CDataInterface.html>, `CStreamInterface.html`.
#![allow(unsafe_code)] // the interface is one of C

use super::Batch;
use super::column::{Column, Kind, Values};
use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;

/// A column may hold NULL.
const NULLABLE: i64 = 2;
/// The metadata `ARROW:extension:name = arrow.uuid`: a count of pairs, then lengths (native i32) and bytes.
const UUID_EXTENSION: [&str; 2] = ["ARROW:extension:name", "arrow.uuid"];

/// A type: of a column, or of the rows.
#[repr(C)]
pub(super) struct ArrowSchema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut ArrowSchema,
    dictionary: *mut ArrowSchema,
    release: Option<unsafe extern "C" fn(*mut ArrowSchema)>,
    private_data: *mut c_void,
}

/// Values: of a column, or rows.
#[repr(C)]
pub(super) struct ArrowArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut ArrowArray,
    dictionary: *mut ArrowArray,
    release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    private_data: *mut c_void,
}

/// Batches of rows, one after the other.
#[repr(C)]
pub(super) struct Stream {
    get_schema: Option<unsafe extern "C" fn(*mut Stream, *mut ArrowSchema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut Stream, *mut ArrowArray) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut Stream) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut Stream)>,
    private_data: *mut c_void,
}

// SAFETY: what `private_data` points to is owned by the structure and has no thread of its own.
unsafe impl Send for Stream {}

/// What a stream still has to give.
struct Source {
    fields: Vec<(String, Kind)>,
    batches: std::vec::IntoIter<Batch>,
}

/// What a schema points to.
struct SchemaParts {
    _format: CString,
    _name: CString,
    _metadata: Option<Vec<u8>>,
    children: Vec<*mut ArrowSchema>,
}

/// What an array points to.
struct ArrayParts {
    _column: Option<Column>,
    buffers: Vec<*const c_void>,
    children: Vec<*mut ArrowArray>,
}

impl Stream {
    /// Of columns with these names and types.
    pub(super) fn new(fields: Vec<(String, Kind)>, batches: Vec<Batch>) -> Self {
        let source = Box::new(Source { fields, batches: batches.into_iter() });
        Self {
            get_schema: Some(get_schema),
            get_next: Some(get_next),
            get_last_error: Some(get_last_error),
            release: Some(release_stream),
            private_data: Box::into_raw(source).cast(),
        }
    }
}

impl Drop for Stream {
    /// A capsule that nobody took the stream out of.
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: it was not released before, or `release` would be None.
            unsafe { release(self) };
        }
    }
}

impl ArrowSchema {
    fn new(format: &str, name: &str, metadata: Option<Vec<u8>>, children: Vec<Self>) -> Self {
        // A C string ends at the first zero: neither a format nor the name of a column has one inside.
        let text = |text: &str| CString::new(text).unwrap_or_default();
        let children = children.into_iter().map(|child| Box::into_raw(Box::new(child))).collect();
        let mut parts =
            Box::new(SchemaParts { _format: text(format), _name: text(name), _metadata: metadata, children });
        Self {
            format: parts._format.as_ptr(),
            name: parts._name.as_ptr(),
            metadata: parts._metadata.as_ref().map_or(ptr::null(), |bytes| bytes.as_ptr().cast()),
            flags: NULLABLE,
            n_children: parts.children.len() as i64,
            children: parts.children.as_mut_ptr(),
            dictionary: ptr::null_mut(),
            release: Some(release_schema),
            private_data: Box::into_raw(parts).cast(),
        }
    }

    fn of_column(name: &str, kind: Kind) -> Self {
        let metadata = (kind == Kind::Uuid).then(|| {
            let mut bytes = 1_i32.to_ne_bytes().to_vec();
            for text in UUID_EXTENSION {
                bytes.extend_from_slice(&(text.len() as i32).to_ne_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
            bytes
        });
        Self::new(&kind.format(), name, metadata, Vec::new())
    }
}

impl ArrowArray {
    fn new(length: usize, nulls: usize, parts: ArrayParts) -> Self {
        let mut parts = Box::new(parts);
        Self {
            length: length as i64,
            null_count: nulls as i64,
            offset: 0,
            n_buffers: parts.buffers.len() as i64,
            n_children: parts.children.len() as i64,
            buffers: parts.buffers.as_mut_ptr(),
            children: parts.children.as_mut_ptr(),
            dictionary: ptr::null_mut(),
            release: Some(release_array),
            private_data: Box::into_raw(parts).cast(),
        }
    }

    fn of_rows(batch: Batch) -> Self {
        let rows = batch.rows;
        let column = |column| Box::into_raw(Box::new(Self::of_column(column, rows)));
        let children = batch.columns.into_iter().map(column).collect();
        Self::new(rows, 0, ArrayParts { _column: None, buffers: vec![ptr::null()], children })
    }

    fn of_column(column: Column, rows: usize) -> Self {
        let validity = match column.nulls {
            0 => ptr::null(),
            _ => column.valid.bytes.as_ptr().cast(),
        };
        // Vectors do not move their elements when they are moved themselves.
        let buffers = match &column.values {
            Values::None => Vec::new(),
            Values::Bits(bits) => vec![validity, bits.bytes.as_ptr().cast()],
            Values::I16(values) => vec![validity, values.as_ptr().cast()],
            Values::I32(values) => vec![validity, values.as_ptr().cast()],
            Values::I64(values) => vec![validity, values.as_ptr().cast()],
            Values::F32(values) => vec![validity, values.as_ptr().cast()],
            Values::F64(values) => vec![validity, values.as_ptr().cast()],
            Values::I128(values) => vec![validity, values.as_ptr().cast()],
            Values::Spans(values) => vec![validity, values.as_ptr().cast()],
            Values::Fixed(values) => vec![validity, values.as_ptr().cast()],
            Values::Sized(ends, bytes) => vec![validity, ends.as_ptr().cast(), bytes.as_ptr().cast()],
        };
        let nulls = column.nulls;
        Self::new(rows, nulls, ArrayParts { _column: Some(column), buffers, children: Vec::new() })
    }

    /// The end of a stream.
    fn released() -> Self {
        Self {
            length: 0,
            null_count: 0,
            offset: 0,
            n_buffers: 0,
            n_children: 0,
            buffers: ptr::null_mut(),
            children: ptr::null_mut(),
            dictionary: ptr::null_mut(),
            release: None,
            private_data: ptr::null_mut(),
        }
    }
}

unsafe extern "C" fn get_schema(stream: *mut Stream, out: *mut ArrowSchema) -> c_int {
    // SAFETY: the consumer calls with a stream of ours that is not released, and a place for a schema.
    unsafe {
        let source = &*(*stream).private_data.cast::<Source>();
        let column = |(name, kind): &(String, Kind)| ArrowSchema::of_column(name, *kind);
        out.write(ArrowSchema::new("+s", "", None, source.fields.iter().map(column).collect()));
    }
    0
}

unsafe extern "C" fn get_next(stream: *mut Stream, out: *mut ArrowArray) -> c_int {
    // SAFETY: the consumer calls with a stream of ours that is not released, one call at a time, and a place for an array.
    unsafe {
        let source = &mut *(*stream).private_data.cast::<Source>();
        out.write(source.batches.next().map_or_else(ArrowArray::released, ArrowArray::of_rows));
    }
    0
}

/// Nothing fails: every value was made sure of before the stream was made.
unsafe extern "C" fn get_last_error(_stream: *mut Stream) -> *const c_char {
    ptr::null()
}

unsafe extern "C" fn release_stream(stream: *mut Stream) {
    // SAFETY: called once, with a stream of ours, whose `private_data` came from a box.
    unsafe {
        drop(Box::from_raw((*stream).private_data.cast::<Source>()));
        (*stream).private_data = ptr::null_mut();
        (*stream).release = None;
    }
}

unsafe extern "C" fn release_schema(schema: *mut ArrowSchema) {
    // SAFETY: called once, with a schema of ours. A child whose `release` is None was moved away or released; its own memory is
    // ours in any case.
    unsafe {
        let parts = Box::from_raw((*schema).private_data.cast::<SchemaParts>());
        for child in &parts.children {
            if let Some(release) = (**child).release {
                release(*child);
            }
            drop(Box::from_raw(*child));
        }
        (*schema).release = None;
    }
}

unsafe extern "C" fn release_array(array: *mut ArrowArray) {
    // SAFETY: as for `release_schema`.
    unsafe {
        let parts = Box::from_raw((*array).private_data.cast::<ArrayParts>());
        for child in &parts.children {
            if let Some(release) = (**child).release {
                release(*child);
            }
            drop(Box::from_raw(*child));
        }
        (*array).release = None;
    }
}
