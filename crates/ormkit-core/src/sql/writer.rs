//! Where text is made: the only place that quotes names and numbers placeholders.

mod lacking;
mod late;
mod scope;
mod tables;

use std::any::Any;
use std::fmt::Write as _;
use std::sync::Arc;

pub(crate) use lacking::Lacking;
use late::late;
pub(crate) use scope::Scope;

use super::quote::integer;
use super::{Dialect, DialectName, Placeholder, SchemaNames, Spelling};
use crate::error::{Error, ErrorKind};
use crate::model::{FieldId, Model, Schema, TableName};
use crate::query::{Arguments, Bound, Criterion, Deleted, FromItem};
use crate::value::{Destination, ParamType, Params, SqlType, Value, ValueRef};

/// Writes one statement.
///
/// It has two modes. As a rule it collects text, parameter types and values. For a statement whose text is known it is
/// `values_only`: the same walk pushes the values in the same order and writes nothing.
pub struct SqlWriter<'a> {
    dialect: &'static Dialect,
    /// What the database calls the schemas of tables and types.
    schema_names: &'a SchemaNames,
    schema: &'a Schema,
    params: &'a mut Params,
    text: String,
    types: Vec<ParamType>,
    writes_text: bool,
    /// Lists are written element by element, as a person would: for text that is shown, not sent.
    spreads_lists: bool,
    /// Values are written as literals: for DDL, which takes no parameters.
    inlines_values: bool,
    /// Values that have a literal are written as one: what is part of a model is the same in every statement, and PostgreSQL
    /// takes a value that is bound twice for two.
    prefers_literals: bool,
    /// What each statement reads from is worked out: for text, and for values where derived rows have some.
    resolves: bool,
    /// Names of the common table expressions, by their numbers.
    ctes: Vec<(u32, String)>,
    derived: bool,
    writes: bool,
    scopes: Vec<Scope>,
    /// What the statement at hand does with rows that count as deleted.
    deleted: Deleted,
    /// What it says of the rows of classes.
    criteria: Arc<[Criterion]>,
    /// What was given for the statement's parameters.
    arguments: Arguments,
    /// What the host has said of the engine.
    host: Option<&'a (dyn Any + Send + Sync)>,
    error: Option<Error>,
}

/// What a writer has collected.
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) types: Vec<ParamType>,
    /// It reads from derived rows.
    pub(crate) derived: bool,
    /// It is a SELECT with a common table expression that writes.
    pub(crate) writes: bool,
}

impl<'a> SqlWriter<'a> {
    /// A writer of text; values go to `params`.
    pub fn new(spelling: impl Into<Spelling<'a>>, schema: &'a Schema, params: &'a mut Params) -> Self {
        let Spelling { dialect, schemas } = spelling.into();
        Self {
            dialect,
            schema_names: schemas,
            schema,
            params,
            text: String::with_capacity(128),
            types: Vec::new(),
            writes_text: true,
            spreads_lists: false,
            inlines_values: false,
            prefers_literals: false,
            resolves: true,
            ctes: Vec::new(),
            derived: false,
            writes: false,
            scopes: Vec::new(),
            deleted: Deleted::LeftOut,
            criteria: Arc::default(),
            arguments: Arguments::default(),
            host: None,
            error: None,
        }
    }

    /// A writer that only collects values; of derived rows where the statement `reads_derived`.
    pub(crate) fn values_only(
        spelling: impl Into<Spelling<'a>>,
        schema: &'a Schema,
        params: &'a mut Params,
        reads_derived: bool,
    ) -> Self {
        let new = Self::new(spelling, schema, params);
        Self { writes_text: false, text: String::new(), resolves: reads_derived, ..new }
    }

    /// The same, for an engine of which the host has said this.
    pub(crate) fn for_host(mut self, host: Option<&'a (dyn Any + Send + Sync)>) -> Self {
        self.host = host;
        self
    }

    /// The same, for a statement that is shown: lists are written element by element.
    pub(crate) fn spread_lists(mut self) -> Self {
        self.spreads_lists = true;
        self
    }

    /// The same, for DDL: values are written as literals, and what has none is an error.
    pub(crate) fn inline_values(mut self) -> Self {
        self.inlines_values = true;
        self.spreads_lists = true;
        self
    }

    /// How names are written.
    pub(crate) fn spelling(&self) -> Spelling<'a> {
        Spelling { dialect: self.dialect, schemas: self.schema_names }
    }

    /// The dialect.
    pub fn dialect(&self) -> &'static Dialect {
        self.dialect
    }

    /// The models.
    pub fn schema(&self) -> &'a Schema {
        self.schema
    }

    /// False when only values are collected.
    pub(crate) fn writes_text(&self) -> bool {
        self.writes_text
    }

    /// True when it is worked out what each statement reads from.
    pub(crate) fn resolves(&self) -> bool {
        self.resolves
    }

    /// What the statement at hand does with rows that count as deleted.
    pub(crate) fn deleted(&self) -> Deleted {
        self.deleted
    }

    /// Enters a statement that says what it does with such rows, and answers what was said around it: to be entered again
    /// behind it.
    pub(crate) fn enter(&mut self, deleted: Deleted) -> Deleted {
        let around = self.deleted;
        self.deleted = match (deleted, around) {
            // Its first table is not the one that is meant.
            (Deleted::AsAround, Deleted::Only) => Deleted::LeftOut,
            (Deleted::AsAround, _) => around,
            (own, _) => own,
        };
        around
    }

    /// What the statement at hand, and those around it, say of the rows of classes.
    pub(crate) fn criteria(&self) -> &[Criterion] {
        &self.criteria
    }

    /// Enters a statement that says more of them, and answers what was said around it: to be set again behind it.
    pub(crate) fn add_criteria(&mut self, criteria: &[Criterion]) -> Arc<[Criterion]> {
        if criteria.is_empty() {
            return Arc::clone(&self.criteria);
        }
        // Their values depend on where tables stand.
        self.derived = true;
        let all = self.criteria.iter().chain(criteria).cloned().collect();
        std::mem::replace(&mut self.criteria, all)
    }

    /// Says what is said of the rows of classes from here on, and answers what was said before.
    pub(crate) fn set_criteria(&mut self, criteria: Arc<[Criterion]>) -> Arc<[Criterion]> {
        std::mem::replace(&mut self.criteria, criteria)
    }

    /// What was given for the statement's parameters.
    pub(crate) fn arguments(&self) -> &Arguments {
        &self.arguments
    }

    /// Takes what a statement was given, unless one around it was given some.
    pub(crate) fn take_arguments(&mut self, given: &Arguments) {
        if self.arguments.is_empty() && !given.is_empty() {
            self.arguments = given.clone();
        }
    }

    /// Notes that the statement writes although it is a SELECT.
    pub(crate) fn note_write(&mut self) {
        self.writes = true;
    }

    /// True when every list is written element by element.
    pub(crate) fn spreads_lists(&self) -> bool {
        self.spreads_lists
    }

    /// What was written, unless something could not be.
    pub(crate) fn finish(self) -> Result<Written, Error> {
        match self.error {
            Some(error) => Err(error),
            None => {
                Ok(Written { text: self.text, types: self.types, derived: self.derived, writes: self.writes })
            }
        }
    }

    /// What was written so far.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What was written, for texts whose every part is known to be right.
    pub(crate) fn into_parts(self) -> (String, Vec<ParamType>) {
        (self.text, self.types)
    }

    /// Notes that the statement cannot be written; the first reason stays.
    pub(crate) fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }

    /// The first reason why the statement cannot be written.
    pub(crate) fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }

    /// Notes a feature that the dialect lacks.
    pub(crate) fn unsupported(&mut self, feature: &str, instead: &str) {
        let dialect = self.dialect.name.as_str();
        self.fail(Error::new(ErrorKind::Unsupported {
            feature: format!("{feature} on {dialect}"),
            instead: instead.to_owned(),
        }));
    }

    /// Refuses a column of a type that the dialect lacks.
    pub(crate) fn require_type(&mut self, model: &Model, field: FieldId) {
        if let Some(lacking) = Lacking::of(self.dialect, model, field) {
            self.fail(lacking.error());
        }
    }

    /// Appends SQL as it is.
    pub fn push(&mut self, sql: &str) {
        if self.writes_text {
            self.text.push_str(sql);
        }
    }

    /// Appends a number.
    pub(crate) fn number(&mut self, number: u64) {
        if self.writes_text {
            // Writing to a String does not fail.
            let _ = write!(self.text, "{number}");
        }
    }

    /// Appends a name, quoted if it needs to be.
    pub fn name(&mut self, name: &str) {
        if self.writes_text {
            push_name(&mut self.text, name, self.dialect);
        }
    }

    /// Appends a table's name.
    pub fn table(&mut self, table: &TableName) {
        self.in_schema(&table.schema, &table.name);
    }

    /// Appends the name of what is in a schema.
    pub(crate) fn in_schema(&mut self, schema: &Option<String>, name: &str) {
        if let Some(schema) = self.schema_name(schema) {
            self.name(schema);
            self.push(".");
        }
        self.name(name);
    }

    /// What the database calls a schema of the models.
    pub(crate) fn schema_name<'s>(&self, schema: &'s Option<String>) -> Option<&'s str>
    where
        'a: 's,
    {
        self.schema_names.of(schema)
    }

    /// Appends the names of columns, separated by commas.
    pub(crate) fn columns(&mut self, model: &Model, fields: &[FieldId]) {
        self.list(fields, |out, field| {
            out.require_type(model, *field);
            out.name(&model.field(*field).column);
        });
    }

    /// Appends `items` with commas between them.
    pub(crate) fn list<T>(&mut self, items: &[T], each: impl FnMut(&mut Self, &T)) {
        self.separated(items, ", ", each);
    }

    /// Appends `items` with `separator` between them.
    pub(crate) fn separated<T>(&mut self, items: &[T], separator: &str, mut each: impl FnMut(&mut Self, &T)) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.push(separator);
            }
            each(self, item);
        }
    }

    /// Appends a string literal. For DDL and the fixed words of an expression: values are bound.
    pub(crate) fn literal(&mut self, text: &str) {
        if self.writes_text {
            self.text.push('\'');
            for part in text.split_inclusive('\'') {
                self.text.push_str(part);
                if part.ends_with('\'') {
                    self.text.push('\'');
                }
            }
            self.text.push('\'');
        }
    }

    /// Appends a placeholder for a parameter of `param_type`; its value is pushed by the caller.
    pub(crate) fn placeholder(&mut self, param_type: ParamType) {
        if !self.writes_text {
            return;
        }
        if self.inlines_values {
            return self.fail(Error::new(ErrorKind::Programming(format!(
                "a value of type {} cannot be written into DDL, which takes no parameters",
                param_type.element.name()
            ))));
        }
        self.types.push(param_type);
        match self.dialect.placeholder {
            Placeholder::Question => self.text.push('?'),
            Placeholder::Numbered => {
                let _ = write!(self.text, "${}", self.types.len());
            }
        }
    }

    /// Appends a placeholder and binds a value.
    pub(crate) fn bind(&mut self, bound: &Bound) {
        if (self.inlines_values || self.prefers_literals) && self.inlined(&bound.value) {
            return;
        }
        self.placeholder(ParamType::scalar(bound.sql_type));
        self.push_value(&bound.value);
    }

    /// Appends a value to the parameters: what waits for its database is asked now.
    fn push_value(&mut self, value: &Value) {
        let to = Destination { dialect: self.dialect.name, host: self.host };
        match late(value, &to) {
            None => value.push_to(self.params),
            Some(Ok(value)) => value.push_to(self.params),
            Some(Err(error)) => self.fail(error),
        }
    }

    /// What a value that waits for its database is; None for any other.
    pub(crate) fn made(&mut self, value: &Value) -> Option<Value> {
        match late(value, &Destination { dialect: self.dialect.name, host: self.host })? {
            Ok(made) => Some(made),
            Err(error) => {
                self.fail(error);
                Some(Value::Null)
            }
        }
    }

    /// Appends a value as a literal, what waits for its database as well; false where it has none.
    fn inlined(&mut self, value: &Value) -> bool {
        let to = Destination { dialect: self.dialect.name, host: self.host };
        match late(value, &to) {
            None => self.inline(value),
            Some(Ok(value)) => self.inline(&value),
            Some(Err(error)) => {
                self.fail(error);
                true
            }
        }
    }

    fn inline(&mut self, value: &Value) -> bool {
        match value {
            Value::Null => self.push("NULL"),
            Value::Bool(value) => self.push(if *value { "TRUE" } else { "FALSE" }),
            Value::Int(value) => self.push(&integer(*value)),
            Value::Text(text) => self.literal(text),
            Value::Numeric(number) if self.inlines_values && !number.as_numeric().is_special() => {
                self.push(&number.as_numeric().to_string());
            }
            _ => return false,
        }
        true
    }

    /// Appends a placeholder and binds text made on the way.
    pub(crate) fn bind_text(&mut self, text: &str) {
        if self.inlines_values {
            return self.literal(text);
        }
        self.placeholder(ParamType::scalar(SqlType::Text));
        self.params.push(ValueRef::Text(text));
    }

    /// Appends a placeholder for a whole list and binds it as one array.
    pub(crate) fn bind_list(&mut self, list: &Bound) {
        self.placeholder(ParamType::array(list.sql_type));
        self.push_value(&list.value);
    }

    /// Opens a scope of `sources`, the tables of one SELECT, UPDATE or DELETE.
    pub(crate) fn open_scope(&mut self, items: &[FromItem]) {
        if !self.resolves {
            return;
        }
        for source in items.iter().filter_map(FromItem::table) {
            let model = self.schema.models().get(source.model.index());
            if let Some(Err(error)) = model.map(|model| model.check()) {
                self.fail(error);
            }
        }
        let scope = Scope::new(self.schema, &self.scopes, &self.ctes, items);
        self.derived |= items.iter().any(|item| matches!(item, FromItem::Derived(_)));
        if let Some(name) = scope.repeated() {
            let name = name.to_owned();
            self.fail(Error::new(ErrorKind::Programming(format!(
                "two tables of a statement go by the name `{name}`: give one of them another"
            ))));
        }
        self.scopes.push(scope);
    }

    /// Opens a scope that is made already.
    pub(crate) fn enter_scope(&mut self, scope: Scope) {
        if self.resolves {
            self.scopes.push(scope);
        }
    }

    /// A name for a junction that a join of the innermost scope goes through.
    pub(crate) fn name_link(&mut self, table: &str) -> String {
        let Some((scope, outer)) = self.scopes.split_last_mut() else { return table.to_owned() };
        scope.name_link(table, outer, &self.ctes)
    }

    /// Closes the scope opened last.
    pub(crate) fn close_scope(&mut self) {
        if self.resolves {
            self.scopes.pop();
        }
    }

    /// Has the columns of the innermost scope written with their table, or as they were; answers how they were.
    pub(crate) fn qualify(&mut self, qualifies: bool) -> bool {
        self.scopes.last_mut().is_some_and(|scope| scope.qualify(qualifies))
    }

    /// Number of tables of the innermost scope.
    pub(crate) fn scope_len(&self) -> usize {
        self.scopes.last().map_or(0, Scope::len)
    }

    /// Takes all scopes away: a subquery in FROM sees none of its siblings.
    pub(crate) fn leave_scopes(&mut self) -> Vec<Scope> {
        std::mem::take(&mut self.scopes)
    }

    /// Gives them back.
    pub(crate) fn return_to(&mut self, scopes: Vec<Scope>) {
        self.scopes = scopes;
    }

    /// Takes the innermost scope away: a subquery in FROM sees none of its siblings.
    pub(crate) fn leave_scope(&mut self) -> Option<Scope> {
        self.scopes.pop()
    }

    /// Gives it back.
    pub(crate) fn return_to_scope(&mut self, scope: Option<Scope>) {
        self.scopes.extend(scope);
    }

    /// True when an enclosing scope holds `item`.
    pub(crate) fn sees(&self, item: &FromItem) -> bool {
        self.scopes.iter().any(|scope| scope.name(item).is_some())
    }

    /// True when the innermost scope holds `item`.
    pub(crate) fn sees_beside(&self, item: &FromItem) -> bool {
        self.scopes.last().is_some_and(|scope| scope.name(item).is_some())
    }

    /// The name of a common table expression.
    pub(crate) fn cte_name(&self, number: u32) -> Option<String> {
        self.ctes.iter().find(|(known, _)| *known == number).map(|(_, name)| name.clone())
    }

    /// Makes the names of common table expressions known.
    pub(crate) fn name_ctes(&mut self, names: Vec<(u32, String)>) {
        self.ctes = names;
    }

    /// True on PostgreSQL: for the few places where the forms differ as a whole.
    pub(crate) fn is_postgres(&self) -> bool {
        self.dialect.name == DialectName::Postgres
    }
}

/// Appends `name`, in quotes when it would otherwise be read as something else.
pub(crate) fn push_name(text: &mut String, name: &str, dialect: &Dialect) {
    let plain = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && dialect.reserved.binary_search(&name).is_err();
    if plain {
        return text.push_str(name);
    }
    text.push('"');
    for character in name.chars() {
        if character == '"' {
            text.push('"');
        }
        text.push(character);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(name: &str, dialect: &Dialect) -> String {
        let mut text = String::new();
        push_name(&mut text, name, dialect);
        text
    }

    #[test]
    fn names_are_quoted_only_when_they_need_it() {
        let postgres = |name| quoted(name, &Dialect::POSTGRES);
        assert_eq!(postgres("title"), "title");
        assert_eq!(postgres("user"), "\"user\"");
        assert_eq!(postgres("userId"), "\"userId\"");
        assert_eq!(postgres("2nd"), "\"2nd\"");
        assert_eq!(postgres("a\"b"), "\"a\"\"b\"");
        assert_eq!(quoted("user", &Dialect::SQLITE), "user");
        assert_eq!(quoted("index", &Dialect::SQLITE), "\"index\"");
    }
}
