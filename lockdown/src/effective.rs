//! What one kernel with one command line ends up with.

use hardpan_report::{Cause, Location, Verdict, escape_str};

use crate::cmdline::parameters::{Parameter, Stage};
use crate::cmdline::{Word, words};
use crate::facts::Gap;
use crate::kconfig::Kconfig;
use crate::{Arch, CommandLine, KernelFacts, KernelRule, KernelVersion, Reading};

/// One way to boot: a kernel and a command line, or what is known of them. Which of an image's kernels goes with which of
/// its command lines is not in its files, so that each pair is one.
#[derive(Clone, Debug)]
pub struct Boot<'f> {
    pub(crate) facts: &'f KernelFacts<'f>,
    /// The kernel's build configuration, if it is known.
    pub kconfig: Option<&'f Kconfig>,
    told: Result<Told, Gap>,
}

/// What the kernel is told: the command line of the boot loader, with what the kernel adds to it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) words: Vec<Word>,
    pub(crate) text: String,
    pub(crate) place: Location,
    open: Vec<Open>,
}

/// Words that may be there too.
#[derive(Clone, Debug)]
struct Open {
    /// Which; any that there are if it is not known.
    words: Option<Vec<Word>>,
    /// Whether what the boot loader passes comes after them, so that it decides where the last word counts.
    is_before: bool,
    gap: Gap,
}

impl<'a> KernelFacts<'a> {
    /// Every way to boot; one of which nothing is known if there is neither a kernel nor a command line.
    pub fn boots<'f>(&'f self) -> Vec<Boot<'f>>
    where
        'a: 'f,
    {
        // A host runs one kernel, with one command line.
        if self.host.is_some() {
            return vec![self.boot(self.kconfigs.first(), self.command_lines.first())];
        }
        let lines = || or_none(&self.command_lines);
        or_none(&self.kconfigs).flat_map(|config| lines().map(move |line| self.boot(config, line))).collect()
    }

    /// What each of these rules says, in their order.
    pub fn judge<'r>(
        &self,
        rules: impl Iterator<Item = &'r KernelRule>,
    ) -> Vec<(&'r hardpan_report::RuleMeta, Verdict)> {
        let boots = self.boots();
        rules.map(|rule| (&rule.meta, rule.check_boots(&boots))).collect()
    }

    fn boot<'f>(&'f self, kconfig: Option<&'f Kconfig>, line: Option<&CommandLine>) -> Boot<'f>
    where
        'a: 'f,
    {
        let mut boot = Boot { facts: self, kconfig, told: Err(self.no_cmdline()) };
        boot.told = boot.resolve(line);
        boot
    }
}

/// Each of them; or once that there is none.
fn or_none<T>(all: &[T]) -> impl Iterator<Item = Option<&T>> {
    let none = all.is_empty().then_some(None);
    all.iter().map(Some).chain(none)
}

impl Boot<'_> {
    /// The architecture, if it is known and one that rules are written for.
    pub fn arch(&self) -> Option<Arch> {
        let built = self.kconfig.and_then(Kconfig::arch);
        let running = || self.facts.host.and_then(|_| std::env::consts::ARCH.parse().ok());
        self.facts.arch.or(built).or_else(running)
    }

    /// The kernel's version, if it is known.
    pub fn version(&self) -> Option<KernelVersion> {
        let running = || match self.facts.host?.sysctl("kernel.osrelease") {
            Reading::Present(release) => KernelVersion::parse(&release),
            _ => None,
        };
        self.facts.version.or_else(running).or_else(|| self.kconfig?.version())
    }

    /// The command line in force.
    pub(crate) fn told(&self) -> Result<&Told, &Gap> {
        self.told.as_ref()
    }

    /// The kernel may be built with a command line of its own, and what becomes of both depends on the architecture.
    fn resolve(&self, line: Option<&CommandLine>) -> Result<Told, Gap> {
        // What the running kernel shows has been put together by it.
        if let Some(line) = line.filter(|line| line.live) {
            return Ok(Told::of(line));
        }
        let own = self.kconfig.and_then(|config| Some((config, built_in(config)?)));
        if let Some((config, text)) = &own
            && FORCED.iter().any(|option| config.is_built_in(option))
        {
            let place = config.place("CMDLINE");
            return Ok(Told { words: words(text), text: text.clone(), place, open: Vec::new() });
        }
        let line = line.ok_or_else(|| self.facts.no_cmdline())?;
        let mut told = Told::of(line);
        if let Some((config, text)) = own {
            self.join(config, &text, &mut told);
        }
        self.add_bootconfig(&mut told);
        Ok(told)
    }

    /// x86 puts its own line before the other (arch/x86/kernel/setup.c); arm64 takes it where the boot loader passes none
    /// (drivers/of/fdt.c), and behind the other with `CONFIG_CMDLINE_EXTEND`, which arm64 had until Linux 5.12.
    fn join(&self, config: &Kconfig, own: &str, told: &mut Told) {
        let before = |told: &Told| format!("{own} {}", told.text);
        match self.arch() {
            Some(Arch::X86_64) => told.replace(before(told)),
            Some(Arch::Aarch64) if config.is_built_in("CMDLINE_EXTEND") => {
                told.replace(format!("{} {own}", told.text));
            }
            Some(Arch::Aarch64) if !told.text.trim().is_empty() => {}
            Some(Arch::Aarch64) => told.replace(own.to_owned()),
            None => {
                let why = format!(
                    "the kernel is built with `{}` in CONFIG_CMDLINE, and whether that counts depends on its architecture",
                    escape_str(own)
                );
                let gap = Gap { cause: Cause::Undecided, why, place: Some(config.place("CMDLINE")) };
                told.open.push(Open { words: Some(words(own)), is_before: false, gap });
            }
        }
    }

    /// What a boot configuration adds, if the kernel reads one. Its words come before those of the command line.
    fn add_bootconfig(&self, told: &mut Told) {
        let is_asked = told.words.iter().any(|word| word.for_kernel && word.is("bootconfig"));
        let is_forced = self.kconfig.is_some_and(|config| config.is_built_in("BOOT_CONFIG_FORCE"));
        if !is_asked && !is_forced {
            return;
        }
        let gap = |why: &str, place: &Location| Gap {
            cause: Cause::Undecided,
            why: why.to_owned(),
            place: Some(place.clone()),
        };
        if self.kconfig.is_some_and(|config| !config.is_built_in("BOOT_CONFIG")) {
            return;
        }
        match &self.facts.bootconfigs[..] {
            [] => {
                let why = "the kernel reads more parameters from a boot configuration in its initramfs";
                let gap = gap(why, &told.place);
                told.open.push(Open { words: None, is_before: true, gap });
            }
            [config] => {
                let (known, unknown): (Vec<Word>, Vec<Word>) =
                    config.kernel_words().into_iter().partition(|word| Parameter::is_known(&word.name));
                let why =
                    "whether the kernel reads this parameter before its boot configuration is not known";
                let gap = gap(why, &config.origin);
                told.open.push(Open { words: Some(unknown), is_before: true, gap });
                told.put_before(known.into_iter().filter(is_heard));
            }
            several => {
                for config in several {
                    let why = "which of several boot configurations the kernel reads is not known";
                    let gap = gap(why, &config.origin);
                    let words = config.kernel_words().into_iter().filter(is_heard).collect();
                    told.open.push(Open { words: Some(words), is_before: true, gap });
                }
            }
        }
    }
}

/// Early parameters have been read by the time that the kernel looks for a boot configuration.
fn is_heard(word: &Word) -> bool {
    Parameter::named(&word.name).stage == Stage::Late
}

impl Told {
    fn of(line: &CommandLine) -> Self {
        let place = line.origin.clone();
        Self { words: line.words.clone(), text: line.text.clone(), place, open: Vec::new() }
    }

    fn replace(&mut self, text: String) {
        self.words = words(&text);
        self.text = text;
    }

    fn put_before(&mut self, words: impl Iterator<Item = Word>) {
        let own = std::mem::take(&mut self.words);
        self.words = words.chain(own).collect();
        self.text = self.words.iter().map(Word::text).collect::<Vec<_>>().join(" ");
    }

    /// What keeps it from being known what is said of one of these names.
    pub(crate) fn open_about(&self, names: &[&str]) -> Option<&Gap> {
        let is_about = |open: &&Open| {
            let is_one = |word: &Word| word.for_kernel && names.iter().any(|name| word.is(name));
            open.words.as_ref().is_none_or(|words| words.iter().any(is_one))
        };
        self.open.iter().find(is_about).map(|open| &open.gap)
    }

    /// The same where the last word counts and one of that name is there.
    pub(crate) fn open_after(&self, name: &str) -> Option<&Gap> {
        let is_one = |word: &Word| word.for_kernel && word.is(name);
        let is_about = |open: &&Open| {
            !open.is_before && open.words.as_ref().is_none_or(|words| words.iter().any(is_one))
        };
        self.open.iter().find(is_about).map(|open| &open.gap)
    }
}

/// The command line that a kernel is built with. On x86 it counts only beside `CONFIG_CMDLINE_BOOL`, without which the build
/// leaves it out.
fn built_in(config: &Kconfig) -> Option<String> {
    match config.get("CMDLINE") {
        (_, None) | ("", _) => None,
        (text, Some(_)) => Some(text.to_owned()),
    }
}

/// Options by which `CONFIG_CMDLINE` replaces what the boot loader passes: x86, MIPS; Arm, RISC-V, PowerPC; SuperH.
const FORCED: [&str; 3] = ["CMDLINE_OVERRIDE", "CMDLINE_FORCE", "CMDLINE_OVERWRITE"];
