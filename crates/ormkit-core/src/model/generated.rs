//! Columns whose values come from elsewhere than the program: what the database computes and numbers, what is renewed
//! on every UPDATE, what counts the versions of a row.

use super::{Field, FieldDefault, FieldId, FieldIds, ServerDefault, TableName};

/// `GENERATED ALWAYS AS (…)`: the database computes the column from others of its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Computed {
    /// The expression.
    pub sql: ServerDefault,
    /// Kept in the row, or computed when it is read; None: as the database does by itself.
    pub persisted: Option<bool>,
}

/// `GENERATED … AS IDENTITY`: the database numbers the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `ALWAYS`: no other number is taken.
    pub always: bool,
    /// The first number.
    pub start: Option<i64>,
    /// The distance between numbers.
    pub increment: Option<i64>,
    /// The least number.
    pub min: Option<i64>,
    /// The greatest number.
    pub max: Option<i64>,
    /// Begins anew after the greatest number.
    pub cycle: bool,
    /// How many numbers a connection takes at once.
    pub cache: Option<i64>,
}

impl Identity {
    /// True when it says more than that rows are numbered.
    pub fn has_options(&self) -> bool {
        Self { always: false, ..*self } != Self::default()
    }

    /// The options in PostgreSQL's words: `START WITH 100`.
    pub fn options(&self) -> Vec<String> {
        let numbers = [
            ("START WITH", self.start),
            ("INCREMENT BY", self.increment),
            ("MINVALUE", self.min),
            ("MAXVALUE", self.max),
            ("CACHE", self.cache),
        ];
        let said =
            numbers.iter().filter_map(|(word, number)| number.map(|number| format!("{word} {number}")));
        said.chain(self.cycle.then(|| "CYCLE".to_owned())).collect()
    }
}

/// A sequence that numbers a column: PostgreSQL's, for SQLite has none. A database that has one of the name keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Its name.
    pub name: TableName,
    /// How it counts; whether numbers are always its own is not asked.
    pub options: Identity,
}

/// What UPDATE does with a column that it is not told to set.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OnUpdate {
    /// Nothing.
    #[default]
    Keep,
    /// The host makes a new value.
    Client,
    /// Sets it to this SQL expression; the value is read back.
    Sql(ServerDefault),
    /// The database changes it, by a trigger: the value is read back.
    Fetched,
}

/// How a column counts the versions of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1, 2, 3 …
    Counted,
    /// The host makes each from the one before.
    Client,
    /// The database changes it on every UPDATE.
    Server,
}

/// The fields of a model that need care when a row is written; found out once.
#[derive(Clone, Debug, Default)]
pub struct Upkeep {
    /// The host makes their values on UPDATE.
    pub client: FieldIds,
    /// The host makes their values on INSERT where none is given: a version.
    pub client_insert: FieldIds,
    /// Set to an SQL expression on UPDATE.
    pub sql: FieldIds,
    /// Set to an SQL expression on INSERT where no value is given.
    pub sql_insert: FieldIds,
    /// Read back after UPDATE.
    pub fetched: FieldIds,
    /// Never written.
    pub generated: FieldIds,
    /// The version of the row.
    pub version: Option<(FieldId, Version)>,
    /// No columns: computed where they are read.
    pub properties: FieldIds,
}

impl Upkeep {
    /// Finds them among the fields.
    pub(super) fn of(fields: &[Field]) -> Self {
        let mut upkeep = Self::default();
        for (id, field) in fields.iter().enumerate().map(|(at, field)| (FieldId(at as u16), field)) {
            upkeep.version = field.version.map(|version| (id, version)).or(upkeep.version);
            if field.property.is_some() {
                upkeep.properties.push(id);
            } else if field.is_generated() {
                upkeep.generated.push(id);
            }
            if field.on_update == OnUpdate::Client || field.version == Some(Version::Client) {
                upkeep.client.push(id);
            }
            if field.version == Some(Version::Client) {
                upkeep.client_insert.push(id);
            }
            if matches!(field.on_update, OnUpdate::Sql(_)) || field.version == Some(Version::Counted) {
                upkeep.sql.push(id);
            }
            let is_expression =
                matches!(field.default, FieldDefault::Expression(_) | FieldDefault::Sequence(_));
            if is_expression || field.version == Some(Version::Counted) {
                upkeep.sql_insert.push(id);
            }
            let is_fetched = field.computed.is_some()
                || matches!(field.on_update, OnUpdate::Sql(_) | OnUpdate::Fetched)
                || matches!(field.version, Some(Version::Counted | Version::Server));
            if is_fetched {
                upkeep.fetched.push(id);
            }
        }
        upkeep
    }
}

impl Field {
    /// True when the program never writes it.
    pub fn is_generated(&self) -> bool {
        self.computed.is_some()
            || self.property.is_some()
            || self.identity.is_some_and(|identity| identity.always)
    }

    /// True when the database may fill the column of a new row that gives no value: it is read back.
    pub fn filled_by_database(&self) -> bool {
        self.autoincrement
            || self.computed.is_some()
            || self.identity.is_some()
            || self.version.is_some()
            || matches!(
                self.default,
                FieldDefault::Server(_)
                    | FieldDefault::Expression(_)
                    | FieldDefault::Sequence(_)
                    | FieldDefault::Fetched
            )
    }
}
