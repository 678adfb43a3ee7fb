//! Joins that are said by a text.
use super::super::raise::mapping;
use super::super::registry;
use super::{Parts, Side, in_object};
use crate::expr::Said;
use ormkit_core::model::ModelId;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::ffi::CString;

/// Reads `"User.id == links.c.user_id"`, `"and_(A.x == B.x, A.y == B.y)"`; whatever says more is a Python expression, in
/// which `ormkit` and the mapped classes of the base are known by their names.
///
/// # Errors
/// `Mapping` with what evaluating the text raised.
pub(super) fn parts(py: Python<'_>, text: &str, model: ModelId, what: &str) -> PyResult<Parts> {
    if let Some(equal) = equalities(text) {
        return Ok(Parts { equal, rest: Vec::new() });
    }
    let names = py.import("ormkit")?.dict().copy()?;
    for (name, class) in registry::classes_beside(py, model) {
        names.set_item(name, class)?;
    }
    let given = evaluated(py, text, &names)
        .map_err(|error| mapping(format!("{what}: {text:?} raises {}", error.value(py))))?;
    in_object(&given, what)
}

fn evaluated<'py>(py: Python<'py>, text: &str, names: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
    py.eval(&CString::new(text.trim())?, Some(names), None)
}

/// Equalities of columns; None where the text says anything else.
fn equalities(text: &str) -> Option<Vec<(Side, Side)>> {
    let bare = text.trim();
    let inside = bare.strip_prefix("and_(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(bare);
    let mut all = Vec::new();
    for part in inside.split([',', '&']).map(str::trim).filter(|part| !part.is_empty()) {
        let part = part.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(part);
        let (one, other) = part.split_once("==")?;
        all.push((side(one)?, side(other)?));
    }
    (!all.is_empty()).then_some(all)
}

fn side(text: &str) -> Option<Side> {
    let (mut text, mut said) = (text.trim(), Said::default());
    while let Some((word, inside)) = text.split_once('(') {
        text = inside.strip_suffix(')')?.trim();
        match word {
            "foreign" => said.foreign = true,
            "remote" => said.remote = true,
            _ => return None,
        }
    }
    let (of, column) = text.rsplit_once('.')?;
    let of = of.strip_suffix(".c").unwrap_or(of);
    let of = of.rsplit('.').next().unwrap_or(of);
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && name.chars().all(|part| part.is_alphanumeric() || part == '_')
    };
    (is_name(of) && is_name(column)).then(|| Side::Named(of.to_owned(), column.to_owned(), said))
}
