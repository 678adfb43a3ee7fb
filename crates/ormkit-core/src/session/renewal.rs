//! What an UPDATE of rows writes beside what the program sets, as a flush does for objects.

use super::Session;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::model::{FieldId, Model, OnUpdate, Version};
use crate::query::{Expr, Update};
use crate::sql::DialectName;

impl<H: Host> Session<H> {
    /// Adds the values that the host renews, each made once for all rows. What SQL renews the writer adds.
    ///
    /// # Errors
    /// `Unsupported` where the host makes a version from the one before, which it does not know of these rows.
    pub(super) fn renew_rows(&self, model: &Model, update: &mut Update) -> Result<()> {
        match update.set.is_empty() {
            true => Ok(()),
            false => self.renew_by_host(model, &mut update.set),
        }
    }

    /// Adds what an upsert renews in the row that exists: what the host does and what SQL does. A version that is counted
    /// the writer counts.
    ///
    /// # Errors
    /// As [`renew_rows`](Self::renew_rows).
    pub(super) fn renew_existing(&self, model: &Model, set: &mut Vec<(FieldId, Expr)>) -> Result<()> {
        if set.is_empty() {
            return Ok(());
        }
        self.renew_by_host(model, set)?;
        for id in &model.upkeep.sql {
            if let OnUpdate::Sql(sql) = &model.field(*id).on_update
                && !set.iter().any(|(known, _)| known == id)
            {
                let is_postgres = self.plans.dialect().name == DialectName::Postgres;
                let text = if is_postgres { &sql.postgres } else { &sql.sqlite };
                set.push((*id, Expr::Text(text.as_str().into())));
            }
        }
        Ok(())
    }

    fn renew_by_host(&self, model: &Model, set: &mut Vec<(FieldId, Expr)>) -> Result<()> {
        for field in &model.upkeep.client {
            if set.iter().any(|(known, _)| known == field) {
                continue;
            }
            let value = self.host.renewed(model, *field)?;
            // What is made anew each time is no version that a row has.
            let is_version = model.upkeep.version == Some((*field, Version::Client));
            if is_version && self.host.renewed(model, *field)? == value {
                return Err(Error::unsupported(
                    format!(
                        "an UPDATE of rows of {}, whose versions the program makes from the ones before",
                        model.name()
                    ),
                    format!("set {} as well, or change the objects", model.place(*field)),
                ));
            }
            let sql_type = model.field(*field).column_type.sql_type();
            set.push((*field, Expr::value(value, sql_type)));
        }
        Ok(())
    }
}

/// The columns that an UPDATE changes in rows: those that are set, and those that change along with them.
pub(super) fn changed_by(model: &Model, update: &Update) -> Vec<FieldId> {
    let mut fields: Vec<FieldId> = update.set.iter().map(|(field, _)| *field).collect();
    fields
        .extend(model.upkeep.fetched.iter().filter(|field| update.set.iter().all(|(set, _)| set != *field)));
    fields
}
