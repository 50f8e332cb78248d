//! The table of failures: what is wrong with a machine, and what comes of it.

use super::super::fake::Defect;
use super::*;

/// A machine on which something is wrong from the start, and the reason with which it ends.
type Case = (&'static str, fn(&Fake), Result<&'static str, Reason>);

/// The table of failures, each row as the machine is then: the slot that is booted, or the reason.
const CASES: &[Case] = &[
    ("a is corrupt", |fake| _ = fake.0.borrow_mut().corrupt.insert(1), Ok("b")),
    ("both are corrupt", |fake| fake.0.borrow_mut().corrupt.extend([1, 3]), Err(Reason::NoSlot)),
    ("a cannot be read", |fake| _ = fake.0.borrow_mut().unreadable.insert(1), Ok("b")),
    ("no signature is taken", |fake| refuse(fake, "dm DM_TABLE_LOAD", 126), Err(Reason::NoSlot)),
    ("a is signed by nobody known", |fake| refuse(fake, "dm DM_TABLE_LOAD root-a", 126), Ok("b")),
    ("a is too short", |fake| refuse(fake, "dm DM_TABLE_LOAD root-a", 7), Ok("b")),
    ("the partition of a is too short", |fake| put(fake, "/sys/block/vda/vda1/size", "16\n"), Ok("b")),
    ("the disk comes late", |fake| fake.0.borrow_mut().disk_appears = Duration::from_secs(6), Ok("a")),
    ("the disk never comes", |fake| fake.0.borrow_mut().disk_appears = Duration::MAX, Err(Reason::NoSlot)),
    ("no device-mapper", |fake| refuse(fake, "device_mapper", 2), Err(Reason::NoDeviceMapper)),
    ("no verity target", |fake| fake.0.borrow_mut().verity_version = None, Err(Reason::NoVerity)),
    (
        "an old verity target",
        |fake| fake.0.borrow_mut().verity_version = Some([1, 9, 0]),
        Err(Reason::IoErrorMode),
    ),
    (
        "a required module is refused",
        |fake| refuse(fake, "load_module /modules/dm", 129),
        Err(Reason::ModuleRefused),
    ),
    ("an optional module is refused", |fake| refuse(fake, "load_module /modules/x", 129), Ok("a")),
    ("a module is built in", |fake| refuse(fake, "load_module /modules/dm", 17), Ok("a")),
    (
        "signatures are not demanded",
        |fake| {
            put(fake, "/sys/module/dm_verity/parameters/require_signatures", "N\n");
        },
        Err(Reason::SignatureNotRequired),
    ),
    ("no selinuxfs", |fake| refuse(fake, "mount /sys/fs/selinux", 19), Err(Reason::NoSelinux)),
    (
        "the policy is damaged",
        |fake| _ = fake.0.borrow_mut().image.insert("/policy".into(), vec![1]),
        Err(Reason::NoSlot),
    ),
    ("the policy is too new", |fake| put(fake, "/sys/fs/selinux/policyvers", "31"), Err(Reason::NoSlot)),
    ("the policy is refused", |fake| refuse(fake, "write /sys/fs/selinux/load", 22), Err(Reason::NoSlot)),
    (
        "another policy is loaded",
        |fake| {
            fake.0.borrow_mut().image.insert("/policy".into(), [policy(33), b"rules".to_vec()].concat());
        },
        Err(Reason::PolicyFingerprint),
    ),
    (
        "enforcing is refused",
        |fake| refuse(fake, "write /sys/fs/selinux/enforce", 22),
        Err(Reason::NotEnforcing),
    ),
    ("no lockdown", |fake| refuse(fake, "read /sys/kernel/security/lockdown", 2), Err(Reason::NoLockdown)),
    ("no securityfs", |fake| refuse(fake, "mount /sys/kernel/security", 19), Err(Reason::NoLockdown)),
    (
        "lockdown is not in the list",
        |fake| put(fake, "/sys/kernel/security/lsm", "selinux"),
        Err(Reason::NoLockdown),
    ),
    (
        "lockdown is there already",
        |fake| {
            put(fake, "/sys/kernel/security/lockdown", "none integrity [confidentiality]");
        },
        Ok("a"),
    ),
    ("the policy is in the way of a probe", |fake| refuse(fake, "load_module_bytes", 13), Ok("a")),
    ("a move fails", |fake| refuse(fake, "move_mount /run", 22), Err(Reason::Mount)),
    ("the change of roots fails", |fake| refuse(fake, "switch_root", 22), Err(Reason::Mount)),
    (
        "lockdown is refused",
        |fake| refuse(fake, "write /sys/kernel/security/lockdown", 1),
        Err(Reason::LockdownRefused),
    ),
    (
        "lockdown does nothing",
        |fake| _ = fake.0.borrow_mut().defects.insert(Defect::Toothless),
        Err(Reason::Probe),
    ),
    (
        "only modules are refused",
        |fake| {
            _ = fake.0.borrow_mut().defects.insert(Defect::Toothless);
            refuse(fake, "load_module_bytes", 129);
            for call in ["try_open", "raise_io"] {
                refuse(fake, call, 2);
            }
        },
        Err(Reason::Probe),
    ),
    (
        "a one-way knob goes back",
        |fake| _ = fake.0.borrow_mut().defects.insert(Defect::Slack),
        Err(Reason::Probe),
    ),
    (
        "a sysctl is not there",
        |fake| {
            fake.0.borrow_mut().files.remove("/proc/sys/kernel/kptr_restrict");
        },
        Err(Reason::Sysctl),
    ),
    ("no init", |fake| _ = fake.0.borrow_mut().image.remove("/sbin/init"), Err(Reason::NoSlot)),
    ("init does not start", |fake| refuse(fake, "exec", 8), Err(Reason::Exec)),
    ("a slot cannot be mounted", |fake| refuse(fake, "mount /sysroot", 22), Err(Reason::NoSlot)),
    (
        "the mapping can be written",
        |fake| _ = fake.0.borrow_mut().defects.insert(Defect::Writable),
        Err(Reason::Probe),
    ),
    (
        "the mapping has another table",
        |fake| _ = fake.0.borrow_mut().defects.insert(Defect::OtherTable),
        Err(Reason::Probe),
    ),
    (
        "the mapping covers less",
        |fake| _ = fake.0.borrow_mut().defects.insert(Defect::FewerBlocks),
        Err(Reason::Probe),
    ),
    (
        "the slot cannot be unmounted",
        |fake| {
            fake.0.borrow_mut().image.remove("/sbin/init");
            refuse(fake, "unmount /sysroot", 16);
        },
        Err(Reason::Mount),
    ),
    ("tries cannot be counted", |fake| refuse(fake, "write_at", 5), Err(Reason::NoSlot)),
    ("the command line chooses b", |fake| put(fake, "/proc/cmdline", "hardpan.slot=b\n"), Ok("b")),
    ("init's words choose nothing", |fake| put(fake, "/proc/cmdline", "x -- hardpan.slot=b\n"), Ok("a")),
    (
        "the command line chooses nothing that is there",
        |fake| {
            put(fake, "/proc/cmdline", "hardpan.slot=c\n");
        },
        Err(Reason::Configuration),
    ),
    (
        "the command line wants to read less",
        |fake| {
            put(fake, "/proc/cmdline", "hardpan.verify=ends\n");
        },
        Err(Reason::Configuration),
    ),
    (
        "the configuration is damaged",
        |fake| put(fake, CONFIG, "hardpan-boot 1\nx\n"),
        Err(Reason::Configuration),
    ),
];

#[test]
fn every_row_of_the_table_of_failures() {
    for (what, spoil, wanted) in CASES {
        let fake = Fake::new(&configuration());
        spoil(&fake);
        let ended = booted(&fake);
        check(&fake, &ended, what);
        let found = match ended.reason {
            None => Ok(ended.receipt.slot.as_deref().unwrap()),
            Some(reason) => Err(reason),
        };
        assert_eq!(found, *wanted, "{what}: {:?}", ended.receipt.text);
    }
}

#[test]
fn a_refused_slot_is_named_with_its_reason() {
    let reason = |spoil: fn(&Fake)| {
        let fake = Fake::new(&configuration());
        spoil(&fake);
        let ended = booted(&fake);
        let json = fake.text("/run/hardpan/boot.json");
        let refused = ended.receipt.refused.first().unwrap().clone();
        assert!(json.contains(&format!("{{\"slot\": \"a\", \"reason\": \"{}\"", refused.reason)), "{json}");
        let told = format!("slot a refused: {}", refused.reason);
        assert!(fake.0.borrow().log.iter().any(|line| line.contains(&told)));
        refused.reason
    };
    assert_eq!(reason(|fake| _ = fake.0.borrow_mut().corrupt.insert(1)), Reason::RootHash);
    assert_eq!(reason(|fake| _ = fake.0.borrow_mut().unreadable.insert(1)), Reason::IoError);
    assert_eq!(reason(|fake| refuse(fake, "dm DM_TABLE_LOAD", 126)), Reason::SignatureUntrusted);
    assert_eq!(reason(|fake| refuse(fake, "dm DM_TABLE_LOAD", 129)), Reason::SignatureMismatch);
    assert_eq!(reason(|fake| refuse(fake, "dm DM_TABLE_LOAD", 7)), Reason::Truncated);
    assert_eq!(reason(|fake| put(fake, "/sys/block/vda/vda2/size", "1\n")), Reason::DeviceMissing);
    assert_eq!(reason(|fake| _ = fake.0.borrow_mut().image.remove("/sbin/init")), Reason::NoInit);
    assert_eq!(reason(|fake| put(fake, "/sys/fs/selinux/policyvers", "31")), Reason::PolicyVersion);
    assert_eq!(reason(|fake| refuse(fake, "write /sys/fs/selinux/load", 22)), Reason::PolicyRefused);
    assert_eq!(reason(|fake| refuse(fake, "read /signatures", 2)), Reason::SignatureMissing);
    assert_eq!(reason(|fake| refuse(fake, "write_at", 5)), Reason::Tries);
}
