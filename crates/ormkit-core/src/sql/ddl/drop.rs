//! DROP of what models declare.

use super::super::Spelling;
use super::foreign_key::ForeignKeyDef;
use super::{DdlStep, enums, in_order, sequences, written};
use crate::model::{EnumType, Model, ModelId, Schema, TableName};
use crate::sql::DialectName;

/// The steps that drop the tables of `models`, as far as they exist, those that refer to others first, and then the
/// enum types and the sequences.
pub fn drop_all<'a>(schema: &Schema, models: &[ModelId], spelling: impl Into<Spelling<'a>>) -> Vec<DdlStep> {
    drop_some(schema, models, &[], spelling)
}

/// The same, without the enum types and sequences that the tables of `kept` have as well.
pub fn drop_some<'a>(
    schema: &Schema,
    models: &[ModelId],
    kept: &[ModelId],
    spelling: impl Into<Spelling<'a>>,
) -> Vec<DdlStep> {
    let spelling = spelling.into();
    let models = in_order(schema, models);
    let used = enums(&in_order(schema, kept));
    let is_used =
        |kind: &EnumType| used.iter().any(|used| (&used.schema, &used.name) == (&kind.schema, &kind.name));
    let mut steps = Vec::new();
    for (index, model) in models.iter().enumerate() {
        for key in ForeignKeyDef::all(&model.def) {
            // Its target is dropped before it: the key goes round in a circle and has to be cut.
            if models[index + 1..].iter().any(|later| *later.table() == key.table) {
                steps.push(cut(model, &key, spelling));
            }
        }
    }
    for model in models.iter().rev() {
        steps.push(DdlStep::Run(written(spelling, |out| {
            out.push("DROP TABLE IF EXISTS ");
            out.table(model.table());
        })));
    }
    for enumeration in enums(&models).iter().filter(|kind| spelling.dialect.native_enums && !is_used(kind)) {
        steps.push(DdlStep::Run(written(spelling, |out| {
            out.push("DROP TYPE IF EXISTS ");
            out.enumeration(enumeration);
        })));
    }
    let kept = sequences(&in_order(schema, kept));
    let is_kept = |name: &TableName| kept.iter().any(|kept| kept.name == *name);
    let has_sequences = spelling.dialect.name == DialectName::Postgres;
    for sequence in sequences(&models).iter().filter(|known| has_sequences && !is_kept(&known.name)) {
        steps.push(DdlStep::Run(written(spelling, |out| {
            out.push("DROP SEQUENCE IF EXISTS ");
            out.table(&sequence.name);
        })));
    }
    steps
}

/// Takes a key away, or where constraints stay with their table, its values: SQLite deletes the rows of a table that it
/// drops, and checks the keys on them.
fn cut(model: &Model, key: &ForeignKeyDef, spelling: Spelling<'_>) -> DdlStep {
    if spelling.dialect.adds_constraints {
        return DdlStep::Run(written(spelling, |out| {
            out.push("ALTER TABLE IF EXISTS ");
            out.table(model.table());
            out.push(" DROP CONSTRAINT IF EXISTS ");
            out.name(&key.name);
        }));
    }
    let exists = written(spelling, |out| {
        out.push("SELECT NOT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ");
        out.literal(&model.table().name);
        out.push(")");
    });
    let then = written(spelling, |out| {
        out.push("UPDATE ");
        out.table(model.table());
        out.push(" SET ");
        out.list(&key.columns, |out, column| {
            out.name(column);
            out.push(" = NULL");
        });
    });
    DdlStep::Unless { exists, then }
}
