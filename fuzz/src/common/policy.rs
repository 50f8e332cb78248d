//! Policies of the generator that the tests of the compiler compare it with the reference by.

use hardpan_selinux_policy::diagnostic::Source;
use hardpan_selinux_policy::ir::HandleUnknown;
use hardpan_selinux_policy::policydb::{Compat, Policy, Target, fingerprint, read, readback, write};
use hardpan_selinux_policy::policydb::{Kernel, avtab::Conditional};
use hardpan_selinux_policy::{Compiled, Options, compile, info};

#[path = "../../../selinux-policy/tests/generate/mod.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod generate;

use generate::Flags;
pub(crate) use generate::Random;

/// The generated policy of a seed, and the options that belong to it.
pub(crate) fn generated(seed: u64) -> (Vec<Source>, Options) {
    let policy = generate::policy(seed, seed % 2 == 1);
    let source = |(name, text): (String, String)| Source { name, text: text.into_bytes() };
    let options = options(&policy.flags, seed);
    (policy.files.into_iter().map(source).collect(), options)
}

fn options(flags: &Flags, seed: u64) -> Options {
    let default = Options::default();
    Options {
        version: flags.version.unwrap_or(default.version),
        target: if flags.is_xen { Target::Xen } else { Target::Selinux },
        compat: if seed % 2 == 1 { Compat::V3_6 } else { Compat::V3_4 },
        mls: flags.mls,
        handle_unknown: flags.handle_unknown.and_then(|action| match action {
            "allow" => Some(HandleUnknown::Allow),
            "deny" => Some(HandleUnknown::Deny),
            "reject" => Some(HandleUnknown::Reject),
            _ => None,
        }),
        disable_dontaudit: flags.disable_dontaudit,
        disable_neverallow: flags.disable_neverallow,
        preserve_tunables: flags.preserve_tunables,
        multiple_declarations: flags.multiple_declarations,
        qualified_names: false,
        expand_generated: flags.expand_generated,
        expand_size: flags.expand_size.unwrap_or(default.expand_size),
        optimize: flags.optimize,
        canonical: seed % 4 == 3,
    }
}

/// The binary policies of the first seeds that have one.
pub(crate) fn binaries(count: usize) -> Vec<Vec<u8>> {
    let policies = (1..).map(generated).filter_map(|(sources, options)| {
        let compiled = compile(&sources, &options).ok()?;
        write(&compiled.policy).ok().filter(|bytes| read(bytes).is_ok())
    });
    policies.take(count).collect()
}

/// How many rules a policy has, conditional ones too.
pub(crate) fn rules(policy: &Policy) -> usize {
    let of = |it: &Conditional| it.then.len() + it.otherwise.len();
    policy.avtab.len() + policy.conditionals.iter().map(of).sum::<usize>()
}

/// Checks what holds for every policy that was read: it comes back the same, and everything that is made of it can be made.
pub(crate) fn holds(policy: &Policy, bytes: &[u8]) {
    let told = info::info(policy);
    assert!(told.counts.iter().all(|count| count.count <= bytes.len()), "more things than bytes: {told:?}");
    let Ok(written) = write(policy) else {
        assert!(policy.version < 24, "version {} can be written", policy.version);
        return;
    };
    // Before version 33 transitions by file name are not grouped by their keys, so that the bytes may be other ones.
    let differs = written.iter().zip(bytes).position(|(ours, theirs)| ours != theirs);
    assert!(
        written == bytes || policy.version < 33,
        "version {}: {} bytes became {}, other ones from {differs:?} on",
        policy.version,
        bytes.len(),
        written.len()
    );
    assert_eq!(read(&written).as_ref(), Ok(policy), "what was written reads as something else");
    for kernel in [Kernel::V5_9, Kernel::V6_10] {
        let back = write(&readback(policy, kernel)).expect("the version is the same");
        let read = read(&back).expect("a kernel takes what one gives back");
        // Each kernel turns the extended permissions of one key around, so that every second one gives back the same.
        let again = readback(&readback(&read, kernel), kernel);
        assert!(write(&again).is_ok_and(|again| again == back), "two kernels further it is another one");
        fingerprint(policy, kernel).expect("it was written just now");
    }
    optimizes(policy.clone());
}

/// Checks that `-O` leaves a policy that is read again, and adds nothing.
pub(crate) fn optimizes(mut policy: Policy) {
    let before = rules(&policy);
    policy.arrange(Compat::V3_6);
    policy.optimize();
    assert!(rules(&policy) <= before, "{before} rules became {}", rules(&policy));
    let written = write(&policy).expect("it could be written before");
    assert_eq!(read(&written).as_ref(), Ok(&policy), "the optimized policy reads as something else");
}

/// Checks what holds for every policy that was compiled.
pub(crate) fn compiled(compiled: &Compiled) -> Option<Vec<u8>> {
    let bytes = write(&compiled.policy).ok()?;
    match read(&bytes) {
        Ok(policy) => holds(&policy, &bytes),
        // Contexts of initial SIDs that cannot be are taken as the reference compiler takes them, but not in silence.
        Err(error) => assert!(
            error.structure == "context of an initial SID" && !compiled.warnings.is_empty(),
            "our own reader refuses what was compiled: {error}"
        ),
    }
    Some(bytes)
}
