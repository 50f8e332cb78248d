//! `cargo xtask lab`: what only a kernel can prove, in a machine of QEMU's.
//!
//! The host that tests run on need not have device-mapper or SELinux, and must not be restarted or locked by them. So a
//! Debian kernel is downloaded and booted, by emulation, which needs no permissions and no KVM, with an initramfs that has
//! the program, reference tools and a script of cases. It takes minutes; `cargo xtask test` does not include it.

mod artefacts;
pub(crate) mod boot;
mod cpio;
mod initramfs;
mod kernel;
mod machine;
mod policy;
mod program;
mod verdict;
mod verity;

use crate::shell::Outcome;

/// `cargo xtask lab NAME`.
pub(crate) fn run(args: &[String]) -> Outcome {
    match args.split_first() {
        Some((name, rest)) if name == "boot" => boot::run(rest),
        Some((name, rest)) if name == "policy" => policy::run(rest),
        Some((name, rest)) if name == "verity" => verity::run(rest),
        _ => {
            Err("which lab? `cargo xtask lab boot`, `cargo xtask lab policy` or `cargo xtask lab verity`"
                .into())
        }
    }
}

/// The build configuration of the kernel that a package depends on.
pub(crate) fn kernel_config(package: &str) -> Result<String, String> {
    Ok(kernel::Kernel::of_package(package)?.config().to_owned())
}

/// The kernel package that a lab boots: the one that its arguments name, or Debian's for clouds.
fn package<'a>(lab: &str, args: &'a [String]) -> Result<&'a str, String> {
    if !cfg!(target_arch = "x86_64") {
        return Err(
            "this lab boots x86-64 kernels with x86-64 programs, on hosts of the same kind only".into()
        );
    }
    match args {
        [] => Ok("linux-image-cloud-amd64"),
        [package] => Ok(package),
        _ => Err(format!("cargo xtask lab {lab} [KERNEL-PACKAGE]")),
    }
}
