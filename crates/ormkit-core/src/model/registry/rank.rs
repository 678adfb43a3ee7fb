//! The order in which tables are written.

use super::super::{Relation, RelationKind};
use super::Parts;

/// For each model its rank (referred-to models have lower ranks) and whether it is on a cycle of foreign keys; `tables` says
/// by a number which table each has.
///
/// Models of one table have one rank: what refers to one of them may refer to a row that another writes. Those on one cycle
/// share a rank, too: strongly connected components after Tarjan, "Depth-first search and linear graph algorithms" (1972),
/// which come out with everything they refer to before them.
pub(super) fn ranks(parts: &[Parts], tables: &[usize]) -> Vec<(u32, bool)> {
    let count = tables.iter().max().map_or(0, |last| last + 1);
    let mut targets = vec![Vec::new(); count];
    for (parts, table) in parts.iter().zip(tables) {
        targets[*table].extend(parts.references.iter().map(|reference| tables[reference.target.index()]));
        // What a relation writes without a foreign key has the same order.
        for relation in
            parts.relations.iter().filter(|relation: &&Relation| relation.keyless && !relation.view_only)
        {
            let other = tables[relation.target.index()];
            match relation.kind {
                RelationKind::ManyToOne => targets[*table].push(other),
                RelationKind::OneToMany | RelationKind::ManyToMany => targets[other].push(*table),
            }
        }
    }
    let mut search = Search {
        targets: &targets,
        next: 0,
        number: vec![None; count],
        low: vec![0; count],
        stack: Vec::new(),
        on_stack: vec![false; count],
        ranks: vec![(0, false); count],
    };
    for node in 0..count {
        if search.number[node].is_none() {
            search.visit(node);
        }
    }
    tables.iter().map(|table| search.ranks[*table]).collect()
}

/// Its nodes are tables.
struct Search<'a> {
    targets: &'a [Vec<usize>],
    next: u32,
    number: Vec<Option<u32>>,
    low: Vec<u32>,
    stack: Vec<usize>,
    on_stack: Vec<bool>,
    ranks: Vec<(u32, bool)>,
}

impl Search<'_> {
    /// Recursion is as deep as the longest chain of foreign keys between tables.
    fn visit(&mut self, node: usize) {
        self.number[node] = Some(self.next);
        self.low[node] = self.next;
        self.next += 1;
        self.stack.push(node);
        self.on_stack[node] = true;
        let targets = self.targets;
        for &target in &targets[node] {
            match self.number[target] {
                None => {
                    self.visit(target);
                    self.low[node] = self.low[node].min(self.low[target]);
                }
                Some(number) if self.on_stack[target] => self.low[node] = self.low[node].min(number),
                Some(_) => {}
            }
        }
        if Some(self.low[node]) == self.number[node] {
            self.close(node);
        }
    }

    /// Takes a finished component off the stack and ranks it above everything it refers to.
    fn close(&mut self, node: usize) {
        let start = self.stack.iter().rposition(|other| *other == node).unwrap_or(0);
        let component = self.stack.split_off(start);
        let outside = |target: &&usize| !component.contains(target);
        let below = component.iter().flat_map(|member| &self.targets[*member]).filter(outside);
        let rank = below.map(|target| self.ranks[*target].0 + 1).max().unwrap_or(0);
        let cyclic = component.len() > 1 || self.targets[node].contains(&node);
        for member in component {
            self.on_stack[member] = false;
            self.ranks[member] = (rank, cyclic);
        }
    }
}
