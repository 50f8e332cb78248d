//! `hardpan.toml`: the policy, read with the places of everything in it, so that errors and stale waivers can point.

use std::collections::BTreeMap;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use anyhow::{Context as _, anyhow, bail};
use globset::GlobBuilder;
use hardpan_audit::Parameters;
use hardpan_checksec::profiles::Profile;
use hardpan_report::baseline::Baseline;
use hardpan_report::policy::{Override, Policy, Waiver};
use hardpan_report::section::Section;
use hardpan_report::{EVERYTHING_READ, Location, Severity};
use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use crate::args::{GateArgs, PolicyArgs};
use crate::cmd::rules;

pub(crate) mod sections;

/// What `hardpan init` writes.
pub(crate) const TEMPLATE: &str = include_str!("hardpan.toml");

/// The file that is read where none is named.
const DEFAULT_PATH: &str = "hardpan.toml";

/// The policy from the command line and the configuration file, and what the audit's rules are to allow.
pub(crate) fn policy(args: &GateArgs) -> anyhow::Result<(Policy, Parameters)> {
    let (policy, parameters) = without_baseline(&args.policy)?;
    let baseline = args.baseline.as_deref().map(read_baseline).transpose()?;
    Ok((Policy { baseline, ..policy }, parameters))
}

/// The same for commands that compare by themselves.
pub(crate) fn without_baseline(args: &PolicyArgs) -> anyhow::Result<(Policy, Parameters)> {
    let today = today()?;
    let parsed = match file(args) {
        Some(path) => read(&path)?,
        None => Parsed::default(),
    };
    let fail_on = args.fail_on.map_or(parsed.fail_on, crate::args::FailOn::threshold);
    let parameters = Parameters { today: today.to_string(), ..parsed.parameters };
    let mut policy = Policy {
        fail_on,
        overrides: parsed.overrides,
        sections: Vec::new(),
        waivers: parsed.waivers,
        baseline: None,
        today,
    };
    // The command line's choice replaces the file's, and the file's own sections have the last word on either.
    if let Some(profile) = args.profile.as_deref().and_then(Profile::named).or(parsed.profile) {
        policy.sections = sections::profile(profile)?.sections;
    }
    policy.sections.extend(parsed.sections);
    Ok((policy, parameters))
}

/// A configuration file, understood.
#[derive(Debug)]
struct Parsed {
    fail_on: Option<Severity>,
    overrides: BTreeMap<String, Override>,
    profile: Option<&'static Profile>,
    sections: Vec<Section>,
    waivers: Vec<Waiver>,
    parameters: Parameters,
}

impl Default for Parsed {
    fn default() -> Self {
        Self {
            fail_on: Some(Severity::High),
            overrides: BTreeMap::new(),
            profile: None,
            sections: Vec::new(),
            waivers: Vec::new(),
            parameters: Parameters::default(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Raw {
    #[serde(default)]
    gate: RawGate,
    #[serde(default)]
    severity: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    checksec: sections::RawChecksec,
    #[serde(default)]
    audit: RawAudit,
    #[serde(default)]
    waiver: Vec<Spanned<RawWaiver>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawGate {
    fail_on: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawAudit {
    privileged_files: Option<Vec<String>>,
    max_services: Option<usize>,
    min_memory_safe_percent: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawWaiver {
    rule: Spanned<String>,
    path: Option<Spanned<String>>,
    build_id: Option<Spanned<String>>,
    reason: Spanned<String>,
    owner: Spanned<String>,
    expires: Spanned<toml::Value>,
}

/// Something wrong at a place of the file.
#[derive(Debug)]
struct Complaint {
    span: Range<usize>,
    title: String,
    label: String,
}

impl Complaint {
    fn syntax(error: &toml::de::Error) -> Self {
        Self {
            span: error.span().unwrap_or(0..0),
            title: "this is not a policy that can be read".into(),
            label: error.message().to_owned(),
        }
    }
}

fn file(args: &PolicyArgs) -> Option<PathBuf> {
    args.config.clone().or_else(|| {
        let path = PathBuf::from(DEFAULT_PATH);
        // Also one that cannot be read, or leads nowhere: a policy is not silently gone.
        path.symlink_metadata().is_ok().then_some(path)
    })
}

fn read(path: &Path) -> anyhow::Result<Parsed> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text, path).map_err(|complaints| anyhow!("{}", show(&complaints, &text, path)))
}

fn parse(text: &str, path: &Path) -> Result<Parsed, Vec<Complaint>> {
    let raw: Raw = toml::from_str(text).map_err(|error| vec![Complaint::syntax(&error)])?;
    let mut reader = Reader { text, path, complaints: Vec::new() };
    let parsed = reader.understand(raw);
    if reader.complaints.is_empty() { Ok(parsed) } else { Err(reader.complaints) }
}

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    complaints: Vec<Complaint>,
}

impl Reader<'_> {
    fn understand(&mut self, raw: Raw) -> Parsed {
        let mut parsed = Parsed::default();
        if let Some(fail_on) = raw.gate.fail_on {
            parsed.fail_on = match fail_on.get_ref().as_str() {
                "none" => None,
                text => self.severity(text, fail_on.span()),
            };
        }
        for (rule, wanted) in raw.severity {
            let made = self.wanted(&wanted);
            let id = self.rule(&rule);
            if made == Some(Override::Off) && id.as_deref() == Some(&*EVERYTHING_READ.id) {
                let label = "waive the places that may stay unread, each by its path";
                self.complain(rule.span(), "an incomplete run is never clean", label);
            }
            if let (Some(id), Some(made)) = (id, made)
                && parsed.overrides.insert(id, made).is_some()
            {
                self.complain(rule.span(), "this rule is named twice", "once by its id and once by its name");
            }
        }
        (parsed.profile, parsed.sections) = self.checksec(raw.checksec);
        for waiver in raw.waiver {
            parsed.waivers.extend(self.waiver(waiver));
        }
        self.parameters(raw.audit, &mut parsed.parameters);
        parsed
    }

    fn parameters(&mut self, raw: RawAudit, parameters: &mut Parameters) {
        if let Some(files) = raw.privileged_files {
            parameters.privileged_files = files.into_iter().map(String::into_bytes).collect();
        }
        if let Some(count) = raw.max_services {
            parameters.max_services = count;
        }
        if let Some(percent) = raw.min_memory_safe_percent {
            if *percent.get_ref() > 100 {
                self.complain(percent.span(), "a share is at most 100 percent", "too large");
            }
            parameters.min_memory_safe_percent = *percent.get_ref();
        }
    }

    fn waiver(&mut self, raw: Spanned<RawWaiver>) -> Option<Waiver> {
        let at = self.line(raw.span().start);
        let raw = raw.into_inner();
        let rule = self.rule(&raw.rule);
        for (field, name) in [(&raw.reason, "reason"), (&raw.owner, "owner")] {
            if field.get_ref().trim().is_empty() {
                self.complain(
                    field.span(),
                    "a waiver needs somebody who answers for it",
                    &format!("the {name} is empty"),
                );
            }
        }
        let path = match &raw.path {
            None => None,
            Some(path) => Some(self.glob(path)?),
        };
        let build_id = match &raw.build_id {
            None => None,
            Some(id) => Some(self.build_id(id)?),
        };
        if path.is_none() && rule.as_deref() == Some(&*EVERYTHING_READ.id) {
            let label = "name the places that may stay unread: path = \"/…\"";
            self.complain(raw.rule.span(), "an incomplete run is never clean", label);
        }
        let expires = self.date(&raw.expires);
        Some(Waiver {
            rule: rule?,
            path,
            build_id,
            reason: raw.reason.into_inner(),
            owner: raw.owner.into_inner(),
            expires: expires?,
            at,
        })
    }

    /// The line of the file that a byte of it is on.
    fn line(&self, at: usize) -> Location {
        let line = 1 + self.text[..at].matches('\n').count();
        Location::line(self.path.as_os_str().as_bytes(), u32::try_from(line).unwrap_or(u32::MAX))
    }

    /// What linkers write and readelf prints: whole bytes in lower case. Nothing shorter is taken for the whole.
    fn build_id(&mut self, id: &Spanned<String>) -> Option<String> {
        let text = id.get_ref();
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_whole = !text.is_empty() && text.len().is_multiple_of(2);
        if !is_hex || !is_whole {
            let label = "write it as `readelf -n` prints it: lower-case hexadecimal, in full";
            self.complain(id.span(), "this is no build id", label);
        }
        (is_hex && is_whole).then(|| text.clone())
    }

    fn wanted(&mut self, wanted: &Spanned<String>) -> Option<Override> {
        match wanted.get_ref().as_str() {
            "off" => Some(Override::Off),
            text => self.severity(text, wanted.span()).map(Override::Severity),
        }
    }

    fn glob(&mut self, path: &Spanned<String>) -> Option<globset::GlobMatcher> {
        match GlobBuilder::new(path.get_ref()).literal_separator(true).build() {
            Ok(glob) => Some(glob.compile_matcher()),
            Err(error) => {
                self.complain(path.span(), "this is no path pattern", &error.kind().to_string());
                None
            }
        }
    }

    /// A date, bare as TOML has it or in quotes.
    fn date(&mut self, value: &Spanned<toml::Value>) -> Option<Date> {
        let text = match value.get_ref() {
            toml::Value::String(text) => text.clone(),
            toml::Value::Datetime(date) => date.to_string(),
            _ => String::new(),
        };
        let date = text.parse::<Date>().ok().filter(|_| text.len() == "2027-01-31".len());
        if date.is_none() {
            self.complain(
                value.span(),
                "a waiver needs the day on which it ends",
                "write a date, such as 2027-01-31",
            );
        }
        date
    }

    fn severity(&mut self, text: &str, span: Range<usize>) -> Option<Severity> {
        let severity = text.parse().ok();
        if severity.is_none() {
            self.complain(span, "this is no severity", "use info, low, medium, high or critical");
        }
        severity
    }

    fn rule(&mut self, rule: &Spanned<String>) -> Option<String> {
        let text = rule.get_ref();
        if let Some(meta) = rules::find(text) {
            return Some(meta.id.to_string());
        }
        let label = match rules::closest(text) {
            Some(near) => format!("did you mean {} ({})?", near.id, near.name),
            None => "`hardpan rules` lists them".into(),
        };
        self.complain(rule.span(), &format!("there is no rule `{text}`"), &label);
        None
    }

    fn complain(&mut self, span: Range<usize>, title: &str, label: &str) {
        self.complaints.push(Complaint { span, title: title.into(), label: label.into() });
    }
}

/// The complaints as compilers show them: line, caret, and what to do.
fn show(complaints: &[Complaint], text: &str, path: &Path) -> String {
    let path = path.display().to_string();
    let renderer = Renderer::plain();
    let shown: Vec<String> = complaints
        .iter()
        .map(|complaint| {
            let start = complaint.span.start.min(text.len());
            let span = start..complaint.span.end.clamp(start, text.len());
            let annotation = AnnotationKind::Primary.span(span).label(complaint.label.as_str());
            let snippet = Snippet::source(text).path(path.as_str()).annotation(annotation);
            let group =
                Group::with_title(Level::ERROR.primary_title(complaint.title.as_str())).element(snippet);
            renderer.render(&[group])
        })
        .collect();
    // The caller puts its own `error: ` before the whole.
    shown.join("\n\n").trim_start_matches("error: ").to_owned()
}

fn read_baseline(path: &Path) -> anyhow::Result<Baseline> {
    let bytes =
        std::fs::read(path).with_context(|| format!("cannot read the baseline {}", path.display()))?;
    Baseline::parse(&bytes).map_err(|error| {
        anyhow!("{} is no baseline: {error}; write one with `-o {}`", path.display(), "baseline.json")
    })
}

/// The current day in UTC, or that of `SOURCE_DATE_EPOCH`, so that a run can be repeated to the byte.
fn today() -> anyhow::Result<Date> {
    let seconds = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => match text.parse::<i64>() {
            Ok(seconds) => seconds,
            Err(_) => bail!("SOURCE_DATE_EPOCH is `{text}`, and not a number of seconds"),
        },
        Err(_) => jiff::Timestamp::now().as_second(),
    };
    let timestamp = jiff::Timestamp::from_second(seconds).context("SOURCE_DATE_EPOCH is out of range")?;
    Ok(timestamp.to_zoned(jiff::tz::TimeZone::UTC).date())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        let complaints = parse(text, Path::new("hardpan.toml")).expect_err("it should not be accepted");
        show(&complaints, text, Path::new("hardpan.toml"))
    }

    #[test]
    fn the_template_is_a_policy_and_so_is_it_with_all_examples_switched_on() {
        parse(TEMPLATE, Path::new("hardpan.toml")).unwrap();
        let all: String = TEMPLATE
            .lines()
            .map(|line| line.strip_prefix("#~ ").unwrap_or(line))
            .fold(String::new(), |all, line| all + line + "\n");
        let parsed = parse(&all, Path::new("hardpan.toml"))
            .map_err(|complaints| show(&complaints, &all, Path::new("hardpan.toml")));
        let parsed = parsed.unwrap();
        assert!(!parsed.waivers.is_empty() && !parsed.overrides.is_empty());
    }

    #[test]
    fn errors_point_at_the_line_with_a_caret() {
        let shown = complaint("[gate]\nfail-on = \"urgent\"\n");
        assert!(shown.contains("hardpan.toml:2:11"), "{shown}");
        assert!(shown.contains("^^^^^^^^"), "{shown}");
        let shown = complaint("[gate\n");
        assert!(shown.contains("hardpan.toml:1:"), "{shown}");
        let shown = complaint("[gate]\nfail-om = \"high\"\n");
        assert!(shown.contains("unknown field `fail-om`"), "{shown}");
    }

    #[test]
    fn an_incomplete_run_cannot_be_declared_clean() {
        let never = "an incomplete run is never clean";
        for off in ["RUN-001 = \"off\"", "everything-read = \"off\""] {
            assert!(complaint(&format!("[severity]\n{off}\n")).contains(never));
        }
        let waiver = "[[waiver]]\nrule = \"RUN-001\"\nreason = \"x\"\nowner = \"y\"\nexpires = 2027-01-31\n";
        assert!(complaint(waiver).contains(never));
        parse(&format!("{waiver}path = \"/root/**\"\n"), Path::new("hardpan.toml")).unwrap();
    }

    #[test]
    fn a_rule_is_named_once() {
        let shown = complaint("[severity]\nELF-001 = \"off\"\nelf-001 = \"low\"\n");
        assert!(shown.contains("named twice"), "{shown}");
    }

    #[test]
    fn every_error_is_shown_at_once() {
        let text = "[severity]\nELF-0O1 = \"low\"\n[[waiver]]\nrule = \"ELF-001\"\npath = \"/[\"\nreason = \"x\"\n\
                    owner = \" \"\nexpires = \"soon\"\n";
        let shown = complaint(text);
        for part in ["did you mean ELF-001", "the owner is empty", "no path pattern"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }

    #[test]
    fn a_waiver_must_name_owner_reason_and_day() {
        for missing in ["reason", "owner", "expires"] {
            let text: String =
                ["rule = \"ELF-001\"", "reason = \"r\"", "owner = \"o\"", "expires = 2027-01-31"]
                    .iter()
                    .filter(|line| !line.starts_with(missing))
                    .fold("[[waiver]]\n".to_owned(), |text, line| text + line + "\n");
            assert!(complaint(&text).contains(missing), "{missing}");
        }
    }

    #[test]
    fn waivers_know_their_line_and_names_of_rules_become_ids() {
        let text = "\n[[waiver]]\nrule = \"relro\"\nreason = \"r\"\nowner = \"o\"\nexpires = 2027-01-31\n";
        let parsed = parse(text, Path::new("hardpan.toml")).unwrap();
        assert_eq!(parsed.waivers[0].rule, "ELF-001");
        assert_eq!(parsed.waivers[0].at.line, Some(2));
        assert_eq!(parsed.waivers[0].expires.to_string(), "2027-01-31");
    }
}
