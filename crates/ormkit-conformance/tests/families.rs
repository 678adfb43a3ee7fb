//! Classes that share rows: records of a family, read and written without a binding.

use std::sync::Arc;

use ormkit_conformance::{Database, on_both};
use ormkit_core::error::Result;
use ormkit_core::model::{
    ColumnType, Field, FieldId, Kinship, Mark, ModelDef, ModelId, OwnTable, Registry, Schema, Space,
};
use ormkit_core::query::{Expr, Order, Select};
use ormkit_core::record::Record;
use ormkit_core::schema::create_all;
use ormkit_core::value::Value;

on_both!(records_are_of_the_class_of_their_row,);

fn def(name: &str, table: &str, fields: Vec<Field>) -> ModelDef {
    ModelDef { module: "zoo".into(), ..ModelDef::new(name, table, fields) }
}

fn below(parent: ModelId, mark: i64, joined: Option<OwnTable>) -> Kinship {
    Kinship { parent: Some(parent), mark: Some(Mark::Int(mark)), joined, ..Kinship::default() }
}

/// Animals, birds in their table, and fish in one of their own.
fn zoo() -> Result<(Arc<Schema>, [ModelId; 3])> {
    let mut registry = Registry::new();
    let base = || {
        vec![Field::new("id", ColumnType::Integer).key().numbered(), Field::new("kind", ColumnType::Integer)]
    };
    let with = |name: &str| [base(), vec![Field::new(name, ColumnType::Integer)]].concat();
    let first = Kinship { discriminator: Some(FieldId(1)), mark: Some(Mark::Int(0)), ..Kinship::default() };
    let animal = registry.declare_kin(Space::default(), def("Animal", "animals", base()), first)?;
    let bird = def("Bird", "animals", with("eggs"));
    let bird = registry.declare_kin(Space::default(), bird, below(animal, 1, None))?;
    let key = Field::new("id", ColumnType::Integer).key().references("animals", "id");
    let own = vec![key, Field::new("depth", ColumnType::Integer)];
    let table = OwnTable { def: def("Fish", "fish", own), key: vec![FieldId(0)] };
    let fish = def("Fish", "fish", with("depth"));
    let fish = registry.declare_kin(Space::default(), fish, below(animal, 2, Some(table)))?;
    Ok((registry.freeze()?, [animal, bird, fish]))
}

async fn records_are_of_the_class_of_their_row(database: Database) -> Result<()> {
    let (schema, [animal, bird, fish]) = zoo()?;
    create_all(&database.pool, &schema, &[fish, animal, bird]).await?;
    let mut session = database.session_of(&schema);
    session.add(&Record::new(schema.model(animal)))?;
    session.add(&Record::new(schema.model(bird)).with("eggs", 3_i64)?)?;
    session.add(&Record::new(schema.model(fish)).with("depth", 40_i64)?)?;
    session.commit().await?;

    let mut session = database.session_of(&schema);
    let all = Select::entity(animal).order_by(Order::asc(Expr::column(animal, FieldId(0))));
    let found = session.select(&all).await?.into_objects();
    assert_eq!(found.iter().map(|each| each.model().id).collect::<Vec<_>>(), [animal, bird, fish]);
    assert_eq!((found[1].get("eggs")?, found[2].get("depth")?), (Value::from(3_i64), Value::from(40_i64)));
    assert_eq!(session.select(&Select::entity(bird)).await?.into_objects().len(), 1);
    found[2].set("depth", 50_i64)?;
    session.delete(&found[1])?;
    session.commit().await?;
    assert_eq!(database.number("SELECT depth FROM fish").await?, 50);
    assert_eq!(database.number("SELECT count(*) FROM animals").await?, 2);
    Ok(())
}
