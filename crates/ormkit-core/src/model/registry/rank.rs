//! The order in which tables are written.

use super::Parts;

/// For each model its rank (referred-to models have lower ranks) and whether it is on a cycle of foreign keys.
///
/// Models on one cycle share a rank: strongly connected components after Tarjan, "Depth-first search and linear graph
/// algorithms" (1972), which come out with everything they refer to before them.
pub(super) fn ranks(parts: &[Parts]) -> Vec<(u32, bool)> {
    let mut search = Search {
        parts,
        next: 0,
        number: vec![None; parts.len()],
        low: vec![0; parts.len()],
        stack: Vec::new(),
        on_stack: vec![false; parts.len()],
        ranks: vec![(0, false); parts.len()],
    };
    for node in 0..parts.len() {
        if search.number[node].is_none() {
            search.visit(node);
        }
    }
    search.ranks
}

struct Search<'a> {
    parts: &'a [Parts],
    next: u32,
    number: Vec<Option<u32>>,
    low: Vec<u32>,
    stack: Vec<usize>,
    on_stack: Vec<bool>,
    ranks: Vec<(u32, bool)>,
}

impl Search<'_> {
    /// Recursion is as deep as the longest chain of foreign keys between models.
    fn visit(&mut self, node: usize) {
        self.number[node] = Some(self.next);
        self.low[node] = self.next;
        self.next += 1;
        self.stack.push(node);
        self.on_stack[node] = true;
        for target in self.targets(node) {
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

    fn targets(&self, node: usize) -> Vec<usize> {
        self.parts[node].references.iter().map(|reference| reference.target.index()).collect()
    }

    /// Takes a finished component off the stack and ranks it above everything it refers to.
    fn close(&mut self, node: usize) {
        let start = self.stack.iter().rposition(|other| *other == node).unwrap_or(0);
        let component = self.stack.split_off(start);
        let outside = |target: &usize| !component.contains(target);
        let below = component.iter().flat_map(|member| self.targets(*member)).filter(outside);
        let rank = below.map(|target| self.ranks[target].0 + 1).max().unwrap_or(0);
        let cyclic = component.len() > 1 || self.targets(node).contains(&node);
        for member in component {
            self.on_stack[member] = false;
            self.ranks[member] = (rank, cyclic);
        }
    }
}
