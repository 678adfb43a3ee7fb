//! Arrays in text form (`array_out` in the server's sources), of types whose binary form is not known here:
//! `{a,"b \"c\"",NULL}`, nested where there are more dimensions, behind `[2:3]=` where a lower bound is not 1.

use std::str;
use std::sync::LazyLock;

use ormkit_core::error::Result;
use ormkit_core::value::{
    ArrayRef, CustomRef, CustomType, Dimensions, Encoded, Format, Parts, SqlType, ValueRef,
};

use super::catalog::Delimiter;
use super::malformed;

/// The most dimensions that the server has (`MAXDIM`).
const MAX_DIMENSIONS: usize = 6;

/// Elements separated by commas, as those of all types but one.
static COMMAS: LazyLock<Format> = LazyLock::new(|| format(b','));
/// Elements separated by semicolons: those of `box`.
static SEMICOLONS: LazyLock<Format> = LazyLock::new(|| format(b';'));

fn format(delimiter: u8) -> Format {
    Format::new(SqlType::Unknown, Delimited { mark: delimiter, custom: None })
}

/// Of arrays whose elements a codec reads, escaped as they are.
pub(crate) fn format_of(delimiter: Delimiter, custom: CustomType) -> Format {
    Format::new(SqlType::Unknown, Delimited { mark: delimiter.mark(), custom: Some(custom) })
}

/// Elements with a mark between them.
struct Delimited {
    mark: u8,
    custom: Option<CustomType>,
}

impl Parts for Delimited {
    fn dimensions(&self, cell: &[u8]) -> Dimensions {
        walk(cell, self.mark).unwrap_or_default()
    }

    fn first(&self, cell: &[u8]) -> usize {
        first(cell)
    }

    fn part<'a>(&'a self, cell: &'a [u8], _index: usize, offset: usize) -> (ValueRef<'a>, usize) {
        let between = |byte: &&u8| **byte == self.mark || matches!(**byte, b'{' | b'}');
        let start = offset + cell[offset..].iter().take_while(between).count();
        let (found, end) =
            raw(cell, start, self.mark).expect("`decode` has read every element of this array before");
        let value = match (&self.custom, found) {
            (_, None) => ValueRef::Null,
            (Some(custom), Some(text)) => ValueRef::Custom(CustomRef::received(text.as_bytes(), custom)),
            (None, Some(text)) if text.contains('\\') => ValueRef::Encoded(Encoded::backslash(text)),
            (None, Some(text)) => ValueRef::Text(text),
        };
        (value, end)
    }
}

/// An array of texts, every element checked.
///
/// # Errors
/// The bytes are no array's text.
pub(crate) fn decode(cell: &[u8], delimiter: Delimiter) -> Result<ArrayRef<'_>> {
    let format = match delimiter {
        Delimiter::Comma => &*COMMAS,
        Delimiter::Semicolon => &*SEMICOLONS,
    };
    decode_as(cell, delimiter, format)
}

/// The same, read by a format for arrays of this delimiter.
///
/// # Errors
/// The bytes are no array's text.
pub(crate) fn decode_as<'a>(
    cell: &'a [u8],
    delimiter: Delimiter,
    format: &'a Format,
) -> Result<ArrayRef<'a>> {
    str::from_utf8(cell).map_err(|_| malformed("array"))?;
    walk(cell, delimiter.mark()).ok_or_else(|| malformed("array"))?;
    Ok(ArrayRef::received(cell, format))
}

/// Reads everything once and answers the lengths: lists of one level have one length, and hold nothing but lists or
/// nothing but elements. Lower bounds have no equal among hosts and are left out.
fn walk(cell: &[u8], delimiter: u8) -> Option<Dimensions> {
    let mut at = first(cell);
    if cell.get(at - 1..)? == b"{}" {
        return Some(Dimensions::new());
    }
    let depth = braces(cell, at - 1);
    if depth == 0 || depth > MAX_DIMENSIONS {
        return None;
    }
    at += depth - 1;
    let (mut level, mut counts, mut lengths) = (depth, [0; MAX_DIMENSIONS], [None; MAX_DIMENSIONS]);
    while level > 0 {
        at = raw(cell, at, delimiter)?.1;
        counts[level - 1] += 1;
        while level > 0 && cell.get(at) == Some(&b'}') {
            (level, at) = (level - 1, at + 1);
            let count = std::mem::take(&mut counts[level]);
            if *lengths[level].get_or_insert(count) != count {
                return None;
            }
            if level > 0 {
                counts[level - 1] += 1;
            }
        }
        if level > 0 {
            let opened = braces(cell, at + 1);
            if cell.get(at) != Some(&delimiter) || level + opened != depth {
                return None;
            }
            (level, at) = (depth, at + 1 + opened);
        }
    }
    (at == cell.len()).then(|| lengths.into_iter().flatten().collect())
}

/// Number of opening braces from `at` on.
fn braces(cell: &[u8], at: usize) -> usize {
    cell.get(at..).unwrap_or_default().iter().take_while(|byte| **byte == b'{').count()
}

/// The offset behind the first brace, which comes behind the bounds where there are some.
fn first(cell: &[u8]) -> usize {
    let bounds = if cell.first() == Some(&b'[') { cell.iter().position(|byte| *byte == b'=') } else { None };
    bounds.map_or(1, |end| end + 2)
}

/// The text of the element at `at`, None for NULL, and the offset behind it.
fn raw(cell: &[u8], at: usize, delimiter: u8) -> Option<(Option<&str>, usize)> {
    let rest = cell.get(at..)?;
    if let Some(quoted) = rest.strip_prefix(b"\"") {
        let (text, length) = until(quoted, |byte| byte == b'"')?;
        return Some((Some(text), at + length + 2));
    }
    let (text, length) = until(rest, |byte| byte == delimiter || matches!(byte, b'{' | b'}'))?;
    let value = if &rest[..length] == b"NULL" { None } else { Some(text) };
    (length > 0).then_some((value, at + length))
}

/// The text before the first byte that `ends` it and has no backslash in front, and its length.
fn until(bytes: &[u8], ends: impl Fn(u8) -> bool) -> Option<(&str, usize)> {
    let mut length = 0;
    loop {
        match *bytes.get(length)? {
            b'\\' => {
                bytes.get(length + 1)?;
                length += 2;
            }
            byte if ends(byte) => break,
            _ => length += 1,
        }
    }
    let text = str::from_utf8(bytes.get(..length)?).ok()?;
    Some((text, length))
}

#[cfg(test)]
mod tests {
    use ormkit_core::value::Value;
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<(Vec<usize>, Vec<Value>)> {
        let array = decode(text.as_bytes(), Delimiter::Comma).ok()?;
        Some((array.dimensions().to_vec(), array.iter().map(Value::from).collect()))
    }

    #[test]
    fn elements_are_read_as_the_server_writes_them() {
        let (lengths, values) = read(r#"{{a,"b,\"c\\{}"},{NULL,"NULL"}}"#).unwrap();
        assert_eq!(lengths, [2, 2]);
        assert_eq!(values, ["a".into(), r#"b,"c\{}"#.into(), Value::Null, "NULL".into()]);
        assert_eq!(read("[2:3]={1,2}").unwrap(), (vec![2], vec!["1".into(), "2".into()]));
        assert_eq!(read("{}").unwrap(), (vec![], vec![]));
        assert_eq!(read(r#"{""}"#).unwrap(), (vec![1], vec!["".into()]));
        assert_eq!(read("{{{1},{2}}}").unwrap().0, [1, 2, 1]);
        let boxes = decode(b"{(1,2),(0,0);(3,4),(0,0)}", Delimiter::Semicolon).unwrap();
        assert_eq!(
            boxes.iter().map(Value::from).collect::<Vec<_>>(),
            ["(1,2),(0,0)".into(), "(3,4),(0,0)".into()]
        );
    }

    #[test]
    fn what_is_no_array_is_refused() {
        for text in [
            "",
            "{",
            "}",
            "a",
            "{a",
            "{a}}",
            "{a}b",
            "{,}",
            "{a,}",
            "{{a},b}",
            "{{a},{b,c}}",
            "{{a}{b}}",
            "{\"a}",
            "{a\\",
            "{{}}",
            "{{},{}}",
            "[1:2]",
            "[1:2]=",
            "[",
            "{{{{{{{a}}}}}}}",
            "{a,{b}}",
            "{\"a\"b}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_array_or_an_error(text in "[\\[:={}a,\"\\\\]{0,12}") {
            if let Some((lengths, values)) = read(&text) {
                prop_assert_eq!(if lengths.is_empty() { 0 } else { lengths.iter().product() }, values.len());
            }
        }
    }
}
