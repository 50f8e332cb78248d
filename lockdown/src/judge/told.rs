//! What the kernel is told: its command line and its build configuration.

use hardpan_report::{Cause, Evidence, escape_str};

use super::Answer;
use crate::cmdline::{has, last};
use crate::facts::{NO_CMDLINE, no_kconfig};
use crate::{KernelFacts, Test};

pub(super) fn cmdline(parameter: &str, one_of: &[String], facts: &KernelFacts<'_>) -> Answer {
    let wanted = Test::Cmdline { parameter: parameter.to_owned(), one_of: one_of.to_vec() }.describe();
    let Some(first) = facts.command_lines.first() else { return Answer::unknown(Cause::NoFacts, NO_CMDLINE) };
    for line in &facts.command_lines {
        let found = last(&line.words, parameter);
        let holds = found.is_some_and(|found| {
            one_of.iter().any(|value| *value == found.value.as_deref().unwrap_or_default())
        });
        if !holds {
            let seen = match found {
                Some(found) => {
                    format!("{parameter}={}", escape_str(found.value.as_deref().unwrap_or_default()))
                }
                None => "not there".to_owned(),
            };
            let text = format!("`{parameter}` is not set as wanted on the kernel command line ({seen})");
            let evidence = Evidence::new(format!("kernel parameter {parameter}"), seen, wanted);
            return Answer::fail(text, evidence.at(line.origin.clone()));
        }
    }
    let evidence =
        Evidence::new(format!("kernel parameter {parameter}"), escape_str(&first.text), wanted.clone());
    Answer::pass(wanted, evidence.at(first.origin.clone())).unless(&facts.troubles.command_lines)
}

pub(super) fn cmdline_absent(names: &[String], facts: &KernelFacts<'_>) -> Answer {
    let Some(first) = facts.command_lines.first() else { return Answer::unknown(Cause::NoFacts, NO_CMDLINE) };
    for line in &facts.command_lines {
        let bad: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|name| match name.split_once('=') {
                Some((name, value)) => has(&line.words, name, Some(value)),
                None => has(&line.words, name, None),
            })
            .collect();
        if !bad.is_empty() {
            let text = format!("the kernel command line has `{}`", bad.join("`, `"));
            let evidence = Evidence::new("kernel command line", bad.join(" "), "none of it");
            return Answer::fail(text, evidence.at(line.origin.clone()));
        }
    }
    let evidence = Evidence::new("kernel command line", escape_str(&first.text), "");
    Answer::pass("the kernel command line has none of it".into(), evidence.at(first.origin.clone()))
        .unless(&facts.troubles.command_lines)
}

pub(super) fn kconfig(option: &str, one_of: &[String], facts: &KernelFacts<'_>) -> Answer {
    let wanted = one_of.join(" or ");
    let Some(first) = facts.kconfigs.first() else {
        return Answer::unknown(Cause::NoFacts, no_kconfig(&format!("CONFIG_{option}")));
    };
    for config in &facts.kconfigs {
        let value = config.get(option).0;
        if !one_of.iter().any(|accepted| accepted == value) {
            let text = format!("the kernel is built with CONFIG_{option} as {}", escape_str(value));
            let evidence = Evidence::new(format!("CONFIG_{option}"), escape_str(value), wanted);
            return Answer::fail(text, evidence.at(config.place(option)));
        }
    }
    let value = escape_str(first.get(option).0);
    let text = format!("the kernel is built with CONFIG_{option} as {value}");
    let evidence = Evidence::new(format!("CONFIG_{option}"), value, wanted).at(first.place(option));
    Answer::pass(text, evidence).unless(&facts.troubles.kconfigs)
}
