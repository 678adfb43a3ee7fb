//! What one statement of a flush writes: objects of one class, with one set of fields.

use std::sync::Arc;

use super::expressions::Assigned;
use super::gather::Write;
use super::identity::{Key, has_null};
use super::journal::Action;
use super::unit::{key_of, missing, stored_key_of, values_of};
use crate::driver::Statement;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::model::{FieldDefault, FieldId, FieldSet, Model, OnUpdate, Schema, Version};
use crate::plan::Plans;
use crate::sql::update_returning;
use crate::value::{Params, Value, ValueRef};

/// Objects that one statement writes.
pub(super) struct Group<H: Host> {
    pub(super) action: Action,
    pub(super) model: Arc<Model>,
    /// What stands for the table: the model, unless its objects have several.
    pub(super) table: Arc<Model>,
    /// Which of them; None: there is one.
    pub(super) part: Option<usize>,
    pub(super) fields: Vec<FieldId>,
    /// The same in the table.
    pub(super) columns: Vec<FieldId>,
    /// What else it writes, where fields were set to expressions.
    pub(super) assigned: Option<Box<Assigned>>,
    pub(super) returning: Vec<FieldId>,
    pub(super) layout: Option<H::Layout>,
    pub(super) objects: Vec<H::Object>,
    /// Per object the version that its row has, where rows have one.
    pub(super) versions: Vec<Value>,
    /// The keys of the rows, where the objects take other ones.
    pub(super) keys: Vec<Key>,
}

/// Groups of objects with several tables one after the other: the first table has the key, which the database may number.
/// Rows go in the other order.
pub(super) fn in_stages<H: Host>(groups: Vec<Group<H>>) -> Vec<Vec<Group<H>>> {
    let stage = |group: &Group<H>| match (group.part, group.action) {
        (None, _) => 0,
        (Some(part), Action::Delete) => group.model.parts().len() - 1 - part,
        (Some(part), _) => part,
    };
    let mut stages: Vec<Vec<Group<H>>> = Vec::new();
    for group in groups {
        let at = stage(&group);
        stages.resize_with(stages.len().max(at + 1), Vec::new);
        stages[at].push(group);
    }
    if stages.is_empty() {
        stages.push(Vec::new());
    }
    stages
}

/// What INSERT writes; a NOT NULL column that nobody fills is an error before anything is sent.
pub(super) fn insert_fields<H: Host>(host: &H, model: &Model, object: &H::Object) -> Result<FieldSet> {
    let mut given = host.given(object)?;
    model.upkeep.properties.iter().for_each(|property| given.remove(*property));
    refuse_generated(model, &given)?;
    for field in &model.upkeep.client_insert {
        if !given.contains(*field) {
            host.renew(object, *field)?;
            given.insert(*field);
        }
    }
    for field in model.field_ids() {
        let column = model.field(field);
        if !column.nullable && !column.filled_by_database() && !given.contains(field) {
            return Err(missing(model, field));
        }
    }
    Ok(given)
}

/// What UPDATE writes.
pub(super) fn update_fields<H: Host>(host: &H, model: &Model, object: &H::Object) -> Result<FieldSet> {
    let mut changed = host.changed(object)?;
    model.upkeep.properties.iter().for_each(|property| changed.remove(*property));
    if changed.is_empty() {
        return Ok(changed);
    }
    refuse_generated(model, &changed)?;
    for field in &model.upkeep.client {
        if !changed.contains(*field) {
            host.renew(object, *field)?;
            changed.insert(*field);
        }
    }
    Ok(changed)
}

/// Refuses a value for what the database alone writes.
fn refuse_generated(model: &Model, given: &FieldSet) -> Result<()> {
    let Some(field) = model.upkeep.generated.iter().find(|field| given.contains(**field)) else {
        return Ok(());
    };
    let how = match model.field(*field).computed.is_some() {
        true => "is computed by the database: set the columns that it is made of",
        false => "is numbered by the database alone (Identity(always=True)): leave it out",
    };
    Err(Error::invalid_request(format!("{} {how}", model.place(*field))))
}

/// `User id=7`: an object, for messages.
pub(super) fn shown<H: Host>(host: &H, model: &Model, object: &H::Object) -> String {
    let key = key_of(host, model, object).map_or_else(|_| String::new(), |key| shown_key(model, &key));
    format!("{}{key}", model.name())
}

/// ` id=7`: a key, behind the name of its model.
fn shown_key(model: &Model, key: &Key) -> String {
    let part = |(field, part): (&FieldId, &Value)| {
        let part = match part {
            Value::Int(number) => number.to_string(),
            Value::Text(text) => format!("{text:?}"),
            other => format!("{other:?}"),
        };
        format!(" {}={part}", model.field(*field).name)
    };
    model.key.iter().zip(key).map(part).collect()
}

/// Keys that an error shows at most.
const SHOWN_KEYS: usize = 5;

/// `one User`, `User id=7`, `2 User objects (id=7, id=8)`: the objects of a statement, by their keys where they have some.
pub(super) fn shown_all<H: Host>(host: &H, model: &Model, objects: &[H::Object]) -> String {
    let shown = |object: &H::Object| match key_of(host, model, object) {
        Ok(key) if !has_null(&key).unwrap_or(true) => Some(shown_key(model, &key)),
        _ => None,
    };
    let keys = objects.iter().take(SHOWN_KEYS).map(shown).collect::<Option<Vec<String>>>();
    match (keys, objects) {
        (Some(keys), [_]) => format!("{}{}", model.name(), keys.concat()),
        (None, [_]) => format!("one {}", model.name()),
        (None, _) => format!("{} {} objects", objects.len(), model.name()),
        (Some(keys), _) => {
            let more = if objects.len() > SHOWN_KEYS { ", …" } else { "" };
            let keys: Vec<&str> = keys.iter().map(|key| key.trim_start()).collect();
            format!("{} {} objects ({}{more})", objects.len(), model.name(), keys.join(", "))
        }
    }
}

/// The version that an object's row has.
pub(super) fn stored_version<H: Host>(host: &H, write: &Write<H>) -> Result<Option<Value>> {
    let Some((field, version)) = write.model.upkeep.version.filter(|_| write.action != Action::Insert) else {
        return Ok(None);
    };
    if write.action == Action::Update && host.changed(&write.object)?.contains(field) {
        let place = write.model.place(field);
        let who = if version == Version::Server { "database" } else { "flush" };
        return Err(Error::invalid_request(format!(
            "{place} is the version of its row: the {who} writes it"
        )));
    }
    Ok(Some(values_of(host, &write.model, &write.object, &[field])?.remove(0)))
}

impl<H: Host> Group<H> {
    pub(super) fn new(action: Action, model: Arc<Model>, table: Arc<Model>, part: Option<usize>) -> Self {
        Self {
            action,
            model,
            table,
            part,
            fields: Vec::new(),
            columns: Vec::new(),
            assigned: None,
            returning: Vec::new(),
            layout: None,
            objects: Vec::new(),
            versions: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// True for the group that stands for its objects, where several write their tables.
    pub(super) fn is_first(&self) -> bool {
        self.part.unwrap_or(0) == 0
    }

    /// The field of the objects that a column of the table holds.
    fn field_of(&self, column: FieldId) -> FieldId {
        let Some(part) = self.part else { return column };
        let fields = &self.model.parts()[part].fields;
        fields.iter().find(|(_, of_table)| *of_table == column).map_or(column, |(field, _)| *field)
    }

    /// Gives objects their key under its other names, before the rows that hold them are written.
    pub(super) fn mirror_keys(&self, host: &H) -> Result<()> {
        let Some(part) = self.part.filter(|_| self.action == Action::Insert) else { return Ok(()) };
        for (field, mirror) in self.model.key.iter().zip(&self.model.parts()[part].mirrors) {
            for object in &self.objects {
                host.carry((object, *field), object, *mirror)?;
            }
        }
        Ok(())
    }

    /// True when rows are answered with their keys in front, in any order.
    pub(super) fn is_keyed(&self) -> bool {
        self.action != Action::Insert && self.objects.len() > 1 && !self.returning.is_empty()
    }

    /// Makes unloaded what is computed where it is read: what it is made of may have changed.
    pub(super) fn forget_properties(&self, host: &H) {
        let properties = &self.model.upkeep.properties;
        if !properties.is_empty() && self.action != Action::Delete {
            let properties: FieldSet = properties.iter().copied().collect();
            self.objects.iter().for_each(|object| host.unload(object, &properties));
        }
    }

    /// Makes unloaded what triggers fill in and RETURNING does not know.
    pub(super) fn forget_triggered(&self, host: &H) {
        let is_triggered = |field: &FieldId| {
            let known = self.model.field(*field);
            match self.action {
                Action::Insert => known.default == FieldDefault::Fetched && !self.written().contains(field),
                Action::Update => {
                    known.on_update == OnUpdate::Fetched || known.version == Some(Version::Server)
                }
                Action::Delete => false,
            }
        };
        let triggered: FieldSet = self.model.field_ids().filter(is_triggered).collect();
        if !triggered.is_empty() {
            self.objects.iter().for_each(|object| host.unload(object, &triggered));
        }
    }

    /// `User id=7`: an object, for messages.
    pub(super) fn shown(&self, host: &H, object: &H::Object) -> String {
        shown(host, &self.model, object)
    }

    /// The fields that it writes; a DELETE violates the keys of other tables, which the models need not know.
    pub(super) fn wrote(&self) -> Option<(&Model, &[FieldId])> {
        (self.action != Action::Delete).then_some((&self.table, &self.columns))
    }

    /// Says which fields it writes.
    pub(super) fn place(&mut self, fields: &FieldSet) {
        self.fields = fields.iter().collect();
        self.columns = match self.part {
            None => self.fields.clone(),
            Some(part) => {
                let known = &self.model.parts()[part].fields;
                let column = |field: &FieldId| known.iter().find(|(of_class, _)| of_class == field);
                self.fields.iter().filter_map(column).map(|(_, column)| *column).collect()
            }
        };
    }

    pub(super) fn take_fields(&mut self, host: &H, schema: &Schema, fields: &FieldSet) -> Result<()> {
        self.place(fields);
        let computed = self.computed(schema);
        if self.is_first() && self.changes_key(host)? {
            let key = |object| stored_key_of(host, &self.model, object);
            self.keys = self.objects.iter().map(key).collect::<Result<_>>()?;
        }
        if self.action == Action::Insert {
            let filled = |column: &FieldId| {
                let is_filled =
                    self.table.field(*column).filled_by_database() && !self.columns.contains(column);
                is_filled || computed.contains(column)
            };
            self.returning = self.table.field_ids().filter(filled).collect();
        }
        let many = self.objects.len() > 1;
        let mut from = 0;
        match self.action {
            Action::Insert => {}
            Action::Update => self.returning = update_returning(&self.table, many, &computed),
            Action::Delete if many && self.table.upkeep.version.is_some() => {
                self.returning = self.table.key.to_vec();
            }
            Action::Delete => {}
        }
        if self.is_keyed() {
            from = self.model.key.len();
        }
        if !self.returning.is_empty() {
            let read: Vec<FieldId> =
                self.returning[from..].iter().map(|column| self.field_of(*column)).collect();
            self.layout = Some(host.layout(&self.model, &read, from)?);
        }
        Ok(())
    }

    /// True when rows are found by other keys than the objects have.
    fn changes_key(&self, host: &H) -> Result<bool> {
        let is_key = |field: &FieldId| self.model.key.contains(field);
        match self.action {
            Action::Insert => Ok(false),
            Action::Update => Ok(self.fields.iter().any(is_key)),
            Action::Delete => {
                for object in &self.objects {
                    if host.changed(object)?.iter().any(|field| is_key(&field)) {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    /// True when the statement alone is done as a whole or not at all: its rows need no counting, and what it answers
    /// (numbers of the database) cannot fail to be taken in.
    pub(super) fn is_all_or_nothing(&self) -> bool {
        match self.action {
            Action::Insert => {
                self.part.is_none()
                    && self.assigned.is_none()
                    && self.returning.iter().all(|field| self.table.field(*field).autoincrement)
            }
            Action::Update | Action::Delete => {
                self.part.is_none() && self.objects.len() == 1 && self.returning.is_empty()
            }
        }
    }

    pub(super) fn statement(&self, host: &H, schema: &Schema, plans: &Plans) -> Result<Statement> {
        let many = self.objects.len() > 1;
        let mut params = Params::new();
        let text = match self.action {
            _ if self.assigned.is_some() => {
                Arc::new(self.text_with(schema, plans, self.set(), many, &mut params)?)
            }
            Action::Insert => plans.insert(&self.table, &self.columns, many, &self.returning),
            Action::Update => plans.update(&self.table, &self.columns, many),
            Action::Delete => plans.delete(&self.table, many),
        };
        let key: &[FieldId] = if self.action == Action::Insert { &[] } else { &self.model.key };
        // Behind those of expressions.
        let wanted = &text.params[params.len()..];
        // What the rows are found by stands behind the values: where keys change, their old ones; then the version.
        let (own, old) = wanted.split_at(if self.keys.is_empty() { wanted.len() } else { self.fields.len() });
        let mut old = old.iter();
        let mut own = own.iter();
        for (field, param) in self.fields.iter().chain(key).zip(&mut own) {
            if !param.array {
                self.read(host, &self.objects[0], *field, &mut |value| params.push(value))?;
                continue;
            }
            let mut array = params.array(param.element);
            for object in &self.objects {
                self.read(host, object, *field, &mut |value| array.push(value))?;
            }
        }
        let parts = if self.keys.is_empty() { 0 } else { self.model.key.len() };
        for (part, param) in (0..parts).zip(&mut old) {
            let mut values = self.keys.iter().map(|key| key[part].as_ref().unwrap_or(ValueRef::Null));
            match param.array {
                true => params.push_array(param.element, values),
                false => params.push(values.next().unwrap_or(ValueRef::Null)),
            }
        }
        if let Some(param) = own.chain(old).next().filter(|_| !self.versions.is_empty()) {
            let mut values = self.versions.iter().map(|version| version.as_ref().unwrap_or(ValueRef::Null));
            match param.array {
                true => params.push_array(param.element, values),
                false => params.push(values.next().unwrap_or(ValueRef::Null)),
            }
        }
        if many && self.fields.is_empty() && self.action == Action::Insert {
            // Rows without any value are counted by an array of NULLs.
            params.push_array(wanted[0].element, self.objects.iter().map(|_| ValueRef::Null));
        }
        Ok(Statement::new(text, params))
    }

    fn read(
        &self,
        host: &H,
        object: &H::Object,
        field: FieldId,
        push: &mut dyn FnMut(ValueRef<'_>),
    ) -> Result<()> {
        let model = &self.model;
        host.read(object, field, &mut |value| {
            if value.is_null() && !model.field(field).nullable {
                return Err(missing(model, field));
            }
            push(value);
            Ok(())
        })
        .map_err(|error| error.at(|| model.place(field)))
    }
}
