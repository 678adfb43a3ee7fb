//! What an expression of PostgreSQL means, written in one way.
//!
//! The server prints an expression with parentheses around each operator and with the casts that it has put in itself: `status IN
//! ('a')` as `((status)::text = 'a'::text)`. Both come to the same text here (PostgreSQL manual, section 4.1.6, "Operator
//! Precedence"). One that cannot be read is its own words.

mod cast;
mod literal;
mod primary;

use super::super::cursor::Cursor;
use super::super::token::{TokenKind, tokens};
use super::super::{Table, token::bare};
use super::POSTGRES;

/// How far to the right an operator reaches, the loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binds {
    Or,
    And,
    Not,
    Is,
    Comparison,
    Like,
    Operator,
    Sum,
    Product,
    Power,
    Zone,
    Collate,
    Sign,
    Cast,
}

/// An expression in its one way, and as much of what it is as casts depend on.
struct Node {
    text: String,
    kind: Kind,
}

#[derive(PartialEq)]
enum Kind {
    /// A string, a number, or an array of them.
    Constant,
    Column,
    /// A number made of others.
    Sum,
    /// A text made of others.
    Text,
    /// What is joined by this word.
    Joined(&'static str, Vec<String>),
    Other,
}

impl Node {
    fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { text: text.into(), kind }
    }

    fn call(name: &str, parts: &[&Self]) -> Self {
        let parts: Vec<&str> = parts.iter().map(|node| node.text.as_str()).collect();
        Self::new(Kind::Other, format!("({name} {})", parts.join(" ")))
    }

    /// `a AND b AND c`, however they are put in parentheses.
    fn joined(word: &'static str, nodes: Vec<Self>) -> Self {
        let mut all = Vec::new();
        for node in nodes {
            match node.kind {
                Kind::Joined(known, parts) if known == word => all.extend(parts),
                _ => all.push(node.text),
            }
        }
        Self { text: format!("({word} {})", all.join(" ")), kind: Kind::Joined(word, all) }
    }
}

/// The expression in its one way. `table` is whose columns it is made of.
pub(super) fn canonical(expression: &str, table: &Table) -> String {
    let mut reader = Reader { cursor: Cursor::new(bare(expression, POSTGRES), POSTGRES), table, depth: 0 };
    match reader.expression(Binds::Or).filter(|_| reader.cursor.is_at_end()) {
        Some(node) => node.text,
        None => words(expression),
    }
}

/// The same for the DEFAULT of a column: a constant is one of its type.
pub(super) fn canonical_default(expression: &str, table: &Table, data_type: &str) -> String {
    canonical(&format!("({expression})::{data_type}"), table)
}

/// The words as they are, without the parentheses.
fn words(expression: &str) -> String {
    let all = tokens(expression, POSTGRES);
    let said = all.iter().filter(|token| !token.is_sign('(') && !token.is_sign(')'));
    let said = said.map(|token| match token.kind {
        TokenKind::Word => token.text.to_lowercase(),
        _ => token.text.to_owned(),
    });
    said.collect::<Vec<_>>().join(" ")
}

/// Reads an expression; None where it is of a form that is not known.
struct Reader<'a> {
    cursor: Cursor<'a>,
    table: &'a Table,
    depth: usize,
}

/// How deep expressions stand in one another before they are no longer read.
const DEEPEST: usize = 200;

impl Reader<'_> {
    fn expression(&mut self, least: Binds) -> Option<Node> {
        self.depth += 1;
        let node = if self.depth > DEEPEST { None } else { self.joined(least) };
        self.depth -= 1;
        node
    }

    fn joined(&mut self, least: Binds) -> Option<Node> {
        let mut left = self.prefix()?;
        loop {
            let before = self.cursor.clone();
            let Some((binds, word)) = self.infix() else { return Some(left) };
            if binds < least {
                self.cursor = before;
                return Some(left);
            }
            left = self.behind(left, binds, &word)?;
        }
    }

    fn prefix(&mut self) -> Option<Node> {
        if self.cursor.take("NOT") {
            let inner = self.expression(Binds::Not)?;
            return Some(Node::call("not", &[&inner]));
        }
        let before = self.cursor.clone();
        match self.operator().as_deref() {
            Some("-") => {
                let inner = self.expression(Binds::Sign)?;
                let is_number = inner.text.starts_with(|first: char| first.is_ascii_digit());
                Some(match is_number {
                    true => Node::new(Kind::Constant, format!("-{}", inner.text)),
                    false => Node { kind: Kind::Sum, ..Node::call("-", &[&inner]) },
                })
            }
            Some("+") => self.expression(Binds::Sign),
            Some(other) if !other.starts_with(['*', '/', '<', '>', '=']) => {
                let inner = self.expression(Binds::Operator)?;
                Some(Node::call(other, &[&inner]))
            }
            _ => {
                self.cursor = before;
                self.primary()
            }
        }
    }

    /// What joins an expression with the next one, in capitals, and how firmly.
    fn infix(&mut self) -> Option<(Binds, String)> {
        for (words, binds) in [
            ("OR", Binds::Or),
            ("AND", Binds::And),
            ("IS NOT DISTINCT FROM", Binds::Is),
            ("IS DISTINCT FROM", Binds::Is),
            ("IS NOT", Binds::Is),
            ("IS", Binds::Is),
            ("NOT BETWEEN", Binds::Like),
            ("BETWEEN", Binds::Like),
            ("NOT IN", Binds::Like),
            ("IN", Binds::Like),
            ("NOT LIKE", Binds::Like),
            ("LIKE", Binds::Like),
            ("NOT ILIKE", Binds::Like),
            ("ILIKE", Binds::Like),
            ("AT TIME ZONE", Binds::Zone),
            ("COLLATE", Binds::Collate),
        ] {
            if self.cursor.take(words) {
                return Some((binds, words.to_owned()));
            }
        }
        if self.cursor.take_sign('[') {
            return Some((Binds::Cast, "[".into()));
        }
        if self.cursor.peek()?.is_sign(':') {
            self.cursor.skip();
            return self.cursor.take_sign(':').then(|| (Binds::Cast, "::".into()));
        }
        let operator = self.operator()?;
        let binds = match operator.as_str() {
            "<" | ">" | "=" | "<=" | ">=" | "<>" | "!=" => Binds::Comparison,
            "+" | "-" => Binds::Sum,
            "*" | "/" | "%" => Binds::Product,
            "^" => Binds::Power,
            _ => Binds::Operator,
        };
        Some((binds, operator))
    }

    /// What stands behind an infix, joined with what stands before it.
    fn behind(&mut self, left: Node, binds: Binds, word: &str) -> Option<Node> {
        Some(match word {
            "OR" => Node::joined("or", vec![left, self.expression(Binds::And)?]),
            "AND" => Node::joined("and", vec![left, self.expression(Binds::Not)?]),
            "IS" | "IS NOT" => {
                let what =
                    ["NULL", "TRUE", "FALSE", "UNKNOWN"].into_iter().find(|what| self.cursor.take(what))?;
                Node::call(&format!("{word} {what}"), &[&left])
            }
            "IS DISTINCT FROM" | "IS NOT DISTINCT FROM" => {
                Node::call(word, &[&left, &self.expression(Binds::Comparison)?])
            }
            "BETWEEN" | "NOT BETWEEN" => self.between(&left, word == "BETWEEN")?,
            "IN" | "NOT IN" => self.within(&left, word == "IN")?,
            "LIKE" | "NOT LIKE" | "ILIKE" | "NOT ILIKE" => {
                let right = self.expression(Binds::Operator)?;
                let operator = match word {
                    "LIKE" => "~~",
                    "NOT LIKE" => "!~~",
                    "ILIKE" => "~~*",
                    _ => "!~~*",
                };
                let escapes = self.cursor.peek().is_some_and(|token| token.is("ESCAPE"));
                (!escapes).then(|| Node::call(operator, &[&left, &right]))?
            }
            "AT TIME ZONE" => Node::call("timezone", &[&self.expression(Binds::Collate)?, &left]),
            "COLLATE" => {
                let name = self.cursor.name().ok()?;
                Node::call(&format!("collate {name}"), &[&left])
            }
            "[" => {
                let place = self.expression(Binds::Or)?;
                self.cursor.take_sign(']').then(|| Node::call("[]", &[&left, &place]))?
            }
            "::" => self.cast(left)?,
            operator => {
                let tighter = match binds {
                    Binds::Comparison => Binds::Like,
                    Binds::Operator => Binds::Sum,
                    Binds::Sum => Binds::Product,
                    Binds::Product => Binds::Power,
                    _ => Binds::Zone,
                };
                let right = self.expression(tighter)?;
                let is_of_one_type = binds == Binds::Comparison || ["@>", "<@", "&&"].contains(&operator);
                let (left, right) = match is_of_one_type {
                    true => {
                        let right = self.beside(&left, right);
                        (self.beside(&right, left), right)
                    }
                    false => (left, right),
                };
                let kind = match (binds, operator) {
                    (Binds::Sum | Binds::Product | Binds::Power, _) => Kind::Sum,
                    (_, "||" | "->>" | "#>>") => Kind::Text,
                    _ => Kind::Other,
                };
                let operator = if operator == "!=" { "<>" } else { operator };
                Node { kind, ..Node::call(operator, &[&left, &right]) }
            }
        })
    }

    fn between(&mut self, left: &Node, inside: bool) -> Option<Node> {
        let low = self.expression(Binds::Operator)?;
        let high = if self.cursor.take("AND") { self.expression(Binds::Operator)? } else { return None };
        let (low, high) = (self.beside(left, low), self.beside(left, high));
        let (join, above, below) = if inside { ("and", ">=", "<=") } else { ("or", "<", ">") };
        Some(Node::joined(join, vec![Node::call(above, &[left, &low]), Node::call(below, &[left, &high])]))
    }

    /// `a IN (1, 2)` is printed as `a = ANY (ARRAY[1, 2])`.
    fn within(&mut self, left: &Node, inside: bool) -> Option<Node> {
        if !self.cursor.take_sign('(') {
            return None;
        }
        let all: Vec<Node> = self.list(')')?.into_iter().map(|node| self.beside(left, node)).collect();
        let (operator, which) = if inside { ("=", "any") } else { ("<>", "all") };
        let array = Node::call("array", &all.iter().collect::<Vec<_>>());
        Some(match &*all {
            [one] => Node::call(operator, &[left, one]),
            _ => Node::call(operator, &[left, &Node::call(which, &[&array])]),
        })
    }

    /// Expressions up to the closing sign, which is taken along.
    fn list(&mut self, end: char) -> Option<Vec<Node>> {
        let mut all = Vec::new();
        if self.cursor.take_sign(end) {
            return Some(all);
        }
        loop {
            all.push(self.expression(Binds::Or)?);
            if self.cursor.take_sign(end) {
                return Some(all);
            }
            if !self.cursor.take_sign(',') {
                return None;
            }
        }
    }

    /// Takes the signs of an operator. One that ends in a sign of a number does not, unless it has another sign that says so
    /// (PostgreSQL manual, section 4.1.3).
    fn operator(&mut self) -> Option<String> {
        let mut ahead = self.cursor.clone();
        let mut text = String::new();
        let mut end = None;
        while let Some(token) = ahead.peek() {
            let is_sign = token.kind == TokenKind::Sign
                && token.text.contains([
                    '+', '-', '*', '/', '<', '>', '=', '~', '!', '@', '#', '%', '^', '&', '|', '?', '`',
                ]);
            if !is_sign || end.is_some_and(|end| end != token.start) {
                break;
            }
            text.push_str(token.text);
            end = Some(token.end());
            ahead.skip();
        }
        while text.len() > 1
            && text.ends_with(['+', '-'])
            && !text.contains(['~', '!', '@', '#', '%', '^', '&', '|', '?', '`'])
        {
            text.pop();
        }
        text.chars().for_each(|_| self.cursor.skip());
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests;
