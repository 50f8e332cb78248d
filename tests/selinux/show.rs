//! `hardpan policy info`, beside seinfo, and `hardpan policy fingerprint`.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::{SMALL, has_secilc, own_files, own_policy, with_small};
use crate::peers::{program, require};
use crate::util::Dir;

/// Statements of each kind that setools counts and our own policy does not have.
const MORE: &str = "\
(boolean b false)
(booleanif b (true (allow t x (file (write)))) (false (dontaudit t x (file (write)))))
(booleanif (not b) (true (allow t t (file (read)))))
(type y)
(typealias z)
(typealiasactual z y)
(typeattribute a)
(typeattributeset a (x y))
(roletype r a)
(role s)
(roletype s x)
(userrole u s)
(roleallow r s)
(roletransition r x file s)
(auditallow t a (file (read)))
(dontaudit t y (file (read)))
(typetransition t x file y)
(typetransition t x file \"name\" y)
(typetransition a y file \"name\" x)
(typechange t x file y)
(typemember t x file y)
(rangetransition t x file ((s0) (s0 (c0))))
(constrain (file (read)) (eq t1 t2))
(mlsconstrain (file (write)) (dom h1 h2))
(validatetrans file (eq u1 u2))
(mlsvalidatetrans file (eq l1 l2))
(typepermissive y)
(typebounds t x)
(defaultuser file source)
(defaulttype file target)
(defaultrange file source low)
(policycap open_perms)
(allow t x (file (write)))
(fsuse xattr ext4 (u r t ((s0) (s0))))
(genfscon proc \"/\" (u r t ((s0) (s0))))
(genfscon proc \"/sys\" (u r t ((s0) (s0))))
(portcon tcp (1 2) (u r t ((s0) (s0))))
(netifcon eth0 (u r t ((s0) (s0))) (u r t ((s0) (s0))))
(nodecon (10.0.0.0) (255.0.0.0) (u r t ((s0) (s0))))
(nodecon (fe80::) (ffff::) (u r t ((s0) (s0))))
(ibpkeycon fe80:: 1 (u r t ((s0) (s0))))
(ibendportcon mlx 1 (u r t ((s0) (s0))))
";

#[test]
fn info_counts_what_seinfo_counts() {
    let test = "info_counts_what_seinfo_counts";
    if !has_secilc() || require(test, "seinfo", program(&["seinfo"])).is_none() {
        return;
    }
    let dir = with_small();
    dir.write("more.cil", MORE);
    let own = own_files();
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    for files in [&["small.cil"][..], &["small.cil", "more.cil"], &own] {
        dir.tool("secilc", &[&["-o", "policy", "-f", "contexts"], files].concat());
        let ours = lines(&dir.ok(&["policy", "info", "policy"]));
        let theirs = theirs(&String::from_utf8(dir.tool("seinfo", &["policy"])).unwrap());
        assert!(theirs.len() > 30, "{theirs:?}");
        for (label, count) in theirs {
            // What the kernel never sees is in no binary policy.
            let is_source_only = label.starts_with("Neverallow");
            assert!(
                is_source_only || ours.get(&label) == Some(&count),
                "{files:?}: {label}: {count}, {ours:?}"
            );
        }
    }
}

#[test]
fn json_has_the_same_numbers() {
    let dir = with_small();
    dir.ok(&["policy", "compile", "small.cil", "-o", "policy", "-U", "reject", "-M", "true"]);
    let shown: Value = serde_json::from_str(&dir.ok(&["policy", "info", "--json", "policy"])).unwrap();
    assert_eq!((&shown["version"], &shown["mls"]), (&33.into(), &true.into()));
    assert_eq!((&shown["target"], &shown["handle_unknown"]), (&"selinux".into(), &"reject".into()));
    assert_eq!((&shown["counts"]["types"], &shown["counts"]["allow"]), (&2.into(), &1.into()));
}

#[test]
fn what_is_no_policy_is_refused_with_the_reason() {
    let dir = Dir::new();
    dir.write("text.cil", SMALL);
    dir.ok(&["policy", "compile", "text.cil", "-o", "policy"]);
    let bytes = fs::read(dir.path("policy")).unwrap();
    dir.write("cut", &bytes[..bytes.len() - 9]);
    dir.write("longer", [&bytes[..], b"x"].concat());
    for (name, reason) in [
        ("text.cil", "no policy"),
        ("cut", "no policy"),
        ("longer", "no policy"),
        ("absent", "absent"),
        ("/dev/zero", "longer"),
    ] {
        let said = dir.fails(2, &["policy", "info", name]);
        assert!(said.contains(reason), "{name}: {said}");
    }
}

/// What libsepol of different releases writes has other bytes, and is given back alike.
#[test]
fn fingerprints_depend_on_the_policy_and_the_kernel_and_not_on_the_file() {
    let dir = Dir::new();
    let own = own_policy();
    let own = own.to_str().unwrap();
    for (name, compat) in [("old", "3.4"), ("new", "3.6")] {
        dir.ok(&["policy", "compile", "--compat", compat, own, "-o", name]);
    }
    assert_ne!(fs::read(dir.path("old")).unwrap(), fs::read(dir.path("new")).unwrap());
    let lines = |kernel| {
        let told = dir.ok(&["policy", "fingerprint", "--kernel", kernel, "old", "new"]);
        let lines = told.lines().map(|line| line.split_once("  ").unwrap());
        lines.map(|(hash, name)| (hash.to_owned(), name.to_owned())).collect::<Vec<_>>()
    };
    let older = lines("6.1.0-56-cloud-amd64");
    assert_eq!([&older[0].1, &older[1].1], ["old", "new"]);
    assert_eq!(older[0].0, older[1].0);
    assert!(older[0].0.len() == 64 && older[0].0.bytes().all(|byte| byte.is_ascii_hexdigit()), "{older:?}");
    let newer = lines("6.12");
    assert_ne!(newer[0].0, older[0].0);
    assert_eq!(dir.ok(&["policy", "fingerprint", "old"]).split_once(' ').unwrap().0, newer[0].0);

    let shown = dir.ok(&["policy", "fingerprint", "--json", "--kernel", "6.1", "old", "new"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["kernel"], &shown["order"]), (&"6.1".into(), &"5.9 to 6.6".into()));
    for (policy, (hash, name)) in shown["policies"].as_array().unwrap().iter().zip(older) {
        assert_eq!((&policy["sha256"], &policy["file"]), (&hash.into(), &name.clone().into()));
        assert_eq!((&policy["version"], &policy["from"]), (&33.into(), &"prediction".into()));
        let length = fs::metadata(dir.path(name)).unwrap().len();
        assert!(policy["bytes"].as_u64().unwrap().abs_diff(length) < length / 10, "{policy}");
    }
}

#[test]
fn what_no_kernel_gives_back_has_no_fingerprint() {
    let dir = with_small();
    dir.ok(&["policy", "compile", "small.cil", "-o", "policy"]);
    let bytes = fs::read(dir.path("policy")).unwrap();
    dir.write("cut", &bytes[..bytes.len() - 9]);
    dir.ok(&["policy", "compile", "small.cil", "-t", "xen", "-c", "30", "-o", "xen"]);
    for (arguments, reasons) in [
        (&["small.cil"][..], &["small.cil", "at byte 0", "not a binary policy"][..]),
        (&["cut"], &["cut", "at byte", "the file ends"]),
        (&["policy", "cut"], &["cut", "at byte"]),
        (&["xen"], &["xen", "for Xen"]),
        (&["absent"], &["absent"]),
        (&["--kernel", "6.8.0", "policy"], &["6.8.0", "5.9 to 6.6"]),
        (&["--kernel", "5.4", "policy"], &["5.4", "5.9 to 6.6"]),
        (&["--kernel", "six", "policy"], &["six", "two numbers"]),
    ] {
        let said = dir.fails(2, &[&["policy", "fingerprint"], arguments].concat());
        for reason in reasons {
            assert!(said.contains(reason), "{arguments:?}: {said}");
        }
    }
}

/// `label: number`, of our lines.
fn lines(text: &str) -> BTreeMap<String, usize> {
    let pair = |line: &str| {
        let (label, number) = line.split_once(':')?;
        Some((label.to_owned(), number.trim().parse().ok()?))
    };
    text.lines().filter_map(pair).collect()
}

/// seinfo has two of them in a line, and other lines above.
fn theirs(text: &str) -> BTreeMap<String, usize> {
    let mut words: Vec<&str> = Vec::new();
    let mut found = BTreeMap::new();
    let counts = text.lines().filter(|line| line.starts_with("  "));
    for word in counts.flat_map(str::split_whitespace) {
        match word.parse() {
            Ok(number) => {
                found.insert(words.join(" ").trim_end_matches(':').to_owned(), number);
                words.clear();
            }
            Err(_) => words.push(word),
        }
    }
    found
}
