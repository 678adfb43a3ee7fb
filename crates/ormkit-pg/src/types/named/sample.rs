//! A catalog for tests and fuzzers.

use super::lookup::{Catalog, Row};

pub(crate) const MOOD: u32 = 20_001;
pub(crate) const MOODS: u32 = 20_002;
pub(crate) const POINT: u32 = 20_003;
pub(crate) const PATH: u32 = 20_004;
pub(crate) const AGE: u32 = 20_005;
pub(crate) const SPAN: u32 = 20_006;
pub(crate) const SPANS: u32 = 20_007;
pub(crate) const TAGS: u32 = 20_008;
pub(crate) const PLACE: u32 = 20_009;
pub(crate) const SHAPE: u32 = 20_010;
pub(crate) const RAW: u32 = 20_011;

pub(super) fn row(oid: u32, kind: u8, of: u32, send: &str, fields: &[(&str, u32)]) -> Row {
    Row {
        oid,
        name: format!("t{oid}").into(),
        kind,
        delimiter: b',',
        of,
        send: send.into(),
        field_names: fields.iter().map(|(name, _)| (*name).into()).collect(),
        field_types: fields.iter().map(|(_, oid)| *oid).collect(),
        schema: "public".into(),
    }
}

/// An enum, a composite, a domain, a range, a multirange, `hstore`, arrays of them, one of all of them, and an opaque
/// type with a composite that holds it.
pub(crate) fn sample() -> Catalog {
    let catalog = Catalog::default();
    let rows = vec![
        row(MOOD, b'e', 0, "enum_send", &[]),
        row(MOODS, b'a', MOOD, "array_send", &[]),
        row(POINT, b'c', 0, "record_send", &[("x", 23), ("y", 25)]),
        row(PATH, b'a', POINT, "array_send", &[]),
        row(AGE, b'd', 23, "domain_send", &[]),
        row(SPAN, b'r', 1700, "range_send", &[]),
        row(SPANS, b'm', SPAN, "multirange_send", &[]),
        row(TAGS, b'b', 0, "hstore_send", &[]),
        row(
            PLACE,
            b'c',
            0,
            "record_send",
            &[("a", AGE), ("p", PATH), ("m", MOODS), ("s", SPAN), ("t", TAGS), ("i", 1007), ("ss", SPANS)],
        ),
        row(SHAPE, b'b', 0, "box_send", &[]),
        row(RAW, b'c', 0, "record_send", &[("shape", SHAPE)]),
    ];
    let asked: Vec<u32> = rows.iter().map(|row| row.oid).collect();
    catalog.learn(&asked, rows);
    catalog
}

#[cfg(test)]
/// Types of numbers, kinds and parts that no server would answer.
pub(crate) fn any(rows: &[(u32, u8, u32)]) -> Catalog {
    let catalog = Catalog::default();
    let rows = rows.iter().map(|(oid, kind, of)| {
        let of = 20_000 + of;
        row(20_000 + oid, *kind, of, "hstore_send", &[("a", of), ("b", 23)])
    });
    let rows: Vec<Row> = rows.collect();
    let asked: Vec<u32> = rows.iter().map(|row| row.oid).collect();
    catalog.learn(&asked, rows);
    catalog
}
