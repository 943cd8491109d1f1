/// Cycles of a directed graph, given for each node the nodes that its edges lead to; none if there is no cycle.
///
/// A graph can have exponentially many cycles. These are one for each edge that closes a cycle in a depth-first walk, so
/// that breaking all of them leaves none. Each begins at its lowest node, which is not repeated at the end, and is given
/// once; at most `most` are given. Time and space are linear, apart from the length of the cycles.
pub(super) fn cycles(edges: &[Vec<u32>], most: usize) -> Vec<Vec<u32>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Not,
        OnPath,
        Done,
    }
    let mut seen = vec![Seen::Not; edges.len()];
    let mut found: Vec<Vec<u32>> = Vec::new();
    // The way from a root to where the walk stands, with the next edge to take from each node.
    let mut path: Vec<(u32, usize)> = Vec::new();
    for root in 0..u32::try_from(edges.len()).unwrap_or(u32::MAX) {
        if seen[root as usize] == Seen::Not {
            seen[root as usize] = Seen::OnPath;
            path.push((root, 0));
        }
        while let Some((node, next)) = path.last_mut() {
            let Some(&to) = edges[*node as usize].get(*next) else {
                seen[*node as usize] = Seen::Done;
                path.pop();
                continue;
            };
            *next += 1;
            match seen[to as usize] {
                Seen::Done => {}
                Seen::Not => {
                    seen[to as usize] = Seen::OnPath;
                    path.push((to, 0));
                }
                Seen::OnPath => {
                    let cycle =
                        from_lowest(path.iter().map(|(node, _)| *node).skip_while(|node| *node != to).collect());
                    if !found.contains(&cycle) {
                        found.push(cycle);
                    }
                    if found.len() >= most {
                        return found;
                    }
                }
            }
        }
    }
    found
}

fn from_lowest(mut cycle: Vec<u32>) -> Vec<u32> {
    let lowest = cycle.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(at, _)| at);
    cycle.rotate_left(lowest);
    cycle
}

#[cfg(test)]
mod tests {
    use super::cycles;

    #[test]
    fn each_cycle_is_found_once_from_its_lowest_node() {
        // 0 -> 2 -> 1 -> 0, 3 -> 4 -> 3, and 5 leading into the first.
        let edges = [vec![2], vec![0], vec![1], vec![4], vec![3], vec![0]];
        assert_eq!(cycles(&edges, 10), [vec![0, 2, 1], vec![3, 4]]);
        assert_eq!(cycles(&edges, 1), [vec![0, 2, 1]]);
    }

    #[test]
    fn a_diamond_has_no_cycle_and_two_cycles_may_share_a_node() {
        assert!(cycles(&[vec![], vec![0], vec![0], vec![1, 2]], 10).is_empty());
        assert_eq!(cycles(&[vec![1], vec![0, 2], vec![1]], 10), [vec![0, 1], vec![1, 2]]);
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let count = 200_000;
        let mut edges: Vec<Vec<u32>> = (0..count).map(|node| vec![node + 1]).collect();
        edges.push(vec![0]);
        assert_eq!(cycles(&edges, 10)[0].len(), count as usize + 1);
    }
}
