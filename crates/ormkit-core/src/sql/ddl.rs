//! CREATE and DROP of what models declare.

mod drop;
mod exclude;
mod foreign_key;
mod index;
mod length;
pub mod names;
mod table;

pub use drop::{drop_all, drop_some};

use std::collections::HashSet;
use std::sync::Arc;

use super::{Dialect, DialectName, Spelling, SqlWriter};
use crate::error::Result;
use crate::model::{ColumnType, EnumType, FieldDefault, Model, ModelId, Schema, Sequence, TableName};
use crate::value::Params;
pub(crate) use exclude::{definition as exclude_definition, name as exclude_name};
pub(crate) use foreign_key::ForeignKeyDef;
pub(crate) use index::{declared_indexes, index_expression};
pub(crate) use length::{fits, table_fits};

/// A step of a script: steps run in order and may all be run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DdlStep {
    /// A statement.
    Run(String),
    /// A statement that has no `IF NOT EXISTS`.
    Unless {
        /// A query of one boolean: true when there is nothing to do.
        exists: String,
        /// The statement.
        then: String,
    },
}

/// The steps that create the tables of `models`, with their types, constraints, indexes and comments, as far as they do
/// not exist yet. Tables come after those they refer to; keys that go round in a circle are added last (PostgreSQL;
/// SQLite takes them as they are).
///
/// # Errors
/// `Unsupported`: a column has a type that the dialect lacks, or a constraint an option. `InvalidRequest`: a name that PostgreSQL
/// would cut.
pub fn create_all<'a>(
    schema: &Schema,
    models: &[ModelId],
    spelling: impl Into<Spelling<'a>>,
) -> Result<Vec<DdlStep>> {
    Ok(placed(schema, models, spelling.into())?.into_iter().map(|(step, _)| step).collect())
}

/// The same, with whose table each step is about; an enum may be that of several.
///
/// # Errors
/// As [`create_all`].
pub(crate) fn placed<'m>(
    schema: &'m Schema,
    models: &[ModelId],
    spelling: Spelling<'_>,
) -> Result<Vec<(DdlStep, Option<&'m Model>)>> {
    let dialect = spelling.dialect;
    schema.check(models)?;
    let models = in_order(schema, models);
    models.iter().try_for_each(|model| {
        length::model_fits(model, dialect)?;
        require_types(schema, model, dialect)
    })?;
    let mut steps = Vec::new();
    for enumeration in enums(&models).iter().filter(|_| dialect.native_enums) {
        steps.push((create_enum(enumeration, spelling), None));
    }
    for sequence in sequences(&models).iter().filter(|_| dialect.name == DialectName::Postgres) {
        steps.push((create_sequence(sequence, spelling), None));
    }
    let mut later = Vec::new();
    let mut done: HashSet<&TableName> = HashSet::new();
    let all: HashSet<&TableName> = models.iter().map(|model| model.table()).collect();
    for model in models {
        let model: &'m Model = model;
        done.insert(model.table());
        let (now, circular): (Vec<_>, Vec<_>) = ForeignKeyDef::all(&model.def).into_iter().partition(|key| {
            let alone = !all.contains(&key.table) || done.contains(&key.table);
            !dialect.adds_constraints || (alone && !key.check.alter)
        });
        let mut own = vec![DdlStep::Run(checked(schema, spelling, |out| table::create(out, model, &now))?)];
        later.extend(circular.into_iter().map(|key| (add_constraint(model, &key, spelling), Some(model))));
        own.extend(index::indexes(schema, model, spelling)?);
        own.extend(table::comments(model, spelling));
        steps.extend(own.into_iter().map(|step| (step, Some(model))));
    }
    steps.extend(later);
    Ok(steps)
}

/// The steps that create the tables of `models`, all of one schema, under their names alone: without the schema, and without
/// foreign keys; with whose table each step is about.
///
/// # Errors
/// As [`create_all`].
pub(crate) fn rehearsal<'m>(
    schema: &Schema,
    originals: &[&'m Model],
    dialect: &'static Dialect,
) -> Result<Vec<(DdlStep, Option<&'m Model>)>> {
    let alone = |model: &&Model| {
        let mut def = model.def.clone();
        def.table.schema = None;
        Arc::new(model.with_def(def))
    };
    let models: Vec<Arc<Model>> = originals.iter().map(alone).collect();
    models.iter().try_for_each(|model| require_types(schema, model, dialect))?;
    let borrowed: Vec<&Arc<Model>> = models.iter().collect();
    let mut steps: Vec<(DdlStep, Option<&'m Model>)> =
        enums(&borrowed).iter().map(|kind| (create_enum(kind, dialect.into()), None)).collect();
    for (model, original) in models.iter().zip(originals) {
        let mut own = vec![DdlStep::Run(checked(schema, dialect, |out| table::create(out, model, &[]))?)];
        own.extend(index::indexes(schema, model, dialect.into())?);
        own.extend(table::comments(model, dialect.into()));
        steps.extend(own.into_iter().map(|step| (step, Some(*original))));
    }
    Ok(steps)
}

/// Refuses a model with a column of a type that the dialect lacks.
fn require_types(schema: &Schema, model: &Model, dialect: &'static Dialect) -> Result<()> {
    let mut params = Params::new();
    let mut out = SqlWriter::new(dialect, schema, &mut params);
    for field in model.field_ids().filter(|field| model.property(*field).is_none()) {
        out.require_type(model, field);
    }
    out.finish().map(drop)
}

/// The models, each table once, those referred to first; with the junctions between them that nobody declares.
pub(crate) fn in_order<'a>(schema: &'a Schema, models: &[ModelId]) -> Vec<&'a Arc<Model>> {
    let mut seen = HashSet::new();
    let mut ordered: Vec<&Arc<Model>> = models
        .iter()
        .flat_map(|id| schema.tables_of(*id))
        .filter(|model| seen.insert(model.table()))
        .collect();
    let junctions = schema.implied_junctions(models);
    ordered.extend(junctions.into_iter().filter(|junction| seen.insert(junction.table())));
    ordered.sort_by_key(|model| model.rank);
    ordered
}

/// All enum types, each once.
pub(crate) fn enums(models: &[&Arc<Model>]) -> Vec<Arc<EnumType>> {
    let mut found: Vec<Arc<EnumType>> = Vec::new();
    for field in models.iter().flat_map(|model| model.columns()) {
        let scalar = match &field.column_type {
            ColumnType::Array(element) => element,
            column_type => column_type,
        };
        if let ColumnType::Enum(enumeration) = scalar
            && !found
                .iter()
                .any(|known| (&known.schema, &known.name) == (&enumeration.schema, &enumeration.name))
        {
            found.push(Arc::clone(enumeration));
        }
    }
    found
}

/// All sequences, each once.
pub(crate) fn sequences(models: &[&Arc<Model>]) -> Vec<Arc<Sequence>> {
    let mut found: Vec<Arc<Sequence>> = Vec::new();
    for field in models.iter().flat_map(|model| model.columns()) {
        if let FieldDefault::Sequence(sequence) = &field.default
            && !found.iter().any(|known| known.name == sequence.name)
        {
            found.push(Arc::clone(sequence));
        }
    }
    found
}

fn create_sequence(sequence: &Sequence, spelling: Spelling<'_>) -> DdlStep {
    DdlStep::Run(written(spelling, |out| {
        out.push("CREATE SEQUENCE IF NOT EXISTS ");
        out.table(&sequence.name);
        for option in sequence.options.options() {
            out.push(" ");
            out.push(&option);
        }
    }))
}

fn create_enum(enumeration: &EnumType, spelling: Spelling<'_>) -> DdlStep {
    let exists = written(spelling, |out| {
        out.push("SELECT EXISTS (SELECT 1 FROM pg_type WHERE typname = ");
        out.literal(&enumeration.name);
        match out.schema_name(&enumeration.schema) {
            Some(schema) => {
                out.push(" AND typnamespace = (SELECT oid FROM pg_namespace WHERE nspname = ");
                out.literal(schema);
                out.push("))");
            }
            None => out.push(" AND pg_type_is_visible(oid))"),
        }
    });
    let then = written(spelling, |out| {
        out.push("CREATE TYPE ");
        out.enumeration(enumeration);
        out.push(" AS ENUM (");
        out.list(&enumeration.labels, |out, label| out.literal(label));
        out.push(")");
    });
    DdlStep::Unless { exists, then }
}

fn add_constraint(model: &Model, key: &ForeignKeyDef, spelling: Spelling<'_>) -> DdlStep {
    let exists = written(spelling, |out| {
        out.push("SELECT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = ");
        out.literal(&key.name);
        out.push(" AND conrelid = ");
        let table = written(spelling, |out| out.table(model.table()));
        out.literal(&table);
        out.push("::regclass)");
    });
    let then = written(spelling, |out| {
        out.push("ALTER TABLE ");
        out.table(model.table());
        out.push(" ADD ");
        key.write(out);
    });
    DdlStep::Unless { exists, then }
}

/// The text of a statement that the dialect may lack something for; its values are literals.
pub(crate) fn checked<'a>(
    schema: &Schema,
    spelling: impl Into<Spelling<'a>>,
    write: impl FnOnce(&mut SqlWriter<'_>),
) -> Result<String> {
    let mut params = Params::new();
    let mut out = SqlWriter::new(spelling.into(), schema, &mut params).inline_values();
    write(&mut out);
    Ok(out.finish()?.text)
}

/// The text of a statement without parameters.
pub(crate) fn written<'a>(
    spelling: impl Into<Spelling<'a>>,
    write: impl FnOnce(&mut SqlWriter<'_>),
) -> String {
    let (schema, mut params) = (Schema::default(), Params::new());
    let mut out = SqlWriter::new(spelling.into(), &schema, &mut params);
    write(&mut out);
    out.into_parts().0
}

#[cfg(test)]
mod tests;
