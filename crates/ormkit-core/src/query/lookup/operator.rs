//! The words behind the last `__`.

/// How a field is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Equal; NULL equals NULL.
    Exact,
    /// Equal but for case.
    IExact,
    /// Not equal; a NULL differs from every value.
    Ne,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// One of a list.
    In,
    /// None of a list; a NULL is in no list.
    NotIn,
    /// Is NULL (or is not, with False).
    IsNull,
    /// Is not NULL (or is, with False).
    IsNotNull,
    /// From one value to another, both included.
    Between,
    /// A LIKE pattern.
    Like,
    /// A LIKE pattern, whatever the case.
    ILike,
    /// Contains a text, literally.
    Contains,
    /// The same, whatever the case.
    IContains,
    /// Begins with a text, literally.
    StartsWith,
    /// The same, whatever the case.
    IStartsWith,
    /// Ends with a text, literally.
    EndsWith,
    /// The same, whatever the case.
    IEndsWith,
    /// A part of it matches a regular expression.
    Regex,
    /// The same, whatever the case.
    IRegex,
    /// A JSON object has a key.
    HasKey,
    /// A JSON object has all keys of a list.
    HasKeys,
    /// A JSON object has a key of a list.
    HasAnyKeys,
    /// A JSON value holds another one.
    JsonContains,
    /// A JSON value or an array is held by another one.
    ContainedBy,
    /// An array has an element in common with another.
    Overlap,
}

use Operator as O;

const WORDS: [(&str, Operator); 29] = [
    ("exact", O::Exact),
    ("iexact", O::IExact),
    ("ne", O::Ne),
    ("gt", O::Gt),
    ("gte", O::Gte),
    ("lt", O::Lt),
    ("lte", O::Lte),
    ("in", O::In),
    ("notin", O::NotIn),
    ("isnull", O::IsNull),
    ("isnotnull", O::IsNotNull),
    ("between", O::Between),
    ("range", O::Between),
    ("like", O::Like),
    ("ilike", O::ILike),
    ("contains", O::Contains),
    ("icontains", O::IContains),
    ("startswith", O::StartsWith),
    ("istartswith", O::IStartsWith),
    ("endswith", O::EndsWith),
    ("iendswith", O::IEndsWith),
    ("regex", O::Regex),
    ("iregex", O::IRegex),
    ("has_key", O::HasKey),
    ("has_keys", O::HasKeys),
    ("has_any_keys", O::HasAnyKeys),
    ("json_contains", O::JsonContains),
    ("contained_by", O::ContainedBy),
    ("overlap", O::Overlap),
];

impl Operator {
    /// All words.
    pub const NAMES: [&'static str; WORDS.len()] = {
        let mut names = [""; WORDS.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = WORDS[index].0;
            index += 1;
        }
        names
    };

    /// The operator of a word.
    pub fn of(word: &str) -> Option<Self> {
        WORDS.iter().find(|(name, _)| *name == word).map(|(_, operator)| *operator)
    }

    /// Its word.
    pub fn name(self) -> &'static str {
        WORDS.iter().find(|(_, operator)| *operator == self).map_or("exact", |(name, _)| name)
    }

    /// True for those that look at a value's text.
    pub fn is_of_text(self) -> bool {
        matches!(
            self,
            O::IExact
                | O::Like
                | O::ILike
                | O::Contains
                | O::IContains
                | O::StartsWith
                | O::IStartsWith
                | O::EndsWith
                | O::IEndsWith
                | O::Regex
                | O::IRegex
        )
    }

    /// True for those that NULL says something to: a value is NULL or not. Of it nothing is greater or a part.
    pub fn takes_null(self) -> bool {
        matches!(self, O::Exact | O::Ne | O::IExact)
    }

    /// True for those that ask for keys of a JSON object.
    pub(super) fn is_of_keys(self) -> bool {
        matches!(self, O::HasKey | O::HasKeys | O::HasAnyKeys)
    }

    /// True for those that put values in order.
    pub(super) fn is_of_order(self) -> bool {
        matches!(self, O::Gt | O::Gte | O::Lt | O::Lte | O::Between)
    }

    /// True for those that fit every type: comparisons, lists, NULL.
    pub(super) fn is_general(self) -> bool {
        self.is_of_order() || matches!(self, O::Exact | O::Ne | O::In | O::NotIn | O::IsNull | O::IsNotNull)
    }

    /// For those that deny: what they deny. Across relations they deny that any related row has it.
    pub(super) fn denied(self) -> Option<Self> {
        match self {
            O::Ne => Some(O::Exact),
            O::NotIn => Some(O::In),
            _ => None,
        }
    }
}
