//! Golden texts of aliases, subqueries, set operations and common table expressions.

use super::*;
use crate::model::TableName;
use crate::query::{
    Correlation, Cte, Delete, Derived, DerivedColumn, FromItem, Insert, Join, On, Rows, SetOp, Update, Write,
};
use crate::value::Params;

const ID: FieldId = FieldId(0);
const NAME: FieldId = FieldId(1);
const AUTHOR_ID: FieldId = FieldId(3);

fn of(source: impl Into<Source>, field: FieldId) -> Expr {
    Expr::column(source, field)
}

fn derived(select: Select, name: Option<&str>) -> Arc<Derived> {
    Arc::new(Derived::select(&schema(), Arc::new(select), name).unwrap())
}

fn part(of: &Arc<Derived>, name: &str) -> Expr {
    Expr::part(of, of.column_named(name).unwrap())
}

fn failure(select: &Select, dialect: &'static Dialect) -> String {
    select.to_sql(&schema(), dialect).unwrap_err().to_string()
}

fn written(write: Write) -> [String; 2] {
    let schema = schema();
    [&Dialect::POSTGRES, &Dialect::SQLITE].map(|dialect| match write.to_sql(&schema, dialect) {
        Ok((sql, _)) => sql,
        Err(error) => error.to_string(),
    })
}

/// Books of one year and their number.
fn counted() -> Select {
    let count = Item::Value { expr: Expr::count_star(), label: Some("n".into()) };
    columns([year()]).item(count).group_by(year())
}

#[test]
fn aliases_are_numbered_by_appearance_or_named() {
    let (one, other) = (Source::fresh(BOOK), Source::named(BOOK, "newer").unwrap());
    let select = columns([of(one, FieldId(1)), of(other, FieldId(1))]).join_on(
        JoinKind::Left,
        other,
        Expr::compare(of(other, FieldId(2)), CompareOp::Gt, of(one, FieldId(2))),
    );
    assert_eq!(
        both(&select)[0],
        "SELECT books_1.title, newer.title FROM books AS books_1 LEFT OUTER JOIN books AS newer \
         ON newer.year > books_1.year"
    );
}

#[test]
fn shape_knows_aliases_by_their_pattern() {
    let schema = schema();
    let plans = crate::plan::Plans::new(&Dialect::POSTGRES);
    let planned = |left: Source, right: Source, same: Source| {
        let linked = of(left, ID).eq(of(same, AUTHOR_ID)).and(of(left, ID).eq(of(right, ID)));
        let select = columns([of(left, NAME), of(right, NAME)]).filter(linked);
        let mut params = Params::new();
        plans.select(&schema, &select, &mut params).unwrap()
    };
    let fresh = || Source::fresh(BOOK);
    let (a, b, c, d) = (fresh(), fresh(), fresh(), fresh());
    assert!(Arc::ptr_eq(&planned(a, b, a), &planned(c, d, c)));
    assert!(!Arc::ptr_eq(&planned(a, b, a), &planned(c, d, d)));
    assert_ne!(planned(a, b, a).text.sql, planned(c, d, d).text.sql);
}

#[test]
fn subquery_is_read_like_a_table() {
    let years = derived(counted(), Some("years"));
    let select = columns([title(), part(&years, "n")])
        .join_on(JoinKind::Inner, years.clone(), part(&years, "year").eq(year()))
        .filter(Expr::compare(part(&years, "n"), CompareOp::Gt, Expr::value(1, SqlType::BigInt)));
    assert_eq!(
        both(&select)[1],
        "SELECT books.title, years.n FROM books JOIN \
         (SELECT year, count(*) AS n FROM books GROUP BY year) AS years ON years.year = books.year \
         WHERE years.n > ?"
    );
    let alone =
        derived(columns([of(AUTHOR, ID), of(BOOK, ID)]).filter(of(AUTHOR, ID).eq(of(BOOK, ID))), None);
    assert_eq!(
        both(&columns([part(&alone, "id_1")]))[0],
        "SELECT id_1 FROM (SELECT authors.id, books.id AS id_1 FROM authors, books WHERE authors.id = books.id) \
         AS anon_1"
    );
    let error = years.column_named("yaer").unwrap_err().to_string();
    assert!(error.contains("did you mean `year`?") || error.contains("year"), "{error}");
}

#[test]
fn values_of_subqueries_keep_their_order_on_a_repeat() {
    let schema = schema();
    let plans = crate::plan::Plans::new(&Dialect::SQLITE);
    let run = |outer: &str, inner: &str| {
        let old = derived(columns([title()]).filter(title().eq(text(inner))), None);
        let cte =
            Cte::select(&schema, Arc::new(columns([year()]).filter(year().eq(int(7)))), None, false, None);
        let cte = Arc::new(Derived::cte(Arc::new(cte.unwrap())));
        let select =
            columns([text(outer), part(&old, "title")]).join_on(JoinKind::Inner, cte, Expr::Bool(true));
        let mut params = Params::new();
        let plan = plans.select(&schema, &select, &mut params).unwrap();
        (plan, params.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>())
    };
    let (first, values) = run("a", "b");
    assert_eq!(
        first.text.sql,
        "WITH anon_1 AS (SELECT year FROM books WHERE year = ?) SELECT ?, anon_2.title \
         FROM (SELECT title FROM books WHERE title = ?) AS anon_2 JOIN anon_1 ON TRUE"
    );
    let (again, others) = run("c", "d");
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!(values, ["Int(7)", "Text(\"a\")", "Text(\"b\")"]);
    assert_eq!(others, ["Int(7)", "Text(\"c\")", "Text(\"d\")"]);
}

#[test]
fn objects_come_out_of_a_subquery() {
    let schema = schema();
    let rows = derived(Select::entity(BOOK).order_by(Order::desc(year())).limit(3), None);
    let fields = rows.fields_of(schema.model(BOOK)).unwrap();
    let select = Select::default().item(Item::Mapped { of: rows.clone(), model: BOOK, columns: fields });
    assert_eq!(
        both(&select)[0],
        "SELECT id, title, year, author_id, price FROM \
         (SELECT id, title, year, author_id, price FROM books ORDER BY year DESC LIMIT 3) AS anon_1"
    );
    let keyless = derived(columns([title()]), None);
    assert!(keyless.fields_of(schema.model(BOOK)).unwrap_err().to_string().contains("Book.id"));
}

#[test]
fn set_operations_are_nested_by_parentheses_or_subselects() {
    let schema = schema();
    let by_year = |value| Arc::new(columns([title()]).filter(year().eq(int(value))));
    let union = Select::set(&schema, SetOp::Union, vec![by_year(1), by_year(2)]).unwrap();
    let except =
        Select::set(&schema, SetOp::Except, vec![Arc::new(union.clone().limit(3)), by_year(3)]).unwrap();
    assert_eq!(
        both(&except.order_by(Order::desc(title()))),
        [
            "(SELECT title FROM books WHERE year = $1 UNION SELECT title FROM books WHERE year = $2 LIMIT 3) \
             EXCEPT SELECT title FROM books WHERE year = $3 ORDER BY title DESC",
            "SELECT * FROM (SELECT title FROM books WHERE year = ? UNION SELECT title FROM books WHERE year = ? \
             LIMIT 3) EXCEPT SELECT title FROM books WHERE year = ? ORDER BY title DESC",
        ]
    );
    let error =
        Select::set(&schema, SetOp::Union, vec![by_year(1), Arc::new(Select::entity(BOOK))]).unwrap_err();
    assert!(error.to_string().contains("as many columns as the first: 1 and not 5"), "{error}");
    assert!(failure(&union.order_by(year()), &Dialect::SQLITE).contains("sorted by its own columns"));
}

#[test]
fn recursive_cte_reads_from_itself() {
    let schema = schema();
    let start = Item::Value { expr: int(1), label: Some("n".into()) };
    let first =
        Cte::select(&schema, Arc::new(Select::default().item(start)), Some("numbers"), true, None).unwrap();
    let own = Arc::new(Derived::cte(Arc::new(first.clone())));
    let n = part(&own, "n");
    let next = columns([n.clone().arithmetic(ArithmeticOp::Add, int(1))]).filter(Expr::compare(
        n,
        CompareOp::Lt,
        int(5),
    ));
    let whole = Arc::new(Derived::cte(Arc::new(first.add(&schema, true, Arc::new(next)).unwrap())));
    let again = Arc::new(whole.alias(Some("more")));
    let select =
        columns([part(&whole, "n"), part(&again, "n")]).filter(part(&whole, "n").eq(part(&again, "n")));
    assert_eq!(
        both(&select)[0],
        "WITH RECURSIVE numbers(n) AS (SELECT $1 AS n UNION ALL SELECT n + $2 FROM numbers WHERE n < $3) \
         SELECT numbers.n, more.n FROM numbers, numbers AS more WHERE numbers.n = more.n"
    );
}

#[test]
fn cte_may_write_on_postgres() {
    let schema = schema();
    let mut delete = Delete::new(BOOK);
    delete.returning = vec![Item::Value { expr: title(), label: None }];
    let cte = Cte::write(&schema, Arc::new(Write::Delete(delete)), Some("gone")).unwrap();
    let gone = Arc::new(Derived::cte(Arc::new(cte)));
    let select = columns([part(&gone, "title")]);
    assert_eq!(
        select.to_sql(&schema, &Dialect::POSTGRES).unwrap().0,
        "WITH gone(title) AS (DELETE FROM books RETURNING title) SELECT title FROM gone"
    );
    assert!(failure(&select, &Dialect::SQLITE).contains("a CTE that writes on sqlite"));
    let named_as_a_table =
        Cte::select(&schema, Arc::new(columns([title()])), Some("books"), false, None).unwrap();
    let rows = Arc::new(Derived::cte(Arc::new(named_as_a_table)));
    assert!(failure(&columns([part(&rows, "title")]), &Dialect::SQLITE).contains("are both called `books`"));
}

#[test]
fn functions_and_values_stand_in_from() {
    let number =
        DerivedColumn { name: "n".into(), column: "n".into(), of: Expr::Null.cast(ColumnType::Integer) };
    let series = Expr::call("generate_series", vec![int(1), int(3)]).unwrap();
    let series = Arc::new(Derived::new(Rows::Function(series), None, vec![number.clone()]));
    assert_eq!(
        both(&columns([part(&series, "n")])),
        [
            "SELECT n FROM generate_series($1, $2) AS anon_1(n)",
            "SELECT n FROM generate_series(?, ?) AS anon_1"
        ]
    );
    let rows = vec![vec![int(1)], vec![int(2)]];
    let rows = Arc::new(Derived::new(Rows::Values(rows), Some("given"), vec![number]));
    assert_eq!(
        both(&columns([part(&rows, "n")])),
        [
            "SELECT n FROM (VALUES ($1), ($2)) AS given(n)",
            "SELECT n FROM (SELECT column1 AS n FROM (VALUES (?), (?))) AS given",
        ]
    );
}

#[test]
fn lateral_rows_see_what_stands_before_them() {
    let newest = columns([title()])
        .filter(of(BOOK, AUTHOR_ID).eq(of(AUTHOR, ID)))
        .order_by(Order::desc(year()))
        .limit(1);
    let newest = Derived::select(&schema(), Arc::new(newest), Some("newest")).unwrap().lateral();
    let newest = Arc::new(newest);
    let select = columns([of(AUTHOR, NAME), part(&newest, "title")]).join_on(
        JoinKind::Left,
        newest.clone(),
        Expr::Bool(true),
    );
    assert_eq!(
        select.to_sql(&schema(), &Dialect::POSTGRES).unwrap().0,
        "SELECT authors.name, newest.title FROM authors LEFT OUTER JOIN LATERAL (SELECT books.title FROM books \
         WHERE books.author_id = authors.id ORDER BY books.year DESC LIMIT 1) AS newest ON TRUE"
    );
    assert!(failure(&select, &Dialect::SQLITE).contains("LATERAL on sqlite is not supported"));
}

#[test]
fn subqueries_correlate_with_the_statement_around_them() {
    let count =
        |from: Expr| columns([Expr::count_star(), from]).filter(of(BOOK, AUTHOR_ID).eq(of(AUTHOR, ID)));
    let inner =
        Select { items: vec![Item::Value { expr: Expr::count_star(), label: None }], ..count(year()) };
    let select = columns([of(AUTHOR, NAME), Expr::Scalar(Arc::new(inner.clone().select_from(BOOK)))]);
    assert_eq!(
        both(&select)[0],
        "SELECT name, (SELECT count(*) FROM books WHERE books.author_id = authors.id) FROM authors"
    );
    let alone = Select::entity(AUTHOR).filter(Expr::exists(columns([of(AUTHOR, ID)])));
    assert_eq!(both(&alone)[0], "SELECT id, name FROM authors WHERE EXISTS (SELECT authors.id FROM authors)");
    let mut apart = columns([title()]).filter(of(BOOK, AUTHOR_ID).eq(of(AUTHOR, ID)));
    apart.correlate = Some(Correlation::With(Vec::new()));
    assert_eq!(
        both(&Select::entity(AUTHOR).filter(Expr::exists(apart)))[0],
        "SELECT id, name FROM authors WHERE EXISTS \
         (SELECT books.title FROM books, authors WHERE books.author_id = authors.id)"
    );
}

#[test]
fn tables_that_nothing_links_are_refused() {
    let pair = columns([of(AUTHOR, NAME), title()]);
    let error = failure(&pair, &Dialect::POSTGRES);
    assert!(error.starts_with("no condition links Author and Book"), "{error}");
    let asked = pair.clone().select_from(AUTHOR).join_on(JoinKind::Inner, BOOK, Expr::Bool(true));
    assert_eq!(both(&asked)[0], "SELECT authors.name, books.title FROM authors JOIN books ON TRUE");
    let related = Source::fresh(AUTHOR);
    let joined = columns([of(related, NAME), of(AUTHOR, NAME), title()])
        .select_from(related)
        .select_from(AUTHOR)
        .filter(of(related, NAME).eq(of(AUTHOR, NAME)))
        .join_on(JoinKind::Full, BOOK, of(BOOK, AUTHOR_ID).eq(of(AUTHOR, ID)));
    assert!(failure(&joined, &Dialect::SQLITE).contains("a FULL join stands beside other tables"));
}

#[test]
fn distinct_on_and_locks_name_their_tables() {
    let mut select = Select::entity(BOOK).join(JoinKind::Inner, BOOK.into(), WRITER, AUTHOR.into());
    select.distinct_on = vec![of(BOOK, AUTHOR_ID)];
    assert!(both_or(&select)[0].starts_with("SELECT DISTINCT ON (books.author_id) books.id, books.title"));
    assert!(both_or(&select)[1].starts_with("DISTINCT ON on sqlite is not supported"));
    select.distinct_on.clear();
    select.lock = Some(Default::default());
    select.lock_of = vec![FromItem::from(AUTHOR)];
    assert!(both_or(&select)[0].ends_with(" FOR UPDATE OF authors"));
}

fn both_or(select: &Select) -> [String; 2] {
    let schema = schema();
    [&Dialect::POSTGRES, &Dialect::SQLITE].map(|dialect| match select.to_sql(&schema, dialect) {
        Ok((sql, _)) => sql,
        Err(error) => error.to_string(),
    })
}

#[test]
fn update_and_delete_read_from_other_tables() {
    let linked = of(BOOK, AUTHOR_ID).eq(of(AUTHOR, ID));
    let mut update = Update::new(BOOK, vec![(FieldId(1), of(AUTHOR, NAME))]);
    update.filter = vec![linked.clone()];
    assert_eq!(
        written(Write::Update(update))[1],
        "UPDATE books SET title = authors.name FROM authors WHERE books.author_id = authors.id"
    );
    let mut delete = Delete::new(BOOK);
    delete.filter = vec![linked, of(AUTHOR, NAME).eq(text("Eco"))];
    delete.returning = vec![Item::Value { expr: of(BOOK, ID), label: None }];
    assert_eq!(
        written(Write::Delete(delete.clone())),
        [
            "DELETE FROM books USING authors WHERE books.author_id = authors.id AND authors.name = $1 \
             RETURNING books.id",
            "DELETE FROM books WHERE EXISTS (SELECT 1 FROM authors WHERE books.author_id = authors.id \
             AND authors.name = ?) RETURNING id",
        ]
    );
    delete.returning = vec![Item::Value { expr: of(AUTHOR, ID), label: None }];
    assert!(written(Write::Delete(delete))[1].starts_with("RETURNING of other tables on sqlite"));
}

#[test]
fn insert_takes_the_rows_of_a_select() {
    let schema = schema();
    let old = columns([of(AUTHOR, NAME)]).filter(of(AUTHOR, ID).eq(int(1)));
    let insert = Insert::new(BOOK).from_select(&schema, vec![FieldId(1)], Arc::new(old.clone())).unwrap();
    assert_eq!(
        written(Write::Insert(insert))[0],
        "INSERT INTO books (title) SELECT name FROM authors WHERE id = $1"
    );
    let uneven = Insert::new(BOOK).from_select(&schema, vec![], Arc::new(old)).unwrap_err();
    assert!(uneven.to_string().contains("0 column(s) are named, the SELECT has 1"), "{uneven}");
}

#[test]
fn tables_by_name_and_texts_stand_in_from() {
    let number = DerivedColumn { name: "n".into(), column: "n".into(), of: Expr::Null };
    let table = TableName { schema: Some("s".into()), name: "Counts".into() };
    let table = Arc::new(Derived::new(Rows::Named(table), Some("Counts"), vec![number]));
    assert_eq!(both(&columns([part(&table, "n")])), [r#"SELECT n FROM s."Counts""#; 2]);
    let alias = Arc::new(table.alias(Some("c")));
    assert_eq!(both(&columns([part(&alias, "n")])), [r#"SELECT n FROM s."Counts" AS c"#; 2]);
    let raw = Derived::new(Rows::Raw(Expr::Text("a JOIN b USING (id)".into())), None, Vec::new());
    let select = Select { from: vec![Arc::new(raw).into()], ..columns([Expr::Text("id".into())]) };
    assert_eq!(both(&select), ["SELECT id FROM a JOIN b USING (id)"; 2]);
}

#[test]
fn joins_along_a_relation_take_a_further_condition() {
    let (author, book) = (Source::plain(AUTHOR), Source::plain(BOOK));
    let also = Some(Expr::compare(year(), CompareOp::Gt, int(2000)));
    let on = On::Relation { parent: author, relation: BOOKS, also };
    let join = Join { target: book.into(), kind: JoinKind::Left, on };
    let select = Select { joins: vec![join], ..columns([of(AUTHOR, NAME), title()]) };
    assert_eq!(
        both(&select),
        [
            "SELECT authors.name, books.title FROM authors LEFT OUTER JOIN books ON books.author_id = authors.id \
             AND books.year > $1",
            "SELECT authors.name, books.title FROM authors LEFT OUTER JOIN books ON books.author_id = authors.id \
             AND books.year > ?",
        ]
    );
}
