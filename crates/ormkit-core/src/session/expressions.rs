//! Attributes that were set to SQL expressions: the statement that writes their object computes them, and answers what
//! they are.

use super::group::Group;
use super::journal::Action;
use crate::driver::StatementText;
use crate::error::{Error, ErrorKind, Result};
use crate::host::Host;
use crate::model::{FieldId, FieldSet, Schema};
use crate::plan::Plans;
use crate::query::Expr;
use crate::sql::Expressions;
use crate::value::{Params, ValueRef};

/// Fields of objects and the expressions that they are set to, as one statement writes them.
pub(super) struct Assigned {
    set: Vec<(FieldId, Expr)>,
    /// The statement of one such object, which the objects of a group have alike.
    pub(super) sql: Box<str>,
    /// What the expressions bind, alike as well.
    bound: Params,
}

impl Assigned {
    /// What is set to an expression of `fields` of an object that `group` is going to write; taken out of them.
    ///
    /// # Errors
    /// What the host says of an expression; one that the statement cannot say.
    pub(super) fn of<H: Host>(
        host: &H,
        schema: &Schema,
        plans: &Plans,
        object: &H::Object,
        fields: &mut FieldSet,
        group: impl FnOnce() -> Group<H>,
    ) -> Result<Option<Box<Self>>> {
        let mut set = host.expressions(object)?;
        set.retain(|(field, _)| fields.contains(*field));
        if set.is_empty() {
            return Ok(None);
        }
        set.iter().for_each(|(field, _)| fields.remove(*field));
        let mut group = group();
        let is_key = |(field, _): &&(FieldId, Expr)| group.model.key.contains(field);
        if let Some((field, _)) = set.iter().find(is_key).filter(|_| group.action == Action::Update) {
            return Err(Error::new(ErrorKind::Programming(format!(
                "{} is part of the key, which an UPDATE of its object sets to a value alone",
                group.model.place(*field)
            ))));
        }
        group.place(fields);
        let mut bound = Params::new();
        let text = group.text_with(schema, plans, &set, false, &mut bound)?;
        Ok(Some(Box::new(Self { set, sql: text.sql.into(), bound })))
    }

    /// True where one statement may write objects of both.
    pub(super) fn joins(&self, other: &Self, plans: &Plans) -> bool {
        let is_array = |value: ValueRef<'_>| matches!(value, ValueRef::Array(_));
        // Where there are no arrays, those of a statement that runs once per row are its rows.
        (plans.dialect().arrays || !self.bound.iter().any(is_array))
            && self.bound.iter().eq(other.bound.iter())
    }
}

impl<H: Host> Group<H> {
    /// What is set to expressions.
    pub(super) fn set(&self) -> &[(FieldId, Expr)] {
        self.assigned.as_ref().map_or(&[], |assigned| &assigned.set)
    }

    /// All fields that it writes.
    pub(super) fn written(&self) -> Vec<FieldId> {
        self.fields.iter().chain(self.set().iter().map(|(field, _)| field)).copied().collect()
    }

    /// The columns of the table that are set to expressions.
    pub(super) fn computed(&self, schema: &Schema) -> Vec<FieldId> {
        match &self.assigned {
            Some(_) => self.expressions(schema, self.set()).columns(),
            None => Vec::new(),
        }
    }

    /// What stands for expressions in statements of this group.
    fn expressions<'a>(&'a self, schema: &'a Schema, set: &'a [(FieldId, Expr)]) -> Expressions<'a> {
        Expressions { schema, class: &self.model, part: self.part, set }
    }

    /// The statement with expressions; what they bind is appended to `params`.
    pub(super) fn text_with(
        &self,
        schema: &Schema,
        plans: &Plans,
        set: &[(FieldId, Expr)],
        many: bool,
        params: &mut Params,
    ) -> Result<StatementText> {
        let expressions = self.expressions(schema, set);
        let columns = (&*self.table, &*self.columns);
        match self.action {
            Action::Insert => plans.insert_expressions(columns, many, &self.returning, &expressions, params),
            _ => plans.update_expressions(columns, many, &expressions, params),
        }
    }
}
