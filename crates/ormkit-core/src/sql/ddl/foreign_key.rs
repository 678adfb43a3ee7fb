//! Foreign keys as they are declared, of a field or of the table.

use super::super::SqlWriter;
use super::names;
use crate::model::{Constraint, KeyCheck, ModelDef, TableName};

/// A foreign key with everything said.
pub(crate) struct ForeignKeyDef {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) table: TableName,
    pub(crate) referred: Vec<String>,
    pub(crate) on_delete: Option<&'static str>,
    pub(crate) on_update: Option<&'static str>,
    pub(crate) check: KeyCheck,
}

impl ForeignKeyDef {
    /// All foreign keys of a model: those of its fields, then those over several columns.
    pub(crate) fn all(def: &ModelDef) -> Vec<Self> {
        let of_fields = def.fields.iter().filter_map(|field| {
            let key = field.foreign_key.as_ref()?;
            let columns = vec![field.column.clone()];
            Some(Self {
                name: key
                    .name
                    .clone()
                    .unwrap_or_else(|| names::foreign_key(&def.table, &columns, &key.table)),
                columns,
                table: key.table.clone(),
                referred: vec![key.column.clone()],
                on_delete: key.on_delete,
                on_update: key.on_update,
                check: key.check,
            })
        });
        let of_table = def.constraints.iter().filter_map(|constraint| match constraint {
            Constraint::ForeignKey { name, columns, table, referred, on_delete, on_update, check } => {
                Some(Self {
                    name: name.clone().unwrap_or_else(|| names::foreign_key(&def.table, columns, table)),
                    columns: columns.clone(),
                    table: table.clone(),
                    referred: referred.clone(),
                    on_delete: *on_delete,
                    on_update: *on_update,
                    check: *check,
                })
            }
            _ => None,
        });
        of_fields.chain(of_table).collect()
    }

    /// `CONSTRAINT … FOREIGN KEY … REFERENCES …`
    pub(super) fn write(&self, out: &mut SqlWriter<'_>) {
        out.push("CONSTRAINT ");
        out.name(&self.name);
        out.push(" FOREIGN KEY (");
        out.list(&self.columns, |out, column| out.name(column));
        out.push(") REFERENCES ");
        out.table(&self.table);
        out.push(" (");
        out.list(&self.referred, |out, column| out.name(column));
        out.push(")");
        if self.check.full && self.columns.len() > 1 {
            match out.is_postgres() {
                true => out.push(" MATCH FULL"),
                // SQLite reads the words and does not act on them.
                false => out.unsupported(
                    "MATCH FULL of several columns",
                    "write a CHECK that they are NULL together",
                ),
            }
        }
        for (clause, action) in [(" ON DELETE ", self.on_delete), (" ON UPDATE ", self.on_update)] {
            if let Some(action) = action {
                out.push(clause);
                out.push(action);
            }
        }
        match self.check.deferrable {
            Some(true) => out.push(" DEFERRABLE"),
            Some(false) => out.push(" NOT DEFERRABLE"),
            None => {}
        }
        match self.check.deferred {
            Some(true) => out.push(" INITIALLY DEFERRED"),
            Some(false) => out.push(" INITIALLY IMMEDIATE"),
            None => {}
        }
    }
}
