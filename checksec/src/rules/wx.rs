//! Whether any segment is mapped writable and executable.

use hardpan_report::{Evidence, Fix, Judgement, Pillar, RuleMeta, Severity, Toolchain};
use object::elf::PT_LOAD;

use crate::ElfFacts;
use crate::rules::{ElfRule, at, not_loaded};

/// ELF-009.
#[doc = include_str!("wx.md")]
pub(super) struct Wx;

static META: RuleMeta = RuleMeta::new(
    "ELF-009",
    "wx-segments",
    "No memory is writable and executable at once",
    Pillar::HardenedExecutables,
    Severity::High,
    include_str!("wx.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[
    Fix::new(Toolchain::Gcc, "-Wl,-z,separate-code"),
    Fix::new(Toolchain::Clang, "-Wl,-z,separate-code"),
    Fix::new(Toolchain::Rustc, "-C link-arg=-Wl,-z,separate-code"),
];

impl ElfRule for Wx {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "W^X"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        if let Some(judgement) = not_loaded(facts.kind) {
            return judgement;
        }
        let loads = facts.segments.of(PT_LOAD);
        let bad: Vec<_> = loads
            .filter(|(_, load)| load.is_writable() && load.is_executable())
            .map(|(offset, load)| {
                let seen = format!("writable and executable at {:#x}", load.address);
                Evidence::new("PT_LOAD", seen, "PF_W or PF_X, not both").at(at(offset))
            })
            .collect();
        let count = facts.segments.of(PT_LOAD).count();
        match bad.len() {
            0 => Judgement::pass(
                "yes",
                Evidence::new("PT_LOAD", format!("{count}, none with PF_W and PF_X"), ""),
            ),
            bad_count => {
                let message = format!("{bad_count} of {count} segments are writable and executable");
                Judgement::fail("no", message, bad)
            }
        }
    }
}
