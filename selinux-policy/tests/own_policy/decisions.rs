//! What the policy answers, with its constraints: neverallow sees no categories.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::support::{Secilc, has};

const ONE: &str = "system_u:system_r:container.process:s0:c1,c2";
const OTHER: &str = "system_u:system_r:container.process:s0:c3,c4";
const PLAIN: &str = "system_u:system_r:container.process:s0";
const DATA: &str = "system_u:object_r:container.data:s0:c1,c2";
const OTHER_DATA: &str = "system_u:object_r:container.data:s0:c3,c4";
const NEAR_DATA: &str = "system_u:object_r:container.data:s0:c1,c3";
const SHARED_DATA: &str = "system_u:object_r:container.data:s0";
const RUNTIME: &str = "system_u:system_r:runtime.process:s0";
const SERVICE: &str = "system_u:system_r:service.process:s0";
const API: &str = "system_u:system_r:api.process:s0";
const CONTROL: &str = "system_u:system_r:control.process:s0:c5,c6";
const PRIVILEGED: &str = "system_u:system_r:privileged.process:s0:c1,c2";
const STORE: &str = "system_u:object_r:settings.store:s0";
const CONFIG: &str = "system_u:object_r:settings.config:s0";
const LAYER: &str = "system_u:object_r:image.layer:s0";

/// Who asks, of what, of which class, for which permission, and the answer.
const DECISIONS: &[(&str, &str, &str, &str, bool)] = &[
    // A container and its own data.
    (ONE, DATA, "file", "write", true),
    (ONE, DATA, "file", "entrypoint", true),
    (ONE, SHARED_DATA, "file", "write", true),
    // Another one's, by both categories or by one.
    (ONE, OTHER_DATA, "file", "read", false),
    (ONE, OTHER_DATA, "file", "write", false),
    (ONE, OTHER_DATA, "file", "execute", false),
    (ONE, OTHER_DATA, "dir", "search", false),
    (ONE, OTHER_DATA, "dir", "add_name", false),
    (ONE, NEAR_DATA, "file", "getattr", false),
    (ONE, NEAR_DATA, "sock_file", "write", false),
    (PRIVILEGED, OTHER_DATA, "file", "read", false),
    (PLAIN, DATA, "file", "read", false),
    // Another one's processes, of the same type.
    (ONE, ONE, "process", "signal", true),
    (ONE, OTHER, "process", "signal", false),
    (ONE, OTHER, "process", "sigkill", false),
    (ONE, OTHER, "process", "getattr", false),
    (ONE, PLAIN, "process", "signal", false),
    (PLAIN, ONE, "process", "signal", false),
    (ONE, ONE, "unix_stream_socket", "connectto", true),
    (ONE, OTHER, "unix_stream_socket", "connectto", false),
    (ONE, OTHER, "unix_dgram_socket", "sendto", false),
    (ONE, OTHER, "shm", "read", false),
    (ONE, OTHER, "key", "read", false),
    (ONE, OTHER, "fd", "use", false),
    (ONE, OTHER, "file", "read", false),
    // The runtime reaches all of them, at a level of its own.
    (RUNTIME, ONE, "process", "transition", true),
    (RUNTIME, OTHER, "process", "sigkill", true),
    (RUNTIME, DATA, "file", "write", true),
    (RUNTIME, DATA, "file", "relabelto", true),
    (RUNTIME, LAYER, "file", "write", true),
    (ONE, RUNTIME, "fd", "use", true),
    (ONE, RUNTIME, "process", "sigchld", true),
    (ONE, RUNTIME, "process", "signal", false),
    // The host.
    (SERVICE, ONE, "process", "transition", false),
    (SERVICE, DATA, "file", "read", false),
    (SERVICE, LAYER, "file", "write", false),
    (SERVICE, CONFIG, "file", "read", true),
    (SERVICE, CONFIG, "file", "write", false),
    (SERVICE, STORE, "file", "read", false),
    (API, STORE, "file", "write", true),
    (API, CONFIG, "file", "write", true),
    (API, LAYER, "file", "write", false),
    (RUNTIME, CONFIG, "file", "write", false),
    (CONTROL, API, "unix_stream_socket", "connectto", true),
    (CONTROL, STORE, "file", "read", false),
    (ONE, API, "unix_stream_socket", "connectto", false),
];

#[test]
fn containers_are_kept_apart_by_their_categories() {
    let Some(secilc) = Secilc::required("own policy: decisions") else { return };
    if !has("own policy: decisions", "checkpolicy") {
        return;
    }
    let answers = ask(&secilc);
    assert_eq!(answers.len(), DECISIONS.len(), "{answers:?}");
    for ((source, target, class, permission, wanted), allowed) in DECISIONS.iter().zip(answers) {
        let granted = allowed.iter().any(|allowed| allowed == permission);
        assert_eq!(granted, *wanted, "{source} {target} {class} {permission}: {allowed:?}");
    }
}

/// checkpolicy computes access vectors on request: contexts become numbers first, counted up from the initial ones.
fn ask(secilc: &Secilc) -> Vec<Vec<String>> {
    let mut questions = String::new();
    for (source, target, ..) in DECISIONS {
        // Each context is registered once more, and answered with the number that it has.
        write!(questions, "2\n{source}\n2\n{target}\n").unwrap();
    }
    let numbers: Vec<String> = values(&run(secilc, &questions), "sid ");
    assert_eq!(numbers.len(), 2 * DECISIONS.len(), "a context is not valid: {numbers:?}");
    for (pair, (.., class, _, _)) in numbers.chunks(2).zip(DECISIONS) {
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
