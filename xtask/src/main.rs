//! Developer tasks: `cargo xtask TASK`. No dependencies, so that it builds at once on a fresh machine.

mod bench;
mod corpus;
mod docs;
mod fuzz;
mod lab;
mod peers;
mod secilc;
mod shell;
mod test;

use std::process::ExitCode;

use shell::Outcome;

/// A task: its name, what it does, and the function that does it.
type Task = (&'static str, &'static str, fn(&[String]) -> Outcome);

const TASKS: &[Task] = &[
    (
        "test",
        "install the reference tools (Debian, Ubuntu) and run every test; --without-peers skips what needs them",
        test::run,
    ),
    ("peers", "only install the reference tools, or name the missing ones", peers::run),
    ("docs", "write docs/rules/ from the rules' pages; --check only compares", docs::run),
    (
        "lab",
        "lab policy|verity [KERNEL-PACKAGE]: SELinux policies, mappings on a Debian kernel in QEMU (minutes; installs QEMU)",
        lab::run,
    ),
    (
        "bench",
        "bench audit|checksec [DIR], bench policy, bench verity: time Hardpan beside installed peers; --json, --runs N; verity: --quick, --keep",
        bench::run,
    ),
    ("corpus", "make target/corpus: Debian's SELinux policy as CIL, out of its package", corpus::run),
    (
        "secilc",
        "secilc [DIR|FILE...]: hold Hardpan against secilc with every option, refpolicy unless others are named; --quick, --refusals",
        secilc::run,
    ),
    (
        "fuzz",
        "fuzz [TARGET...]: fuzz every parser, or those named, for 10 seconds each; --seconds N",
        fuzz::run,
    ),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = args.split_first() else {
        help();
        return ExitCode::from(2);
    };
    let Some((_, _, task)) = TASKS.iter().find(|(task, _, _)| task == name) else {
        help();
        return ExitCode::from(if name == "help" || name == "--help" { 0 } else { 2 });
    };
    match task(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            shell::say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn help() {
    shell::say("cargo xtask TASK");
    for (name, help, _) in TASKS {
        shell::say(&format!("  {name:<7} {help}"));
    }
}
