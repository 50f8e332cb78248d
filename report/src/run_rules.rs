//! Rules about the run itself: was everything read, and does the policy still mean what it says?

use crate::{RuleMeta, Severity};

/// Everything in the subject could be read.
pub static EVERYTHING_READ: RuleMeta = RuleMeta::about_the_run(
    "RUN-001",
    "everything-read",
    "Everything in the subject could be read",
    Severity::High,
    include_str!("rules/everything_read.md"),
);

/// No waiver has expired.
pub static WAIVER_EXPIRED: RuleMeta = RuleMeta::about_the_run(
    "RUN-002",
    "waiver-expired",
    "No waiver has expired",
    Severity::High,
    include_str!("rules/waiver_expired.md"),
);

/// Every waiver covers something.
pub static WAIVER_UNUSED: RuleMeta = RuleMeta::about_the_run(
    "RUN-003",
    "waiver-unused",
    "Every waiver covers a finding",
    Severity::Medium,
    include_str!("rules/waiver_unused.md"),
);

/// Every section of the policy is about something.
pub static SECTION_UNUSED: RuleMeta = RuleMeta::about_the_run(
    "RUN-004",
    "section-unused",
    "Every section of the policy matches a file",
    Severity::Medium,
    include_str!("rules/section_unused.md"),
);

/// All of them.
pub static RUN_RULES: &[&RuleMeta] = &[&EVERYTHING_READ, &WAIVER_EXPIRED, &WAIVER_UNUSED, &SECTION_UNUSED];
