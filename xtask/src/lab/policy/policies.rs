//! The policies of the lab: compiled, damaged, and each with the fingerprint that the program tells of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::artefacts::{output, read, recreate};
use crate::corpus;
use crate::shell::{Outcome, cargo, check, root};

/// Policies in a directory for each boot, and beside each the fingerprint as `.sha256`, but for damaged ones that the program
/// refuses.
pub(super) struct Policies<'a> {
    program: &'a Path,
    place: PathBuf,
    release: &'a str,
}

/// Versions that any kernel of interest takes, and those that only newer ones take.
const VERSIONS: [u32; 4] = [30, 31, 32, 33];
const NEW_VERSIONS: [u32; 2] = [34, 35];

/// Generated policies that kernels take, by the numbers that they are made from: they have booleans, and a context for
/// selinuxfs, without which kernels from 6.10 or so on fail to show booleans, and then refuse the policy.
const SEEDS: [&str; 5] = ["9", "12", "34", "63", "81"];

/// How many policies with one bit changed are tried.
const CHANGED: u32 = 300;
/// How many that are too short.
const CUT: usize = 25;
/// Bytes of the header: magic, length and text of the target, version, and how many tables there are.
const HEADER: [usize; 6] = [0, 4, 8, 16, 24, 28];

impl<'a> Policies<'a> {
    /// Makes them for a kernel of this release.
    pub(super) fn make(program: &'a Path, place: &Path, release: &'a str) -> Result<Self, String> {
        recreate(place)?;
        let policies = Self { program, place: place.to_owned(), release };
        let own = root().join("selinux-policy/policy");
        let refpolicy = corpus::refpolicy()?;
        // Debian's has two contexts for the same files, which is an error since 3.5.
        let old = ["--compat", "3.4"];
        for version in VERSIONS {
            policies.compile(&refpolicy, "refpolicy/refpolicy", version, &old)?;
        }
        let optimized = [&old[..], &["-O"]].concat();
        policies.compile(&refpolicy, "refpolicy/refpolicy-optimized", 33, &optimized)?;
        policies.compile(&own, "own/own-compat", 33, &old)?;
        for version in VERSIONS.into_iter().chain(NEW_VERSIONS) {
            policies.compile(&own, "own/own", version, &[])?;
            policies.compile(&own, "own/own-optimized", version, &["-O"])?;
        }
        for version in [30, 33] {
            policies.compile(&own, "own-without-levels/own-without-levels", version, &["-M", "false"])?;
        }
        for boot in ["program", "decisions", "enforcing"] {
            policies.compile(&own, &format!("{boot}/own"), 33, &[])?;
        }
        let tests = root().join("selinux-policy/tests/policydb");
        let every = tests.join("every.cil");
        for version in VERSIONS {
            policies.compile(&every, "every/every", version, &[])?;
        }
        let newer = tests.join("newer.cil");
        let newer = newer.to_str().ok_or("the project's path is no text")?;
        for version in NEW_VERSIONS {
            policies.compile(&every, "every/every-newer", version, &[newer])?;
        }
        policies.generated()?;
        policies.damaged()?;
        Ok(policies)
    }

    /// The names of the boots.
    pub(super) fn boots(&self) -> Result<Vec<String>, String> {
        let names = entries(&self.place)?.into_iter();
        Ok(names.map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned()).collect())
    }

    /// All files: their names below the directory, and where they are.
    pub(super) fn files(&self) -> Result<Vec<(String, PathBuf)>, String> {
        let mut files = Vec::new();
        for boot in self.boots()? {
            for path in entries(&self.place.join(&boot))? {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                files.push((format!("{boot}/{name}"), path));
            }
        }
        Ok(files)
    }

    /// Compiles sources to `BOOT/NAME.VERSION`.
    fn compile(&self, sources: &Path, name: &str, version: u32, options: &[&str]) -> Outcome {
        let policy = self.place.join(format!("{name}.{version}"));
        if let Some(boot) = policy.parent() {
            fs::create_dir_all(boot).map_err(|error| format!("{}: {error}", boot.display()))?;
        }
        let version = version.to_string();
        let mut command = Command::new(self.program);
        command.args(["policy", "compile", "--quiet", "-c", &version, "-o"]).arg(&policy);
        command.arg("-f").arg(self.place.with_file_name("file_contexts"));
        // Warnings of policies that are not ours are of no interest.
        output(command.args(options).arg(sources))?;
        if self.predict(&policy)? {
            return Ok(());
        }
        Err(format!("hardpan refuses {}, which it compiled", policy.display()))
    }

    /// Writes the fingerprint beside a policy; `false` if the program refuses the policy.
    fn predict(&self, policy: &Path) -> Result<bool, String> {
        let mut command = Command::new(self.program);
        command.args(["policy", "fingerprint", "--kernel", self.release]).arg(policy);
        let done = command.output().map_err(|error| format!("{}: {error}", self.program.display()))?;
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        match (done.status.code(), said.split_whitespace().next()) {
            (Some(0), Some(hash)) => {
                let beside = format!("{}.sha256", policy.display());
                fs::write(&beside, hash).map_err(|error| format!("{beside}: {error}"))?;
                Ok(true)
            }
            (Some(2), None) => Ok(false),
            (code, _) => Err(format!("hardpan policy fingerprint {}: {code:?}", policy.display())),
        }
    }

    /// A boot for each, since their booleans have the same names and other values.
    fn generated(&self) -> Outcome {
        for seed in SEEDS {
            let sources = self.place.with_file_name(format!("generated-{seed}"));
            let mut generate = cargo();
            generate.args([
                "run",
                "--quiet",
                "-p",
                "hardpan-selinux-policy",
                "--example",
                "generate",
                "random",
            ]);
            check(generate.arg(seed).arg(&sources))?;
            let_processes_begin(&sources)?;
            let options = String::from_utf8_lossy(&read(&sources.join("options"))?).into_owned();
            let mut options: Vec<&str> = options.split_whitespace().collect();
            let version = take(&mut options, "-c").unwrap_or("33");
            let version = version.parse().map_err(|_| format!("no version: {version}"))?;
            // They define few of the kernel's classes, which may not be a reason to refuse them.
            take(&mut options, "-U");
            // The options are in secilc's words.
            for option in options.iter_mut().filter(|option| **option == "-N") {
                *option = "--danger-disable-neverallow";
            }
            // They are in the language of 3.4.
            options.extend(["--compat", "3.4", "-U", "allow"]);
            self.compile(&sources, &format!("generated-{seed}/generated-{seed}"), version, &options)?;
        }
        Ok(())
    }

    /// Cuts our own policy, damages its header, and changes single bits of it. Of the last, only what the program takes is kept:
    /// among the others are some that crash kernels, which believe for example that no value of a class is left out.
    fn damaged(&self) -> Outcome {
        let whole = read(&self.place.join("own/own.33"))?;
        let boot = self.place.join("damaged");
        fs::create_dir_all(&boot).map_err(|error| format!("{}: {error}", boot.display()))?;
        for part in 0..CUT {
            let length = whole.len() * part / CUT;
            self.refused(&boot.join(format!("cut-{length}.33")), &whole[..length])?;
        }
        self.refused(&boot.join("cut-last.33"), &whole[..whole.len() - 1])?;
        for place in HEADER {
            self.refused(&boot.join(format!("header-{place}.33")), &changed(&whole, place, 0x40))?;
        }
        let mut numbers = Numbers(2026);
        for _ in 0..CHANGED {
            let place = numbers.below(whole.len());
            let path = boot.join(format!("changed-{place}.33"));
            write(&path, &changed(&whole, place, 1 << numbers.below(8)))?;
            if !self.predict(&path)? {
                fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        Ok(())
    }

    /// Writes what is no policy, and what the program has to refuse.
    fn refused(&self, path: &Path, bytes: &[u8]) -> Outcome {
        write(path, bytes)?;
        if self.predict(path)? { Err(format!("hardpan takes {}", path.display())) } else { Ok(()) }
    }
}

fn changed(whole: &[u8], place: usize, bits: u8) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    bytes[place] ^= bits;
    bytes
}

fn write(path: &Path, bytes: &[u8]) -> Outcome {
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

/// Takes an option and its value away, and returns the value.
fn take<'a>(options: &mut Vec<&'a str>, option: &str) -> Option<&'a str> {
    let at = options.iter().position(|it| *it == option)?;
    options.drain(at..at + 2).nth(1)
}

/// The kernel insists on these permissions, and generated ones have other names.
fn let_processes_begin(sources: &Path) -> Outcome {
    for path in entries(sources)? {
        let text = String::from_utf8_lossy(&read(&path)?)
            .replace("(class process (", "(class process (transition dyntransition ");
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

/// Pseudo-random numbers, the same in each run (`xorshift64*`).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap_or_default() % end
    }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    let entries = fs::read_dir(directory).map_err(failed)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}
