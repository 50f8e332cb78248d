//! Booting on the machine of the tests: well, with every call failing once, and by the table of failures.

use std::time::Duration;

use hardpan_sys::machine::Ending;
use sha2::{Digest, Sha256};

use super::config::hex;
use super::fake::{Fake, policy};
use super::*;

const CONFIG: &str = "/etc/hardpan/boot.conf";

fn fingerprint() -> String {
    hex(&Sha256::digest([&b"given back: "[..], &policy(33)].concat()))
}

fn configuration() -> String {
    let table = format!("1 DATA HASH 4096 4096 4 0 sha256 {} -", "ab".repeat(32));
    let uuid = |digit: &str| format!("PARTUUID={0}{0}-{0}-{0}-{0}-{0}{0}{0}", digit.repeat(4));
    format!(
        "hardpan-boot 1\nmodule /modules/dm-verity.ko required\nmodule /modules/x.ko optional\n\
         slot a version 3 data {} hash PARTLABEL=hash-a signature /signatures/a.p7s table \"{table}\"\n\
         slot b version 2 data {} hash PARTLABEL=hash-b signature /signatures/b.p7s table \"{table}\"\n\
         require-signature\nminimum-version 2\ntries gpt\non-io-error restart\nroot erofs\n\
         selinux /policy fingerprint {}\nenforcing\nlockdown confidentiality\n\
         sysctl kernel.kexec_load_disabled 1 required\nsysctl kernel.kptr_restrict 2 required\n\
         sysctl kernel.printk \"4 4 1 7\" required\nsysctl kernel.no_such 1 optional\n\
         etc /factory context=u:r:etc_t:s0:c0,c1\ninit /sbin/init --flag\non-failure poweroff\n",
        uuid("1"),
        uuid("3"),
        fingerprint()
    )
}

fn booted(fake: &Fake) -> Ended {
    run(&mut fake.clone(), CONFIG)
}

/// What must hold, whatever happened: either init runs with everything in force that the configuration requires, or the
/// machine ended with a reason that everybody was told.
fn check(fake: &Fake, ended: &Ended, what: &str) {
    let world = fake.0.borrow();
    let told = |place: &[String], text: &str| place.iter().any(|line| line.contains(text));
    if let Some(reason) = ended.reason {
        assert_eq!(world.executed, None, "{what}: init was started after {reason}");
        assert!(told(&world.announced, &format!("E-{reason}: ")), "{what}: {:?}", world.announced);
        assert!(told(&world.log, &format!("failed reason={reason} ")), "{what}: {:?}", world.log);
        assert_eq!(ended.receipt.reason, Some(reason), "{what}");
        assert!(world.calls.iter().any(|call| call.starts_with("end ")), "{what}: the machine did not end");
        return;
    }
    assert_eq!(
        world.executed.as_deref(),
        Some(&["/sbin/init".to_owned(), "--flag".to_owned()][..]),
        "{what}"
    );
    assert_eq!(world.ended, None, "{what}");
    let is_mounted = |target: &str| world.mounts.iter().any(|(mounted, _)| mounted == target);
    for target in ["/", "/sysroot", "/sysroot/etc", "/etc is filled"] {
        assert!(is_mounted(target), "{what}: {target}");
    }
    assert!(world.policy_loaded, "{what}");
    // Nothing is left of a slot that was refused.
    let slot = ended.receipt.slot.as_deref().unwrap();
    assert_eq!(world.mappings.keys().collect::<Vec<_>>(), [&format!("root-{slot}")], "{what}");
    assert_eq!(world.mounts.iter().filter(|(target, _)| target == "/sysroot").count(), 1, "{what}");
    drop(world);
    for (path, wanted) in [
        ("/sys/kernel/security/lockdown", "none integrity [confidentiality]"),
        ("/sys/fs/selinux/enforce", "1"),
        ("/proc/sys/kernel/kexec_load_disabled", "1"),
        ("/proc/sys/kernel/kptr_restrict", "2"),
        ("/proc/sys/kernel/printk", "4 4 1 7"),
        ("/proc/sys/kernel/panic", "10"),
    ] {
        assert_eq!(fake.text(path), wanted, "{what}: {path}");
    }
    let json = fake.text("/run/hardpan/boot.json");
    assert!(json.contains("\"result\": \"booted\",\n  \"reason\": null"), "{what}: {json}");
}

#[test]
fn a_good_slot_boots_and_everything_is_proved() {
    let fake = Fake::new(&configuration());
    let ended = booted(&fake);
    check(&fake, &ended, "good");
    assert_eq!((ended.reason, ended.receipt.slot.as_deref()), (None, Some("a")));
    assert_eq!(fake.attributes(1), "priority 3, 1 tries");
    assert_eq!(fake.attributes(3), "priority 1, 1 tries");
    let outcome = |step: &str| ended.receipt.steps.iter().find(|record| record.step == step).unwrap().outcome;
    for step in
        ["verity-open", "policy-load", "lockdown-probe", "enforce", "verity-status", "require-signatures"]
    {
        assert_eq!(outcome(step), Outcome::Proved, "{step}");
    }
    let absent = ended.receipt.steps.iter().find(|record| record.subject == "kernel.no_such").unwrap();
    assert_eq!((absent.outcome, absent.errno), (Outcome::Absent, Some(2)));
    // What this program logs itself is not the kernel's word.
    assert!(ended.receipt.steps.iter().all(|record| record.kernel == ["the kernel's"]));
}

/// The order of all that matters: what the policy decides comes after it, what cannot be taken back comes late.
#[test]
fn the_steps_have_their_order() {
    let fake = Fake::new(&configuration());
    let ended = booted(&fake);
    let steps: Vec<String> =
        ended.receipt.steps.iter().map(|record| format!("{} {}", record.step, record.subject)).collect();
    let wanted = [
        "panic-timeout ",
        "module /modules/dm-verity.ko",
        "require-signatures ",
        "slot-order ",
        "slot-version a",
        "slot-tries a",
        "devices a",
        "signature /signatures/a.p7s",
        "verity-open a",
        "root-mount a",
        "root-contents /sbin/init",
        "policy-check /policy",
        "policy-load a",
        "lockdown a",
        "lockdown-probe a",
        "sysctl kernel.kptr_restrict",
        "sysctl kernel.kexec_load_disabled",
        "enforce a",
        "etc /factory",
        "verity-status a",
        "switch-root a",
        "receipt a",
        "exec a",
    ];
    let mut at = 0;
    for step in wanted {
        let found = steps[at..].iter().position(|other| other == step);
        at += found.unwrap_or_else(|| panic!("{step} is not in {:?}", &steps[at..]));
    }
}

#[test]
fn whichever_call_fails_nothing_unverified_is_booted() {
    let count = {
        let fake = Fake::new(&configuration());
        booted(&fake);
        let calls = fake.0.borrow().calls.len();
        calls
    };
    assert!(count > 80, "{count}");
    let mut reasons = std::collections::BTreeSet::new();
    let mut fell_back = 0;
    for index in 0..count {
        for errno in [1, 5, 22] {
            let fake = Fake::new(&configuration());
            fake.0.borrow_mut().fault = Some((index, errno));
            let ended = booted(&fake);
            let call = fake.0.borrow().calls[index].clone();
            check(&fake, &ended, &format!("call {index} ({call}) failed with {errno}"));
            fell_back += u32::from(ended.reason.is_none() && ended.receipt.slot.as_deref() == Some("b"));
            reasons.extend(ended.reason);
        }
    }
    // Failures of one slot are answered by the other one, all others by a reason.
    assert!(fell_back > 50, "{fell_back}");
    assert!(reasons.len() > 12, "{reasons:?}");
}

/// Two calls fail: also what is done after a failure fails.
#[test]
fn failures_of_what_follows_a_failure_change_nothing() {
    for spoil in ["corrupt", "contents"] {
        let base = || {
            let fake = Fake::new(&configuration());
            match spoil {
                "corrupt" => fake.0.borrow_mut().corrupt.insert(1),
                _ => fake.0.borrow_mut().image.remove("/sbin/init").is_some(),
            };
            fake
        };
        let fake = base();
        booted(&fake);
        let count = fake.0.borrow().calls.len();
        for index in 0..count {
            let fake = base();
            fake.0.borrow_mut().fault = Some((index, 5));
            let ended = booted(&fake);
            let call = fake.0.borrow().calls[index].clone();
            check(&fake, &ended, &format!("{spoil}, then call {index} ({call})"));
        }
    }
}

/// A machine on which something is wrong from the start, and the reason with which it ends.
type Case = (&'static str, fn(&Fake), Result<&'static str, Reason>);

fn refuse(fake: &Fake, call: &str, errno: i32) {
    fake.0.borrow_mut().refused.push((call.to_owned(), errno));
}

fn put(fake: &Fake, path: &str, content: &str) {
    fake.0.borrow_mut().files.insert(path.to_owned(), content.as_bytes().to_vec());
}

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
    (
        "lockdown is refused",
        |fake| refuse(fake, "write /sys/kernel/security/lockdown", 1),
        Err(Reason::LockdownRefused),
    ),
    ("lockdown does nothing", |fake| fake.0.borrow_mut().toothless = true, Err(Reason::Probe)),
    (
        "only modules are refused",
        |fake| {
            fake.0.borrow_mut().toothless = true;
            refuse(fake, "load_module_bytes", 129);
            ["try_open", "raise_io"].iter().for_each(|call| refuse(fake, call, 2));
        },
        Err(Reason::Probe),
    ),
    ("a one-way knob goes back", |fake| fake.0.borrow_mut().slack = true, Err(Reason::Probe)),
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
    ("the mapping can be written", |fake| fake.0.borrow_mut().writable = true, Err(Reason::Probe)),
    ("the mapping has another table", |fake| fake.0.borrow_mut().other_table = true, Err(Reason::Probe)),
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

#[test]
fn io_errors_are_tried_three_times_and_corruption_once() {
    let reads = |spoil: fn(&Fake)| {
        let fake = Fake::new(&configuration());
        spoil(&fake);
        booted(&fake);
        let calls = fake.0.borrow().calls.iter().filter(|call| *call == "dm DM_DEV_CREATE root-a").count();
        calls
    };
    assert_eq!(reads(|fake| _ = fake.0.borrow_mut().unreadable.insert(1)), 3);
    assert_eq!(reads(|fake| _ = fake.0.borrow_mut().corrupt.insert(1)), 1);
}

#[test]
fn two_devices_of_one_name_are_never_chosen_from() {
    let configuration = configuration().replace("PARTLABEL=hash-b", "PARTLABEL=hash-a");
    let fake = Fake::new(&configuration);
    let disk = crate::gpt::tests::Disk::with(&[
        ("data-a", 0x11, 40, 71, 3 << 48 | 2 << 52),
        ("hash-a", 0x22, 72, 79, 0),
        ("data-b", 0x33, 80, 111, 1 << 48 | 1 << 52),
        ("hash-a", 0x44, 112, 119, 0),
    ]);
    fake.0.borrow_mut().disk = Some(disk);
    let ended = booted(&fake);
    check(&fake, &ended, "ambiguous");
    assert_eq!(ended.reason, Some(Reason::DeviceAmbiguous));
    assert!(ended.receipt.text.contains("vda partition 2") && ended.receipt.text.contains("vda partition 4"));
    assert!(fake.0.borrow().mappings.is_empty());
}

/// The same machine, started again and again while nothing marks a slot as good: each start costs a try, until no slot has
/// one; then a restart would change nothing.
#[test]
fn tries_run_out_and_then_the_machine_halts() {
    let configuration = configuration().replace("on-failure poweroff", "on-failure reboot");
    let mut disk = None;
    let mut found = Vec::new();
    for _ in 0..4 {
        let fake = Fake::new(&configuration);
        if let Some(disk) = disk.take() {
            fake.0.borrow_mut().disk = Some(disk);
        }
        refuse(&fake, "exec", 8);
        let ended = booted(&fake);
        check(&fake, &ended, "tries");
        found.push((ended.receipt.slot.clone(), ended.reason, fake.0.borrow().ended));
        disk = fake.0.borrow().disk.clone();
    }
    let failed = |slot: &str| (Some(slot.to_owned()), Some(Reason::Exec), Some(Ending::Reboot));
    assert_eq!(found[..3], [failed("a"), failed("a"), failed("b")]);
    assert_eq!(found[3], (None, Some(Reason::NoSlot), Some(Ending::Halt)));
}

#[test]
fn the_message_of_a_missing_device_names_those_that_are_there() {
    let fake = Fake::new(&configuration().replace("PARTLABEL=hash-a", "PARTLABEL=elsewhere"));
    let ended = booted(&fake);
    assert_eq!(ended.receipt.slot.as_deref(), Some("b"));
    let text = &ended.receipt.refused[0].text;
    assert!(
        text.starts_with("there is no PARTLABEL=elsewhere; block devices: vda partition 1 (\"data-a\", "),
        "{text}"
    );
    let log = fake.0.borrow().log.clone();
    for seconds in [1, 5] {
        assert!(
            log.iter().any(|line| line.contains(&format!("waiting for {seconds} s: there is no"))),
            "{log:?}"
        );
    }
}

#[test]
fn the_weaker_reaction_is_taken_only_where_it_is_allowed_and_said() {
    let fake = Fake::new(&configuration().replace("on-io-error restart", "on-io-error restart or-weaker"));
    fake.0.borrow_mut().verity_version = Some([1, 9, 0]);
    let ended = booted(&fake);
    check(&fake, &ended, "weaker");
    let record = ended.receipt.steps.iter().find(|record| record.step == "verity-open").unwrap();
    assert_eq!((ended.reason, record.outcome), (None, Outcome::Weaker));
}

#[test]
fn versions_below_the_minimum_are_refused() {
    let fake = Fake::new(&configuration().replace("minimum-version 2", "minimum-version 3"));
    fake.0.borrow_mut().corrupt.insert(1);
    let ended = booted(&fake);
    assert_eq!(ended.reason, Some(Reason::NoSlot));
    assert_eq!(ended.receipt.refused[1].reason, Reason::Version);
    // Nothing was tried with it, and no try was counted.
    assert_eq!(fake.attributes(3), "priority 1, 1 tries");
}

#[test]
fn modules_get_the_parameters_of_the_command_line_before_their_own() {
    let config = Config::parse(configuration().as_bytes()).unwrap();
    let mut config = config;
    config.modules[0].parameters = "require_signatures=1".to_owned();
    let line = "dm-verity.require_signatures=0 dm_verity.x=\"a b\" dm_verity.flag x.y=1 -- dm_verity.z=1";
    let plan = Plan::new(&config, line).unwrap();
    let Step::Module(module) = &plan.before[0] else { panic!("{plan}") };
    assert_eq!(module.parameters, "require_signatures=0 x=\"a b\" flag require_signatures=1");
}

#[test]
fn a_plan_is_printed_step_by_step() {
    let config = Config::parse(configuration().as_bytes()).unwrap();
    let text = Plan::new(&config, "hardpan.verify=full").unwrap().to_string();
    for line in [
        "mount /dev: devtmpfs\n",
        "slot a (version 3): root hash abab",
        "  verity-open: read full, restart on corruption, restart on I/O errors\n",
        "etc /factory: mode=0755,size=16777216,context=\"u:r:etc_t:s0:c0,c1\"\n",
        "exec: /sbin/init --flag\n",
        "on failure: poweroff after 5 s\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
