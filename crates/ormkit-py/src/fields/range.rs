//! Column types of ranges, and HSTORE.
use super::types::{TypeEngine, derived, plain, plain_type};
use crate::convert::Conversion;
use ormkit_core::model::{ColumnType, RangeType};
use pyo3::prelude::*;
use std::sync::Arc;

/// How several ranges are converted.
pub(crate) fn multirange(of: RangeType) -> (ColumnType, Option<Arc<Conversion>>) {
    let conversion = Conversion { is_multirange: true, ..Conversion::default() };
    (ColumnType::MultiRange(of), Some(Arc::new(conversion)))
}

fn several(of: RangeType) -> TypeEngine {
    let (column_type, conversion) = multirange(of);
    TypeEngine { column_type, conversion }
}

/// A type of several ranges.
macro_rules! multirange_type {
    ($name:ident, $of:expr, $sql:literal, $doc:literal) => {
        #[doc = $doc]
        #[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
        #[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types", name = $sql)]
        pub(crate) struct $name;

        #[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
        #[pymethods]
        impl $name {
            #[new]
            fn new() -> PyClassInitializer<Self> {
                derived(several($of), Self)
            }
        }
    };
}

/// A type of one range.
macro_rules! range_type {
    ($name:ident, $of:expr, $sql:literal, $doc:literal) => {
        #[doc = $doc]
        #[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
        #[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types", name = $sql)]
        pub(crate) struct $name;

        #[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
        #[pymethods]
        impl $name {
            #[new]
            fn new() -> PyClassInitializer<Self> {
                derived(plain(ColumnType::Range($of)), Self)
            }
        }
    };
}

range_type!(Int4Range, RangeType::Int4, "INT4RANGE", "INT4RANGE, as `Range[int]`. PostgreSQL only.");
range_type!(Int8Range, RangeType::Int8, "INT8RANGE", "INT8RANGE, as `Range[int]`. PostgreSQL only.");
range_type!(NumRange, RangeType::Num, "NUMRANGE", "NUMRANGE, as `Range[Decimal]`. PostgreSQL only.");
range_type!(DateRange, RangeType::Date, "DATERANGE", "DATERANGE, as `Range[date]`. PostgreSQL only.");
range_type!(
    TsRange,
    RangeType::Ts,
    "TSRANGE",
    "TSRANGE, as `Range[datetime]` without time zones. PostgreSQL only."
);
range_type!(
    TsTzRange,
    RangeType::TsTz,
    "TSTZRANGE",
    "TSTZRANGE, as `Range[datetime]` with time zones. PostgreSQL only."
);

multirange_type!(
    Int4MultiRange,
    RangeType::Int4,
    "INT4MULTIRANGE",
    "INT4MULTIRANGE, as a tuple of `Range[int]`. PostgreSQL 14 and later."
);
multirange_type!(
    Int8MultiRange,
    RangeType::Int8,
    "INT8MULTIRANGE",
    "INT8MULTIRANGE, as a tuple of `Range[int]`. PostgreSQL 14 and later."
);
multirange_type!(
    NumMultiRange,
    RangeType::Num,
    "NUMMULTIRANGE",
    "NUMMULTIRANGE, as a tuple of `Range[Decimal]`. PostgreSQL 14 and later."
);
multirange_type!(
    DateMultiRange,
    RangeType::Date,
    "DATEMULTIRANGE",
    "DATEMULTIRANGE, as a tuple of `Range[date]`. PostgreSQL 14 and later."
);
multirange_type!(
    TsMultiRange,
    RangeType::Ts,
    "TSMULTIRANGE",
    "TSMULTIRANGE, as a tuple of `Range[datetime]` without time zones. PostgreSQL 14 and later."
);
multirange_type!(
    TsTzMultiRange,
    RangeType::TsTz,
    "TSTZMULTIRANGE",
    "TSTZMULTIRANGE, as a tuple of `Range[datetime]` with time zones. PostgreSQL 14 and later."
);

plain_type!(
    Hstore,
    ColumnType::Hstore,
    "HSTORE, as a dict of str to str or None. PostgreSQL only, after `CREATE EXTENSION hstore`."
);
