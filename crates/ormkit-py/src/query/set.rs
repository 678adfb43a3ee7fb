//! `union`, `intersect`, `except_` and the like.

use ormkit_core::query::{Select as CoreSelect, SetOp};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::Arc;

use super::Select;
use crate::errors::to_py;
use crate::model::schema;

/// One set of the rows of `first` and of `others`.
fn combined(op: SetOp, first: Option<Arc<CoreSelect>>, others: &Bound<'_, PyTuple>) -> PyResult<Select> {
    let py = others.py();
    let mut parts: Vec<Arc<CoreSelect>> = first.into_iter().collect();
    for other in others.iter() {
        let select = other
            .cast::<Select>()
            .map_err(|_| PyTypeError::new_err(format!("a{}takes select(..) statements", op.text())))?;
        parts.push(select.get().shared());
    }
    if parts.len() < 2 {
        return Err(PyTypeError::new_err(format!("a{}takes two statements or more", op.text())));
    }
    let core = CoreSelect::set_of_one_type(&*schema(py)?, op, parts).map_err(|error| to_py(py, error))?;
    Ok(Select::new(core))
}

macro_rules! set_operations {
    ($($(#[doc = $doc:literal])+ $name:ident => $op:ident;)+) => {
        $(
            $(#[doc = $doc])+
            #[pyfunction]
            #[pyo3(signature = (*selects))]
            pub(crate) fn $name(selects: &Bound<'_, PyTuple>) -> PyResult<Select> {
                combined(SetOp::$op, None, selects)
            }
        )+

        #[pymethods]
        impl Select {
            $(
                $(#[doc = $doc])+
                #[pyo3(signature = (*others))]
                fn $name(&self, others: &Bound<'_, PyTuple>) -> PyResult<Self> {
                    combined(SetOp::$op, Some(self.shared()), others)
                }
            )+
        }
    };
}

set_operations! {
    /// The rows of all, each once.
    union => Union;
    /// The rows of all.
    union_all => UnionAll;
    /// The rows that all have, each once.
    intersect => Intersect;
    /// The rows that all have, as often as all have them (PostgreSQL).
    intersect_all => IntersectAll;
    /// The rows of the first that the others do not have, each once.
    except_ => Except;
    /// The rows of the first without as many as the others have (PostgreSQL).
    except_all => ExceptAll;
}
