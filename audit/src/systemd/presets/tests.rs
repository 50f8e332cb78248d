use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use hardpan_image::{DirTree, Index, MemoryTree, Tree};
use hardpan_lockdown::{CommandLine, Host};
use hardpan_report::{Location, Outcome, escape};

use crate::Context;
use crate::fixture::expect;
use crate::rules::RULES;
use crate::systemd::{EnabledUnits, enabled_units};

const UNITS: &str = "/usr/lib/systemd/system";
const POLICY: &str = "/usr/lib/systemd/system-preset/50-a.preset";
const TIMER: &str = "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n";

fn tree() -> MemoryTree {
    MemoryTree::new().file("/usr/lib/systemd/systemd", 0o755, "").file(
        &format!("{UNITS}/a.timer"),
        0o644,
        TIMER,
    )
}

fn enabled(tree: &dyn Tree, prepare: impl FnOnce(&mut Context<'_>)) -> EnabledUnits {
    let index = Index::build(tree, &|_| true).unwrap().unwrap();
    let mut context = Context::new(&index);
    prepare(&mut context);
    enabled_units(&context)
}

fn names(tree: &dyn Tree) -> Vec<String> {
    let enabled = enabled(tree, |_| {});
    assert!(enabled.troubles.is_empty(), "{:?}", enabled.troubles);
    enabled.units.iter().map(|unit| escape(&unit.name)).collect()
}

#[test]
fn only_a_first_boot_of_systemd_enables() {
    let id = |text: &str| tree().file("/etc/machine-id", 0o444, text);
    assert_eq!(names(&tree()), ["a.timer"]);
    assert_eq!(names(&id("uninitialized\n")), ["a.timer"]);
    assert!(names(&id("")).is_empty(), "an empty file makes no first boot");
    assert!(names(&id("0123456789abcdef0123456789abcdef\n")).is_empty());
    let without_systemd = MemoryTree::new().file(&format!("{UNITS}/a.timer"), 0o644, TIMER);
    assert!(names(&without_systemd).is_empty());
    let directory = tempfile::tempdir().unwrap();
    let host = Host::below(directory.path());
    let tree = id("uninitialized\n");
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    let mut context = Context::new(&index);
    context.host = Some(&host);
    assert!(enabled_units(&context).units.is_empty(), "a running host has had its first boot");
}

#[test]
fn a_command_line_may_force_or_forbid_the_first_boot() {
    let with = |lines: &'static [&'static str], tree: &MemoryTree| {
        let enabled = enabled(tree, |context| {
            let lines = lines.iter().map(|line| CommandLine::new(*line, Location::file("/c"), false));
            context.kernel.command_lines.extend(lines);
        });
        enabled.units.len()
    };
    let booted = tree().file("/etc/machine-id", 0o444, "0123456789abcdef0123456789abcdef\n");
    assert_eq!(with(&["ro", "systemd.condition_first_boot=yes"], &booted), 1);
    assert_eq!(with(&["systemd.condition_first_boot=no"], &tree()), 0);
    assert_eq!(with(&["ro", "systemd.condition_first_boot=no"], &tree()), 1);
}

#[test]
fn the_rules_count_them_and_say_where() {
    let rule = |id: &str| RULES.iter().find(|rule| rule.meta.id == id).unwrap();
    let timers = rule("API-009");
    let on = tree().file(POLICY, 0o644, "# c\nenable *.timer\n");
    let verdict = expect(timers, &on, Outcome::Fail);
    let evidence = &verdict.findings[0].evidence[0];
    assert_eq!(evidence.seen, "timers.target, from first boot on: a preset says `enable *.timer`");
    assert_eq!(evidence.location, Some(Location::line(POLICY, 2)));
    let off = tree().file(POLICY, 0o644, "disable *\n");
    expect(timers, &off, Outcome::Pass);
    expect(timers, &off.unreadable(POLICY), Outcome::Unknown);
    let unread =
        tree().directory("/etc/systemd/system-preset", 0o755).unreadable("/etc/systemd/system-preset");
    expect(timers, &unread, Outcome::Unknown);
    let machine_id = tree().file("/etc/machine-id", 0o444, "").unreadable("/etc/machine-id");
    expect(timers, &machine_id, Outcome::Unknown);
    expect(timers, &tree().unreadable(&format!("{UNITS}/a.timer")), Outcome::Unknown);

    let unit = |name: &str| {
        let text = "[Service]\n[Install]\nWantedBy=multi-user.target\nDefaultInstance=tty1\n";
        tree().file(&format!("{UNITS}/{name}"), 0o644, text)
    };
    expect(rule("API-007"), &unit("getty@.service"), Outcome::Fail);
    let counted = expect(rule("API-008"), &unit("b.service"), Outcome::Pass);
    assert_eq!(counted.evidence[0].seen, "b.service");
    assert_eq!(counted.evidence[1].seen, "b.service: no preset names it, which enables it");
    expect(rule("UPD-004"), &unit("unattended-upgrades.service"), Outcome::Fail);
    expect(rule("LANG-002"), &unit("b.service").xattr("/", "user.a", b""), Outcome::Unknown);
}

#[test]
fn a_second_name_starts_what_first_boot_gives_it_to() {
    let tree = tree()
        .file(POLICY, 0o644, "disable *.timer\n")
        .file(&format!("{UNITS}/real.service"), 0o644, "[Install]\nAlias=other.service\n")
        .symlink(&format!("{UNITS}/x.target.wants/other.service"), "../real.service")
        .symlink(&format!("{UNITS}/x.target.wants/none.service"), "../real.service");
    assert_eq!(names(&tree), ["real.service"]);
}

/// Files of a tree that systemctl and we enable the same units of.
const FILES: [(&str, &str); 27] = [
    ("usr/lib/systemd/system/plain.service", "[Service]\n[Install]\nWantedBy=multi-user.target x.target\n"),
    (
        "usr/lib/systemd/system/reset.service",
        "[Install]\nWantedBy=a.target\nWantedBy=\nRequiredBy=b.target\n",
    ),
    ("usr/lib/systemd/system/joined.service", "[Install]\nWantedBy=a.target \\\n# no\n b.target\n"),
    ("usr/lib/systemd/system/none.service", "[Service]\n"),
    ("usr/lib/systemd/system/off.service", "[Install]\nWantedBy=a.target\nAlso=brought.service\n"),
    (
        "usr/lib/systemd/system/on.service",
        "[Install]\nWantedBy=a.target\nAlso=brought.socket quiet.service\n",
    ),
    ("usr/lib/systemd/system/brought.service", "[Install]\nWantedBy=a.target\n"),
    ("usr/lib/systemd/system/brought.socket", "[Install]\nWantedBy=sockets.target\n"),
    ("usr/lib/systemd/system/quiet.service", "[Service]\n"),
    ("usr/lib/systemd/system/t@.service", "[Install]\nWantedBy=a.target\nDefaultInstance=one\n"),
    ("usr/lib/systemd/system/bare@.service", "[Install]\nWantedBy=a.target\n"),
    ("usr/lib/systemd/system/with@.timer", "[Install]\nWantedBy=t@.service a.target\n"),
    ("usr/lib/systemd/system/many@.service", "[Install]\nWantedBy=a.target\n"),
    ("usr/lib/systemd/system/late.service", "[Install]\nWantedBy=a.target\n"),
    ("usr/lib/systemd/system/early.service", "[Install]\nWantedBy=a.target\n"),
    ("usr/lib/systemd/system/masked.service", "[Install]\nWantedBy=a.target\n"),
    ("usr/lib/systemd/system/dropped.service", "[Install]\nWantedBy=a.target\n"),
    ("etc/systemd/system/dropped.service.d/x.conf", "[Install]\nWantedBy=\nWantedBy=dropped.target\n"),
    ("usr/lib/systemd/system/hidden.service", "[Install]\nWantedBy=a.target\n"),
    ("usr/local/lib/systemd/system/local.service", "[Install]\nWantedBy='a.target' \"b.target\"\n"),
    ("usr/lib/systemd/system/c1.path", "[Install]\nWantedBy=a.target\n"),
    ("usr/lib/systemd/system/c2.path", "[Install]\nWantedBy=a.target\n"),
    ("usr/lib/systemd/system/real.service", "[Install]\nWantedBy=a.target\n"),
    (
        "usr/lib/systemd/system-preset/50-a.preset",
        "; c\nenable many@.service x y\n  enable on.service\ndisable off.service\ndisable brought.*\nnonsense\n\
         disable c[!1].path\nenable early.service\n",
    ),
    (
        "etc/systemd/system-preset/60-b.preset",
        "disable early.service\ndisable late.service\nenable hidden.service\n",
    ),
    ("usr/lib/systemd/system-preset/60-b.preset", "enable late.service\n"),
    ("usr/lib/systemd/system-preset/70-c.preset", "disable hidden.service\n"),
];

/// The links that `systemctl preset-all` makes are the units that we say first boot enables.
#[test]
fn systemctl_enables_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let write = |path: &str, text: &str| {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), text).unwrap();
    };
    for (path, text) in FILES {
        write(path, text);
    }
    write("usr/lib/systemd/systemd", "");
    let link = |target: &str, path: &str| std::os::unix::fs::symlink(target, root.join(path)).unwrap();
    link("/dev/null", "etc/systemd/system/masked.service");
    link("/dev/null", "etc/systemd/system-preset/70-c.preset");
    link("real.service", "usr/lib/systemd/system/second.service");
    let ours: BTreeSet<(String, String)> = pairs(root);
    let run = Command::new("systemctl")
        .arg(format!("--root={}", root.display()))
        .args(["preset-all", "--preset-mode=enable-only"])
        .output();
    let Ok(run) = run else {
        assert!(std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(), "systemctl is missing");
        eprintln!("skipped: systemctl_enables_the_same: systemctl missing");
        return;
    };
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(ours, links(root));
    assert!(ours.len() > 12, "{ours:?}");
}

/// What we say, as pairs of the unit that pulls in and the unit.
fn pairs(root: &Path) -> BTreeSet<(String, String)> {
    let tree = DirTree::open(root).unwrap();
    let enabled = enabled(&tree, |_| {});
    assert!(enabled.troubles.is_empty(), "{:?}", enabled.troubles);
    let pairs = enabled.units.iter().flat_map(|unit| {
        let by = std::iter::once(&unit.by).chain(&unit.also_by);
        by.map(|by| (escape(by), escape(&unit.name)))
    });
    pairs.collect()
}

/// The links below `/etc/systemd/system`, as the same pairs.
fn links(root: &Path) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for directory in std::fs::read_dir(root.join("etc/systemd/system")).unwrap() {
        let directory = directory.unwrap();
        let name = directory.file_name().into_string().unwrap();
        let Some(by) = name.strip_suffix(".wants").or_else(|| name.strip_suffix(".requires")) else {
            continue;
        };
        for link in std::fs::read_dir(directory.path()).unwrap() {
            found.insert((by.to_owned(), link.unwrap().file_name().into_string().unwrap()));
        }
    }
    found
}
