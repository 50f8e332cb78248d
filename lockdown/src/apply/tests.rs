use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::profile::Profile;
use crate::settings::{Kernel, Settings, is_one_way};

/// A kernel of files, in which knobs that go one way do, and any path can fail.
#[derive(Default)]
struct Fake {
    files: BTreeMap<String, String>,
    /// Paths whose writing fails, with what.
    refuse: BTreeMap<String, io::ErrorKind>,
    /// Paths that take what is written and keep what they have.
    deaf: Vec<String>,
    written: Vec<String>,
}

impl Fake {
    fn new(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), format!("{text}\n")));
        Self { files: files.collect(), ..Self::default() }
    }
}

impl Knobs for Fake {
    fn read(&mut self, path: &str) -> io::Result<String> {
        if path.ends_with("secret") {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&mut self, path: &str) -> io::Result<Vec<String>> {
        let below =
            |file: &String| file.strip_prefix(path)?.strip_prefix('/')?.split('/').next().map(str::to_owned);
        let names: BTreeSet<String> = self.files.keys().filter_map(below).collect();
        Ok(names.into_iter().collect())
    }

    fn write(&mut self, path: &str, text: &str) -> io::Result<()> {
        self.written.push(path.to_owned());
        if let Some(kind) = self.refuse.get(path) {
            return Err((*kind).into());
        }
        let old = self.files.get_mut(path).ok_or(io::ErrorKind::NotFound)?;
        let key = path.trim_start_matches("/proc/sys/").replace('/', ".");
        if is_one_way(&key, old.trim()) && old != text {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if !self.deaf.iter().any(|deaf| deaf == path) {
            *old = match path {
                "/sys/kernel/security/lockdown" => format!("none [{}] confidentiality\n", text.trim()),
                "/sys/module/module/parameters/sig_enforce" => "Y\n".to_owned(),
                _ => text.to_owned(),
            };
        }
        Ok(())
    }
}

fn actions_on(toml: &str, machine: &mut Fake) -> Vec<Action> {
    let profile = Profile::parse(format!("profile = 1\n{toml}").as_bytes()).unwrap();
    let settings = Settings::of(&profile.sysctl, Kernel::default()).settings;
    plan(settings, profile.kernel.require_signed_modules, profile.kernel.lockdown, machine)
}

fn actions(toml: &str) -> Vec<Action> {
    actions_on(toml, &mut Fake::default())
}

const ALL: Permission = Permission { change: true, one_way: true };
const REVERSIBLE: Permission = Permission { change: true, one_way: false };
const NOTHING: Permission = Permission { change: false, one_way: false };

fn words(applied: &[Applied]) -> Vec<String> {
    applied.iter().map(|it| format!("{}={}", it.action.subject(), it.outcome.word())).collect()
}

const FULL: &str = "[kernel]\nlockdown = \"integrity\"\nrequire-signed-modules = true\n[sysctl]\nrequired = { \"kernel.modules_disabled\" = 1, \"kernel.kexec_load_disabled\" = 1, \"kernel.a\" = 2 }\noptional = { \"kernel.gone\" = 1 }";

fn machine() -> Fake {
    Fake::new(&[
        ("/proc/sys/kernel/modules_disabled", "0"),
        ("/proc/sys/kernel/kexec_load_disabled", "0"),
        ("/proc/sys/kernel/a", "1"),
        ("/sys/kernel/security/lockdown", "[none] integrity confidentiality"),
        ("/sys/kernel/security/lsm", "capability,lockdown,yama"),
        ("/sys/module/module/parameters/sig_enforce", "N"),
    ])
}

#[test]
fn what_can_be_taken_back_comes_first_and_modules_last() {
    let mut machine = machine();
    let applied = run(&actions(FULL), &mut machine, ALL);
    let wanted = [
        "kernel.a=set",
        "kernel.gone=unsupported",
        "kernel.kexec_load_disabled=set",
        "module.sig_enforce=set",
        "lockdown=set",
        "kernel.modules_disabled=set",
    ];
    assert_eq!(words(&applied), wanted);
    assert_eq!(applied[0].before.as_deref(), Some("1"));
    // A second run finds all of it in force, and writes nothing.
    machine.written.clear();
    let again = run(&actions(FULL), &mut machine, ALL);
    assert!(again.iter().all(|it| it.outcome.is_settled()), "{again:?}");
    assert_eq!(machine.written, Vec::<String>::new());
}

#[test]
fn nothing_is_written_to_look_and_nothing_for_good_without_permission() {
    let mut machine = machine();
    let applied = run(&actions(FULL), &mut machine, NOTHING);
    assert_eq!((applied[0].outcome.clone(), machine.written.len()), (Outcome::WouldSet, 0));
    let applied = run(&actions(FULL), &mut machine, REVERSIBLE);
    assert_eq!(machine.written, ["/proc/sys/kernel/a"]);
    assert_eq!(applied.iter().filter(|it| matches!(it.outcome, Outcome::Left(_))).count(), 4);
}

#[test]
fn after_a_failure_of_something_required_nothing_is_done_for_good() {
    for broken in ["refused", "deaf", "gone"] {
        let mut machine = machine();
        let path = "/proc/sys/kernel/a".to_owned();
        match broken {
            "refused" => drop(machine.refuse.insert(path.clone(), io::ErrorKind::PermissionDenied)),
            "deaf" => machine.deaf.push(path.clone()),
            _ => drop(machine.files.remove(&path)),
        }
        let applied = run(&actions(FULL), &mut machine, ALL);
        assert!(matches!(applied[0].outcome, Outcome::Failed(_)), "{broken}: {applied:?}");
        let left = applied[2..].iter().all(|it| matches!(it.outcome, Outcome::Left(_)));
        assert!(left && machine.files["/proc/sys/kernel/modules_disabled"] == "0\n", "{broken}: {applied:?}");
    }
}

#[test]
fn a_level_without_hooks_is_none() {
    let mut machine = machine();
    machine.files.insert("/sys/kernel/security/lsm".into(), "capability,yama".into());
    machine.files.insert("/sys/kernel/security/lockdown".into(), "none [integrity] confidentiality\n".into());
    let applied = run(&actions("[kernel]\nlockdown = \"integrity\""), &mut machine, ALL);
    let Outcome::Failed(reason) = &applied[0].outcome else { panic!("{applied:?}") };
    assert!(reason.contains("not among the active security modules"), "{reason}");
    machine.files.insert("/sys/kernel/security/lockdown".into(), "nonsense".into());
    assert_eq!(
        run(&actions("[kernel]\nlockdown = \"integrity\""), &mut machine, ALL)[0].outcome.word(),
        "failed"
    );
}

#[test]
fn a_higher_level_and_a_stricter_value_are_left_alone() {
    let mut machine = machine();
    machine.files.insert("/sys/kernel/security/lockdown".into(), "none integrity [confidentiality]\n".into());
    machine.files.insert("/proc/sys/vm/mmap_min_addr".into(), "1048576\n".into());
    let wanted = "[kernel]\nlockdown = \"integrity\"\n[sysctl]\nrules = \"base\"";
    let applied = run(&actions(wanted), &mut machine, ALL);
    assert_eq!(machine.written, ["/proc/sys/kernel/kexec_load_disabled"]);
    let of = |subject: &str| applied.iter().find(|it| it.action.subject() == subject).unwrap();
    assert_eq!(of("vm.mmap_min_addr").outcome, Outcome::InForce);
    assert_eq!(of("lockdown").outcome, Outcome::InForce);
    assert_eq!(of("kernel.sysrq").outcome, Outcome::Unsupported);
}

#[test]
fn what_cannot_be_read_is_not_written() {
    let mut machine = machine();
    let applied = run(&actions("[sysctl]\noptional = { \"kernel.secret\" = 1 }"), &mut machine, ALL);
    assert!(matches!(applied[0].outcome, Outcome::Failed(_)), "{applied:?}");
    assert!(machine.written.is_empty());
}

#[test]
fn an_empty_value_is_written_as_a_line_break() {
    let mut machine = Fake::new(&[("/proc/sys/kernel/modprobe", "/sbin/modprobe")]);
    let applied = run(&actions("[sysctl]\nrequired = { \"kernel.modprobe\" = \"\" }"), &mut machine, ALL);
    assert_eq!(
        (applied[0].outcome.clone(), machine.files["/proc/sys/kernel/modprobe"].as_str()),
        (Outcome::Set, "\n")
    );
}

#[test]
fn what_holds_for_all_interfaces_is_set_for_each() {
    let mut machine = Fake::default();
    for name in ["all", "default", "lo", "eth0", "eth0.1", "own"] {
        machine.files.insert(format!("/proc/sys/net/ipv4/conf/{name}/send_redirects"), "1\n".into());
    }
    let wanted = "[sysctl]\nrules = \"base\"\noptional = { \"net.ipv4.conf.own.send_redirects\" = 1 }";
    let actions = actions_on(wanted, &mut machine);
    run(&actions, &mut machine, REVERSIBLE);
    let of = |name: &str| machine.files[&format!("/proc/sys/net/ipv4/conf/{name}/send_redirects")].trim();
    let values = ["all", "default", "lo", "eth0", "eth0.1", "own"].map(of);
    assert_eq!(values, ["0", "0", "1", "0", "0", "1"]);
}
