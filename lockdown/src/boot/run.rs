//! Carrying a plan out.
//!
//! Every step either succeeds or gives a reason. What failed for a slot is undone, and the next slot is tried, as long as no
//! policy was accepted; everything else ends the boot. Nothing here starts a shell, and nothing goes on after a step that is
//! required failed.

use std::time::Duration;

use hardpan_sys::machine::{Ending, Level, Machine};

use super::config::{Config, Slot, Sysctl};
use super::devices::{Found, Purpose};
use super::plan::{self, Plan, SlotPlan, Step};
use super::reason::{Failure, Scope, failed};
use super::receipt::{Outcome, PREFIX, Receipt, Record, Refused, word};
use super::slots::Order;
use super::verity::{self, SlotDevices};
use super::{Reason, devices, knobs, modules, policy, root, slots};

/// What came of it, on a machine of tests: a real one is init's, or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Why the machine did not boot; `None`: init was started.
    pub reason: Option<Reason>,
    /// The receipt.
    pub receipt: Receipt,
}

/// What a step that succeeded found.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) outcome: Outcome,
    pub(super) got: String,
    pub(super) errno: Option<i32>,
}

impl Done {
    pub(super) fn new(outcome: Outcome, got: String) -> Self {
        Self { outcome, got, errno: None }
    }
}

/// Boots as the configuration at `path` of the initramfs says. On a real machine it returns only if that can be neither
/// ended nor restarted.
pub fn run(machine: &mut dyn Machine, path: &str) -> Ended {
    let start = machine.now();
    let receipt = Receipt { kernel: machine.release(), ..Receipt::default() };
    let mut boot =
        Boot { machine, start, receipt, on_failure: Ending::Reboot, delay: 5, state: State::default() };
    let reason = boot.all(path).err().map(|failure| boot.fail(failure));
    Ended { reason, receipt: boot.receipt }
}

struct Boot<'m> {
    machine: &'m mut dyn Machine,
    start: Duration,
    receipt: Receipt,
    on_failure: Ending,
    delay: u32,
    state: State,
}

/// What steps leave for later ones.
#[derive(Default)]
struct State {
    /// The slot's data partition, if its tries are counted.
    data: Option<Found>,
    devices: Option<SlotDevices>,
    /// The node of the slot's mapping, if there is one.
    mapped: Option<String>,
    is_mounted: bool,
    policy: Vec<u8>,
    order: Option<Order>,
}

impl Boot<'_> {
    fn all(&mut self, path: &str) -> Result<(), Failure> {
        for step in plan::early() {
            self.step(&step, None)?;
        }
        let (config, plan) = self.plan(path)?;
        (self.on_failure, self.delay) = (plan.on_failure, plan.failure_delay);
        for step in &plan.before {
            self.step_before(step, &config, &plan)?;
        }
        let chosen = self.choose(&plan)?;
        plan.after.iter().try_for_each(|step| self.step(step, Some(chosen)))
    }

    fn plan(&mut self, path: &str) -> Result<(Config, Plan), Failure> {
        let wrong = |text: String| Failure::machine(Reason::Configuration, text);
        let text = self.machine.read(path, super::config::MAX_SIZE);
        let text = text.map_err(failed(Scope::Machine, Reason::Configuration, path))?;
        let config = Config::parse(&text).map_err(|error| wrong(format!("{path}: {error}")))?;
        // If the plan is refused, this is what is to happen all the same.
        (self.on_failure, self.delay) = (config.on_failure, config.failure_delay);
        let line = self.machine.read("/proc/cmdline", MAX_COMMAND_LINE);
        let line = line.map_err(failed(Scope::Machine, Reason::Configuration, "/proc/cmdline"))?;
        let plan = Plan::new(&config, &String::from_utf8_lossy(&line));
        let plan = plan.map_err(|error| wrong(error.to_string()))?;
        Ok((config, plan))
    }

    fn step_before(&mut self, step: &Step, config: &Config, plan: &Plan) -> Result<(), Failure> {
        if *step != Step::Order {
            return self.step(step, None);
        }
        let candidates: Vec<&Slot> = plan.slots.iter().map(|plan| &plan.slot).collect();
        self.record(step, "", |boot| {
            let (order, done) =
                slots::order(boot.machine, &candidates, config.device_timeout, plan.is_slot_chosen)?;
            boot.state.order = Some(order);
            Ok(done)
        })
    }

    /// Mounts the first slot that can be.
    fn choose<'p>(&mut self, plan: &'p Plan) -> Result<&'p Slot, Failure> {
        let order = self.state.order.take();
        let order = order.unwrap_or_else(|| Order {
            slots: (0..plan.slots.len()).map(|index| (index, None)).collect(),
            ..Order::default()
        });
        let refused = order.refused.into_iter();
        refused.for_each(|refused| self.refuse(refused));
        let nothing_tried = order.slots.is_empty();
        for (index, data) in order.slots {
            self.state.data = data;
            let Some(SlotPlan { slot, steps }) = plan.slots.get(index) else { continue };
            self.receipt.slot = Some(slot.name.clone());
            match steps.iter().try_for_each(|step| self.step(step, Some(slot))) {
                Ok(()) => return Ok(slot),
                Err(failure) if failure.scope == Scope::Machine => return Err(failure),
                Err(failure) => {
                    self.refuse(Refused {
                        slot: slot.name.clone(),
                        reason: failure.reason,
                        text: failure.text,
                    });
                    self.undo(slot)?;
                }
            }
        }
        if order.exhausted && nothing_tried {
            // Nothing would be different after a restart.
            self.on_failure = if self.on_failure == Ending::Reboot { Ending::Halt } else { self.on_failure };
        }
        let why = self.receipt.refused.iter().map(|refused| format!("{}: {}", refused.slot, refused.reason));
        let text = format!("no slot is left ({})", why.collect::<Vec<_>>().join(", "));
        Err(Failure::machine(self.only_reason().unwrap_or(Reason::NoSlot), text))
    }

    /// The reason that all refusals have, if there was one slot: it says more than that no slot is left.
    fn only_reason(&self) -> Option<Reason> {
        let [refused] = &self.receipt.refused[..] else { return None };
        Some(refused.reason)
    }

    fn refuse(&mut self, refused: Refused) {
        let Refused { slot, reason, text } = &refused;
        let line = format!("{PREFIX} slot {slot} refused: {reason}: {text}");
        self.machine.log(Level::Error, &line);
        self.receipt.refused.push(refused);
    }

    /// Takes back what was done for a slot. If that fails, no other slot is tried on top of it.
    fn undo(&mut self, slot: &Slot) -> Result<(), Failure> {
        if std::mem::take(&mut self.state.is_mounted) {
            self.machine.unmount(root::ROOT).map_err(failed(Scope::Machine, Reason::Mount, root::ROOT))?;
        }
        if self.state.mapped.take().is_some() {
            verity::close(self.machine, slot)?;
        }
        self.state = State::default();
        Ok(())
    }

    fn step(&mut self, step: &Step, slot: Option<&Slot>) -> Result<(), Failure> {
        self.record(step, slot.map_or("", |slot| &slot.name), |boot| match slot {
            Some(slot) => boot.perform_for(step, slot),
            None => perform(boot.machine, step),
        })
    }

    /// What is done once there is a slot.
    fn perform_for(&mut self, step: &Step, slot: &Slot) -> Result<Done, Failure> {
        let (machine, state) = (&mut *self.machine, &mut self.state);
        match step {
            Step::Version(least) => check_version(slot, *least),
            Step::Tries => slots::count(machine, state.data.as_ref().ok_or_else(|| defect("the order"))?),
            Step::Devices(seconds) => {
                let (devices, done) = find_devices(machine, slot, *seconds)?;
                state.devices = Some(devices);
                Ok(done)
            }
            Step::Signature(path) => verity::add_signature(machine, slot, path),
            Step::Verity(how) => {
                let devices = state.devices.as_ref().ok_or_else(|| defect("devices"))?;
                let (mapped, done) = verity::open(machine, slot, devices, *how)?;
                state.mapped = Some(mapped.node.to_string_lossy().into_owned());
                Ok(done)
            }
            Step::MountSlot { fs_type, options } => {
                let node = state.mapped.as_deref().ok_or_else(|| defect("a verified device"))?;
                let mounted = root::mount_slot(machine, node, fs_type, options);
                state.is_mounted = mounted.is_ok();
                mounted.map_err(|failure| blame_corruption(machine, slot, failure))
            }
            Step::Contents(contents) => root::check_contents(machine, contents)
                .map_err(|failure| blame_corruption(machine, slot, failure)),
            Step::PolicyCheck(path) => {
                let checked = policy::check(machine, root::ROOT, path);
                let (policy, done) = checked.map_err(|failure| blame_corruption(machine, slot, failure))?;
                state.policy = policy;
                Ok(done)
            }
            Step::PolicyLoad(fingerprint) => {
                policy::load(machine, &std::mem::take(&mut state.policy))?;
                policy::prove(machine, *fingerprint)
            }
            Step::Etc(etc) => {
                root::make_etc(machine, etc).map_err(|failure| blame_corruption(machine, slot, failure))
            }
            Step::VerityStatus => verity::status(machine, slot),
            Step::Receipt => self.write_receipt().map(|()| Done::new(Outcome::Done, RECEIPT.to_owned())),
            Step::Exec(init) => {
                let failed =
                    machine.exec(init).map_err(failed(Scope::Machine, Reason::Exec, &init.join(" ")));
                failed.map(|()| Done::new(Outcome::Done, String::new()))
            }
            _ => perform(machine, step),
        }
    }

    /// Does a step, and writes down what came of it.
    fn record(
        &mut self,
        step: &Step,
        slot: &str,
        perform: impl FnOnce(&mut Self) -> Result<Done, Failure>,
    ) -> Result<(), Failure> {
        let before = self.machine.now();
        let result = perform(self);
        let time = self.machine.now().saturating_sub(before);
        let kernel = self.machine.messages().into_iter().filter(|line| !line.starts_with(PREFIX));
        let kernel = kernel.take(MAX_KERNEL_LINES).collect();
        let subject = if step.subject().is_empty() { slot } else { step.subject() }.to_owned();
        let (outcome, got, errno) = match &result {
            Ok(done) => (done.outcome, done.got.clone(), done.errno),
            Err(failure) => (Outcome::Failed, failure.text.clone(), failure.errno),
        };
        let record =
            Record { step: step.name(), subject, want: step.want(), got, outcome, errno, kernel, time };
        let level = match outcome {
            Outcome::Done | Outcome::Proved => Level::Info,
            Outcome::Weaker | Outcome::Absent => Level::Warning,
            Outcome::Failed => Level::Error,
        };
        self.machine.log(level, &record.to_line());
        self.receipt.steps.push(record);
        result.map(drop)
    }

    fn write_receipt(&mut self) -> Result<(), Failure> {
        self.receipt.total = self.machine.now().saturating_sub(self.start);
        let made = self.machine.create_directory(RECEIPT_DIRECTORY);
        let json = self.receipt.to_json();
        let written = made.and_then(|()| self.machine.replace(RECEIPT, json.as_bytes()));
        written.map_err(failed(Scope::Machine, Reason::Receipt, RECEIPT))
    }

    /// Says why, waits so that a person can read it, and ends the machine.
    fn fail(&mut self, failure: Failure) -> Reason {
        let Failure { reason, text, .. } = failure;
        (self.receipt.reason, self.receipt.text) = (Some(reason), text);
        // It may be the receipt that failed; the consoles have all that matters.
        let _ = self.write_receipt();
        let slot = self.receipt.slot.as_deref().unwrap_or("-");
        let (ending, delay) = (self.on_failure, self.delay);
        let line = format!("{PREFIX} failed reason={reason} slot={slot} text={}", word(&self.receipt.text));
        self.machine.log(Level::Error, &line);
        let line = format!("{PREFIX} E-{reason}: {}; {} in {delay} s", self.receipt.text, ending.name());
        self.machine.announce(&line);
        self.machine.sleep(Duration::from_secs(delay.into()));
        if let Err(error) = self.machine.end(ending) {
            self.machine.announce(&format!("{PREFIX} {}: {error}", ending.name()));
        }
        reason
    }
}

/// What is the same for all slots.
fn perform(machine: &mut dyn Machine, step: &Step) -> Result<Done, Failure> {
    match step {
        Step::Mount(early) => root::mount_early(machine, *early),
        Step::PanicTimeout(seconds) => panic_timeout(machine, *seconds),
        Step::Module(module) => modules::load(machine, module),
        Step::RequireSignatures => require_signatures(machine),
        Step::Selinuxfs => policy::mount(machine),
        Step::Lockdown(level) => knobs::raise_lockdown(machine, *level),
        Step::LockdownProbe(level) => knobs::probe_lockdown(machine, *level),
        Step::Sysctl(sysctl) => knobs::set_sysctl(machine, sysctl),
        Step::Enforce(enforcing) => policy::enforce(machine, *enforcing),
        Step::SwitchRoot => root::switch(machine),
        // All others are about a slot.
        _ => Err(defect("a slot")),
    }
}

/// Plans have their steps in an order in which this cannot happen.
fn defect(what: &str) -> Failure {
    Failure::machine(Reason::Panic, format!("a step came before {what}"))
}

/// Has a kernel that panics restart, and reads it back: with 0 it would hang.
fn panic_timeout(machine: &mut dyn Machine, seconds: u32) -> Result<Done, Failure> {
    let sysctl = Sysctl { key: "kernel.panic".to_owned(), value: seconds.to_string(), required: true };
    knobs::set_sysctl(machine, &sysctl)
}

/// The parameter is read-only once the module is there, so that it must have been given with it.
fn require_signatures(machine: &mut dyn Machine) -> Result<Done, Failure> {
    let read = machine.read(REQUIRE_SIGNATURES, 16);
    let read = read.map_err(failed(Scope::Machine, Reason::SignatureNotRequired, REQUIRE_SIGNATURES))?;
    match read.trim_ascii() {
        b"Y" => Ok(Done::new(Outcome::Proved, "Y".to_owned())),
        other => {
            let text = format!("{REQUIRE_SIGNATURES} reads {}", String::from_utf8_lossy(other));
            Err(Failure::machine(Reason::SignatureNotRequired, text))
        }
    }
}

fn check_version(slot: &Slot, least: u64) -> Result<Done, Failure> {
    let version = slot.version;
    if version < least {
        return Err(Failure::slot(Reason::Version, format!("version {version} is below {least}")));
    }
    Ok(Done::new(Outcome::Done, version.to_string()))
}

fn find_devices(
    machine: &mut dyn Machine,
    slot: &Slot,
    seconds: u32,
) -> Result<(SlotDevices, Done), Failure> {
    let wanted = [(slot, Purpose::Data), (slot, Purpose::Hash)];
    let mut found = devices::wait(machine, &wanted, Duration::from_secs(seconds.into())).into_iter();
    let (data, hash) =
        (found.next().ok_or_else(|| defect("devices"))??, found.next().ok_or_else(|| defect("devices"))??);
    let done = Done::new(Outcome::Done, format!("data {}, tree {}", data.number, hash.number));
    let devices = SlotDevices { data, hash };
    verity::check_sizes(slot, &devices)?;
    Ok((devices, done))
}

/// If the kernel found corrupt blocks, they are the reason.
fn blame_corruption(machine: &mut dyn Machine, slot: &Slot, failure: Failure) -> Failure {
    if verity::is_corrupt(machine, slot) { Failure { reason: Reason::RootHash, ..failure } } else { failure }
}

const REQUIRE_SIGNATURES: &str = "/sys/module/dm_verity/parameters/require_signatures";
const RECEIPT_DIRECTORY: &str = "/run/hardpan";
/// Where the receipt is.
const RECEIPT: &str = "/run/hardpan/boot.json";
/// The kernel keeps no longer command lines on any architecture.
const MAX_COMMAND_LINE: usize = 64 << 10;
/// What the kernel says in one step is a handful of lines.
const MAX_KERNEL_LINES: usize = 8;
