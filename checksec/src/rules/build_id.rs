//! Whether a file names the build that it is of.

use hardpan_report::{Evidence, Fix, Judgement, Pillar, RuleMeta, Severity, Toolchain};

use crate::ElfFacts;
use crate::facts::{BuildId, Kind};
use crate::rules::{ElfRule, at, damaged, not_loaded};

/// ELF-017.
#[doc = include_str!("build_id.md")]
pub(super) struct BuildIdRule;

static META: RuleMeta = RuleMeta::new(
    "ELF-017",
    "build-id",
    "Every executable names the build that it is of",
    Pillar::HardenedExecutables,
    Severity::Info,
    include_str!("build_id.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[
    Fix::new(Toolchain::Gcc, "-Wl,--build-id=sha1"),
    Fix::new(Toolchain::Clang, "-Wl,--build-id=sha1"),
    Fix::new(Toolchain::Rustc, "-C link-arg=-Wl,--build-id=sha1"),
    Fix::new(Toolchain::Go, "-ldflags='-B gobuildid'"),
];

impl ElfRule for BuildIdRule {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "BUILD-ID"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        let is_module = facts.kind == Kind::KernelModule;
        if let Some(judgement) = not_loaded(facts.kind).filter(|_| !is_module) {
            return judgement;
        }
        match (&facts.notes.build_id, facts.notes.go_build_id) {
            (Err(error), _) => damaged(error),
            (Ok(Some(id)), _) => of_id(id),
            (Ok(None), Some(offset)) => {
                let evidence = vec![
                    Evidence::new("NT_GNU_BUILD_ID", "none", "a digest"),
                    Evidence::new("NT_GO_BUILD_ID", "one", "").at(at(offset)),
                ];
                Judgement::partial("Go's only", "has Go's own build id, which no debugger looks up", evidence)
            }
            (Ok(None), None) => {
                let evidence = Evidence::new("NT_GNU_BUILD_ID", "none", "a digest");
                Judgement::fail("none", "has no build id", vec![evidence])
            }
        }
    }
}

fn of_id(id: &BuildId) -> Judgement {
    let seen = if id.bytes.is_empty() { "empty".into() } else { id.hex() };
    let evidence = Evidence::new("NT_GNU_BUILD_ID", seen, "").at(at(id.offset));
    if id.bytes.iter().all(|byte| *byte == 0) {
        return Judgement::fail("blank", "its build id is blank", vec![evidence]);
    }
    Judgement::pass("yes", evidence)
}
