//! A whole module; that printed models map their database is shown by tests/test_cli_inspect.py.

use super::names::{camel, identifier, singular};
use super::*;
use crate::model::TableName;
use crate::schema::{Column, ForeignKey, PrimaryKey, Table, Timing};

fn table(name: &str, columns: Vec<Column>) -> Table {
    let mut table = Table::new(TableName { schema: None, name: name.into() });
    table.columns = columns;
    table.columns[0].nullable = false;
    table.primary_key = Some(PrimaryKey {
        name: None,
        columns: vec!["id".into()],
        include: Vec::new(),
        timing: Timing::Immediate,
        written: None,
        on_conflict: None,
    });
    table
}

#[test]
fn a_module_has_imports_and_classes_with_both_sides_of_relations() {
    let teams = table("teams", vec![Column::new("id", "uuid"), Column::new("founded", "date")]);
    let mut members = table("members", vec![Column::new("id", "uuid"), Column::new("team_id", "uuid")]);
    members.foreign_keys.push(ForeignKey {
        name: Some("fk_members_team_id_teams".into()),
        columns: vec!["team_id".into()],
        table: teams.name.clone(),
        referred: vec!["id".into()],
        on_delete: None,
        on_update: None,
        match_full: false,
        timing: Timing::Immediate,
    });
    let catalog = Catalog { tables: vec![members, teams], ..Catalog::default() };
    let text = "\
\"\"\"Models of a database of PostgreSQL.\"\"\"

from __future__ import annotations

from datetime import date
from uuid import UUID

from ormkit import DeclarativeBase, ForeignKey, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Member(Base):
    __tablename__ = \"members\"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey(\"teams.id\"))
    team: Mapped[Team | None] = relationship(back_populates=\"members\")


class Team(Base):
    __tablename__ = \"teams\"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    founded: Mapped[date | None]
    members: Mapped[list[Member]] = relationship(back_populates=\"team\")
";
    assert_eq!(python_models(&catalog, &Dialect::POSTGRES), text);
}

#[test]
fn names_are_what_python_takes() {
    let names = ["class", "2nd", "__x", "a b", "naïve", ""].map(identifier);
    assert_eq!(names, ["class_", "column_2nd", "x", "a_b", "naïve", "column"]);
    assert_eq!(["order_items", "none", "URLs"].map(camel), ["OrderItems", "None_", "URLs"]);
    let words = ["companies", "boxes", "status", "addresses", "news", "users", "data"].map(singular);
    assert_eq!(words, ["company", "box", "status", "address", "news", "user", "data"]);
}
