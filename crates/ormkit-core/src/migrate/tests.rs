//! The graph, its words and its plans.

use super::*;

fn graph(revisions: &[(&str, &[&str])]) -> Graph {
    Graph::new(revisions.iter().map(|(id, down)| Revision::new(*id, down)).collect()).unwrap()
}

/// `base0 ─ left1 ─ left2 ─ merge`, `base0 ─ right1 ─ merge ─ top00`.
fn diamond() -> Graph {
    graph(&[
        ("top00", &["merge"]),
        ("merge", &["left2", "right1"]),
        ("left2", &["left1"]),
        ("right1", &["base0"]),
        ("left1", &["base0"]),
        ("base0", &[]),
    ])
}

fn owned(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn ids(revisions: Vec<&Revision>) -> Vec<&str> {
    revisions.into_iter().map(|revision| &*revision.id).collect()
}

fn names(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| &*step.revision.id).collect()
}

/// Follows the moves of steps.
fn run(heads: &[&str], steps: &[Step]) -> Vec<String> {
    let mut heads = owned(heads);
    for step in steps.iter().flat_map(|step| &step.moves) {
        match step {
            Move::Update { from, .. } | Move::Delete(from) => {
                assert!(heads.contains(from), "{step:?} {heads:?}")
            }
            Move::Insert(id) => assert!(!heads.contains(id)),
            Move::Clear => {}
        }
        step.follow(&mut heads);
    }
    heads
}

#[test]
fn heads_bases_and_branch_points() {
    let graph = diamond();
    assert_eq!(ids(graph.heads()), ["top00"]);
    assert_eq!(ids(graph.bases()), ["base0"]);
    assert_eq!(ids(graph.branch_points()), ["base0"]);
    assert_eq!(ids(graph.walk())[0], "base0");
    assert_eq!(ids(graph.walk())[5], "top00");
}

#[test]
fn a_plan_up_and_down_moves_one_row_for_each_head() {
    let graph = diamond();
    let up = graph.upgrade(&[], "head").unwrap();
    assert_eq!(up.len(), 6);
    assert_eq!(run(&[], &up), ["top00"]);
    let merge = up.iter().find(|step| step.revision.id == "merge").unwrap();
    assert_eq!(merge.moves.len(), 2, "a row goes, a row moves");
    let down = graph.downgrade(&owned(&["top00"]), "base").unwrap();
    assert_eq!(names(&down)[0], "top00");
    assert_eq!(run(&["top00"], &down), [""; 0]);
}

#[test]
fn targets_are_whole_ids_beginnings_and_steps() {
    let graph = diamond();
    let up = |current: &[&str], target: &str| {
        graph.upgrade(&owned(current), target).map(|steps| names(&steps).join(" "))
    };
    assert_eq!(up(&[], "base0").unwrap(), "base0");
    assert_eq!(up(&[], "left1").unwrap(), "base0 left1");
    assert_eq!(
        up(&["left1"], "left").unwrap_err().to_string(),
        "`left` may be `left1` and `left2`: type more of the id"
    );
    assert_eq!(up(&["left1"], "+1").unwrap(), "left2");
    assert_eq!(
        up(&["left2"], "merge-1").unwrap_err().to_string(),
        "the way branches into `left2` and `right1`: name the revision, or the branch before an `@`"
    );
    assert_eq!(up(&["base0"], "left1+1").unwrap(), "left1 left2");
    assert_eq!(up(&["base0"], "right@+1").unwrap(), "right1");
    assert_eq!(up(&["top00"], "head").unwrap(), "");
    assert!(up(&["top00"], "+1").unwrap_err().to_string().contains("not as many"));
    let unknown = up(&["left1"], "nowhere").unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "there is no revision or branch `nowhere`: `ormkit migrate history` lists them"
    );
    let down = |current: &[&str], target: &str| {
        graph.downgrade(&owned(current), target).map(|steps| names(&steps).join(" "))
    };
    assert_eq!(down(&["left2"], "-1").unwrap(), "left2");
    assert_eq!(down(&["left2"], "-3").unwrap(), "left2 left1 base0");
    assert!(down(&["left2"], "-4").unwrap_err().to_string().contains("not as many"));
    assert!(down(&["left2", "right1"], "-1").unwrap_err().to_string().contains("several revisions"));
    assert_eq!(down(&["left2", "right1"], "right1@-1").unwrap(), "right1");
}

#[test]
fn two_heads_are_named_with_the_way_on() {
    let graph = graph(&[("aaaa", &[]), ("bbbb", &["aaaa"]), ("cccc", &["aaaa"])]);
    let error = graph.upgrade(&[], "head").unwrap_err().to_string();
    assert!(
        error.contains("there are 2: `bbbb` and `cccc`") && error.contains("migrate merge heads"),
        "{error}"
    );
    assert_eq!(run(&[], &graph.upgrade(&[], "heads").unwrap()), ["bbbb", "cccc"]);
    assert_eq!(names(&graph.upgrade(&[], "bbbb@head").unwrap()), ["aaaa", "bbbb"]);
}

#[test]
fn dependencies_come_first_and_share_the_row() {
    let mut late = Revision::new("late", &[]);
    late.depends_on = owned(&["label"]);
    let mut early = Revision::new("early", &[]);
    early.branch_labels = owned(&["label"]);
    let graph = Graph::new(vec![late, early]).unwrap();
    let up = graph.upgrade(&[], "late").unwrap();
    assert_eq!(names(&up), ["early", "late"]);
    assert_eq!(run(&[], &up), ["late"]);
    let down = graph.downgrade(&owned(&["late"]), "late@base").unwrap();
    assert_eq!(run(&["late"], &down).len(), 2 - down.len());
    assert_eq!(names(&graph.downgrade(&owned(&["late"]), "base").unwrap()), ["late", "early"]);
}

#[test]
fn what_is_wrong_with_a_graph_is_said_with_the_files() {
    let at = |id: &str, down: &[&str], file: &str| Revision {
        file: Some(file.to_owned()),
        ..Revision::new(id, down)
    };
    let error = |revisions| Graph::new(revisions).unwrap_err();
    let twice = error(vec![at("a1", &[], "one.py"), at("a1", &[], "two.py")]).to_string();
    assert!(twice.contains("one.py") && twice.contains("two.py"), "{twice}");
    let gap = error(vec![at("a1", &["zz"], "one.py")]);
    assert!(gap.to_string().starts_with("`a1` (one.py) follows `zz`, which is in no file"), "{gap}");
    let crate::error::ErrorKind::Migration(problem) = gap.kind() else { panic!("{gap}") };
    assert_eq!((problem.revisions.join(" "), problem.file.as_deref()), ("a1 zz".into(), Some("one.py")));
    let circle = error(vec![at("a1", &["b2"], "one.py"), at("b2", &["a1"], "two.py")]).to_string();
    assert!(circle.contains("in a circle") && circle.contains("two.py"), "{circle}");
    assert!(error(vec![at("a-1", &[], "one.py")]).to_string().contains("`@ - + :`"));
    let graph = graph(&[("aaaa", &[])]);
    let unknown = graph.upgrade(&owned(&["gone"]), "head").unwrap_err().to_string();
    assert!(unknown.contains("at revision `gone`") && unknown.contains("stamp --purge"), "{unknown}");
}

#[test]
fn ranges_are_from_the_later_to_the_earlier() {
    let graph = diamond();
    let range = |text: &str| graph.range(text, &owned(&["left2"])).map(|found| ids(found).join(" "));
    assert_eq!(range("base0:left1").unwrap(), "left1 base0");
    assert_eq!(range(":left1").unwrap(), "left1 base0");
    assert_eq!(range("left1:current").unwrap(), "left2 left1");
    assert_eq!(range("left1:+1").unwrap(), "left2 left1");
    assert_eq!(range("-1:left2").unwrap(), "left2 left1");
    assert!(range("right1:left2").unwrap_err().to_string().contains("does not come before"));
    assert_eq!(range(":").unwrap().split(' ').count(), 6);
}

#[test]
fn a_stamp_replaces_what_is_in_its_line() {
    let graph = diamond();
    let update = |from: &str, to: &str| Move::Update { from: from.into(), to: to.into() };
    assert_eq!(graph.stamp(&[], &["head"], false).unwrap(), [Move::Insert("top00".into())]);
    assert_eq!(graph.stamp(&owned(&["left1"]), &["top00"], false).unwrap(), [update("left1", "top00")]);
    assert_eq!(graph.stamp(&owned(&["left1"]), &["right1"], false).unwrap(), [Move::Insert("right1".into())]);
    assert_eq!(graph.stamp(&owned(&["left1"]), &["base"], false).unwrap(), [Move::Delete("left1".into())]);
    let purged = [Move::Clear, Move::Insert("top00".into())];
    assert_eq!(graph.stamp(&owned(&["gone"]), &["head"], true).unwrap(), purged);
}

/// Every node is looked at a few times, however long the line: the counts are of edges followed.
#[test]
fn two_thousand_revisions_are_planned() {
    let revisions = (0..2000).map(|index| {
        let down = if index == 0 { Vec::new() } else { vec![format!("rev{:05}", index - 1)] };
        Revision { id: format!("rev{index:05}"), down_revisions: down, ..Revision::default() }
    });
    let graph = Graph::new(revisions.collect()).unwrap();
    let up = graph.upgrade(&[], "head").unwrap();
    assert_eq!(up.len(), 2000);
    assert_eq!(run(&[], &up), ["rev01999"]);
    assert_eq!(graph.downgrade(&owned(&["rev01999"]), "-2000").unwrap().len(), 2000);
}
