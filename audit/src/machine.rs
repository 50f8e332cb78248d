//! A running host for tests: `/proc` and `/sys` in a temporary directory.

use std::path::Path;

use hardpan_image::{Index, MemoryTree};
use hardpan_lockdown::{Host, Reading, TargetState};
use hardpan_report::{Location, Outcome, Verdict};
use tempfile::TempDir;

use crate::{AuditRule, Context};
use hardpan_lockdown::CommandLine;

/// A host that shows what a test wrote.
pub(crate) struct Machine(TempDir, Option<TargetState>);

impl Machine {
    /// A host that shows nothing.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap(), None)
    }

    /// A host whose root lies on the verity device `root`, made by systemd, with these parameters.
    pub(crate) fn on_verity(parameters: &str) -> Self {
        let mut machine = Self::new()
            .with("/proc/self/mountinfo", "1 0 253:0 / / ro - ext4 /dev/mapper/root ro\n")
            .with("/sys/dev/block/253:0/dm/uuid", "CRYPT-VERITY-0-root")
            .with("/sys/dev/block/253:0/dm/name", "root");
        let (kind, parameters) = ("verity".to_owned(), parameters.trim().to_owned());
        machine.1 = Some(TargetState { start: 0, sectors: 8, kind, parameters });
        machine
    }

    /// Adds a file of `/proc` or `/sys`.
    pub(crate) fn with(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.0.path().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    /// Judges by one rule. Mounts and the command line are gathered from the host, as they are in earnest.
    pub(crate) fn check(&self, rule: &AuditRule, tree: &MemoryTree) -> Verdict {
        let mut host = Host::below(self.0.path());
        if let Some(target) = &self.1 {
            host = host.with_table("root", vec![target.clone()]);
        }
        let index = Index::build(tree, &|_| true).unwrap().unwrap();
        let mut context = Context::new(&index);
        context.mounts = Some(host.mounts());
        if let Reading::Present(text) = host.read("/proc/cmdline") {
            let origin = Location::file("/proc/cmdline");
            context.kernel.command_lines.push(CommandLine::new(text, origin, true));
        }
        context.host = Some(&host);
        (rule.check)(&context)
    }

    /// Asserts the outcome of one rule on this host and an empty tree.
    #[track_caller]
    pub(crate) fn expect(&self, rule: &AuditRule, outcome: Outcome) -> Verdict {
        let verdict = self.check(rule, &MemoryTree::new());
        assert_eq!(verdict.outcome(), outcome, "{verdict:#?}");
        verdict
    }
}

/// A line of a boot loader's configuration.
pub(crate) fn configured(text: &str) -> CommandLine {
    CommandLine::new(text, Location::line("/boot/grub/grub.cfg", 7), false)
}

/// Asserts the outcome of one rule on an empty image that would be booted with this command line.
#[track_caller]
pub(crate) fn expect_configured(rule: &AuditRule, text: &str, outcome: Outcome) -> Verdict {
    let verdict = crate::fixture::check_with(rule, &MemoryTree::new(), |context| {
        context.kernel.command_lines.push(configured(text));
    });
    assert_eq!(verdict.outcome(), outcome, "{verdict:#?}");
    verdict
}
