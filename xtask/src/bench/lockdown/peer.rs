//! kernel-hardening-checker: where it is, and what it prints.

use std::process::Command;

use super::Inputs;
use crate::shell::{check, find, root, say};

/// The program that is compared with.
pub(super) struct Peer(String);

impl Peer {
    /// What `HARDPAN_KERNEL_HARDENING_CHECKER` names, the program on `PATH`, or one that is installed into a virtual
    /// environment of its own. A wrapper that looks for an interpreter first, as pyenv puts before `python3`, takes longer than
    /// the program: the environment names the interpreter itself.
    pub(super) fn find() -> Result<Self, String> {
        if let Ok(named) = std::env::var("HARDPAN_KERNEL_HARDENING_CHECKER") {
            return Ok(Self(named));
        }
        if let Some(path) = find(NAME) {
            return Ok(Self(path.display().to_string()));
        }
        let place = root().join("target/peers/kernel-hardening-checker");
        let program = place.join("bin").join(NAME);
        if !program.is_file() {
            say("installing kernel-hardening-checker");
            check(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
            let pip = place.join("bin/pip");
            check(Command::new(pip).args(["install", "--quiet", SOURCE])).map_err(|error| {
                format!(
                    "{error}; PyPI has no {NAME}: unpack {SOURCE} elsewhere, `pip install` that directory into a virtual \
                     environment, and say where its bin/{NAME} is in HARDPAN_KERNEL_HARDENING_CHECKER"
                )
            })?;
        }
        Ok(Self(program.display().to_string()))
    }

    pub(super) fn command(&self, inputs: &Inputs) -> Vec<String> {
        let mut words = vec![self.0.clone(), "-m".to_owned(), "json".to_owned()];
        for (option, path) in [("-c", &inputs.config), ("-l", &inputs.cmdline), ("-s", &inputs.sysctl)] {
            words.extend([option.to_owned(), path.display().to_string()]);
        }
        words
    }
}

const NAME: &str = "kernel-hardening-checker";

/// The state of it that the reasons are about. It is not on PyPI, neither by this name nor by its earlier one.
const SOURCE: &str =
    "git+https://github.com/a13xp0p0v/kernel-hardening-checker@0b9aebf818145f772407135b79418958c1ec5ed1";

/// Each option with `OK` or `FAIL`. Of an option that is judged twice the worse counts. The output is one list of flat
/// objects, of which two fields are wanted.
pub(super) fn verdicts(output: &str) -> Vec<(String, String)> {
    let mut verdicts: Vec<(String, String)> = Vec::new();
    for object in output.split('{').skip(1) {
        let Some((option, result)) = field(object, "option_name").zip(field(object, "check_result")) else {
            continue;
        };
        let result = if result.starts_with("OK") { "OK" } else { "FAIL" };
        match verdicts.iter_mut().find(|(known, _)| known == option) {
            Some((_, known)) if result == "FAIL" => "FAIL".clone_into(known),
            Some(_) => {}
            None => verdicts.push((option.to_owned(), result.to_owned())),
        }
    }
    verdicts
}

/// The text of a field, up to the next quote: no name of an option has one, and of a result only the start is wanted.
fn field<'o>(object: &'o str, name: &str) -> Option<&'o str> {
    let rest = object.split_once(&format!("\"{name}\": \""))?.1;
    rest.split(['"', '\\']).next()
}
