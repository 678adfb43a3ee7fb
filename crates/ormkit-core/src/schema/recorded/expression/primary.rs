//! Constants, columns, calls, and what has words of its own.

use super::cast::{constant, number};
use super::{Binds, Kind, Node, POSTGRES, Reader, literal};
use crate::schema::token::TokenKind;

/// Functions that answer a text.
const OF_TEXT: [&str; 10] =
    ["lower", "upper", "btrim", "ltrim", "rtrim", "concat", "replace", "substr", "md5", "coalesce"];

impl Reader<'_> {
    pub(super) fn primary(&mut self) -> Option<Node> {
        let token = self.cursor.peek()?;
        match token.kind {
            TokenKind::Literal => {
                self.cursor.skip();
                let plain = literal::unescaped(token.text);
                Some(Node::new(Kind::Constant, plain.unwrap_or_else(|| token.text.to_owned())))
            }
            TokenKind::Number => {
                self.cursor.skip();
                Some(Node::new(Kind::Constant, number(token.text)))
            }
            TokenKind::Sign if token.is_sign('(') => {
                self.cursor.skip();
                let mut all = self.list(')')?;
                match all.len() {
                    1 => all.pop(),
                    _ => Some(Node::call("row", &all.iter().collect::<Vec<_>>())),
                }
            }
            TokenKind::Sign => None,
            TokenKind::Word => match self.word() {
                Said::Node(node) => node,
                Said::Name => self.name(),
            },
            TokenKind::Quoted => self.name(),
        }
    }

    /// What begins with a word that is no name.
    fn word(&mut self) -> Said {
        let cursor = &mut self.cursor;
        for word in ["NULL", "TRUE", "FALSE"] {
            if cursor.take(word) {
                return Said::Node(Some(Node::new(Kind::Constant, word.to_lowercase())));
            }
        }
        if cursor.take("CASE") {
            return Said::Node(self.case());
        }
        if cursor.take("SELECT") || cursor.take("EXISTS") {
            return Said::Node(None);
        }
        if cursor.take("CAST") {
            return Said::Node(self.cast_call());
        }
        if cursor.take("EXTRACT") {
            return Said::Node(self.extract());
        }
        if cursor.take("TRIM") {
            return Said::Node(self.trim());
        }
        if cursor.take("ARRAY") {
            let parts = if cursor.take_sign('[') { self.list(']') } else { None };
            let made = parts.map(|parts| {
                let plain = parts.iter().all(|part| part.kind == Kind::Constant);
                let kind = if plain { Kind::Constant } else { Kind::Other };
                Node { kind, ..Node::call("array", &parts.iter().collect::<Vec<_>>()) }
            });
            return Said::Node(made);
        }
        // `DATE '2020-01-01'`
        let mut ahead = cursor.clone();
        let word = ahead.peek().map_or_else(String::new, |token| token.text.to_lowercase());
        ahead.skip();
        if let Some(literal) = ahead.peek().filter(|token| token.kind == TokenKind::Literal) {
            ahead.skip();
            self.cursor = ahead;
            let family = match word.as_str() {
                "timestamp" => "timestamp without time zone",
                "timestamptz" => "timestamp with time zone",
                "time" => "time without time zone",
                word => word,
            };
            return Said::Node(Some(constant(Node::new(Kind::Constant, literal.text), family)));
        }
        Said::Name
    }

    /// A column or a call.
    fn name(&mut self) -> Option<Node> {
        let mut name = self.cursor.name().ok()?;
        while self.cursor.take_sign('.') {
            // A column says its table, a function its schema: there is one of each here.
            name = self.cursor.name().ok()?;
        }
        if self.cursor.take_sign('(') {
            if self.cursor.take_sign('*') {
                return self.cursor.take_sign(')').then(|| Node::new(Kind::Other, format!("({name} *)")));
            }
            let parts = self.list(')')?;
            let kind = if OF_TEXT.contains(&name.as_str()) { Kind::Text } else { Kind::Other };
            return Some(Node { kind, ..Node::call(&name, &parts.iter().collect::<Vec<_>>()) });
        }
        let is_column = self.table.column(&name).is_some();
        let kind = if is_column { Kind::Column } else { Kind::Other };
        Some(Node::new(kind, POSTGRES.quoted(&name)))
    }

    /// The server adds `ELSE NULL`.
    fn case(&mut self) -> Option<Node> {
        let mut text = String::from("(case");
        if !self.cursor.peek()?.is("WHEN") {
            text = format!("{text} {}", self.expression(Binds::Or)?.text);
        }
        while self.cursor.take("WHEN") {
            let condition = self.expression(Binds::Or)?.text;
            let then = if self.cursor.take("THEN") { self.expression(Binds::Or)?.text } else { return None };
            text = format!("{text} (when {condition} {then})");
        }
        if self.cursor.take("ELSE") {
            let otherwise = self.expression(Binds::Or)?.text;
            if otherwise != "null" {
                text = format!("{text} {otherwise}");
            }
        }
        self.cursor.take("END").then(|| Node::new(Kind::Other, format!("{text})")))
    }

    /// `EXTRACT(year FROM a)`
    fn extract(&mut self) -> Option<Node> {
        if !self.cursor.take_sign('(') {
            return None;
        }
        let field = self.cursor.peek()?.text.trim_matches('\'').to_lowercase();
        self.cursor.skip();
        let of = if self.cursor.take("FROM") { self.expression(Binds::Or)? } else { return None };
        self.cursor.take_sign(')').then(|| Node::call(&format!("extract {field}"), &[&of]))
    }

    /// `trim(a)`, which is printed as `TRIM(BOTH FROM a)`.
    fn trim(&mut self) -> Option<Node> {
        if !self.cursor.take_sign('(') {
            return None;
        }
        self.cursor.take("BOTH");
        self.cursor.take("FROM");
        let of = self.expression(Binds::Or)?;
        self.cursor.take_sign(')').then(|| Node { kind: Kind::Text, ..Node::call("btrim", &[&of]) })
    }
}

enum Said {
    /// An expression, None where it cannot be read.
    Node(Option<Node>),
    /// It is a name.
    Name,
}
