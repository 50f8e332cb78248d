//! A kernel from a Debian package: its image, and its modules in the order in which they can be loaded.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::artefacts::{depends, output, read, unpacked};

/// A kernel that was unpacked.
pub(super) struct Kernel {
    /// Its version, as `uname -r` says it.
    pub(super) version: String,
    /// The compressed image.
    pub(super) image: PathBuf,
    modules: Vec<PathBuf>,
    config: String,
}

/// A module: its name, and the file's content.
pub(super) type Module = (String, Vec<u8>);

impl Kernel {
    /// The kernel that a package such as `linux-image-cloud-amd64` depends on at present.
    pub(super) fn of_package(package: &str) -> Result<Self, String> {
        let packages = depends(package, "linux-image-")?;
        let package =
            packages.first().ok_or_else(|| format!("{package} depends on no kernel; run apt-get update"))?;
        let version = package.trim_start_matches("linux-image-").to_owned();
        // Newer packages depend on others that have the image and the modules, and that end in the same version.
        let mut packages = vec![package.clone()];
        packages.extend(depends(package, "linux-")?.into_iter().filter(|name| name.ends_with(&version)));
        let mut places = Vec::new();
        for package in packages {
            places.push(unpacked(&package)?);
        }
        let modules = places.iter().flat_map(|place| {
            // Merged or not, the package has them in one of these.
            ["lib/modules", "usr/lib/modules"].map(|lib| place.join(lib).join(&version))
        });
        let modules: Vec<PathBuf> = modules.filter(|path| path.is_dir()).collect();
        let boot = places.iter().map(|place| place.join("boot"));
        let named = |name: &str| {
            let old = boot.clone().map(|boot| boot.join(format!("{name}-{version}")));
            let found = old.chain(modules.iter().map(|path| path.join(name))).find(|path| path.is_file());
            found.ok_or_else(|| format!("{package} has no {name} of {version}"))
        };
        let (image, config) = (named("vmlinuz")?, read(&named("config")?)?);
        Ok(Self { version, image, modules, config: String::from_utf8_lossy(&config).into_owned() })
    }

    /// Its build configuration.
    pub(super) fn config(&self) -> &str {
        &self.config
    }

    /// Whether the kernel was built with this option: `CONFIG_X=y`.
    pub(super) fn has(&self, option: &str) -> bool {
        self.config.lines().any(|line| line == option)
    }

    /// `/lib/modules/VERSION` as the package has it.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.modules.first().map(PathBuf::as_path)
    }

    /// These modules and those that they depend on, each after what it depends on. Built-in ones are not among them.
    pub(super) fn modules(&self, wanted: &[&str]) -> Result<Vec<Module>, String> {
        let mut files = Vec::new();
        for directory in &self.modules {
            files.extend(find_modules(directory)?);
        }
        let list = self.modules.iter().map(|path| path.join("modules.builtin")).find(|path| path.is_file());
        let list = list.ok_or_else(|| format!("{}: no list of built-in modules", self.version))?;
        let built_in = String::from_utf8_lossy(&read(&list)?).into_owned();
        let built_in: BTreeSet<String> = built_in.lines().map(|line| name_of(Path::new(line))).collect();
        let mut order = Order { files, built_in, seen: BTreeSet::new(), found: Vec::new() };
        for name in wanted {
            order.add(name)?;
        }
        Ok(order.found)
    }
}

struct Order {
    files: Vec<PathBuf>,
    built_in: BTreeSet<String>,
    seen: BTreeSet<String>,
    found: Vec<Module>,
}

impl Order {
    fn add(&mut self, name: &str) -> Result<(), String> {
        let name = name.replace('-', "_");
        if self.built_in.contains(&name) || !self.seen.insert(name.clone()) {
            return Ok(());
        }
        let file = self.files.iter().find(|file| name_of(file) == name);
        let content = content(file.ok_or_else(|| format!("the kernel has no module {name}"))?)?;
        for needed in depends_of(&content) {
            self.add(&needed)?;
        }
        self.found.push((name, content));
        Ok(())
    }
}

/// A module's name: that of its file, without endings, with underscores.
fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.split(".ko").next().unwrap_or_default().replace('-', "_")
}

/// The module's content. The kernel's own decompressor may be missing, so that it is unpacked here.
fn content(file: &Path) -> Result<Vec<u8>, String> {
    let program = match file.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        _ => return read(file),
    };
    let output = Command::new(program).args(["--decompress", "--stdout"]).arg(file).output();
    let output = output.map_err(|error| format!("{program} could not be started: {error}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("{program} failed on {}", file.display()))
    }
}

/// The names after `depends=` in the section `.modinfo`, which is strings that end with a zero.
fn depends_of(content: &[u8]) -> Vec<String> {
    let key = b"\0depends=";
    let Some(at) = content.windows(key.len()).position(|window| window == key) else { return Vec::new() };
    let value = content[at + key.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let value = String::from_utf8_lossy(value).into_owned();
    value.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn find_modules(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let listed = output(Command::new("find").arg(directory).args(["-name", "*.ko*", "-type", "f"]))?;
    Ok(listed.lines().map(PathBuf::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_say_what_they_depend_on() {
        let with = |text: &str| depends_of(format!("ELF\0license=GPL\0{text}\0name=x\0").as_bytes());
        assert_eq!(with("depends=dm-mod,dm-bufio"), ["dm-mod", "dm-bufio"]);
        assert_eq!(with("depends="), Vec::<String>::new());
        assert_eq!(with("other"), Vec::<String>::new());
        assert_eq!(name_of(Path::new("/a/dm-verity.ko.xz")), "dm_verity");
    }
}
