//! The rules, each a pure function of the facts, in a file of its own beside its page.

mod bind_now;
mod branch_protection;
mod build_flags;
mod build_id;
mod cet;
mod cfi;
mod fortify;
mod nx;
mod pie;
mod relro;
mod rpath;
mod safe_stack;
mod separate_code;
mod stack_clash;
mod stack_protector;
mod symbols;
mod textrel;
mod told;
mod well_formed;
mod wx;

use hardpan_report::{Evidence, Judgement, Location, RuleMeta};

use crate::facts::Kind;
use crate::{ElfError, ElfFacts};

/// A rule about one ELF file.
pub trait ElfRule: Sync {
    /// What is known of it beforehand.
    fn meta(&self) -> &'static RuleMeta;

    /// The heading of its column: at most ten characters.
    fn column(&self) -> &'static str;

    /// Judges one file. Places in the evidence have the offset only: the path is the caller's to add.
    fn judge(&self, facts: &ElfFacts) -> Judgement;
}

/// Every rule, by id.
pub static RULES: &[&dyn ElfRule] = &[
    &relro::Relro,
    &bind_now::BindNow,
    &pie::Pie,
    &nx::Nx,
    &stack_protector::StackProtector,
    &fortify::Fortify,
    &rpath::Rpath,
    &textrel::Textrel,
    &wx::Wx,
    &well_formed::WellFormed,
    &cet::Cet,
    &branch_protection::BranchProtection,
    &stack_clash::StackClash,
    &cfi::Cfi,
    &safe_stack::SafeStack,
    &symbols::Symbols,
    &build_id::BuildIdRule,
    &separate_code::SeparateCode,
    &build_flags::BuildFlags,
];

/// The place of a rule that judges a whole file's form; what keeps a file from being read at all is reported under it.
pub(crate) const WELL_FORMED: &str = "ELF-010";

/// A byte of the file that is being judged.
fn at(offset: u64) -> Location {
    Location::offset(Vec::new(), offset)
}

/// A part that the rule needs cannot be read.
fn damaged(error: &ElfError) -> Judgement {
    let evidence = Evidence::new("damage", error.to_string(), "").at(at(error.offset()));
    Judgement::unknown(error.cause(), "unknown", error.to_string()).with(evidence)
}

/// What a rule about loaded code says of a file that is none; `None` if it is.
fn not_loaded(kind: Kind) -> Option<Judgement> {
    let reason = match kind {
        Kind::KernelModule => "the kernel links modules itself and sets their pages' permissions",
        Kind::Object => "an object file is not loaded; what it is linked into is judged",
        Kind::Bpf => "the kernel checks BPF programs itself and runs them on a stack of its own",
        Kind::Core => "a core dump is data",
        Kind::Debug => "a debug file has no code; the file that it was split from is judged",
        Kind::Other => "neither kernel nor loader takes a file of this type",
        _ => return None,
    };
    Some(Judgement::not_applicable("n/a", reason))
}
