//! Every objective is broken once, by one line, and must be refused by the neverallow that stands for it.

use std::collections::BTreeSet;

use super::support::{Compiled, Secilc, policy_files};

/// A neverallow, as objectives.cil has it, and a line that it forbids.
const BREAKS: &[(&str, &str)] = &[
    ("outside_api settings.files changing", "(allow service.process settings.config (file (write)))"),
    ("outside_api settings.files changing", "(allow init.process settings.store (files (relabel)))"),
    ("outside_api settings.files changing", "(allow runtime.process settings.store (dir (add_name)))"),
    ("outside_api settings.store reading", "(allow kernel.process settings.store (file (read)))"),
    ("outside_mounts settings.config covering", "(allow service.process settings.config (dir (mounton)))"),
    ("anything settings.store covering", "(allow init.process settings.store (files (cover)))"),
    (
        "outside_init api.process (process (transition))",
        "(allow runtime.process api.process (processes (start)))",
    ),
    ("outside_boot boot.receipt changing", "(allow init.process boot.receipt (files (change)))"),
    ("anything boot.receipt covering", "(allow init.process boot.receipt (files (cover)))"),
    ("anything api.process seizing", "(allow service.process api.process (process (ptrace)))"),
    (
        "api.process outside_api_program (file (entrypoint))",
        "(allow api.process os.program (file (entrypoint)))",
    ),
    ("outside_clients api.socket (sock_file (write))", "(allow container.process api.socket (files (talk)))"),
    (
        "outside_clients api.process connecting",
        "(allow service.process api.process (unix_stream_socket (connectto)))",
    ),
    ("outside_runtime image.layer changing", "(allow api.process image.layer (files (change)))"),
    ("outside_runtime image.layer changing", "(allow privileged.process image.layer (file (append)))"),
    ("outside_runtime image.layer covering", "(allow init.process image.layer (dir (mounton)))"),
    (
        "outside_init runtime.process (process (transition))",
        "(allow api.process runtime.process (process (transition)))",
    ),
    ("anything runtime.process seizing", "(allow init.process runtime.process (process (dyntransition)))"),
    (
        "runtime.process outside_runtime_program (file (entrypoint))",
        "(allow runtime.process container.data (file (entrypoint)))",
    ),
    (
        "outside_runtime runtime.socket (sock_file (write))",
        "(allow control.process runtime.socket (files (talk)))",
    ),
    ("outside_containers container.files changing", "(allow service.process container.data (file (write)))"),
    ("outside_containers container.files reading", "(allow api.process container.data (files (read)))"),
    (
        "outside_runtime container.domain (process (transition))",
        "(allow service.process privileged.process (processes (start)))",
    ),
    (
        "container.domain not_containers touching",
        "(allow container.process init.process (process (sigkill)))",
    ),
    ("container.domain not_containers touching", "(allow privileged.process host (process (ptrace)))"),
    (
        "container.domain not_answering connecting",
        "(allow container.process runtime.process (unix_stream_socket (connectto)))",
    ),
    (
        "container.domain anything (process (dyntransition setcurrent setexec setfscreate))",
        "(allow privileged.process self (process (setexec)))",
    ),
    (
        "container.domain anything (files (relabel))",
        "(allow privileged.process container.data (files (relabel)))",
    ),
    (
        "container.domain anything (system (module_load module_request))",
        "(allow privileged.process os.file (system (module_load)))",
    ),
    (
        "container.domain anything (capability (sys_module sys_rawio sys_boot sys_time))",
        "(allow container.process self (capability (sys_rawio)))",
    ),
    (
        "container.domain anything (capability2 (mac_override mac_admin))",
        "(allow privileged.process self (capability2 (mac_admin)))",
    ),
    (
        "outside_runtime filesystem.any (filesystem (relabelfrom relabelto))",
        "(allow privileged.process filesystem.disk (filesystem (relabelfrom)))",
    ),
    (
        "host container.files (file (execute_no_trans entrypoint))",
        "(allow runtime.process container.data (file (execute_no_trans)))",
    ),
    (
        "host state.exchange (file (execute execute_no_trans entrypoint))",
        "(allow runtime.process state.exchange (files (run)))",
    ),
    (
        "x container.domain device.terminal (ioctl chr_file (0x5412 0x541c))",
        "(allowx control.process device.terminal (ioctl chr_file (0x5412)))",
    ),
    ("anything os.image changing", "(allow storage.process os.program (file (write)))"),
    ("anything os.image changing", "(allow kernel.process api.program (files (relabel)))"),
    ("anything api.program covering", "(allow init.process api.program (file (mounton)))"),
    (
        "outside_storage device.disk (blk_file (open read write append ioctl map))",
        "(allow privileged.process device.disk (blk_file (write)))",
    ),
    (
        "outside_storage device.disk (chr_file (open read write append ioctl map))",
        "(allow runtime.process device.disk (chr_file (ioctl)))",
    ),
    ("anything kernel.memory changing", "(allow service.process kernel.memory (file (write)))"),
    (
        "anything device.memory (chr_file (open read write append ioctl map))",
        "(allow storage.process device.memory (chr_file (read)))",
    ),
    (
        "anything anything (security (load_policy setenforce setbool setsecparam setcheckreqprot))",
        "(allow init.process kernel.security (security (setenforce)))",
    ),
    (
        "anything outside_image (system (module_load firmware_load kexec_image_load kexec_initramfs_load policy_load))",
        "(allow service.process state.file (system (module_load)))",
    ),
    ("anything anything (memprotect (mmap_zero))", "(allow container.process self (memprotect (mmap_zero)))"),
    ("process others touching", "(allow container.process control.process (process (signal)))"),
    (
        "process strangers connecting",
        "(allow control.process privileged.process (unix_stream_socket (connectto)))",
    ),
    ("process untouchable changing", "(allow privileged.process state.log (files (change)))"),
    ("process untouchable (file (entrypoint))", "(allow privileged.process os.program (file (entrypoint)))"),
];

#[test]
fn each_objective_refuses_the_line_that_breaks_it() {
    let Some(secilc) = Secilc::required("own policy: objectives") else { return };
    let rules = rules();
    for (rule, line) in BREAKS {
        let at = rules.iter().find(|(_, text)| text == rule);
        let (number, _) = at.unwrap_or_else(|| panic!("objectives.cil has no rule `{rule}`"));
        let compiled = secilc.compile(line, &[]);
        assert!(!compiled.succeeded, "{line} is accepted");
        assert!(
            refusals(&compiled).contains(number),
            "{line} is not refused by `{rule}`:\n{}",
            compiled.said
        );
    }
}

/// Else what refuses them might be a misspelt name.
#[test]
fn the_lines_are_refused_for_nothing_else() {
    let Some(secilc) = Secilc::required("own policy: broken objectives") else { return };
    let lines: Vec<&str> = BREAKS.iter().map(|(_, line)| *line).collect();
    let compiled = secilc.compile(&lines.join("\n"), &["-N"]);
    assert!(compiled.succeeded, "{}", compiled.said);
}

#[test]
fn no_objective_goes_without_being_broken() {
    let broken: BTreeSet<&str> = BREAKS.iter().map(|(rule, _)| *rule).collect();
    let rules = rules();
    assert!(rules.len() > 30, "only {} rules were found", rules.len());
    for (number, rule) in rules {
        assert!(broken.contains(rule.as_str()), "objectives.cil:{number}: nothing breaks `{rule}`");
    }
}

/// Neverallow rules of objectives.cil, by the number of their first line; `x` is in front of those over ioctls.
fn rules() -> Vec<(usize, String)> {
    let files = policy_files();
    let (_, text) = files.iter().find(|(name, _)| name == "objectives.cil").unwrap();
    let begins = text.match_indices("(neverallow").filter(|(at, _)| text[..*at].ends_with("    "));
    let rule = |(at, word): (usize, &str)| {
        let inside = &text[at + word.len()..];
        let mut depth = 1;
        let end = inside.find(|character| {
            depth += i32::from(character == '(') - i32::from(character == ')');
            depth == 0
        });
        let words: Vec<&str> = inside[..end.unwrap()].split_whitespace().collect();
        (text[..at].lines().count(), words.join(" "))
    };
    begins.map(rule).collect()
}

/// The lines of the rules that secilc names. Of a rule that an inherited block was given by `in` it names the file of the
/// block, with the line of the rule; no other file has neverallow rules, so that the line is enough.
fn refusals(compiled: &Compiled) -> Vec<usize> {
    let failed = compiled.said.lines().filter_map(|line| {
        let rest = line.strip_prefix("neverallow").map(|rest| rest.trim_start_matches('x'))?;
        rest.strip_prefix(" check failed at ")
    });
    failed.map(|place| place.rsplit(':').next().unwrap().trim().parse().unwrap()).collect()
}
