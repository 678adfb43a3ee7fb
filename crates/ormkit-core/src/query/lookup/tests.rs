use std::sync::Arc;

use super::*;
use crate::model::{ColumnType, Field, ModelDef, Registry, RelationDef, Target};
use crate::query::{Expr, Select, Source};
use crate::sql::Dialect;
use crate::value::{SqlType, Value};

const TEAM: ModelId = ModelId(0);
const USER: ModelId = ModelId(1);

/// `teams(id, name)` with `members`; `users(id, name, team_id, boss_id)` with `team`, `boss`.
fn schema() -> Arc<Schema> {
    let mut registry = Registry::new();
    let id = || Field::new("id", ColumnType::Integer).key().numbered();
    let relation = |name: &str, target: &str, many, key: &str| {
        let mut relation = RelationDef::new(name, Target::Name(target.into()));
        relation.many = Some(many);
        relation.foreign_keys = vec![key.into()];
        relation
    };
    let def = |name: &str, table: &str, fields, relations| ModelDef {
        module: "app".into(),
        relations,
        ..ModelDef::new(name, table, fields)
    };
    let name = || Field::new("name", ColumnType::Text);
    let members = relation("members", "User", true, "team_id");
    registry.declare(def("Team", "teams", vec![id(), name().required()], vec![members])).unwrap();
    let fields = vec![
        id(),
        name(),
        Field::new("team_id", ColumnType::Integer).references("teams", "id"),
        Field::new("boss_id", ColumnType::Integer).references("users", "id"),
        Field::new("since", ColumnType::TimestampTz),
        Field::new("meta", ColumnType::Json),
        Field::new("tags", ColumnType::Array(ColumnType::Text.into())),
    ];
    let relations =
        vec![relation("team", "Team", false, "team_id"), relation("boss", "User", false, "boss_id")];
    registry.declare(def("User", "users", fields, relations)).unwrap();
    registry.freeze().unwrap()
}

fn text(value: &str) -> Expr {
    Expr::value(value, SqlType::Text)
}

fn int(value: i64) -> Expr {
    Expr::value(value, SqlType::Integer)
}

/// The text behind WHERE of several lookups in one call.
fn sql(model: ModelId, lookups: &[(&str, Vec<Expr>)]) -> String {
    let schema = schema();
    let list: Vec<Condition> = lookups
        .iter()
        .map(|(name, values)| Condition {
            lookup: resolve(&schema, model, name).unwrap(),
            values: values.clone(),
        })
        .collect();
    let select = Select::entity(model).filter(conditions(&schema, Source::plain(model), &list));
    let text = select.to_sql(&schema, &Dialect::POSTGRES).unwrap().0;
    text.split_once(" WHERE ").unwrap().1.to_owned()
}

fn one(model: ModelId, name: &str, value: Expr) -> String {
    sql(model, &[(name, vec![value])])
}

#[test]
fn unknown_names_are_found_before_any_sql() {
    let schema = schema();
    let error = |name| resolve(&schema, USER, name).unwrap_err().to_string();
    assert_eq!(error("nmae"), "User has no attribute `nmae`: did you mean `name`?");
    assert_eq!(error("team__nam"), "Team has no attribute `nam`: did you mean `name`?");
    assert!(error("name__contain").starts_with("User.name has no lookup `contain`: did you mean `contains`"));
    assert_eq!(
        error("team__gt"),
        "`gt` on a relation is not supported: name a field of the related model as well"
    );
}

#[test]
fn lookups_say_what_they_take() {
    let schema = schema();
    let expects = |name| resolve(&schema, USER, name).unwrap().expects();
    assert_eq!(expects("name"), Expects::Value(USER, FieldId(1)));
    assert_eq!(expects("team__id__in"), Expects::List(TEAM, FieldId(0)));
    assert_eq!(expects("id__between"), Expects::Pair(USER, FieldId(0)));
    assert_eq!(expects("team__name__icontains"), Expects::Text);
    assert_eq!(expects("boss__isnull"), Expects::Bool);
    assert_eq!(expects("team"), Expects::Object(USER, RelationId(0)));
    assert_eq!(expects("pk"), Expects::Value(USER, FieldId(0)));
}

#[test]
fn a_null_differs_from_every_value() {
    assert_eq!(one(USER, "name__ne", text("x")), "name IS DISTINCT FROM $1");
    assert_eq!(one(TEAM, "name__ne", text("x")), "name != $1", "a column that is never NULL needs no more");
    assert_eq!(one(USER, "name", Expr::value(Value::Null, SqlType::Text)), "name IS NULL");
    assert_eq!(one(USER, "team_id__notin", int(1)), "(team_id IN ($1)) IS NOT TRUE");
    assert_eq!(one(TEAM, "id__notin", int(1)), "id NOT IN ($1)");
}

#[test]
fn relations_are_crossed_by_exists_and_meet_in_one_row() {
    assert_eq!(
        sql(TEAM, &[("members__name", vec![text("a")]), ("members__id__gt", vec![int(3)])]),
        "EXISTS (SELECT 1 FROM users WHERE users.team_id = teams.id AND users.name = $1 AND users.id > $2)"
    );
    assert_eq!(
        one(TEAM, "members__name__ne", text("a")),
        "NOT EXISTS (SELECT 1 FROM users WHERE users.team_id = teams.id AND users.name = $1)"
    );
}

#[test]
fn a_model_met_again_goes_by_another_name() {
    assert_eq!(
        one(USER, "boss__boss__name", text("a")),
        "EXISTS (SELECT 1 FROM users AS users_1 WHERE users_1.id = users.boss_id AND \
         EXISTS (SELECT 1 FROM users AS users_2 WHERE users_2.id = users_1.boss_id AND users_2.name = $1))"
    );
}

#[test]
fn key_of_a_relation_is_the_own_column() {
    assert_eq!(one(USER, "team__id", int(1)), "team_id = $1");
    assert_eq!(one(USER, "team__pk__in", int(1)), "team_id IN ($1)");
    assert_eq!(one(USER, "team", int(1)), "team_id = $1");
    assert_eq!(sql(USER, &[("team", vec![])]), "team_id IS NULL");
    assert_eq!(
        one(TEAM, "members", int(5)),
        "EXISTS (SELECT 1 FROM users WHERE users.team_id = teams.id AND users.id = $1)"
    );
    assert_eq!(
        one(TEAM, "members__isnull", Expr::Bool(true)),
        "NOT EXISTS (SELECT 1 FROM users WHERE users.team_id = teams.id)"
    );
}

#[test]
fn texts_of_other_types_are_looked_through_as_text() {
    assert_eq!(one(USER, "id__contains", text("7")), "CAST(id AS TEXT) LIKE $1");
    assert_eq!(one(USER, "name__iexact", text("a")), "name ILIKE $1");
}

#[test]
fn words_behind_a_field_are_parts_of_it() {
    assert_eq!(
        one(USER, "since__year__gte", int(2024)),
        "CAST(EXTRACT(YEAR FROM since AT TIME ZONE 'UTC') AS INTEGER) >= $1"
    );
    assert_eq!(one(USER, "name__len", int(3)), "length(name) = $1");
    assert_eq!(one(USER, "tags__overlap", text("x")), "tags && $1");
    assert_eq!(one(USER, "name__iregex", text("x")), "name ~* $1");
    assert_eq!(
        one(TEAM, "members__since__date__isnull", Expr::Bool(true)),
        "EXISTS (SELECT 1 FROM users WHERE users.team_id = teams.id AND \
         CAST(users.since AT TIME ZONE 'UTC' AS DATE) IS NULL) OR \
         NOT EXISTS (SELECT 1 FROM users WHERE users.team_id = teams.id)"
    );
}

#[test]
fn what_one_call_says_of_a_list_is_said_of_one_row() {
    let schema = schema();
    let lookup = |name: &str, value: Expr| {
        let lookup = resolve(&schema, TEAM, name).unwrap();
        Formula::Lookup(Source::plain(TEAM), Condition { lookup, values: vec![value] })
    };
    let formula = Formula::All(vec![
        Formula::Any(vec![lookup("members__name", text("a")), lookup("name", text("b"))]),
        lookup("members__id", int(3)),
    ]);
    let condition = formula.written(&schema, &[Source::plain(TEAM)]);
    let sql = Select::entity(TEAM).filter(condition).to_sql(&schema, &Dialect::POSTGRES).unwrap().0;
    assert_eq!(
        sql.split_once(" WHERE ").unwrap().1,
        "EXISTS (SELECT 1 FROM users WHERE users.team_id = teams.id AND (users.name = $1 OR teams.name = $2) \
         AND users.id = $3)"
    );
}

#[test]
fn words_behind_a_json_field_are_steps_unless_the_last_is_a_lookup() {
    let json = |value: &str| Expr::value(Value::Json(value.into()), SqlType::Jsonb);
    assert_eq!(one(USER, "meta__a__0__b", json("1")), "meta -> $1 -> $2 -> $3 = $4");
    assert_eq!(
        one(USER, "meta__a__gte", Expr::value(3, SqlType::Numeric)),
        "CASE WHEN jsonb_typeof(meta -> $1) = 'number' THEN CAST(meta -> $2 AS NUMERIC) END >= $3"
    );
    assert_eq!(one(USER, "meta__a__ne", json("1")), "meta -> $1 IS DISTINCT FROM $2");
    assert_eq!(one(USER, "meta__a__isnull", Expr::Bool(true)), "meta -> $1 IS NULL");
    assert_eq!(one(USER, "meta__year", json("1")), "meta -> $1 = $2");
    assert_eq!(one(USER, "meta__a__contains", json("[1]")), "(meta -> $1) @> $2");
    assert_eq!(one(USER, "meta__has_key", text("a")), "meta ? $1");
}

#[test]
fn words_that_do_not_fit_are_found_before_any_sql() {
    let schema = schema();
    let error = |name| resolve(&schema, USER, name).unwrap_err().to_string();
    assert_eq!(error("since__yaer"), "User.since has no lookup `yaer`: did you mean `year`?");
    assert!(error("name__year").starts_with("`year` on User.name is not supported"));
    assert!(error("id__has_key").starts_with("`has_key` on User.id is not supported"));
    assert!(error("since__year__contains").contains("not supported"));
    assert!(error("id__exact__year").starts_with("User.id__exact has no lookup `year`"));
    assert!(error("meta____a").contains("has no lookup"));
}

#[test]
fn names_of_values_are_those_of_lookups_without_an_operator() {
    let schema = schema();
    let value = |name| resolve_value(&schema, Source::plain(USER), name);
    assert!(value("meta__a__0").is_ok() && value("since__year").is_ok() && value("tags__len").is_ok());
    assert!(value("team__name").is_err() && value("meta__a__gt").is_err() && value("name__exact").is_err());
}
