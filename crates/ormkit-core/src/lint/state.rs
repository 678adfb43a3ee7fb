//! What a script has said so far.

use std::collections::HashSet;

use super::{Conditions, Rule};

/// What counts of the statements before.
pub(super) struct State<'a> {
    pub(super) conditions: &'a Conditions,
    /// Inside of `BEGIN`.
    begun: bool,
    lock_timeout: bool,
    /// Of a lock without a limit is said once.
    said_no_timeout: bool,
    /// Tables that the script has made.
    made: HashSet<String>,
    /// Indexes of such tables.
    made_indexes: HashSet<String>,
    /// Tables that everybody else is locked out of until the transaction ends.
    locked: HashSet<String>,
    /// Constraints that were added NOT VALID in this transaction.
    unchecked: HashSet<String>,
    /// Columns that a validated CHECK says are never NULL.
    pub(super) never_null: HashSet<(String, String)>,
    /// Such checks that are not validated yet: the constraint, the table and the column.
    pub(super) checks: Vec<(String, String, String)>,
}

impl<'a> State<'a> {
    pub(super) fn new(conditions: &'a Conditions) -> Self {
        Self {
            conditions,
            begun: false,
            lock_timeout: false,
            said_no_timeout: false,
            made: HashSet::new(),
            made_indexes: HashSet::new(),
            locked: HashSet::new(),
            unchecked: HashSet::new(),
            never_null: HashSet::new(),
            checks: Vec::new(),
        }
    }

    pub(super) fn in_transaction(&self) -> bool {
        self.begun || self.conditions.in_transaction
    }

    pub(super) fn begin(&mut self) {
        self.begun = true;
    }

    pub(super) fn end(&mut self) {
        self.begun = false;
        self.unchecked.clear();
        self.locked.clear();
    }

    /// Into a block, which runs in one transaction; whether it is that of the statements around it.
    pub(super) fn enter(&mut self) -> bool {
        std::mem::replace(&mut self.begun, true)
    }

    /// Out of it again.
    pub(super) fn leave(&mut self, was_begun: bool) {
        self.begun = was_begun;
        if !self.in_transaction() {
            self.end();
        }
    }

    pub(super) fn limit_locks(&mut self) {
        self.lock_timeout = true;
    }

    pub(super) fn make(&mut self, table: String) {
        self.made.insert(table);
    }

    pub(super) fn make_index(&mut self, index: String) {
        self.made_indexes.insert(index);
    }

    /// True for an index that others may be using.
    pub(super) fn is_index_in_use(&self, index: &str) -> bool {
        !self.made_indexes.contains(index)
    }

    /// Others wait for the table until the transaction ends.
    pub(super) fn lock_out(&mut self, table: &str) {
        if self.in_transaction() {
            self.locked.insert(table.to_owned());
        }
    }

    pub(super) fn is_locked(&self, table: &str) -> bool {
        self.locked.contains(table)
    }

    /// True for a table that others may be using.
    pub(super) fn is_in_use(&self, table: &str) -> bool {
        !self.made.contains(table)
    }

    pub(super) fn leave_unchecked(&mut self, constraint: String) {
        self.unchecked.insert(constraint);
    }

    pub(super) fn is_unchecked(&self, constraint: &str) -> bool {
        self.in_transaction() && self.unchecked.contains(constraint)
    }

    /// A lock that keeps everybody out is taken.
    pub(super) fn lock(&mut self, rules: &mut Vec<Rule>) {
        if !self.lock_timeout && !self.said_no_timeout {
            self.said_no_timeout = true;
            rules.push(Rule::NoLockTimeout);
        }
    }

    pub(super) fn is_mapped(&self, table: &str, column: &str) -> bool {
        self.conditions.mapped.iter().any(|(known, name)| known == table && name == column)
    }
}
