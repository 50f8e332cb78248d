//! What this repository offers to CI services, run as they run it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::peers::{program, require};
use crate::util::{Dir, HARDPAN, lacks, text};

/// Prints a YAML file as JSON.
const TO_JSON: &str = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";

/// The package behind it.
const YAML: &str = "python3-yaml";

const PROGRAM: &str =
    "#include <stdio.h>\nint main(int argc, char **argv) { return puts(argv[argc - 1]) < 0; }\n";

/// Everything but full RELRO, which is what dropping `-z now` costs.
const WITHOUT_NOW: &[&str] = &[
    "-O2",
    "-fPIE",
    "-pie",
    "-fstack-protector-strong",
    "-Wl,-z,relro,-z,lazy,-z,noexecstack",
    "app.c",
    "-o",
    "build/the app",
];
const WITH_NOW: &[&str] = &[
    "-O2",
    "-fPIE",
    "-pie",
    "-fstack-protector-strong",
    "-Wl,-z,relro,-z,now,-z,noexecstack",
    "app.c",
    "-o",
    "build/the app",
];

#[test]
fn the_action_fails_a_build_without_now_and_says_what_to_add() {
    let Some(action) = parsed("the_action_fails_a_build_without_now_and_says_what_to_add", "action.yml")
    else {
        return;
    };
    let project = project();
    project.tool("cc", WITHOUT_NOW);
    let run = Action::new(&project, &action).with("paths", "build/the app\n\n").with("junit", "j.xml");
    let output = run.run();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let log = String::from_utf8(output.stdout).unwrap();
    let place = project.root().canonicalize().unwrap().join("build/the app");
    let annotation =
        format!("::error file={0},title=ELF-001 relro::{0}: in part: partial RELRO: ", place.display());
    let is_it = |line: &str| {
        line.starts_with(&annotation) && line.ends_with("%0Aadd with gcc or clang: -Wl,-z,relro,-z,now")
    };
    assert!(log.lines().any(is_it), "{log}");
    assert!(log.contains("Fix: add with gcc or clang: -Wl,-z,relro,-z,now"), "{log}");
    assert!(log.contains("\nFAILED: 1 finding of severity high or more\n"), "{log}");
    assert!(project.read("outputs").contains("exit-code=1\nsarif=hardpan.sarif\n"));
    let summary = project.read("summary");
    assert!(
        summary.contains("<pre>") && summary.contains("add with gcc or clang: -Wl,-z,relro,-z,now"),
        "{summary}"
    );
    let sarif: Value = serde_json::from_str(&project.read("hardpan.sarif")).unwrap();
    assert!(
        sarif["runs"][0]["results"].as_array().unwrap().iter().any(|result| result["ruleId"] == "ELF-001")
    );
    assert!(project.read("j.xml").contains("<failure "));

    project.tool("cc", WITH_NOW);
    let output = run.run();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(project.read("outputs").contains("exit-code=0\n"));
    assert!(!String::from_utf8(output.stdout).unwrap().contains("::error "));
}

#[test]
fn the_action_takes_a_baseline_and_tells_a_broken_run_from_a_failed_one() {
    let name = "the_action_takes_a_baseline_and_tells_a_broken_run_from_a_failed_one";
    let Some(action) = parsed(name, "action.yml") else { return };
    let project = project();
    project.tool("cc", WITHOUT_NOW);
    let first = Action::new(&project, &action)
        .with("paths", "build")
        .with("json", "old.json")
        .with("fail-on", "none");
    assert_eq!(first.run().status.code(), Some(0));
    let known = Action::new(&project, &action).with("paths", "build").with("baseline", "old.json");
    assert_eq!(known.run().status.code(), Some(0));
    // What is not there, or cannot be understood, is no failed build.
    for broken in [first.with("paths", "nowhere"), known.with("fail-on", "$(touch pwned)")] {
        let output = broken.run();
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(project.read("outputs").contains("exit-code=2\n"));
        assert!(project.read("summary").ends_with("the log has the reason.\n"));
        assert!(
            !project.dir.path("hardpan.sarif").exists(),
            "an earlier run's report is left to be uploaded"
        );
    }
    assert!(!project.dir.path("pwned").exists(), "an input was run as a command");
}

/// A report that is too long for the summary is cut there, and the step ends as the run did.
#[test]
fn the_action_ends_as_the_run_did_whatever_the_reports_length() {
    let name = "the_action_ends_as_the_run_did_whatever_the_reports_length";
    let Some(action) = parsed(name, "action.yml") else { return };
    let project = project();
    // Stands in for a run with a long report.
    let long = "#!/bin/bash\n[ \"$1\" != --version ] || exit 0\nfor word; do [[ $word != terminal=* ]] || yes '<&' | head -c 3000000 > \"${word#terminal=}\"; done\nexit 1\n";
    project.dir.write_program("long", long);
    let run = Action::new(&project, &action)
        .with("paths", "build")
        .with("hardpan", project.dir.path("long").to_str().unwrap());
    let output = run.run();
    assert_eq!(output.status.code(), Some(1));
    let summary = project.read("summary");
    assert!(summary.len() < 1 << 20 && summary.ends_with("</pre>\n"));
}

/// The log of the runner is a channel of commands.
#[test]
fn the_actions_log_has_no_commands_but_its_own() {
    let Some(action) = parsed("the_actions_log_has_no_commands_but_its_own", "action.yml") else { return };
    let project = project();
    project.tool("cc", WITHOUT_NOW);
    let name = "build/::error::pwned\n::set-output name=x::<script>";
    project.dir.write(name, fs::read(project.dir.path("build/the app")).unwrap());
    let output = Action::new(&project, &action).with("paths", "build").run();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let log = String::from_utf8(output.stdout).unwrap();
    let mut stopped: Option<String> = None;
    for line in log.lines().map(str::trim).filter(|line| line.starts_with("::")) {
        match (&stopped, line.strip_prefix("::stop-commands::")) {
            (None, Some(token)) => stopped = Some(format!("::{token}::")),
            (Some(end), _) if line == end => stopped = None,
            (Some(_), _) => {}
            (None, None) => {
                let own = [
                    "error file=",
                    "warning file=",
                    "notice file=",
                    "notice title=hardpan::and ",
                    "group::The",
                ];
                let is_own = line == "::endgroup::" || own.iter().any(|start| line[2..].starts_with(start));
                assert!(is_own, "{line}");
            }
        }
    }
    assert!(stopped.is_none() && log.contains("::stop-commands::"));
    assert!(!project.read("summary").contains("<script>"));
}

#[test]
fn the_gitlab_template_runs_and_leaves_its_artefacts() {
    let name = "the_gitlab_template_runs_and_leaves_its_artefacts";
    let Some(template) = parsed(name, "ci/gitlab/hardpan.gitlab-ci.yml") else { return };
    let job = &template[".hardpan-checksec"];
    let project = project();
    let run = |options: &str| {
        let script: Vec<&str> =
            job["script"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        let mut command = project.dir.command("bash", &["-eo", "pipefail", "-c", &script.join("\n")]);
        for (name, value) in job["variables"].as_object().unwrap() {
            command.env(name, value.as_str().unwrap());
        }
        command.env("HARDPAN", HARDPAN).env("HARDPAN_OPTIONS", options).output().unwrap()
    };
    project.tool("cc", WITHOUT_NOW);
    let output = run("");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(String::from_utf8(output.stdout).unwrap().contains("add with gcc or clang: -Wl,-z,relro,-z,now"));
    let reports = &job["artifacts"]["reports"];
    let issues: Value =
        serde_json::from_str(&project.read(reports["codequality"].as_str().unwrap())).unwrap();
    let relro = issues.as_array().unwrap().iter().find(|issue| issue["check_name"] == "ELF-001").unwrap();
    assert!(relro["description"].as_str().unwrap().ends_with("-Wl,-z,relro,-z,now"), "{relro}");
    assert!(project.read(reports["junit"].as_str().unwrap()).contains("<failure "));
    for path in job["artifacts"]["paths"].as_array().unwrap() {
        assert!(project.dir.path(path.as_str().unwrap()).is_file(), "{path}");
    }
    assert_eq!(job["artifacts"]["when"], "always");
    assert_eq!(run("--fail-on none").status.code(), Some(0));
}

#[test]
fn the_hooks_run_what_they_say() {
    let Some(hooks) = parsed("the_hooks_run_what_they_say", ".pre-commit-hooks.yaml") else { return };
    let project = project();
    project.tool("cc", WITHOUT_NOW);
    for hook in hooks.as_array().unwrap() {
        for key in ["id", "name", "description", "entry", "language", "types"] {
            assert!(!hook[key].is_null(), "{key} of {hook}");
        }
        let entry = hook["entry"].as_str().unwrap();
        let words: Vec<&str> = entry.split(' ').skip(1).chain(["build/the app"]).collect();
        assert!(entry.starts_with("hardpan "));
        let output = project.dir.run(&words);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    }
}

/// The page promises that its lines work as they stand.
#[test]
fn the_lines_of_shell_on_the_page_work() {
    if lacks(&["cc", "bash"]) {
        return;
    }
    let page = fs::read_to_string(repository().join("docs/ci.md")).unwrap();
    let blocks: Vec<&str> =
        page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 2);
    let project = project();
    project.tool("cc", WITHOUT_NOW);
    std::os::unix::fs::symlink(HARDPAN, project.dir.path("hardpan")).unwrap();
    let run = |block: &str| {
        let path = format!("{}:{}", project.root().display(), std::env::var("PATH").unwrap());
        project.dir.command("bash", &["-e", "-c", block]).env("PATH", path).output().unwrap()
    };
    let output = run(blocks[0]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let fix = "Fix: add with gcc or clang: -Wl,-z,relro,-z,now (more: hardpan explain ELF-001)";
    assert!(page.contains(fix) && String::from_utf8(output.stdout).unwrap().contains(fix));
    for name in ["hardpan.sarif", "hardpan.junit.xml", "hardpan.html"] {
        assert!(project.dir.path(name).is_file(), "{name}");
    }
    let output = run(blocks[1]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    project.tool("cc", WITH_NOW);
    assert_eq!(run(blocks[0]).status.code(), Some(0));
}

/// A source file, a directory to build in, and the files that a runner gives its steps.
struct Project {
    dir: Dir,
}

fn project() -> Project {
    let dir = Dir::new();
    dir.write("app.c", PROGRAM);
    fs::create_dir(dir.path("build")).unwrap();
    Project { dir }
}

impl Project {
    fn root(&self) -> &Path {
        self.dir.root()
    }

    fn tool(&self, program: &str, args: &[&str]) {
        self.dir.tool(program, args);
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path(name)).unwrap()
    }
}

/// A run of the composite action by a runner that knows as much as this action needs.
#[derive(Clone)]
struct Action<'a> {
    project: &'a Project,
    definition: &'a Value,
    inputs: Vec<(String, String)>,
}

impl<'a> Action<'a> {
    fn new(project: &'a Project, action: &'a Value) -> Self {
        let default = |(name, input): (&String, &Value)| {
            (name.clone(), input["default"].as_str().unwrap_or_default().to_owned())
        };
        let inputs = action["inputs"].as_object().unwrap().iter().map(default).collect();
        Self { project, definition: action, inputs }.with("hardpan", HARDPAN)
    }

    fn with(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        let input = other.inputs.iter_mut().find(|(input, _)| input == name);
        value.clone_into(&mut input.unwrap_or_else(|| panic!("no input {name}")).1);
        other
    }

    /// The output of the step that fails, or of the last one.
    fn run(&self) -> Output {
        let dir = &self.project.dir;
        for name in ["outputs", "summary"] {
            dir.write(name, "");
        }
        let mut last = None;
        for step in self.definition["runs"]["steps"].as_array().unwrap() {
            assert_eq!(step["shell"], "bash");
            let script = step["run"].as_str().unwrap();
            assert!(!script.contains("${{"), "an expression in a script is a way in: {script}");
            let file = dir.write("step.sh", script);
            let args = ["--noprofile", "--norc", "-eo", "pipefail", file.to_str().unwrap()];
            let mut command = dir.command("bash", &args);
            for (name, value) in step["env"].as_object().unwrap() {
                command.env(name, self.expand(value.as_str().unwrap()));
            }
            command.env("GITHUB_OUTPUT", dir.path("outputs")).env("GITHUB_STEP_SUMMARY", dir.path("summary"));
            command.env("RUNNER_TEMP", dir.root());
            let output = command.output().unwrap();
            let failed = !output.status.success();
            last = Some(output);
            if failed {
                break;
            }
        }
        last.unwrap()
    }

    fn expand(&self, value: &str) -> String {
        let Some(expression) = value.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}")) else {
            return value.to_owned();
        };
        if let Some(input) = expression.strip_prefix("inputs.") {
            return self.inputs.iter().find(|(name, _)| name == input).unwrap().1.clone();
        }
        match expression {
            "github.action_path" => repository().to_str().unwrap().to_owned(),
            "steps.program.outputs.path" => {
                let outputs = self.project.read("outputs");
                outputs.lines().find_map(|line| line.strip_prefix("path=")).unwrap().to_owned()
            }
            other => panic!("{other} is not known here"),
        }
    }
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A YAML file of this repository.
fn parsed(test: &str, name: &str) -> Option<Value> {
    if lacks(&["cc", "bash"]) {
        return None;
    }
    let dir = Dir::new();
    let file = repository().join(name);
    // There may be several Pythons, of which only the system's has the system's packages.
    let pythons = [program(&["python3"]), Some("/usr/bin/python3".into())];
    let read = |python: PathBuf| {
        let output = dir.command(python.to_str()?, &["-c", TO_JSON, file.to_str()?]).output().ok()?;
        output.status.success().then_some(output.stdout)
    };
    let json = require(test, YAML, pythons.into_iter().flatten().find_map(read))?;
    Some(serde_json::from_slice(&json).unwrap())
}
