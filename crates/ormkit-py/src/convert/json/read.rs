//! JSON text as Python values (RFC 8259), without a tree between.
use super::{MAX_DEPTH, data};
use crate::errors::from_py;
use ormkit_core::error::{Error, Result};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};

/// Reads from the front of a text.
pub(super) struct Reader<'a, 'py> {
    py: Python<'py>,
    text: &'a str,
    at: usize,
    /// Strings with escapes are put together here.
    scratch: String,
}

impl<'a, 'py> Reader<'a, 'py> {
    pub(super) fn new(py: Python<'py>, text: &'a str) -> Self {
        Self { py, text, at: 0, scratch: String::new() }
    }

    /// One value and nothing behind it.
    pub(super) fn document(mut self) -> Result<Bound<'py, PyAny>> {
        let value = self.value(0)?;
        match self.next() {
            None => Ok(value),
            Some(_) => Err(self.bad()),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Bound<'py, PyAny>> {
        if depth > MAX_DEPTH {
            return Err(data("the database holds JSON that is nested more than 1000 levels deep"));
        }
        match self.next() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(self.string()?.into_any()),
            Some(b't') => self.word("true", PyBool::new(self.py, true).to_owned().into_any()),
            Some(b'f') => self.word("false", PyBool::new(self.py, false).to_owned().into_any()),
            Some(b'n') => self.word("null", self.py.None().into_bound(self.py)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.bad()),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Bound<'py, PyAny>> {
        self.at += 1;
        let list = PyList::empty(self.py);
        if self.next() == Some(b']') {
            self.at += 1;
            return Ok(list.into_any());
        }
        loop {
            list.append(self.value(depth + 1)?).map_err(from_py)?;
            match self.take()? {
                b',' => {}
                b']' => return Ok(list.into_any()),
                _ => return Err(self.bad()),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Bound<'py, PyAny>> {
        self.at += 1;
        let dict = PyDict::new(self.py);
        if self.next() == Some(b'}') {
            self.at += 1;
            return Ok(dict.into_any());
        }
        loop {
            if self.next() != Some(b'"') {
                return Err(self.bad());
            }
            let key = self.string()?;
            if self.take()? != b':' {
                return Err(self.bad());
            }
            dict.set_item(key, self.value(depth + 1)?).map_err(from_py)?;
            match self.take()? {
                b',' => {}
                b'}' => return Ok(dict.into_any()),
                _ => return Err(self.bad()),
            }
        }
    }

    fn word(&mut self, word: &str, value: Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        match self.rest().starts_with(word.as_bytes()) {
            true => {
                self.at += word.len();
                Ok(value)
            }
            false => Err(self.bad()),
        }
    }

    fn number(&mut self) -> Result<Bound<'py, PyAny>> {
        let start = self.at;
        self.skip(b"-");
        let whole = self.digits()?;
        if whole > 1 && self.text.as_bytes()[self.at - whole] == b'0' {
            return Err(self.bad()); // leading zeros are none of JSON's
        }
        let mut is_integer = true;
        if self.skip(b".") {
            is_integer = false;
            self.digits()?;
        }
        if self.skip(b"eE") {
            is_integer = false;
            self.skip(b"+-");
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        if !is_integer {
            let float: f64 = text.parse().map_err(|_| self.bad())?;
            return Ok(PyFloat::new(self.py, float).into_any());
        }
        match text.parse::<i64>() {
            Ok(small) => Ok(PyInt::new(self.py, small).into_any()),
            Err(_) => self.py.get_type::<PyInt>().call1((text,)).map_err(|_| {
                data("the database holds JSON with an integer of more digits than Python reads")
            }),
        }
    }

    /// One digit or more; answers how many.
    fn digits(&mut self) -> Result<usize> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { Err(self.bad()) } else { Ok(count) }
    }

    fn string(&mut self) -> Result<Bound<'py, PyString>> {
        self.at += 1;
        let start = self.at;
        let plain = self.plain();
        if self.rest().first() == Some(&b'"') {
            self.at += 1;
            return Ok(PyString::new(self.py, &self.text[start..start + plain]));
        }
        self.scratch.clear();
        self.scratch.push_str(&self.text[start..self.at]);
        loop {
            match self.rest().first() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(PyString::new(self.py, &self.scratch));
                }
                Some(b'\\') => {
                    self.at += 1;
                    let letter = self.escape()?;
                    self.scratch.push(letter);
                }
                _ => return Err(self.bad()), // the end, or a control character
            }
            let start = self.at;
            self.plain();
            self.scratch.push_str(&self.text[start..self.at]);
        }
    }

    /// Goes past characters that stand for themselves; answers how many bytes they are.
    fn plain(&mut self) -> usize {
        let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        let rest = self.rest();
        let count = rest.iter().position(ends).unwrap_or(rest.len());
        self.at += count;
        count
    }

    fn escape(&mut self) -> Result<char> {
        let letter = self.rest().first().copied().ok_or_else(|| self.bad())?;
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => letter as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.code_point()?,
            _ => return Err(self.bad()),
        })
    }

    /// Four hexadecimal digits, or two surrogates of four each.
    fn code_point(&mut self) -> Result<char> {
        let high = self.unit()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high).ok_or_else(lone);
        }
        if !self.rest().starts_with(b"\\u") {
            return Err(lone());
        }
        self.at += 2;
        let low = self.unit()?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(lone());
        }
        char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or_else(lone)
    }

    fn unit(&mut self) -> Result<u32> {
        let digits = self.rest().get(..4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let unit =
            digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or_else(|| self.bad())?;
        self.at += 4;
        Ok(unit)
    }

    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn skip(&mut self, any: &[u8]) -> bool {
        let found = self.rest().first().is_some_and(|byte| any.contains(byte));
        self.at += usize::from(found);
        found
    }

    /// The next byte that is no white space; stays where it is.
    fn next(&mut self) -> Option<u8> {
        let blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += self.rest().iter().take_while(blank).count();
        self.rest().first().copied()
    }

    fn take(&mut self) -> Result<u8> {
        let byte = self.next().ok_or_else(|| self.bad())?;
        self.at += 1;
        Ok(byte)
    }

    #[cold]
    fn bad(&self) -> Error {
        data(format!("the database holds text that is no JSON (at byte {})", self.at))
    }
}

#[cold]
fn lone() -> Error {
    data("the database holds JSON with a lone surrogate")
}
