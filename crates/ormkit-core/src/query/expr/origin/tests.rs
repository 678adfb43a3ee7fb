use std::convert::Infallible;

use super::*;
use crate::model::{ColumnType, Field, ModelDef, Registry};
use crate::query::{ArithmeticOp, Source};
use crate::value::Value;

const BILL: ModelId = ModelId(0);
const AMOUNT: FieldId = FieldId(1);

/// `bills(id, amount, at)`; a class of the program's makes the values of `amount` and `at`.
fn schema() -> Arc<Schema> {
    let mut registry = Registry::new();
    let decorated = |name, column_type| Field { decorated: true, ..Field::new(name, column_type) };
    let def = ModelDef::new(
        "Bill",
        "bills",
        vec![
            Field::new("id", ColumnType::Integer).key(),
            decorated("amount", ColumnType::Numeric(None)),
            decorated("at", ColumnType::Timestamp),
        ],
    );
    registry.declare(ModelDef { module: "app".into(), ..def }).unwrap();
    registry.freeze().unwrap()
}

fn column(at: u16) -> Expr {
    Expr::column(Source::plain(BILL), FieldId(at))
}

fn number(value: i64) -> Expr {
    Expr::value(value, SqlType::Integer)
}

fn form(expr: &Expr) -> Option<Form> {
    let origin = expr.origin(&*schema());
    assert!(origin.as_ref().is_none_or(|origin| origin.whose == Whose::Column(BILL, AMOUNT)));
    origin.map(|origin| origin.form)
}

fn called(name: &str, args: Vec<Expr>) -> Expr {
    Expr::call(name, args).unwrap()
}

#[test]
fn columns_are_handed_on_by_what_answers_one_of_its_operands() {
    assert_eq!(form(&column(1)), Some(Form::Column));
    assert_eq!(form(&column(1).labelled("n")), Some(Form::Column));
    let case = Expr::case(vec![(Expr::Bool(true), number(1))], Some(column(1)));
    let select = crate::query::Select::default().select_from(Source::plain(BILL));
    let scalar = Expr::Scalar(select.item(Item::Value { expr: column(1), label: None }).into());
    for expr in [
        case.clone(),
        scalar,
        called("coalesce", vec![number(1), case]),
        called("MAX", vec![column(1)]),
        called("lag", vec![column(1), number(1)]),
        Expr::greatest(vec![number(1), column(1)]),
        column(1).collate("C"),
    ] {
        assert_eq!(form(&expr), Some(Form::Value), "{expr:?}");
    }
    assert_eq!(form(&called("array_agg", vec![column(1)])), Some(Form::List));
}

#[test]
fn what_is_computed_of_decorated_values_is_one_while_it_is_of_their_kind() {
    assert_eq!(form(&column(1).arithmetic(ArithmeticOp::Add, number(1))), Some(Form::Computed));
    assert_eq!(form(&column(0).arithmetic(ArithmeticOp::Multiply, column(1))), Some(Form::Computed));
    assert_eq!(form(&called("sum", vec![column(1)])), Some(Form::Computed));
    assert_eq!(form(&Expr::Negative(column(1).into())), Some(Form::Computed));
    assert_eq!(form(&column(0).arithmetic(ArithmeticOp::Add, number(1))), None, "its type is all there is");
    assert_eq!(form(&called("sum", vec![column(0)])), None);
    assert_eq!(form(&column(2).arithmetic(ArithmeticOp::Subtract, column(2))), None, "a span is no time");
}

#[test]
fn other_expressions_have_a_type_alone() {
    for expr in [
        number(1),
        column(1).cast(ColumnType::Text),
        called("count", vec![column(1)]),
        called("upper", vec![column(1)]),
        Expr::Text("amount".into()),
        column(1).eq(number(1)),
    ] {
        assert_eq!(form(&expr), None, "{expr:?}");
    }
}

#[test]
fn values_are_changed_where_they_are_answered_and_nowhere_else() {
    let condition = column(0).eq(number(1));
    let inner = called("coalesce", vec![Expr::Null, number(2)]);
    let case = Expr::case(vec![(condition.clone(), number(3))], Some(inner));
    let mut seen = Vec::new();
    let made = case.with_values::<Infallible>(&mut |bound| {
        seen.push(bound.value.clone());
        Ok(Some(Bound::new("x", SqlType::Text)))
    });
    assert_eq!(seen, [Value::Int(3), Value::Int(2)]);
    let text = || Expr::value("x", SqlType::Text);
    let inner = called("coalesce", vec![Expr::Null, text()]);
    assert_eq!(made.unwrap(), Some(Expr::case(vec![(condition, text())], Some(inner))));
    assert_eq!(case.with_values::<Infallible>(&mut |_| Ok(None)).unwrap(), None);
    let lag = called("lag", vec![column(1), number(1), number(2)]);
    let mut count = 0;
    lag.with_values::<Infallible>(&mut |_| {
        count += 1;
        Ok(None)
    })
    .unwrap();
    assert_eq!(count, 1, "the offset is a setting");
}

#[test]
fn values_alone_tell_the_server_no_type() {
    let case = |then| Expr::case(vec![(Expr::Bool(true), then)], Some(number(1)));
    assert!(case(number(2)).answers_values_alone());
    assert!(called("coalesce", vec![Expr::Null, number(1)]).answers_values_alone());
    assert!(!case(column(1)).answers_values_alone());
    assert!(!called("lag", vec![number(1), number(1)]).answers_values_alone());
    assert!(!called("now", Vec::new()).answers_values_alone());
}

#[test]
fn a_type_that_is_said_is_that_of_the_value() {
    let told = |key, decorated| HostType::new(Arc::new("cents"), key, SqlType::Numeric, decorated);
    let value = |key| number(1).told(ColumnType::Numeric(None), told(key, true));
    let origin = |expr: &Expr| expr.origin(&*schema());
    let expected = Origin { whose: Whose::Type(told(7, true)), form: Form::Value };
    assert_eq!(origin(&value(7)), Some(expected.clone()));
    assert_eq!(origin(&called("coalesce", vec![value(7), column(1)])), Some(expected.clone()));
    assert_ne!(value(7), value(8), "plans of one are none of the other");
    let sum = value(7).arithmetic(ArithmeticOp::Add, number(1));
    assert_eq!(origin(&sum), Some(Origin { form: Form::Computed, ..expected.clone() }));
    let cast = column(0).cast_told(ColumnType::Numeric(None), told(7, false));
    assert_eq!(origin(&cast), Some(expected));
    assert_eq!(expected_host(&cast), Some("cents"));
    assert_eq!(origin(&Expr::Negative(cast.into())), None);
}

fn expected_host(expr: &Expr) -> Option<&'static str> {
    match expr.origin(&*schema())?.whose {
        Whose::Type(of) => of.host::<&'static str>().copied(),
        Whose::Column(..) => None,
    }
}
