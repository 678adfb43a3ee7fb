//! LIKE and the searches for a part of a text.

use super::super::SqlWriter;
use super::{Level, Render, operand};
use crate::error::Error;
use crate::query::{Expr, Like, Pattern};
use crate::value::Value;

impl Render for Like {
    fn render(&self, out: &mut SqlWriter<'_>) {
        match &self.part {
            Expr::Value(bound) => match (&bound.value, out.made(&bound.value)) {
                (Value::Text(part), _) => self.with_pattern(out, &like_pattern(self.pattern, part)),
                (_, Some(Value::Text(part))) => self.with_pattern(out, &like_pattern(self.pattern, &part)),
                (_, Some(_)) => {
                    out.fail(Error::data(None, "a text is looked for, and the type makes none of it"))
                }
                (_, None) => self.with_expression(out),
            },
            _ => self.with_expression(out),
        }
    }
}

impl Like {
    /// The pattern is known. SQLite's LIKE does not tell cases apart, with ESCAPE the driver's own, of letters of every
    /// script; GLOB does, and has its own signs.
    fn with_pattern(&self, out: &mut SqlWriter<'_>, pattern: &str) {
        operand(out, &self.expr, Level::Operand);
        if self.negated {
            out.push(" NOT");
        }
        let dialect = out.dialect();
        if self.any_case {
            out.push(dialect.ilike);
            out.bind_text(pattern);
            out.push(dialect.escape);
        } else {
            out.push(dialect.like);
            if out.is_postgres() { out.bind_text(pattern) } else { out.bind_text(&glob(pattern)) }
        }
    }

    /// What is looked for is an expression: found by its length, since it cannot be escaped beforehand.
    fn with_expression(&self, out: &mut SqlWriter<'_>) {
        if self.negated {
            out.push("NOT (");
        }
        match self.pattern {
            Pattern::Like if self.any_case || out.is_postgres() => {
                let dialect = out.dialect();
                operand(out, &self.expr, Level::Operand);
                out.push(if self.any_case { dialect.ilike } else { dialect.like });
                operand(out, &self.part, Level::Operand);
                out.push(if self.any_case { dialect.escape } else { "" });
            }
            Pattern::Like => {
                out.unsupported(
                    "like() with a pattern that is not a constant",
                    "use ilike(), contains() or a constant",
                );
            }
            Pattern::Exact => self.sides(out, "", " = ", ""),
            Pattern::Contains if out.is_postgres() => self.sides(out, "strpos(", ", ", ") > 0"),
            Pattern::Contains => self.sides(out, "instr(", ", ", ") > 0"),
            Pattern::StartsWith => {
                out.push("substr(");
                self.side(out, &self.expr);
                self.sides_of(out, ", 1, length(", &self.part, ")) = ", &self.part);
            }
            Pattern::EndsWith => {
                out.push("substr(");
                self.side(out, &self.expr);
                self.sides_of(out, ", length(", &self.expr, ") - length(", &self.part);
                out.push(") + 1) = ");
                self.side(out, &self.part);
            }
        }
        if self.negated {
            out.push(")");
        }
    }

    fn sides(&self, out: &mut SqlWriter<'_>, before: &str, between: &str, after: &str) {
        self.sides_of(out, before, &self.expr, between, &self.part);
        out.push(after);
    }

    fn sides_of(&self, out: &mut SqlWriter<'_>, before: &str, one: &Expr, between: &str, other: &Expr) {
        out.push(before);
        self.side(out, one);
        out.push(between);
        self.side(out, other);
    }

    fn side(&self, out: &mut SqlWriter<'_>, expr: &Expr) {
        if self.any_case {
            out.push(if out.is_postgres() { "lower(" } else { "ormkit_lower(" });
            expr.render(out);
            out.push(")");
        } else {
            operand(out, expr, Level::Operand);
        }
    }
}

/// A LIKE pattern, with `part` taken literally unless it is a pattern itself.
fn like_pattern(pattern: Pattern, part: &str) -> String {
    if pattern == Pattern::Like {
        return part.to_owned();
    }
    let mut text = String::with_capacity(part.len() + 2);
    if matches!(pattern, Pattern::Contains | Pattern::EndsWith) {
        text.push('%');
    }
    for character in part.chars() {
        if matches!(character, '%' | '_' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    if matches!(pattern, Pattern::Contains | Pattern::StartsWith) {
        text.push('%');
    }
    text
}

/// The same pattern in GLOB's signs.
fn glob(like: &str) -> String {
    let mut text = String::with_capacity(like.len() + 2);
    let mut characters = like.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' => text.push('*'),
            '_' => text.push('?'),
            '\\' => literal(&mut text, characters.next().unwrap_or('\\')),
            other => literal(&mut text, other),
        }
    }
    text
}

fn literal(text: &mut String, character: char) {
    if matches!(character, '*' | '?' | '[') {
        text.extend(['[', character, ']']);
    } else {
        text.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_of_a_text_is_literal() {
        assert_eq!(like_pattern(Pattern::Contains, "50%_\\"), "%50\\%\\_\\\\%");
        assert_eq!(like_pattern(Pattern::StartsWith, "a"), "a%");
        assert_eq!(like_pattern(Pattern::Like, "a%"), "a%");
    }

    #[test]
    fn glob_means_what_like_means() {
        assert_eq!(glob("a%b_c"), "a*b?c");
        assert_eq!(glob("\\%[x]*?"), "%[[]x][*][?]");
    }
}
