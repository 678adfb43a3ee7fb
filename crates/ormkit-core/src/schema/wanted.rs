//! The schema that models want, in the database's own words.
//!
//! It is what [`create_all`](super::create_all) would make. SQLite keeps the words of its statements, so there it is read from
//! them. PostgreSQL prints types and expressions in words of its own, which only the server knows: there the tables are made
//! as temporary ones in a transaction that is rolled back, and read back. Foreign keys, which hold no expression, are taken
//! from the models.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::aside::Aside;
use super::culprit::of_model;
use super::introspect::introspect;
use super::migrate::run;
use super::{Catalog, ForeignKey, NamedSequence};
use crate::driver::Scope;
use crate::error::{Error, Result};
use crate::model::{Model, ModelId, Schema, Sequence, TableName};
use crate::session::Link;
use crate::sql::ddl::{self, DdlStep, ForeignKeyDef};

/// The schema of `models`, as [`introspect`](super::introspect) would find it after `create_all`.
///
/// On PostgreSQL it needs a transaction of its own and the right to make temporary tables.
///
/// # Errors
/// What `create_all` refuses, and what the database says to it: an unknown type, an expression that it cannot read. An open
/// transaction.
///
/// # Cancelling
/// The transaction is rolled back.
pub async fn wanted(link: &mut Link, schema: &Schema, models: &[ModelId]) -> Result<Catalog> {
    let steps = ddl::create_all(schema, models, link.dialect())?;
    let script: Vec<String> = steps.into_iter().map(statement).collect();
    if let Some(catalog) = link.introspector()?.foresee(&script)? {
        return Ok(catalog);
    }
    if link.in_transaction() {
        return Err(Error::invalid_request(
            "what models want is tried out in a transaction of its own: end this one",
        ));
    }
    let tables = ddl::in_order(schema, models);
    let mut wanted = Catalog { sequences: declared_sequences(&tables), ..Catalog::default() };
    let mut asides = Vec::new();
    for kind in ddl::enums(&tables).iter().filter(|kind| kind.schema.is_some()) {
        let name = TableName { schema: kind.schema.clone(), name: kind.name.clone() };
        wanted.schemas.extend(name.schema.clone());
        asides.push(Aside::of(link, name).await?);
    }
    let schemas: BTreeSet<&Option<String>> = tables.iter().map(|model| &model.table().schema).collect();
    for namespace in schemas {
        let members: Vec<&Model> =
            tables.iter().map(|model| &***model).filter(|model| model.table().schema == *namespace).collect();
        let rehearsed = rehearse(link, schema, &members, &asides).await;
        link.rollback().await;
        let mut rehearsed = rehearsed?;
        asides.iter().for_each(|aside| aside.back(&mut rehearsed, link.dialect()));
        wanted.schemas.extend(namespace.clone());
        // Each type is made for every schema that uses it.
        let known: Vec<TableName> = wanted.enums.iter().map(|kind| kind.name.clone()).collect();
        wanted.enums.extend(rehearsed.enums.into_iter().filter(|kind| !known.contains(&kind.name)));
        for mut table in rehearsed.tables {
            table.name.schema.clone_from(namespace);
            table.foreign_keys = members
                .iter()
                .filter(|model| model.table().name == table.name.name)
                .flat_map(|model| foreign_keys(model))
                .collect();
            wanted.tables.push(table);
        }
    }
    wanted.schemas.sort();
    wanted.schemas.dedup();
    Ok(wanted)
}

/// Those that columns are numbered by.
pub(super) fn declared_sequences(models: &[&Arc<Model>]) -> Vec<NamedSequence> {
    let named = |sequence: &Arc<Sequence>| NamedSequence {
        name: sequence.name.clone(),
        options: sequence.options.options(),
    };
    ddl::sequences(models).iter().map(named).collect()
}

fn statement(step: DdlStep) -> String {
    match step {
        DdlStep::Run(sql) | DdlStep::Unless { then: sql, .. } => sql,
    }
}

/// Makes the tables of one schema as temporary ones, and reads them.
async fn rehearse(link: &mut Link, schema: &Schema, models: &[&Model], asides: &[Aside]) -> Result<Catalog> {
    // Temporary ones first, also where tables are made; the rest is found as before.
    let path =
        "SELECT set_config('search_path', 'pg_temp, ' || current_setting('search_path'), TRUE)".to_owned();
    let dialect = link.dialect();
    let aside = |sql: String| asides.iter().fold(sql, |sql, aside| aside.put(&sql, dialect));
    let steps = ddl::rehearsal(schema, models, dialect)?;
    link.begin()?;
    run(link, path).await?;
    for (step, model) in steps {
        run(link, aside(statement(step))).await.map_err(|error| of_model(error, model))?;
    }
    introspect(link, &Scope::Temporary).await
}

fn foreign_keys(model: &Model) -> Vec<ForeignKey> {
    ForeignKeyDef::all(&model.def).iter().map(foreign_key).collect()
}

/// As the database has it.
pub(super) fn foreign_key(def: &ForeignKeyDef) -> ForeignKey {
    let action =
        |action: Option<&'static str>| action.filter(|words| *words != "NO ACTION").map(str::to_owned);
    ForeignKey {
        name: Some(def.name.clone()),
        columns: def.columns.clone(),
        table: def.table.clone(),
        referred: def.referred.clone(),
        on_delete: action(def.on_delete),
        on_update: action(def.on_update),
        // PostgreSQL forgets it where there is one column, which is NULL or not.
        match_full: def.check.full && def.columns.len() > 1,
        timing: def.check.timing(),
    }
}
