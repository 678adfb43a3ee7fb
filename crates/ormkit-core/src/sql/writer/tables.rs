//! Tables and columns in a text, as the scopes around them name them.

use super::{Scope, SqlWriter, push_name};
use crate::error::{Error, ErrorKind};
use crate::model::{FieldId, Model, Property, TableName};
use crate::query::{FromItem, Part, Source};
use crate::sql::expr::{Level, decimal_text, operand};
use crate::sql::select::{kinds, sources};

impl SqlWriter<'_> {
    /// Appends a column: bare where only one table can be meant.
    pub(crate) fn column(&mut self, source: Source, field: FieldId) {
        let schema = self.schema;
        let model = schema.model(source.model);
        if !model.upkeep.properties.is_empty()
            && let Some(property) = model.property(field)
        {
            return self.property(property, source);
        }
        if !self.writes_text {
            return;
        }
        self.require_type(model, field);
        let Some((depth, name)) = self.found(|scope| scope.table(source)) else {
            if let Some(above) = self.above(source) {
                return match field.index() < schema.model(above.model).fields().len() {
                    true => self.column(above, field),
                    false => self.kind_column(above, model, field),
                };
            }
            return self.fail(Error::new(ErrorKind::Programming(format!(
                "{} is used but its table is not part of the statement: join it or select from it",
                model.place(field)
            ))));
        };
        let Some(column) = self.scopes[depth].held(field, &model.field(field).column).map(str::to_owned)
        else {
            return self.unsupported(
                &format!(
                    "{} in an expression for a column of another table of its class",
                    model.place(field)
                ),
                "say it as select(..).where(..).scalar_subquery(), or set the value itself",
            );
        };
        self.qualified(depth, &name, &column);
    }

    /// The source of a class above that of `source`, in its family, whose rows have its columns, too.
    fn above(&self, source: Source) -> Option<Source> {
        let is_there = |above: &Source| self.scopes.iter().any(|scope| scope.table(*above).is_some());
        sources::above(self.schema, source).find(is_there)
    }

    /// Has the class above that of `source` whose rows have its columns read with its table.
    pub(crate) fn widen(&mut self, source: Source) {
        if self.scopes.iter().any(|scope| scope.table(source).is_some()) {
            return;
        }
        let Some(above) = self.above(source) else { return };
        let schema = self.schema;
        if schema.model(above.model).table() != schema.model(source.model).table()
            && let Some(scope) = self.scopes.iter_mut().rfind(|scope| scope.table(above).is_some())
        {
            scope.widen(above);
        }
    }

    /// Appends a column of a class that extends the one of `source`.
    pub(crate) fn kind_column(&mut self, source: Source, class: &Model, field: FieldId) {
        if let Some(property) = class.property(field) {
            return self.property(property, Source { model: class.id, ..source });
        }
        if !self.writes_text {
            return;
        }
        self.require_type(class, field);
        let column = kinds::shown_column(self.schema, source, class, field);
        if let Some((depth, name)) = self.found(|scope| scope.table(source)) {
            if class.table() != self.schema.model(source.model).table() {
                self.scopes[depth].widen(source);
            }
            self.qualified(depth, &name, &column);
        }
    }

    /// Appends what a property is on a row of `source`.
    pub(crate) fn property(&mut self, property: &Property, source: Source) {
        self.with_literals(|out| operand(out, &property.of(source), Level::Atom));
    }

    /// The same as one of the values that are selected.
    pub(crate) fn selected_property(&mut self, property: &Property, source: Source) {
        self.with_literals(|out| decimal_text(out, &property.of(source)));
    }

    fn with_literals(&mut self, write: impl FnOnce(&mut Self)) {
        let around = std::mem::replace(&mut self.prefers_literals, true);
        write(self);
        self.prefers_literals = around;
    }

    /// Appends a column of derived rows.
    pub(crate) fn part(&mut self, part: &Part) {
        if !self.writes_text {
            return;
        }
        let column = part.shown();
        let Some((depth, name)) = self.found(|scope| scope.derived(part.of.number())) else {
            let rows = part.of.name.as_deref().unwrap_or("a subquery");
            return self.fail(Error::new(ErrorKind::Programming(format!(
                "`{}` of {rows} is used but {rows} is not part of the statement: join it or select from it",
                column.name
            ))));
        };
        self.qualified(depth, &name, &column.column);
    }

    fn found(&self, name: impl Fn(&Scope) -> Option<&str>) -> Option<(usize, String)> {
        let mut scopes = self.scopes.iter().enumerate().rev();
        scopes.find_map(|(depth, scope)| Some((depth, name(scope)?.to_owned())))
    }

    fn qualified(&mut self, depth: usize, table: &str, column: &str) {
        let bare = depth + 1 == self.scopes.len() && !self.scopes[depth].qualifies();
        if !bare {
            self.name(table);
            self.push(".");
        }
        self.name(column);
    }

    /// Appends the name of a table that the statement reads from.
    pub(crate) fn base_table(&mut self, table: &TableName) {
        if self.schema_name(&table.schema).is_none() && self.ctes.iter().any(|(_, name)| *name == table.name)
        {
            self.fail(Error::new(ErrorKind::Programming(format!(
                "a CTE and a table of the statement are both called `{}`: give the CTE another name",
                table.name
            ))));
        }
        self.table(table);
    }

    /// Appends a table of the innermost scope as FROM names it, with its alias where it has one.
    pub(crate) fn source(&mut self, source: Source) {
        if !self.writes_text {
            return;
        }
        let schema = self.schema;
        let model = schema.model(source.model);
        let table = model.table();
        let is_wide = self.scopes.last().is_some_and(|scope| scope.is_wide(source));
        if kinds::is_joined(schema, model, is_wide) {
            kinds::joined_tables(self, source, is_wide);
            self.push(" AS ");
            return self.item_name(&FromItem::Table(source));
        }
        self.base_table(table);
        let alias = self.scopes.last().and_then(|scope| scope.table(source)).unwrap_or(&table.name);
        if alias != table.name {
            self.text.push_str(" AS ");
            push_name(&mut self.text, alias, self.dialect);
        }
    }

    /// Appends the name under which the innermost scope knows a table or derived rows.
    pub(crate) fn item_name(&mut self, item: &FromItem) {
        let name = self.scopes.last().and_then(|scope| scope.name(item)).map(str::to_owned);
        if let Some(name) = name {
            self.name(&name);
        }
    }
}
