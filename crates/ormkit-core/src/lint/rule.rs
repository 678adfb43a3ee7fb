//! The kinds of unsafe steps.

/// A kind of unsafe step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// CREATE INDEX without CONCURRENTLY.
    IndexBlocksWrites,
    /// DROP INDEX without CONCURRENTLY.
    DropIndexBlocks,
    /// REINDEX without CONCURRENTLY.
    ReindexBlocks,
    /// CONCURRENTLY inside of a transaction.
    ConcurrentlyInTransaction,
    /// A new column that is NOT NULL and has no default.
    NotNullWithoutDefault,
    /// SET NOT NULL without a CHECK that says so already.
    SetNotNullScans,
    /// A new column whose default differs from row to row.
    VolatileDefaultRewrites,
    /// A new column that is computed or numbered for every row.
    NewColumnRewrites,
    /// ALTER COLUMN … TYPE.
    TypeChangeRewrites,
    /// ADD CHECK or FOREIGN KEY without NOT VALID.
    ConstraintScans,
    /// NOT VALID and VALIDATE in one transaction.
    ValidatedAtOnce,
    /// ADD UNIQUE, PRIMARY KEY or EXCLUDE without an index that is there.
    ConstraintBuildsIndex,
    /// VACUUM FULL, CLUSTER, SET TABLESPACE, SET LOGGED.
    TableRewritten,
    /// REFRESH MATERIALIZED VIEW without CONCURRENTLY.
    RefreshBlocks,
    /// ATTACH PARTITION, DETACH without CONCURRENTLY.
    PartitionLocks,
    /// LOCK TABLE.
    TableLocked,
    /// ALTER TYPE … ADD VALUE inside of a transaction.
    EnumValueInTransaction,
    /// A lock that keeps everybody out is waited for without limit.
    NoLockTimeout,
    /// DROP COLUMN.
    ColumnDropped,
    /// DROP COLUMN of one that a model maps.
    MappedColumnDropped,
    /// DROP TABLE, DROP SCHEMA, DROP DATABASE.
    TableDropped,
    /// TRUNCATE.
    TableEmptied,
    /// DROP … CASCADE.
    DropCascades,
    /// RENAME of a column.
    ColumnRenamed,
    /// RENAME of a table.
    TableRenamed,
    /// RENAME of a schema.
    SchemaRenamed,
    /// ALTER TYPE … RENAME VALUE.
    LabelRenamed,
    /// UPDATE or DELETE without WHERE.
    WholeTableWritten,
    /// UPDATE or DELETE of a table that an ALTER TABLE before it has locked.
    WrittenWhileLocked,
    /// DO in another language than PL/pgSQL, EXECUTE of a text that is made while it runs.
    NotLookedAt,
    /// SQLite: a new column with a default that is no constant.
    DefaultNotConstant,
    /// SQLite: a new column that is UNIQUE or a key.
    NewColumnUnique,
    /// SQLite: what ALTER TABLE cannot do there.
    NotOnSqlite,
    /// SQLite: the table is made anew.
    TableRebuilt,
    /// SQLite: a PRAGMA that does nothing inside of a transaction.
    PragmaInTransaction,
    /// SQLite: `PRAGMA writable_schema`.
    SchemaWritten,
}

impl Rule {
    /// Its stable name.
    pub fn code(self) -> &'static str {
        self.facts().0
    }

    /// Why it is unsafe.
    pub fn why(self) -> &'static str {
        self.facts().1
    }

    /// The safer way.
    pub fn instead(self) -> &'static str {
        self.facts().2
    }

    /// Every kind.
    pub const ALL: [Self; 36] = [
        Self::IndexBlocksWrites,
        Self::DropIndexBlocks,
        Self::ReindexBlocks,
        Self::ConcurrentlyInTransaction,
        Self::NotNullWithoutDefault,
        Self::SetNotNullScans,
        Self::VolatileDefaultRewrites,
        Self::NewColumnRewrites,
        Self::TypeChangeRewrites,
        Self::ConstraintScans,
        Self::ValidatedAtOnce,
        Self::ConstraintBuildsIndex,
        Self::TableRewritten,
        Self::RefreshBlocks,
        Self::PartitionLocks,
        Self::TableLocked,
        Self::EnumValueInTransaction,
        Self::NoLockTimeout,
        Self::ColumnDropped,
        Self::MappedColumnDropped,
        Self::TableDropped,
        Self::TableEmptied,
        Self::DropCascades,
        Self::ColumnRenamed,
        Self::TableRenamed,
        Self::SchemaRenamed,
        Self::LabelRenamed,
        Self::WholeTableWritten,
        Self::WrittenWhileLocked,
        Self::NotLookedAt,
        Self::DefaultNotConstant,
        Self::NewColumnUnique,
        Self::NotOnSqlite,
        Self::TableRebuilt,
        Self::PragmaInTransaction,
        Self::SchemaWritten,
    ];

    /// Code, why, and the safer way.
    fn facts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::IndexBlocksWrites => (
                "index-blocks-writes",
                "writes to the table wait until the index is built",
                "CREATE INDEX CONCURRENTLY, outside of a transaction",
            ),
            Self::DropIndexBlocks => (
                "drop-index-blocks",
                "it waits for every query of the table, and everything behind it waits along",
                "DROP INDEX CONCURRENTLY, outside of a transaction",
            ),
            Self::ReindexBlocks => (
                "reindex-blocks",
                "writes wait until the index is built, and reads that use it",
                "REINDEX … CONCURRENTLY, outside of a transaction",
            ),
            Self::ConcurrentlyInTransaction => (
                "concurrently-in-transaction",
                "PostgreSQL refuses CONCURRENTLY inside of a transaction",
                "a revision of its own with op.get_context().autocommit_block()",
            ),
            Self::NotNullWithoutDefault => (
                "not-null-without-default",
                "it fails where the table has rows, which have no value for the column",
                "add it nullable or with a default, fill it, then say NOT NULL",
            ),
            Self::SetNotNullScans => (
                "set-not-null-scans",
                "the whole table is read while nobody else can use it",
                "ADD CONSTRAINT … CHECK (column IS NOT NULL) NOT VALID, then VALIDATE it in a transaction of its own, then SET NOT NULL",
            ),
            Self::VolatileDefaultRewrites => (
                "volatile-default-rewrites",
                "every row gets a value of its own: the table is written anew while nobody else can use it",
                "add the column without a default, set the default, then fill the rows in batches",
            ),
            Self::NewColumnRewrites => (
                "new-column-rewrites",
                "every row gets a number or a computed value: the table is written anew while nobody else can use it",
                "add a plain column, fill it in batches, then add the sequence; compute in the program or in a view",
            ),
            Self::TypeChangeRewrites => (
                "type-change-rewrites",
                "the table and its indexes are written anew while nobody else can use it, unless the stored form stays",
                "add a column of the new type, write both, fill it in batches, read the new one, drop the old one",
            ),
            Self::ConstraintScans => (
                "constraint-scans",
                "all rows are checked while writes wait",
                "ADD CONSTRAINT … NOT VALID, then VALIDATE CONSTRAINT in a transaction of its own",
            ),
            Self::ValidatedAtOnce => (
                "validated-at-once",
                "the lock of ADD CONSTRAINT is held while all rows are checked: NOT VALID gains nothing",
                "commit between ADD CONSTRAINT … NOT VALID and VALIDATE CONSTRAINT",
            ),
            Self::ConstraintBuildsIndex => (
                "constraint-builds-index",
                "its index is built while nobody else can use the table",
                "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … USING INDEX",
            ),
            Self::TableRewritten => (
                "table-rewritten",
                "the table is written anew while nobody else can use it",
                "pg_repack, or a quiet hour",
            ),
            Self::RefreshBlocks => (
                "refresh-blocks",
                "nobody can read the view until it is filled",
                "REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index",
            ),
            Self::PartitionLocks => (
                "partition-locks",
                "ATTACH reads the whole partition unless a CHECK says what is in it; DETACH locks everybody out",
                "add such a CHECK before ATTACH; DETACH … CONCURRENTLY from PostgreSQL 14 on",
            ),
            Self::TableLocked => (
                "table-locked",
                "others wait for the lock until the transaction ends",
                "let statements take the locks that they need, and set lock_timeout",
            ),
            Self::EnumValueInTransaction => (
                "enum-value-in-transaction",
                "the label cannot be used before the transaction has committed; before PostgreSQL 12 it cannot even be added",
                "a step of its own with op.get_context().autocommit_block()",
            ),
            Self::NoLockTimeout => (
                "no-lock-timeout",
                "it waits behind the longest query, and everybody else waits behind it",
                "SET lock_timeout = '2s' before it, or ormkit migrate up --lock-timeout 2, which tries again when it runs out",
            ),
            Self::ColumnDropped => (
                "column-dropped",
                "its values are lost, and programs that still read it fail",
                "first release a program that does not use the column, then drop it",
            ),
            Self::MappedColumnDropped => (
                "mapped-column-dropped",
                "a model still maps the column: every query of it fails",
                "take the attribute out of the model and release that first",
            ),
            Self::TableDropped => (
                "table-dropped",
                "its rows are lost, and programs that still use it fail",
                "rename it aside for a while, and drop it later",
            ),
            Self::TableEmptied => (
                "table-emptied",
                "its rows are lost, and nobody can use the table meanwhile",
                "delete what is to go, in batches",
            ),
            Self::DropCascades => (
                "drop-cascades",
                "whatever depends on it goes along, unseen",
                "drop by name what is to go, without CASCADE",
            ),
            Self::ColumnRenamed => (
                "column-renamed",
                "programs that use the old name fail from that moment on",
                "add a column, write both, move the readers, drop the old one; or keep the column's name and rename the attribute",
            ),
            Self::TableRenamed => (
                "table-renamed",
                "programs that use the old name fail from that moment on",
                "a view of the old name in the same transaction, or keep the table's name and rename the class",
            ),
            Self::SchemaRenamed => (
                "schema-renamed",
                "programs that use the old name fail from that moment on",
                "make the new schema, move the tables one by one, and leave views of their old names behind",
            ),
            Self::LabelRenamed => (
                "label-renamed",
                "programs that write the old label fail from that moment on, and those that read the new one do not know it",
                "add the new label, release a program that knows both, convert the rows in batches, and let the old one be",
            ),
            Self::WrittenWhileLocked => (
                "written-while-locked",
                "an ALTER TABLE before it has locked everybody out of the table, until all rows are written and the transaction ends",
                "write the rows in a revision of its own behind that one, in batches, each committed by itself",
            ),
            Self::WholeTableWritten => (
                "whole-table-written",
                "all rows are written in one transaction: their locks are held until its end, and the table grows",
                "write in batches, each committed by itself",
            ),
            Self::NotLookedAt => (
                "not-looked-at",
                "its text is made while it runs, or is in another language: nobody can tell from the script what it does",
                "write the statements out, or look at them yourself and allow it",
            ),
            Self::DefaultNotConstant => (
                "default-not-constant",
                "SQLite adds no column with such a default to a table with rows",
                "add it without a default and fill it, or make the table anew",
            ),
            Self::NewColumnUnique => (
                "new-column-unique",
                "SQLite adds no column that is UNIQUE or a key",
                "add the column, then CREATE UNIQUE INDEX",
            ),
            Self::NotOnSqlite => (
                "not-on-sqlite",
                "SQLite's ALTER TABLE cannot do it",
                "op.batch_alter_table, which makes the table anew",
            ),
            Self::TableRebuilt => (
                "table-rebuilt",
                "the table is copied while all writers wait",
                "nothing quicker where SQLite cannot alter: run it in a quiet hour",
            ),
            Self::PragmaInTransaction => (
                "pragma-in-transaction",
                "foreign_keys does nothing inside of a transaction",
                "say it before BEGIN",
            ),
            Self::SchemaWritten => (
                "schema-written",
                "a mistake in it makes the database unreadable",
                "ALTER TABLE, or make the table anew",
            ),
        }
    }
}
