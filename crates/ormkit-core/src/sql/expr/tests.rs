//! Golden texts of operations, functions and windows.

use std::sync::Arc;

use crate::model::{ColumnType, Field, FieldId, ModelDef, ModelId, Registry, Schema};
use crate::plan::Plans;
use crate::query::{
    ArithmeticOp, Call, CompareOp, Expr, Frame, FrameEnd, FrameUnit, JsonRead, JsonStep, Order, Select,
    TimePart,
};
use crate::sql::Dialect;
use crate::value::{Numeric, Params, SqlType, Value};

const BOOK: ModelId = ModelId(0);

/// `books(id, title, meta, added, tags, price)`.
fn schema() -> Arc<Schema> {
    let mut registry = Registry::new();
    let fields = vec![
        Field::new("id", ColumnType::Integer).key().numbered(),
        Field::new("title", ColumnType::Text),
        Field::new("meta", ColumnType::Json),
        Field::new("added", ColumnType::TimestampTz),
        Field::new("tags", ColumnType::Array(ColumnType::Text.into())),
        Field::new("price", ColumnType::Numeric(None)),
    ];
    let def = ModelDef { module: "app".into(), ..ModelDef::new("Book", "books", fields) };
    registry.declare(def).unwrap();
    registry.freeze().unwrap()
}

fn column(index: u16) -> Expr {
    Expr::column(BOOK, FieldId(index))
}

fn id() -> Expr {
    column(0)
}

fn title() -> Expr {
    column(1)
}

fn meta(path: &[&str]) -> Expr {
    column(2).json(
        path.iter().map(|step| step.parse().map_or_else(|_| JsonStep::Key((*step).into()), JsonStep::Place)),
        JsonRead::Json,
    )
}

fn text(value: &str) -> Expr {
    Expr::value(value, SqlType::Text)
}

fn int(value: i64) -> Expr {
    Expr::value(value, SqlType::Integer)
}

fn json(value: &str) -> Expr {
    Expr::value(Value::Json(value.into()), SqlType::Jsonb)
}

/// The text of a value, on both databases.
fn value(expr: Expr) -> [String; 2] {
    let schema = schema();
    [&Dialect::POSTGRES, &Dialect::SQLITE].map(|dialect| {
        let text = Select::values([expr.clone()]).to_sql(&schema, dialect).unwrap().0;
        text.trim_start_matches("SELECT ").trim_end_matches(" FROM books").to_owned()
    })
}

fn refused(expr: Expr) -> String {
    Select::values([expr]).to_sql(&schema(), &Dialect::SQLITE).unwrap_err().to_string()
}

#[test]
fn operators_by_their_text_are_signs_or_words() {
    let contains = column(4).operator("@>", text("x"), true).unwrap();
    assert_eq!(value(contains.negate())[0], "NOT tags @> $1");
    let similar = title().operator("SIMILAR TO", text("x"), true).unwrap();
    assert_eq!(value(similar)[0], "title SIMILAR TO $1");
    for wrong in ["", "; --", "--", "/*", "= 1 OR", "a(b", "'"] {
        assert!(title().operator(wrong, text("x"), true).is_err(), "{wrong:?}");
    }
    assert!(refused(meta(&[]).operator("?", text("x"), true).unwrap()).contains("question mark"));
}

#[test]
fn expressions_of_regular_shape_have_their_own_operators() {
    assert_eq!(value(title().regex(text("x"), false)), ["title ~ $1", "title REGEXP ?"]);
    assert_eq!(value(title().regex(text("x"), true).negate()), ["title !~* $1", "title NOT REGEXP ?"]);
}

#[test]
fn ways_into_json_are_one_path() {
    assert_eq!(
        value(meta(&["a"]).json([JsonStep::Place(-1)], JsonRead::Text)),
        ["meta -> $1 ->> $2", "ormkit_json_text(meta, ?, ?)"]
    );
    assert_eq!(
        value(meta(&["a"]).json([], JsonRead::Numeric)),
        [
            "CASE WHEN jsonb_typeof(meta -> $1) = 'number' THEN CAST(meta -> $2 AS NUMERIC) END",
            "ormkit_json_numeric(meta, ?)"
        ]
    );
    assert_eq!(
        value(meta(&["a"]).eq(json("1"))),
        ["meta -> $1 = $2", "ormkit_json(ormkit_json_get(meta, ?)) = ormkit_json(?)"]
    );
    assert_eq!(value(column(2).json_contains(json("{}"))), ["meta @> $1", "ormkit_json_contains(meta, ?)"]);
    assert_eq!(
        value(column(2).json_has_keys(vec!["a".into(), "b".into()], true)),
        ["meta ?& ARRAY[$1, $2]", "ormkit_json_has_all(meta, json_array(?, ?))"]
    );
}

#[test]
fn paths_of_one_shape_share_a_plan() {
    let (schema, mut params) = (schema(), Params::new());
    for dialect in [&Dialect::POSTGRES, &Dialect::SQLITE] {
        let plans = Plans::new(dialect);
        let mut plan = |path: &[&str], keys: &[&str]| {
            let keys = keys.iter().map(|key| Value::from(*key)).collect();
            let select = Select::values([meta(path)]).filter(column(2).json_has_keys(keys, false));
            plans.select(&schema, &select, &mut params).unwrap()
        };
        assert!(Arc::ptr_eq(&plan(&["a", "0"], &["x"]), &plan(&["b", "7"], &["y", "z"])));
        assert!(!Arc::ptr_eq(&plan(&["a", "0"], &[]), &plan(&["a", "b"], &[])));
    }
}

#[test]
fn parts_of_a_time_are_those_of_utc() {
    assert_eq!(
        value(column(3).extract(TimePart::Year).eq(int(2024))),
        [
            "CAST(EXTRACT(YEAR FROM added AT TIME ZONE 'UTC') AS INTEGER) = $1",
            "ormkit_extract('year', added) = ?"
        ]
    );
    assert_eq!(
        value(column(3).extract(TimePart::Date)),
        ["CAST(added AT TIME ZONE 'UTC' AS DATE)", "ormkit_extract('date', added)"]
    );
    let later = column(3).arithmetic(ArithmeticOp::Subtract, Expr::value(Value::Int(0), SqlType::Interval));
    assert_eq!(value(later), ["added - $1", "ormkit_shift('timestamptz', added, -?)"]);
}

#[test]
fn division_keeps_its_fraction_and_whole_division_does_not() {
    let by = |op| id().arithmetic(op, int(2));
    assert_eq!(
        value(by(ArithmeticOp::Divide)),
        ["CAST(id AS DOUBLE PRECISION) / $1", "CAST(id AS REAL) / ?"]
    );
    assert_eq!(value(by(ArithmeticOp::DivideWhole)), ["id / $1", "id / ?"]);
    assert_eq!(value(by(ArithmeticOp::BitXor)), ["id # $1", "((id | ?) - (id & ?))"]);
}

#[test]
fn decimals_are_the_greatest_by_their_value() {
    let most = Expr::call("max", vec![column(5)]).unwrap();
    assert!(value(most)[1].contains("max(price COLLATE ormkit_decimal)"));
    assert_eq!(value(Expr::greatest(vec![id(), int(3)]))[0], "GREATEST(id, $1)");
    assert_eq!(
        value(Expr::least(vec![id(), int(3)]))[1],
        "(SELECT min(ormkit_v) FROM (SELECT books.id AS ormkit_v UNION ALL SELECT ? AS ormkit_v))"
    );
}

#[test]
fn decimals_are_computed_by_functions_on_sqlite() {
    let (price, tenth) =
        (column(5), Expr::value(Value::Numeric(Numeric::parse("0.1").unwrap().into()), SqlType::Numeric));
    let sum = price.clone().arithmetic(ArithmeticOp::Add, tenth.clone());
    assert_eq!(value(sum.clone()), ["price + $1", "ormkit_add(price, ?)"]);
    assert_eq!(value(sum.clone().eq(tenth.clone()))[1], "ormkit_add(price, ?) COLLATE ormkit_decimal = ?");
    assert_eq!(
        value(sum.arithmetic(ArithmeticOp::Divide, id()))[1],
        "ormkit_divide(ormkit_add(price, ?), id)"
    );
    assert_eq!(value(price.clone().eq(id()))[1], "price COLLATE ormkit_decimal = CAST(id AS TEXT)");
    assert_eq!(value(Expr::call("round", vec![price.clone(), int(2)]).unwrap())[1], "ormkit_round(price, ?)");
    let either = Expr::call("coalesce", vec![id(), price.clone()]).unwrap();
    assert_eq!(value(either)[1], "coalesce(CAST(id AS TEXT), price)");
    assert_eq!(value(id().cast(ColumnType::Numeric(Some((8, 2)))))[1], "ormkit_numeric(id, 8, 2)");
    assert_eq!(value(price.cast(ColumnType::Integer))[1], "ormkit_integer(price)");
    assert!(refused(Expr::call("sum", vec![title()]).unwrap()).contains("sum() adds numbers"));
}

#[test]
fn rows_and_quantified_comparisons() {
    let row = Expr::row(vec![id(), title()]);
    assert_eq!(
        value(Expr::compare(row.clone(), CompareOp::Gt, Expr::row(vec![int(1), text("a")])))[1],
        "(id, title) > (?, ?)"
    );
    assert_eq!(value(text("a").quantified(CompareOp::Eq, column(4), false))[0], "$1 = ANY (tags)");
    assert_eq!(
        value(id().between_symmetric(int(1), int(2))),
        ["id BETWEEN SYMMETRIC $1 AND $2", "id BETWEEN min(?, ?) AND max(?, ?)"]
    );
    assert_eq!(value(title().collate("C")), [r#"title COLLATE "C""#, r#"title COLLATE "C""#]);
}

#[test]
fn windows_have_frames_and_aggregates_an_order() {
    let Expr::Call(sum) = Expr::call("sum", vec![id()]).unwrap() else { panic!("a call") };
    let frame = Frame { unit: FrameUnit::Rows, start: FrameEnd::At(-2), end: FrameEnd::At(0) };
    let over = Some((vec![title()], vec![Order::asc(id())]));
    let call = Call { over, frame: Some(frame), ..Call::clone(&sum) };
    assert_eq!(
        value(Expr::Call(call.into()))[0],
        "sum(id) OVER (PARTITION BY title ORDER BY id ASC ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)"
    );
    let Expr::Call(list) = Expr::call("array_agg", vec![title()]).unwrap() else { panic!("a call") };
    let call = Call { order_by: vec![Order::desc(id())], ..Call::clone(&list) };
    assert_eq!(
        value(Expr::Call(call.into())),
        ["array_agg(title ORDER BY id DESC)", "nullif(json_group_array(title ORDER BY id DESC), '[]')"]
    );
    let call = Call { within_group: vec![Order::asc(id())], ..Call::clone(&list) };
    assert!(refused(Expr::Call(call.into())).contains("within_group()"));
    assert!(refused(Expr::call("audit.stamp", vec![]).unwrap()).contains("schema"));
}
