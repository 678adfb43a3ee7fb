//! What the annotation of a document says: its classes, their fields, and what JSON holds for them.
use super::formless;
use crate::model::raise::mapping;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};

/// An annotation, read.
pub(super) struct Outline {
    pub(super) root: Shape,
    /// The classes of documents that it names: they may refer to each other.
    pub(super) classes: Vec<Class>,
}

/// What stands in one place of a document.
pub(super) enum Shape {
    /// Any JSON.
    Any,
    Leaf(Leaf),
    Optional(Box<Shape>),
    List(Box<Shape>),
    /// By keys that are `str`.
    Dict(Box<Shape>),
    /// The number of a class.
    Class(usize),
}

/// A value without documents inside.
pub(super) enum Leaf {
    Str,
    Int,
    Float,
    Bool,
    Null,
    /// Any list, or any dict.
    Plain(Plain),
    /// A class whose values are text in JSON, or an enum.
    Converted(Converted),
}

/// A list or dict of anything.
pub(super) struct Plain {
    pub(super) is_list: bool,
}

/// How values of a class are written to JSON and read again.
pub(super) struct Converted {
    pub(super) class: Py<PyAny>,
    kind: Kind,
}

enum Kind {
    /// By `isoformat` and `fromisoformat`.
    Iso,
    /// By `str` and the class.
    Text,
    /// By `value` and the class.
    Enum,
}

/// A class of documents.
pub(super) enum Class {
    Pydantic(Py<PyAny>),
    Dataclass { class: Py<PyAny>, fields: Vec<Field> },
    Typed(Vec<Field>),
}

/// A field of one.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) required: bool,
}

impl Leaf {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Str => "str",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Null => "None",
            Self::Plain(Plain { is_list: true }) => "list",
            Self::Plain(Plain { is_list: false }) => "dict",
            Self::Converted(_) => "another value",
        }
    }
}

impl Converted {
    pub(super) fn dump<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = value.py();
        match self.kind {
            Kind::Iso => value.call_method0(intern!(py, "isoformat")),
            Kind::Text => Ok(value.str()?.into_any()),
            Kind::Enum => value.getattr(intern!(py, "value")),
        }
    }

    pub(super) fn load<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = value.py();
        let class = self.class.bind(py);
        match self.kind {
            Kind::Iso => class.call_method1(intern!(py, "fromisoformat"), (value,)),
            Kind::Text | Kind::Enum => class.call1((value,)),
        }
    }
}

impl Outline {
    /// Reads an annotation; None where it names no class of documents.
    ///
    /// # Errors
    /// A field that JSON has no form for.
    pub(super) fn read(annotation: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        if !names_document(annotation)? {
            return Ok(None);
        }
        let mut reader = Reader { classes: Vec::new(), seen: Vec::new() };
        let root = reader.shape(annotation, "the document")?;
        let classes = reader.classes.into_iter().flatten().collect();
        Ok(Some(Self { root, classes }))
    }
}

/// True where a class of documents stands in an annotation: itself, or in its lists, dicts and `| None`.
fn names_document(annotation: &Bound<'_, PyAny>) -> PyResult<bool> {
    if kind_of(annotation)?.is_some() {
        return Ok(true);
    }
    for argument in arguments(annotation)? {
        if names_document(&argument)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[derive(Clone, Copy)]
enum DocumentKind {
    Pydantic,
    Dataclass,
    Typed,
}

fn kind_of(annotation: &Bound<'_, PyAny>) -> PyResult<Option<DocumentKind>> {
    let Ok(class) = annotation.cast::<PyType>() else { return Ok(None) };
    if annotation.hasattr("model_validate")? && annotation.hasattr("model_dump")? {
        return Ok(Some(DocumentKind::Pydantic));
    }
    if annotation.hasattr("__dataclass_fields__")? {
        return Ok(Some(DocumentKind::Dataclass));
    }
    // `typing.is_typeddict` knows those of typing_extensions by their metaclass alone
    let typed = annotation.hasattr("__required_keys__")? && class.is_subclass_of::<PyDict>()?;
    Ok(typed.then_some(DocumentKind::Typed))
}

fn arguments<'py>(annotation: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    Ok(annotation.py().import("typing")?.call_method1("get_args", (annotation,))?.cast_into()?)
}

struct Reader {
    /// None while a class is being read: it may name itself.
    classes: Vec<Option<Class>>,
    seen: Vec<Py<PyAny>>,
}

/// True for `Annotated` and for what a key of a `TypedDict` is marked with; before CPython 3.11 that is of
/// `typing_extensions` only.
fn is_qualifier(origin: &Bound<'_, PyAny>) -> PyResult<bool> {
    let modules = origin.py().import("sys")?.getattr("modules")?;
    for module in ["typing", "typing_extensions"] {
        let Ok(module) = modules.get_item(module) else { continue };
        for name in ["Annotated", "Required", "NotRequired", "ReadOnly"] {
            if module.getattr_opt(name)?.is_some_and(|known| origin.is(&known)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

impl Reader {
    fn shape(&mut self, annotation: &Bound<'_, PyAny>, place: &str) -> PyResult<Shape> {
        let py = annotation.py();
        let typing = py.import("typing")?;
        if annotation.is(typing.getattr("Any")?) {
            return Ok(Shape::Any);
        }
        if let Ok(name) = annotation.cast::<PyString>()
            && let Some(meant) = self.named(name)?
        {
            return self.shape(&meant, place);
        }
        if let Some(kind) = kind_of(annotation)? {
            return self.class(annotation, kind);
        }
        let origin = typing.call_method1("get_origin", (annotation,))?;
        let arguments = arguments(annotation)?;
        if is_qualifier(&origin)? {
            return self.shape(&arguments.get_item(0)?, place);
        }
        if origin.is(typing.getattr("Union")?) || origin.is(py.import("types")?.getattr("UnionType")?) {
            let none = py.None().bind(py).get_type();
            let rest: Vec<_> = arguments.iter().filter(|argument| !argument.is(&none)).collect();
            return match &rest[..] {
                [one] if arguments.len() == 2 => Ok(Shape::Optional(Box::new(self.shape(one, place)?))),
                _ => Err(formless(place, annotation)),
            };
        }
        if origin.is(py.get_type::<PyList>()) {
            let item = self.shape(&arguments.get_item(0)?, place)?;
            return Ok(Shape::List(Box::new(item)));
        }
        if origin.is(py.get_type::<PyDict>()) && arguments.get_item(0)?.is(py.get_type::<PyString>()) {
            let item = self.shape(&arguments.get_item(1)?, place)?;
            return Ok(Shape::Dict(Box::new(item)));
        }
        leaf(annotation)?.map(Shape::Leaf).ok_or_else(|| formless(place, annotation))
    }

    /// What a text means in `list["Tree"]`, which `get_type_hints` leaves as it is before CPython 3.11: a name of the classes that
    /// are read, or of their modules.
    fn named<'py>(&self, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = name.py();
        let modules = py.import("sys")?.getattr("modules")?;
        for class in self.seen.iter().rev().map(|class| class.bind(py)) {
            if class.getattr("__name__")?.eq(name)? {
                return Ok(Some(class.clone()));
            }
            let module = modules.get_item(class.getattr("__module__")?)?;
            if let Some(meant) = module.getattr_opt(name)?.filter(|meant| !meant.is_instance_of::<PyString>())
            {
                return Ok(Some(meant));
            }
        }
        Ok(None)
    }

    fn class(&mut self, class: &Bound<'_, PyAny>, kind: DocumentKind) -> PyResult<Shape> {
        if let Some(known) = self.seen.iter().position(|seen| seen.bind(class.py()).is(class)) {
            return Ok(Shape::Class(known));
        }
        let index = self.seen.len();
        self.seen.push(class.clone().unbind());
        self.classes.push(None);
        let object = class.clone().unbind();
        self.classes[index] = Some(match kind {
            DocumentKind::Pydantic => Class::Pydantic(object),
            DocumentKind::Dataclass => Class::Dataclass { class: object, fields: self.dataclass(class)? },
            DocumentKind::Typed => Class::Typed(self.typed(class)?),
        });
        Ok(Shape::Class(index))
    }

    fn dataclass(&mut self, class: &Bound<'_, PyAny>) -> PyResult<Vec<Field>> {
        let module = class.py().import("dataclasses")?;
        let (hints, missing) = (hints(class)?, module.getattr("MISSING")?);
        let mut fields = Vec::new();
        for field in module.call_method1("fields", (class,))?.try_iter()? {
            let field = field?;
            let name: String = field.getattr("name")?.extract()?;
            let place = format!("{}.{name}", class.getattr("__name__")?);
            if !field.getattr("init")?.is_truthy()? {
                return Err(mapping(format!(
                    "{place} is a field(init=False), which a document cannot give back"
                )));
            }
            let shape = self.shape(&hints.get_item(&name)?, &place)?;
            let required =
                field.getattr("default")?.is(&missing) && field.getattr("default_factory")?.is(&missing);
            fields.push(Field { name, shape, required });
        }
        Ok(fields)
    }

    fn typed(&mut self, class: &Bound<'_, PyAny>) -> PyResult<Vec<Field>> {
        let (hints, required) = (hints(class)?, class.getattr("__required_keys__")?);
        let mut fields = Vec::new();
        for item in hints.call_method0("items")?.try_iter()? {
            let (name, annotation): (String, Bound<'_, PyAny>) = item?.extract()?;
            let place = format!("{}[{name:?}]", class.getattr("__name__")?);
            let shape = self.shape(&annotation, &place)?;
            let required = required.contains(&name)?;
            fields.push(Field { name, shape, required });
        }
        Ok(fields)
    }
}

/// The annotations of a class, text evaluated.
fn hints<'py>(class: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    class.py().import("typing")?.call_method1("get_type_hints", (class,)).map_err(|raised| {
        let error = mapping(format!(
            "the annotations of the document class {} name something that its module does not have",
            class.getattr("__name__").map_or_else(|_| "?".to_owned(), |name| name.to_string())
        ));
        error.set_cause(class.py(), Some(raised));
        error
    })
}

fn leaf(annotation: &Bound<'_, PyAny>) -> PyResult<Option<Leaf>> {
    let py = annotation.py();
    if annotation.is_none() || annotation.is(py.None().bind(py).get_type()) {
        return Ok(Some(Leaf::Null));
    }
    for (class, leaf) in [
        (py.get_type::<PyString>(), Leaf::Str),
        (py.get_type::<PyInt>(), Leaf::Int),
        (py.get_type::<PyFloat>(), Leaf::Float),
        (py.get_type::<PyBool>(), Leaf::Bool),
        (py.get_type::<PyList>(), Leaf::Plain(Plain { is_list: true })),
        (py.get_type::<PyDict>(), Leaf::Plain(Plain { is_list: false })),
    ] {
        if annotation.is(&class) {
            return Ok(Some(leaf));
        }
    }
    let Ok(class) = annotation.cast::<PyType>() else { return Ok(None) };
    if crate::fields::enumeration::is_enum(class)? {
        return Ok(Some(converted(annotation, Kind::Enum)));
    }
    for (module, name, kind) in [
        ("datetime", "datetime", Kind::Iso),
        ("datetime", "date", Kind::Iso),
        ("datetime", "time", Kind::Iso),
        ("uuid", "UUID", Kind::Text),
        ("decimal", "Decimal", Kind::Text),
    ] {
        if annotation.is(py.import(module)?.getattr(name)?) {
            return Ok(Some(converted(annotation, kind)));
        }
    }
    Ok(None)
}

fn converted(class: &Bound<'_, PyAny>, kind: Kind) -> Leaf {
    Leaf::Converted(Converted { class: class.clone().unbind(), kind })
}
