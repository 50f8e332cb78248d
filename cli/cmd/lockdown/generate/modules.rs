//! Kernel modules of a directory such as `/lib/modules/RELEASE`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use hardpan_image::{Compression, decompress, read_exact_at};
use hardpan_lockdown::modules::{
    Found, Loading, ModuleSignature, Needed, Ordered, SoftDependency, Source, name_of_file, normal, order,
};
use hardpan_lockdown::profile::Profile;

use super::checks::Checks;

/// The modules that the profile wants, in the order of loading, out of any compression.
pub(super) fn ordered(
    profile: &Profile,
    directory: Option<&Path>,
    checks: &mut Checks,
) -> anyhow::Result<Vec<Ordered>> {
    let wanted = &profile.modules;
    let needed = |names: &[String], required| {
        let needed = |name: &String| Needed { name: name.clone(), required };
        names.iter().map(needed).collect::<Vec<_>>()
    };
    let needed = [needed(&wanted.required, true), needed(&wanted.optional, false)].concat();
    let Some(directory) = directory else {
        if needed.is_empty() {
            checks.skip("modules", "", "whether the kernel has device-mapper, verity and the file system built in was not looked up: no module directory is named");
            return Ok(Vec::new());
        }
        bail!(
            "the profile wants modules, and names no directory with them: say [modules] directory, or --kernel-modules"
        );
    };
    let mut source = Directory::open(directory)?;
    let Loading { modules, wishes, .. } =
        order(&needed, &mut source).map_err(|error| anyhow::anyhow!("{}: {error}", directory.display()))?;
    judge_wishes(&wishes, checks);
    judge_versions(profile, &modules, checks);
    judge_signatures(profile, &modules, checks);
    judge_enough(profile, &modules, &source, checks);
    Ok(modules)
}

/// A directory with modules, and its lists.
struct Directory {
    files: BTreeMap<String, Vec<PathBuf>>,
    built_in: BTreeSet<String>,
    /// `alias NAME MODULE`, of modules that are files.
    aliases: String,
    /// What modules that are built in say of themselves, as strings `module.key=value`.
    built_in_info: Vec<u8>,
}

impl Directory {
    fn open(directory: &Path) -> anyhow::Result<Self> {
        let mut files = BTreeMap::new();
        collect(directory, &mut files, 0)?;
        // Without the list nobody could tell what is missing from what is built in.
        let list = directory.join("modules.builtin");
        let built_in = std::fs::read_to_string(&list);
        let built_in = built_in
            .with_context(|| format!("cannot read {}, which lists what is built in", list.display()))?;
        let built_in = built_in.lines().filter_map(name_of_file).collect();
        let aliases = std::fs::read_to_string(directory.join("modules.alias")).unwrap_or_default();
        let built_in_info = std::fs::read(directory.join("modules.builtin.modinfo")).unwrap_or_default();
        Ok(Self { files, built_in, aliases, built_in_info })
    }

    fn has(&self, name: &str) -> bool {
        self.built_in.contains(name)
    }
}

impl Source for Directory {
    type Error = String;

    fn find(&mut self, name: &str) -> Result<Found, String> {
        match self.files.get(name).map(Vec::as_slice) {
            None if self.built_in.contains(name) => Ok(Found::BuiltIn),
            None | Some([]) => Ok(Found::Missing),
            Some([path]) => {
                let bytes = content(path).map_err(|error| format!("{}: {error:#}", path.display()))?;
                Ok(Found::File { path: path.display().to_string(), bytes })
            }
            Some([first, second, ..]) => {
                Err(format!("two files are the module {name}: {} and {}", first.display(), second.display()))
            }
        }
    }

    fn aliased(&mut self, alias: &str) -> Result<(Vec<String>, bool), String> {
        let named = |line: &str| {
            let mut words = line.split_ascii_whitespace();
            let is_it = words.next() == Some("alias") && words.next() == Some(alias);
            is_it.then(|| words.next().map(normal)).flatten()
        };
        let modules: BTreeSet<String> = self.aliases.lines().filter_map(named).collect();
        let wanted = format!("alias={alias}");
        let built_in = self.built_in_info.split(|byte| *byte == 0).any(|line| {
            let key = line.iter().position(|byte| *byte == b'.').map(|at| &line[at + 1..]);
            key == Some(wanted.as_bytes())
        });
        Ok((modules.into_iter().collect(), built_in))
    }
}

/// Module files by name. Links are not followed: `build` and `source` lead to other trees.
fn collect(directory: &Path, files: &mut BTreeMap<String, Vec<PathBuf>>, depth: u32) -> anyhow::Result<()> {
    let cannot = || format!("cannot list the modules in {}", directory.display());
    if depth > MAX_DEPTH {
        bail!("{} is deeper than a directory of modules is", directory.display());
    }
    let mut entries =
        std::fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>).with_context(cannot)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type().with_context(cannot)?;
        if kind.is_dir() {
            collect(&entry.path(), files, depth + 1)?;
        } else if kind.is_file()
            && let Some(name) = entry.file_name().to_str().and_then(name_of_file)
        {
            files.entry(name).or_default().push(entry.path());
        }
    }
    Ok(())
}

/// A module's bytes, out of any compression: a kernel need not be able to unpack, and what is signed is what was packed.
fn content(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_MODULE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_MODULE {
        bail!("it has more than {MAX_MODULE} bytes");
    }
    let Some(compression) = Compression::of(&bytes) else { return Ok(bytes) };
    let unpacked = decompress(&bytes, compression, MAX_MODULE)?;
    let mut content = vec![0; usize::try_from(unpacked.len())?];
    read_exact_at(&*unpacked, &mut content, 0)?;
    Ok(content)
}

fn judge_wishes(wishes: &[SoftDependency], checks: &mut Checks) {
    for wish in wishes.iter().filter(|wish| wish.modules.is_empty() && !wish.built_in) {
        let text = format!(
            "wants {} to be loaded before it, of which no module or alias was found; name the module, or see that it boots without",
            wish.wanted
        );
        checks.skip("soft-dependency", &wish.module, text);
    }
}

fn judge_versions(profile: &Profile, modules: &[Ordered], checks: &mut Checks) {
    let release = |module: &Ordered| {
        let magic = module.info.version_magic.as_deref().unwrap_or_default();
        magic.split(' ').next().unwrap_or_default().to_owned()
    };
    let Some(first) = modules.first() else { return };
    let wanted = profile.kernel.release.clone();
    let expected = wanted.clone().unwrap_or_else(|| release(first));
    let others: Vec<&Ordered> = modules.iter().filter(|module| release(module) != expected).collect();
    for module in &others {
        let text = format!("is built for {}, and the kernel is {expected}", release(module));
        checks.fail("module-release", &module.name, text);
    }
    if others.is_empty() {
        let what = if wanted.is_some() {
            "the kernel's release"
        } else {
            "one release; [kernel] release would say which"
        };
        checks.pass(
            "module-release",
            "",
            format!("{} modules are built for {expected}, {what}", modules.len()),
        );
    }
}

/// Whether signatures are good only the kernel knows.
fn judge_signatures(profile: &Profile, modules: &[Ordered], checks: &mut Checks) {
    let unsigned: Vec<&Ordered> =
        modules.iter().filter(|module| module.signature == ModuleSignature::Absent).collect();
    for module in &unsigned {
        if profile.kernel.require_signed_modules {
            checks.fail(
                "module-signature",
                &module.name,
                "has no signature, and [kernel] require-signed-modules asks for one",
            );
        }
    }
    if modules.is_empty() {
        return;
    }
    let names: Vec<&str> = unsigned.iter().map(|module| module.name.as_str()).collect();
    let text = match names[..] {
        [] => "every module has a signature; whether the kernel trusts its key shows at boot".to_owned(),
        _ => {
            format!("no signature: {}; a kernel under Secure Boot or lockdown refuses them", names.join(", "))
        }
    };
    checks.skip("module-signature", "", text);
}

/// What any boot needs must be built in or among the modules.
fn judge_enough(profile: &Profile, modules: &[Ordered], source: &Directory, checks: &mut Checks) {
    let root = profile.root.as_ref().map(|root| normal(&root.fs_type));
    for (name, what) in [("dm_mod", "device-mapper"), ("dm_verity", "dm-verity")]
        .into_iter()
        .chain(root.as_deref().map(|name| (name, "the root's file system")))
    {
        let loaded = modules.iter().any(|module| module.name == name && module.required);
        if loaded || source.has(name) {
            let how = if loaded { "among the modules" } else { "built in" };
            checks.pass("module-needed", name, format!("{what} is {how}"));
        } else {
            let text = format!(
                "{what} is neither built in nor among the required modules: add it to [modules] required"
            );
            checks.fail("module-needed", name, text);
        }
    }
}

/// Larger than any module; with debug information some have dozens of mebibytes.
const MAX_MODULE: u64 = 512 << 20;
/// `kernel/drivers/…` is a handful deep.
const MAX_DEPTH: u32 = 32;
