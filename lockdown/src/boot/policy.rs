//! The SELinux policy: read, loaded whole, compared, enforced.

use hardpan_sys::machine::Machine;
use sha2::{Digest, Sha256};

use super::config::hex;
use super::reason::{Failure, Reason, Scope, failed};
use super::receipt::Outcome;
use super::run::Done;

/// Mounts selinuxfs, which only a kernel with SELinux has.
pub(super) fn mount(machine: &mut dyn Machine) -> Result<Done, Failure> {
    use hardpan_sys::machine::{MountFlag, NewMount};
    let mount = NewMount {
        source: "selinuxfs",
        target: SELINUXFS,
        fs_type: "selinuxfs",
        flags: &[MountFlag::NoSuid, MountFlag::NoExec],
        data: "",
    };
    let mounted = machine.mount(&mount);
    mounted.map_err(failed(
        Scope::Machine,
        Reason::NoSelinux,
        "selinuxfs, which a kernel with SELinux has",
    ))?;
    Ok(Done::new(Outcome::Done, SELINUXFS.to_owned()))
}

/// Reads the policy of a root, and looks whether it can be one that the kernel takes.
pub(super) fn check(machine: &mut dyn Machine, root: &str, path: &str) -> Result<(Vec<u8>, Done), Failure> {
    let read = machine.read_below(root, path, MAX_POLICY);
    let policy = read.map_err(failed(Scope::Slot, Reason::PolicyRefused, path))?;
    let version = version(&policy).ok_or_else(|| {
        Failure::slot(Reason::PolicyRefused, format!("{path} is no binary SELinux policy of the kernel"))
    })?;
    let newest = text(machine, "policyvers")?.parse::<u32>();
    let newest =
        newest.map_err(|error| Failure::machine(Reason::NoSelinux, format!("policyvers: {error}")))?;
    if !(OLDEST..=newest).contains(&version) {
        let text = format!("{path} has version {version}, and the kernel takes {OLDEST} to {newest}");
        return Err(Failure::slot(Reason::PolicyVersion, text));
    }
    let got = format!("version {version}, {} bytes", policy.len());
    Ok((policy, Done::new(Outcome::Done, got)))
}

/// Loads a policy. Until the kernel has taken it, another slot may still be tried.
pub(super) fn load(machine: &mut dyn Machine, policy: &[u8]) -> Result<(), Failure> {
    let loaded = machine.write(&file("load"), policy);
    loaded.map_err(failed(Scope::Slot, Reason::PolicyRefused, "the kernel refuses the policy")).map_err(
        |failure| {
            // Some kernels say no when only what comes after the policy failed.
            let is_without = context(machine).is_ok_and(|context| !context.contains(':'));
            Failure { scope: if is_without { Scope::Slot } else { Scope::Machine }, ..failure }
        },
    )
}

/// The context of this process. Without a policy it is the name of an initial identifier, with nothing to separate.
fn context(machine: &mut dyn Machine) -> Result<String, Failure> {
    let context = machine.read("/proc/self/attr/current", 4096);
    let context = context.map_err(failed(Scope::Machine, Reason::Probe, "/proc/self/attr/current"))?;
    Ok(String::from_utf8_lossy(&context).trim_end_matches(['\0', '\n']).to_owned())
}

/// Proves that a policy was loaded: by its fingerprint, or else because processes have contexts.
pub(super) fn prove(machine: &mut dyn Machine, fingerprint: Option<[u8; 32]>) -> Result<Done, Failure> {
    let Some(wanted) = fingerprint else {
        let context = context(machine)?;
        return if context.contains(':') {
            Ok(Done::new(Outcome::Proved, format!("this process is {context}")))
        } else {
            Err(Failure::machine(Reason::Probe, format!("this process is {context}, as without a policy")))
        };
    };
    let loaded = machine.read(&file("policy"), MAX_POLICY);
    let loaded =
        loaded.map_err(failed(Scope::Machine, Reason::PolicyFingerprint, "what the kernel gives back"))?;
    let found: [u8; 32] = Sha256::digest(&loaded).into();
    if found == wanted {
        return Ok(Done::new(Outcome::Proved, hex(&found)));
    }
    Err(Failure::machine(
        Reason::PolicyFingerprint,
        format!("the loaded policy has the fingerprint {}", hex(&found)),
    ))
}

/// Has the policy enforced, or says that it is not.
pub(super) fn enforce(machine: &mut dyn Machine, enforcing: bool) -> Result<Done, Failure> {
    let now = text(machine, "enforce")?;
    if !enforcing {
        // A kernel that was told to enforce stays so: the configuration never takes back.
        let outcome = if now == "1" { Outcome::Proved } else { Outcome::Weaker };
        return Ok(Done::new(outcome, if now == "1" { "enforcing" } else { "permissive" }.to_owned()));
    }
    if now != "1" {
        let written = machine.write(&file("enforce"), b"1");
        written.map_err(failed(Scope::Machine, Reason::NotEnforcing, "the kernel refuses to enforce"))?;
    }
    match text(machine, "enforce")?.as_str() {
        "1" => Ok(Done::new(Outcome::Proved, "1".to_owned())),
        other => Err(Failure::machine(Reason::NotEnforcing, format!("enforce reads {other}"))),
    }
}

/// The version of a kernel policy, if it is one: a magic number, the length of a name, the name, the version.
fn version(policy: &[u8]) -> Option<u32> {
    let rest = policy.strip_prefix(&MAGIC.to_le_bytes())?.strip_prefix(&8u32.to_le_bytes())?;
    rest.strip_prefix(b"SE Linux")?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn text(machine: &mut dyn Machine, name: &str) -> Result<String, Failure> {
    let reason = if name == "enforce" { Reason::NotEnforcing } else { Reason::NoSelinux };
    let bytes = machine.read(&file(name), 4096).map_err(failed(Scope::Machine, reason, name))?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn file(name: &str) -> String {
    format!("{SELINUXFS}/{name}")
}

/// Where everybody expects it.
const SELINUXFS: &str = "/sys/fs/selinux";
/// `POLICYDB_MAGIC` of the kernel's security/selinux/ss/policydb.h.
const MAGIC: u32 = 0xf97c_ff8c;
/// `POLICYDB_VERSION_MIN`.
const OLDEST: u32 = 15;
/// The kernel takes no more than 64 MiB in one call of write (`sel_write_load`).
const MAX_POLICY: usize = 64 << 20;
