//! `hardpan-boot`: the first program of an initramfs, which boots into a verified root, or not at all.
//!
//! All of it is in `hardpan_lockdown::boot`. This program never returns as the first process: the kernel would panic, and it
//! starts no shell.

use std::panic::PanicHookInfo;
use std::process::ExitCode;
use std::time::Duration;

use hardpan_lockdown::boot;
use hardpan_sys::machine::{Console, Level, Running};

fn main() -> ExitCode {
    if std::process::id() != 1 {
        #[expect(
            clippy::print_stderr,
            reason = "somebody runs it by hand, and has no other way to learn what it is"
        )]
        {
            eprintln!("hardpan-boot is the first program of an initramfs, and does nothing elsewhere");
        }
        return ExitCode::from(2);
    }
    std::panic::set_hook(Box::new(tell));
    let ended = boot::run(&mut Running::default(), CONFIGURATION);
    // Neither could the machine be ended: what else there is would be to go on with something unverified.
    loop {
        Running::default()
            .log(Level::Error, &format!("hardpan-boot: nothing is left to do ({:?})", ended.reason));
        std::thread::sleep(Duration::from_mins(10));
    }
}

/// Says what a defect of ours is. After it the process aborts, and the kernel panics and restarts, since the first step set
/// how long it waits for that.
fn tell(info: &PanicHookInfo<'_>) {
    let mut machine = Running::default();
    let text = format!("hardpan-boot: E-{}: {info}", boot::Reason::Panic).replace('\n', " ");
    machine.log(Level::Error, &text);
    machine.announce(&text);
}

const CONFIGURATION: &str = "/etc/hardpan/boot.conf";
