//! Casts: those that the server puts in by itself say nothing.

use super::super::types::data_type;
use super::{Binds, Kind, Node, Reader, literal};

const TEXTS: [&str; 5] = ["text", "character varying", "character", "bpchar", "name"];
const NUMBERS: [&str; 6] = ["smallint", "integer", "bigint", "numeric", "real", "double precision"];

impl Reader<'_> {
    /// Behind `::`.
    pub(super) fn cast(&mut self, node: Node) -> Option<Node> {
        let kind = data_type(&mut self.cursor, "public").ok()?.name;
        Some(self.cast_to(node, &kind))
    }

    /// `CAST(a AS text)`
    pub(super) fn cast_call(&mut self) -> Option<Node> {
        if !self.cursor.take_sign('(') {
            return None;
        }
        let node = self.expression(Binds::Or)?;
        let node = if self.cursor.take("AS") { self.cast(node)? } else { return None };
        self.cursor.take_sign(')').then_some(node)
    }

    /// A constant beside a column is one of its type, which the server prints and nobody writes.
    pub(super) fn beside(&self, column: &Node, node: Node) -> Node {
        if column.kind != Kind::Column || node.kind != Kind::Constant {
            return node;
        }
        match self.table.columns.iter().find(|known| quoted(&known.name) == column.text) {
            Some(known) => constant(node, known.data_type.split('(').next().unwrap_or_default()),
            None => node,
        }
    }

    fn cast_to(&self, node: Node, to: &str) -> Node {
        let family = to.split('(').next().unwrap_or(to);
        let implied = match &node.kind {
            Kind::Constant => return constant(node, family),
            Kind::Column => {
                let column = self.table.columns.iter().find(|column| quoted(&column.name) == node.text);
                column.is_some_and(|column| is_implied(&column.data_type, family))
            }
            Kind::Sum => NUMBERS.contains(&family),
            Kind::Text => TEXTS.contains(&family),
            Kind::Joined(..) | Kind::Other => false,
        };
        match implied {
            true => node,
            false => Node::call(&format!("as {to}"), &[&node]),
        }
    }
}

fn quoted(name: &str) -> String {
    super::POSTGRES.quoted(name)
}

/// A constant is what its text says. Numbers and truths have texts, too: `'-1'::integer`, `'t'::boolean`.
pub(super) fn constant(node: Node, family: &str) -> Node {
    let inner = node.text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    let plain = match (family, inner) {
        ("boolean", Some("t" | "true" | "y" | "yes" | "on" | "1")) => "true".to_owned(),
        ("boolean", Some("f" | "false" | "n" | "no" | "off" | "0")) => "false".to_owned(),
        (family, Some(inner)) if NUMBERS.contains(&family) && inner.parse::<f64>().is_ok() => number(inner),
        (family, Some(inner)) => match literal::plain(family, inner) {
            Some(plain) => format!("<{family} {plain}>"),
            None => return node,
        },
        _ => return node,
    };
    Node::new(Kind::Constant, plain)
}

/// `1e10` is `10000000000`: the server prints no exponents of such numbers.
pub(super) fn number(text: &str) -> String {
    let value: Option<f64> = text.contains(['e', 'E']).then(|| text.parse().ok()).flatten();
    match value.filter(|value| value.fract() == 0.0 && value.abs() < 1e15) {
        Some(value) => format!("{value:.0}"),
        None => text.to_owned(),
    }
}

/// True where the server casts a column by itself (PostgreSQL manual, section 10.2).
fn is_implied(from: &str, to: &str) -> bool {
    let from = from.split('(').next().unwrap_or(from);
    let place = |name: &str| NUMBERS.iter().position(|known| *known == name);
    let times = ["date", "timestamp without time zone", "timestamp with time zone"];
    let time = |name: &str| times.iter().position(|known| *known == name);
    let texts = TEXTS.contains(&from) || from == "citext";
    (texts && TEXTS.contains(&to))
        || place(from).zip(place(to)).is_some_and(|(from, to)| from <= to)
        || time(from).zip(time(to)).is_some_and(|(from, to)| from <= to)
}
