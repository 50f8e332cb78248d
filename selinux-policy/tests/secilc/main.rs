//! The reference compiler and ours over the same policies: both take them or both refuse them, and what comes out is the
//! same, byte for byte.

#[path = "../generate/mod.rs"]
mod generate;
mod peer;
mod shrink;

use std::env;
use std::ops::RangeInclusive;

use hardpan_selinux_policy::Compat;
use rayon::prelude::*;

use generate::Generated;
use peer::{Outcome, Secilc, ours};

/// The seeds that are tried unless `HARDPAN_POLICY_SEEDS` has others, as in `1000-5000`.
const SEEDS: RangeInclusive<u64> = 1..=300;

#[test]
fn generated_policies_come_out_the_same() {
    let Some(secilc) = Secilc::required("generated policies") else { return };
    let differences: Vec<String> =
        seeds().into_par_iter().filter_map(|seed| difference(&secilc, seed)).collect();
    assert!(differences.is_empty(), "{} differ\n{}", differences.len(), differences.join("\n"));
}

/// Most policies of a generator that is of use are accepted, but not all.
#[test]
fn generated_policies_are_of_both_kinds() {
    let Some(secilc) = Secilc::required("generated policies") else { return };
    let is_accepted = |seed: u64| {
        matches!(secilc.compile(&generate::policy(seed, secilc.is_modern)), Outcome::Accepted { .. })
    };
    let accepted = (1..=60_u64).into_par_iter().filter(|seed| is_accepted(*seed)).count();
    assert!((36..60).contains(&accepted), "{accepted} of 60 accepted");
}

fn seeds() -> RangeInclusive<u64> {
    let Ok(text) = env::var("HARDPAN_POLICY_SEEDS") else { return SEEDS };
    let (first, last) = text.split_once('-').expect("HARDPAN_POLICY_SEEDS is FIRST-LAST");
    first.parse().expect("a number")..=last.parse().expect("a number")
}

/// What both make of a seed's policy, if that differs: with a policy as small as can be of which it is true.
fn difference(secilc: &Secilc, seed: u64) -> Option<String> {
    let generated = generate::policy(seed, secilc.is_modern);
    let (kind, told) = compare(secilc, &generated)?;
    let small = shrink::shrink(&generated, |smaller| {
        compare(secilc, smaller).is_some_and(|(its, _)| its == kind)
    });
    let told = compare(secilc, &small).map_or(told, |(_, told)| told);
    let text: String = small.files.iter().map(|(name, text)| format!(";; {name}\n{text}")).collect();
    let options = small.flags.arguments().join(" ");
    Some(format!("== seed {seed}: {kind}\n{told}\noptions: {options}\n{text}"))
}

/// The kind of difference, and more about it.
fn compare(secilc: &Secilc, generated: &Generated) -> Option<(&'static str, String)> {
    let compat = if secilc.is_modern { Compat::V3_6 } else { Compat::V3_4 };
    match (secilc.compile(generated), ours(generated, compat)) {
        (Outcome::Accepted { policy, contexts }, Outcome::Accepted { policy: own, contexts: own_contexts }) => {
            if policy != own {
                let at = policy.iter().zip(&own).position(|(theirs, ours)| theirs != ours);
                let sizes = (policy.len(), own.len());
                return Some(("policy", format!("at {at:?}, theirs and ours have {sizes:?} bytes")));
            }
            (contexts != own_contexts).then(|| {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                ("contexts", format!("theirs\n{}\nours\n{}", text(&contexts), text(&own_contexts)))
            })
        }
        (Outcome::Accepted { .. }, Outcome::Refused(said)) => Some(("only we refuse", said)),
        (Outcome::Refused(said), Outcome::Accepted { .. }) => Some(("only secilc refuses", said)),
        (Outcome::Refused(_), Outcome::Refused(_)) => None,
    }
}
