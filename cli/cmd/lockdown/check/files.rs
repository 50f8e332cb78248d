//! Files that stand for a kernel: what is in each of them, and nothing of the host that the command runs on.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use hardpan_audit::kernel_image;
use hardpan_image::{Compression, ReadAt, decompress, read_to_vec};
use hardpan_lockdown::bootconfig::BootConfig;
use hardpan_lockdown::kconfig::Kconfig;
use hardpan_lockdown::sysctl::{Dump, SysctlConfig};
use hardpan_lockdown::{Arch, CommandLine, KernelFacts, KernelVersion, Shown};
use hardpan_report::{BytePath, Location, Subject};

#[derive(Args)]
#[command(next_help_heading = "Files to judge instead of a PATH")]
pub(crate) struct FileArgs {
    /// A build configuration: .config, config-6.1 or config.gz (plain, gzip, xz or Zstandard)
    #[arg(long, value_name = "FILE", conflicts_with = "kernel")]
    kconfig: Option<PathBuf>,

    /// A kernel that carries its build configuration (CONFIG_IKCONFIG): vmlinuz, vmlinux, Image.gz, or a unified kernel image,
    /// of which the command line is taken too
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,

    /// A file with the kernel's command line, such as a copy of /proc/cmdline
    #[arg(long, value_name = "FILE", conflicts_with = "cmdline_text")]
    cmdline: Option<PathBuf>,

    /// The kernel's command line itself
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    cmdline_text: Option<String>,

    /// A boot configuration, or an initramfs that has one at its end; the kernel reads it if `bootconfig` is on the command
    /// line or it is built to
    #[arg(long, value_name = "FILE")]
    bootconfig: Option<PathBuf>,

    /// A file of sysctl.d, or what `sysctl -a` printed; files of sysctl.d count in the order in which they are given
    #[arg(long, value_name = "FILE")]
    sysctl: Vec<PathBuf>,

    /// The active security modules with commas between, as /sys/kernel/security/lsm has them [default: what build
    /// configuration and command line lead to]
    #[arg(long, value_name = "LIST")]
    lsm: Option<String>,

    /// The architecture: x86_64 or aarch64 [default: the build configuration's]
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,

    /// The kernel's version, such as 6.1 [default: the build configuration's]
    #[arg(long, value_name = "VERSION", value_parser = version)]
    kernel_version: Option<KernelVersion>,
}

impl FileArgs {
    /// Whether there is anything to judge instead of a path.
    pub(super) fn are_given(&self) -> bool {
        self.kconfig.is_some()
            || self.kernel.is_some()
            || self.cmdline.is_some()
            || self.cmdline_text.is_some()
            || self.bootconfig.is_some()
            || !self.sysctl.is_empty()
            || self.lsm.is_some()
            || self.arch.is_some()
            || self.kernel_version.is_some()
    }
}

fn version(text: &str) -> Result<KernelVersion, String> {
    KernelVersion::parse(text).ok_or_else(|| format!("`{text}` is no kernel version; write it as 6.1"))
}

/// The facts of these files. A file that cannot be read, or is malformed, is an error: whoever names a file wants it judged.
pub(super) fn read(args: &FileArgs) -> anyhow::Result<(KernelFacts<'static>, Subject)> {
    let mut facts =
        KernelFacts { handed: true, arch: args.arch, version: args.kernel_version, ..KernelFacts::default() };
    if let Some(path) = &args.kconfig {
        facts.kconfigs.push(kconfig(path)?);
    }
    if let Some(path) = &args.kernel {
        kernel(path, args, &mut facts)?;
    }
    if let Some(path) = &args.cmdline {
        let text = text(path)?;
        facts.command_lines.push(CommandLine::new(text.trim(), place(path), false));
    }
    if let Some(text) = &args.cmdline_text {
        facts.command_lines.push(CommandLine::new(text.as_str(), Location::file("--cmdline-text"), false));
    }
    if let Some(path) = &args.bootconfig {
        facts.bootconfigs.push(bootconfig(path)?);
    }
    sysctls(&args.sysctl, &mut facts)?;
    facts.lsm = args.lsm.as_ref().map(|list| Shown { text: list.clone(), place: Location::file("--lsm") });
    if facts.kconfigs.is_empty()
        && facts.command_lines.is_empty()
        && facts.bootconfigs.is_empty()
        && args.sysctl.is_empty()
        && args.lsm.is_none()
    {
        bail!(
            "--arch and --kernel-version say what a kernel is, and nothing is given of it to judge; add --kconfig, --cmdline or --sysctl"
        );
    }
    let path = [&args.kconfig, &args.kernel, &args.cmdline, &args.bootconfig]
        .into_iter()
        .flatten()
        .chain(&args.sysctl)
        .next();
    let path = path.map_or_else(|| BytePath::from("-"), |path| BytePath::from(path.as_os_str().as_bytes()));
    Ok((facts, Subject { kind: "files", path, live: false, os: None }))
}

fn kconfig(path: &Path) -> anyhow::Result<Kconfig> {
    configuration(unpacked(path, MAX_TEXT)?, path)
}

fn configuration(bytes: Vec<u8>, path: &Path) -> anyhow::Result<Kconfig> {
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    let config =
        Kconfig::parse_strict(&text, place(path)).map_err(|error| anyhow!("{}, {error}", path.display()))?;
    if !config.is_plausible() {
        bail!(
            "{} has {} options, which is not enough for a kernel's build configuration: is it whole?",
            path.display(),
            config.options().count()
        );
    }
    Ok(config)
}

fn kernel(path: &Path, args: &FileArgs, facts: &mut KernelFacts<'_>) -> anyhow::Result<()> {
    let file = Opened::open(path)?;
    let bytes = kernel_image::kernel_config(&file).map_err(|error| anyhow!("{}: {error}", path.display()))?;
    facts.kconfigs.push(configuration(bytes, path)?);
    if args.cmdline.is_none() && args.cmdline_text.is_none() {
        let lines = kernel_image::command_lines(&file).with_context(|| unread(path))?;
        facts.command_lines.extend(lines.into_iter().map(|line| CommandLine::new(line, place(path), false)));
    }
    Ok(())
}

fn bootconfig(path: &Path) -> anyhow::Result<BootConfig> {
    let file = Opened::open(path)?;
    let at = place(path);
    let found =
        hardpan_audit::boot_config(&file, &at).map_err(|error| anyhow!("{}: {error}", path.display()))?;
    if let Some(config) = found {
        return Ok(config);
    }
    let bytes = read_to_vec(&file, MAX_TEXT).with_context(|| unread(path))?;
    BootConfig::parse(&bytes, at).map_err(|error| anyhow!("{}, {error}", path.display()))
}

fn sysctls(paths: &[PathBuf], facts: &mut KernelFacts<'_>) -> anyhow::Result<()> {
    let mut config = SysctlConfig::default();
    for path in paths {
        let text = text(path)?;
        let name = path.as_os_str().as_bytes();
        if !Dump::is_likely(&text) {
            config
                .add_file_strict(name, text.as_bytes())
                .map_err(|error| anyhow!("{}, {error}", path.display()))?;
            continue;
        }
        if facts.dump.is_some() {
            bail!("{} is a second dump of sysctls, and a kernel has one state: give one", path.display());
        }
        let dump = Dump::parse(&text, name).map_err(|error| anyhow!("{}, {error}", path.display()))?;
        facts.dump = Some(dump);
    }
    facts.sysctl = config;
    Ok(())
}

fn place(path: &Path) -> Location {
    Location::file(path.as_os_str().as_bytes())
}

fn unread(path: &Path) -> String {
    format!("cannot read {}", path.display())
}

fn text(path: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| unread(path))?;
    file.take(MAX_TEXT + 1).read_to_end(&mut bytes).with_context(|| unread(path))?;
    if bytes.len() as u64 > MAX_TEXT {
        bail!("{} has more than {MAX_TEXT} bytes, which is no text of this kind", path.display());
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The bytes of a file, out of its compression if it has one.
fn unpacked(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let file = Opened::open(path)?;
    let mut head = [0; 6];
    let length = file.read_at(&mut head, 0).with_context(|| unread(path))?;
    match Compression::of(&head[..length]) {
        Some(compression) => {
            let content = decompress(&file, compression, limit)
                .with_context(|| format!("cannot unpack {}", path.display()))?;
            read_to_vec(&*content, limit).with_context(|| unread(path))
        }
        None => read_to_vec(&file, limit).with_context(|| unread(path)),
    }
}

/// A file that is read by position.
struct Opened {
    file: File,
    len: u64,
}

impl Opened {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| unread(path))?;
        let len = file.metadata().with_context(|| unread(path))?.len();
        Ok(Self { file, len })
    }
}

impl ReadAt for Opened {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn len(&self) -> u64 {
        self.len
    }
}

/// Twenty times what a build configuration or all sysctls of a kernel have.
const MAX_TEXT: u64 = 8 << 20;
