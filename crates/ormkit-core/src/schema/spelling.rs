//! Tables of the default schema as models call them: a catalog leaves their schema out, a model may say it.

use std::collections::HashSet;

use super::{Catalog, Renames};
use crate::error::{Error, Result};
use crate::model::TableName;

/// True for the table, with its schema or, in the default one, without.
pub(super) fn is_called(name: &TableName, text: &str, default_schema: Option<&str>) -> bool {
    let in_default = || match (default_schema, text.split_once('.')) {
        (Some(schema), Some((said, rest))) => said == schema && rest == name.name,
        _ => false,
    };
    name.to_string() == text || (name.schema.is_none() && in_default())
}

/// Gives the tables of the default schema that models call by their schema that name in `found`.
///
/// # Errors
/// Models call one table both ways.
pub(super) fn spell(found: &mut Catalog, wanted: &Catalog, renames: [&Renames; 2]) -> Result<()> {
    let Some(default) = found.default_schema.clone() else { return Ok(()) };
    let tables = wanted.tables.iter().map(|table| &table.name);
    let keys = wanted.tables.iter().flat_map(|table| table.foreign_keys.iter().map(|key| &key.table));
    let former = renames.into_iter().flat_map(|renames| renames.tables.iter().map(|(from, _)| from));
    let said: HashSet<&str> = tables
        .chain(keys)
        .chain(former)
        .filter(|name| name.schema.as_ref() == Some(&default))
        .map(|name| name.name.as_str())
        .collect();
    let both = wanted
        .tables
        .iter()
        .find(|table| table.name.schema.is_none() && said.contains(table.name.name.as_str()));
    if let Some(table) = both {
        let name = &table.name;
        return Err(Error::invalid_request(format!(
            "`{name}` and `{default}.{name}` are one table, `{default}` being the default schema: call it the same everywhere"
        )));
    }
    let spell = |name: &mut TableName| {
        if name.schema.is_none() && said.contains(name.name.as_str()) {
            name.schema = Some(default.clone());
        }
    };
    for table in &mut found.tables {
        spell(&mut table.name);
        table.foreign_keys.iter_mut().for_each(|key| spell(&mut key.table));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Table;

    fn table(name: &str) -> Table {
        let (schema, name) = name.split_once('.').map_or((None, name), |(schema, name)| (Some(schema), name));
        Table::new(TableName { schema: schema.map(str::to_owned), name: name.to_owned() })
    }

    fn catalog(names: &[&str]) -> Catalog {
        let tables = names.iter().map(|name| table(name)).collect();
        Catalog { default_schema: Some("public".into()), tables, ..Catalog::default() }
    }

    #[test]
    fn the_default_schema_is_said_where_models_say_it() {
        let mut found = catalog(&["users", "notes", "app.users"]);
        let none = Renames::default();
        spell(&mut found, &catalog(&["public.users", "app.users"]), [&none, &none]).unwrap();
        let names: Vec<String> = found.tables.iter().map(|table| table.name.to_string()).collect();
        assert_eq!(names, ["public.users", "notes", "app.users"]);
        let twice = spell(&mut found, &catalog(&["public.users", "users"]), [&none, &none]);
        assert!(twice.unwrap_err().to_string().contains("are one table"));
    }

    #[test]
    fn a_table_is_called_with_its_schema_or_without() {
        let called = |name: &str, text: &str| is_called(&table(name).name, text, Some("public"));
        assert!(called("users", "users") && called("users", "public.users"));
        assert!(called("app.users", "app.users"));
        assert!(!called("app.users", "users") && !called("users", "app.users"));
    }
}
