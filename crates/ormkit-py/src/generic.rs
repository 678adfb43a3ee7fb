//! Classes that may be subscripted at run time, as checkers of types read them: `Query[User]`, `Select[tuple[int, str]]`.
use pyo3::prelude::*;

/// Those that the stubs call generic, and those that are generic in SQLAlchemy and need not be here.
const GENERIC: [&str; 25] = [
    "AssociationProxy",
    "AsyncSession",
    "Attribute",
    "Change",
    "Condition",
    "CopyOut",
    "CTE",
    "Delete",
    "ExecuteResult",
    "Expr",
    "Insert",
    "MappingResult",
    "Page",
    "Prefetch",
    "Query",
    "RelationPart",
    "RowQuery",
    "ScalarResult",
    "Select",
    "Stream",
    "Subquery",
    "Update",
    "WriteOnlyCollection",
    "async_sessionmaker",
    "hybrid_property",
];

/// Gives them `__class_getitem__`: the answer is a `types.GenericAlias`.
///
/// # Errors
/// None of ours.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let alias = py.import("types")?.getattr("GenericAlias")?;
    let classmethod = py.import("builtins")?.getattr("classmethod")?;
    for name in GENERIC {
        module.getattr(name)?.setattr("__class_getitem__", classmethod.call1((&alias,))?)?;
    }
    Ok(())
}
