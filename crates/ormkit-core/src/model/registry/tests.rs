use super::*;
use crate::model::{ColumnType, Field, Pairs, RelationKind};

fn model(name: &str, table: &str, fields: Vec<Field>, relations: Vec<RelationDef>) -> ModelDef {
    ModelDef { module: "app".into(), relations, ..ModelDef::new(name, table, fields) }
}

fn id() -> Field {
    Field::new("id", ColumnType::Integer).key().numbered()
}

fn to(name: &str, target: &str) -> RelationDef {
    RelationDef::new(name, Target::Name(target.into()))
}

fn user_and_post() -> Registry {
    let mut registry = Registry::new();
    let mut posts = to("posts", "Post");
    posts.back_populates = Some("author".into());
    posts.many = Some(true);
    let mut author = to("author", "User");
    author.back_populates = Some("posts".into());
    author.many = Some(false);
    registry.declare(model("User", "users", vec![id()], vec![posts])).unwrap();
    let author_id = Field::new("author_id", ColumnType::Integer).references("users", "id");
    registry.declare(model("Post", "posts", vec![id(), author_id], vec![author])).unwrap();
    registry
}

#[test]
fn both_directions_of_a_foreign_key_find_each_other() {
    let schema = user_and_post().freeze().unwrap();
    let (user, post) = (schema.model(ModelId(0)), schema.model(ModelId(1)));
    assert_eq!(user.relations[0].kind, RelationKind::OneToMany);
    assert_eq!(post.relations[0].kind, RelationKind::ManyToOne);
    assert_eq!(post.relations[0].local[..], [FieldId(1)]);
    assert_eq!(user.relations[0].back, Some(RelationId(0)));
    assert!(user.rank < post.rank);
}

#[test]
fn said_columns_join_what_no_foreign_key_does() {
    let columns = vec![("code".to_owned(), "about".to_owned())];
    let mut notes = to("notes", "Note");
    notes.pairs = Some(Pairs { columns, own: false });
    let text = |name: &str| Field::new(name, ColumnType::Text);
    let mut registry = Registry::new();
    registry.declare(model("Note", "notes", vec![id(), text("about")], vec![])).unwrap();
    registry.declare(model("User", "users", vec![id(), text("code")], vec![notes])).unwrap();
    let schema = registry.freeze().unwrap();
    let (note, user) = (schema.model(ModelId(0)), schema.model(ModelId(1)));
    let relation = &user.relations[0];
    assert_eq!((relation.kind, relation.keyless), (RelationKind::OneToMany, true));
    assert_eq!((&relation.local[..], &relation.remote[..]), (&[FieldId(1)][..], &[FieldId(1)][..]));
    assert!(user.rank < note.rank, "the key is carried over to rows that come later");
}

#[test]
fn every_mistake_is_reported_at_once() {
    let mut registry = Registry::new();
    let key = Field::new("owner_id", ColumnType::Integer).references("usres", "id");
    registry.declare(model("User", "users", vec![id()], vec![to("posts", "Pots")])).unwrap();
    registry.declare(model("Post", "posts", vec![id(), key], vec![])).unwrap();
    let error = registry.freeze().unwrap_err().to_string();
    assert!(
        error.contains("User.posts: the target `Pots` is not a mapped class: did you mean `Post`?"),
        "{error}"
    );
    assert!(
        error.contains("names the table `usres`, which no model declares: did you mean `users`?"),
        "{error}"
    );
}

#[test]
fn several_foreign_keys_are_listed() {
    let mut registry = Registry::new();
    registry.declare(model("User", "users", vec![id()], vec![])).unwrap();
    let key = |name| Field::new(name, ColumnType::Integer).references("users", "id");
    let mut sender = to("sender", "User");
    registry
        .declare(model("Mail", "mails", vec![id(), key("from_id"), key("to_id")], vec![sender.clone()]))
        .unwrap();
    let error = registry.freeze().unwrap_err().to_string();
    assert_eq!(
        error,
        "Mail.sender: several foreign keys fit, choose one with foreign_keys=: Mail.from_id, Mail.to_id"
    );

    sender.foreign_keys = vec!["from_id".into()];
    registry.declare(model("Mail", "mails", vec![id(), key("from_id"), key("to_id")], vec![sender])).unwrap();
    let schema = registry.freeze().unwrap();
    assert_eq!(schema.model(ModelId(2)).relations[0].local[..], [FieldId(1)]);
}

#[test]
fn a_foreign_key_is_chosen_by_the_class_that_holds_it() {
    let mut registry = Registry::new();
    let key = |table| Field::new("other_id", ColumnType::Integer).references(table, "id");
    let related = |chosen: &str| {
        let mut favourite = to("favourite", "Dog");
        favourite.many = Some(false);
        favourite.foreign_keys = vec![chosen.into()];
        favourite
    };
    registry
        .declare(model("Owner", "owners", vec![id(), key("dogs")], vec![related("Owner.other_id")]))
        .unwrap();
    registry.declare(model("Dog", "dogs", vec![id(), key("owners")], vec![])).unwrap();
    let schema = registry.freeze().unwrap();
    assert_eq!(schema.model(ModelId(0)).relations[0].kind, RelationKind::ManyToOne);

    registry
        .declare(model("Owner", "owners", vec![id(), key("dogs")], vec![related("Dog.other_id")]))
        .unwrap();
    let schema = registry.freeze().unwrap();
    assert_eq!(schema.model(ModelId(2)).relations[0].kind, RelationKind::OneToMany);
}

#[test]
fn missing_key_is_refused_at_once() {
    let error =
        Registry::new().declare(model("User", "users", vec![Field::new("id", ColumnType::Integer)], vec![]));
    assert!(error.unwrap_err().to_string().contains("User: no column has primary_key=True"));
}

#[test]
fn tree_reads_both_ways() {
    let mut registry = Registry::new();
    let parent_id = Field::new("parent_id", ColumnType::Integer).references("nodes", "id");
    let mut parent = to("parent", "Node");
    parent.many = Some(false);
    parent.back_populates = Some("children".into());
    let mut children = to("children", "Node");
    children.many = Some(true);
    children.back_populates = Some("parent".into());
    registry.declare(model("Node", "nodes", vec![id(), parent_id], vec![parent, children])).unwrap();
    let schema = registry.freeze().unwrap();
    let node = schema.model(ModelId(0));
    assert_eq!(node.relations[0].kind, RelationKind::ManyToOne);
    assert_eq!(node.relations[1].kind, RelationKind::OneToMany);
    assert_eq!(node.relations[0].back, Some(RelationId(1)));
    assert!(node.cyclic);
}

#[test]
fn class_declared_again_answers_lookups() {
    let mut registry = user_and_post();
    let first = registry.freeze().unwrap();
    registry.declare(model("User", "users", vec![id()], vec![])).unwrap();
    assert_eq!(registry.find(Space::default(), "User", "app"), Some(ModelId(2)));
    assert_eq!(registry.newest(Space::default()), [ModelId(1), ModelId(2)]);
    let second = registry.freeze().unwrap();
    assert_eq!(
        second.model(ModelId(1)).relations[0].target,
        ModelId(0),
        "earlier classes keep their relations"
    );
    assert!(Arc::ptr_eq(first.model(ModelId(1)), second.model(ModelId(1))));
}

#[test]
fn mistake_of_a_class_that_was_declared_again_stops_the_old_class_alone() {
    let mut registry = user_and_post();
    let post_id = Field::new("post_id", ColumnType::Integer).references("posts", "id");
    let tag = |relations| model("Tag", "tags", vec![id(), post_id.clone()], relations);
    registry.declare(tag(vec![to("nobody", "Nobody"), to("post", "Post")])).unwrap();
    registry.declare(tag(vec![to("post", "Post")])).unwrap();
    let schema = registry.freeze().unwrap();
    let (old, new) = (schema.model(ModelId(2)), schema.model(ModelId(3)));
    assert!(old.relations.is_empty(), "relations are known by their place: all of them or none");
    assert!(old.check().unwrap_err().to_string().contains("Tag.nobody"));
    assert_eq!(new.relations[0].target, ModelId(1));
    for usable in [ModelId(0), ModelId(1), ModelId(3)] {
        schema.model(usable).check().unwrap();
    }
}

#[test]
fn declarations_of_one_table_may_order_its_columns_differently() {
    let mut registry = Registry::new();
    let up_id = || Field::new("up_id", ColumnType::Integer).references("tree", "id");
    let mut up = RelationDef::new("up", Target::Model(ModelId(0)));
    up.many = Some(false);
    up.remote_side = vec!["id".into()];
    registry.declare(model("Node", "tree", vec![up_id(), id()], vec![up.clone()])).unwrap();
    registry.declare(model("Leaf", "tree", vec![id(), up_id()], vec![up])).unwrap();
    let schema = registry.freeze().unwrap();
    let leaf = &schema.model(ModelId(1)).relations[0];
    assert_eq!(leaf.kind, RelationKind::ManyToOne);
    assert_eq!((&leaf.local[..], &leaf.remote[..]), (&[FieldId(1)][..], &[FieldId(1)][..]));
}

#[test]
fn name_spaces_do_not_see_each_other() {
    let mut registry = user_and_post();
    registry.declare_in(Space(1), model("User", "users", vec![id()], vec![])).unwrap();
    assert_eq!(registry.find(Space::default(), "User", "app"), Some(ModelId(0)));
    assert_eq!(registry.newest(Space::default()), [ModelId(0), ModelId(1)]);
    assert_eq!(registry.freeze().unwrap().model(ModelId(1)).relations[0].target, ModelId(0));
}

#[test]
fn what_refers_to_a_table_is_written_after_every_model_of_it_also_of_one_declared_later() {
    let mut registry = Registry::new();
    registry.declare(model("Team", "teams", vec![id()], vec![])).unwrap();
    registry.declare(model("Animal", "animals", vec![id()], vec![])).unwrap();
    let owner_id = Field::new("owner_id", ColumnType::Integer).references("animals", "id");
    registry.declare(model("Toy", "toys", vec![id(), owner_id], vec![])).unwrap();
    let before = registry.freeze().unwrap();
    let team_id = Field::new("team_id", ColumnType::Integer).references("teams", "id");
    registry.declare(model("Dog", "animals", vec![id(), team_id], vec![])).unwrap();
    let schema = registry.freeze().unwrap();
    let rank = |index| schema.model(ModelId(index)).rank;
    assert!(rank(0) < rank(3) && rank(1) == rank(3) && rank(3) < rank(2));
    assert!(schema.models().iter().all(|model| !model.cyclic));
    assert!(Arc::ptr_eq(before.model(ModelId(0)), schema.model(ModelId(0))));
}

#[test]
fn models_of_one_table_that_refers_to_itself_have_one_rank() {
    let boss = || Field::new("boss_id", ColumnType::Integer).references("staff", "id");
    let mut registry = Registry::new();
    registry.declare(model("Staff", "staff", vec![id(), boss()], vec![])).unwrap();
    registry.freeze().unwrap();
    registry.declare(model("Manager", "staff", vec![id(), boss()], vec![])).unwrap();
    let schema = registry.freeze().unwrap();
    assert!(schema.models().iter().all(|model| model.cyclic && model.rank == 0));
}

#[test]
fn a_mistake_stops_who_leads_to_it_and_nobody_else() {
    let mut registry = user_and_post();
    let key = Field::new("user_id", ColumnType::Integer).references("users", "id");
    let lost = registry.declare(model("Lost", "losts", vec![id(), key], vec![to("pots", "Pot")])).unwrap();
    let key = Field::new("lost_id", ColumnType::Integer).references("losts", "id");
    let leads = registry.declare(model("Leads", "leads", vec![id(), key], vec![to("lost", "Lost")])).unwrap();
    let schema = registry.resolve(&[]);
    assert!(schema.check(&[ModelId(0), ModelId(1)]).is_ok());
    for stopped in [lost, leads] {
        let error = schema.check(&[stopped]).unwrap_err().to_string();
        assert!(error.contains("Lost.pots: the target `Pot` is not a mapped class"), "{error}");
    }

    let key = Field::new("lost_id", ColumnType::Integer).references("losts", "id");
    registry.declare(model("Pot", "pots", vec![id(), key], vec![])).unwrap();
    let schema = registry.resolve(&[]);
    assert!(schema.check(&[lost, leads]).is_ok());
    assert_eq!((schema.model(lost).id, schema.model(lost).relations.len()), (lost, 1));
}
