//! `cargo xtask bench boot`: how long a boot takes by hardpan-boot, and by a shell and veritysetup doing the same, in turn.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::super::artefacts::{read, unpacked};
use super::super::initramfs::Initramfs;
use super::super::machine::{Machine, Monitor, Then, Watch};
use super::setup::Setup;
use super::{Lab, PROGRAMS, build_boot, disk};
use crate::peers;
use crate::shell::{Outcome, find, print, say};

/// What the shell's way needs besides.
const PEERS: &[(&str, &str, &str)] = &[("veritysetup", "cryptsetup-bin", "the reference for mappings")];

/// Runs each way this many times.
pub(crate) fn run(runs: usize, json: bool) -> Outcome {
    peers::ensure(PROGRAMS)?;
    peers::ensure(PEERS)?;
    let lab = Lab::make(super::Kernel::of_package(super::super::package("boot", &[])?)?)?;
    let place = lab.place.join("bench");
    disk::fresh(&place)?;
    let mut setup = Setup::good(&lab, place.clone());
    setup.parameters = setup.parameters.replace("loglevel=6", "quiet loglevel=1 lab=log");
    setup.write_disk()?;
    let (ours, theirs) = (place.join("ours.cpio"), place.join("theirs.cpio"));
    lab.initramfs(&ours, &setup.config, &setup.files)?;
    fs::write(&theirs, shell_initramfs(&lab)?).map_err(|error| format!("{}: {error}", theirs.display()))?;
    let (mut hardpan, mut shell) = (Times::default(), Times::default());
    // The first of each warms up what the host reads.
    for run in 0..=runs {
        say(&format!("run {run} of {runs}"));
        let ours = boot(&setup, &ours, &place.join("ours.log"))?;
        let theirs = boot(&setup, &theirs, &place.join("theirs.log"))?;
        if run > 0 {
            hardpan.add(&ours, "hardpan-boot: ", &place)?;
            hardpan.add_steps(&ours);
            shell.add(&theirs, "shell-boot: ", &place)?;
        }
    }
    let sizes = [("hardpan-boot", build_boot()?), ("its initramfs", ours), ("the shell's initramfs", theirs)];
    let mut bytes = Vec::new();
    for (name, path) in sizes {
        bytes
            .push((name, fs::metadata(&path).map_err(|error| format!("{}: {error}", path.display()))?.len()));
    }
    print(&if json { as_json(&hardpan, &shell, &bytes) } else { as_text(&hardpan, &shell, &bytes) });
    Ok(())
}

/// Boots, and returns the console, on which the init shows the kernel's log.
fn boot(setup: &Setup<'_>, initramfs: &Path, log: &Path) -> Result<String, String> {
    let machine = Machine {
        kernel: Some(&setup.lab.kernel.image),
        initramfs: Some(initramfs),
        parameters: &setup.parameters,
        disks: &setup.disks,
        firmware: None,
        log,
    };
    let console = machine.run_watched(&mut Rarely)?;
    let good = console.contains("LAB END") && console.contains("LAB enforce 1");
    if good { Ok(console) } else { Err(format!("a boot did not end well; see {}", log.display())) }
}

/// Looks at nothing, so that the machine has the processors.
struct Rarely;

impl Watch for Rarely {
    fn see(&mut self, _: &str, _: &Monitor<'_>) -> Result<Then, String> {
        std::thread::sleep(std::time::Duration::from_millis(400));
        Ok(Then::Goes)
    }
}

/// The shell's initramfs.
fn shell_initramfs(lab: &Lab) -> Result<Vec<u8>, String> {
    let mut initramfs = Initramfs::default();
    for directory in ["dev", "proc", "sys", "run", "root"] {
        initramfs.directory(directory);
    }
    initramfs.file("init", 0o755, include_bytes!("shell-init.sh"));
    initramfs.file("bin/busybox", 0o755, &read(&unpacked("busybox-static")?.join("bin/busybox"))?);
    initramfs.link("bin/sh", "busybox");
    initramfs.program(&find("veritysetup").ok_or("veritysetup is not installed")?)?;
    initramfs.file("verity-root", 0o644, format!("{}\n", lab.a.digest).as_bytes());
    initramfs.modules(&lab.modules);
    Ok(initramfs.finish())
}

/// Milliseconds of several boots, by what they are of.
#[derive(Default)]
struct Times(BTreeMap<String, Vec<f64>>);

impl Times {
    /// Adds what one boot's log says: from the first line of the boot program to the init, and the parts of it.
    fn add(&mut self, console: &str, prefix: &str, place: &Path) -> Outcome {
        let lines = log_lines(console);
        let at = |text: &str| lines.iter().find(|(_, line)| line.contains(text)).map(|(time, _)| *time);
        let first = at(prefix);
        let init = at("lab-init");
        let (Some(first), Some(init)) = (first, init) else {
            return Err(format!(
                "the log does not say when the boot began or ended; see {}",
                place.display()
            ));
        };
        self.push("all", init - first);
        let between =
            |pairs: [(&str, &str); 2]| pairs.iter().find_map(|(start, end)| Some((at(start)?, at(end)?)));
        // The policy is loaded by the kernel alone; what is before and behind it is the boot program's.
        let policy = between([
            ("step=policy-check", "step=policy-load"),
            ("shell-boot: mounted", "shell-boot: policy"),
        ]);
        let verity =
            between([("step=devices", "step=verity-open"), ("shell-boot: devices", "shell-boot: verity")]);
        let (Some(policy), Some(verity)) = (policy, verity) else {
            return Err(format!("the log does not show the steps; see {}", place.display()));
        };
        self.push("verity", verity.1 - verity.0);
        self.push("policy", policy.1 - policy.0);
        self.push("from verity to init, but for the policy", init - verity.0 - (policy.1 - policy.0));
        Ok(())
    }

    /// Adds the milliseconds of each step of the receipt.
    fn add_steps(&mut self, console: &str) {
        let receipt: String = console.lines().filter_map(|line| line.strip_prefix("LAB receipt ")).collect();
        let mut sums: Vec<(String, f64)> = Vec::new();
        for part in receipt.split("\"step\":").skip(1) {
            let text = |key: &str| part.split_once(key).map(|(_, rest)| rest);
            let name = part.trim_start().trim_start_matches('"').split('"').next().unwrap_or_default();
            let ms =
                text("\"ms\":").and_then(|rest| rest.split(['}', ',']).next()?.trim().parse::<f64>().ok());
            match sums.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += ms.unwrap_or_default(),
                None => sums.push((name.to_owned(), ms.unwrap_or_default())),
            }
        }
        for (name, sum) in sums {
            self.push(&format!("step {name}"), sum);
        }
    }

    fn push(&mut self, name: &str, ms: f64) {
        self.0.entry(name.to_owned()).or_default().push(ms);
    }

    /// Median, least and most.
    fn of(&self, name: &str) -> Option<(f64, f64, f64)> {
        let mut values = self.0.get(name)?.clone();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some((median, *values.first()?, *values.last()?))
    }
}

/// The kernel's log as the init shows it: milliseconds since the start of the kernel, and the text.
fn log_lines(console: &str) -> Vec<(f64, &str)> {
    let line = |line: &'_ str| -> Option<(f64, usize)> {
        let rest = line.strip_prefix('[')?;
        let (time, text) = rest.split_once("] ")?;
        Some((time.trim().parse::<f64>().ok()? * 1000.0, line.len() - text.len()))
    };
    console.lines().filter_map(|text| line(text).map(|(time, at)| (time, &text[at..]))).collect()
}

fn as_text(hardpan: &Times, shell: &Times, bytes: &[(&str, u64)]) -> String {
    let mut text = String::from("milliseconds of the machine's clock: median (least to most)\n\n");
    let cell = |times: &Times, name: &str| {
        times
            .of(name)
            .map_or("-".to_owned(), |(median, least, most)| format!("{median:.1} ({least:.1} to {most:.1})"))
    };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "| what | hardpan-boot | shell and veritysetup |\n|---|---|---|");
    for name in ["all", "verity", "policy", "from verity to init, but for the policy"] {
        let _ = writeln!(text, "| {name} | {} | {} |", cell(hardpan, name), cell(shell, name));
    }
    for name in hardpan.0.keys().filter(|name| name.starts_with("step ")) {
        let _ = writeln!(text, "| {name} | {} | |", cell(hardpan, name));
    }
    let _ = writeln!(text, "\n| what | bytes |\n|---|---|");
    for (name, bytes) in bytes {
        let _ = writeln!(text, "| {name} | {bytes} |");
    }
    text
}

fn as_json(hardpan: &Times, shell: &Times, bytes: &[(&str, u64)]) -> String {
    let object = |times: &Times| {
        let one = |name: &String| {
            let (median, least, most) = times.of(name).unwrap_or_default();
            format!("\"{name}\":{{\"median_ms\":{median:.3},\"least_ms\":{least:.3},\"most_ms\":{most:.3}}}")
        };
        format!("{{{}}}", times.0.keys().map(one).collect::<Vec<_>>().join(","))
    };
    let bytes: Vec<String> = bytes.iter().map(|(name, bytes)| format!("\"{name}\":{bytes}")).collect();
    format!(
        "{{\"hardpan\":{},\"shell\":{},\"bytes\":{{{}}}}}",
        object(hardpan),
        object(shell),
        bytes.join(",")
    )
}
