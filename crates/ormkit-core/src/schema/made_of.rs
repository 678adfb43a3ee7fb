//! What goes with a column, as on PostgreSQL.

use super::token::{names, same_name};
use super::{IndexPart, IndexTerm, Part, Table};
use crate::sql::Dialect;

impl Table {
    /// The constraints and indexes that are made of a column: they go when it does.
    pub fn made_of(&self, name: &str, dialect: &Dialect) -> Vec<Part> {
        let is_it = |column: &String| same_name(column, name, dialect);
        let says = |text: &String| names(text, name, dialect);
        let key = self.primary_key.iter().filter(|key| key.columns.iter().any(is_it));
        let uniques = self.uniques.iter().filter(|unique| unique.columns.iter().any(is_it));
        let checks = self.checks.iter().filter(|check| says(&check.expression));
        let keys = self.foreign_keys.iter().filter(|key| key.columns.iter().any(is_it));
        let exclusions = self.exclusions.iter().filter(|one| says(&one.definition));
        let indexes = self.indexes.iter().filter(|index| {
            let of_it = |part: &IndexPart| match &part.term {
                IndexTerm::Column(column) => is_it(column),
                IndexTerm::Expression(text) => says(text),
            };
            index.parts.iter().any(of_it) || index.predicate.as_ref().is_some_and(says)
        });
        (key.cloned().map(Part::PrimaryKey))
            .chain(uniques.cloned().map(Part::Unique))
            .chain(checks.cloned().map(Part::Check))
            .chain(keys.cloned().map(Part::ForeignKey))
            .chain(exclusions.cloned().map(Part::Exclusion))
            .chain(indexes.cloned().map(Part::Index))
            .collect()
    }
}
