//! What a machine's console says of its cases.

use std::path::Path;

use crate::shell::print;

/// How a boot must end.
#[derive(Clone, Copy)]
pub(super) enum Ending {
    /// The script ended.
    PowerOff,
    /// The kernel ended the machine and said this.
    Kernel(&'static str),
}

/// Prints the cases of a boot and returns how many failed. A boot that did not come to its end is a failure as well.
pub(super) fn judge(boot: &str, ending: Ending, console: &str, log: &Path) -> usize {
    let count = |prefix: &str| console.lines().filter(|line| line.starts_with(prefix)).count();
    let (passed, failed) = (count("PASS "), count("FAIL "));
    console.lines().filter(|line| line.starts_with("PASS ") || line.starts_with("FAIL ")).for_each(print);
    let wrong = match ending {
        Ending::PowerOff => {
            let said = format!("END {}", passed + failed);
            (!console.lines().any(|line| line == said)).then(|| format!("not `{said}`"))
        }
        Ending::Kernel(said) => {
            let right =
                console.contains("READING") && console.contains(said) && !console.contains("SURVIVED");
            (!right).then(|| format!("the kernel did not say `{said}`"))
        }
    };
    match &wrong {
        Some(reason) => print(&format!("FAIL {boot} ended otherwise: {reason}; see {}", log.display())),
        None => print(&format!("PASS {boot} ended as it should")),
    }
    failed + usize::from(wrong.is_some())
}
