//! Modules of the kernel: their parameters, and loading them.

use hardpan_sys::machine::Machine;

use super::config::Module;
use super::plan::PlanError;
use super::reason::{Failure, Reason, Scope, failed};
use super::receipt::Outcome;
use super::run::Done;
use crate::cmdline::{self, Word};

/// The module with the parameters that the command line has for it, as modprobe gives them. Those of the configuration come
/// after them, so that they have the last word: the command line may be less authentic.
pub(super) fn with_parameters(module: &Module, words: &[Word]) -> Result<Module, PlanError> {
    let name = module_name(&module.path);
    let mut parameters: Vec<String> = Vec::new();
    for word in words.iter().filter(|word| word.for_kernel) {
        let Some((owner, parameter)) = word.name.split_once('.') else { continue };
        if owner.replace('-', "_") != name {
            continue;
        }
        // The kernel stops at two dashes, and takes all up to the next quote for one value: what follows, which is what the
        // configuration says, would be lost.
        let breaks = |text: &str| text.contains('"');
        if matches!(parameter, "" | "--")
            || parameter.contains(char::is_whitespace)
            || breaks(parameter)
            || word.value.as_deref().is_some_and(breaks)
        {
            return Err(PlanError::Parameter(word.text()));
        }
        parameters.push(match &word.value {
            Some(value) if value.contains(char::is_whitespace) => format!("{parameter}=\"{value}\""),
            Some(value) => format!("{parameter}={value}"),
            None => parameter.to_owned(),
        });
    }
    parameters.extend((!module.parameters.is_empty()).then(|| module.parameters.clone()));
    Ok(Module { parameters: parameters.join(" "), ..module.clone() })
}

/// The name that the kernel knows the module in a file by.
fn module_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or_default().trim_end_matches(".ko").replace('-', "_")
}

/// Loads a module.
pub(super) fn load(machine: &mut dyn Machine, module: &Module) -> Result<Done, Failure> {
    match machine.load_module(&module.path, &module.parameters) {
        Ok(()) => Ok(Done::new(Outcome::Done, String::new())),
        Err(error) if error.raw_os_error() == Some(EEXIST) => loaded_already(machine, module),
        Err(error) if !module.required => {
            Ok(Done { errno: error.raw_os_error(), ..Done::new(Outcome::Failed, error.to_string()) })
        }
        Err(error) => Err(failed(Scope::Machine, Reason::ModuleRefused, &module.path)(error)),
    }
}

/// A module that is there already was not told its parameters just now: they are in force if they read back.
fn loaded_already(machine: &mut dyn Machine, module: &Module) -> Result<Done, Failure> {
    let directory = format!("/sys/module/{}/parameters", module_name(&module.path));
    let words = cmdline::words(&module.parameters);
    for (index, word) in words.iter().enumerate() {
        if words.iter().skip(index + 1).any(|later| later.is(&word.name)) {
            continue;
        }
        let wanted = word.value.as_deref().unwrap_or("Y");
        let read = machine.read(&format!("{directory}/{}", word.name.replace('-', "_")), 4096);
        let read = read.map(|bytes| String::from_utf8_lossy(&bytes).trim_ascii().to_owned());
        if read.as_deref().is_ok_and(|found| found == wanted || is_same_switch(found, wanted)) {
            continue;
        }
        let found = read.unwrap_or_else(|error| error.to_string());
        let text = format!("{} is loaded already, and not with {}: {found}", module.path, word.text());
        return if module.required {
            Err(Failure::machine(Reason::ModuleRefused, text))
        } else {
            Ok(Done::new(Outcome::Failed, text))
        };
    }
    Ok(Done::new(Outcome::Done, "loaded already".to_owned()))
}

/// Switches read back as `Y` or `N`, however they were written.
fn is_same_switch(found: &str, wanted: &str) -> bool {
    match found {
        "Y" => matches!(wanted, "y" | "1" | "on"),
        "N" => matches!(wanted, "n" | "0" | "off"),
        _ => false,
    }
}

const EEXIST: i32 = 17;
