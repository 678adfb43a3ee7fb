//! The schema that models want, as their own script makes it.

use super::{POSTGRES, Recorded};
use crate::error::Result;
use crate::model::{ModelId, Schema};
use crate::schema::Catalog;
use crate::schema::wanted::declared_sequences;
use crate::sql::ddl::{self, DdlStep};

/// The schema of `models` on PostgreSQL, without a server to ask.
///
/// # Errors
/// What `create_all` refuses. `InvalidRequest`: a text of a model that cannot be read.
pub(in crate::schema) fn wanted(
    schema: &Schema,
    models: &[ModelId],
    default_schema: &str,
) -> Result<Catalog> {
    let mut recorded = Recorded { spells: true, ..Recorded::new(default_schema) };
    for step in ddl::create_all(schema, models, POSTGRES)? {
        let (DdlStep::Run(sql) | DdlStep::Unless { then: sql, .. }) = step;
        recorded.statement(&sql)?;
    }
    let mut wanted = Catalog { default_schema: None, ..recorded.catalog };
    let ordered = ddl::in_order(schema, models);
    wanted.sequences = declared_sequences(&ordered);
    let enums = ddl::enums(&ordered);
    let tables = wanted.tables.iter().filter_map(|table| table.name.schema.clone());
    let mut schemas: Vec<String> =
        tables.chain(enums.iter().filter_map(|kind| kind.schema.clone())).collect();
    schemas.sort();
    schemas.dedup();
    wanted.schemas = schemas;
    Ok(wanted)
}
