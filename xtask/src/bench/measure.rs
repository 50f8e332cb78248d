//! Running one command and what it took; medians and spreads.

use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// One run of a command.
pub(super) struct Run {
    pub(super) wall: Duration,
    /// Seconds of user and system time.
    pub(super) cpu: f64,
    /// The most resident memory, in bytes.
    pub(super) memory: u64,
    pub(super) status: ExitStatus,
    pub(super) output: String,
    pub(super) errors: String,
}

/// Runs a command to its end. Processor time is the growth of what the kernel books for finished children of this
/// process; memory is the high-water mark, looked up until the process is gone.
///
/// A thread of its own looks it up, and not often: who waits by looking every other millisecond books that time to the
/// command, and takes from one that uses all processors what another, on one thread, does not miss.
pub(super) fn measure(command: &[String], env: &[(&str, &str)]) -> Result<Run, String> {
    let before = children_cpu();
    let start = Instant::now();
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", command[0]))?;
    let output = collect(child.stdout.take());
    let errors = collect(child.stderr.take());
    let (id, done) = (child.id(), AtomicBool::new(false));
    let (status, wall, memory) = std::thread::scope(|scope| {
        let memory = scope.spawn(|| high_water_until(id, &done));
        let status = child.wait();
        let wall = start.elapsed();
        done.store(true, Ordering::Relaxed);
        (status, wall, memory.join().unwrap_or(0))
    });
    let status = status.map_err(|error| error.to_string())?;
    let cpu = children_cpu() - before;
    let text = |reader: JoinHandle<String>| reader.join().unwrap_or_default();
    Ok(Run { wall, cpu, memory, status, output: text(output), errors: text(errors) })
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// `cutime` and `cstime` of proc(5), in seconds; the clock of those fields ticks 100 times a second on every Linux.
fn children_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(13).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn high_water_until(pid: u32, done: &AtomicBool) -> u64 {
    let mut memory = 0;
    while !done.load(Ordering::Relaxed) {
        memory = memory.max(high_water(pid));
        std::thread::sleep(Duration::from_millis(20));
    }
    memory
}

fn high_water(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

pub(super) fn spread(values: &[f64], digits: usize) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    format!("{:.digits$} ({least:.digits$} to {most:.digits$})", median(values))
}

#[expect(clippy::cast_precision_loss, reason = "a process has less than 2^52 bytes")]
pub(super) fn to_f64(bytes: u64) -> f64 {
    bytes as f64
}
