//! The reference compiler and ours over the same policies: both take them or both refuse them, and what comes out is the
//! same, byte for byte.

mod canonical;
#[path = "../generate/mod.rs"]
mod generate;
mod peer;
#[path = "../support/peers.rs"]
mod peers;
mod shrink;

use std::env;
use std::ops::RangeInclusive;

use hardpan_selinux_policy::Compat;
use rayon::prelude::*;

use generate::Generated;
use peer::{Outcome, Secilc, ours};

/// The seeds that are tried unless `HARDPAN_POLICY_SEEDS` has others, as in `1000-5000`.
const SEEDS: RangeInclusive<u64> = 1..=300;

/// As many differences are made small and told; the seeds of all are.
const TOLD: usize = 8;

#[test]
fn generated_policies_come_out_the_same() {
    let Some(secilc) = Secilc::required("generated policies") else { return };
    let find = |seed: u64| {
        let generated = generate::policy(seed, secilc.is_modern);
        let (kind, told) = compare(&secilc, &generated)?;
        Some(Difference { seed, kind, told, generated })
    };
    let differences: Vec<Difference> = seeds().into_par_iter().filter_map(find).collect();
    let seeds: Vec<u64> = differences.iter().map(|difference| difference.seed).collect();
    let told: Vec<String> = first_of_each(&differences).map(|difference| difference.tell(&secilc)).collect();
    assert!(differences.is_empty(), "{} differ: {seeds:?}\n{}", seeds.len(), told.join("\n"));
}

/// Most policies of a generator that is of use are accepted, but not all.
#[test]
fn generated_policies_are_of_both_kinds() {
    let Some(secilc) = Secilc::required("generated policies") else { return };
    let refusal = |seed: u64| match secilc.compile(&generate::policy(seed, secilc.is_modern)) {
        Outcome::Accepted { .. } => None,
        Outcome::Refused(said) | Outcome::Died(said) => {
            Some(format!("seed {seed}: {}", said.trim_start().lines().next().unwrap_or_default()))
        }
    };
    let refusals: Vec<String> = (1..=60_u64).into_par_iter().filter_map(refusal).collect();
    let accepted = 60 - refusals.len();
    assert!((36..60).contains(&accepted), "{accepted} of 60 accepted\n{}", refusals.join("\n"));
}

fn seeds() -> RangeInclusive<u64> {
    let Ok(text) = env::var("HARDPAN_POLICY_SEEDS") else { return SEEDS };
    let (first, last) = text.split_once('-').expect("HARDPAN_POLICY_SEEDS is FIRST-LAST");
    first.parse().expect("a number")..=last.parse().expect("a number")
}

/// What both make of a seed's policy.
struct Difference {
    seed: u64,
    kind: &'static str,
    told: String,
    generated: Generated,
}

impl Difference {
    /// With a policy that is as small as can be.
    fn tell(&self, secilc: &Secilc) -> String {
        let Self { seed, kind, told, generated } = self;
        let gist = gist(told);
        let small = shrink::shrink(generated, |smaller| {
            compare(secilc, smaller).is_some_and(|(its, told)| its == *kind && self::gist(&told) == gist)
        });
        let told = compare(secilc, &small).map_or_else(|| told.clone(), |(_, told)| told);
        let text: Vec<String> = small.files.iter().map(|(name, text)| format!(";; {name}\n{text}")).collect();
        format!(
            "== seed {seed}: {kind}\n{told}\noptions: {}\n{}",
            small.flags.arguments().join(" "),
            text.concat()
        )
    }
}

/// The first word of what was said, which tells faults apart.
fn gist(told: &str) -> &str {
    told.split_whitespace().next().unwrap_or_default()
}

fn first_of_each(differences: &[Difference]) -> impl Iterator<Item = &Difference> {
    let is_new = |(place, difference): &(usize, &Difference)| {
        let same = |before: &Difference| {
            before.kind == difference.kind && gist(&before.told) == gist(&difference.told)
        };
        !differences[..*place].iter().any(same)
    };
    differences.iter().enumerate().filter(is_new).map(|(_, difference)| difference).take(TOLD)
}

/// The kind of difference, and more about it.
fn compare(secilc: &Secilc, generated: &Generated) -> Option<(&'static str, String)> {
    let compat = if secilc.is_modern { Compat::V3_6 } else { Compat::V3_4 };
    match (secilc.compile(generated), ours(generated, compat)) {
        (
            Outcome::Accepted { policy, contexts },
            Outcome::Accepted { policy: own, contexts: own_contexts },
        ) => {
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
        (_, Outcome::Died(said)) => Some(("we panic", said)),
        // The reference compiler is not what is tested.
        (Outcome::Refused(_), Outcome::Refused(_)) | (Outcome::Died(_), _) => None,
    }
}

/// Thousands of promises that are kept, and then each of several rules that break some.
#[test]
fn promises_are_judged_alike() {
    let Some(secilc) = Secilc::required("promises") else { return };
    let kept = generate::with_promises(3, 160, 90, 80);
    assert!(matches!(secilc.compile(&kept), Outcome::Accepted { .. }));
    assert_eq!(compare(&secilc, &kept), None);
    let text = kept.files[0].1.clone();
    let first =
        |keyword: &str| text.lines().find(|line| line.starts_with(keyword)).expect("a promise").to_owned();
    // The rules that the promises name, and one that is none of what any names.
    let breaking = [
        first("(neverallow ").replace("neverallow", "allow"),
        first("(neverallowx ").replace("neverallowx", "allowx"),
        "(allow a1 self (file (read)))".to_owned(),
    ];
    let broken = breaking.into_par_iter().map(|rule| {
        let mut broken = kept.clone();
        // For an allowx to count, there must be an allow of the same types.
        let base = rule
            .replace("(allowx", "(allow")
            .replace("(ioctl ", "(")
            .replace("((range 0x6000 0x7fff))", "(ioctl)");
        broken.files[0].1.push_str(&[&rule, "\n", &base, "\n"].concat());
        let is_refused = matches!(secilc.compile(&broken), Outcome::Refused(_));
        (is_refused, compare(&secilc, &broken))
    });
    assert_eq!(broken.collect::<Vec<_>>(), [(true, None), (true, None), (false, None)]);
}
