//! Kernel rules as data, and the pages made from them.

mod catalogue;
mod describe;
mod range;
mod sample;
mod test;

use std::sync::Arc;

use hardpan_report::{Page, Pillar, RuleMeta, Severity};
use serde::Deserialize;

use crate::Arch;
pub use catalogue::{rules, rules_of};
use describe::Prose;
pub use range::{KernelRange, KernelVersion};
pub use sample::{Sample, Samples};
pub use test::{IfAbsent, Test};

/// One rule.
#[derive(Debug)]
pub struct KernelRule {
    /// What is known of it beforehand; the page is made from the data.
    pub meta: RuleMeta,
    /// The least strict profile that it is in.
    pub profile: Profile,
    /// The architectures that it is about; every one if there are none.
    pub arch: Vec<Arch>,
    /// The versions of the kernel that it is about.
    pub kernel: KernelRange,
    /// Where it applies: all of these hold.
    pub when: Arc<[Test]>,
    /// What is wanted: one of these must hold.
    pub any: Arc<[Test]>,
    /// Facts on which it is known what it says. Rules that are built in come without, since only tests ask for them.
    pub samples: Samples,
}

impl KernelRule {
    /// Reads one rule, as it stands behind `[[rule]]` in a file of the catalogue. An error has the place in the text.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str::<RawRule>(text).map(Self::from)
    }

    /// Every test of it, at whatever depth.
    pub fn tests(&self) -> Vec<&Test> {
        let mut all = Vec::new();
        for test in self.when.iter().chain(&*self.any) {
            test.walk(&mut |test| all.push(test));
        }
        all
    }
}

/// A set of rules. Each contains the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// What every host should have; what `audit` judges.
    #[default]
    Base,
    /// What a host that is built for its purpose can have.
    Recommended,
    /// What costs something that not every host can pay.
    Strict,
}

impl Profile {
    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Recommended => "recommended",
            Self::Strict => "strict",
        }
    }
}

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawRule {
    id: String,
    name: String,
    title: String,
    severity: Severity,
    #[serde(default = "base")]
    profiles: Vec<Profile>,
    #[serde(default)]
    arch: Vec<Arch>,
    #[serde(default)]
    kernel: KernelRange,
    #[serde(default)]
    when: Vec<Test>,
    any: Vec<Test>,
    why: String,
    /// How it is judged, where there is more to say than what holds for all.
    #[serde(default)]
    judged: Option<String>,
    fix: String,
    #[serde(default)]
    breaks: Option<String>,
    #[serde(default)]
    cost: Option<String>,
    sources: Vec<String>,
    #[serde(default)]
    pass: Option<Sample>,
    #[serde(default)]
    fail: Option<Sample>,
    #[serde(default)]
    not_applicable: Option<Sample>,
}

fn base() -> Vec<Profile> {
    vec![Profile::Base]
}

impl From<RawRule> for KernelRule {
    fn from(raw: RawRule) -> Self {
        let (when, any): (Arc<[Test]>, Arc<[Test]>) = (raw.when.into(), raw.any.into());
        // Without a profile it would be in none, which a test of the catalogue refuses.
        let profile = raw.profiles.iter().copied().min().unwrap_or_default();
        let prose = Prose {
            title: raw.title.clone(),
            profiles: raw.profiles,
            arch: raw.arch.clone(),
            kernel: raw.kernel.clone(),
            when: Arc::clone(&when),
            any: Arc::clone(&any),
            why: raw.why,
            judged: raw.judged,
            fix: raw.fix,
            breaks: raw.breaks,
            cost: raw.cost,
            sources: raw.sources,
        };
        Self {
            meta: RuleMeta {
                id: raw.id.into(),
                name: raw.name.into(),
                title: raw.title.into(),
                pillar: Some(Pillar::KernelLockdown),
                severity: raw.severity,
                page: Page::Made(Arc::new(prose)),
                fixes: &[],
            },
            profile,
            arch: raw.arch,
            kernel: raw.kernel,
            when,
            any,
            samples: Samples { pass: raw.pass, fail: raw.fail, not_applicable: raw.not_applicable },
        }
    }
}
