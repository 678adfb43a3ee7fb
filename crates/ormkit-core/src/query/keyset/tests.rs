use std::sync::Arc;

use super::*;
use crate::model::{ColumnType, Field, FieldId, ModelDef, ModelId, Registry};

const CELL: ModelId = ModelId(0);

/// `cells(id, row, note)`, of which `note` may be NULL.
fn schema() -> Arc<Schema> {
    let mut registry = Registry::new();
    let def = ModelDef {
        module: "app".into(),
        ..ModelDef::new(
            "Cell",
            "cells",
            vec![
                Field::new("id", ColumnType::Integer).key(),
                Field::new("row", ColumnType::Integer).required(),
                Field::new("note", ColumnType::Text),
            ],
        )
    };
    registry.declare(def).unwrap();
    registry.freeze().unwrap()
}

fn column(at: u16) -> Expr {
    Expr::column(CELL, FieldId(at))
}

/// What stands behind WHERE of the page at a place.
fn behind(select: &Select, dialect: &'static Dialect, values: Vec<Value>, backwards: bool) -> String {
    let schema = schema();
    let keyset = Keyset::of(&schema, select, dialect).unwrap();
    let from = Bookmark { values, backwards, inclusive: false };
    let page = keyset.page(select, Some(&from), 5);
    let text = page.to_sql(&schema, dialect).unwrap().0;
    text.split_once(" WHERE ").unwrap().1.to_owned()
}

#[test]
fn index_of_the_first_column_has_a_condition_of_its_own() {
    let select = Select::entity(CELL).order_by(column(1));
    assert_eq!(
        behind(&select, &Dialect::POSTGRES, vec![Value::Int(3), Value::Int(9)], false),
        "row >= $1 AND (row > $2 OR row = $3 AND id > $4) ORDER BY row ASC, id ASC LIMIT 6"
    );
    assert_eq!(
        behind(&select, &Dialect::POSTGRES, vec![Value::Int(3), Value::Int(9)], true),
        "row <= $1 AND (row < $2 OR row = $3 AND id < $4) ORDER BY row DESC, id DESC LIMIT 6"
    );
    let key = Select::entity(CELL);
    assert_eq!(
        behind(&key, &Dialect::POSTGRES, vec![Value::Int(9)], false),
        "id > $1 ORDER BY id ASC LIMIT 6"
    );
}

#[test]
fn null_has_the_place_that_the_database_gives_it() {
    let select = Select::entity(CELL).order_by(Order::desc(column(2)));
    let (text, null) = (vec![Value::Text("a".into()), Value::Int(9)], vec![Value::Null, Value::Int(9)]);
    let of = |dialect, values: &Vec<Value>| behind(&select, dialect, values.clone(), false);
    assert_eq!(
        of(&Dialect::POSTGRES, &text),
        "note < $1 OR note = $2 AND id > $3 ORDER BY note DESC, id ASC LIMIT 6"
    );
    assert_eq!(
        of(&Dialect::POSTGRES, &null),
        "note IS NOT NULL OR note IS NULL AND id > $1 ORDER BY note DESC, id ASC LIMIT 6"
    );
    assert_eq!(
        of(&Dialect::SQLITE, &text),
        "note < ? OR note IS NULL OR note = ? AND id > ? ORDER BY note DESC, id ASC LIMIT 6"
    );
    assert_eq!(of(&Dialect::SQLITE, &null), "note IS NULL AND id > ? ORDER BY note DESC, id ASC LIMIT 6");
}

#[test]
fn bookmark_comes_back_as_it_was_written() {
    let schema = schema();
    let select = Select::entity(CELL).order_by(column(2));
    let keyset = Keyset::of(&schema, &select, &Dialect::POSTGRES).unwrap();
    for (backwards, inclusive) in [(false, false), (false, true), (true, false), (true, true)] {
        for text in [Value::Null, Value::Text("".into()), Value::Text("é\"\\ \u{0}".into())] {
            let bookmark = Bookmark { values: vec![text, Value::Int(-1)], backwards, inclusive };
            assert_eq!(keyset.read(&keyset.bookmark(&bookmark).unwrap()).unwrap(), bookmark);
        }
    }
    let wrong = |values| Bookmark { values, backwards: false, inclusive: false };
    for values in [vec![Value::Int(1), Value::Int(1)], vec![Value::Null, Value::Null], vec![Value::Null]] {
        assert!(keyset.read(&keyset.bookmark(&wrong(values)).unwrap()).is_err());
    }
}

#[test]
fn what_has_no_keyset_says_so() {
    let schema = schema();
    let of = |select: &Select| Keyset::of(&schema, select, &Dialect::POSTGRES).err().unwrap().to_string();
    assert!(of(&Select::entity(CELL).limit(3)).contains("leave limit()"));
    assert!(of(&Select::values([Expr::count_star()])).contains("nothing tells apart"));
}

#[test]
fn later_pages_are_planned_once() {
    use crate::plan::Plans;
    use crate::value::Params;

    let schema = schema();
    let select = Select::entity(CELL).order_by(column(1));
    for dialect in [&Dialect::POSTGRES, &Dialect::SQLITE] {
        let plans = Plans::new(dialect);
        let keyset = Keyset::of(&schema, &select, dialect).unwrap();
        let planned = |row: i64| {
            let from = Bookmark {
                values: vec![Value::Int(row), Value::Int(row)],
                backwards: false,
                inclusive: false,
            };
            let page = keyset.page(&select, Some(&from), 5);
            plans.select(&schema, &page, &mut Params::new()).unwrap()
        };
        assert!(Arc::ptr_eq(&planned(1), &planned(2)));
    }
}
