//! What a database leaves out of an error, found in the models: the columns of a constraint that PostgreSQL names, the
//! name of a constraint whose columns SQLite tells.

use super::{Constraint, Field, FieldId, Model, Schema, TableName};
use crate::error::{Diagnostics, Error, SqlState};
use crate::sql::ddl::names;

/// A constraint of a table, by the name that the database knows it by.
#[derive(PartialEq)]
struct Named {
    state: SqlState,
    name: String,
    columns: Vec<String>,
}

impl Schema {
    /// The same error with the name, table and columns of the violated constraint as far as the models tell.
    #[must_use]
    pub fn explain(&self, mut error: Error) -> Error {
        if let Some(diagnostics) = error.diagnostics_mut()
            && let Some(table) = diagnostics.table.clone()
        {
            // Several bases may have a table of this name.
            let mut known: Vec<Named> = Vec::new();
            for model in self.models().iter().rev().filter(|model| model.table().name == table) {
                for found in constraints(model) {
                    if !known.contains(&found) {
                        known.push(found);
                    }
                }
            }
            explain(diagnostics, &known);
        }
        error
    }
}

impl Schema {
    /// The same as [`explain`](Self::explain), of an error in an INSERT or UPDATE of these fields. SQLite says of a
    /// foreign key only that one was violated: where a single one was written, it is that.
    #[must_use]
    pub(crate) fn explain_writes<'a>(
        &'a self,
        error: Error,
        wrote: impl Iterator<Item = (&'a Model, &'a [FieldId])>,
    ) -> Error {
        let mut error = self.explain(error);
        let Some(diagnostics) = error.diagnostics_mut() else { return error };
        if diagnostics.sqlstate != SqlState::FOREIGN_KEY_VIOLATION || diagnostics.constraint.is_some() {
            return error;
        }
        let mut keys: Vec<(&Model, Named)> = Vec::new();
        for (model, fields) in wrote {
            let is_written =
                |column: &String| fields.iter().any(|field| model.field(*field).column == *column);
            let written = foreign_keys(model).filter(|key| key.columns.iter().any(is_written));
            keys.extend(written.map(|key| (model, key)));
        }
        if let [(model, key)] = keys.as_slice() {
            diagnostics.table = Some(model.table().name.clone());
            diagnostics.constraint = Some(key.name.clone());
            diagnostics.columns.clone_from(&key.columns);
        }
        error
    }
}

fn foreign_keys(model: &Model) -> impl Iterator<Item = Named> {
    let table = model.table();
    let named = move |name: &Option<String>, columns: Vec<String>, to: &TableName| Named {
        state: SqlState::FOREIGN_KEY_VIOLATION,
        name: name.clone().unwrap_or_else(|| names::foreign_key(table, &columns, to)),
        columns,
    };
    let fields = model.fields().iter().filter_map(move |field: &Field| {
        let key = field.foreign_key.as_ref()?;
        Some(named(&key.name, vec![field.column.clone()], &key.table))
    });
    let composite = model.def.constraints.iter().filter_map(move |constraint| match constraint {
        Constraint::ForeignKey { name, columns, table: to, .. } => Some(named(name, columns.clone(), to)),
        _ => None,
    });
    fields.chain(composite)
}

fn explain(diagnostics: &mut Diagnostics, constraints: &[Named]) {
    let state = diagnostics.sqlstate;
    let mut candidates = constraints.iter().filter(|constraint| constraint.state == state);
    match &diagnostics.constraint {
        Some(name) if diagnostics.columns.is_empty() => {
            if let Some(found) = candidates.find(|constraint| constraint.name == *name) {
                diagnostics.columns.clone_from(&found.columns);
            }
        }
        None if !diagnostics.columns.is_empty() => {
            if let Some(found) = candidates.find(|constraint| constraint.columns == diagnostics.columns) {
                diagnostics.constraint = Some(found.name.clone());
            }
        }
        // SQLite says of a foreign key only that one was violated: where the table has a single one, it is that.
        None => {
            if let (Some(only), None) = (candidates.next(), candidates.next()) {
                diagnostics.constraint = Some(only.name.clone());
                diagnostics.columns.clone_from(&only.columns);
            }
        }
        Some(_) => {}
    }
}

impl Model {
    /// True for a column of a primary, unique or foreign key.
    pub(crate) fn is_of_key(&self, field: FieldId) -> bool {
        let column = &self.field(field).column;
        constraints(self).iter().any(|named| named.columns.contains(column))
    }
}

fn constraints(model: &Model) -> Vec<Named> {
    let table = model.table();
    let key = model.key.iter().map(|field| model.field(*field).column.clone()).collect();
    let key_name = model.def.constraints.iter().find_map(|constraint| match constraint {
        Constraint::PrimaryKey { name } => Some(name.clone()),
        _ => None,
    });
    let name = key_name.unwrap_or_else(|| format!("{}_pkey", table.name));
    let mut found = vec![Named { state: SqlState::UNIQUE_VIOLATION, name, columns: key }];
    for field in model.fields() {
        let columns = vec![field.column.clone()];
        if field.unique {
            let name = field.names.unique.clone().unwrap_or_else(|| names::unique(table, &columns));
            found.push(Named { state: SqlState::UNIQUE_VIOLATION, name, columns: columns.clone() });
        }
    }
    found.extend(foreign_keys(model));
    for constraint in &model.def.constraints {
        if let Constraint::Unique { name, columns, .. } = constraint {
            found.push(Named {
                state: SqlState::UNIQUE_VIOLATION,
                name: name.clone().unwrap_or_else(|| names::unique(table, columns)),
                columns: columns.clone(),
            });
        }
    }
    for index in model.def.indexes.iter().filter(|index| index.unique) {
        let name = index.name.clone().unwrap_or_else(|| names::index(table, &index.words()));
        let columns = index.columns().map(str::to_owned).collect();
        found.push(Named { state: SqlState::UNIQUE_VIOLATION, name, columns });
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::error::{Diagnostics, Error, ErrorKind, SqlState};
    use crate::model::{ColumnType, Field, ModelDef, Registry};

    fn explained(change: impl FnOnce(&mut Diagnostics)) -> Diagnostics {
        let mut name = Field::new("name", ColumnType::Text);
        name.unique = true;
        let mut registry = Registry::new();
        registry
            .declare(ModelDef {
                module: "app".into(),
                ..ModelDef::new("User", "users", vec![Field::new("id", ColumnType::Integer).key(), name])
            })
            .unwrap();
        let mut diagnostics = Diagnostics::new(SqlState::UNIQUE_VIOLATION, "duplicate");
        diagnostics.table = Some("users".into());
        change(&mut diagnostics);
        let error =
            registry.freeze().unwrap().explain(Error::new(ErrorKind::Database(Box::new(diagnostics))));
        error.diagnostics().unwrap().clone()
    }

    #[test]
    fn a_named_constraint_tells_its_columns() {
        assert_eq!(explained(|d| d.constraint = Some("uq_users_name".into())).columns, ["name"]);
        assert_eq!(explained(|d| d.constraint = Some("users_pkey".into())).columns, ["id"]);
    }

    #[test]
    fn columns_tell_their_constraint() {
        assert_eq!(
            explained(|d| d.columns = vec!["name".into()]).constraint.as_deref(),
            Some("uq_users_name")
        );
    }

    #[test]
    fn an_unknown_constraint_stays_as_it_is() {
        assert!(explained(|d| d.constraint = Some("other".into())).columns.is_empty());
    }
}
