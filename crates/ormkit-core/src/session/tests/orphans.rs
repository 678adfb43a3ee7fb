//! New members of delete-orphan lists that came and went.

use super::*;

/// Trees whose children belong to their parents.
fn trees() -> (World, Arc<Model>) {
    let relation = |name: &str, back: &str, many| {
        let mut relation = RelationDef::new(name, Target::Name("Node".into()));
        (relation.back_populates, relation.many) = (Some(back.into()), Some(many));
        relation
    };
    let mut children = relation("children", "parent", true);
    (children.cascade.delete, children.cascade.delete_orphan) = (true, true);
    let mut parent = relation("parent", "children", false);
    parent.remote_side = vec!["id".into()];
    let id = Field::new("id", ColumnType::Integer).key().numbered();
    let name = Field::new("name", ColumnType::Text).required();
    let up = Field::new("up", ColumnType::Integer).references("nodes", "id");
    let relations = vec![children, parent];
    let mut registry = Registry::new();
    let def = ModelDef { relations, ..ModelDef::new("Node", "nodes", vec![id, name, up]) };
    registry.declare(def).unwrap();
    let world = world_of(registry.freeze().unwrap());
    let insert = "INSERT INTO nodes (name) VALUES ($1) RETURNING id";
    world.driver.answer(insert, vec![vec![Value::Int(1)]]);
    let node = Arc::clone(world.schema.model(ModelId(0)));
    (world, node)
}

#[test]
fn a_new_member_that_came_and_went_is_not_inserted() {
    let (world, node) = trees();
    let mut session = world.session();
    let named = |name: &str| Record::new(&node).with("name", name).unwrap();
    let (root, new) = (named("root"), named("new"));
    root.relate("children", vec![new.clone()]).unwrap();
    session.add(&root).unwrap();
    session.add(&new).unwrap();
    root.relate("children", Vec::new()).unwrap();
    world.runtime.block_on(session.flush()).unwrap();
    let sent = world.sent();
    assert_eq!(sent.last().unwrap(), "INSERT INTO nodes (name) VALUES ($1) RETURNING id ('root')");
    assert_eq!(sent.iter().filter(|sql| sql.starts_with("INSERT")).count(), 1, "{sent:?}");
    assert_eq!(new.state(), State::Transient);
}

#[test]
fn a_new_member_that_came_again_is_inserted() {
    let (world, node) = trees();
    let mut session = world.session();
    let insert = "INSERT INTO nodes (name, up) VALUES ($1, $2) RETURNING id";
    world.driver.answer(insert, vec![vec![Value::Int(2)]]);
    let named = |name: &str| Record::new(&node).with("name", name).unwrap();
    let (root, new) = (named("root"), named("new"));
    for members in [vec![new.clone()], vec![], vec![new.clone()]] {
        root.relate("children", members).unwrap();
    }
    session.add(&root).unwrap();
    world.runtime.block_on(session.flush()).unwrap();
    assert_eq!(world.sent().last().unwrap(), &format!("{insert} ('new', 1)"));
    assert_eq!(new.state(), State::Persistent);
}
