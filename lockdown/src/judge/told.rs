//! What the kernel is told: its command line and its build configuration.

use hardpan_report::{Cause, Evidence, escape_str};

use super::Answer;
use crate::cmdline::parameters::{Merge, Parameter};
use crate::cmdline::{Word, has};
use crate::{Boot, Test};

/// Conditions on a parameter's value. Any of them is enough.
struct Wanted<'t> {
    one_of: Vec<&'t str>,
    min: Option<i64>,
    contains: Option<&'t str>,
    absent_ok: bool,
}

impl Test {
    pub(super) fn cmdline(&self, parameter: &str, boot: &Boot<'_>) -> Answer {
        let Self::Cmdline { one_of, min, contains, absent_ok, module, handed_over, .. } = self else {
            return Answer::unknown(Cause::Undecided, "no parameter is tested");
        };
        let wanted = Wanted {
            one_of: one_of.iter().map(String::as_str).collect(),
            min: *min,
            contains: contains.as_deref(),
            absent_ok: *absent_ok,
        };
        let answer = wanted.hold(parameter, &self.wanted(), boot);
        match module {
            Some(option) if !handed_over => delivered(answer, parameter, option, boot),
            _ => answer,
        }
    }

    pub(super) fn kconfig(&self, option: &str, boot: &Boot<'_>) -> Answer {
        let Self::Kconfig { one_of, min, .. } = self else {
            return Answer::unknown(Cause::Undecided, "no option is tested");
        };
        let holds = |value: &str| {
            let is_enough = min.is_some_and(|min| number(value).is_some_and(|value| value >= min));
            is_enough || one_of.iter().any(|accepted| accepted == value)
        };
        option_is(option, &self.wanted(), holds, boot)
    }
}

/// The same for a parameter and its values alone.
pub(super) fn cmdline(parameter: &str, one_of: &[&str], boot: &Boot<'_>) -> Answer {
    let wanted = Wanted { one_of: one_of.to_vec(), min: None, contains: None, absent_ok: false };
    wanted.hold(parameter, &format!("{parameter}={}", one_of.join(" or ")), boot)
}

impl Wanted<'_> {
    fn hold(&self, parameter: &str, words: &str, boot: &Boot<'_>) -> Answer {
        let told = match boot.told() {
            Ok(told) => told,
            Err(gap) => return Answer::of_gap(gap.clone()),
        };
        let semantics = Parameter::named(parameter);
        let own: Vec<&Word> =
            told.words.iter().filter(|word| word.for_kernel && word.is(parameter)).collect();
        let found = semantics.in_force(&own);
        let is_decided = !found.is_empty() && semantics.merge == Merge::Last;
        let open = if is_decided { told.open_after(parameter) } else { told.open_about(&[parameter]) };
        if let Some(gap) = open {
            return Answer::of_gap(gap.clone());
        }
        let values = || found.iter().map(|word| word.value.as_deref().unwrap_or_default());
        let holds =
            if found.is_empty() { self.absent_ok } else { values().any(|value| self.is(&semantics, value)) };
        let texts: Vec<String> = own.iter().map(|word| escape_str(&word.text())).collect();
        let text = match &texts[..] {
            [] => format!("the kernel command line has no `{parameter}`"),
            [one] => format!("the kernel command line has `{one}`"),
            several => format!("the kernel command line has `{}`", several.join("`, `")),
        };
        let seen = if texts.is_empty() { "not there".to_owned() } else { texts.join(" ") };
        let evidence = Evidence::new(format!("kernel parameter {parameter}"), seen, words.to_owned());
        Answer::decide(holds, text, evidence.at(told.place.clone()))
    }

    fn is(&self, semantics: &Parameter, value: &str) -> bool {
        self.one_of.iter().any(|wanted| semantics.accepts(value, wanted))
            || self.min.is_some_and(|min| number(value).is_some_and(|value| value >= min))
            || self.contains.is_some_and(|word| value.split(',').any(|part| part == word))
    }
}

/// Takes back what is said of a parameter that goes to a module: the kernel passes it to what is built in, and to nothing
/// else.
fn delivered(answer: Answer, parameter: &str, option: &str, boot: &Boot<'_>) -> Answer {
    let Some(config) = boot.kconfig else {
        let what = format!("whether `{parameter}` goes to the kernel or to a module");
        return Answer::of_gap(boot.facts.no_kconfig(&what));
    };
    match config.get(option).0 {
        "y" => answer,
        "m" => {
            let text = format!(
                "`{parameter}` is for a module (CONFIG_{option}=m), and takes effect only if whoever loads it hands it over"
            );
            let evidence = Evidence::new(format!("CONFIG_{option}"), "m", "y").at(config.place(option));
            Answer { evidence: vec![evidence], ..Answer::unknown(Cause::Undecided, text) }
        }
        _ => Answer::not_applicable(format!(
            "the kernel is built without CONFIG_{option}, which takes `{parameter}`"
        )),
    }
}

pub(super) fn cmdline_absent(names: &[String], boot: &Boot<'_>) -> Answer {
    let told = match boot.told() {
        Ok(told) => told,
        Err(gap) => return Answer::of_gap(gap.clone()),
    };
    let is_there = |name: &&str| match name.split_once('=') {
        Some((name, value)) => has(&told.words, name, Some(value)),
        None => has(&told.words, name, None),
    };
    let bad: Vec<&str> = names.iter().map(String::as_str).filter(is_there).collect();
    let bare: Vec<&str> = names.iter().map(|name| name.split('=').next().unwrap_or(name)).collect();
    if bad.is_empty() {
        if let Some(gap) = told.open_about(&bare) {
            return Answer::of_gap(gap.clone());
        }
        let text = match names {
            [one] => format!("the kernel command line has no `{one}`"),
            _ => "the kernel command line has none of it".to_owned(),
        };
        let evidence = Evidence::new("kernel command line", escape_str(&told.text), "");
        return Answer::pass(text, evidence.at(told.place.clone()));
    }
    let text = format!("the kernel command line has `{}`", bad.join("`, `"));
    let evidence = Evidence::new("kernel command line", bad.join(" "), "none of it");
    Answer::fail(text, evidence.at(told.place.clone()))
}

/// Whether an option has one of these values.
pub(super) fn kconfig(option: &str, one_of: &[&str], boot: &Boot<'_>) -> Answer {
    option_is(option, &one_of.join(" or "), |value| one_of.contains(&value), boot)
}

fn option_is(option: &str, wanted: &str, holds: impl Fn(&str) -> bool, boot: &Boot<'_>) -> Answer {
    let Some(config) = boot.kconfig else {
        return Answer::of_gap(boot.facts.no_kconfig(&format!("CONFIG_{option}")));
    };
    let value = config.get(option).0;
    let text = match value {
        "n" => format!("the kernel is built without CONFIG_{option}"),
        value => format!("the kernel is built with CONFIG_{option} as {}", escape_str(value)),
    };
    let evidence = Evidence::new(format!("CONFIG_{option}"), escape_str(value), wanted.to_owned());
    Answer::decide(holds(value), text, evidence.at(config.place(option)))
}

/// A number as the kernel and its build write it.
fn number(text: &str) -> Option<i64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    i64::from_str_radix(digits, radix).ok()
}
