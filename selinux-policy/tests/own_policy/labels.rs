//! The labels that file_contexts gives to paths.

use regex::Regex;

use super::support::Secilc;

/// A path, what it is (as in file_contexts, `--` for a file), and the type of its label.
const LABELS: &[(&str, &str, &str)] = &[
    ("/", "-d", "os.file"),
    ("/usr/lib/libc.so.6", "--", "os.file"),
    ("/usr/lib/modules/6.12/kernel/fs/ext4.ko", "--", "os.file"),
    ("/usr/bin/journalctl", "--", "os.program"),
    ("/usr/bin", "-d", "os.file"),
    ("/usr/lib/systemd/systemd", "--", "init.program"),
    ("/usr/lib/systemd/systemd-journald", "--", "os.program"),
    ("/usr/sbin/init", "--", "init.program"),
    ("/usr/bin/apiserver", "--", "api.program"),
    ("/usr/bin/containerd", "--", "runtime.program"),
    ("/usr/bin/containerd-shim-runc-v2", "--", "runtime.program"),
    ("/usr/bin/kubelet", "--", "runtime.program"),
    ("/usr/sbin/mkfs.ext4", "--", "storage.program"),
    ("/usr/bin/hardpan", "--", "storage.program"),
    ("/etc", "-d", "settings.config"),
    ("/etc/hostname", "--", "settings.config"),
    ("/var/lib/settings/live/a", "--", "settings.store"),
    ("/var/lib/containerd/io.containerd.content.v1.content/blobs/sha256/a", "--", "image.layer"),
    ("/var/lib/docker/overlay2", "-d", "image.layer"),
    ("/var/lib/kubelet/pods/1/volumes", "-d", "container.data"),
    ("/var/lib/exchange", "-d", "state.exchange"),
    ("/var/lib/other", "-d", "state.file"),
    ("/var/log/journal", "-d", "state.log"),
    ("/run/systemd/private", "-s", "state.run"),
    ("/run/hardpan/boot.json", "--", "boot.receipt"),
    ("/run/api/api.sock", "-s", "api.socket"),
    ("/run/containerd/containerd.sock", "-s", "runtime.socket"),
    ("/dev", "-d", "device.directory"),
    ("/dev/null", "-c", "device.harmless"),
    ("/dev/mem", "-c", "device.memory"),
    ("/dev/tty1", "-c", "device.terminal"),
    ("/dev/nvme0n1p3", "-b", "device.disk"),
    ("/dev/mapper/control", "-c", "device.disk"),
    ("/dev/kvm", "-c", "device.unnamed"),
    ("/proc/1/status", "--", "<<none>>"),
    ("/boot/efi/EFI", "-d", "os.boot"),
];

#[test]
fn paths_get_the_labels_that_are_meant() {
    let Some(secilc) = Secilc::required("own policy: labels") else { return };
    let contexts = secilc.contexts();
    let lines: Vec<_> = contexts.lines().map(read).collect();
    assert!(lines.len() > 30, "{contexts}");
    for (path, kind, wanted) in LABELS {
        // As libselinux looks: the last line that matches.
        let fits = |line: &&(Regex, Option<&str>, String)| {
            line.1.is_none_or(|only| only == *kind) && line.0.is_match(path)
        };
        let found = lines.iter().rfind(fits).map(|(.., label)| label.as_str());
        assert_eq!(found, Some(*wanted), "{path}");
    }
}

/// A line: its expression over the whole path, the kind of file that it is for, and the type of the label.
fn read(line: &str) -> (Regex, Option<&str>, String) {
    let fields: Vec<&str> = line.split('\t').collect();
    let label = fields.last().unwrap();
    let name = label.split(':').nth(2).unwrap_or(label).to_owned();
    (Regex::new(&format!("^(?:{})$", fields[0])).unwrap(), (fields.len() == 3).then(|| fields[1]), name)
}
