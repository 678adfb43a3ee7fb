//! Many-to-many relations: the junction that links both ends, and the ones that nobody declares.

use std::collections::HashSet;

use super::super::{
    Constraint, Field, FieldIds, ForeignKey, Junction, KeyCheck, ModelDef, ModelId, Reference, Relation,
    RelationDef, RelationId, RelationKind, Secondary, Space, TableName,
};
use super::{Mistakes, Registry, Resolver, field_of_column, hint};

impl Registry {
    /// Declares the junctions that nobody else declares. A mistake is what the naming convention of the space asks for in
    /// vain.
    pub(super) fn declare_junctions(&mut self, mistakes: &mut Mistakes) {
        for index in 0..self.defs.len() {
            if !self.is_open(index) {
                continue;
            }
            let id = ModelId(index as u32);
            for at in 0..self.defs[index].relations.len() {
                if let Some((space, mut def)) = self.junction_of(id, at) {
                    let named = self.namings.get(&space).map_or(Ok(()), |naming| naming.apply(&mut def));
                    if let Err(error) = named {
                        mistakes.push(id, error.to_string());
                    }
                    let junction = self.push(space, def);
                    self.plain.insert(junction);
                    self.bare.insert(junction);
                }
            }
        }
    }

    /// The newest model of a junction's table, or of a class of that name, as a relation of `id` finds it; None: nobody has
    /// declared it so far.
    pub fn secondary(&self, id: ModelId, table: &TableName) -> Option<ModelId> {
        self.find_secondary(self.space(id), table, &self.def(id).module)
    }

    /// The plain junction of a relation, unless there is one or it needs to be declared.
    fn junction_of(&self, id: ModelId, at: usize) -> Option<(Space, ModelDef)> {
        let (owner, space) = (self.def(id), self.space(id));
        let relation = &owner.relations[at];
        let Some(Secondary::Table(table)) = &relation.secondary else { return None };
        // What a class has from the one that it extends goes through the junction of that one.
        if self.families.parent(id).is_some_and(|above| at < self.def(above).relations.len()) {
            return None;
        }
        let target = self.target(id, relation).ok()?;
        if self.is_same_table(id, target) || !relation.near_keys.is_empty() || !relation.far_keys.is_empty() {
            return None;
        }
        // Both sides may name it; whoever came first says which columns stand first.
        let fits = |known: &ModelDef| {
            [(id, target), (target, id)].into_iter().any(|(one, other)| {
                let plain = self.plain_junction(table, one, other);
                known.fields.len() == plain.fields.len()
                    && known.fields.iter().zip(&plain.fields).all(|(known, plain)| {
                        known.column == plain.column && known.column_type == plain.column_type
                    })
            })
        };
        match self.find_secondary(space, table, &owner.module) {
            // One that was made for ends that were declared again since, with other keys.
            Some(known) if self.plain.contains(&known) && !fits(self.def(known)) => {}
            Some(_) => return None,
            None => {}
        }
        Some((space, self.plain_junction(table, id, target)))
    }

    fn find_secondary(&self, space: Space, table: &TableName, module: &str) -> Option<ModelId> {
        self.find_table(space, table).or_else(|| self.find(space, &table.name, module))
    }

    fn is_same_table(&self, one: ModelId, other: ModelId) -> bool {
        one == other || self.def(one).table == self.def(other).table
    }

    fn plain_junction(&self, table: &TableName, one: ModelId, other: ModelId) -> ModelDef {
        let mut def = ModelDef {
            name: table.name.clone(),
            module: String::new(),
            table: table.clone(),
            fields: Vec::new(),
            relations: Vec::new(),
            constraints: Vec::new(),
            indexes: Vec::new(),
            comment: None,
            renamed_from: None,
        };
        for end in [one, other] {
            let end = self.def(end);
            let keys: Vec<&Field> = end.fields.iter().filter(|field| field.primary_key).collect();
            let prefix = snake(&end.name);
            let first = def.fields.len();
            // Numbers of the database stay; other keys may change, and links go along.
            let on_update = keys.iter().any(|key| !key.autoincrement).then_some("CASCADE");
            for key in &keys {
                let name = match keys[..] {
                    [_] => format!("{prefix}_id"),
                    _ => format!("{prefix}_{}", key.column),
                };
                let mut field = Field::new(name, key.column_type.clone()).key();
                if keys.len() == 1 {
                    let on_delete = Some("CASCADE");
                    let (to, table) = (ForeignKey::new(&end.table.name, &key.column), end.table.clone());
                    field.foreign_key = Some(ForeignKey { table, on_delete, on_update, ..to });
                }
                def.fields.push(field);
            }
            if keys.len() > 1 {
                def.constraints.push(Constraint::ForeignKey {
                    name: None,
                    columns: def.fields[first..].iter().map(|field| field.column.clone()).collect(),
                    table: end.table.clone(),
                    referred: keys.iter().map(|key| key.column.clone()).collect(),
                    on_delete: Some("CASCADE"),
                    on_update,
                    check: KeyCheck::default(),
                });
            }
        }
        def
    }
}

impl Resolver<'_> {
    /// A relation whose links are rows of a junction.
    pub(super) fn many_to_many(
        &self,
        id: ModelId,
        number: RelationId,
        relation: &RelationDef,
        secondary: &Secondary,
    ) -> Result<Relation, String> {
        refuse(relation)?;
        let target = self.registry.target(id, relation)?;
        let model = self.secondary(id, target, secondary)?;
        let near = self.keys(model, id, &relation.near_keys, relation);
        let far = self.keys(model, target, &relation.far_keys, relation);
        let (near, far) = self.choose_pair(model, (id, near), (target, far), relation)?;
        Ok(Relation {
            id: number,
            name: relation.name.clone(),
            target,
            kind: RelationKind::ManyToMany,
            many: true,
            local: self.same_columns(&near.target_fields, near.target, id)?,
            remote: self.same_columns(&far.target_fields, far.target, target)?,
            junction: Some(Junction { model, near: near.fields, far: far.fields }),
            back: None,
            order_by: self.order(target, &relation.order_by)?,
            cascade: relation.cascade,
            lazy: relation.lazy,
            inner_join: false,
            passive_deletes: relation.passive_deletes,
            post_update: false,
            view_only: relation.view_only,
            keyless: false,
            condition: relation.condition.clone(),
        })
    }

    fn secondary(&self, id: ModelId, target: ModelId, secondary: &Secondary) -> Result<ModelId, String> {
        let table = match secondary {
            Secondary::Model(model) => return Ok(*model),
            Secondary::Table(table) => table,
        };
        let (registry, def) = (self.registry, self.registry.def(id));
        registry.find_secondary(registry.space(id), table, &def.module).ok_or_else(|| {
            let known: Vec<String> = registry.defs.iter().map(|def| def.table.to_string()).collect();
            let near = hint(&table.to_string(), known.iter().map(String::as_str));
            let why = match registry.is_same_table(id, target) {
                true => format!("a junction of {} with itself has to be declared", def.name),
                false => "columns were named, so it has to be declared".to_owned(),
            };
            format!("secondary names the table `{table}`, which no model declares{near}; {why}")
        })
    }

    /// The junction's foreign keys to `end`, as far as the relation leaves a choice.
    fn keys(
        &self,
        junction: ModelId,
        end: ModelId,
        named: &[String],
        relation: &RelationDef,
    ) -> Vec<Reference> {
        let def = self.registry.def(junction);
        let is_among = |reference: &Reference, names: &[String]| {
            names.is_empty()
                || reference.fields.iter().all(|field| {
                    let field = &def.fields[field.index()];
                    names.iter().any(|name| *name == field.name || *name == field.column)
                })
        };
        let mut keys = self.references(junction, &mut Vec::new());
        keys.retain(|reference| {
            self.is(reference.target, end)
                && is_among(reference, named)
                && is_among(reference, &relation.foreign_keys)
        });
        keys
    }

    /// The one pair of different keys, one for each end.
    fn choose_pair(
        &self,
        junction: ModelId,
        (id, near): (ModelId, Vec<Reference>),
        (target, far): (ModelId, Vec<Reference>),
        relation: &RelationDef,
    ) -> Result<(Reference, Reference), String> {
        let name = &self.registry.def(junction).name;
        for (end, keys, said) in [(id, &near, &relation.near_keys), (target, &far, &relation.far_keys)] {
            if keys.is_empty() {
                let end = &self.registry.def(end).name;
                return Err(match said.is_empty() && relation.foreign_keys.is_empty() {
                    true => format!("{name} has no foreign key to {end}: a junction needs one to each end"),
                    false => format!("{name} has no foreign key to {end} on the columns that are named"),
                });
            }
        }
        let mut pairs: Vec<(&Reference, &Reference)> = Vec::new();
        for one in &near {
            pairs.extend(far.iter().filter(|other| other.fields != one.fields).map(|other| (one, other)));
        }
        match pairs[..] {
            [(near, far)] => Ok((near.clone(), far.clone())),
            [] => Err(format!("{name} needs two foreign keys, one for each end")),
            _ => {
                let names = |keys: &[Reference]| {
                    let mut seen = HashSet::new();
                    let all = keys.iter().map(|key| self.names(junction, &key.fields));
                    all.filter(|name| seen.insert(name.clone())).collect::<Vec<_>>().join(", ")
                };
                Err(format!(
                    "several foreign keys of {name} fit, choose with primaryjoin= and secondaryjoin=: {} for {}, {} for {}",
                    names(&near),
                    self.registry.def(id).name,
                    names(&far),
                    if self.is(id, target) { "the other end" } else { &self.registry.def(target).name },
                ))
            }
        }
    }

    fn names(&self, model: ModelId, fields: &FieldIds) -> String {
        let def = self.registry.def(model);
        let names: Vec<&str> = fields.iter().map(|field| def.fields[field.index()].name.as_str()).collect();
        format!("{}.{}", def.name, names.join("+"))
    }

    /// The fields of the same columns in another declaration of the table.
    pub(super) fn same_columns(
        &self,
        fields: &FieldIds,
        from: ModelId,
        to: ModelId,
    ) -> Result<FieldIds, String> {
        let (from, to) = (self.registry.def(from), self.registry.def(to));
        let same = |field: &super::FieldId| {
            let column = &from.fields[field.index()].column;
            field_of_column(to, column)
                .ok_or_else(|| format!("{} does not have the column `{column}` any more", to.name))
        };
        fields.iter().map(same).collect()
    }
}

/// Refuses what makes no sense where both ends are lists.
fn refuse(relation: &RelationDef) -> Result<(), String> {
    let no = |option: &str, why: &str| Err(format!("{option} on a relation with secondary=: {why}"));
    match () {
        () if relation.many == Some(false) => no("one object (uselist=False)", "annotate it as a list"),
        () if relation.cascade.delete_orphan => no(
            "the cascade \"delete-orphan\"",
            "an object may have other owners; map the junction as a class",
        ),
        () if relation.post_update => no("post_update", "neither end holds a foreign key"),
        () if !relation.remote_side.is_empty() => {
            no("remote_side", "say which columns lead where with primaryjoin= and secondaryjoin=")
        }
        () => Ok(()),
    }
}

/// `OrderItem` → `order_item`, `HTTPServer` → `http_server`
fn snake(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, character) in characters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| characters[at]);
        let starts = character.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_numeric()
                    || (before.is_uppercase()
                        && characters.get(at + 1).is_some_and(|next| next.is_lowercase()))
            });
        if starts {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ColumnType, FieldId, Target};

    fn id() -> Field {
        Field::new("id", ColumnType::Integer).key().numbered()
    }

    fn links(name: &str, target: &str, table: &str, back: Option<&str>) -> RelationDef {
        RelationDef {
            secondary: Some(Secondary::Table(TableName { schema: None, name: table.into() })),
            back_populates: back.map(str::to_owned),
            ..RelationDef::new(name, Target::Name(target.into()))
        }
    }

    fn declare(
        registry: &mut Registry,
        name: &str,
        fields: Vec<Field>,
        relations: Vec<RelationDef>,
    ) -> ModelId {
        let def = ModelDef {
            module: "app".into(),
            relations,
            ..ModelDef::new(name, format!("{}s", snake(name)), fields)
        };
        registry.declare(def).unwrap()
    }

    fn key(name: &str, table: &str) -> Field {
        Field::new(name, ColumnType::Integer).key().references(table, "id")
    }

    #[test]
    fn names_are_put_into_snake_case() {
        let all = ["User", "OrderItem", "HTTPServer", "user", "Page2View"].map(snake);
        assert_eq!(all, ["user", "order_item", "http_server", "user", "page2_view"]);
    }

    #[test]
    fn a_junction_that_nobody_declares_is_made_once() {
        let mut registry = Registry::new();
        declare(&mut registry, "User", vec![id()], vec![links("roles", "Role", "links", Some("users"))]);
        declare(&mut registry, "Role", vec![id()], vec![links("users", "User", "links", Some("roles"))]);
        let schema = registry.freeze().unwrap();
        assert_eq!(schema.models().len(), 3);
        let (user, role, junction) =
            (schema.model(ModelId(0)), schema.model(ModelId(1)), &schema.models()[2]);
        let columns: Vec<&str> = junction.fields().iter().map(|field| field.column.as_str()).collect();
        assert_eq!(columns, ["user_id", "role_id"]);
        assert_eq!(junction.key[..], [FieldId(0), FieldId(1)]);
        let actions = junction.fields().iter().map(|field| field.foreign_key.as_ref().unwrap().on_delete);
        assert!(actions.eq([Some("CASCADE"), Some("CASCADE")]));
        assert_eq!(user.relations[0].back, Some(RelationId(0)));
        let (near, far) = (user.relations[0].junction.as_ref(), role.relations[0].junction.as_ref());
        assert!(near.unwrap().is_reverse_of(far.unwrap()));
        assert!(junction.rank > user.rank.max(role.rank));
        assert_eq!(registry.freeze().unwrap().models().len(), 3);
    }

    #[test]
    fn keys_of_several_columns_make_as_many() {
        let mut registry = Registry::new();
        let seat = vec![
            Field::new("row", ColumnType::Integer).key(),
            Field::new("number", ColumnType::Integer).key(),
        ];
        declare(&mut registry, "Seat", seat, vec![links("guests", "Guest", "bookings", None)]);
        declare(&mut registry, "Guest", vec![id()], vec![]);
        let schema = registry.freeze().unwrap();
        let columns: Vec<&str> =
            schema.models()[2].fields().iter().map(|field| field.column.as_str()).collect();
        assert_eq!(columns, ["seat_row", "seat_number", "guest_id"]);
        let relation = &schema.model(ModelId(0)).relations[0];
        assert_eq!(relation.local[..], [FieldId(0), FieldId(1)]);
        assert_eq!(relation.junction.as_ref().unwrap().near[..], [FieldId(0), FieldId(1)]);
    }

    #[test]
    fn a_junction_with_itself_is_declared_and_its_keys_are_chosen() {
        let mut registry = Registry::new();
        let mut follows = links("follows", "User", "follows", None);
        declare(&mut registry, "User", vec![id()], vec![follows.clone()]);
        let error = registry.freeze().unwrap_err().to_string();
        assert!(error.contains("a junction of User with itself has to be declared"), "{error}");
        declare(
            &mut registry,
            "Follow",
            vec![key("follower_id", "users"), key("followed_id", "users")],
            vec![],
        );
        let error = registry.freeze().unwrap_err().to_string();
        assert_eq!(
            error,
            "User.follows: several foreign keys of Follow fit, choose with primaryjoin= and secondaryjoin=: \
             Follow.follower_id, Follow.followed_id for User, Follow.follower_id, Follow.followed_id for the other end"
        );
        follows.near_keys = vec!["follower_id".into()];
        follows.back_populates = Some("followers".into());
        let mut followers = links("followers", "User", "follows", Some("follows"));
        followers.near_keys = vec!["followed_id".into()];
        declare(&mut registry, "User", vec![id()], vec![follows, followers]);
        let schema = registry.freeze().unwrap();
        let user = schema.models().last().unwrap();
        assert_eq!(user.relations[0].junction.as_ref().unwrap().far[..], [FieldId(1)]);
        assert_eq!(user.relations[0].back, Some(RelationId(1)));
        assert_eq!(user.relations[1].back, Some(RelationId(0)));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let mut registry = Registry::new();
        let mut one = links("role", "Role", "links", None);
        one.many = Some(false);
        let mut orphans = links("roles", "Role", "links", None);
        orphans.cascade.delete_orphan = true;
        let other = links("others", "Role", "roles", None);
        declare(&mut registry, "User", vec![id()], vec![one, orphans, other]);
        declare(&mut registry, "Role", vec![id()], vec![]);
        let error = registry.freeze().unwrap_err().to_string();
        for text in [
            "User.role: one object",
            "User.roles: the cascade",
            "User.others: Role has no foreign key to User",
        ] {
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn ends_that_are_declared_again_with_another_key_get_another_junction() {
        let mut registry = Registry::new();
        declare(&mut registry, "Role", vec![id()], vec![]);
        declare(&mut registry, "User", vec![id()], vec![links("roles", "Role", "links", None)]);
        registry.freeze().unwrap();
        let text = Field::new("id", ColumnType::Text).key();
        let user = declare(&mut registry, "User", vec![text], vec![links("roles", "Role", "links", None)]);
        let schema = registry.freeze().unwrap();
        let junction = schema.model(user).relations[0].junction.as_ref().unwrap().model;
        assert_eq!(schema.model(junction).fields()[0].column_type, ColumnType::Text);
    }
}
