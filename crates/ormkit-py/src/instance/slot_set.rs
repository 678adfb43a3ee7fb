//! A set of slot numbers: one word for the first 64, more words when a model is wider.
use smallvec::SmallVec;

/// Numbers of slots, such as those that the user has set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SlotSet {
    words: SmallVec<[u64; 2]>,
}

impl SlotSet {
    /// The set whose first 64 members are the bits of `word`, the next those of `more[0]`, and so on.
    pub(crate) fn from_words(word: u64, more: &[u64]) -> Self {
        let mut words = SmallVec::with_capacity(1 + more.len());
        words.push(word);
        words.extend_from_slice(more);
        Self { words }
    }

    /// True where `slot` is a member.
    pub(crate) fn contains(&self, slot: usize) -> bool {
        self.words.get(slot / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    /// Adds `slot`.
    #[cfg(test)]
    pub(crate) fn insert(&mut self, slot: usize) {
        if self.words.len() <= slot / 64 {
            self.words.resize(slot / 64 + 1, 0);
        }
        self.words[slot / 64] |= 1 << (slot % 64);
    }

    /// True where there is no member.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The members, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(index * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_past_the_first_word_are_kept() {
        let mut set = SlotSet::default();
        assert!(set.is_empty());
        for slot in [130, 0, 63, 64] {
            set.insert(slot);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 130]);
        assert!(set.contains(130) && !set.contains(131) && !set.contains(100_000));
    }

    #[test]
    fn words_are_read_in_order() {
        let set = SlotSet::from_words(0b101, &[1 << 63]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 2, 127]);
    }
}
