//! Typed JSON documents: pydantic models, dataclasses and `TypedDict`s, alone and inside of lists and dicts.
mod outline;

use crate::convert::json::failed;
use crate::convert::type_name;
use crate::errors::from_py;
use crate::model::raise::mapping;
use ormkit_core::error::{Error, Result};
use outline::{Class, Leaf, Outline, Shape};
use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};

/// Deeper documents are refused: reading and writing take stack for each level.
const MAX_DEPTH: usize = 200;

/// The annotation of a JSON column's documents, read once.
pub(crate) struct Document {
    outline: Outline,
    name: String,
}

impl Document {
    /// Reads an annotation; None where no class of documents is in it.
    ///
    /// # Errors
    /// A field of a type that JSON has no form for, by name.
    pub(crate) fn of(annotation: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let outline = Outline::read(annotation)?;
        let name = match annotation.getattr_opt("__qualname__")? {
            Some(name) if !annotation.hasattr("__origin__")? => name.extract()?,
            _ => annotation.str()?.extract()?,
        };
        Ok(outline.map(|outline| Self { outline, name }))
    }

    /// A document as plain JSON values.
    ///
    /// # Errors
    /// `DataError` without a place: the value is no such document; what its class raises is the cause.
    pub(super) fn dump<'py>(&self, value: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        self.walk(Way::Out, value)
    }

    /// Plain JSON values as a document.
    ///
    /// # Errors
    /// `DataError` without a place: they are no such document; what its class raises is the cause.
    pub(super) fn validate<'py>(&self, value: Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        self.walk(Way::In, &value)
    }

    fn walk<'py>(&self, way: Way, value: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        if value.is_none() {
            return Ok(value.clone());
        }
        let mut walk = Walk { outline: &self.outline, way, path: Vec::new() };
        walk.shape(&self.outline.root, value).map_err(|problem| problem.error(&self.name, way))
    }
}

/// Which way a document goes.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// To the database.
    Out,
    /// From it.
    In,
}

/// What is wrong with a document.
enum Problem {
    /// Where, and what is wrong there.
    Unfit(String, String),
    /// What a class raised; where it was.
    Raised(String, PyErr),
}

impl Problem {
    fn error(self, name: &str, way: Way) -> Error {
        let whose = match way {
            Way::Out => format!("the value is no {name}"),
            Way::In => format!("the database holds JSON that is no {name}"),
        };
        match self {
            Self::Unfit(path, problem) => Error::data(None, format!("{whose}: {path}{problem}")),
            Self::Raised(path, raised) => Python::attach(|py| {
                if !raised.is_instance_of::<PyException>(py) {
                    return from_py(raised);
                }
                failed(py, &format!("{whose}: {path}its class"), raised)
            }),
        }
    }
}

type Walked<'py> = std::result::Result<Bound<'py, PyAny>, Problem>;

/// One document on its way.
struct Walk<'a> {
    outline: &'a Outline,
    way: Way,
    path: Vec<String>,
}

impl Walk<'_> {
    fn shape<'py>(&mut self, shape: &Shape, value: &Bound<'py, PyAny>) -> Walked<'py> {
        if self.path.len() > MAX_DEPTH {
            return Err(self.unfit("nested too deep, or holds itself"));
        }
        match shape {
            Shape::Any => Ok(value.clone()),
            Shape::Optional(_) if value.is_none() => Ok(value.clone()),
            Shape::Optional(inner) => self.shape(inner, value),
            Shape::Leaf(leaf) => self.leaf(leaf, value),
            Shape::List(item) => self.list(item, value),
            Shape::Dict(item) => self.dict(item, value),
            Shape::Class(index) => self.class(*index, value),
        }
    }

    fn list<'py>(&mut self, item: &Shape, value: &Bound<'py, PyAny>) -> Walked<'py> {
        let Ok(list) = value.cast::<PyList>() else { return Err(self.expected("list", value)) };
        let made = PyList::empty(value.py());
        for (at, each) in list.iter().enumerate() {
            let each = self.at(format!("[{at}]"), |walk| walk.shape(item, &each))?;
            made.append(each).map_err(|raised| self.raised(raised))?;
        }
        Ok(made.into_any())
    }

    fn dict<'py>(&mut self, item: &Shape, value: &Bound<'py, PyAny>) -> Walked<'py> {
        let Ok(dict) = value.cast::<PyDict>() else { return Err(self.expected("dict", value)) };
        let made = PyDict::new(value.py());
        for (key, each) in dict.iter() {
            let each = self.at("[…]".to_owned(), |walk| walk.shape(item, &each))?;
            made.set_item(key, each).map_err(|raised| self.raised(raised))?;
        }
        Ok(made.into_any())
    }

    fn class<'py>(&mut self, index: usize, value: &Bound<'py, PyAny>) -> Walked<'py> {
        let py = value.py();
        let outline = self.outline;
        match (&outline.classes[index], self.way) {
            (Class::Pydantic(class), Way::Out) => {
                self.require_instance(class.bind(py), value)?;
                let options = PyDict::new(py);
                let dumped = options
                    .set_item(intern!(py, "mode"), "json")
                    .and_then(|()| options.set_item(intern!(py, "by_alias"), true))
                    .and_then(|()| value.call_method(intern!(py, "model_dump"), (), Some(&options)));
                dumped.map_err(|raised| self.raised(raised))
            }
            (Class::Pydantic(class), Way::In) => class
                .bind(py)
                .call_method1(intern!(py, "model_validate"), (value,))
                .map_err(|raised| self.raised(raised)),
            (Class::Dataclass { class, fields }, Way::Out) => {
                self.require_instance(class.bind(py), value)?;
                let made = PyDict::new(py);
                for field in fields {
                    let part = value.getattr(&*field.name).map_err(|raised| self.raised(raised))?;
                    let part = self.at(format!(".{}", field.name), |walk| walk.shape(&field.shape, &part))?;
                    made.set_item(&field.name, part).map_err(|raised| self.raised(raised))?;
                }
                Ok(made.into_any())
            }
            (Class::Dataclass { class, fields }, Way::In) => {
                let made = self.fields(fields, value)?;
                class.bind(py).call((), Some(&made)).map_err(|raised| self.raised(raised))
            }
            (Class::Typed(fields), _) => Ok(self.fields(fields, value)?.into_any()),
        }
    }

    /// The fields of a dict, no others.
    fn fields<'py>(
        &mut self,
        fields: &[outline::Field],
        value: &Bound<'py, PyAny>,
    ) -> std::result::Result<Bound<'py, PyDict>, Problem> {
        let Ok(dict) = value.cast::<PyDict>() else { return Err(self.expected("dict", value)) };
        let made = PyDict::new(value.py());
        for (key, part) in dict.iter() {
            let known = key.cast::<PyString>().ok().and_then(|key| key.to_str().ok());
            let Some(field) = fields.iter().find(|field| known == Some(&*field.name)) else {
                return Err(self.unfit("has a key that the class has no field for"));
            };
            let part = self.at(format!(".{}", field.name), |walk| walk.shape(&field.shape, &part))?;
            made.set_item(key, part).map_err(|raised| self.raised(raised))?;
        }
        for field in fields.iter().filter(|field| field.required) {
            if !made.contains(&field.name).map_err(|raised| self.raised(raised))? {
                return Err(self.unfit(&format!("lacks {:?}", field.name)));
            }
        }
        Ok(made)
    }

    fn leaf<'py>(&self, leaf: &Leaf, value: &Bound<'py, PyAny>) -> Walked<'py> {
        let py = value.py();
        let fits = match leaf {
            Leaf::Str => value.is_instance_of::<PyString>(),
            Leaf::Int => value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>(),
            Leaf::Float => {
                let number = value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>();
                number && !value.is_instance_of::<PyBool>()
            }
            Leaf::Bool => value.is_instance_of::<PyBool>(),
            Leaf::Null => value.is_none(),
            Leaf::Plain(kind) => {
                value.is_instance_of::<PyList>() == kind.is_list
                    && value.is_instance_of::<PyDict>() != kind.is_list
            }
            Leaf::Converted(converted) => {
                let made = match self.way {
                    Way::Out => {
                        self.require_instance(converted.class.bind(py), value)?;
                        converted.dump(value)
                    }
                    Way::In => converted.load(value),
                };
                return made.map_err(|raised| self.raised(raised));
            }
        };
        match fits {
            // 1 is a float's value, too; JSON tells them apart
            true if matches!(leaf, Leaf::Float) && value.is_instance_of::<PyInt>() => {
                py.get_type::<PyFloat>().call1((value,)).map_err(|raised| self.raised(raised))
            }
            true => Ok(value.clone()),
            false => Err(self.expected(leaf.name(), value)),
        }
    }

    fn require_instance(
        &self,
        class: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> std::result::Result<(), Problem> {
        match value.is_instance(class).map_err(|raised| self.raised(raised))? {
            true => Ok(()),
            false => {
                let name = class.getattr("__name__").and_then(|name| name.extract::<String>());
                Err(self.expected(&name.unwrap_or_default(), value))
            }
        }
    }

    fn at<T>(&mut self, step: String, walk: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let done = walk(self);
        self.path.pop();
        done
    }

    fn place(&self) -> String {
        match self.path.is_empty() {
            true => String::new(),
            false => format!("at {}: ", self.path.concat()),
        }
    }

    fn expected(&self, expected: &str, value: &Bound<'_, PyAny>) -> Problem {
        self.unfit(&format!("expected {expected}, got a value of type {}", type_name(value)))
    }

    fn unfit(&self, problem: &str) -> Problem {
        Problem::Unfit(self.place(), problem.to_owned())
    }

    fn raised(&self, raised: PyErr) -> Problem {
        Problem::Raised(self.place(), raised)
    }
}

/// The refusal of a field that JSON has no form for.
fn formless(place: &str, annotation: &Bound<'_, PyAny>) -> PyErr {
    let shown = annotation.str().map_or_else(|_| "?".to_owned(), |text| text.to_string());
    mapping(format!(
        "{place} is a {shown}, for which JSON has no form that is known: a pydantic model, or a TypeDecorator over JSON, \
         says one"
    ))
}
