//! The models that the suite works with: authors, their books and mentors, the tags of books, and one with columns of every
//! type.

use std::sync::Arc;

use ormkit_core::model::{
    Cascade, ColumnType, Constraint, EnumType, Field, ModelDef, ModelId, Registry, RelationDef, Schema,
    Secondary, TableName, Target,
};

/// `Author`: `id`, `name` (unique), `born`; `books`, `mentors`, `pupils`.
pub const AUTHOR: ModelId = ModelId(0);
/// `Book`: `id`, `title`, `year` (over 0), `author_id`; `author`, `tags`.
pub const BOOK: ModelId = ModelId(1);

/// `Sample`: `id`, and a column of every type.
pub const SAMPLE: ModelId = ModelId(2);

/// `Tag`: `id`, `word`; `books`, sorted by title.
pub const TAG: ModelId = ModelId(3);
/// `Mentorship`: `mentor_id` and `pupil_id`, the key; the junction of `Author.mentors` and `Author.pupils`.
pub const MENTORSHIP: ModelId = ModelId(4);
/// `taggings`, the junction of `Book.tags` and `Tag.books`, which is not declared.
pub const TAGGING: ModelId = ModelId(5);

/// All models. Deleting an author deletes the books.
///
/// # Panics
/// When the registry refuses them: they are constants.
pub fn library() -> Arc<Schema> {
    let mut registry = Registry::new();
    registry.declare(author()).expect("the models are constants");
    registry.declare(book()).expect("the models are constants");
    registry.declare(sample()).expect("the models are constants");
    registry.declare(tag()).expect("the models are constants");
    registry.declare(mentorship()).expect("the models are constants");
    registry.freeze().expect("the models are constants")
}

fn author() -> ModelDef {
    let mut name = Field::new("name", ColumnType::VarChar(40)).required();
    name.unique = true;
    let mut books = relation("books", "Book", "author", true);
    books.cascade = Cascade { delete: true, ..Cascade::default() };
    books.order_by = vec!["title".into()];
    let fields = vec![id(), name, Field::new("born", ColumnType::Date)];
    let mut mentors = linked("mentors", "Author", "pupils", "mentorships");
    mentors.near_keys = vec!["pupil_id".into()];
    let mut pupils = linked("pupils", "Author", "mentors", "mentorships");
    pupils.near_keys = vec!["mentor_id".into()];
    model("Author", "authors", fields, vec![books, mentors, pupils])
}

fn book() -> ModelDef {
    let fields = vec![
        id(),
        Field::new("title", ColumnType::Text).required(),
        Field::new("year", ColumnType::Integer),
        Field::new("author_id", ColumnType::Integer).references("authors", "id"),
    ];
    let year = Constraint::Check { name: Some("ck_books_year".into()), condition: "year > 0".into() };
    ModelDef {
        constraints: vec![year],
        ..model(
            "Book",
            "books",
            fields,
            vec![relation("author", "Author", "books", false), linked("tags", "Tag", "books", "taggings")],
        )
    }
}

fn tag() -> ModelDef {
    let mut books = linked("books", "Book", "tags", "taggings");
    books.order_by = vec!["title".into()];
    model("Tag", "tags", vec![id(), Field::new("word", ColumnType::Text).required()], vec![books])
}

fn mentorship() -> ModelDef {
    let end = |name| Field::new(name, ColumnType::Integer).key().references("authors", "id");
    model("Mentorship", "mentorships", vec![end("mentor_id"), end("pupil_id")], vec![])
}

fn sample() -> ModelDef {
    let labels = vec!["red".into(), "dark blue".into()];
    let colour = ColumnType::Enum(Arc::new(EnumType { schema: None, name: "colour".into(), labels }));
    let columns = [
        ("flag", ColumnType::Bool),
        ("small", ColumnType::SmallInt),
        ("number", ColumnType::Integer),
        ("big", ColumnType::BigInt),
        ("real", ColumnType::Double),
        ("text", ColumnType::Text),
        ("short", ColumnType::VarChar(20)),
        ("bytes", ColumnType::Bytes),
        ("exact", ColumnType::Numeric(None)),
        ("money", ColumnType::Numeric(Some((10, 2)))),
        ("day", ColumnType::Date),
        ("clock", ColumnType::Time),
        ("local", ColumnType::Timestamp),
        ("moment", ColumnType::TimestampTz),
        ("span", ColumnType::Interval),
        ("token", ColumnType::Uuid),
        ("document", ColumnType::Json),
        ("colour", colour),
    ];
    let columns = columns.into_iter().map(|(name, column_type)| Field::new(name, column_type));
    model("Sample", "samples", std::iter::once(id()).chain(columns).collect(), vec![])
}

fn id() -> Field {
    Field::new("id", ColumnType::Integer).key().numbered()
}

fn relation(name: &str, target: &str, back: &str, many: bool) -> RelationDef {
    RelationDef {
        many: Some(many),
        back_populates: Some(back.into()),
        ..RelationDef::new(name, Target::Name(target.into()))
    }
}

/// A list through a junction.
fn linked(name: &str, target: &str, back: &str, junction: &str) -> RelationDef {
    let table = TableName { schema: None, name: junction.into() };
    RelationDef { secondary: Some(Secondary::Table(table)), ..relation(name, target, back, true) }
}

fn model(name: &str, table: &str, fields: Vec<Field>, relations: Vec<RelationDef>) -> ModelDef {
    ModelDef { module: "library".into(), relations, ..ModelDef::new(name, table, fields) }
}
