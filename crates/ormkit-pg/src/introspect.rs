//! Reading the catalog of PostgreSQL: seven queries in one flight, whatever the number of tables.

mod queries;

use std::collections::HashMap;

use ormkit_core::driver::{Effect, Introspect, KeptRows, Scope, Statement, StatementText};
use ormkit_core::error::{Error, Result};
use ormkit_core::model::TableName;
use ormkit_core::schema::token::bare;
use ormkit_core::schema::{
    Catalog, Check, Column, Computed, Enum, Exclusion, ForeignKey, Index, IndexPart, IndexTerm, Line,
    NamedSequence, Numbering, NumberingKind, PrimaryKey, Sequence, Table, Timing, Unique, View, usual_bounds,
};
use ormkit_core::sql::Dialect;
use ormkit_core::value::{Params, ValueRef};

const POSTGRES: &Dialect = &Dialect::POSTGRES;

/// What the driver knows of PostgreSQL's catalog.
pub(crate) struct PgCatalog;

impl Introspect for PgCatalog {
    fn queries(&self, scope: &Scope) -> Result<Vec<Statement>> {
        let (condition, namespace) = scoped(scope)?;
        let statement = |query: &str| {
            let sql = query.replace("SCOPE", &condition).replace("NAMESPACE", namespace);
            Statement::new(StatementText::new(sql, Vec::new(), None, Effect::Read).into(), Params::new())
        };
        use queries::{COLUMNS, CONSTRAINTS, ENUMS, INDEXES, SCHEMAS, SEQUENCES, TABLES};
        Ok([SCHEMAS, TABLES, COLUMNS, CONSTRAINTS, INDEXES, ENUMS, SEQUENCES].map(statement).into())
    }

    fn read(&self, answers: &[KeptRows]) -> Result<Catalog> {
        let [schemas, tables, columns, constraints, indexes, enums, sequences] = answers else {
            return Err(Error::protocol("the catalog answered another number of queries"));
        };
        let mut catalog = Catalog {
            enums: Line::all(enums).map(|line| enumeration(&line)).collect::<Result<_>>()?,
            sequences: Line::all(sequences).map(|line| sequence(&line)).collect::<Result<_>>()?,
            ..Catalog::default()
        };
        for line in Line::all(schemas) {
            match line.flag(1)? {
                true => catalog.default_schema = line.maybe(0)?,
                false => catalog.schemas.push(line.text(0)?),
            }
        }
        let mut places = HashMap::new();
        for line in Line::all(tables) {
            relation(&mut catalog, &mut places, &line)?;
        }
        let mut each = |rows: &KeptRows, add: fn(&mut Table, &Line<'_>) -> Result<()>| {
            Line::all(rows).try_for_each(|line| {
                // A table may be made between two queries.
                let place = line.number(0)?.and_then(|oid| places.get(&oid));
                place.map_or(Ok(()), |place| add(&mut catalog.tables[*place], &line))
            })
        };
        each(columns, column)?;
        each(constraints, constraint)?;
        each(indexes, index_part)?;
        Ok(catalog)
    }
}

/// The condition on a schema, and its name.
fn scoped(scope: &Scope) -> Result<(String, &'static str)> {
    const NAMED: &str = "nullif(n.nspname::text, current_schema()::text)";
    Ok(match scope {
        Scope::Default => ("n.nspname = current_schema()".into(), NAMED),
        Scope::All => ("n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'".into(), NAMED),
        Scope::Temporary => ("n.oid = pg_my_temp_schema()".into(), "NULL::text"),
        Scope::Schemas(names) => {
            let literal = |name: &String| ormkit_core::sql::quote::literal(ValueRef::Text(name), POSTGRES);
            let names = names.iter().map(literal).collect::<Result<Vec<_>>>()?;
            let all = [vec!["current_schema()".to_owned()], names].concat();
            (format!("n.nspname IN ({})", all.join(", ")), NAMED)
        }
    })
}

fn sequence(line: &Line<'_>) -> Result<NamedSequence> {
    Ok(NamedSequence { name: TableName { schema: line.maybe(0)?, name: line.text(1)? }, options: Vec::new() })
}

fn enumeration(line: &Line<'_>) -> Result<Enum> {
    Ok(Enum { name: TableName { schema: line.maybe(0)?, name: line.text(1)? }, labels: line.texts(2)? })
}

fn relation(catalog: &mut Catalog, places: &mut HashMap<i64, usize>, line: &Line<'_>) -> Result<()> {
    let name = TableName { schema: line.maybe(1)?, name: line.text(2)? };
    let kind = line.text(3)?;
    if let Some(definition) = line.maybe(5)? {
        let definition = definition.trim().trim_end_matches(';').to_owned();
        catalog.views.push(View { name, definition, materialized: kind == "m" });
        return Ok(());
    }
    let oid = line.number(0)?.ok_or_else(|| Error::protocol("a table without an OID"))?;
    places.insert(oid, catalog.tables.len());
    let (comment, unsaid) = (line.maybe(4)?, line.texts(6)?);
    catalog.tables.push(Table { comment, partitioned: kind == "p", unsaid, ..Table::new(name) });
    Ok(())
}

fn column(table: &mut Table, line: &Line<'_>) -> Result<()> {
    let mut column = Column::new(line.text(1)?, line.text(2)?);
    column.nullable = line.flag(3)?;
    column.collation = line.maybe(15)?;
    column.comment = line.maybe(16)?;
    let expression = line.maybe(4)?;
    let generated = line.text(5)?;
    column.numbering = numbering(line, expression.as_deref(), &column.data_type)?;
    if !generated.is_empty() {
        let expression = bare(&expression.unwrap_or_default(), POSTGRES).to_owned();
        column.computed = Some(Computed { expression, stored: generated == "s" });
    } else if column.numbering.is_none() {
        column.default = expression.map(|text| bare(&text, POSTGRES).to_owned());
    }
    table.columns.push(column);
    Ok(())
}

fn numbering(line: &Line<'_>, default: Option<&str>, data_type: &str) -> Result<Option<Numbering>> {
    let kind = match line.text(6)?.as_str() {
        "a" => NumberingKind::Always,
        "d" => NumberingKind::ByDefault,
        _ if line.flag(7)? && default.is_some_and(|text| text.starts_with("nextval(")) => {
            NumberingKind::Serial
        }
        _ => return Ok(None),
    };
    let number = |index| line.number(index).map(|number| number.unwrap_or(1));
    let (start, increment, min, max, cache) = (number(8)?, number(9)?, number(10)?, number(11)?, number(12)?);
    let sequence_type = line.maybe(14)?;
    let sequence = Sequence {
        start: Some(start),
        increment,
        min: Some(min),
        max: Some(max),
        cache,
        cycle: line.flag(13)?,
    };
    let options = sequence.unusual(usual_bounds(sequence_type.as_deref().unwrap_or(data_type)));
    Ok(Some(Numbering { kind, options }))
}

fn constraint(table: &mut Table, line: &Line<'_>) -> Result<()> {
    let (name, columns) = (line.text(1)?, line.texts(3)?);
    let timing = match (line.flag(4)?, line.flag(5)?) {
        (_, true) => Timing::Deferred,
        (true, false) => Timing::Deferrable,
        (false, false) => Timing::Immediate,
    };
    let (written, on_conflict) = (None, None);
    match line.text(2)?.as_str() {
        "p" => {
            let (name, include) = (Some(name), line.texts(13)?);
            table.primary_key = Some(PrimaryKey { name, columns, include, timing, written, on_conflict });
        }
        "u" => {
            let (name, include, nulls_not_distinct) = (Some(name), line.texts(13)?, line.flag(14)?);
            table.uniques.push(Unique {
                name,
                columns,
                include,
                nulls_not_distinct,
                timing,
                written,
                on_conflict,
            });
        }
        "c" => {
            let expression = bare(&line.text(6)?, POSTGRES).to_owned();
            table.checks.push(Check { name: Some(name), expression });
        }
        "f" => table.foreign_keys.push(ForeignKey {
            name: Some(name),
            columns,
            table: TableName { schema: line.maybe(7)?, name: line.text(8)? },
            referred: line.texts(9)?,
            on_delete: action(&line.text(10)?),
            on_update: action(&line.text(11)?),
            match_full: line.flag(12)?,
            timing,
        }),
        _ => table.exclusions.push(Exclusion { name, definition: line.text(6)? }),
    }
    Ok(())
}

/// The words for a code of `pg_constraint.confdeltype`.
fn action(code: &str) -> Option<String> {
    let words = match code {
        "c" => "CASCADE",
        "n" => "SET NULL",
        "d" => "SET DEFAULT",
        "r" => "RESTRICT",
        _ => return None,
    };
    Some(words.to_owned())
}

fn index_part(table: &mut Table, line: &Line<'_>) -> Result<()> {
    let name = line.text(1)?;
    if table.indexes.last().is_none_or(|index| index.name != name) {
        table.indexes.push(Index {
            name,
            unique: line.flag(2)?,
            parts: Vec::new(),
            include: Vec::new(),
            method: Some(line.text(3)?).filter(|method| method != "btree"),
            predicate: line.maybe(4)?.map(|text| bare(&text, POSTGRES).to_owned()),
            nulls_not_distinct: line.flag(5)?,
            storage: line.texts(6)?,
        });
    }
    let Some(index) = table.indexes.last_mut() else { return Ok(()) };
    let column = line.maybe(8)?;
    if let (true, Some(column)) = (line.flag(7)?, &column) {
        index.include.push(column.clone());
        return Ok(());
    }
    let options = line.number(11)?.filter(|_| line.flag(10).is_ok_and(|ordered| ordered)).unwrap_or(0);
    let term = match column {
        Some(column) => IndexTerm::Column(column),
        None => IndexTerm::Expression(bare(&line.text(9)?, POSTGRES).to_owned()),
    };
    index.parts.push(IndexPart {
        term,
        collation: line.maybe(13)?,
        class: line.maybe(12)?,
        descending: options & 1 != 0,
        nulls_first: options & 2 != 0,
    });
    Ok(())
}
