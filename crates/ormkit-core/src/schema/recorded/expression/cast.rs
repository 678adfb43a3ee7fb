//! Casts: those that the server puts in by itself say nothing.

use super::super::types::data_type;
use super::{Binds, Kind, Node, Reader};

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
fn constant(node: Node, family: &str) -> Node {
    let inner = node.text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    let plain = match (family, inner) {
        ("boolean", Some("t" | "true")) => "true",
        ("boolean", Some("f" | "false")) => "false",
        (family, Some(inner)) if NUMBERS.contains(&family) && inner.parse::<f64>().is_ok() => inner,
        _ => return node,
    };
    Node::new(Kind::Constant, plain)
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
