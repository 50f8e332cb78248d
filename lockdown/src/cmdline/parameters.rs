//! What the kernel makes of several words of one name, for parameters that rules ask for.
//!
//! From the kernel's source, Linux 5.4 to 6.18: how each is registered (`early_param`, `__setup`, `module_param`, `core_param`, or
//! a search of the text with `cmdline_find_option`), and what its function does when it is called again.

use super::Word;

/// How words of one name add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// Each replaces what was before.
    Last,
    /// It can be raised and not lowered.
    Max,
    /// Each counts, beside those before.
    All,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What `kstrtobool` takes; other values are refused and change nothing.
    Bool,
    /// Anything else.
    Text,
}

/// When the kernel reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before a boot configuration is read, so that one there has no effect.
    Early,
    /// Afterwards.
    Late,
}

/// What is known of a parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name, with `_` or `-` as the source has it.
    pub name: &'static str,
    /// When it is read.
    pub stage: Stage,
    /// How its words add up.
    pub merge: Merge,
    /// What its value is.
    pub kind: Kind,
}

impl Parameter {
    /// What is known of one; most parameters are read late and replace each other.
    pub fn named(name: &str) -> Self {
        let wanted = Word { name: name.to_owned(), value: None, for_kernel: true };
        let known = PARAMETERS.iter().find(|parameter| wanted.is(parameter.name));
        known.copied().unwrap_or(late("", Kind::Text))
    }

    /// Whether it is one of those whose semantics are known here.
    pub fn is_known(name: &str) -> bool {
        !Self::named(name).name.is_empty()
    }

    /// The words that make up what the kernel has in the end: the last that it accepts, the highest, or all of them.
    pub fn in_force<'w>(&self, words: &[&'w Word]) -> Vec<&'w Word> {
        let accepted =
            || words.iter().copied().filter(|word| self.kind == Kind::Text || self.truth_of(word).is_some());
        match self.merge {
            Merge::All => accepted().collect(),
            Merge::Last => accepted().next_back().into_iter().collect(),
            Merge::Max => accepted()
                .rfind(|word| self.truth_of(word) == Some(true))
                .or(accepted().next_back())
                .into_iter()
                .collect(),
        }
    }

    /// Whether a value is one of those that are wanted. Truth values are compared as such, however they are written.
    pub fn accepts(&self, value: &str, wanted: &str) -> bool {
        value == wanted
            || (self.kind == Kind::Bool
                && truth_or_bare(value).is_some()
                && truth_or_bare(value) == truth_or_bare(wanted))
    }

    fn truth_of(&self, word: &Word) -> Option<bool> {
        match &word.value {
            Some(value) => truth(value),
            None => self.takes_bare_name().then_some(true),
        }
    }

    /// Whether the bare name stands for true: `param_set_bool` of modules takes it so, `kstrtobool` of an `early_param` refuses
    /// it, and a `__setup` with `=` in its name is not even called.
    fn takes_bare_name(&self) -> bool {
        self.stage == Stage::Late && self.name.contains('.')
    }
}

/// A bare name that was taken stands for true.
fn truth_or_bare(value: &str) -> Option<bool> {
    if value.is_empty() { Some(true) } else { truth(value) }
}

/// A truth value as `kstrtobool` reads it: by the first letter, or by two after an `o`.
pub(crate) fn truth(text: &str) -> Option<bool> {
    let mut letters = text.chars().map(|letter| letter.to_ascii_lowercase());
    match (letters.next()?, letters.next()) {
        ('y' | 't' | '1', _) | ('o', Some('n')) => Some(true),
        ('n' | 'f' | '0', _) | ('o', Some('f')) => Some(false),
        _ => None,
    }
}

const fn early(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, stage: Stage::Early, merge: Merge::Last, kind }
}

const fn late(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, stage: Stage::Late, merge: Merge::Last, kind }
}

const fn all(name: &'static str, stage: Stage) -> Parameter {
    Parameter { name, stage, merge: Merge::All, kind: Kind::Text }
}

use Kind::{Bool, Text};

/// By name. None of them keeps its first word, so that there is no such way to merge.
const PARAMETERS: &[Parameter] = &[
    early("acpi", Text),
    early("acpi_rsdp", Text),
    all("amd_iommu", Stage::Late),
    late("apparmor", Text),
    late("arm-smmu.disable_bypass", Bool),
    early("arm64.nobti", Text),
    early("arm64.nogcs", Text),
    early("arm64.nomte", Text),
    early("arm64.nopauth", Text),
    late("audit", Text),
    late("audit_backlog_limit", Text),
    late("bdev_allow_write_mounted", Bool),
    early("cfi", Text),
    late("checkreqprot", Text),
    early("clearcpuid", Text),
    all("console", Stage::Late),
    all("crashkernel", Stage::Early),
    early("debug_pagealloc", Bool),
    early("debugfs", Text),
    early("dis_ucode_ldr", Text),
    late("dm_verity.require_signatures", Bool),
    all("earlycon", Stage::Early),
    early("earlyprintk", Text),
    all("efi", Stage::Early),
    late("efivar_ssdt", Text),
    late("enforcing", Text),
    late("evm", Text),
    late("fail_futex", Text),
    late("fail_make_request", Text),
    late("fail_page_alloc", Text),
    late("failslab", Text),
    late("ftrace", Text),
    late("ftrace_filter", Text),
    early("gather_data_sampling", Text),
    late("hardened_usercopy", Bool),
    early("hash_pointers", Text),
    late("hibernate", Text),
    early("ia32_emulation", Bool),
    late("ibt", Text),
    late("ima_appraise", Text),
    late("ima_hash", Text),
    early("indirect_target_selection", Text),
    early("init_on_alloc", Bool),
    early("init_on_free", Bool),
    all("initcall_blacklist", Stage::Late),
    all("intel_iommu", Stage::Late),
    late("iomem", Text),
    all("iommu", Stage::Early),
    early("iommu.passthrough", Bool),
    early("iommu.strict", Bool),
    late("ipe.enforce", Bool),
    early("kasan", Text),
    late("kfence.sample_interval", Text),
    early("kgdbcon", Text),
    early("kgdbdbgp", Text),
    early("kgdboc", Text),
    early("kgdbwait", Text),
    late("kprobe_event", Text),
    early("kpti", Bool),
    late("kvm.nx_huge_pages", Text),
    early("l1d_flush", Text),
    early("l1tf", Text),
    late("loadpin.enforce", Text),
    Parameter { name: "lockdown", stage: Stage::Early, merge: Merge::Max, kind: Text },
    late("lsm", Text),
    late("mce", Text),
    early("mds", Text),
    early("microcode", Text),
    early("mitigations", Text),
    early("mmio_stale_data", Text),
    Parameter { name: "module.sig_enforce", stage: Stage::Late, merge: Merge::Max, kind: Bool },
    late("msr.allow_writes", Text),
    late("no_file_caps", Text),
    early("no_hash_pointers", Text),
    early("no_stf_barrier", Text),
    late("noexec32", Text),
    late("nohibernate", Text),
    early("nokaslr", Text),
    late("nomce", Text),
    late("nopku", Text),
    early("nopti", Text),
    late("norandmaps", Text),
    early("nosmap", Text),
    early("nosmep", Text),
    early("nosmt", Text),
    early("nospec_store_bypass_disable", Text),
    early("nospectre_bhb", Text),
    early("nospectre_v1", Text),
    early("nospectre_v2", Text),
    early("nousershstk", Text),
    early("oops", Text),
    late("page_alloc.shuffle", Bool),
    early("page_owner", Bool),
    early("page_poison", Bool),
    early("page_table_check", Bool),
    late("panic", Text),
    late("phram.phram", Text),
    early("proc_mem.force_override", Text),
    early("pti", Text),
    early("random.trust_bootloader", Bool),
    early("random.trust_cpu", Bool),
    early("randomize_kstack_offset", Bool),
    early("reg_file_data_sampling", Text),
    early("retbleed", Text),
    early("rodata", Text),
    late("secretmem.enable", Bool),
    late("security", Text),
    late("selinux", Text),
    late("slab_common.usercopy_fallback", Bool),
    late("slab_debug", Text),
    late("slab_merge", Text),
    late("slab_nomerge", Text),
    late("slram", Text),
    late("slub_debug", Text),
    late("slub_merge", Text),
    late("slub_nomerge", Text),
    early("spec_rstack_overflow", Text),
    early("spec_store_bypass_disable", Text),
    early("spectre_bhi", Text),
    early("spectre_v2", Text),
    early("spectre_v2_user", Text),
    early("split_lock_detect", Text),
    early("srbds", Text),
    early("ssbd", Text),
    early("swiotlb", Text),
    late("sysrq_always_enabled", Text),
    late("trace_event", Text),
    early("tsa", Text),
    early("tsx", Text),
    early("tsx_async_abort", Text),
    late("usbcore.authorized_default", Text),
    late("vdso32", Text),
    early("vmscape", Text),
    early("vsyscall", Text),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdline::words;

    fn in_force(line: &str, name: &str) -> Vec<String> {
        let words = words(line);
        let own: Vec<&Word> = words.iter().filter(|word| word.is(name)).collect();
        Parameter::named(name).in_force(&own).into_iter().map(Word::text).collect()
    }

    #[test]
    fn words_add_up_as_their_parameter_has_it() {
        assert_eq!(in_force("mitigations=off mitigations=auto", "mitigations"), ["mitigations=auto"]);
        assert_eq!(in_force("init_on_alloc=1 init_on_alloc=what", "init-on-alloc"), ["init_on_alloc=1"]);
        assert_eq!(
            in_force("module.sig_enforce module.sig_enforce=0", "module.sig_enforce"),
            ["module.sig_enforce"]
        );
        assert_eq!(in_force("console=a console=b", "console"), ["console=a", "console=b"]);
        assert_eq!(in_force("made-up=1 made_up=2", "made_up"), ["made_up=2"]);
        assert!(in_force("init_on_alloc=what", "init_on_alloc").is_empty());
        // The kernel calls the first a malformed early option, and never compares the second, which lacks its `=`.
        assert!(in_force("init_on_alloc", "init_on_alloc").is_empty());
        assert!(in_force("hardened_usercopy", "hardened_usercopy").is_empty());
        assert_eq!(in_force("page_alloc.shuffle", "page_alloc.shuffle"), ["page_alloc.shuffle"]);
    }

    #[test]
    fn truth_values_are_one_however_they_are_written() {
        let parameter = Parameter::named("init_on_alloc");
        assert!(parameter.accepts("on", "1") && parameter.accepts("", "1") && !parameter.accepts("off", "1"));
        assert!(!Parameter::named("mitigations").accepts("on", "1"));
        assert!(Parameter::is_known("page-alloc.shuffle") && !Parameter::is_known("made_up"));
    }

    #[test]
    fn every_parameter_that_a_rule_names_is_known_once() {
        let mut unknown = std::collections::BTreeSet::new();
        for test in crate::rules().iter().flat_map(crate::KernelRule::tests) {
            let names: Vec<&str> = match test {
                crate::Test::Cmdline { parameter, .. } => vec![parameter],
                crate::Test::CmdlineAbsent(names) => {
                    names.iter().map(|name| name.split('=').next().unwrap_or(name)).collect()
                }
                _ => continue,
            };
            unknown.extend(names.into_iter().filter(|name| !Parameter::is_known(name)));
        }
        assert!(unknown.is_empty(), "{unknown:?}");
        let mut names: Vec<&str> = PARAMETERS.iter().map(|parameter| parameter.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
