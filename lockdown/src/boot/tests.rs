//! Booting on the machine of the tests: well, with every call failing once, and by the table of failures.

use std::time::Duration;

use hardpan_sys::machine::Ending;
use sha2::{Digest, Sha256};

use super::config::hex;
use super::fake::{Fake, policy};
use super::*;

mod failures;
mod hostile;

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
        assert!(world.calls.iter().any(|call| call.starts_with("end ")), "{what}: the machine did not end");
        assert_eq!(ended.receipt.reason, Some(reason), "{what}");
        // Without /dev there is no console and no log.
        if !world.mounts.iter().any(|(target, _)| target == "/dev") {
            assert_eq!(
                world.calls.iter().filter(|call| *call == "mount /proc").count(),
                0,
                "{what}: /dev is away"
            );
            return;
        }
        assert!(told(&world.announced, &format!("E-{reason}: ")), "{what}: {:?}", world.announced);
        assert!(told(&world.log, &format!("failed reason={reason} ")), "{what}: {:?}", world.log);
        return;
    }
    assert_eq!(
        world.executed.as_deref(),
        Some(&["/sbin/init".to_owned(), "--flag".to_owned()][..]),
        "{what}"
    );
    assert_eq!(world.ended, None, "{what}");
    let is_mounted = |target: &str| world.mounts.iter().any(|(mounted, _)| mounted == target);
    for target in ["/", "/dev", "/proc", "/sys", "/run", "/sysroot", "/etc", "/etc is filled"] {
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

fn refuse(fake: &Fake, call: &str, errno: i32) {
    fake.0.borrow_mut().refused.push((call.to_owned(), errno));
}

fn put(fake: &Fake, path: &str, content: &str) {
    fake.0.borrow_mut().files.insert(path.to_owned(), content.as_bytes().to_vec());
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
        "mount /run",
        "lockdown a",
        "lockdown-probe a",
        "sysctl kernel.kptr_restrict",
        "sysctl kernel.kexec_load_disabled",
        "etc /factory",
        "verity-status a",
        "switch-root a",
        "enforce a",
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
    let fake = Fake::new(&configuration());
    booted(&fake);
    let count = fake.0.borrow().calls.len();
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

#[test]
fn io_errors_are_tried_three_times_and_corruption_once() {
    let reads = |spoil: fn(&Fake)| {
        let fake = Fake::new(&configuration());
        spoil(&fake);
        booted(&fake);
        let world = fake.0.borrow();
        world.calls.iter().filter(|call| *call == "dm DM_DEV_CREATE root-a").count()
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
