//! Every rule on the facts.

use hardpan_lockdown::{Profile, rules_of};
use hardpan_report::{RuleMeta, Verdict};
use rayon::prelude::*;

use crate::{Facts, RULES};

/// What every rule of an audit says: the audit's own, the kernel's and the executables'.
pub fn judge(facts: &Facts<'_>) -> Vec<(&'static RuleMeta, Verdict)> {
    let mut verdicts: Vec<(&'static RuleMeta, Verdict)> =
        RULES.par_iter().map(|rule| (&rule.meta, (rule.check)(&facts.context))).collect();
    verdicts.extend(facts.context.kernel.judge(rules_of(Profile::Base)));
    verdicts.extend(hardpan_checksec::verdicts(&facts.scan));
    verdicts
}

/// The metadata of every rule of an audit.
pub fn rules() -> Vec<&'static RuleMeta> {
    let mut all: Vec<&'static RuleMeta> = RULES.iter().map(|rule| &rule.meta).collect();
    all.extend(rules_of(Profile::Base).map(|rule| &rule.meta));
    all.extend(hardpan_checksec::rules::RULES.iter().map(|rule| rule.meta()));
    all
}
