//! Schemas that are called otherwise in a database than in the models: one table for each tenant.

use std::collections::BTreeMap;

use super::Dialect;

/// What schemas are called in place of the names that models have for them. A schema that it does not name keeps its
/// name; None is the database's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaNames(BTreeMap<Option<String>, Option<String>>);

/// Every schema as the models call it.
static AS_DECLARED: SchemaNames = SchemaNames(BTreeMap::new());

impl SchemaNames {
    /// From pairs of a name in the models and the name in the database.
    pub fn new<N: Into<String>>(pairs: impl IntoIterator<Item = (Option<N>, Option<N>)>) -> Self {
        Self(pairs.into_iter().map(|(from, to)| (from.map(Into::into), to.map(Into::into))).collect())
    }

    /// True where every schema keeps its name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs, sorted.
    pub fn pairs(&self) -> impl Iterator<Item = (Option<&str>, Option<&str>)> {
        self.0.iter().map(|(from, to)| (from.as_deref(), to.as_deref()))
    }

    /// What a schema is called.
    pub fn of<'a>(&'a self, schema: &'a Option<String>) -> Option<&'a str> {
        self.0.get(schema).unwrap_or(schema).as_deref()
    }
}

/// How a database spells SQL, and what it calls the schemas of the models. A dialect alone calls them as they do.
#[derive(Clone, Copy, Debug)]
pub struct Spelling<'a> {
    /// How it spells SQL.
    pub dialect: &'static Dialect,
    /// What it calls schemas.
    pub schemas: &'a SchemaNames,
}

impl From<&'static Dialect> for Spelling<'_> {
    fn from(dialect: &'static Dialect) -> Self {
        Self { dialect, schemas: &AS_DECLARED }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_without_another_name_keeps_its_own() {
        let names = SchemaNames::new([(None, Some("tenant_7")), (Some("shared"), None)]);
        assert_eq!(names.of(&None), Some("tenant_7"));
        assert_eq!(names.of(&Some("shared".into())), None);
        assert_eq!(names.of(&Some("app".into())), Some("app"));
    }

    #[test]
    fn name_is_not_looked_up_twice() {
        let names = SchemaNames::new([(Some("a"), Some("b")), (Some("b"), Some("c"))]);
        assert_eq!(names.of(&Some("a".into())), Some("b"));
    }
}
