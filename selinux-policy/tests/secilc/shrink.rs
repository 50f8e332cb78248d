//! Makes policies smaller while something stays true of them.

use crate::generate::{Flags, Generated};

/// A parenthesised list, or a word of one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Word(String),
    List(Vec<Node>),
}

/// A smaller policy of which the same is true: without options, statements and parts of them that do not matter. All is in
/// one file then, if that does not matter either.
pub(crate) fn shrink(policy: &Generated, is_true: impl Fn(&Generated) -> bool) -> Generated {
    let mut best = policy.clone();
    let accept = |candidate: Generated, best: &mut Generated| {
        let accepted = is_true(&candidate);
        if accepted {
            *best = candidate;
        }
        accepted
    };
    accept(Generated { flags: Flags::default(), ..best.clone() }, &mut best);
    let text: String = best.files.iter().map(|(_, text)| text.as_str()).collect();
    let one = Generated { files: vec![("one.cil".to_owned(), text)], ..best.clone() };
    accept(one, &mut best);
    for file in 0..best.files.len() {
        let mut statements = parse(&best.files[file].1);
        shrink_list(&mut statements, &mut |statements| {
            let mut candidate = best.clone();
            candidate.files[file].1 = statements.iter().map(|statement| write(statement) + "\n").collect();
            accept(candidate, &mut best)
        });
    }
    best
}

/// Takes out runs of nodes, longer ones first, and then does so within those that are left.
fn shrink_list(nodes: &mut Vec<Node>, accept: &mut dyn FnMut(&[Node]) -> bool) {
    let mut length = nodes.len();
    while length > 0 {
        let mut start = 0;
        while start < nodes.len() {
            let mut fewer = nodes.clone();
            fewer.drain(start..(start + length).min(nodes.len()));
            if accept(&fewer) {
                *nodes = fewer;
            } else {
                start += length;
            }
        }
        length /= 2;
    }
    for place in 0..nodes.len() {
        let Node::List(inner) = &nodes[place] else { continue };
        let (mut inner, before) = (inner.clone(), nodes.clone());
        shrink_list(&mut inner, &mut |fewer| {
            let mut all = before.clone();
            all[place] = Node::List(fewer.to_vec());
            accept(&all)
        });
        nodes[place] = Node::List(inner);
    }
}

fn parse(text: &str) -> Vec<Node> {
    let mut open: Vec<Vec<Node>> = vec![Vec::new()];
    let mut characters = text.char_indices().peekable();
    while let Some((start, character)) = characters.next() {
        match character {
            '(' => open.push(Vec::new()),
            ')' => {
                let list = Node::List(open.pop().expect("balanced"));
                open.last_mut().expect("balanced").push(list);
            }
            '"' => {
                let end = characters.find(|(_, next)| *next == '"').expect("a closed string").0;
                open.last_mut().expect("balanced").push(Node::Word(text[start..=end].to_owned()));
            }
            space if space.is_whitespace() => {}
            _ => {
                let is_word = |next: &(usize, char)| !next.1.is_whitespace() && !"()\"".contains(next.1);
                let mut end = start + character.len_utf8();
                while let Some((place, next)) = characters.next_if(is_word) {
                    end = place + next.len_utf8();
                }
                open.last_mut().expect("balanced").push(Node::Word(text[start..end].to_owned()));
            }
        }
    }
    open.pop().expect("balanced")
}

fn write(node: &Node) -> String {
    match node {
        Node::Word(word) => word.clone(),
        Node::List(nodes) => format!("({})", nodes.iter().map(write).collect::<Vec<_>>().join(" ")),
    }
}

#[test]
fn what_does_not_matter_goes() {
    let text = "(type a)\n(block b (type c) (allow c self (file (read \"x y\"))))\n(type d)";
    let files = vec![("a".to_owned(), text.to_owned()), ("b".to_owned(), "(type e)".to_owned())];
    let policy = Generated { files, flags: Flags { optimize: true, ..Flags::default() } };
    let small = shrink(&policy, |policy| policy.files.iter().any(|(_, text)| text.contains("x y")));
    assert_eq!(small.flags, Flags::default());
    assert_eq!(small.files, [("one.cil".to_owned(), "((((\"x y\"))))\n".to_owned())]);
}
