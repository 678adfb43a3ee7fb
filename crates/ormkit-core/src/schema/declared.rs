//! The schema that models declare, in their own words: what [`wanted`](super::wanted) asks a database to say in its words.

use super::wanted::{declared_sequences, foreign_key};
use super::{
    Catalog, Check, Column, Computed, Enum, Exclusion, Index, IndexPart, IndexTerm, Numbering, NumberingKind,
    PrimaryKey, Table, Timing, Unique,
};
use crate::error::Result;
use crate::model::{
    ColumnType, Constraint, Field, FieldDefault, Index as IndexDef, IndexTerm as TermDef, Model, ModelId,
    Schema, TableName,
};
use crate::query::{Expr, Nulls};
use crate::sql::ddl::{self, ForeignKeyDef, names};
use crate::sql::{Dialect, DialectName, type_name};

/// The schema of `models` in the language of `dialect`.
///
/// # Errors
/// `Unsupported`: a type or an option that the dialect lacks.
pub fn declared(schema: &Schema, models: &[ModelId], dialect: &'static Dialect) -> Result<Catalog> {
    // It refuses what cannot be declared.
    ddl::create_all(schema, models, dialect)?;
    let models = ddl::in_order(schema, models);
    let mut catalog = Catalog::default();
    if dialect.native_enums {
        let enums = ddl::enums(&models);
        let made = enums.iter().map(|kind| Enum {
            name: TableName { schema: kind.schema.clone(), name: kind.name.clone() },
            labels: kind.labels.clone(),
        });
        catalog.enums = made.collect();
    }
    if dialect.name == DialectName::Postgres {
        catalog.sequences = declared_sequences(&models);
    }
    for model in models {
        catalog.tables.push(table(schema, model, dialect)?);
    }
    Ok(catalog)
}

fn table(schema: &Schema, model: &Model, dialect: &'static Dialect) -> Result<Table> {
    let mut table = Table::new(model.table().clone());
    table.comment = model.def.comment.clone().filter(|_| dialect.comments);
    table.columns = model.columns().map(|field| column(model, field, dialect)).collect();
    let key: Vec<String> = model.key.iter().map(|field| model.field(*field).column.clone()).collect();
    let said = model.def.constraints.iter().find_map(|constraint| match constraint {
        Constraint::PrimaryKey { name } => Some(name.clone()),
        _ => None,
    });
    let usual = || (dialect.name == DialectName::Postgres).then(|| format!("{}_pkey", model.table().name));
    table.primary_key = Some(PrimaryKey {
        name: said.or_else(usual),
        columns: key.clone(),
        include: Vec::new(),
        timing: Timing::Immediate,
        written: None,
        on_conflict: None,
    });
    let own =
        model.fields().iter().filter(|field| field.unique && !field.index && key != [field.column.clone()]);
    for field in own {
        let name =
            field.names.unique.clone().unwrap_or_else(|| names::unique(model.table(), &[&field.column]));
        table.uniques.push(unique(name, vec![field.column.clone()], false));
    }
    for constraint in &model.def.constraints {
        match constraint {
            Constraint::Unique { name, columns, nulls_not_distinct, timing } => {
                let name = name.clone().unwrap_or_else(|| names::unique(model.table(), columns));
                let made = unique(name, columns.clone(), *nulls_not_distinct);
                table.uniques.push(Unique { timing: *timing, ..made });
            }
            Constraint::Exclude(exclude) => table.exclusions.push(Exclusion {
                name: ddl::exclude_name(model, exclude),
                definition: ddl::checked(schema, dialect, |out| {
                    ddl::exclude_definition(out, model, exclude);
                })?,
            }),
            Constraint::Check { name, condition } => {
                table.checks.push(Check { name: name.clone(), expression: condition.clone() });
            }
            Constraint::PrimaryKey { .. } | Constraint::ForeignKey { .. } => {}
        }
    }
    let enums = model.columns().filter(|_| !dialect.native_enums);
    table.checks.extend(enums.filter_map(|field| enum_check(model, field, dialect)));
    table.foreign_keys = ForeignKeyDef::all(&model.def).iter().map(foreign_key).collect();
    for index in ddl::declared_indexes(model, dialect) {
        table.indexes.push(index_of(schema, model, &index, dialect)?);
    }
    Ok(table)
}

fn unique(name: String, columns: Vec<String>, nulls_not_distinct: bool) -> Unique {
    Unique {
        name: Some(name),
        columns,
        include: Vec::new(),
        nulls_not_distinct,
        timing: Timing::Immediate,
        written: None,
        on_conflict: None,
    }
}

fn enum_check(model: &Model, field: &Field, dialect: &'static Dialect) -> Option<Check> {
    let ColumnType::Enum(kind) = &field.column_type else { return None };
    let expression = ddl::written(dialect, |out| {
        out.name(&field.column);
        out.push(" IN (");
        out.list(&kind.labels, |out, label| out.literal(label));
        out.push(")");
    });
    Some(Check { name: Some(names::check(model.table(), &[&field.column])), expression })
}

fn column(model: &Model, field: &Field, dialect: &'static Dialect) -> Column {
    let postgres = dialect.name == DialectName::Postgres;
    let alone = field.primary_key && model.key.len() == 1;
    let text = |given: &crate::model::ServerDefault| match postgres {
        true => given.postgres.clone(),
        false => given.sqlite.clone(),
    };
    let mut column = Column::new(&field.column, data_type(&field.column_type, dialect));
    column.nullable = field.nullable && !field.primary_key;
    if let FieldDefault::Server(given) = &field.default {
        column.default = Some(text(given));
    }
    column.computed = field.computed.as_ref().map(|computed| Computed {
        expression: text(&computed.sql),
        stored: computed.persisted.unwrap_or(postgres),
    });
    let numbered = field.identity.is_some() || (alone && field.autoincrement);
    if numbered && postgres {
        let identity = field.identity.unwrap_or_default();
        let kind = if identity.always { NumberingKind::Always } else { NumberingKind::ByDefault };
        column.numbering = Some(Numbering { kind, options: identity.options() });
    }
    column.comment = field.comment.clone().filter(|_| dialect.comments);
    column
}

/// The type in the words in which the database prints it.
fn data_type(column_type: &ColumnType, dialect: &'static Dialect) -> String {
    if dialect.name == DialectName::Sqlite {
        return type_name(column_type, dialect);
    }
    match column_type {
        ColumnType::Array(element) => format!("{}[]", data_type(element, dialect)),
        ColumnType::VarChar(length) => format!("character varying({length})"),
        ColumnType::Timestamp => "timestamp without time zone".to_owned(),
        ColumnType::Time => "time without time zone".to_owned(),
        ColumnType::Enum(_) => type_name(column_type, dialect),
        _ => type_name(column_type, dialect).to_lowercase(),
    }
}

fn index_of(schema: &Schema, model: &Model, index: &IndexDef, dialect: &'static Dialect) -> Result<Index> {
    let postgres = dialect.name == DialectName::Postgres;
    let rendered = |expr: &Expr| ddl::index_expression(schema, model, expr, dialect);
    let mut parts = Vec::with_capacity(index.parts.len());
    for part in &index.parts {
        let term = match &part.term {
            TermDef::Column(name) => IndexTerm::Column(name.clone()),
            TermDef::Expr(Expr::Column(column)) => {
                IndexTerm::Column(model.field(column.field).column.clone())
            }
            TermDef::Expr(expr) => IndexTerm::Expression(rendered(expr)?),
        };
        parts.push(IndexPart {
            term,
            collation: None,
            class: part.class.clone().filter(|_| postgres),
            descending: part.descending,
            nulls_first: match part.nulls {
                Some(nulls) => postgres && nulls == Nulls::First,
                None => postgres && part.descending,
            },
        });
    }
    let condition = if postgres { &index.postgres_where } else { &index.sqlite_where };
    Ok(Index {
        name: index.name.clone().unwrap_or_else(|| names::index(model.table(), &index.words())),
        unique: index.unique,
        parts,
        include: if postgres { index.include.clone() } else { Vec::new() },
        method: index.method.clone().filter(|_| postgres),
        predicate: condition.as_ref().map(rendered).transpose()?,
        nulls_not_distinct: index.nulls_not_distinct,
        storage: match postgres {
            true => index.storage.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            false => Vec::new(),
        },
    })
}
