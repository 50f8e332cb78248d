//! Binary policies of ours with one number of them changed, and cut anywhere: an error, or the same bytes again. Needs no
//! other tool, and so has what those of other tools in `tests/policydb` cannot be without.

use hardpan_selinux_policy::policydb::{Problem, read, write};

use super::compiled;

/// A class with a common, constraints, conditionals, extended permissions, transitions and contexts.
const TEXT: &str = "
(common co (a b))(class k ())(classcommon k co)(classorder (unordered k))(typeattribute at)(typeattributeset at (t t2))
(type t2)(type t3)(typebounds t t3)(typepermissive t3)(roletype r t2)(typealias ta)(typealiasactual ta t)
(boolean x true)(boolean y false)(booleanif (and x (not y)) (true (allow t t2 (k (a))))(false (typechange t t2 c t)))
(constrain (c (p)) (or (eq t1 at) (and (eq u1 u2) (dom r1 r2))))(mlsconstrain (k (a)) (dom l1 h2))
(validatetrans c (neq t3 t))(allow at self (c (q)))(dontaudit at t (k (b)))(allowx t t (ioctl c (range 0 0x2ff)))
(typetransition t t2 c t)(typetransition t t2 c \"name\" t2)(rangetransition t t2 process ((s)(s (c0 c1))))
(roleallow r r)(roletransition r t c r)(policycap open_perms)(genfscon proc /a (u r t ((s)(s))))
(fsuse xattr ext4 (u r t ((s)(s))))(portcon tcp (1 9) (u r t ((s)(s))))(netifcon e (u r t ((s)(s))) (u r t ((s)(s))))
(nodecon (1.2.3.0) (255.255.255.0) (u r t ((s)(s))))(nodecon (::1) (ffff::) (u r t ((s)(s))))
";

fn binary() -> Vec<u8> {
    write(&compiled(TEXT).expect("it is right").policy).expect("the version can be written")
}

#[test]
fn numbers_anywhere_are_refused_or_come_back() {
    let binary = binary();
    let (mut refused, mut taken) = (0, 0);
    for place in 0..binary.len() - 4 {
        let there = u32::from_le_bytes(binary[place..place + 4].try_into().expect("four bytes"));
        for number in [0, u32::MAX, there.wrapping_add(1), there.wrapping_sub(1), there ^ 0x8000_0000] {
            let mut damaged = binary.clone();
            damaged[place..place + 4].copy_from_slice(&number.to_le_bytes());
            match read(&damaged) {
                Ok(policy) => {
                    assert!(write(&policy).as_ref() == Ok(&damaged), "{number:#x} at byte {place} is lost");
                    taken += 1;
                }
                Err(error) => {
                    assert!(error.offset <= damaged.len(), "{error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > taken && taken > 0, "{refused} refused, {taken} taken");
}

#[test]
fn cut_anywhere_it_is_too_short() {
    let binary = binary();
    for length in 0..binary.len() {
        let error = read(&binary[..length]).expect_err("it is cut");
        assert!(matches!(error.problem, Problem::Truncated(_)), "{length}: {error}");
    }
}

/// The kernel keeps as many permissions as the class says that there are, and puts those of the common among them.
#[test]
fn a_class_counts_the_permissions_of_its_common() {
    let mut binary = binary();
    // The lengths of both names, the value, the highest permission and their number stand before the names.
    let names = binary.windows(3).position(|bytes| bytes == b"kco").expect("the class is there");
    let [lengths, highest] = [names - 24, names - 12];
    assert_eq!((binary[lengths], binary[lengths + 4], binary[highest]), (1, 2, 2));
    binary[highest] = 1;
    let error = read(&binary).expect_err("values of the common are above it");
    assert_eq!(error.structure, "class");
}
