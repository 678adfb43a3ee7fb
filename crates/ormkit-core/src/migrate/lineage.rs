//! Who comes before whom.

use super::Graph;

impl Graph {
    /// A mark for each of `from` and what comes before it; with dependencies, if they count.
    pub(super) fn ancestors(&self, from: &[usize], depends: bool) -> Vec<bool> {
        self.reach(from, |index, todo| {
            let node = &self.nodes[index];
            todo.extend(&node.down);
            if depends {
                todo.extend(&node.depends);
            }
        })
    }

    /// A mark for each of `from` and what comes after it.
    pub(super) fn descendants(&self, from: &[usize], depends: bool) -> Vec<bool> {
        self.reach(from, |index, todo| {
            let node = &self.nodes[index];
            todo.extend(&node.next);
            if depends {
                todo.extend(&node.dependents);
            }
        })
    }

    fn reach(&self, from: &[usize], onward: impl Fn(usize, &mut Vec<usize>)) -> Vec<bool> {
        let mut seen = vec![false; self.nodes.len()];
        let mut todo = from.to_vec();
        while let Some(index) = todo.pop() {
            if !std::mem::replace(&mut seen[index], true) {
                onward(index, &mut todo);
            }
        }
        seen
    }

    /// Those of `targets` that come before or after one of `others`.
    pub(super) fn in_line(&self, targets: &[usize], others: &[usize], depends: bool) -> Vec<usize> {
        let (before, after) = (self.ancestors(others, depends), self.descendants(others, depends));
        targets.iter().copied().filter(|index| before[*index] || after[*index]).collect()
    }

    /// Those of `all` that none of the others needs.
    pub(super) fn latest(&self, all: &[usize]) -> Vec<usize> {
        let needs: Vec<usize> = all.iter().flat_map(|index| self.nodes[*index].needs()).collect();
        let before = self.ancestors(&needs, true);
        all.iter().copied().filter(|index| !before[*index]).collect()
    }
}
