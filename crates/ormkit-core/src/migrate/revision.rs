//! What the graph knows of a revision.

/// A revision: the head of its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// Its id.
    pub id: String,
    /// Those that it follows: none for a base, several for a merge.
    pub down_revisions: Vec<String>,
    /// Names of the branch that begins here.
    pub branch_labels: Vec<String>,
    /// Revisions of other branches that come before it: ids or branch labels.
    pub depends_on: Vec<String>,
    /// What it does, in words.
    pub message: String,
    /// Where it is written; None for one that is not from a file.
    pub file: Option<String>,
}

impl Revision {
    /// A revision that follows others.
    pub fn new(id: impl Into<String>, down_revisions: &[&str]) -> Self {
        let down_revisions = down_revisions.iter().map(|id| (*id).to_owned()).collect();
        Self { id: id.into(), down_revisions, ..Self::default() }
    }

    /// `` `id` (file) ``, for a person to find it.
    pub fn place(&self) -> String {
        match &self.file {
            Some(file) => format!("`{}` ({file})", self.id),
            None => format!("`{}`", self.id),
        }
    }
}
