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
}

use Operator as O;

const WORDS: [(&str, Operator); 21] = [
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
        )
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
