//! Naming conventions: how constraints and indexes are called that were not given a name.
//!
//! A template holds tokens such as `%(table_name)s`, the words of SQLAlchemy's `naming_convention`.

use super::{Constraint, Field, Index, ModelDef, TableName};
use crate::error::{Error, ErrorKind, Result};
use crate::sql::ddl::names::fitted;

/// The tokens of a template.
const TOKENS: [&str; 11] = [
    "table_name",
    "constraint_name",
    "referred_table_name",
    "referred_column_0_name",
    "column_0_name",
    "column_0_key",
    "column_0_label",
    "column_0N_name",
    "column_0_N_name",
    "column_0N_label",
    "column_0_N_label",
];

/// The templates of a convention; None: the usual name.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    /// Indexes.
    pub ix: Option<String>,
    /// UNIQUE.
    pub uq: Option<String>,
    /// CHECK.
    pub ck: Option<String>,
    /// FOREIGN KEY.
    pub fk: Option<String>,
    /// PRIMARY KEY.
    pub pk: Option<String>,
}

/// A convention whose templates are known to be right.
#[derive(Clone, Debug, Default)]
pub struct Naming(Templates);

/// What a name is made of.
struct Named<'a> {
    table: &'a TableName,
    columns: Vec<&'a str>,
    constraint: Option<&'a str>,
    referred: Option<(&'a TableName, &'a str)>,
}

impl Naming {
    /// Checks the templates.
    ///
    /// # Errors
    /// A token that is not known, with the near one.
    pub fn new(templates: Templates) -> Result<Self> {
        let all = [&templates.ix, &templates.uq, &templates.ck, &templates.fk, &templates.pk];
        for template in all.into_iter().flatten() {
            let mut rest = template.as_str();
            while let Some(at) = rest.find("%(") {
                let inside = &rest[at + 2..];
                let Some(end) = inside.find(")s") else {
                    return Err(mistake(format!("naming_convention: `{template}` has a `%(` without `)s`")));
                };
                if !TOKENS.contains(&&inside[..end]) {
                    return Err(Error::unknown_name("token", &inside[..end], "naming_convention", TOKENS));
                }
                rest = &inside[end + 2..];
            }
        }
        Ok(Self(templates))
    }

    /// Names what has no name, and CHECK constraints whose template has a place for the given one.
    ///
    /// # Errors
    /// A CHECK without a name whose template asks for one.
    pub fn apply(&self, def: &mut ModelDef) -> Result<()> {
        let table = def.table.clone();
        for field in &mut def.fields {
            self.name_field(&table, field);
        }
        let mut named_key = false;
        for constraint in &mut def.constraints {
            named_key |= matches!(constraint, Constraint::PrimaryKey { .. });
            self.name_constraint(&table, constraint)?;
        }
        for index in &mut def.indexes {
            self.name_index(&table, index);
        }
        let has_key = def.fields.iter().any(|field| field.primary_key);
        if let (Some(template), false, true) = (&self.0.pk, named_key, has_key) {
            let columns = def.fields.iter().filter(|field| field.primary_key);
            let columns = columns.map(|field| field.column.as_str()).collect();
            let name = Named { table: &table, columns, constraint: None, referred: None }.by(template);
            def.constraints.push(Constraint::PrimaryKey { name });
        }
        Ok(())
    }

    /// Names an index that has no name.
    pub fn name_index(&self, table: &TableName, index: &mut Index) {
        if let (Some(template), None) = (&self.0.ix, &index.name) {
            index.name =
                Some(Named { table, columns: index.words(), constraint: None, referred: None }.by(template));
        }
    }

    fn name_field(&self, table: &TableName, field: &mut Field) {
        let own = |template: &String| {
            Named { table, columns: vec![&field.column], constraint: None, referred: None }.by(template)
        };
        let unique = self.0.uq.as_ref().filter(|_| field.unique && !field.index).map(own);
        let index = self.0.ix.as_ref().filter(|_| field.index).map(own);
        field.names.unique = unique.or(field.names.unique.take());
        field.names.index = index.or(field.names.index.take());
        if let (Some(template), Some(key)) = (&self.0.fk, &mut field.foreign_key)
            && key.name.is_none()
        {
            let referred = Some((&key.table, key.column.as_str()));
            let named = Named { table, columns: vec![&field.column], constraint: None, referred };
            key.name = Some(named.by(template));
        }
    }

    fn name_constraint(&self, table: &TableName, constraint: &mut Constraint) -> Result<()> {
        match constraint {
            Constraint::Unique { name: name @ None, columns, .. } => {
                let columns = columns.iter().map(String::as_str).collect();
                let named = Named { table, columns, constraint: None, referred: None };
                *name = self.0.uq.as_deref().map(|template| named.by(template));
            }
            Constraint::Check { name, .. } => match &self.0.ck {
                Some(template) if template.contains("%(constraint_name)s") => {
                    let Some(given) = name.as_deref() else {
                        return Err(mistake(format!(
                            "the naming convention `{template}` needs a name: CheckConstraint(.., name=..)"
                        )));
                    };
                    let by = |given| {
                        Named { table, columns: vec![], constraint: Some(given), referred: None }.by(template)
                    };
                    // A subclass has the constraints of its parent, which are named already.
                    let (before, after) = template.split_once("%(constraint_name)s").unwrap_or_default();
                    let frame = |part: &str| {
                        Named { table, columns: vec![], constraint: None, referred: None }.by(part)
                    };
                    let is_done = template.trim() != "%(constraint_name)s"
                        && given.starts_with(&frame(before))
                        && given.ends_with(&frame(after));
                    if !is_done {
                        *name = Some(by(given));
                    }
                }
                _ => {}
            },
            Constraint::ForeignKey { name: name @ None, columns, table: to, referred, .. } => {
                let columns = columns.iter().map(String::as_str).collect();
                let referred = referred.first().map(|column| (&*to, column.as_str()));
                let named = Named { table, columns, constraint: None, referred };
                *name = self.0.fk.as_deref().map(|template| named.by(template));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Named<'_> {
    fn by(&self, template: &str) -> String {
        let mut name = template.to_owned();
        for token in TOKENS {
            name = name.replace(&format!("%({token})s"), &self.value(token));
        }
        fitted(name)
    }

    fn value(&self, token: &str) -> String {
        let table = &self.table.name;
        let label = |column: &&str| format!("{table}_{column}");
        let first = self.columns.first();
        match token {
            "table_name" => table.clone(),
            "constraint_name" => self.constraint.unwrap_or_default().to_owned(),
            "referred_table_name" => self.referred.map_or_else(String::new, |(table, _)| table.name.clone()),
            "referred_column_0_name" => {
                self.referred.map_or_else(String::new, |(_, column)| column.to_owned())
            }
            "column_0_label" => first.map_or_else(String::new, label),
            "column_0N_name" => self.columns.concat(),
            "column_0_N_name" => self.columns.join("_"),
            "column_0N_label" => self.columns.iter().map(label).collect::<Vec<_>>().concat(),
            "column_0_N_label" => self.columns.iter().map(label).collect::<Vec<_>>().join("_"),
            _ => first.map_or_else(String::new, |column| (*column).to_owned()),
        }
    }
}

fn mistake(text: String) -> Error {
    Error::new(ErrorKind::Mapping(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ColumnType;

    fn templates() -> Templates {
        Templates {
            ix: Some("ix_%(column_0_label)s".into()),
            uq: Some("uq_%(table_name)s_%(column_0_N_name)s".into()),
            ck: Some("ck_%(table_name)s_%(constraint_name)s".into()),
            fk: Some("fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s".into()),
            pk: Some("pk_%(table_name)s".into()),
        }
    }

    fn def() -> ModelDef {
        let mut user = Field::new("user_id", ColumnType::Integer).references("users", "id");
        user.index = true;
        ModelDef {
            module: "app".into(),
            constraints: vec![Constraint::Check {
                name: Some("positive".into()),
                condition: "id > 0".into(),
            }],
            indexes: vec![Index::on(None, ["id", "user_id"], false)],
            ..ModelDef::new("Post", "posts", vec![Field::new("id", ColumnType::Integer).key(), user])
        }
    }

    #[test]
    fn every_kind_is_named_by_its_template() {
        let mut def = def();
        Naming::new(templates()).unwrap().apply(&mut def).unwrap();
        let key = def.fields[1].foreign_key.as_ref().unwrap();
        assert_eq!(key.name.as_deref(), Some("fk_posts_user_id_users"));
        assert_eq!(def.fields[1].names.index.as_deref(), Some("ix_posts_user_id"));
        assert_eq!(def.indexes[0].name.as_deref(), Some("ix_posts_id"));
        let positive =
            Constraint::Check { name: Some("ck_posts_positive".into()), condition: "id > 0".into() };
        assert_eq!(def.constraints, [positive, Constraint::PrimaryKey { name: "pk_posts".into() }]);
    }

    #[test]
    fn a_token_that_is_not_known_is_refused() {
        let templates = Templates { uq: Some("%(tablename)s".into()), ..Templates::default() };
        assert!(Naming::new(templates).unwrap_err().to_string().contains("table_name"));
    }

    #[test]
    fn a_check_without_the_name_that_its_template_asks_for_is_refused() {
        let mut def = def();
        def.constraints = vec![Constraint::Check { name: None, condition: "id > 0".into() }];
        assert!(Naming::new(templates()).unwrap().apply(&mut def).is_err());
    }
}
