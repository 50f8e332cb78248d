//! Damaged policies: an error, never a panic, and never a policy that is not the one that was written.

use hardpan_selinux_policy::policydb::{Policy, Problem, read, write};

use crate::peers::{EVERY, XEN, directory, has_peers, secilc};

#[test]
fn every_prefix_is_an_error_at_its_end_or_before() {
    if !has_peers("prefixes", &["secilc"]) {
        return;
    }
    for file in files("prefixes") {
        for length in 0..file.len() {
            let error = read(&file[..length]).unwrap_err();
            assert!(matches!(error.problem, Problem::Truncated(_)), "{length}: {error}");
            assert!(error.offset <= length, "{length}: {error}");
        }
        let longer = [&file[..], &[0]].concat();
        let error = read(&longer).unwrap_err();
        assert_eq!((error.offset, error.problem), (file.len(), Problem::Trailing(1)));
    }
}

#[test]
fn what_is_still_read_after_damage_is_written_the_same() {
    if !has_peers("damage", &["secilc"]) {
        return;
    }
    let (mut refused, mut taken) = (0, 0);
    for mut file in files("damage") {
        for place in 0..file.len() {
            let damage = [0x01, 0x80, 0xff, 0x02][place % 4];
            file[place] ^= damage;
            match read(&file) {
                Ok(policy) => {
                    assert_comes_back(&policy, &file);
                    taken += 1;
                }
                Err(error) => {
                    assert!(error.offset <= file.len(), "{error}");
                    refused += 1;
                }
            }
            file[place] ^= damage;
        }
    }
    assert!(refused > taken && taken > 0, "{refused} refused, {taken} taken");
}

fn assert_comes_back(policy: &Policy, file: &[u8]) {
    let written = write(policy).unwrap();
    assert_eq!(read(&written).as_ref(), Ok(policy));
    // Before version 33 transitions by file name are not grouped by their keys.
    assert!(written == file || policy.version < 33, "version {}: other bytes", policy.version);
}

fn files(test: &str) -> [Vec<u8>; 2] {
    let directory = directory(test);
    [secilc(&directory, EVERY, &["-c", "33"]), secilc(&directory, XEN, &["-t", "xen", "-c", "30"])]
}
