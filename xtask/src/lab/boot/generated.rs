//! What `hardpan lockdown generate` writes, booted as it is; and a running kernel that `hardpan lockdown apply` hardens.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::artefacts::read;
use super::super::machine::Machine;
use super::case::{Ends, says};
use super::disk::{self, A_DATA, A_HASH, B_DATA, B_HASH};
use super::setup::Setup;
use super::{Lab, build_boot};
use crate::shell::check;

/// The name of these cases.
pub(super) const NAME: &str = "generated";

/// Runs them and returns how many failed.
pub(super) fn run(lab: &Lab) -> Result<usize, String> {
    let place = lab.place.join(NAME);
    disk::fresh(&place)?;
    let generated = generate(lab, &place)?;
    let whole = boot(lab, &place.join("booted"), Some(&generated), |_| {})?;
    let name = |case: &str| format!("{NAME} {case}");
    let log = |case: &str| place.join(case).join(LOG);
    let never = ["refused: ", "LAB writing_the_root is possible"];
    let whole = says(&name("booted"), &whole, GOOD, &never, &log("booted"));
    let applied = boot(lab, &place.join("applied"), None, |setup| {
        // A context needs a policy.
        setup.edit("etc", " context=system_u:object_r:settings.config:s0", "");
        for directive in ["selinux", "enforcing", "lockdown", "sysctl"] {
            setup.drop(directive);
        }
        setup.boot_with("hardpan.slot=b lab=apply");
    })?;
    let applied = says(&name("applied"), &applied, APPLIED, &["LAB no program"], &log("applied"));
    Ok([whole, applied].iter().filter(|passed| !**passed).count())
}

/// What a boot shows that the generated files made.
const GOOD: &[&str] = &[
    "LAB init slot=a",
    "LAB enforce 1",
    "LAB context system_u:system_r:init.process:s0",
    "LAB lockdown none [integrity] confidentiality",
    "LAB kptr_restrict 2",
    "LAB hostname slot-a",
    "\"result\": \"booted\"",
    "LAB END",
];

/// What hardening a running kernel shows.
const APPLIED: &[&str] = &[
    "LAB init slot=b",
    "LAB dry run 1",
    "LAB lockdown before [none] integrity confidentiality",
    "LAB applied 0",
    "LAB again 0",
    "LAB lockdown after none [integrity] confidentiality",
    "LAB kexec after 1",
    "LAB kexec_after_all is refused",
    "LAB END",
];

/// Writes a profile and has it made into files.
fn generate(lab: &Lab, place: &Path) -> Result<PathBuf, String> {
    let modules = lab.kernel.directory().ok_or("the kernel has no modules")?;
    let profile = place.join("profile.toml");
    let slot = |name: &str, data: &str, hash: &str, root: &super::Root| {
        format!(
            "[[slot]]\nname = \"{name}\"\nversion = 1\nimage = \"{}\"\nhash = \"{}\"\nroot-hash = \"{}\"\n\
             data-device = \"PARTUUID={data}\"\nhash-device = \"PARTUUID={hash}\"\n",
            root.data.display(),
            root.hash.display(),
            root.digest,
        )
    };
    let text = format!(
        "profile = 1\n{}{}{}release = \"{}\"\n[modules]\ndirectory = \"{}\"\n\
         required = [\"virtio_pci\", \"virtio_blk\", \"dm-verity\", \"erofs\"]\n\
         [selinux]\npath = \"/usr/share/selinux/hardpan/policy.33\"\npolicy = \"{}\"\n",
        slot("a", A_DATA, A_HASH, &lab.a),
        slot("b", B_DATA, B_HASH, &lab.b),
        PROFILE,
        lab.kernel.version,
        modules.display(),
        lab.policy.display(),
    );
    fs::write(&profile, text).map_err(|error| format!("{}: {error}", profile.display()))?;
    let output = place.join("files");
    let mut generate = Command::new(&lab.program);
    generate.args(["lockdown", "generate", "--quiet", "--profile"]).arg(&profile);
    generate.arg("--boot").arg(build_boot()?).arg("--output").arg(&output).stdout(Stdio::null());
    check(&mut generate)?;
    Ok(output)
}

/// Boots the good disk with generated files, or with the lab's own configuration.
fn boot(
    lab: &Lab,
    place: &Path,
    generated: Option<&Path>,
    change: fn(&mut Setup<'_>),
) -> Result<String, String> {
    disk::fresh(place)?;
    let mut setup = Setup::good(lab, place.to_owned());
    change(&mut setup);
    setup.write_disk()?;
    let (initramfs, parameters) = match generated {
        None => {
            let initramfs = place.join("initramfs.cpio");
            lab.initramfs(&initramfs, &setup.config, &setup.files)?;
            (initramfs, setup.parameters.clone())
        }
        Some(files) => {
            let line = String::from_utf8_lossy(&read(&files.join("cmdline"))?).into_owned();
            (files.join("initramfs.cpio"), format!("{} {}", setup.parameters, line.trim()))
        }
    };
    let machine = Machine {
        kernel: Some(&lab.kernel.image),
        initramfs: Some(&initramfs),
        parameters: &parameters,
        disks: &setup.disks,
        firmware: None,
        log: &place.join(LOG),
    };
    machine.run_watched(&mut Ends)
}

/// Where the console is kept, in the directory of a case.
const LOG: &str = "console.log";
const PROFILE: &str = "\
[boot]
init = [\"/sbin/init\", \"/usr/libexec/lab\"]
minimum-version = 1
on-failure = \"reboot\"
failure-delay = 0
[verity]
on-io-error = \"restart\"
or-weaker = true
[root]
type = \"erofs\"
[sysctl]
rules = \"recommended\"
required = { \"kernel.kptr_restrict\" = 2 }
[etc]
source = \"/usr/share/factory/etc\"
context = \"system_u:object_r:settings.config:s0\"
[kernel]
lockdown = \"integrity\"
";
