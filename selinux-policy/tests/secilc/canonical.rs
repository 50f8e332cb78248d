//! Policies that are numbered by their names: the order of files decides nothing, and they mean what others mean.

use std::path::Path;
use std::process::Command;

use hardpan_selinux_policy::diagnostic::Source;
use hardpan_selinux_policy::policydb::{Policy, read, write};
use hardpan_selinux_policy::{Compat, Compiled, Options, compile};
use rayon::prelude::*;

use crate::generate::{self, Generated, Random};
use crate::peer::options;
use crate::peers::has;

#[test]
fn the_order_of_files_decides_nothing() {
    let is_told_apart = (1..=120_u64).into_par_iter().filter_map(|seed| {
        let generated = generate::policy(seed, true);
        let mut files = generated.files.clone();
        Random::new(seed).shuffle(&mut files);
        let shuffled = Generated { files, flags: generated.flags.clone() };
        let (first, second) = (bytes(&canonical(&generated)?), bytes(&canonical(&shuffled).unwrap()));
        assert!(first == second, "seed {seed}: other bytes for another order");
        // As it comes, the order decides.
        let is_shuffled = shuffled.files != generated.files;
        let plain = |generated| Some(bytes(&compiled(generated, &as_it_comes(generated))?).0);
        (is_shuffled && plain(&generated) != plain(&shuffled)).then_some(())
    });
    assert!(is_told_apart.count() > 10, "the orders of too few policies matter");
}

/// Declarations at the start of the first file move all numbers where they are given as things come.
#[test]
fn where_a_statement_stands_decides_nothing() {
    let part = |name: &str| {
        let rule = format!("(dontaudit {name} self (process (fork)))");
        format!("(type {name})(boolean {name}s true)(booleanif {name}s (true {rule}))\n")
    };
    let with = |first: &str, last: &str| {
        let mut policy = own_policy();
        policy.files[0].1.insert_str(0, &part(first));
        policy.files.last_mut().expect("a file").1.push_str(&part(last));
        policy
    };
    let (before, behind) = (with("zebra", "ape"), with("ape", "zebra"));
    let both = [&before, &behind].map(|generated| bytes(&canonical(generated).expect("it compiles")).0);
    assert!(both[0] == both[1], "other bytes for another place");
    let plain = [&before, &behind].map(|it| bytes(&compiled(it, &as_it_comes(it)).expect("it compiles")).0);
    assert!(plain[0] != plain[1]);
}

#[test]
fn numbering_twice_is_numbering_once() {
    for seed in 1..=60 {
        let Some(Compiled { mut policy, .. }) = canonical(&generate::policy(seed, true)) else { continue };
        let before = policy.clone();
        policy.canonicalize();
        policy.arrange(Compat::V3_6);
        assert!(policy == before, "seed {seed}");
    }
}

/// What sediff compares: everything by name.
#[test]
fn the_meaning_stays() {
    if !has("canonical policies", "sediff") {
        return;
    }
    let differences = |seed: u64| {
        let mut generated = generate::policy(seed, false);
        // Its reader knows neither Xen's oldest contexts nor what came after this version.
        (generated.flags.is_xen, generated.flags.version) = (false, Some(33));
        let options = as_it_comes(&generated);
        let plain = compiled(&generated, &options)?;
        let numbered = compiled(&generated, &Options { canonical: true, ..options })?;
        Some((seed, sediff(&plain.policy, &numbered.policy)))
    };
    let compared: Vec<(u64, String)> = (1..=24).into_par_iter().filter_map(differences).collect();
    assert!(compared.len() > 8, "only {} compared", compared.len());
    for (seed, difference) in compared {
        assert!(difference.is_empty(), "seed {seed}\n{difference}");
    }
    // It would tell.
    let own = own_policy();
    let mut other = own.clone();
    other.files[0].1.push_str("(type zebra)\n");
    let [own, other] = [own, other].map(|it| compiled(&it, &as_it_comes(&it)).expect("it compiles"));
    assert!(sediff(&own.policy, &other.policy).contains("zebra"));
}

fn sediff(plain: &Policy, numbered: &Policy) -> String {
    let place = tempfile::tempdir().expect("a directory");
    let paths = [("plain", plain), ("numbered", numbered)].map(|(name, policy)| {
        let path = place.path().join(name);
        std::fs::write(&path, write(policy).expect("it has a version that is written")).expect("a file");
        path
    });
    // It compares names of constraints in the order of Python's sets, which may differ for equal sets; with this seed it
    // does not for any policy here.
    let output = Command::new("sediff").args(paths).env("PYTHONHASHSEED", "0").output().expect("sediff runs");
    // It also speaks of what is odd in one policy; that is no difference.
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn own_policy() -> Generated {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policy");
    let mut files: Vec<(String, String)> = std::fs::read_dir(directory)
        .expect("our policy")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("a file")))
        .collect();
    files.sort();
    Generated { files, flags: generate::Flags::default() }
}

/// The file and the file contexts; what was written reads back as it was.
fn bytes(compiled: &Compiled) -> (Vec<u8>, Vec<u8>) {
    let policy = write(&compiled.policy).expect("it has a version that is written");
    let again = read(&policy).expect("our reader takes what we write");
    assert!(write(&again).expect("it was written before") == policy);
    (policy, compiled.file_contexts.clone())
}

fn canonical(generated: &Generated) -> Option<Compiled> {
    compiled(generated, &Options { canonical: true, ..as_it_comes(generated) })
}

fn as_it_comes(generated: &Generated) -> Options {
    options(&generated.flags, Compat::V3_6)
}

fn compiled(generated: &Generated, options: &Options) -> Option<Compiled> {
    let source = |(name, text): &(String, String)| Source { name: name.clone(), text: text.clone().into() };
    compile(&generated.files.iter().map(source).collect::<Vec<_>>(), options).ok()
}
