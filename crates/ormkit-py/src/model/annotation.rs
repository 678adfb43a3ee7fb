//! What `Mapped[...]` says of an attribute: a column or a relation, and of which type.
use super::names::{Forward, Names};
use super::raise::mapping;
use crate::convert::{Conversion, Document, User};
use crate::fields::enumeration::{enum_type, is_enum};
use crate::fields::native::array_of;
use crate::fields::range::multirange;
use crate::fields::types::{TypeEngine, type_of};
use crate::fields::{Mapped, MappedColumn, WriteOnlyMapped};
use crate::range::Range;
use ormkit_core::model::{ColumnType, RangeType};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};
use std::sync::Arc;

/// An annotation, read.
pub(super) struct Annotation<'py> {
    /// What stands between the brackets, without `| None`, `list[..]` and `Annotated[..]`.
    pub(super) inner: Inner<'py>,
    /// `WriteOnlyMapped[..]`: a list that is never loaded.
    pub(super) write_only: bool,
    /// `| None`.
    pub(super) optional: bool,
    /// Some of it was text: its names mean whatever they mean when they are first needed.
    pub(super) textual: bool,
    /// A column that `Annotated[int, mapped_column(..)]` carries along.
    pub(super) column: Option<Bound<'py, MappedColumn>>,
    /// Each `Annotated[..]` and name around the type, from outside, which `type_annotation_map` may name.
    annotated: Vec<Bound<'py, PyAny>>,
}

impl<'py> Annotation<'py> {
    /// The key of `type_annotation_map` that stands in the annotation: `Annotated[str, 50]`.
    pub(super) fn mapped(&self, map: Option<&Bound<'py, PyDict>>) -> Option<&Bound<'py, PyAny>> {
        // What stands beside the type may be without a hash: then it is no key.
        let is_key = |annotated: &&Bound<'py, PyAny>| map?.contains(annotated).ok().filter(|is_key| *is_key);
        self.annotated.iter().find(|annotated| is_key(annotated).is_some())
    }
}

/// What an annotation names.
pub(super) enum Inner<'py> {
    /// A Python type: a column.
    Type(Bound<'py, PyAny>),
    /// A mapped class.
    Model {
        /// The class.
        class: Bound<'py, PyType>,
        /// `list[..]`
        many: bool,
    },
    /// A name that nobody knows yet.
    Name {
        /// The name.
        name: String,
        /// `list[..]`
        many: bool,
    },
}

/// The contents of `Mapped[...]`, and `WriteOnlyMapped[..]` itself; None for any other annotation.
///
/// # Errors
/// `Mapped` without brackets.
pub(super) fn inside_mapped<'py>(annotation: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = annotation.py();
    let mapped = py.get_type::<Mapped>();
    if annotation.is(&mapped) {
        return Err(mapping("Mapped needs a type in brackets, such as Mapped[int]"));
    }
    let write_only = py.get_type::<WriteOnlyMapped>();
    if annotation.is(&write_only) {
        return Err(mapping("WriteOnlyMapped needs a class in brackets, such as WriteOnlyMapped[\"Post\"]"));
    }
    let Ok(origin) = annotation.getattr("__origin__") else { return Ok(None) };
    if origin.is(&write_only) {
        return Ok(Some(annotation.clone()));
    }
    match origin.is(&mapped) {
        true => Ok(Some(annotation.getattr("__args__")?.get_item(0)?)),
        false => Ok(None),
    }
}

/// Reads what stands in the brackets; `textual`: the annotation itself was text.
///
/// # Errors
/// Text that is no expression.
pub(super) fn read<'py>(
    content: Bound<'py, PyAny>,
    textual: bool,
    names: &Bound<'py, Names>,
) -> PyResult<Annotation<'py>> {
    let py = content.py();
    let (mut content, mut optional, mut textual, mut column) = (content, false, textual, None);
    let mut annotated = Vec::new();
    let write_only = origin_of(&content)?.is(py.get_type::<WriteOnlyMapped>());
    if write_only {
        content = content.getattr("__args__")?.get_item(0)?;
    }
    loop {
        if let Some(text) = text_of(&content)? {
            content = Names::evaluate(names, &text)?;
            textual = true;
            continue;
        }
        if origin_of(&content)?.is(&py.import("typing")?.getattr("Annotated")?) {
            annotated.push(content.clone());
            for item in content.getattr("__metadata__")?.try_iter()? {
                column = item?.cast_into().ok().or(column);
            }
            content = content.getattr("__origin__")?;
            continue;
        }
        if let Some(named) = named_type(&content)? {
            annotated.push(content);
            content = named;
            continue;
        }
        let Some(members) = union_members(&content)? else { break };
        let none = py.None().bind(py).get_type();
        let mut rest: Vec<Bound<'py, PyAny>> = members.iter().filter(|member| !member.is(&none)).collect();
        optional |= members.len() > rest.len();
        if rest.len() != 1 {
            break; // several: a column that is given a type may hold them
        }
        content = rest.remove(0);
    }
    let inner = match (inner(content, names, &mut textual)?, write_only) {
        (Inner::Type(class), true) => {
            return Err(mapping(format!(
                "WriteOnlyMapped is for relations and names a mapped class, not `{}`",
                class.str()?
            )));
        }
        (Inner::Model { class, .. }, true) => Inner::Model { class, many: true },
        (Inner::Name { name, .. }, true) => Inner::Name { name, many: true },
        (inner, false) => inner,
    };
    Ok(Annotation { inner, write_only, optional, textual, column, annotated })
}

/// `typing.get_origin`.
fn origin_of<'py>(content: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    content.py().import("typing")?.call_method1("get_origin", (content,))
}

/// The type behind a name that the program has for it: `type Name = str`, `NewType("Name", str)`.
fn named_type<'py>(content: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    match content.get_type().name()?.to_str()? {
        "TypeAliasType" => content.getattr("__value__").map(Some),
        "NewType" => content.getattr("__supertype__").map(Some),
        _ => Ok(None),
    }
}

/// The text of an annotation that is not evaluated yet.
fn text_of(content: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    if let Ok(text) = content.cast::<PyString>() {
        return Ok(Some(text.to_str()?.to_owned()));
    }
    match content.get_type().name()?.to_str()? {
        "ForwardRef" => Ok(Some(content.getattr("__forward_arg__")?.extract()?)),
        _ => Ok(None),
    }
}

/// The members of `A | B`, `Union[A, B]`, `Optional[A]`.
fn union_members<'py>(content: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let typing = content.py().import("typing")?;
    let origin = origin_of(content)?;
    let union = origin.is(&typing.getattr("Union")?)
        || origin.is(&content.py().import("types")?.getattr("UnionType")?);
    match union {
        true => Ok(Some(typing.call_method1("get_args", (content,))?.cast_into()?)),
        false => Ok(None),
    }
}

fn inner<'py>(
    content: Bound<'py, PyAny>,
    names: &Bound<'py, Names>,
    textual: &mut bool,
) -> PyResult<Inner<'py>> {
    if let Some(one) = related(&content, false)? {
        return Ok(one);
    }
    let py = content.py();
    let typing = py.import("typing")?;
    let list = py.get_type::<pyo3::types::PyList>();
    if origin_of(&content)?.is(&list) {
        let mut item = typing.call_method1("get_args", (&content,))?.get_item(0)?;
        if let Some(text) = text_of(&item)? {
            item = Names::evaluate(names, &text)?;
            *textual = true;
        }
        if let Some(many) = related(&item, true)? {
            return Ok(many);
        }
    }
    Ok(Inner::Type(content))
}

/// A class at the other end of a relation: mapped, or not known yet.
fn related<'py>(content: &Bound<'py, PyAny>, many: bool) -> PyResult<Option<Inner<'py>>> {
    if let Ok(forward) = content.cast::<Forward>() {
        return Ok(Some(Inner::Name { name: forward.get().name.clone(), many }));
    }
    let class = match content.cast::<PyType>() {
        Ok(class) => class.clone(),
        Err(_) => match content.getattr("__origin__").map(Bound::cast_into::<PyType>) {
            Ok(Ok(origin)) => origin, // a generic model: Node[int]
            _ => return Ok(None),
        },
    };
    match crate::instance::is_model_class(&class)? {
        true => Ok(Some(Inner::Model { class, many })),
        false => Ok(None),
    }
}

/// The column type of a Python type.
///
/// # Errors
/// A type that no column holds, named.
pub(super) fn column_type(
    class: &Bound<'_, PyAny>,
    map: Option<&Bound<'_, PyDict>>,
) -> PyResult<(ColumnType, Option<Arc<Conversion>>)> {
    if let Some(mapped) = map.map(|map| map.get_item(class)).transpose()?.flatten() {
        return match type_of(&mapped)? {
            Some(engine) => Ok(parts(&engine)),
            None => {
                Err(mapping(format!("type_annotation_map names {}, which is no column type", mapped.repr()?)))
            }
        };
    }
    if let Some(engine) = type_of(class)? {
        return Ok(parts(&engine));
    }
    if let Some(document) = document(class)? {
        return Ok((ColumnType::Json, Some(document)));
    }
    let origin = origin_of(class)?;
    if union_members(class)?.is_some() {
        return Err(mapping(format!(
            "a column has one type, `{}` names several: only `| None` may stand beside it",
            class.str()?
        )));
    }
    if let Some(labels) = literals(class)? {
        let longest = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
        return Ok((ColumnType::VarChar(u32::try_from(longest).unwrap_or(u32::MAX).max(1)), None));
    }
    if !origin.is_none() {
        return generic_type(class, &origin, map);
    }
    let Ok(class) = class.cast::<PyType>() else { return Err(no_column(class)?) };
    if is_enum(class)? {
        return Ok(parts_of(enum_type(class, "value", None, None)?));
    }
    let module: String = class.getattr("__module__")?.extract()?;
    let found = match (&*module, class.name()?.to_str()?) {
        ("builtins", "str") => ColumnType::Text,
        ("builtins", "int") => ColumnType::Integer,
        ("builtins", "float") => ColumnType::Double,
        ("builtins", "bool") => ColumnType::Bool,
        ("builtins", "bytes") => ColumnType::Bytes,
        ("builtins", "dict" | "list") => ColumnType::Json,
        ("decimal" | "_decimal" | "_pydecimal", "Decimal") => ColumnType::Numeric(None),
        ("datetime", "datetime") => ColumnType::TimestampTz,
        ("datetime", "date") => ColumnType::Date,
        ("datetime", "time") => ColumnType::Time,
        ("datetime", "timedelta") => ColumnType::Interval,
        ("uuid", "UUID") => ColumnType::Uuid,
        _ => return Err(no_column(class)?),
    };
    Ok((found, None))
}

/// The texts of `Literal["a", "b"]`; None for any other annotation.
///
/// # Errors
/// Something else than texts among them.
pub(super) fn literals(class: &Bound<'_, PyAny>) -> PyResult<Option<Vec<String>>> {
    let typing = class.py().import("typing")?;
    if !origin_of(class)?.is(&typing.getattr("Literal")?) {
        return Ok(None);
    }
    let members = typing.call_method1("get_args", (class,))?;
    let text = |member: PyResult<Bound<'_, PyAny>>| {
        let member = member?;
        member.cast::<PyString>().map(|text| text.to_string()).map_err(|_| {
            let shown = member.repr().map_or_else(|_| String::new(), |shown| shown.to_string());
            mapping(format!(
                "a column of a Literal holds texts, not {shown}: give it a type, mapped_column(Integer)"
            ))
        })
    };
    members.try_iter()?.map(text).collect::<PyResult<_>>().map(Some)
}

/// A column type, and how its values are converted.
pub(crate) type ValueType = (ColumnType, Option<Arc<Conversion>>);

/// The type that a column of an annotation has, where one can have it, and whether the annotation has `| None`. It holds no
/// text any more.
///
/// # Errors
/// A class of documents with a field that JSON has no form for.
pub(crate) fn value_type(annotation: &Bound<'_, PyAny>) -> PyResult<(Option<ValueType>, bool)> {
    let none = annotation.py().None().bind(annotation.py()).get_type();
    let (mut inner, mut optional) = (annotation.clone(), annotation.is(&none));
    if let Some(members) = union_members(annotation)? {
        let rest: Vec<Bound<'_, PyAny>> = members.iter().filter(|member| !member.is(&none)).collect();
        optional = members.len() > rest.len();
        match &rest[..] {
            [one] => inner = one.clone(),
            _ => return Ok((None, optional)),
        }
    }
    if let Some(document) = document(&inner)? {
        return Ok((Some((ColumnType::Json, Some(document))), optional));
    }
    Ok((column_type(&inner, None).ok(), optional))
}

/// How the documents of a JSON column are converted whose annotation names their class.
///
/// # Errors
/// A field that JSON has no form for.
pub(super) fn document(annotation: &Bound<'_, PyAny>) -> PyResult<Option<Arc<Conversion>>> {
    let Some(document) = Document::of(annotation)? else { return Ok(None) };
    let user = Some(Arc::new(User::Document(document)));
    Ok(Some(Arc::new(Conversion { user, ..Conversion::default() })))
}

/// `dict[..]`, `list[Any]`: JSON. A list of values of one type: an array; None in it is NULL.
fn generic_type(
    class: &Bound<'_, PyAny>,
    origin: &Bound<'_, PyAny>,
    map: Option<&Bound<'_, PyDict>>,
) -> PyResult<(ColumnType, Option<Arc<Conversion>>)> {
    let py = class.py();
    let typing = py.import("typing")?;
    if origin.is(py.get_type::<PyDict>()) {
        return Ok((ColumnType::Json, None));
    }
    if origin.is(py.get_type::<Range>()) {
        return Ok((ColumnType::Range(range_type(class)?), None));
    }
    if origin.is(py.get_type::<PyTuple>()) {
        let items = typing.call_method1("get_args", (class,))?;
        let item = items.get_item(0)?;
        let is_open = items.len()? == 2 && items.get_item(1)?.is(py.Ellipsis());
        if is_open && origin_of(&item)?.is(py.get_type::<Range>()) {
            return Ok(multirange(range_type(&item)?));
        }
    }
    if !origin.is(py.get_type::<pyo3::types::PyList>()) {
        return Err(no_column(class)?);
    }
    let mut item = typing.call_method1("get_args", (class,))?.get_item(0)?;
    if let Some(members) = union_members(&item)? {
        let none = py.None().bind(py).get_type();
        let rest: Vec<Bound<'_, PyAny>> = members.iter().filter(|member| !member.is(&none)).collect();
        let [one] = &rest[..] else { return Ok((ColumnType::Json, None)) };
        item = one.clone();
    }
    if item.is(&typing.getattr("Any")?) || !origin_of(&item)?.is_none() {
        return Ok((ColumnType::Json, None));
    }
    match column_type(&item, map)? {
        (ColumnType::Json, _) => Ok((ColumnType::Json, None)),
        (item, conversion) => Ok((array_of(item)?, conversion)),
    }
}

/// What a `Range[..]` is of.
fn range_type(range: &Bound<'_, PyAny>) -> PyResult<RangeType> {
    let bound = range.py().import("typing")?.call_method1("get_args", (range,))?.get_item(0)?;
    Ok(match column_type(&bound, None)? {
        (ColumnType::Integer, _) => RangeType::Int4,
        (ColumnType::BigInt, _) => RangeType::Int8,
        (ColumnType::Numeric(_), _) => RangeType::Num,
        (ColumnType::Date, _) => RangeType::Date,
        (ColumnType::Timestamp, _) => RangeType::Ts,
        (ColumnType::TimestampTz, _) => RangeType::TsTz,
        _ => {
            return Err(mapping(format!(
                "no column holds `{}`: ranges are of int, Decimal, date and datetime",
                range.str()?
            )));
        }
    })
}

fn no_column(class: &Bound<'_, PyAny>) -> PyResult<PyErr> {
    let name = match class.cast::<PyType>() {
        Ok(class) => class.name()?.to_string(),
        Err(_) => class.str()?.to_string(),
    };
    Ok(mapping(format!("no column holds `{name}`: give the column a type, such as mapped_column(JSON)")))
}

/// The parts of a type object.
pub(super) fn parts(engine: &Bound<'_, TypeEngine>) -> (ColumnType, Option<Arc<Conversion>>) {
    let engine = engine.get();
    (engine.column_type.clone(), engine.conversion.clone())
}

fn parts_of(engine: TypeEngine) -> (ColumnType, Option<Arc<Conversion>>) {
    (engine.column_type, engine.conversion)
}
