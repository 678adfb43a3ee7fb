//! `ExcludeConstraint(("room", "="), ("during", "&&"))`.
use super::constraints::Named;
use super::foreign_key::timing;
use super::index::{Part, condition_of, give_classes, part_of, resolved};
use crate::expr::Expr;
use ormkit_core::model::{Constraint, Exclude, IndexPart, Timing};
use ormkit_core::query::Expr as CoreExpr;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::collections::BTreeMap;

/// EXCLUDE of PostgreSQL: no two rows are alike in all parts, each as its operator says.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct ExcludeConstraint {
    name: Option<String>,
    method: String,
    parts: Vec<((Part, IndexPart), String)>,
    condition: Option<CoreExpr>,
    timing: Timing,
}

#[pymethods]
impl ExcludeConstraint {
    #[new]
    #[pyo3(signature = (*elements, name = None, deferrable = None, initially = None, using = "gist".to_owned(),
        r#where = None, ops = None))]
    fn new(
        elements: &Bound<'_, PyTuple>,
        name: Option<String>,
        deferrable: Option<bool>,
        initially: Option<&str>,
        using: String,
        r#where: Option<Bound<'_, PyAny>>,
        ops: Option<BTreeMap<String, String>>,
    ) -> PyResult<Self> {
        let wrong = || {
            PyTypeError::new_err(
                "ExcludeConstraint() takes pairs of a column and an operator: (\"during\", \"&&\")",
            )
        };
        let pairs: Vec<(Bound<'_, PyAny>, String)> =
            elements.iter().map(|pair| pair.extract().map_err(|_| wrong())).collect::<PyResult<_>>()?;
        let (columns, operators): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        if columns.is_empty() {
            return Err(wrong());
        }
        if let Some(odd) = operators.iter().find(|operator| !is_operator(operator)) {
            return Err(PyValueError::new_err(format!("ExcludeConstraint(): {odd:?} is no operator")));
        }
        let part = |column| part_of(column, "ExcludeConstraint");
        let mut parts = columns.iter().map(part).collect::<PyResult<Vec<_>>>()?;
        if let Some(classes) = ops {
            give_classes(classes, &columns, &mut parts, "ExcludeConstraint(ops=..)")?;
        }
        let condition = r#where.map(|given| match given.cast::<Expr>() {
            Ok(_) => condition_of(&given, "ExcludeConstraint(where=..)"),
            Err(_) => Ok(CoreExpr::Text(given.extract::<String>()?.into())),
        });
        Ok(Self {
            name,
            method: using,
            parts: parts.into_iter().zip(operators).collect(),
            condition: condition.transpose()?,
            timing: timing(deferrable, initially)?,
        })
    }
}

impl ExcludeConstraint {
    /// As the core knows it; `named` as for [`UniqueConstraint::def`](super::UniqueConstraint::def).
    pub(crate) fn def(&self, named: &Named<'_>) -> PyResult<Constraint> {
        let part =
            |(part, operator): &((Part, IndexPart), String)| Ok((resolved(part, named)?, operator.clone()));
        Ok(Constraint::Exclude(Exclude {
            name: self.name.clone(),
            method: self.method.clone(),
            parts: self.parts.iter().map(part).collect::<PyResult<_>>()?,
            condition: self.condition.clone(),
            timing: self.timing,
        }))
    }
}

/// `=`, `&&`, `OPERATOR(pg_catalog.=)`: it is written as it is.
fn is_operator(text: &str) -> bool {
    let signs = |text: &str| !text.is_empty() && text.chars().all(|char| "+-*/<>=~!@#%^&|`?".contains(char));
    let qualified = text.strip_prefix("OPERATOR(").and_then(|text| text.strip_suffix(')'));
    let is_name = |char: char| char.is_alphanumeric() || char == '_';
    match qualified.and_then(|text| text.rsplit_once('.')) {
        Some((schema, operator)) => schema.chars().all(is_name) && signs(operator),
        None => signs(text),
    }
}
