//! What a step does beside naming a table and a column, in a few words.

use super::{Change, Operation, Part};

impl Operation {
    /// The constraint, index or type that it is about, or what becomes of the column; None where its kind, table and column say all.
    pub fn detail(&self) -> Option<String> {
        Some(match self {
            Self::CreateSchema(name) => format!("CREATE SCHEMA {name}"),
            Self::DropSchema(name) => format!("DROP SCHEMA {name}"),
            Self::CreateEnum(kind) => format!("CREATE TYPE {}", kind.name),
            Self::DropEnum(kind) => format!("DROP TYPE {}", kind.name),
            Self::AddEnumValue { name, label, .. } => format!("the new label {label} of {name}"),
            Self::RenameEnum { from, to } => format!("the type {from} becomes {to}"),
            Self::CreateSequence(sequence) => format!("CREATE SEQUENCE {}", sequence.name),
            Self::DropSequence(sequence) => format!("DROP SEQUENCE {}", sequence.name),
            Self::RenameTable { to, .. } | Self::RenameColumn { to, .. } => format!("becomes {to}"),
            Self::Add { part, .. } | Self::Drop { part, .. } => part.detail()?,
            Self::Alter { change, .. } => change.detail(),
            Self::Renumber { .. } => "goes on behind its highest number".to_owned(),
            Self::CreateTable(_) | Self::DropTable(_) | Self::Comment { .. } => return None,
        })
    }
}

impl Part {
    fn detail(&self) -> Option<String> {
        let (name, columns) = match self {
            Self::Column(_) => return None,
            Self::PrimaryKey(key) => (key.name.as_deref(), Some(&key.columns)),
            Self::Unique(unique) => (unique.name.as_deref(), Some(&unique.columns)),
            Self::Check(check) => (check.name.as_deref(), None),
            Self::ForeignKey(key) => (key.name.as_deref(), Some(&key.columns)),
            Self::Exclusion(exclusion) => (Some(&*exclusion.name), None),
            Self::Index(index) => (Some(&*index.name), None),
        };
        let kind = self.kind().split_once(' ').map_or("", |(_, kind)| kind);
        Some(match (name, columns, self) {
            (Some(name), ..) => format!("{kind} {name}"),
            (None, Some(columns), _) => format!("{kind} ({})", columns.join(", ")),
            (None, None, Self::Check(check)) => format!("{kind} ({})", check.expression),
            (None, None, _) => kind.to_owned(),
        })
    }
}

impl Change {
    fn detail(&self) -> String {
        let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        match self {
            Self::Type { from, to } if from.0.eq_ignore_ascii_case(&to.0) => {
                format!("COLLATE {} becomes {}", said(&from.1), said(&to.1))
            }
            Self::Type { from, to } => format!("{} becomes {}", from.0, to.0),
            Self::Nullable(true) => "NULL is allowed".to_owned(),
            Self::Nullable(false) => "NOT NULL".to_owned(),
            Self::Default { from, to } => format!("DEFAULT {} becomes {}", said(from), said(to)),
            Self::Numbering { to: None, .. } => "is numbered no more".to_owned(),
            Self::Numbering { from: None, .. } => "is numbered".to_owned(),
            Self::Numbering { .. } => "is numbered in another way".to_owned(),
            Self::Comment { .. } => "its comment".to_owned(),
        }
    }
}
