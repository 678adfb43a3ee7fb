//! Columns whose types are those of what their foreign keys refer to.

use super::super::{ColumnType, Constraint, FieldId, ModelId};
use super::Registry;

impl Registry {
    /// Gives such columns their types as far as what they refer to is declared and has its own. A foreign key that leads
    /// nowhere is a mistake that is found when references are resolved.
    pub(super) fn type_keys(&mut self) {
        let mut waiting = std::mem::take(&mut self.untyped);
        loop {
            let before: usize = waiting.iter().map(|(_, fields)| fields.len()).sum();
            for at in 0..waiting.len() {
                let (id, fields) = (waiting[at].0, std::mem::take(&mut waiting[at].1));
                for field in fields {
                    match self.referred_type(id, field, &waiting) {
                        Some(column_type) => {
                            self.defs[id.index()].fields[field.index()].column_type = column_type;
                        }
                        None => waiting[at].1.push(field),
                    }
                }
            }
            waiting.retain(|(_, fields)| !fields.is_empty());
            if waiting.iter().map(|(_, fields)| fields.len()).sum::<usize>() == before {
                break;
            }
        }
        self.untyped = waiting;
    }

    fn referred_type(
        &self,
        id: ModelId,
        field: FieldId,
        waiting: &[(ModelId, Vec<FieldId>)],
    ) -> Option<ColumnType> {
        let def = self.def(id);
        let own = &def.fields[field.index()];
        let (table, column) = match &own.foreign_key {
            Some(key) => (&key.table, &key.column),
            None => def.constraints.iter().find_map(|constraint| match constraint {
                Constraint::ForeignKey { columns, table, referred, .. } => {
                    let at = columns.iter().position(|column| *column == own.column)?;
                    Some((table, referred.get(at)?))
                }
                _ => None,
            })?,
        };
        let target = if def.table == *table { id } else { self.find_table(self.space(id), table)? };
        let at = self.def(target).fields.iter().position(|field| field.column == *column)?;
        let is_waiting =
            waiting.iter().any(|(other, fields)| *other == target && fields.contains(&FieldId(at as u16)));
        (!is_waiting).then(|| self.def(target).fields[at].column_type.clone())
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{Field, ModelDef, Space};

    use super::*;

    fn table(name: &str, fields: Vec<Field>) -> ModelDef {
        ModelDef::new(name, name, fields)
    }

    #[test]
    fn a_column_has_the_type_of_what_it_refers_to_over_several_tables() {
        let mut registry = Registry::new();
        let to = |target: &str| Field::new("a", ColumnType::Integer).references(target, "a");
        let first =
            registry.declare_table(Space(0), table("one", vec![to("two")]), vec![FieldId(0)]).unwrap();
        registry.declare_table(Space(0), table("two", vec![to("three")]), vec![FieldId(0)]).unwrap();
        assert!(registry.freeze().is_err());
        let text = vec![Field::new("a", ColumnType::Text).key()];
        registry.declare(table("three", text)).unwrap();
        let schema = registry.freeze().unwrap();
        assert_eq!(schema.model(first).fields()[0].column_type, ColumnType::Text);
        assert!(schema.model(first).key.is_empty());
    }
}
