//! Everything that libsepol keeps hashed, shuffled and put back.

use std::fmt::Write as _;

use hardpan_selinux_policy::policydb::{Compat, Policy, read, write};

use crate::peers::{EVERY, XEN, directory, has_peers, secilc, without_xperms};

#[test]
fn shuffled_policies_come_back_to_secilcs_order() {
    if !has_peers("shuffled policies", &["secilc"]) {
        return;
    }
    let directory = directory("shuffle");
    for version in ["24", "25", "26", "27", "28", "29"] {
        assert_comes_back(&secilc(&directory, &without_xperms(), &["-c", version]));
    }
    for version in ["30", "31", "32", "33"] {
        assert_comes_back(&secilc(&directory, EVERY, &["-c", version]));
    }
    for version in ["24", "30"] {
        assert_comes_back(&secilc(&directory, XEN, &["-t", "xen", "-c", version]));
    }
    for version in ["30", "33"] {
        assert_comes_back(&secilc(&directory, &large(), &["-c", version, "-N"]));
    }
}

/// The order from 3.6 on is another one, so the test before tells them apart.
#[test]
fn the_order_of_symbols_depends_on_the_release() {
    if !has_peers("orders of releases", &["secilc"]) {
        return;
    }
    let old = secilc(&directory("releases"), EVERY, &[]);
    let mut policy = read(&old).unwrap();
    policy.arrange(Compat::V3_6);
    assert_ne!(write(&policy).unwrap(), old);
    policy.arrange(Compat::V3_4);
    assert_eq!(write(&policy).unwrap(), old);
}

fn assert_comes_back(file: &[u8]) {
    let policy = read(file).unwrap();
    assert!(write(&policy).unwrap() == *file, "version {}: other bytes without a shuffle", policy.version);
    for seed in 1..=3 {
        let mut shuffled = policy.clone();
        shuffle(&mut shuffled, &mut Random(seed));
        assert_ne!(shuffled, policy);
        shuffled.arrange(Compat::V3_4);
        assert!(write(&shuffled).unwrap() == *file, "version {}, seed {seed}: other bytes", policy.version);
    }
}

fn shuffle(policy: &mut Policy, random: &mut Random) {
    random.shuffle(&mut policy.commons);
    random.shuffle(&mut policy.classes);
    random.shuffle(&mut policy.roles);
    random.shuffle(&mut policy.types);
    random.shuffle(&mut policy.users);
    random.shuffle(&mut policy.bools);
    random.shuffle(&mut policy.sensitivities);
    random.shuffle(&mut policy.categories);
    policy.commons.iter_mut().for_each(|common| random.shuffle(&mut common.permissions));
    policy.classes.iter_mut().for_each(|class| random.shuffle(&mut class.permissions));
    random.shuffle(&mut policy.filename_transitions);
    random.shuffle(&mut policy.range_transitions);
    // Rules of one key keep their order, since libsepol keeps that in which they came.
    let salt = random.next();
    policy.avtab.sort_by_cached_key(|rule| {
        let key = u64::from(rule.source) << 32 | u64::from(rule.target) << 16 | u64::from(rule.class);
        (key ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
}

/// Enough of everything to make each table grow, with names of many lengths.
fn large() -> String {
    let mut text = EVERY.to_owned();
    for number in 0..700 {
        let name = format!("t{}{number}", "x".repeat(number % 23));
        writeln!(text, "(type {name})(typealias a_{name})(typealiasactual a_{name} {name})").unwrap();
        writeln!(text, "(typeattributeset files ({name}))").unwrap();
        writeln!(text, "(allow init_t {name} (file (read)))(dontaudit init_t {name} (file (write)))")
            .unwrap();
        writeln!(text, "(allow {name} kernel_t (process (signal)))").unwrap();
        writeln!(text, "(typetransition init_t {name} file \"f{number}\" log_t)").unwrap();
        writeln!(text, "(typetransition init_t {name} dir \"g{}\" log_t)", "y".repeat(number % 31)).unwrap();
        writeln!(text, "(rangetransition init_t {name} process one)").unwrap();
    }
    for number in 0..40 {
        writeln!(text, "(role r{number})(boolean b{number} true)(common com{number} (p{number} q r s))")
            .unwrap();
        writeln!(text, "(class k{number} (own{number}))(classcommon k{number} com{number})").unwrap();
        writeln!(text, "(classorder (unordered k{number}))").unwrap();
        writeln!(text, "(booleanif b{number} (true (allow init_t tmp_t (file (write)))))").unwrap();
    }
    let many: String = (0..31).fold(String::new(), |many, number| many + &format!(" permission_{number}"));
    writeln!(text, "(class many ({many}))(classorder (unordered many))").unwrap();
    for number in 0..150 {
        writeln!(text, "(user u{number})(userrole u{number} system_r)").unwrap();
        writeln!(text, "(userlevel u{number} bottom)(userrange u{number} one)").unwrap();
    }
    text
}

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        self.0 >> 24
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let place = self.next() % (last as u64 + 1);
            list.swap(last, usize::try_from(place).unwrap());
        }
    }
}
