//! API-006.

use std::fmt;

use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "API-006",
        "no-file-capabilities",
        "No file has capabilities",
        Pillar::ApiOnly,
        Severity::Medium,
        include_str!("no_file_capabilities.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let attributes = &context.attributes;
    let mut findings: Vec<Finding> = unread_attributes(context).into_iter().collect();
    for (id, value) in &attributes.capabilities {
        let path = context.index.path(*id);
        if !context.parameters.privileged_files.contains(&path) {
            findings.extend(judge(&path, value));
        }
    }
    let count = findings.iter().filter(|finding| finding.cause.is_none()).count();
    context.absence(format!("{count} files have capabilities that the policy does not expect"), findings)
}

/// One unknown finding if there may be capabilities that nobody saw.
pub(crate) fn unread_attributes(context: &Context<'_>) -> Option<Finding> {
    let attributes = &context.attributes;
    if attributes.capabilities.is_empty() && attributes.labelled + attributes.unlabelled == 0 {
        let reason = "no extended attributes were read; audit an image or a tree that keeps them";
        return Some(Finding::unknown(Cause::NoFacts, None, "not-read", reason));
    }
    let is_archive = context.index.tree().kind().is_packed();
    if is_archive && !attributes.any {
        let reason = "the archive holds no extended attributes at all, so it was most likely written without them; \
                      write it with them (tar --xattrs --xattrs-include='*'), or audit the directory";
        return Some(Finding::unknown(Cause::NoFacts, None, "not-read", reason));
    }
    let first = attributes.unread.first()?;
    let count = attributes.unread.len();
    let reason = format!("the attributes of {count} entries could not be read, such as: {}", first.message);
    let cause = first.cause.unwrap_or(Cause::Unreadable);
    Some(Finding::unknown(cause, first.location.clone(), "not-read", reason))
}

fn judge(path: &[u8], value: &[u8]) -> Option<Finding> {
    let location = Location::file(path);
    let shown = escape(path);
    match Capabilities::parse(value) {
        Ok(capabilities) if capabilities.permitted == 0 && capabilities.inheritable == 0 => None,
        Ok(capabilities) => {
            let message = format!("{shown} gives whoever starts it {}", list(capabilities.all()));
            let evidence = Evidence::new("security.capability", capabilities.to_string(), "absent");
            Some(Finding::fail(Some(location.clone()), "capabilities", message).with(evidence.at(location)))
        }
        Err(reason) => {
            let reason = format!("security.capability of {shown} cannot be read: {reason}");
            Some(Finding::unknown(Cause::Malformed, Some(location), "capabilities", reason))
        }
    }
}

/// `struct vfs_cap_data` of `linux/capability.h`: what a file gives to the process that executes it.
#[derive(Debug, PartialEq, Eq)]
struct Capabilities {
    permitted: u64,
    inheritable: u64,
    /// Whether the permitted ones are in effect at once, for programs that know nothing of capabilities.
    effective: bool,
    /// The user that is root of the user namespace in which they count, in revision 3.
    root: Option<u32>,
}

impl Capabilities {
    fn parse(value: &[u8]) -> Result<Self, String> {
        let word = |at: usize| -> Option<u32> {
            value.get(at * 4..at * 4 + 4)?.try_into().ok().map(u32::from_le_bytes)
        };
        let magic = word(0).ok_or("shorter than its revision")?;
        let (words, has_root) = match magic >> 24 {
            1 => (3, false),
            2 => (5, false),
            3 => (6, true),
            revision => return Err(format!("revision {revision} is unknown")),
        };
        if value.len() != words * 4 {
            return Err(format!("{} bytes where its revision has {}", value.len(), words * 4));
        }
        // Revision 1 has the low halves only; then `word` is past the end and the high ones are 0.
        let pair = |low: usize| {
            let high = if words > 3 { word(low + 2).unwrap_or(0) } else { 0 };
            u64::from(word(low).unwrap_or(0)) | u64::from(high) << 32
        };
        Ok(Self {
            permitted: pair(1),
            inheritable: pair(2),
            effective: magic & 1 != 0,
            root: if has_root { word(5) } else { None },
        })
    }

    fn all(&self) -> u64 {
        self.permitted | self.inheritable
    }
}

/// As getcap(8) writes them: `cap_net_raw=ep`; where sets differ, further clauses add to the first with `+`.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The flag is one for the whole file, so it shows on every clause.
        let effective = if self.effective { "e" } else { "" };
        let both = self.permitted & self.inheritable;
        let clauses = [(both, "ip"), (self.inheritable & !both, "i"), (self.permitted & !both, "p")];
        let mut operator = "=";
        for (set, flags) in clauses.into_iter().filter(|(set, _)| *set != 0) {
            let gap = if operator == "=" { "" } else { " " };
            write!(f, "{gap}{}{operator}{effective}{flags}", list(set))?;
            operator = "+";
        }
        self.root.map_or(Ok(()), |root| write!(f, " [rootid={root}]"))
    }
}

fn list(set: u64) -> String {
    let names = (0..64).filter(|bit| set >> bit & 1 != 0).map(|bit| match NAMES.get(bit) {
        Some(name) => format!("cap_{name}"),
        None => format!("capability {bit}"),
    });
    names.collect::<Vec<_>>().join(",")
}

/// Their names by number, capabilities(7).
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

#[cfg(test)]
mod tests {
    use std::process::Command;

    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::check_with;

    const NET_RAW_EP: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    fn verdict(value: &[u8], allowed: &str) -> Verdict {
        let tree = MemoryTree::new().file("/usr/bin/ping", 0o755, "");
        check_with(&RULE, &tree, |context| {
            let id = context.index.lookup(b"/usr/bin/ping").unwrap();
            context.attributes.capabilities = vec![(id, value.to_vec())];
            context.parameters.privileged_files = vec![allowed.into()];
        })
    }

    #[test]
    fn capabilities_are_named() {
        let found = verdict(&NET_RAW_EP, "");
        assert_eq!(found.outcome(), Outcome::Fail);
        assert_eq!(found.findings[0].message, "/usr/bin/ping gives whoever starts it cap_net_raw");
        assert_eq!(found.findings[0].evidence[0].seen, "cap_net_raw=ep");
    }

    #[test]
    fn expected_files_empty_sets_and_none_pass() {
        assert_eq!(verdict(&NET_RAW_EP, "/usr/bin/ping").outcome(), Outcome::Pass);
        assert_eq!(verdict(&[&[1, 0, 0, 2][..], &[0; 16]].concat(), "").outcome(), Outcome::Pass);
        let none = check_with(&RULE, &MemoryTree::new(), |context| context.attributes.unlabelled = 1);
        assert_eq!(none.outcome(), Outcome::Pass);
    }

    #[test]
    fn damage_and_missing_facts_are_unknown() {
        for value in [&b""[..], &[1, 0, 0, 9], &NET_RAW_EP[..19], &[1, 0, 0, 3, 0]] {
            assert_eq!(verdict(value, "").outcome(), Outcome::Unknown, "{value:?}");
        }
        let none = check_with(&RULE, &MemoryTree::new(), |_| {});
        assert_eq!(none.outcome(), Outcome::Unknown);
    }

    #[test]
    fn revisions_1_and_3_and_high_numbers_are_read() {
        let first = Capabilities::parse(&[0, 0, 0, 1, 1, 0, 0, 0, 2, 0, 0, 0]).unwrap();
        assert_eq!(first.to_string(), "cap_dac_override=i cap_chown+p");
        let mut third = [&[1, 0, 0, 3][..], &[0; 20]].concat();
        third[12] = 0x80;
        third[20..].copy_from_slice(&100_000u32.to_le_bytes());
        assert_eq!(Capabilities::parse(&third).unwrap().to_string(), "cap_bpf=ep [rootid=100000]");
    }

    /// The kernel's and libcap's own tools are asked what a value means.
    #[test]
    fn getcap_reads_the_same() {
        let file = std::env::temp_dir().join(format!("hardpan-capabilities-{}", std::process::id()));
        std::fs::write(&file, "").unwrap();
        let run = |tool: &str, arguments: &[&str]| Command::new(tool).args(arguments).arg(&file).output();
        // Setting capabilities takes root's power, so without it the peer is as good as missing.
        if !run("setcap", &["cap_chown=p"]).is_ok_and(|output| output.status.success()) {
            std::fs::remove_file(&file).unwrap();
            assert!(
                std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(),
                "setcap is missing or may not be used"
            );
            eprintln!("skipped: getcap_reads_the_same: setcap missing");
            return;
        }
        let clauses = [
            "cap_net_raw=ep",
            "cap_chown,cap_bpf=p",
            "cap_setuid,cap_setgid=eip",
            "cap_kill=i cap_chown+p",
            "cap_kill=ei cap_chown+ep",
            "cap_lease=ip cap_kill+i cap_chown+p",
        ];
        for clause in clauses {
            assert!(run("setcap", &[clause]).unwrap().status.success());
            let shown = String::from_utf8(run("getcap", &[]).unwrap().stdout).unwrap();
            let tree = hardpan_image::DirTree::open(file.parent().unwrap()).unwrap();
            let value = value_of(&tree, file.file_name().unwrap().as_encoded_bytes());
            let ours = Capabilities::parse(&value).unwrap().to_string();
            let (_, theirs) = shown.trim_end().split_once(' ').unwrap();
            assert_eq!(theirs, ours);
        }
        std::fs::remove_file(&file).unwrap();
    }

    fn value_of(tree: &dyn hardpan_image::Tree, name: &[u8]) -> Vec<u8> {
        let hardpan_image::Listing::Entries(entries) = tree.read_dir(tree.root()).unwrap() else { panic!() };
        let entry = entries.iter().find(|entry| *entry.name == *name).unwrap();
        let xattrs = tree.xattrs(entry.node).unwrap();
        xattrs.iter().find(|xattr| &*xattr.name == b"security.capability").unwrap().value.to_vec()
    }
}
