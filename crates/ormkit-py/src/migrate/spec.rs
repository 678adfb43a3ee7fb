//! Operations as Python describes them: plain dicts, in the words of one dialect.

use ormkit_core::model::TableName;
use ormkit_core::schema::{
    Check, Column, Computed, Exclusion, ForeignKey, Index, IndexPart, IndexTerm, Numbering, NumberingKind,
    PrimaryKey, Table, Timing, Unique,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What a revision does.
pub(super) enum Spec {
    CreateTable {
        table: Box<Table>,
        if_not_exists: bool,
    },
    DropTable {
        table: TableName,
        if_exists: bool,
    },
    RenameTable {
        table: TableName,
        to: String,
    },
    AddColumn {
        table: TableName,
        column: Box<Column>,
        if_not_exists: bool,
    },
    DropColumn {
        table: TableName,
        column: String,
        if_exists: bool,
    },
    AlterColumn {
        table: TableName,
        column: String,
        changes: ColumnChanges,
    },
    Add {
        table: TableName,
        part: Added,
    },
    DropConstraint {
        table: TableName,
        name: String,
        kind: Option<String>,
        /// Kinds and the templates of names that constraints without one have.
        conventions: Vec<(String, String)>,
        if_exists: bool,
    },
    CreateIndex {
        table: TableName,
        index: Box<Index>,
        concurrently: bool,
        if_not_exists: bool,
    },
    DropIndex {
        schema: Option<String>,
        name: String,
        concurrently: bool,
        if_exists: bool,
    },
    TableComment {
        table: TableName,
        comment: Option<String>,
    },
}

impl Spec {
    /// The table that it is about, where it says so.
    pub(super) fn table(&self) -> Option<&TableName> {
        match self {
            Self::CreateTable { table, .. } => Some(&table.name),
            Self::DropTable { table, .. }
            | Self::RenameTable { table, .. }
            | Self::AddColumn { table, .. }
            | Self::DropColumn { table, .. }
            | Self::AlterColumn { table, .. }
            | Self::Add { table, .. }
            | Self::DropConstraint { table, .. }
            | Self::CreateIndex { table, .. }
            | Self::TableComment { table, .. } => Some(table),
            Self::DropIndex { .. } => None,
        }
    }
}

/// A constraint that is added.
#[derive(Clone)]
pub(super) enum Added {
    PrimaryKey(PrimaryKey),
    Unique(Unique),
    Check(Check),
    ForeignKey(ForeignKey),
    Exclusion(Exclusion),
}

/// What becomes of a column; None stays as it is.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct ColumnChanges {
    pub(super) nullable: Option<bool>,
    pub(super) data_type: Option<String>,
    pub(super) using: Option<String>,
    /// A list of one: the new default, or None.
    pub(super) default: Option<(Option<String>,)>,
    pub(super) comment: Option<(Option<String>,)>,
    pub(super) rename: Option<String>,
}

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct ColumnSpec {
    name: String,
    data_type: String,
    nullable: bool,
    default: Option<String>,
    comment: Option<String>,
    collation: Option<String>,
    serial: bool,
    autoincrement: bool,
    /// Always, and the options of the sequence.
    identity: Option<(bool, Vec<String>)>,
    /// The expression, and whether it is stored.
    computed: Option<(String, bool)>,
}

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct ConstraintSpec {
    kind: String,
    name: Option<String>,
    columns: Vec<String>,
    include: Vec<String>,
    nulls_not_distinct: bool,
    condition: Option<String>,
    table: Option<String>,
    schema: Option<String>,
    referred: Vec<String>,
    on_delete: Option<String>,
    on_update: Option<String>,
    match_full: bool,
    deferrable: bool,
    deferred: bool,
}

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct IndexSpec {
    name: String,
    unique: bool,
    /// Text, whether it is a column, its operator class, descending, NULLs first.
    parts: Vec<(String, bool, Option<String>, bool, bool)>,
    include: Vec<String>,
    method: Option<String>,
    predicate: Option<String>,
    nulls_not_distinct: bool,
    storage: Vec<String>,
}

/// Reads a dict.
///
/// # Errors
/// `KeyError`, `TypeError`: it is not one of ours.
pub(super) fn parse(operation: &Bound<'_, PyDict>) -> PyResult<Spec> {
    let item = |name: &str| operation.as_any().get_item(name);
    let flag = |name: &str| item(name)?.extract::<bool>();
    let text = |name: &str| item(name)?.extract::<String>();
    let schema = || item("schema")?.extract::<Option<String>>();
    let table = || Ok::<_, PyErr>(TableName { schema: schema()?, name: text("table")? });
    Ok(match &*text("op")? {
        "create_table" => {
            let mut made = Table::new(table()?);
            for column in item("columns")?.extract::<Vec<ColumnSpec>>()? {
                made.columns.push(column.into());
            }
            for constraint in item("constraints")?.extract::<Vec<ConstraintSpec>>()? {
                match added(constraint)? {
                    Added::PrimaryKey(key) => made.primary_key = Some(key),
                    Added::Unique(unique) => made.uniques.push(unique),
                    Added::Check(check) => made.checks.push(check),
                    Added::ForeignKey(key) => made.foreign_keys.push(key),
                    Added::Exclusion(exclusion) => made.exclusions.push(exclusion),
                }
            }
            for index in item("indexes")?.extract::<Vec<IndexSpec>>()? {
                made.indexes.push(index.into());
            }
            made.comment = item("comment")?.extract()?;
            (made.without_rowid, made.strict) = (flag("without_rowid")?, flag("strict")?);
            Spec::CreateTable { table: Box::new(made), if_not_exists: flag("if_not_exists")? }
        }
        "drop_table" => Spec::DropTable { table: table()?, if_exists: flag("if_exists")? },
        "rename_table" => Spec::RenameTable { table: table()?, to: text("to")? },
        "add_column" => {
            let column = item("column")?.extract::<ColumnSpec>()?;
            Spec::AddColumn {
                table: table()?,
                column: Box::new(column.into()),
                if_not_exists: flag("if_not_exists")?,
            }
        }
        "drop_column" => {
            Spec::DropColumn { table: table()?, column: text("column")?, if_exists: flag("if_exists")? }
        }
        "alter_column" => Spec::AlterColumn {
            table: table()?,
            column: text("column")?,
            changes: item("changes")?.extract()?,
        },
        "add_constraint" => Spec::Add { table: table()?, part: added(item("constraint")?.extract()?)? },
        "drop_constraint" => Spec::DropConstraint {
            table: table()?,
            name: text("name")?,
            kind: item("kind")?.extract()?,
            conventions: item("conventions")?.extract()?,
            if_exists: flag("if_exists")?,
        },
        "create_index" => Spec::CreateIndex {
            table: table()?,
            index: Box::new(item("index")?.extract::<IndexSpec>()?.into()),
            concurrently: flag("concurrently")?,
            if_not_exists: flag("if_not_exists")?,
        },
        "drop_index" => Spec::DropIndex {
            schema: schema()?,
            name: text("name")?,
            concurrently: flag("concurrently")?,
            if_exists: flag("if_exists")?,
        },
        "table_comment" => Spec::TableComment { table: table()?, comment: item("comment")?.extract()? },
        other => return Err(PyValueError::new_err(format!("no operation is called {other:?}"))),
    })
}

impl From<ColumnSpec> for Column {
    fn from(spec: ColumnSpec) -> Self {
        let plain = |kind| Numbering { kind, options: Vec::new() };
        let numbering = match spec.identity {
            Some((always, options)) => {
                let kind = if always { NumberingKind::Always } else { NumberingKind::ByDefault };
                Some(Numbering { kind, options })
            }
            None if spec.serial => Some(plain(NumberingKind::Serial)),
            None if spec.autoincrement => Some(plain(NumberingKind::Autoincrement)),
            None => None,
        };
        Self {
            nullable: spec.nullable,
            default: spec.default,
            numbering,
            computed: spec.computed.map(|(expression, stored)| Computed { expression, stored }),
            collation: spec.collation,
            comment: spec.comment,
            ..Self::new(spec.name, spec.data_type)
        }
    }
}

impl From<IndexSpec> for Index {
    fn from(spec: IndexSpec) -> Self {
        let part = |(text, is_column, class, descending, nulls_first)| IndexPart {
            term: if is_column { IndexTerm::Column(text) } else { IndexTerm::Expression(text) },
            collation: None,
            class,
            descending,
            nulls_first,
        };
        Self {
            name: spec.name,
            unique: spec.unique,
            parts: spec.parts.into_iter().map(part).collect(),
            include: spec.include,
            method: spec.method,
            predicate: spec.predicate,
            nulls_not_distinct: spec.nulls_not_distinct,
            storage: spec.storage,
        }
    }
}

fn added(spec: ConstraintSpec) -> PyResult<Added> {
    let timing = match (spec.deferrable, spec.deferred) {
        (_, true) => Timing::Deferred,
        (true, false) => Timing::Deferrable,
        (false, false) => Timing::Immediate,
    };
    let missing = |what: &str| PyValueError::new_err(format!("a constraint without {what}"));
    Ok(match &*spec.kind {
        "primary" => Added::PrimaryKey(PrimaryKey {
            name: spec.name,
            columns: spec.columns,
            include: spec.include,
            timing,
            written: None,
            on_conflict: None,
        }),
        "unique" => Added::Unique(Unique {
            name: spec.name,
            columns: spec.columns,
            include: spec.include,
            nulls_not_distinct: spec.nulls_not_distinct,
            timing,
            written: None,
            on_conflict: None,
        }),
        "check" => Added::Check(Check {
            name: spec.name,
            expression: spec.condition.ok_or_else(|| missing("a condition"))?,
        }),
        "exclude" => Added::Exclusion(Exclusion {
            name: spec.name.ok_or_else(|| missing("a name"))?,
            definition: spec.condition.ok_or_else(|| missing("a definition"))?,
        }),
        "foreignkey" => Added::ForeignKey(ForeignKey {
            name: spec.name,
            columns: spec.columns,
            table: TableName {
                schema: spec.schema,
                name: spec.table.ok_or_else(|| missing("a table that it refers to"))?,
            },
            referred: spec.referred,
            on_delete: spec.on_delete,
            on_update: spec.on_update,
            match_full: spec.match_full,
            timing,
        }),
        other => return Err(PyValueError::new_err(format!("no constraint is called {other:?}"))),
    })
}
