//! What stands at the end of a text that an index sorts by: `lower(email) text_pattern_ops DESC NULLS LAST`.

use super::token::{TokenKind, tokens};
use crate::model::{IndexPart, IndexTerm};
use crate::query::{Expr, Nulls};
use crate::sql::Dialect;

/// What a text sorts by: a column, where it is only a name, or an expression. A last word in `_ops` is its operator class, as
/// PostgreSQL calls all of its own.
pub fn index_part(text: &str) -> IndexPart {
    let all = tokens(text, &Dialect::POSTGRES);
    let mut left = all.as_slice();
    let nulls = match left {
        [before @ .., nulls, place] if nulls.is("NULLS") && (place.is("FIRST") || place.is("LAST")) => {
            left = before;
            Some(if place.is("FIRST") { Nulls::First } else { Nulls::Last })
        }
        _ => None,
    };
    let mut descending = false;
    if let [before @ .., word] = left
        && !before.is_empty()
        && (word.is("DESC") || word.is("ASC"))
    {
        descending = word.is("DESC");
        left = before;
    }
    let mut class = None;
    if let [before @ .., last, word] = left
        && word.text.ends_with("_ops")
        && word.kind == TokenKind::Word
        // Behind an operator it is a column.
        && (last.kind != TokenKind::Sign || last.is_sign(')') || last.is_sign(']'))
    {
        class = Some(word.text.to_owned());
        left = &left[..before.len() + 1];
    }
    let end = left.last().map_or(text.len(), |token| token.end());
    let column = match left {
        [name] => name.name().filter(|_| !name.text.starts_with('\'')),
        _ => None,
    };
    let term = match column {
        Some(column) => IndexTerm::Column(column.into_owned()),
        None => IndexTerm::Expr(Expr::Text(text[..end].trim().into())),
    };
    IndexPart { class, descending, nulls, ..IndexPart::new(term) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_taken_from_the_end_of_a_text() {
        let said = |text: &str| {
            let part = index_part(text);
            let term = match part.term {
                IndexTerm::Column(name) => format!("column {name}"),
                IndexTerm::Expr(Expr::Text(text)) => text.to_string(),
                IndexTerm::Expr(other) => format!("{other:?}"),
            };
            (term, part.descending, part.nulls)
        };
        assert_eq!(said("a DESC"), ("column a".into(), true, None));
        assert_eq!(said("\"A b\" asc nulls first"), ("column A b".into(), false, Some(Nulls::First)));
        assert_eq!(said("lower(a) desc NULLS LAST"), ("lower(a)".into(), true, Some(Nulls::Last)));
        assert_eq!(said("(a || ' DESC')"), ("(a || ' DESC')".into(), false, None));
        assert_eq!(said("a"), ("column a".into(), false, None));
    }

    #[test]
    fn a_last_word_may_be_an_operator_class() {
        let class = |text: &str| index_part(text).class;
        assert_eq!(class("lower(a) text_pattern_ops DESC").as_deref(), Some("text_pattern_ops"));
        assert_eq!(class("a jsonb_path_ops").as_deref(), Some("jsonb_path_ops"));
        assert_eq!((class("a + b_ops"), class("b_ops"), class("t.b_ops")), (None, None, None));
        assert_eq!(index_part("a text_ops").term, IndexTerm::Column("a".into()));
    }
}
