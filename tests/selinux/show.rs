//! `hardpan policy info`, beside seinfo.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{SMALL, has_secilc, own_files, with_small};
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
    let bytes = std::fs::read(dir.path("policy")).unwrap();
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
