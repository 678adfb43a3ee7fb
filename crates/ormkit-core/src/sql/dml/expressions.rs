//! Columns that a flush sets to SQL expressions: they stand in front of those that are set to values, and so do their
//! own values among the parameters.

use super::super::expr::assigned;
use super::super::writer::Scope;
use super::super::{SqlWriter, select};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{FieldId, Model, Schema};
use crate::query::{Expr, FromItem};

/// Columns of a row that the statement computes which writes it.
#[derive(Clone, Copy)]
pub(crate) struct Expressions<'a> {
    pub(crate) schema: &'a Schema,
    /// The class of the objects.
    pub(crate) class: &'a Model,
    /// Which of its tables is written, where it has several.
    pub(crate) part: Option<usize>,
    /// Fields of the class, and what they are set to.
    pub(crate) set: &'a [(FieldId, Expr)],
}

impl Expressions<'_> {
    /// The columns of the table that is written.
    pub(crate) fn columns(&self) -> Vec<FieldId> {
        self.set.iter().map(|(field, _)| self.column(*field).unwrap_or(*field)).collect()
    }

    /// The column of the table that holds a field of the class.
    fn column(&self, field: FieldId) -> Option<FieldId> {
        let Some(part) = self.part else { return Some(field) };
        let fields = &self.class.parts()[part].fields;
        fields.iter().find(|(of_class, _)| *of_class == field).map(|(_, column)| *column)
    }

    /// Writes what comes in front of the statement: the common table expressions that it reads from.
    pub(super) fn begin(&self, out: &mut SqlWriter<'_>) {
        select::with(out, |walk| self.set.iter().for_each(|(_, expr)| walk.expr(expr)));
    }

    /// The values that the expressions bind, and the text where it is asked for, separated by commas. Of a new row no
    /// column is known.
    pub(super) fn values(&self, out: &mut SqlWriter<'_>, table: &Model) {
        self.check(out, |_| false);
        out.list(self.set, |out, (field, expr)| {
            assigned(out, table, self.column(*field).unwrap_or(*field), expr);
        });
    }

    /// `n = n + 1, at = now()`; columns of the row with their table where it stands `beside` others.
    pub(super) fn assignments(&self, out: &mut SqlWriter<'_>, table: &Model, beside: bool) {
        let scope = self.scope(table, beside);
        self.check(out, |item| scope.name(item).is_some());
        out.enter_scope(scope);
        out.list(self.set, |out, (field, expr)| {
            let column = self.column(*field).unwrap_or(*field);
            out.name(&table.field(column).column);
            out.push(" = ");
            assigned(out, table, column, expr);
        });
        out.close_scope();
    }

    /// Its row, under the names of all classes that it is of.
    fn scope(&self, table: &Model, beside: bool) -> Scope {
        let classes = self.class.family.iter().flat_map(|family| &family.above).copied();
        let classes = std::iter::once(self.class.id).chain(classes);
        let columns = self.part.map(|part| {
            let column = |(field, column): &(FieldId, FieldId)| (*field, table.field(*column).column.clone());
            self.class.parts()[part].fields.iter().map(column).collect()
        });
        Scope::of_row(classes, &table.table().name, beside, columns)
    }

    /// Refuses what reads from elsewhere than a SELECT of its own.
    fn check(&self, out: &mut SqlWriter<'_>, is_known: impl Fn(&FromItem) -> bool) {
        for (field, expr) in self.set {
            select::mentioned(expr, &mut |item| {
                if !is_known(&item) {
                    out.fail(self.refused(*field, &item));
                }
            });
        }
    }

    fn refused(&self, field: FieldId, item: &FromItem) -> Error {
        let place = self.class.place(field);
        let own = item.table().is_some_and(|source| self.class.is_a(source.model));
        Error::new(ErrorKind::Programming(match own {
            true => format!("{place} of a new row cannot be made of columns of that row: give it a value"),
            false => format!(
                "{place} is set to columns of another table: say which of its rows by \
                 select(..).where(..).scalar_subquery()"
            ),
        }))
    }

    /// The writer's verdict.
    pub(super) fn finish(out: &mut SqlWriter<'_>) -> Result<()> {
        out.take_error().map_or(Ok(()), Err)
    }
}
