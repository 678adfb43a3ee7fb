use super::*;
use crate::model::TableName;
use crate::schema::Column;

fn table() -> Table {
    let mut table = Table::new(TableName { schema: None, name: "t".into() });
    for (name, kind) in [
        ("a", "integer"),
        ("b", "integer"),
        ("price", "numeric(10,2)"),
        ("status", "character varying(20)"),
        ("day", "date"),
        ("data", "jsonb"),
        ("at", "timestamp without time zone"),
        ("wait", "interval"),
        ("ok", "boolean"),
        ("Odd one", "bigint"),
    ] {
        table.columns.push(Column::new(name, kind));
    }
    table
}

/// What is written, and what PostgreSQL prints for it.
#[test]
fn an_expression_and_what_the_server_prints_for_it_mean_the_same() {
    for (written, printed) in [
        ("a > 0 and b<10 AND a != -1", "(a > 0) AND (b < 10) AND (a <> '-1'::integer)"),
        ("a + b * 2 > 3 - -1", "((a + (b * 2)) > (3 - '-1'::integer))"),
        ("a - b - 1 = 0", "(((a - b) - 1) = 0)"),
        (
            "status IN ('x', 'it''s')",
            "((status)::text = ANY ((ARRAY['x'::character varying, 'it''s'::character varying])::text[]))",
        ),
        ("status IN ('x')", "((status)::text = 'x'::text)"),
        (
            "status NOT IN ('x','y')",
            "((status)::text <> ALL ((ARRAY['x'::character varying, 'y'::character varying])::text[]))",
        ),
        ("a BETWEEN 1 AND 5 OR b = 2", "(((a >= 1) AND (a <= 5)) OR (b = 2))"),
        ("NOT (a IS NULL)", "(NOT (a IS NULL))"),
        ("lower(status) LIKE 'a%'", "(lower((status)::text) ~~ 'a%'::text)"),
        ("price * a >= 1.5", "((price * (a)::numeric) >= 1.5)"),
        ("day >= DATE '2020-01-01'", "(day >= '2020-01-01'::date)"),
        ("now() AT TIME ZONE 'utc'", "timezone('utc'::text, now())"),
        ("CAST(data ->> 'n' AS integer) > 1", "(((data ->> 'n'::text))::integer > 1)"),
        ("CASE WHEN a > 0 THEN 1 END = 1", "(CASE WHEN (a > 0) THEN 1 ELSE NULL::integer END = 1)"),
        ("\"Odd one\" > -5", "(\"Odd one\" > '-5'::integer)"),
        ("TRUE", "true"),
        ("trim(status) <> ''", "(TRIM(BOTH FROM status) <> ''::text)"),
        ("extract(YEAR FROM day) > 2000", "(EXTRACT(year FROM day) > (2000)::numeric)"),
        ("now() + interval '90 minutes'", "(now() + '01:30:00'::interval)"),
        (
            "at > '2020-01-01' and wait <= '1 hour'",
            "(at > '2020-01-01 00:00:00'::timestamp without time zone) AND (wait <= '01:00:00'::interval)",
        ),
        ("timestamp '2020-01-01' < at", "('2020-01-01 00:00:00'::timestamp without time zone < at)"),
        (
            "day BETWEEN '2020-1-1' AND '20201231'",
            "((day >= '2020-01-01'::date) AND (day <= '2020-12-31'::date))",
        ),
        ("ok = 'yes'", "(ok = true)"),
        ("price < 1e6", "(price < '1000000'::numeric)"),
        ("data <> '{\"a\":1}'", "(data <> '{\"a\": 1}'::jsonb)"),
        ("coalesce(status, 'none')", "COALESCE(status, 'none'::character varying)"),
    ] {
        assert_eq!(canonical(written, &table()), canonical(printed, &table()), "{written}");
    }
}

#[test]
fn what_means_something_else_stays_different() {
    for (one, other) in [
        ("a > 0", "a > 1"),
        ("a > 0 AND b > 0 OR a > 5", "a > 0 AND (b > 0 OR a > 5)"),
        ("(data ->> 'n')", "((data ->> 'n'::text))::integer"),
        ("a - (b - 1)", "a - b - 1"),
        ("lower(status)", "upper(status)"),
        ("wait > '1 day'", "wait > '24 hours'"),
        ("at > '2020-01-01'", "at > '2020-01-02'"),
        ("status = '1 hour'", "status = '01:00:00'"),
        ("status = 'A'", "status = 'a'"),
        ("status", "\"Status\""),
        ("status::date", "status"),
    ] {
        assert_ne!(canonical(one, &table()), canonical(other, &table()), "{one}");
    }
}
