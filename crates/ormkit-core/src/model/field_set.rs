//! Sets of fields.

use smallvec::SmallVec;

use super::FieldId;

/// A set of a model's fields: one word for the first 64, more where a model has more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldSet {
    /// Never ends in a zero word, so that equal sets are equal values.
    words: SmallVec<[u64; 1]>,
}

impl FieldSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// From bits: bit n of word m is field 64 × m + n.
    pub fn from_words(words: impl IntoIterator<Item = u64>) -> Self {
        let mut set = Self { words: words.into_iter().collect() };
        set.trim();
        set
    }

    /// Adds a field.
    pub fn insert(&mut self, field: FieldId) {
        let word = field.index() / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (field.index() % 64);
    }

    /// Takes a field out.
    pub fn remove(&mut self, field: FieldId) {
        if let Some(word) = self.words.get_mut(field.index() / 64) {
            *word &= !(1 << (field.index() % 64));
        }
        self.trim();
    }

    /// True when the field is in the set.
    pub fn contains(&self, field: FieldId) -> bool {
        self.words.get(field.index() / 64).is_some_and(|word| word & (1 << (field.index() % 64)) != 0)
    }

    /// True without fields.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Adds all fields of `other`.
    pub fn extend(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = FieldId> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros();
                    rest &= rest - 1;
                    FieldId((index * 64) as u16 + bit as u16)
                })
            })
        })
    }

    fn trim(&mut self) {
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }
}

impl FromIterator<FieldId> for FieldSet {
    fn from_iter<I: IntoIterator<Item = FieldId>>(fields: I) -> Self {
        let mut set = Self::new();
        for field in fields {
            set.insert(field);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_fields_past_the_first_word() {
        let set: FieldSet = [3, 64, 199].map(FieldId).into_iter().collect();
        assert_eq!(set.iter().map(|field| field.0).collect::<Vec<_>>(), [3, 64, 199]);
        assert!(set.contains(FieldId(64)) && !set.contains(FieldId(65)));
        assert_eq!(set.len(), 3);
    }

    #[test]
    fn equal_sets_are_equal_values() {
        let mut set: FieldSet = [FieldId(1), FieldId(100)].into_iter().collect();
        set.remove(FieldId(100));
        assert_eq!(set, [FieldId(1)].into_iter().collect());
    }
}
