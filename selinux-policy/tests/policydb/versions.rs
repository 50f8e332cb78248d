//! Versions that are only read, and those that no installed tool writes.

use std::collections::{BTreeMap, BTreeSet};

use hardpan_selinux_policy::policydb::avtab::{AvEntry, Datum, Xperms, XpermsKind, specified};
use hardpan_selinux_policy::policydb::{Bitmap, Policy, Target, WriteError, read, write};

use crate::peers::{EVERY, directory, has_peers, secilc, without_xperms};

/// What versions have in common is the same in all of them.
#[test]
fn old_versions_tell_the_same() {
    if !has_peers("old versions", &["secilc"]) {
        return;
    }
    let directory = directory("versions");
    let text = without_xperms();
    let newest = read(&secilc(&directory, &text, &["-c", "33"])).unwrap();
    let attributes = newest.types.iter().filter(|it| it.kind.is_attribute()).map(|it| it.value).collect();
    for version in 15..33 {
        let policy = read(&secilc(&directory, &text, &["-c", &version.to_string(), "-M", mls(version)]));
        let policy = policy.unwrap_or_else(|error| panic!("version {version}: {error}"));
        assert_eq!(policy.version, version);
        assert_eq!(rules(&policy, &attributes), rules(&newest, &attributes), "version {version}");
        assert_eq!(policy.classes.len(), newest.classes.len());
        assert_eq!(policy.role_allows, newest.role_allows);
        let conditional_rules = |policy: &Policy| -> usize {
            policy.conditionals.iter().map(|it| it.then.len() + it.otherwise.len()).sum()
        };
        if version >= 16 {
            assert_eq!(conditional_rules(&policy), conditional_rules(&newest));
        }
        if version < 24 {
            assert_eq!(write(&policy), Err(WriteError::Version(version)));
        }
        if version >= 25 {
            assert_eq!(policy.filename_transitions, newest.filename_transitions, "version {version}");
        }
    }
}

/// Levels began with version 19.
fn mls(version: u32) -> &'static str {
    if version < 19 { "false" } else { "true" }
}

/// What each type may do to each, attributes replaced by their types: before version 20 there are none.
fn rules(policy: &Policy, attributes: &BTreeSet<u32>) -> BTreeMap<(u32, u32, u16, u16), u32> {
    let mut rules = BTreeMap::new();
    let members = |value: u16| -> Vec<u32> {
        let types = (1..).zip(&policy.type_attribute_map).filter(|(type_, _)| !attributes.contains(type_));
        types.filter(|(_, map)| map.contains_value(value.into())).map(|(type_, _)| type_).collect()
    };
    for rule in &policy.avtab {
        for source in members(rule.source) {
            for target in members(rule.target) {
                let (Datum::Perms(datum) | Datum::Type(datum)) = rule.datum else { panic!("{rule:?}") };
                let known = rules.entry((source, target, rule.class, rule.specified)).or_insert(datum);
                let is_complement = rule.specified & specified::DONTAUDIT != 0;
                *known = if is_complement { *known & datum } else { *known | datum };
            }
        }
    }
    rules
}

#[test]
fn versions_34_and_35_hold_what_they_add() {
    if !has_peers("new versions", &["secilc"]) {
        return;
    }
    let mut policy = read(&secilc(&directory("new_versions"), EVERY, &["-c", "33"])).unwrap();
    let xperms = Xperms { kind: XpermsKind::Nlmsg, driver: 3, bits: [1, 0, 0, 0, 0, 0, 0, 1 << 31] };
    let datum = Datum::Xperms(Box::new(xperms));
    let specified = specified::ALLOWX | specified::ENABLED;
    policy.conditionals[0].then.push(AvEntry { source: 1, target: 2, class: 1, specified, datum });
    assert_eq!(write(&policy), Err(WriteError::ConditionalXperms(33)));
    policy.version = 34;
    let bytes = write(&policy).unwrap();
    assert_eq!(read(&bytes).unwrap(), policy);

    policy.version = 35;
    policy.neveraudit = Bitmap::from_iter([1, 3]);
    let newer = write(&policy).unwrap();
    assert_eq!(newer.len(), bytes.len() + 12 + 12);
    assert_eq!(read(&newer).unwrap(), policy);
    // A version that lacks them has the same otherwise.
    policy.version = 34;
    assert_eq!(write(&policy).unwrap(), bytes);
}

#[test]
fn what_a_target_lacks_is_not_written() {
    let xperms = Xperms { kind: XpermsKind::IoctlDriver, driver: 0, bits: [1; 8] };
    let datum = Datum::Xperms(Box::new(xperms));
    let rule = AvEntry { source: 1, target: 1, class: 1, specified: specified::ALLOWX, datum };
    let with = |version, target| {
        let mut policy = Policy::new(version, target);
        policy.avtab.push(rule.clone());
        write(&policy).unwrap_err()
    };
    assert_eq!(with(30, Target::Xen), WriteError::XenXperms);
    assert_eq!(with(29, Target::Selinux), WriteError::Xperms(29));
    assert_eq!(with(36, Target::Selinux), WriteError::Version(36));
    assert_eq!(with(31, Target::Xen), WriteError::XenVersion(31));
}
