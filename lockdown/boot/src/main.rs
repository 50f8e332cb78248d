//! `hardpan-boot`: the first program of an initramfs.

use std::process::ExitCode;

use hardpan_lockdown::boot::Config;

fn main() -> ExitCode {
    let read = std::fs::read("/etc/hardpan/boot.conf").ok().and_then(|text| Config::parse(&text).ok());
    if read.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
