//! Arrays of types that the catalog names, in the same form as those of built-in ones.

use std::sync::Arc;

use ormkit_core::error::Result;
use ormkit_core::value::{Dimensions, Format, Parts, ValueRef};

use super::{Kind, Misfit, PgType, part_at};
use crate::types::catalog::Delimiter;
use crate::types::{array, text_array};

/// The array type of `element`.
pub(super) fn new(oid: u32, name: &str, element: Arc<PgType>, delimiter: Option<Delimiter>) -> PgType {
    let format = match (element.custom(), delimiter) {
        (Some(custom), Some(delimiter)) if !custom.is_binary() => {
            text_array::format_of(delimiter, custom.escaped())
        }
        _ => Format::new(element.sql_type(), ArrayParts(Arc::clone(&element))),
    };
    PgType::new(oid, name, Kind::Array { element, format, delimiter })
}

pub(super) fn check(cell: &[u8], element: &PgType, depth: u32) -> Result<(), Misfit> {
    array::check(cell, element.oid, |part| element.check(part, depth + 1))
}

struct ArrayParts(Arc<PgType>);

impl Parts for ArrayParts {
    fn dimensions(&self, cell: &[u8]) -> Dimensions {
        array::dimensions(cell)
    }

    fn first(&self, cell: &[u8]) -> usize {
        array::first(cell)
    }

    fn part<'a>(&'a self, cell: &'a [u8], _index: usize, offset: usize) -> (ValueRef<'a>, usize) {
        let (part, next) = part_at(cell, offset);
        (part.map_or(ValueRef::Null, |part| self.0.view(part)), next)
    }
}
