//! What the policy answers, with its constraints: neverallow sees no categories.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::peers::has;
use super::support::Secilc;

/// Names of contexts, and questions with their answers, which the lab asks a kernel too.
const TABLE: &str = include_str!("decisions.txt");

/// Who asks, of what, of which class, for which permission, and the answer.
struct Decision {
    source: String,
    target: String,
    class: String,
    permission: String,
    is_allowed: bool,
}

#[test]
fn containers_are_kept_apart_by_their_categories() {
    let Some(secilc) = Secilc::required("own policy: decisions") else { return };
    if !has("own policy: decisions", "checkpolicy") {
        return;
    }
    let decisions = decisions();
    assert!(decisions.len() > 40, "{}", decisions.len());
    let answers = ask(&secilc, &decisions);
    assert_eq!(answers.len(), decisions.len(), "{answers:?}");
    for (decision, allowed) in decisions.iter().zip(answers) {
        let Decision { source, target, class, permission, is_allowed } = decision;
        let granted = allowed.contains(permission);
        assert_eq!(granted, *is_allowed, "{source} {target} {class} {permission}: {allowed:?}");
    }
}

fn decisions() -> Vec<Decision> {
    let mut contexts = HashMap::new();
    let mut decisions = Vec::new();
    for line in TABLE.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [] | ["#", ..] => {}
            [name, "=", context] => {
                contexts.insert(name, context.to_owned());
            }
            [source, target, class, permission, answer @ ("yes" | "no")] => decisions.push(Decision {
                source: contexts[source].clone(),
                target: contexts[target].clone(),
                class: class.to_owned(),
                permission: permission.to_owned(),
                is_allowed: answer == "yes",
            }),
            _ => panic!("{line}"),
        }
    }
    decisions
}

/// checkpolicy computes access vectors on request: contexts become numbers first, counted up from the initial ones.
fn ask(secilc: &Secilc, decisions: &[Decision]) -> Vec<Vec<String>> {
    let mut questions = String::new();
    for Decision { source, target, .. } in decisions {
        // Each context is registered once more, and answered with the number that it has.
        write!(questions, "2\n{source}\n2\n{target}\n").unwrap();
    }
    let numbers: Vec<String> = values(&run(secilc, &questions), "sid ");
    assert_eq!(numbers.len(), 2 * decisions.len(), "a context is not valid: {numbers:?}");
    for (pair, Decision { class, .. }) in numbers.chunks(2).zip(decisions) {
        write!(questions, "0\n{}\n{}\n{class}\n", pair[0], pair[1]).unwrap();
    }
    let allowed = values(&run(secilc, &questions), "allowed {");
    allowed
        .iter()
        .map(|line| line.trim_end_matches('}').split_whitespace().map(str::to_owned).collect())
        .collect()
}

fn values(output: &str, label: &str) -> Vec<String> {
    output.lines().filter_map(|line| line.strip_prefix(label)).map(|rest| rest.trim().to_owned()).collect()
}

fn run(secilc: &Secilc, questions: &str) -> String {
    let mut command = Command::new("checkpolicy");
    command.args(["-b", "-d", "-M"]).arg(secilc.policy());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let questions = format!("{questions}q\n");
    // The answers fill a pipe while questions are still written.
    let writer = std::thread::spawn(move || stdin.write_all(questions.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap()
}
