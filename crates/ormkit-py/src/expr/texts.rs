//! Texts: patterns, parts of a text, regular expressions, collations.

use ormkit_core::model::ColumnType;
use ormkit_core::query::{ArithmeticOp, Expr as CoreExpr, JsonRead, Pattern};
use ormkit_core::value::SqlType;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::arithmetic::in_front;
use super::operand::{decorated_text, operand};
use super::typing::column_type_of;
use super::{Condition, Expr, condition, expression};
use crate::model::unsupported;

#[pymethods]
impl Expr {
    /// A LIKE pattern: `%` any text, `_` one character, a backslash (or `escape`) takes the next one literally. Cases
    /// count on both databases.
    #[pyo3(signature = (pattern, escape = None))]
    fn like<'py>(
        &self,
        pattern: &Bound<'py, PyAny>,
        escape: Option<char>,
    ) -> PyResult<Bound<'py, Condition>> {
        self.matching(Pattern::Like, &escaped(pattern, escape)?, false)
    }

    /// A LIKE pattern, whatever the case.
    #[pyo3(signature = (pattern, escape = None))]
    fn ilike<'py>(
        &self,
        pattern: &Bound<'py, PyAny>,
        escape: Option<char>,
    ) -> PyResult<Bound<'py, Condition>> {
        self.matching(Pattern::Like, &escaped(pattern, escape)?, true)
    }

    /// What a LIKE pattern does not match.
    #[pyo3(signature = (pattern, escape = None))]
    fn not_like<'py>(
        &self,
        pattern: &Bound<'py, PyAny>,
        escape: Option<char>,
    ) -> PyResult<Bound<'py, Condition>> {
        negated(&self.like(pattern, escape)?)
    }

    /// The same as `not_like`.
    #[pyo3(signature = (pattern, escape = None))]
    fn notlike<'py>(
        &self,
        pattern: &Bound<'py, PyAny>,
        escape: Option<char>,
    ) -> PyResult<Bound<'py, Condition>> {
        self.not_like(pattern, escape)
    }

    /// What a LIKE pattern does not match, whatever the case.
    #[pyo3(signature = (pattern, escape = None))]
    fn not_ilike<'py>(
        &self,
        pattern: &Bound<'py, PyAny>,
        escape: Option<char>,
    ) -> PyResult<Bound<'py, Condition>> {
        negated(&self.ilike(pattern, escape)?)
    }

    /// The same as `not_ilike`.
    #[pyo3(signature = (pattern, escape = None))]
    fn notilike<'py>(
        &self,
        pattern: &Bound<'py, PyAny>,
        escape: Option<char>,
    ) -> PyResult<Bound<'py, Condition>> {
        self.not_ilike(pattern, escape)
    }

    /// Begins with a text, literally.
    #[pyo3(signature = (text, *, autoescape = true))]
    fn startswith<'py>(&self, text: &Bound<'py, PyAny>, autoescape: bool) -> PyResult<Bound<'py, Condition>> {
        literally(autoescape)?;
        self.matching(Pattern::StartsWith, text, false)
    }

    /// Ends with a text, literally.
    #[pyo3(signature = (text, *, autoescape = true))]
    fn endswith<'py>(&self, text: &Bound<'py, PyAny>, autoescape: bool) -> PyResult<Bound<'py, Condition>> {
        literally(autoescape)?;
        self.matching(Pattern::EndsWith, text, false)
    }

    /// Contains a text, literally, whatever the case.
    #[pyo3(signature = (text, *, autoescape = true))]
    fn icontains<'py>(&self, text: &Bound<'py, PyAny>, autoescape: bool) -> PyResult<Bound<'py, Condition>> {
        literally(autoescape)?;
        self.matching(Pattern::Contains, text, true)
    }

    /// Begins with a text, literally, whatever the case.
    #[pyo3(signature = (text, *, autoescape = true))]
    fn istartswith<'py>(
        &self,
        text: &Bound<'py, PyAny>,
        autoescape: bool,
    ) -> PyResult<Bound<'py, Condition>> {
        literally(autoescape)?;
        self.matching(Pattern::StartsWith, text, true)
    }

    /// Ends with a text, literally, whatever the case.
    #[pyo3(signature = (text, *, autoescape = true))]
    fn iendswith<'py>(&self, text: &Bound<'py, PyAny>, autoescape: bool) -> PyResult<Bound<'py, Condition>> {
        literally(autoescape)?;
        self.matching(Pattern::EndsWith, text, true)
    }

    /// A part of the text matches a regular expression: PostgreSQL's own there, on SQLite those of the Rust crate
    /// `regex`, which know neither look-around nor back-references. A dot matches every character, `^` and `$` the ends
    /// of the text. `flags="i"`: whatever the case.
    ///
    /// Raises:
    ///     DataError: The pattern is no regular expression; when the statement runs.
    #[pyo3(signature = (pattern, flags = None))]
    fn regexp_match<'py>(
        &self,
        pattern: &Bound<'py, PyAny>,
        flags: Option<&str>,
    ) -> PyResult<Bound<'py, Condition>> {
        let any_case = match flags {
            None | Some("") => false,
            Some("i") => true,
            Some(other) => {
                return Err(unsupported(
                    format!("the flag {other:?} of regexp_match()"),
                    "the flag is \"i\"; write others into the pattern: (?x)",
                ));
            }
        };
        let text = self.text_of("regexp_match()")?;
        condition(pattern.py(), text.regex(text_operand(pattern)?, any_case))
    }

    /// The text and another one behind it.
    fn concat<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        expression(other.py(), in_front(ArithmeticOp::Concat, self.core()?.clone(), other)?)
    }

    /// The same, compared and sorted by a collation of the database.
    pub(super) fn collate<'py>(&self, py: Python<'py>, collation: &str) -> PyResult<Bound<'py, Self>> {
        if collation.is_empty() || collation.contains('\0') {
            return Err(PyValueError::new_err("collate() takes the name of a collation"));
        }
        expression(py, self.core()?.clone().collate(collation))
    }
}

impl Expr {
    /// Its text where texts are looked through: of JSON, that of a JSON text, or the JSON of anything else.
    fn text_of(&self, what: &str) -> PyResult<CoreExpr> {
        let this = self.core()?.clone();
        match column_type_of(&this) {
            Some(ColumnType::Json) => Ok(this.json([], JsonRead::Text)),
            Some(ColumnType::Array(_)) => {
                Err(unsupported(format!("{what} of an array"), "use contains() or overlap() with a list"))
            }
            _ => Ok(this),
        }
    }

    pub(super) fn matching<'py>(
        &self,
        pattern: Pattern,
        part: &Bound<'py, PyAny>,
        any_case: bool,
    ) -> PyResult<Bound<'py, Condition>> {
        let py = part.py();
        let text = self.text_of("looking for a text")?;
        let part = match decorated_text(part, &text)? {
            Some(made) => made,
            None => text_operand(part)?,
        };
        condition(py, text.like(pattern, part, any_case))
    }
}

/// A text or an expression.
fn text_operand(part: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    match part.cast::<PyString>() {
        Ok(text) => Ok(CoreExpr::value(text.to_str()?, SqlType::Text)),
        Err(_) if part.is_instance_of::<Expr>() => operand(part, None),
        Err(_) => {
            let found = part.get_type().name()?;
            Err(PyTypeError::new_err(format!("a text is looked for, not a value of type {found}")))
        }
    }
}

/// Parts of a text are always taken literally.
pub(super) fn literally(autoescape: bool) -> PyResult<()> {
    if autoescape {
        return Ok(());
    }
    Err(unsupported("autoescape=False", "use like() or ilike() with a pattern"))
}

/// A pattern whose escape sign is a backslash.
fn escaped<'py>(pattern: &Bound<'py, PyAny>, escape: Option<char>) -> PyResult<Bound<'py, PyAny>> {
    let Some(escape) = escape.filter(|escape| *escape != '\\') else { return Ok(pattern.clone()) };
    let Ok(text) = pattern.cast::<PyString>() else {
        return Err(unsupported(
            "escape= with a pattern that is no constant",
            "use a backslash as escape sign",
        ));
    };
    let mut out = String::new();
    let mut signs = text.to_str()?.chars();
    while let Some(sign) = signs.next() {
        match sign {
            _ if sign == escape => {
                out.push('\\');
                out.push(signs.next().ok_or_else(|| {
                    PyValueError::new_err("the pattern ends with its escape sign, which takes nothing")
                })?);
            }
            '\\' => out.push_str("\\\\"),
            _ => out.push(sign),
        }
    }
    Ok(PyString::new(pattern.py(), &out).into_any())
}

fn negated<'py>(given: &Bound<'py, Condition>) -> PyResult<Bound<'py, Condition>> {
    condition(given.py(), given.as_super().get().core()?.clone().negate())
}
