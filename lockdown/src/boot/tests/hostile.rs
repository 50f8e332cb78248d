//! Somebody else has the command line and the disks, or the machine is not what its owner believes.

use super::super::fake::Defect;
use super::*;
use crate::gpt::tests::Disk;

fn with_parameters(parameters: &str) -> String {
    let line = "module /modules/dm-verity.ko required";
    configuration().replace(line, &format!("{line} \"{parameters}\""))
}

/// A quote would take in what follows it, and two dashes end the parameters of a module.
#[test]
fn the_command_line_takes_no_parameter_of_the_configuration_away() {
    let config = Config::parse(with_parameters("require_signatures=1").as_bytes()).unwrap();
    for line in [
        "dm_verity.--",
        "dm_verity.x=1\"",
        "dm_verity.x=a\"b",
        "dm-verity.x\"=1 quiet",
        "\"dm_verity.a -- b=1\"",
        "dm_verity.",
        "dm_verity.=1",
    ] {
        let refused = Plan::new(&config, line);
        assert!(matches!(refused, Err(PlanError::Parameter(_))), "{line}: {refused:?}");
    }
    // Of modules that are not loaded, and behind the last word for the kernel, nothing is looked at.
    assert!(Plan::new(&config, "other.-- other.x=1\" -- dm_verity.x=1\"").is_ok());
}

/// Nobody tells a module that is there already anything more.
#[test]
fn parameters_of_a_module_that_is_there_already_are_read_back() {
    let booted_with = |parameters: &str, spoil: fn(&Fake)| {
        let fake = Fake::new(&with_parameters(parameters));
        put(&fake, "/proc/cmdline", "quiet");
        put(&fake, "/sys/module/dm_verity/parameters/prefetch_cluster", "262144\n");
        refuse(&fake, "load_module /modules/dm", 17);
        spoil(&fake);
        let ended = booted(&fake);
        check(&fake, &ended, parameters);
        ended.reason
    };
    for parameters in [
        "require_signatures=1",
        "require_signatures=0 require_signatures",
        "require-signatures=y prefetch_cluster=262144",
    ] {
        assert_eq!(booted_with(parameters, |_| ()), None, "{parameters}");
    }
    let refused = Some(Reason::ModuleRefused);
    for parameters in ["prefetch_cluster=1", "no_such=1", "require_signatures=0"] {
        assert_eq!(booted_with(parameters, |_| ()), refused, "{parameters}");
    }
    let unsigned = |fake: &Fake| put(fake, "/sys/module/dm_verity/parameters/require_signatures", "N\n");
    assert_eq!(booted_with("require_signatures=1", unsigned), refused);
}

#[test]
fn a_partition_behind_all_numbers_is_refused() {
    for (first, last) in [(0, u64::MAX), (u64::MAX, u64::MAX), (1 << 63, u64::MAX)] {
        let fake = Fake::new(&configuration());
        fake.0.borrow_mut().disk = Some(Disk::with(&[
            ("data-a", 0x11, first, last, 3 << 48 | 2 << 52),
            ("hash-a", 0x22, 72, 79, 0),
            ("data-b", 0x33, 80, 111, 1 << 48 | 1 << 52),
            ("hash-b", 0x44, 112, 119, 0),
        ]));
        let ended = booted(&fake);
        check(&fake, &ended, "far away");
        assert_eq!((ended.reason, ended.receipt.slot.as_deref()), (None, Some("b")));
    }
}

fn with_attributes(fake: &Fake, a: u64, b: u64) {
    fake.0.borrow_mut().disk = Some(Disk::with(&[
        ("data-a", 0x11, 40, 71, a),
        ("hash-a", 0x22, 72, 79, 0),
        ("data-b", 0x33, 80, 111, b),
        ("hash-b", 0x44, 112, 119, 0),
    ]));
}

#[test]
fn the_only_slot_is_one_that_can_be_chosen() {
    let only: String = configuration()
        .lines()
        .filter(|line| !line.starts_with("slot b"))
        .fold(String::new(), |text, line| text + line + "\n");
    for (line, wanted) in [("quiet", Some(Reason::Tries)), ("hardpan.slot=a", None)] {
        let fake = Fake::new(&only);
        with_attributes(&fake, 3 << 48, 0);
        put(&fake, "/proc/cmdline", line);
        let ended = booted(&fake);
        check(&fake, &ended, line);
        assert_eq!(ended.reason, wanted, "{line}");
    }
}

#[test]
fn without_any_priority_a_restart_is_of_no_use_either() {
    let fake = Fake::new(&configuration().replace("on-failure poweroff", "on-failure reboot"));
    with_attributes(&fake, 2 << 52, 1 << 56);
    let ended = booted(&fake);
    assert_eq!((ended.reason, fake.0.borrow().ended), (Some(Reason::NoSlot), Some(Ending::Halt)));
}

#[test]
fn what_is_mounted_on_is_no_link() {
    let fake = Fake::new(&configuration());
    fake.0.borrow_mut().defects.insert(Defect::Linked);
    let ended = booted(&fake);
    check(&fake, &ended, "linked");
    assert_eq!(ended.receipt.refused[0].reason, Reason::NoInit);
    assert!(ended.receipt.refused[0].text.starts_with("/run is a link"), "{:?}", ended.receipt.refused);
}

/// A policy that denies the write says nothing of the knob, and neither does a refusal that changes it all the same.
#[test]
fn a_knob_goes_one_way_only_if_the_kernel_says_so_and_it_stays() {
    for (defect, text) in [
        (Defect::Denied, "kernel.kexec_load_disabled could not be tried: "),
        (Defect::Liar, "kernel.kexec_load_disabled could be taken back to 0"),
    ] {
        let fake = Fake::new(&configuration());
        fake.0.borrow_mut().defects.insert(defect);
        let ended = booted(&fake);
        check(&fake, &ended, text);
        assert_eq!(ended.reason, Some(Reason::Probe));
        assert!(ended.receipt.text.starts_with(text), "{}", ended.receipt.text);
    }
}

/// The kernel said no, and has it: with a second policy on top, processes would keep contexts of the first.
#[test]
fn after_a_policy_that_was_taken_there_is_no_other_slot() {
    let fake = Fake::new(&configuration());
    fake.0.borrow_mut().defects.insert(Defect::HalfLoaded);
    let ended = booted(&fake);
    check(&fake, &ended, "half loaded");
    assert_eq!(ended.reason, Some(Reason::PolicyRefused));
    assert_eq!(ended.receipt.slot.as_deref(), Some("a"));
}

#[test]
fn a_mapping_that_stays_is_reported_with_what_went_wrong_first() {
    let fake = Fake::new(&configuration());
    fake.0.borrow_mut().unreadable.insert(1);
    refuse(&fake, "dm DM_DEV_REMOVE", 5);
    let ended = booted(&fake);
    check(&fake, &ended, "stays");
    assert_eq!(ended.reason, Some(Reason::IoError));
}

/// The power failed between two writes: the kernel then makes no partitions, unless it is told to look at the backup.
#[test]
fn a_damaged_table_that_the_kernel_does_not_heed_is_named() {
    let fake = Fake::new(&configuration());
    {
        let mut world = fake.0.borrow_mut();
        world.disk.as_mut().unwrap().0[512 + 60] ^= 1;
        world.files.retain(|path, _| !path.starts_with("/sys/block/vda/vda"));
    }
    let ended = booted(&fake);
    check(&fake, &ended, "damaged");
    let text = &ended.receipt.refused[0].text;
    assert!(text.contains("vda (a copy of its GPT is damaged; "), "{text}");
    assert!(text.contains("`gpt`"), "{text}");
}

#[test]
fn no_more_is_claimed_than_was_read() {
    for (line, wanted) in [
        ("quiet", "the first and the last block are verified"),
        ("hardpan.verify=full", "all blocks are verified"),
    ] {
        let fake = Fake::new(&configuration());
        put(&fake, "/proc/cmdline", line);
        let ended = booted(&fake);
        check(&fake, &ended, line);
        let record = ended.receipt.steps.iter().find(|record| record.step == "verity-open").unwrap();
        assert_eq!(record.got, wanted);
    }
}
