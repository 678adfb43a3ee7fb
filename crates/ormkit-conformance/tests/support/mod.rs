//! Schemas by chance, in the words of either database.

use ormkit_core::model::TableName;
use ormkit_core::schema::{
    Catalog, Check, Column, Computed, Enum, ForeignKey, Index, IndexPart, IndexTerm, Numbering,
    NumberingKind, PrimaryKey, Table, Timing, Unique,
};

/// Numbers by chance, the same for the same seed (Marsaglia, "Xorshift RNGs").
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % count as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

const NAMES: [&str; 5] = ["t1", "t2", "t3", "t4", "T 5"];

pub(crate) fn name(name: &str) -> TableName {
    TableName { schema: None, name: name.into() }
}

/// A schema of up to five tables; all keys have something to refer to.
pub(crate) fn catalog(chance: &mut Chance, postgres: bool) -> Catalog {
    let names: Vec<&str> = NAMES.into_iter().filter(|_| !chance.one_in(4)).collect();
    let labels = ["a", "b", "c", "d"];
    let enums = if postgres {
        let labels = labels.iter().filter(|label| **label == "a" || chance.one_in(2));
        vec![Enum { name: name("mood"), labels: labels.map(|label| (*label).to_owned()).collect() }]
    } else {
        Vec::new()
    };
    let tables: Vec<Table> = names.iter().map(|table| self::table(chance, table, &names, postgres)).collect();
    let is_used = tables.iter().any(|table| table.columns.iter().any(|column| column.data_type == "mood"));
    Catalog { enums: if is_used { enums } else { Vec::new() }, tables, ..Catalog::default() }
}

fn table(chance: &mut Chance, table: &str, names: &[&str], postgres: bool) -> Table {
    let mut made = Table::new(name(table));
    made.columns.push(key_column(chance, postgres));
    for column in ["a", "b", "C c", "m"] {
        if !chance.one_in(3) {
            made.columns.push(self::column(chance, column, postgres));
        }
    }
    let ids = vec!["id".to_owned()];
    if chance.one_in(4) && made.columns[0].numbering.is_none() {
        made.uniques.push(unique(table, &["id"]));
    } else {
        let name = postgres.then(|| format!("{table}_pkey"));
        let key = PrimaryKey {
            name,
            columns: ids,
            include: vec![],
            timing: Timing::Immediate,
            written: None,
            on_conflict: None,
        };
        made.primary_key = Some(key);
    }
    let columns: Vec<String> = made.columns[1..].iter().map(|column| column.name.clone()).collect();
    for column in &columns {
        if chance.one_in(4) {
            made.uniques.push(unique(table, &[column, "id"]));
        }
        if chance.one_in(4) {
            let quoted = if column == "C c" { "\"C c\"" } else { column };
            let expression = chance.pick(&["IS NOT NULL", "IS NULL"]);
            let expression = format!("{quoted} {expression}");
            made.checks.push(Check { name: Some(format!("ck_{table}_{column}")), expression });
        }
        if chance.one_in(3) {
            made.indexes.push(index(chance, table, column));
        }
    }
    if chance.one_in(3) {
        let expression = chance.pick(&["id * 2", "id + 1"]).to_owned();
        let computed = Some(Computed { expression, stored: true });
        made.columns
            .push(Column { computed, ..Column::new("g", if postgres { "integer" } else { "INTEGER" }) });
    }
    if chance.one_in(2) {
        let target = chance.pick(names);
        made.columns.push(Column::new("ref", if postgres { "integer" } else { "INTEGER" }));
        made.foreign_keys.push(ForeignKey {
            name: Some(format!("fk_{table}")),
            columns: vec!["ref".into()],
            table: name(target),
            referred: vec!["id".into()],
            on_delete: chance.pick(&[None, Some("CASCADE"), Some("SET NULL")]).map(str::to_owned),
            on_update: None,
            match_full: false,
            timing: chance.pick(&[Timing::Immediate, Timing::Deferred]),
        });
    }
    if postgres && chance.one_in(3) {
        made.comment = Some(chance.pick(&["it's", "other"]).to_owned());
    }
    made
}

fn key_column(chance: &mut Chance, postgres: bool) -> Column {
    let mut id =
        Column { nullable: false, ..Column::new("id", if postgres { "integer" } else { "INTEGER" }) };
    if postgres && chance.one_in(2) {
        let kind = chance.pick(&[NumberingKind::Always, NumberingKind::ByDefault]);
        let options = if chance.one_in(3) { vec!["START WITH 10".to_owned()] } else { Vec::new() };
        id.numbering = Some(Numbering { kind, options });
    }
    id
}

fn column(chance: &mut Chance, name: &str, postgres: bool) -> Column {
    let (data_type, default) = match (name, postgres) {
        ("m", true) => ("mood", "'a'::mood"),
        (_, true) => chance.pick(&[
            ("integer", "7"),
            ("bigint", "1 + 2"),
            ("text", "'x'::text"),
            ("character varying(10)", "'x'::character varying"),
            ("numeric(10,2)", "1.5"),
            ("timestamp with time zone", "now()"),
        ]),
        (_, false) => {
            chance.pick(&[("INTEGER", "7"), ("TEXT", "'x' || 'y'"), ("REAL", "-1.5"), ("BLOB", "NULL")])
        }
    };
    let mut column = Column::new(name, data_type);
    column.nullable = !chance.one_in(3);
    column.default = chance.one_in(2).then(|| default.to_owned());
    if postgres && chance.one_in(4) {
        column.comment = Some(chance.pick(&["one", "two"]).to_owned());
    }
    column
}

fn unique(table: &str, columns: &[&str]) -> Unique {
    Unique {
        name: Some(format!("uq_{table}_{}", columns.join("_"))),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        include: vec![],
        nulls_not_distinct: false,
        timing: Timing::Immediate,
        written: None,
        on_conflict: None,
    }
}

fn index(chance: &mut Chance, table: &str, column: &str) -> Index {
    let part = |name: &str, descending| IndexPart {
        term: IndexTerm::Column(name.to_owned()),
        collation: None,
        class: None,
        descending,
        nulls_first: false,
    };
    Index {
        name: format!("ix_{table}_{column}"),
        unique: chance.one_in(3),
        parts: vec![part(column, false), part("id", false)],
        include: vec![],
        method: None,
        predicate: chance.one_in(2).then(|| "id > 5".to_owned()),
        nulls_not_distinct: false,
        storage: vec![],
    }
}
