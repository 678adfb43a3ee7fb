//! Whose values an expression has: the one rule by which results are read and values beside an expression are bound.
//!
//! A host may make other values of a column's than its type says: enum members, documents, what a class of the program's
//! makes. They stay the column's wherever SQL hands them on:
//!
//! | node | its values are those of |
//! |---|---|
//! | a column, a column of derived rows, `EXCLUDED.x`, a parameter beside a column | the column |
//! | a label, COLLATE, a scalar subquery | what is inside |
//! | CASE, `coalesce`, `nullif`, `ifnull`, `greatest`, `least` | the first branch or argument that has any |
//! | `min`, `max`, `any_value`, `first_value`, `last_value`, `nth_value`, `lag`, `lead` | their argument |
//! | `mode`, `percentile_disc` | what they sort by |
//! | `array_agg` | a list of those of its argument |
//! | `+ -` and other operators that answer no truth value, `sum`, `avg`, `abs`, rounding, `percentile_cont` | the first operand that a class of the program's makes ([`Field::decorated`]), while the type stays of its kind; of no column otherwise |
//! | a cast, or a value, that says a type of the host's | that type |
//! | a bound value, another cast, SQL text, anything else | no column: their type is all there is |
//!
//! [`Field::decorated`]: crate::model::Field::decorated

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::super::{Bound, Item, Select};
use super::{Arithmetic, Call, Case, Expr, Labelled, Operation, OperationKind};
use crate::model::{ColumnType, FieldId, ModelId, Schema};
use crate::value::SqlType;

/// Where the types of columns are looked up: in a [`Schema`], or in what a host has declared so far.
pub trait ColumnTypes {
    /// The type of a column.
    fn column_type(&self, model: ModelId, field: FieldId) -> ColumnType;
    /// A class of the program's makes its values: [`Field::decorated`](crate::model::Field::decorated).
    fn is_decorated(&self, model: ModelId, field: FieldId) -> bool;
}

impl ColumnTypes for Schema {
    fn column_type(&self, model: ModelId, field: FieldId) -> ColumnType {
        self.model(model).field(field).column_type.clone()
    }

    fn is_decorated(&self, model: ModelId, field: FieldId) -> bool {
        self.model(model).field(field).decorated
    }
}

/// Whose values an expression has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The column, or the type.
    pub whose: Whose,
    /// What is made of its values.
    pub form: Form,
}

/// What says how values are converted, beside their SQL type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Whose {
    /// A column.
    Column(ModelId, FieldId),
    /// A type that the statement says.
    Type(HostType),
}

/// A type of the host's: what it makes of values, beside their SQL type.
#[derive(Clone)]
pub struct HostType {
    what: Arc<dyn Any + Send + Sync>,
    key: usize,
    sql_type: SqlType,
    decorated: bool,
}

impl HostType {
    /// `what` the host knows it by. Types of one `key` convert alike; no other has it while `what` is there. `decorated`: as
    /// [`Field::decorated`](crate::model::Field::decorated).
    pub fn new(what: Arc<dyn Any + Send + Sync>, key: usize, sql_type: SqlType, decorated: bool) -> Self {
        Self { what, key, sql_type, decorated }
    }

    /// What the host knows it by.
    pub fn host<T: Any>(&self) -> Option<&T> {
        self.what.downcast_ref()
    }
}

impl std::fmt::Debug for HostType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostType").field("sql_type", &self.sql_type).finish_non_exhaustive()
    }
}

impl PartialEq for HostType {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for HostType {}

impl Hash for HostType {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

/// What an expression makes of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Nothing: it shows the column.
    Column,
    /// It answers one of its values, or another of that type.
    Value,
    /// It answers lists of them.
    List,
    /// It computes with them.
    Computed,
}

impl Origin {
    /// A column itself.
    pub fn of(model: ModelId, field: FieldId) -> Self {
        Self { whose: Whose::Column(model, field), form: Form::Column }
    }

    /// The column, where it is shown as it is.
    pub fn shown(self) -> Option<(ModelId, FieldId)> {
        match self {
            Self { whose: Whose::Column(model, field), form: Form::Column } => Some((model, field)),
            _ => None,
        }
    }

    fn into_value(self) -> Self {
        match self.form {
            Form::Column => Self { form: Form::Value, ..self },
            _ => self,
        }
    }

    fn into_list(self) -> Option<Self> {
        matches!(self.form, Form::Column | Form::Value).then_some(Self { form: Form::List, ..self })
    }

    /// What is computed of it, where the result is of its kind.
    fn computed(self, columns: &dyn ColumnTypes, result: SqlType) -> Option<Self> {
        let (own, decorated) = match &self.whose {
            Whose::Column(model, field) => {
                (columns.column_type(*model, *field).sql_type(), columns.is_decorated(*model, *field))
            }
            Whose::Type(of) => (of.sql_type, of.decorated),
        };
        let stays = self.form != Form::List && decorated && is_of_one_kind(own, result);
        stays.then_some(Self { form: Form::Computed, ..self })
    }
}

/// True where a value of `result` may be one that is computed of values of `own`. What is not known is taken for another
/// number or text; the difference of two times is none.
fn is_of_one_kind(own: SqlType, result: SqlType) -> bool {
    use SqlType as S;
    let is_number =
        |of| matches!(of, S::SmallInt | S::Integer | S::BigInt | S::Numeric | S::Real | S::Double);
    match result {
        S::Unknown => is_number(own) || own == S::Text,
        result => own == result || (is_number(own) && is_number(result)),
    }
}

impl Expr {
    /// The column whose values it has; None where its type is all that is known of them. The module says the rule.
    pub fn origin(&self, columns: &dyn ColumnTypes) -> Option<Origin> {
        match self {
            Self::Column(column) => Some(Origin::of(column.source.model, column.field)),
            Self::Excluded(model, field) => Some(Origin::of(*model, *field)),
            Self::Param(param) => param.field.map(|(model, field)| Origin::of(model, field).into_value()),
            Self::Cast(node) => {
                node.host.clone().map(|of| Origin { whose: Whose::Type(of), form: Form::Value })
            }
            Self::Part(part) => part.shown().of.origin(columns),
            Self::Labelled(node) => node.expr.origin(columns),
            Self::Arithmetic(node) => node.origin(columns, self.sql_type(columns)),
            Self::Negative(inner) => inner.origin(columns)?.computed(columns, self.sql_type(columns)),
            Self::Call(node) => node.origin(columns, self.sql_type(columns)),
            Self::Operation(node) if matches!(node.kind, OperationKind::Infix { condition: false, .. }) => {
                let side = |expr: &Self| expr.origin(columns)?.computed(columns, SqlType::Unknown);
                node.args.iter().find_map(side)
            }
            other => {
                other.answers().into_iter().find_map(|expr| expr.origin(columns)).map(Origin::into_value)
            }
        }
    }

    /// The expressions of which it answers one: the branches of CASE, the arguments of `coalesce`, the column of a scalar
    /// subquery. They are of one type, and so are the values that are bound among them.
    fn answers(&self) -> Vec<&Self> {
        match self {
            Self::Case(node) => node.whens.iter().map(|(_, then)| then).chain(&node.otherwise).collect(),
            Self::Operation(node) if node.answers_an_operand() => node.args.iter().collect(),
            Self::Scalar(select) => select.shown_first().into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// True where all that it may answer are bound values: nothing in it tells the server their type.
    pub fn answers_values_alone(&self) -> bool {
        match self {
            Self::Value(_) | Self::Null => true,
            Self::Call(node) => {
                let is_value = |(at, arg): (usize, &Self)| {
                    Call::takes_value(&node.name, at) && arg.answers_values_alone()
                };
                !node.args.is_empty() && node.args.iter().enumerate().all(is_value)
            }
            other => {
                let answers = other.answers();
                !answers.is_empty() && answers.into_iter().all(Self::answers_values_alone)
            }
        }
    }

    /// The expression with other values in the place of those that it may answer: `value` is shown each, however deep it lies
    /// among branches, arguments and subqueries, and says what takes its place. None where nothing has changed.
    ///
    /// # Errors
    /// What `value` says.
    pub fn with_values<E>(
        &self,
        value: &mut dyn FnMut(&Bound) -> Result<Option<Bound>, E>,
    ) -> Result<Option<Self>, E> {
        Ok(match self {
            Self::Value(bound) => value(bound)?.map(Self::Value),
            Self::Labelled(node) => node
                .expr
                .with_values(value)?
                .map(|expr| Self::Labelled(Arc::new(Labelled { label: Arc::clone(&node.label), expr }))),
            Self::Case(node) => node.with_values(value)?.map(|node| Self::Case(node.into())),
            Self::Call(node) => {
                let among = |at| Call::takes_value(&node.name, at);
                let args = changed(&node.args, &among, value)?;
                args.map(|args| Self::Call(Arc::new(Call { args, ..Call::clone(node) })))
            }
            Self::Operation(node) if node.answers_an_operand() => {
                let args = changed(&node.args, &|_| true, value)?;
                args.map(|args| Self::Operation(Arc::new(Operation { kind: node.kind.clone(), args })))
            }
            Self::Scalar(select) => {
                let made = select.with_column(0, &mut |expr| expr.with_values(value))?;
                made.map(|select| Self::Scalar(select.into()))
            }
            _ => None,
        })
    }
}

/// The list with other values among those at the places of `among`; None where nothing has changed.
fn changed<E>(
    exprs: &[Expr],
    among: &dyn Fn(usize) -> bool,
    value: &mut dyn FnMut(&Bound) -> Result<Option<Bound>, E>,
) -> Result<Option<Vec<Expr>>, E> {
    let mut made: Option<Vec<Expr>> = None;
    for (at, expr) in exprs.iter().enumerate().filter(|(at, _)| among(*at)) {
        if let Some(other) = expr.with_values(value)? {
            made.get_or_insert_with(|| exprs.to_vec())[at] = other;
        }
    }
    Ok(made)
}

impl Select {
    /// The expression of its first column.
    fn shown_first(&self) -> Option<&Expr> {
        match (self.items.first(), &self.set) {
            (Some(Item::Value { expr, .. }), _) => Some(expr),
            (None, Some(set)) => set.parts[0].shown_first(),
            _ => None,
        }
    }

    /// The statement with another expression in a column, in each part of a set operation: `change` is shown the one that is
    /// there, and says what takes its place. None where nothing has changed.
    ///
    /// # Errors
    /// What `change` says.
    pub fn with_column<E>(
        &self,
        column: usize,
        change: &mut dyn FnMut(&Expr) -> Result<Option<Expr>, E>,
    ) -> Result<Option<Self>, E> {
        let mut made: Option<Self> = None;
        if let Some(Item::Value { expr, label }) = self.items.get(column)
            && let Some(expr) = change(expr)?
        {
            let label = label.clone();
            made.get_or_insert_with(|| self.clone()).items[column] = Item::Value { expr, label };
        }
        for (at, part) in self.set.iter().flat_map(|set| set.parts.iter().enumerate()) {
            if let Some(part) = part.with_column(column, change)? {
                let changed = made.get_or_insert_with(|| self.clone());
                changed.set.as_mut().expect("it is the same statement").parts[at] = part.into();
            }
        }
        Ok(made)
    }
}

impl Case {
    fn with_values<E>(
        &self,
        value: &mut dyn FnMut(&Bound) -> Result<Option<Bound>, E>,
    ) -> Result<Option<Self>, E> {
        let mut made: Option<Self> = None;
        for (at, (_, then)) in self.whens.iter().enumerate() {
            if let Some(then) = then.with_values(value)? {
                made.get_or_insert_with(|| self.clone()).whens[at].1 = then;
            }
        }
        if let Some(otherwise) = &self.otherwise
            && let Some(otherwise) = otherwise.with_values(value)?
        {
            made.get_or_insert_with(|| self.clone()).otherwise = Some(otherwise);
        }
        Ok(made)
    }
}

impl Operation {
    /// True for what answers one of its operands.
    fn answers_an_operand(&self) -> bool {
        matches!(self.kind, OperationKind::Collate(_) | OperationKind::Greatest | OperationKind::Least)
    }
}

impl Arithmetic {
    fn origin(&self, columns: &dyn ColumnTypes, result: SqlType) -> Option<Origin> {
        let side = |expr: &Expr| expr.origin(columns)?.computed(columns, result);
        side(&self.left).or_else(|| side(&self.right))
    }
}

/// What a function answers.
enum Answer {
    /// One of its arguments, any of them.
    Any,
    /// Its first argument, or the third one where there is no row.
    FirstOrThird,
    /// A value of its first argument.
    First,
    /// A list of them.
    List,
    /// One of the values that it sorts.
    Sorted,
    /// A value that is computed of its first argument, or of what it sorts.
    Computed,
    /// Anything else.
    Other,
}

impl Call {
    fn answer(name: &str) -> Answer {
        match name.to_ascii_lowercase().as_str() {
            "coalesce" | "nullif" | "ifnull" => Answer::Any,
            "lag" | "lead" => Answer::FirstOrThird,
            "min" | "max" | "any_value" | "first_value" | "last_value" | "nth_value" => Answer::First,
            "array_agg" => Answer::List,
            "mode" | "percentile_disc" => Answer::Sorted,
            "sum" | "avg" | "abs" | "round" | "ceil" | "ceiling" | "floor" | "trunc" | "percentile_cont" => {
                Answer::Computed
            }
            _ => Answer::Other,
        }
    }

    /// True where an argument of a function is one of the values that it answers, and not a setting.
    pub fn takes_value(name: &str, argument: usize) -> bool {
        match Self::answer(name) {
            Answer::Any => true,
            Answer::FirstOrThird => argument == 0 || argument == 2,
            Answer::First | Answer::List => argument == 0,
            Answer::Sorted | Answer::Computed | Answer::Other => false,
        }
    }

    fn origin(&self, columns: &dyn ColumnTypes, result: SqlType) -> Option<Origin> {
        let first = || self.args.first()?.origin(columns);
        let sorted = || self.within_group.first()?.expr.origin(columns);
        match Self::answer(&self.name) {
            Answer::Any => {
                self.args.iter().find_map(|argument| argument.origin(columns)).map(Origin::into_value)
            }
            Answer::First | Answer::FirstOrThird => first().map(Origin::into_value),
            Answer::List => first()?.into_list(),
            Answer::Sorted => sorted().map(Origin::into_value),
            Answer::Computed => sorted().or_else(first)?.computed(columns, result),
            Answer::Other => None,
        }
    }
}

#[cfg(test)]
mod tests;
