//! How values are converted, beside what their type says: of one column, or of all SQL of an engine.
use super::JsonCodec;
use super::user::User;
use crate::fields::types::Members;
use std::sync::Arc;

/// What values between Python and a database take beside their type. None of it is on the way of a column without it.
#[derive(Clone, Default)]
pub(crate) struct Conversion {
    /// Enums: the members of the class.
    pub(crate) members: Option<Arc<Members>>,
    /// What reads and writes JSON.
    pub(crate) json: Option<Arc<JsonCodec>>,
    /// What is made of times and spans that Python cannot hold.
    pub(crate) beyond: Beyond,
    /// Several ranges are a tuple: a value that nobody changes in place.
    pub(crate) is_multirange: bool,
    /// What a class of the user's makes of the values.
    pub(crate) user: Option<Arc<User>>,
}

impl Conversion {
    /// Of a column of an enum.
    pub(crate) fn of_members(members: Members) -> Arc<Self> {
        Arc::new(Self { members: Some(Arc::new(members)), ..Self::default() })
    }

    /// That of lists of such values.
    pub(crate) fn of_list(self: &Arc<Self>) -> Arc<Self> {
        match self.user {
            Some(_) => {
                Arc::new(Self { user: Some(Arc::new(User::Each(Arc::clone(self)))), ..Self::default() })
            }
            None => Arc::clone(self),
        }
    }

    /// A `TypeDecorator` makes the values: what SQL computes of them is such a value, too.
    pub(crate) fn is_decorated(&self) -> bool {
        matches!(self.user.as_deref(), Some(User::Decorator(_)))
    }
}

/// What is made of times and spans that Python cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// A `DataError`.
    #[default]
    Refused,
    /// Infinite ones are read as Python's least and greatest.
    Clamped,
    /// The same, and Python's least and greatest are written as infinite.
    Sentinel,
    /// Months of a span are 30 days each, as PostgreSQL compares spans.
    MonthsAsDays,
}

/// What a conversion makes of such values.
pub(super) fn beyond(conversion: Option<&Conversion>) -> Beyond {
    conversion.map_or(Beyond::Refused, |conversion| conversion.beyond)
}

/// The members of an enum that a conversion knows.
pub(super) fn members(conversion: Option<&Conversion>) -> Option<&Members> {
    conversion.and_then(|conversion| conversion.members.as_deref())
}

/// What a conversion reads and writes JSON with.
pub(super) fn json(conversion: Option<&Conversion>) -> Option<&JsonCodec> {
    conversion.and_then(|conversion| conversion.json.as_deref())
}
