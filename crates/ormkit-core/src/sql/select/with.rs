//! WITH: common table expressions, in front of the statement that reads from them.

use std::sync::Arc;

use super::super::SqlWriter;
use super::{apart, derived};
use crate::query::{Cte, CteBody, Met, Rows, Walk};

/// Writes the common table expressions that a walk through the statement comes by, each behind those that it reads from.
pub(in crate::sql) fn with<'a>(out: &mut SqlWriter<'_>, walk: impl FnOnce(&mut Walk<'a, '_>)) {
    if !out.resolves() {
        return;
    }
    let known = gathered(walk);
    if known.is_empty() {
        return;
    }
    let mut ordered: Vec<&Arc<Cte>> = Vec::with_capacity(known.len());
    let mut begun: Vec<u32> = Vec::new();
    known.iter().for_each(|cte| place(cte, &known, &mut begun, &mut ordered));
    out.name_ctes(named(&ordered));
    out.push(if ordered.iter().any(|cte| cte.recursive) { "WITH RECURSIVE " } else { "WITH " });
    for (at, cte) in ordered.iter().enumerate() {
        if at > 0 {
            out.push(", ");
        }
        one(out, cte);
    }
    out.push(" ");
}

fn one(out: &mut SqlWriter<'_>, cte: &Cte) {
    let name = out.cte_name(cte.number).unwrap_or_default();
    out.name(&name);
    let lists = cte.recursive || matches!(cte.body, CteBody::Write(_));
    if lists {
        derived::column_names(out, &cte.columns);
    }
    out.push(match cte.materialized {
        None => " AS (",
        Some(true) => " AS MATERIALIZED (",
        Some(false) => " AS NOT MATERIALIZED (",
    });
    match &cte.body {
        CteBody::Select(select) => apart(out, select, (!lists).then_some(&cte.columns)),
        CteBody::Write(write) => {
            if !out.is_postgres() {
                out.unsupported("a CTE that writes", "run the statement by itself and use what it returned");
            }
            out.note_write();
            super::super::write::within(out, write);
        }
    }
    out.push(")");
}

/// Those that a walk comes by; of a recursive one the whole, not the part that it reads from itself.
fn gathered<'a>(walk: impl FnOnce(&mut Walk<'a, '_>)) -> Vec<&'a Arc<Cte>> {
    let mut ctes: Vec<&'a Arc<Cte>> = Vec::new();
    let mut seen: Vec<u32> = Vec::new();
    let mut note = |met: Met<'a>| {
        let Met::Derived(derived) = met else { return true };
        let Rows::Cte(cte) = &derived.rows else {
            let first = !seen.contains(&derived.number());
            seen.push(derived.number());
            return first;
        };
        match ctes.iter_mut().find(|known| known.number == cte.number) {
            Some(known) if known.added >= cte.added => return false,
            Some(known) => *known = cte,
            None => ctes.push(cte),
        }
        true
    };
    walk(&mut Walk::new(&mut note));
    ctes
}

/// Puts `cte` behind those that it reads from.
fn place<'a>(
    cte: &'a Arc<Cte>,
    known: &[&'a Arc<Cte>],
    begun: &mut Vec<u32>,
    ordered: &mut Vec<&'a Arc<Cte>>,
) {
    if begun.contains(&cte.number) {
        return;
    }
    begun.push(cte.number);
    let read = gathered(|walk| match &cte.body {
        CteBody::Select(select) => walk.select(select),
        CteBody::Write(write) => walk.write(write),
    });
    for inner in read {
        if let Some(whole) = known.iter().find(|known| known.number == inner.number) {
            place(whole, known, begun, ordered);
        }
    }
    ordered.push(cte);
}

fn named(ctes: &[&Arc<Cte>]) -> Vec<(u32, String)> {
    let mut names: Vec<(u32, String)> = Vec::with_capacity(ctes.len());
    let given = |name: &str| ctes.iter().any(|cte| cte.name.as_deref() == Some(name));
    for cte in ctes {
        let name = match &cte.name {
            Some(name) => name.to_string(),
            // There are fewer taken names than numbers.
            None => (1_u32..)
                .map(|number| format!("anon_{number}"))
                .find(|name| !given(name) && !names.iter().any(|(_, known)| known == name))
                .unwrap_or_default(),
        };
        names.push((cte.number, name));
    }
    names
}
