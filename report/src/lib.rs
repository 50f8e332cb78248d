//! What Hardpan says: outcomes, findings, rules' metadata, the gate, and the renderers.
//!
//! Mechanism crates return typed facts; rule crates turn facts into [`Verdict`]s; [`sink::judge`] applies the user's
//! policy once; the renderers in [`render`] are pure views of the resulting [`Report`]. Nothing flows back.

pub mod baseline;
pub mod diff;
mod escape;
mod finding;
mod model;
mod outcome;
mod pillar;
pub mod policy;
mod processes;
pub mod render;
mod roots;
mod rule;
mod run_rules;
pub mod section;
pub mod sink;

pub use escape::{BytePath, escape, escape_str};
pub use finding::{Evidence, Finding, Judgement, Location, Tally, Verdict};
pub use model::{
    Cell, Column, Coverage, Disposition, FileTraits, Gate, Judged, Language, LanguageShare, Matrix,
    PillarResult, Problem, Report, Row, RuleResult, Subject, Tool, Totals,
};
pub use outcome::{Cause, Confidence, Outcome, Severity};
pub use pillar::Pillar;
pub use processes::{ProcessRow, ProcessTable};
pub use roots::Roots;
pub use rule::{Fix, MadePage, PAGE_SECTIONS, Page, RuleMeta, Toolchain};
pub use run_rules::{EVERYTHING_READ, RUN_RULES, SECTION_UNUSED, WAIVER_EXPIRED, WAIVER_UNUSED};
