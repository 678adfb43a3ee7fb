//! Golden texts of statements that read properties.

use super::*;
use crate::model::Property;

/// Users with their number of posts, and what their name is followed by.
fn schema() -> (Arc<Schema>, ModelId) {
    let mut registry = Registry::new();
    let post = ModelDef::new(
        "Post",
        "posts",
        vec![
            Field::new("id", ColumnType::Integer).key().numbered(),
            Field::new("user_id", ColumnType::Integer).references("users", "id"),
        ],
    );
    let post = registry.declare(post).unwrap();
    let own = |field| Expr::column(Property::ROW, FieldId(field));
    let shown = own(1).arithmetic(ArithmeticOp::Concat, Expr::value("'s", SqlType::Text));
    let of_row = Expr::compare(Expr::column(post, FieldId(1)), CompareOp::Eq, own(0));
    let count =
        Select::values([Expr::call("count", vec![Expr::column(post, FieldId(0))]).unwrap()]).filter(of_row);
    let property = |name: &str, column_type, expr| Field {
        property: Some(Arc::new(Property::new(expr).unwrap())),
        ..Field::new(name, column_type)
    };
    let user = ModelDef::new(
        "User",
        "users",
        vec![
            Field::new("id", ColumnType::Integer).key().numbered(),
            Field::new("name", ColumnType::Text),
            property("shown", ColumnType::Text, shown),
            property("posts", ColumnType::BigInt, Expr::Scalar(Arc::new(count))),
        ],
    );
    let user = registry.declare(user).unwrap();
    (registry.freeze().unwrap(), user)
}

const POSTS: &str = "(SELECT count(posts.id) FROM posts WHERE posts.user_id = users.id)";

#[test]
fn properties_are_read_with_the_columns_and_write_their_values_out() {
    let (schema, user) = schema();
    let (sql, params) = Select::entity(user).to_sql(&schema, &Dialect::POSTGRES).unwrap();
    assert_eq!(sql, format!("SELECT id, name, name || '''s', {POSTS} FROM users"));
    assert!(params.is_empty());
}

#[test]
fn properties_stand_for_their_expressions() {
    let (schema, user) = schema();
    let posts = Expr::column(user, FieldId(3));
    let many = Expr::compare(posts.clone(), CompareOp::Gt, Expr::value(1_i64, SqlType::BigInt));
    let select = Select::values([posts.clone()]).filter(many).order_by(Order::desc(posts));
    let (sql, _) = select.to_sql(&schema, &Dialect::SQLITE).unwrap();
    assert_eq!(sql, format!("SELECT {POSTS} FROM users WHERE {POSTS} > ? ORDER BY {POSTS} DESC"));
}

#[test]
fn tables_have_no_columns_for_them() {
    let (schema, user) = schema();
    let ddl = ddl::create_all(&schema, &[user], &Dialect::SQLITE).unwrap();
    assert!(!format!("{ddl:?}").contains("shown"));
}
