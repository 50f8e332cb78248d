//! Rules that others cover, as `secilc -O` finds them.

use std::fmt::Write as _;

use hardpan_selinux_policy::policydb::{read, write};

use crate::peers::{EVERY, directory, has_peers, secilc};

#[test]
fn optimized_policies_are_secilcs() {
    if !has_peers("optimized policies", &["secilc"]) {
        return;
    }
    let directory = directory("optimize");
    for (name, text) in [("every", EVERY.to_owned()), ("covered", covered())] {
        for version in ["30", "33"] {
            let plain = secilc(&directory, &text, &["-c", version]);
            let theirs = secilc(&directory, &text, &["-c", version, "-O"]);
            assert!(plain != theirs || name == "every", "{name}: nothing to optimize");
            let mut policy = read(&plain).unwrap();
            policy.optimize();
            assert!(write(&policy).unwrap() == theirs, "{name}, version {version}: other bytes");
        }
    }
}

/// Attributes that hold each other's types, rules of all kinds that cover each other wholly and in part, and conditionals
/// that lose rules to what is outside and to each other.
fn covered() -> String {
    let mut text = EVERY.to_owned();
    for type_ in 0..24 {
        writeln!(text, "(type n{type_}_t)").unwrap();
    }
    for attribute in 0..8 {
        writeln!(text, "(typeattribute a{attribute})").unwrap();
        // a0 and a4 are equal, a1 holds a5, and the others overlap.
        for type_ in
            (0..24).filter(|type_| type_ % (attribute % 4 + 1) == 0 && (attribute != 5 || *type_ < 12))
        {
            writeln!(text, "(typeattributeset a{attribute} (n{type_}_t))").unwrap();
        }
    }
    let permissions =
        ["read", "write", "ioctl", "execute", "read write", "read execute", "write ioctl execute"];
    let mut number = 7_usize;
    let mut rule = |text: &mut String, kinds: usize| {
        number = (number * 1_103_515_245 + 12345) % (1 << 31);
        let name = |number: usize| {
            if number.is_multiple_of(3) {
                format!("n{}_t", number / 3 % 24)
            } else {
                format!("a{}", number / 3 % 8)
            }
        };
        let (source, target) = (name(number >> 4), name(number >> 11));
        let granted = permissions[(number >> 18) % permissions.len()];
        match (number >> 22) % kinds {
            0 => writeln!(text, "(dontaudit {source} {target} (file ({granted})))"),
            1 => writeln!(text, "(auditallow {source} {target} (file ({granted})))"),
            2 | 3 => writeln!(text, "(allow {source} {target} (file ({granted})))"),
            4 => writeln!(
                text,
                "(allowx {source} {target} (ioctl file (range 0x{:x}00 0x{:x}ff)))",
                number % 4,
                number % 4
            ),
            5 => {
                writeln!(text, "(allowx {source} {target} (ioctl file (0x{:x} 0x205)))", number >> 6 & 0x3ff)
            }
            _ => writeln!(
                text,
                "(dontauditx {source} {target} (ioctl file (range 0x100 0x{:x})))",
                0x100 + (number >> 7 & 0x1ff)
            ),
        }
        .unwrap();
    };
    for _ in 0..250 {
        rule(&mut text, 7);
    }
    for boolean in 0..12 {
        writeln!(text, "(boolean o{boolean} {})\n(booleanif o{boolean}", boolean % 2 == 0).unwrap();
        for branch in ["true", "false"] {
            writeln!(text, "({branch}").unwrap();
            (0..=boolean * 3).for_each(|_| rule(&mut text, 4));
            writeln!(text, ")").unwrap();
        }
        writeln!(text, ")").unwrap();
    }
    text
}
