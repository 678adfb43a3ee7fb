"""A company of employees as classes of one table and of several, for ormkit and for SQLAlchemy: the same declarations."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any


def company(orm: ModuleType | Any, base: Any, joined: bool) -> SimpleNamespace:
    """Declares the classes with the words of `orm`.

    `joined`: managers, engineers and leads have tables of their own, and apprentices share the engineers'.
    """
    column, key, relation = orm.mapped_column, orm.ForeignKey, orm.relationship
    integer, string = orm.Integer, orm.String(40)
    module = f"family_{'joined' if joined else 'single'}_{orm.__name__.partition('.')[0]}"

    def declare(name: str, bases: tuple[Any, ...], /, **body: Any) -> Any:
        return type(base)(name, bases, {"__module__": module, "__qualname__": name, **body})

    def own(table: str, above: str, called: str = "id") -> dict[str, Any]:
        if not joined:
            return {}
        return {"__tablename__": table, called: column(integer, key(f"{above}.id"), primary_key=True)}

    def kind(identity: str) -> dict[str, Any]:
        return {"__mapper_args__": {"polymorphic_identity": identity}}

    company = declare(
        "Company",
        (base,),
        __tablename__="companies",
        id=column(integer, primary_key=True),
        name=column(string, nullable=False),
        staff=relation("Employee", back_populates="company", uselist=True, order_by="Employee.id"),
    )
    employee = declare(
        "Employee",
        (base,),
        __tablename__="employees",
        id=column(integer, primary_key=True),
        type=column(string, nullable=False),
        name=column(string, nullable=False),
        company_id=column(integer, key("companies.id")),
        company=relation("Company", back_populates="staff", uselist=False),
        __mapper_args__={"polymorphic_on": "type", "polymorphic_identity": "employee"},
    )
    manager = declare(
        "Manager",
        (employee,),
        bonus=column(integer),
        reports=relation("Report", back_populates="manager", uselist=True, order_by="Report.id"),
        **own("managers", "employees"),
        **kind("manager"),
    )
    engineer = declare(
        "Engineer",
        (employee,),
        language=column(string),
        **own("engineers", "employees", "engineer_id"),
        **kind("engineer"),
    )
    lead = declare("Lead", (manager,), team=column(string), **own("leads", "managers"), **kind("lead"))
    apprentice = declare("Apprentice", (engineer,), school=column(string), **kind("apprentice"))
    report = declare(
        "Report",
        (base,),
        __tablename__="reports",
        id=column(integer, primary_key=True),
        title=column(string),
        manager_id=column(integer, key("managers.id" if joined else "employees.id")),
        manager=relation("Manager", back_populates="reports", uselist=False),
    )
    return SimpleNamespace(
        base=base,
        joined=joined,
        Company=company,
        Employee=employee,
        Manager=manager,
        Engineer=engineer,
        Lead=lead,
        Apprentice=apprentice,
        Report=report,
    )
