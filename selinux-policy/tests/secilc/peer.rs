//! Both compilers.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::process::Command;

use hardpan_selinux_policy::diagnostic::{Source, render};
use hardpan_selinux_policy::ir::HandleUnknown;
use hardpan_selinux_policy::policydb::{Target, write};
use hardpan_selinux_policy::{Compat, Options, compile};

use crate::generate::{Flags, Generated};
use crate::peers::has;

/// What a compiler made of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted {
        policy: Vec<u8>,
        contexts: Vec<u8>,
    },
    /// With what it said.
    Refused(String),
    /// It came to an end that no input should bring it to, with what it said.
    Died(String),
}

/// The reference compiler.
pub(crate) struct Secilc {
    /// Whether it takes what came after 3.5.
    pub(crate) is_modern: bool,
}

impl Secilc {
    /// `None` where it is not there and need not be.
    pub(crate) fn required(test: &str) -> Option<Self> {
        has(test, "secilc").then(|| {
            let unknown = Self { is_modern: false };
            let mut probe = crate::generate::with_promises(1, 8, 4, 0);
            let plain = unknown.compile(&probe);
            assert!(matches!(plain, Outcome::Accepted { .. }), "{plain:?}");
            probe.files[0].1.push_str("(deny t0 t1 (process (all)))\n");
            Self { is_modern: matches!(unknown.compile(&probe), Outcome::Accepted { .. }) }
        })
    }

    #[expect(clippy::unused_self, reason = "that there is one shows that the program is there")]
    pub(crate) fn compile(&self, generated: &Generated) -> Outcome {
        let place = tempfile::tempdir().expect("a directory");
        for (name, text) in &generated.files {
            fs::write(place.path().join(name), text).expect("a file");
        }
        let mut command = Command::new("secilc");
        command.args(generated.flags.arguments()).args(["-o", "policy", "-f", "contexts"]);
        let output = command
            .args(generated.files.iter().map(|(name, _)| name))
            .current_dir(place.path())
            .output()
            .expect("secilc runs");
        if output.status.success() {
            let read = |name: &str| fs::read(Path::new(place.path()).join(name)).expect("secilc wrote it");
            return Outcome::Accepted { policy: read("policy"), contexts: read("contexts") };
        }
        let is_dead = output.status.code().is_none();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        if is_dead { Outcome::Died(said) } else { Outcome::Refused(said) }
    }
}

/// Ours.
pub(crate) fn ours(generated: &Generated, compat: Compat) -> Outcome {
    let sources: Vec<Source> = generated
        .files
        .iter()
        .map(|(name, text)| Source { name: name.clone(), text: text.clone().into_bytes() })
        .collect();
    let compiled = match catch_unwind(|| compile(&sources, &options(&generated.flags, compat))) {
        Err(panic) => {
            let told = panic.downcast_ref::<String>().cloned();
            return Outcome::Died(told.unwrap_or_else(|| "without a word".to_owned()));
        }
        Ok(Ok(compiled)) => compiled,
        Ok(Err(failure)) => {
            let told = failure.diagnostics.iter().map(|diagnostic| render(diagnostic, &sources));
            return Outcome::Refused(told.collect());
        }
    };
    match write(&compiled.policy) {
        Ok(policy) => Outcome::Accepted { policy, contexts: compiled.file_contexts },
        Err(error) => Outcome::Refused(error.to_string()),
    }
}

pub(crate) fn options(flags: &Flags, compat: Compat) -> Options {
    let default = Options::default();
    Options {
        version: flags.version.unwrap_or(default.version),
        target: if flags.is_xen { Target::Xen } else { Target::Selinux },
        compat,
        mls: flags.mls,
        handle_unknown: flags.handle_unknown.map(|action| match action {
            "allow" => HandleUnknown::Allow,
            "deny" => HandleUnknown::Deny,
            _ => HandleUnknown::Reject,
        }),
        disable_dontaudit: flags.disable_dontaudit,
        disable_neverallow: flags.disable_neverallow,
        preserve_tunables: flags.preserve_tunables,
        qualified_names: flags.qualified_names,
        multiple_declarations: flags.multiple_declarations,
        expand_generated: flags.expand_generated,
        expand_size: flags.expand_size.unwrap_or(default.expand_size),
        optimize: flags.optimize,
        canonical: false,
    }
}
