//! The order of writes inside one rank: only models on a cycle of foreign keys need it.

use crate::error::{Error, ErrorKind, Result};

/// `after` cannot be written before `before`.
pub(super) struct Edge {
    pub(super) before: usize,
    pub(super) after: usize,
    /// The relation or foreign key that says so, as `Model.name`.
    pub(super) because: String,
}

/// For each of `count` nodes the length of the longest path to it: nodes of one depth can be written together.
///
/// Kahn, "Topological sorting of large networks" (1962), level by level.
///
/// # Errors
/// [`ErrorKind::Cycle`] with the relations on it.
pub(super) fn depths(count: usize, edges: &[Edge]) -> Result<Vec<u32>> {
    let mut waits_for = vec![0_u32; count];
    let mut outgoing: Vec<Vec<usize>> = vec![Vec::new(); count];
    for edge in edges {
        waits_for[edge.after] += 1;
        outgoing[edge.before].push(edge.after);
    }
    let mut depth = vec![0; count];
    let mut ready: Vec<usize> = (0..count).filter(|node| waits_for[*node] == 0).collect();
    let mut done = 0;
    while let Some(node) = ready.pop() {
        done += 1;
        for &next in &outgoing[node] {
            depth[next] = depth[next].max(depth[node] + 1);
            waits_for[next] -= 1;
            if waits_for[next] == 0 {
                ready.push(next);
            }
        }
    }
    if done == count { Ok(depth) } else { Err(cycle(edges, &waits_for)) }
}

/// The relations among nodes that still wait for each other.
fn cycle(edges: &[Edge], waits_for: &[u32]) -> Error {
    let stuck = |edge: &&Edge| waits_for[edge.before] > 0 && waits_for[edge.after] > 0;
    let mut relations: Vec<String> = edges.iter().filter(stuck).map(|edge| edge.because.clone()).collect();
    relations.sort();
    relations.dedup();
    Error::new(ErrorKind::Cycle { relations })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(before: usize, after: usize) -> Edge {
        Edge { before, after, because: format!("Node.{before}") }
    }

    #[test]
    fn depth_is_the_longest_way_down() {
        assert_eq!(depths(4, &[edge(0, 1), edge(1, 2), edge(0, 2), edge(3, 2)]).unwrap(), [0, 1, 2, 0]);
    }

    #[test]
    fn cycle_names_its_relations_only() {
        let error = depths(4, &[edge(0, 1), edge(1, 2), edge(2, 1)]).unwrap_err();
        let ErrorKind::Cycle { relations } = error.kind() else { panic!("{error}") };
        assert_eq!(relations, &["Node.1", "Node.2"]);
    }
}
