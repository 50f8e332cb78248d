//! A policy like those of phones, by the generator that the compiler's tests use too.

#[path = "../../../../selinux-policy/tests/generate/neverallow.rs"]
mod neverallow;
#[expect(dead_code, reason = "it is a part of tests, which use more of it")]
#[path = "../../../../selinux-policy/tests/generate/random.rs"]
mod random;

/// 4,500 promises over 1,700 types and 1,300 attributes, all of them kept.
pub(super) fn neverallow() -> String {
    neverallow::policy(&mut random::Random::new(5), 1_700, 1_300, 4_500)
}
