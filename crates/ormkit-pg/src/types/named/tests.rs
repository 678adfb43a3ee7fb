//! Cells of types from the catalog: any bytes are a value or an error, and what is sent reads as what it was.

use ormkit_core::error::ErrorClass;
use ormkit_core::value::{Bounds, Date, Numeric, Params, Value};
use proptest::prelude::*;

use super::record::{RECORD, RECORD_ARRAY};
use super::sample::{self, AGE, MOOD, MOODS, PATH, PLACE, POINT, RAW, SPAN, SPANS, TAGS, sample};
use super::*;

const ALL: [u32; 11] = [MOOD, MOODS, POINT, PATH, AGE, SPAN, SPANS, TAGS, PLACE, RECORD, RECORD_ARRAY];

fn named(oid: u32) -> Arc<PgType> {
    sample().find(oid).unwrap()
}

fn bind(oid: u32, value: &Value) -> Result<(u16, Vec<u8>)> {
    let (mut params, mut out) = (Params::new(), Vec::new());
    value.push_to(&mut params);
    let format = named(oid).bind(params.get(0), &mut out)?;
    Ok((format, out.split_off(4)))
}

fn text(oid: u32, value: &Value) -> String {
    let (format, out) = bind(oid, value).unwrap();
    assert_eq!(format, 0);
    String::from_utf8(out).unwrap()
}

fn list(items: Vec<Value>) -> Value {
    Value::Array(SqlType::Unknown, items)
}

fn span(lower: Value, upper: Value, lower_inc: bool, upper_inc: bool) -> Value {
    Value::Range(Box::new([lower, upper]), Bounds { empty: false, lower: lower_inc, upper: upper_inc })
}

fn number(text: &str) -> Value {
    Value::Numeric(Numeric::parse(text).unwrap().into())
}

#[test]
fn parts_of_other_types_make_the_whole_a_text() {
    let point = Value::Record(vec![Value::from("7"), Value::from("a\"b\\,")]);
    assert_eq!(text(POINT, &point), r#"("7","a\"b\\,")"#);
    assert_eq!(text(PATH, &list(vec![point.clone(), Value::Null])), r#"{"(\"7\",\"a\\\"b\\\\,\")",NULL}"#);
    assert_eq!(text(POINT, &Value::Record(vec![Value::from("7"), Value::Null])), r#"("7",)"#);
    assert_eq!(text(SPAN, &span(Value::from("1"), Value::Null, true, false)), r#"["1",)"#);
    assert_eq!(text(SPANS, &list(vec![span(Value::Null, Value::from("1"), false, true)])), r#"{(,"1"]}"#);
    assert_eq!(text(AGE, &Value::from("7")), "7");
    assert_eq!(text(SPAN, &Value::from("empty")), "empty");
    assert_eq!(text(RAW, &Value::Record(vec![Value::from("(1,2)")])), r#"("(1,2)")"#);
}

#[test]
fn value_of_another_kind_is_refused() {
    let pair = Value::Record(vec![Value::Int(1), Value::Int(2)]);
    for (oid, value) in [
        (POINT, Value::Record(vec![Value::Int(1)])),
        (POINT, list(vec![Value::Int(1), Value::Null])),
        (POINT, Value::Int(1)),
        (PATH, pair.clone()),
        (MOODS, list(vec![pair.clone(), Value::Record(vec![Value::Null])])),
        (MOOD, pair.clone()),
        (AGE, list(vec![])),
        (SPAN, pair.clone()),
        (SPAN, Value::Int(1)),
        (SPANS, list(vec![Value::Int(1)])),
        (TAGS, Value::Json("{\"a\":1}".into())),
        (TAGS, Value::Json("[]".into())),
        (TAGS, pair),
        (MOOD, Value::from("a\0")),
    ] {
        let error = bind(oid, &value).unwrap_err();
        assert_eq!(error.class(), ErrorClass::DataError, "{oid} {value:?}");
    }
}

#[test]
fn altered_composite_and_unknown_field_are_told_apart_from_nonsense() {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let check = |oid, cell: &[u8]| named(oid).check(cell, 0).unwrap_err();
    assert!(matches!(check(POINT, &words(&[1, 23, 4, 7])), Misfit::Changed { .. }));
    assert!(matches!(check(POINT, &words(&[2, 23, 4, 7, 23, 4, 7])), Misfit::Changed { .. }));
    assert!(matches!(check(POINT, &words(&[2, 23, 4, 7, 25, 4])), Misfit::Value(_)));
    assert!(matches!(check(RECORD, &words(&[1, 30_000, 4, 7])), Misfit::Unknown { oid: 30_000 }));
    assert!(matches!(check(RECORD, &words(&[u32::MAX, 23, 4, 7])), Misfit::Value(_)));
    assert!(matches!(check(SPANS, &words(&[u32::MAX])), Misfit::Value(_)));
    assert!(matches!(check(TAGS, &words(&[u32::MAX, 0, 0])), Misfit::Value(_)));
}

#[test]
fn records_in_records_end_somewhere() {
    let mut cell = 0_u32.to_be_bytes().to_vec();
    for _ in 0..10_000 {
        let header = [1, RECORD, cell.len() as u32].map(u32::to_be_bytes).concat();
        cell = [header, cell].concat();
    }
    assert!(named(RECORD).decode(&cell).is_err());
    let inner = &cell[12 * 9_990..];
    assert!(named(RECORD).decode(inner).is_ok());
}

#[test]
fn infinite_bound_is_no_bound_and_an_infinite_date_is_one() {
    let known = PgType::builtin(1082, Codec::Date);
    let dates = range::new(3912, "daterange", Arc::new(known));
    assert_eq!(dates.decode(&[1, 0]).unwrap_err().class(), ErrorClass::OperationalError, "bytes behind");
    let cell = [&[0x12][..], &[0, 0, 0, 4], &i32::MAX.to_be_bytes()].concat();
    let ValueRef::Range(range) = dates.decode(&cell).unwrap() else { panic!("not a range") };
    assert_eq!(range.ends()[0], ValueRef::Date(Date::INFINITY));
    let ValueRef::Range(range) = dates.decode(&[0x18]).unwrap() else { panic!("not a range") };
    assert_eq!((range.ends(), range.bounds().empty), ([ValueRef::Null; 2], false));
    let ValueRef::Range(range) = dates.decode(&[1]).unwrap() else { panic!("not a range") };
    assert!(range.bounds().empty);
}

fn optional(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    proptest::option::of(value).prop_map(|value| value.unwrap_or(Value::Null))
}

fn words() -> impl Strategy<Value = Value> {
    "[^\0]{0,6}".prop_map(|text| Value::from(&*text))
}

fn points() -> impl Strategy<Value = Value> {
    (optional(any::<i32>().prop_map(|int| Value::Int(int.into()))), optional(words()))
        .prop_map(|(x, y)| Value::Record(vec![x, y]))
}

fn spans() -> impl Strategy<Value = Value> {
    let end = || optional(any::<i64>().prop_map(|int| number(&int.to_string())));
    (end(), end(), any::<[bool; 3]>()).prop_map(|(lower, upper, [empty, lower_inc, upper_inc])| match empty {
        true => Value::Range(Box::new([Value::Null, Value::Null]), Bounds::EMPTY),
        false => {
            let (lower_inc, upper_inc) = (lower_inc && !lower.is_null(), upper_inc && !upper.is_null());
            span(lower, upper, lower_inc, upper_inc)
        }
    })
}

fn tags() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("[^\0]{0,4}", proptest::option::of("[^\0]{0,4}"), 0..4).prop_map(|tags| {
        Value::Map(tags.into_iter().map(|(key, value)| (key.into(), value.map(Into::into))).collect())
    })
}

fn lists(of: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    proptest::collection::vec(optional(of), 0..4).prop_map(list)
}

fn typed() -> impl Strategy<Value = (u32, Value)> {
    let full = proptest::collection::vec(spans(), 0..4).prop_map(list);
    let place = (lists(points()), lists(words()), optional(spans()), optional(tags()), full).prop_map(
        |(path, moods, span, tags, spans)| {
            let ints = list(vec![Value::Int(1), Value::Null]);
            Value::Record(vec![Value::Int(7), path, moods, span, tags, ints, spans])
        },
    );
    prop_oneof![
        (Just(MOOD), words()),
        (Just(POINT), points()),
        (Just(PATH), lists(points())),
        (Just(SPAN), spans()),
        (Just(TAGS), tags()),
        (Just(PLACE), place),
    ]
}

/// Elements of one type have that type when they come back.
fn untyped(value: Value) -> Value {
    match value {
        Value::Array(_, items) => list(items.into_iter().map(untyped).collect()),
        Value::Record(fields) => Value::Record(fields.into_iter().map(untyped).collect()),
        other => other,
    }
}

proptest! {
    #[test]
    fn bound_value_decodes_to_itself((oid, value) in typed()) {
        let (format, cell) = bind(oid, &value).unwrap();
        prop_assert_eq!(format, 1);
        let named = named(oid);
        prop_assert_eq!(untyped(Value::from(named.decode(&cell).unwrap())), value);
    }

    #[test]
    fn damaged_cell_is_a_value_or_an_error(
        (oid, value) in typed(), at: prop::sample::Index, byte: u8, cut: prop::sample::Index,
    ) {
        let (_, mut cell) = bind(oid, &value).unwrap();
        if !cell.is_empty() {
            let at = at.index(cell.len());
            cell[at] = byte;
        }
        for cell in [&cell[..], &cell[..cut.index(cell.len() + 1)]] {
            for oid in [oid, RECORD, RECORD_ARRAY] {
                if let Ok(value) = named(oid).decode(cell) {
                    let _ = Value::from(value);
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(index in 0..ALL.len(), head in 0_u32..4, bytes: Vec<u8>) {
        let counted = [&head.to_be_bytes()[..], &bytes].concat();
        for cell in [&bytes, &counted] {
            if let Ok(value) = named(ALL[index]).decode(cell) {
                let _ = Value::from(value);
            }
        }
    }

    #[test]
    fn any_answer_makes_types_that_can_be_read(
        rows in proptest::collection::vec((0_u32..6, prop::sample::select(&b"abcdempr"[..]), 0_u32..6), 0..8),
        bytes: Vec<u8>,
    ) {
        let catalog = sample::any(&rows);
        for oid in 0..6 {
            if let Some(named) = catalog.find(20_000 + oid) {
                let _ = named.decode(&bytes).map(Value::from);
            }
        }
    }
}
