//! Whole texts; that Alembic runs them is shown where Alembic is, by tests/test_autogen.py.

use super::*;
use crate::model::TableName;
use crate::schema::{
    Change, Check, Column, Enum, ForeignKey, Index, IndexPart, IndexTerm, Part, PrimaryKey, Table, Timing,
    Unique,
};

fn name(name: &str) -> TableName {
    TableName { schema: None, name: name.into() }
}

fn key(name: Option<&str>) -> PrimaryKey {
    PrimaryKey {
        name: name.map(str::to_owned),
        columns: vec!["id".into()],
        include: Vec::new(),
        timing: Timing::Immediate,
        written: None,
        on_conflict: None,
    }
}

fn users() -> Table {
    let mut table = Table::new(name("users"));
    table.columns.push(Column { nullable: false, ..Column::new("id", "integer") });
    table.columns.push(Column { default: Some("'ok'::mood".into()), ..Column::new("mood", "mood") });
    table.primary_key = Some(key(Some("users_pkey")));
    table
}

fn mood() -> Enum {
    Enum { name: name("mood"), labels: vec!["ok".into()] }
}

fn body(found: &Catalog, operations: &[Operation], dialect: &'static Dialect) -> RevisionBody {
    RevisionBody::new(found, operations, dialect).expect("Alembic can do it")
}

#[test]
fn tables_and_their_enums_are_made_and_dropped() {
    let steps = [Operation::CreateEnum(mood()), Operation::CreateTable(users())];
    let body = body(&Catalog::default(), &steps, &Dialect::POSTGRES);
    assert_eq!(body.imports, ["from sqlalchemy.dialects import postgresql"]);
    let upgrade = "\
op.execute(\"CREATE TYPE mood AS ENUM ('ok')\")
op.create_table(
    'users',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column(
        'mood',
        postgresql.ENUM('ok', name='mood', create_type=False),
        server_default=sa.text(\"'ok'::mood\"),
        nullable=True,
    ),
    sa.PrimaryKeyConstraint('id', name=op.f('users_pkey')),
)";
    assert_eq!(body.upgrade, upgrade);
    assert_eq!(body.downgrade, "op.drop_table('users')\nop.execute('DROP TYPE mood')");
}

#[test]
fn labels_are_added_outside_of_the_transaction_and_stay() {
    let found = Catalog { enums: vec![mood()], ..Catalog::default() };
    let add = Operation::AddEnumValue { name: name("mood"), label: "sad".into(), before: Some("ok".into()) };
    let body = body(&found, &[add], &Dialect::POSTGRES);
    let upgrade = "\
with op.get_context().autocommit_block():
    op.execute(\"ALTER TYPE mood ADD VALUE IF NOT EXISTS 'sad' BEFORE 'ok'\")";
    assert_eq!(body.upgrade, upgrade);
    assert_eq!(body.downgrade, "# The label \"sad\" stays: PostgreSQL cannot take it from mood.\npass");
}

#[test]
fn sqlite_changes_a_table_in_one_block_without_its_odd_indexes() {
    let mut table = Table::new(name("users"));
    table.columns =
        vec![Column { nullable: false, ..Column::new("id", "INTEGER") }, Column::new("age", "INTEGER")];
    table.primary_key = Some(key(None));
    table.checks.push(Check { name: None, expression: "age > 0".into() });
    let part = IndexPart {
        term: IndexTerm::Expression("age + 1".into()),
        collation: None,
        class: None,
        descending: false,
        nulls_first: false,
    };
    table.indexes.push(Index {
        name: "ix_age".into(),
        unique: false,
        parts: vec![part],
        include: Vec::new(),
        method: None,
        predicate: None,
        nulls_not_distinct: false,
        storage: Vec::new(),
    });
    let found = Catalog { tables: vec![table], ..Catalog::default() };
    let change = Change::Nullable(false);
    let foreign = ForeignKey {
        name: Some("fk".into()),
        columns: vec!["age".into()],
        table: name("users"),
        referred: Vec::new(),
        on_delete: Some("CASCADE".into()),
        on_update: None,
        match_full: false,
        timing: Timing::Immediate,
    };
    let steps = [
        Operation::Alter { table: name("users"), column: "age".into(), change },
        Operation::Add { table: name("users"), part: Part::ForeignKey(foreign) },
    ];
    let body = body(&found, &steps, &Dialect::SQLITE);
    let upgrade = "\
op.drop_index(op.f('ix_age'), table_name='users')
with op.batch_alter_table('users', table_args=[sa.CheckConstraint('age > 0')]) as batch_op:
    batch_op.alter_column('age', existing_type=sa.Integer(), nullable=False)
    batch_op.create_foreign_key(op.f('fk'), 'users', ['age'], ['id'], ondelete='CASCADE')
op.create_index(op.f('ix_age'), 'users', [sa.text('(age + 1)')], unique=False)";
    assert_eq!(body.upgrade, upgrade);
    assert!(body.downgrade.contains("batch_op.drop_constraint(op.f('fk'), type_='foreignkey')"));
}

#[test]
fn sqlite_drops_nothing_that_has_no_name() {
    let unique = Unique {
        name: None,
        columns: vec!["id".into()],
        include: Vec::new(),
        nulls_not_distinct: false,
        timing: Timing::Immediate,
        written: None,
        on_conflict: None,
    };
    let mut table = Table::new(name("users"));
    table.columns.push(Column::new("id", "INTEGER"));
    table.uniques.push(unique.clone());
    let found = Catalog { tables: vec![table], ..Catalog::default() };
    let steps = [Operation::Drop { table: name("users"), part: Part::Unique(unique) }];
    let refused = RevisionBody::new(&found, &steps, &Dialect::SQLITE).unwrap_err();
    assert!(refused.to_string().contains("dropping a UNIQUE without a name of `users`"), "{refused}");
}

#[test]
fn files_say_who_they_are() {
    let body = body(&Catalog::default(), &[], &Dialect::POSTGRES);
    let file = RevisionFile {
        revision: "c",
        down_revisions: &["a".into(), "b".into()],
        branch_labels: &["x".into()],
        depends_on: &["d".into()],
        message: "merge",
        created: "2024-05-01 12:00:00",
    };
    let text = "\
\"\"\"merge

Revision ID: c
Revises: a, b
Create Date: 2024-05-01 12:00:00
\"\"\"

from alembic import op
import sqlalchemy as sa

# revision identifiers, used by Alembic.
revision = 'c'
down_revision = ('a', 'b')
branch_labels = ('x',)
depends_on = 'd'


def upgrade():
    pass


def downgrade():
    pass
";
    assert_eq!(file.render(&body), text);
}

#[test]
fn names_of_files_are_made_as_alembic_makes_them() {
    let date = [2024, 5, 1, 9, 7, 3];
    let named = |template, message| file_name(template, "abc", message, 20, date, 77);
    assert_eq!(named("%(rev)s_%(slug)s", "Add users & teams").unwrap(), "abc_add_users_teams");
    assert_eq!(
        named("%(rev)s_%(slug)s", "a_very_long message about it").unwrap(),
        "abc_a_very_long_message_"
    );
    let stamped = named("%(year)d_%(month).2d_%(day).2d_%(hour)02d%(minute).2d-%(epoch)s%%", "").unwrap();
    assert_eq!(stamped, "2024_05_01_0907-77%");
    assert!(named("%(who)s", "").is_err());
}
