//! Rules and transitions.

use super::super::avtab::{AvEntry, Conditional, Datum, specified};
use super::super::format::version;
use super::super::{FilenameTransition, Policy, RangeTransition, RoleTransition, Target};
use super::WriteError;
use super::sink::Sink;

/// From the rules without conditions to the transitions by file names.
pub(super) fn write(sink: &mut Sink, policy: &Policy) -> Result<(), WriteError> {
    check(policy)?;
    entries(sink, &policy.avtab);
    sink.count(policy.conditionals.len());
    policy.conditionals.iter().for_each(|it| conditional(sink, it));
    sink.count(policy.role_transitions.len());
    policy.role_transitions.iter().for_each(|it| role_transition(sink, it));
    sink.count(policy.role_allows.len());
    for (from, to) in &policy.role_allows {
        sink.u32(*from);
        sink.u32(*to);
    }
    if sink.version >= version::COMP_FTRANS {
        sink.count(policy.filename_transitions.len());
        policy.filename_transitions.iter().for_each(|it| filename_transition(sink, it));
    } else if sink.version >= version::FILENAME_TRANS {
        filename_transitions_by_source(sink, &policy.filename_transitions);
    }
    Ok(())
}

pub(super) fn range_transitions(sink: &mut Sink, transitions: &[RangeTransition]) {
    sink.count(transitions.len());
    for it in transitions {
        sink.u32s([it.source_type, it.target_type, it.class]);
        sink.range(&it.range);
    }
}

fn check(policy: &Policy) -> Result<(), WriteError> {
    let is_xperms = |entry: &AvEntry| entry.specified & specified::XPERMS != 0;
    let mut of_conditionals = policy.conditionals.iter().flat_map(|it| it.then.iter().chain(&it.otherwise));
    let is_conditional = of_conditionals.any(is_xperms);
    if !is_conditional && !policy.avtab.iter().any(is_xperms) {
        return Ok(());
    }
    match policy.target {
        Target::Xen => Err(WriteError::XenXperms),
        Target::Selinux if policy.version < version::XPERMS_IOCTL => Err(WriteError::Xperms(policy.version)),
        Target::Selinux if is_conditional && policy.version < version::COND_XPERMS => {
            Err(WriteError::ConditionalXperms(policy.version))
        }
        Target::Selinux => Ok(()),
    }
}

fn entries(sink: &mut Sink, entries: &[AvEntry]) {
    sink.count(entries.len());
    for entry in entries {
        let key = [entry.source, entry.target, entry.class, entry.specified];
        for number in key {
            sink.u16(number);
        }
        match &entry.datum {
            Datum::Perms(number) | Datum::Type(number) => sink.u32(*number),
            Datum::Xperms(xperms) => {
                sink.raw(&[xperms.kind.code(), xperms.driver]);
                sink.u32s(xperms.bits);
            }
        }
    }
}

fn conditional(sink: &mut Sink, conditional: &Conditional) {
    sink.u32(conditional.state.into());
    sink.count(conditional.expression.len());
    for step in &conditional.expression {
        let (code, boolean) = step.codes();
        sink.u32(code);
        sink.u32(boolean);
    }
    entries(sink, &conditional.then);
    entries(sink, &conditional.otherwise);
}

fn role_transition(sink: &mut Sink, it: &RoleTransition) {
    sink.u32s([it.role, it.target_type, it.result]);
    if sink.version >= version::ROLETRANS {
        sink.u32(it.class);
    }
}

fn filename_transition(sink: &mut Sink, transition: &FilenameTransition) {
    sink.counted(&transition.name);
    sink.u32(transition.target_type);
    sink.u32(transition.class);
    sink.count(transition.results.len());
    for result in &transition.results {
        sink.bitmap(&result.sources);
        sink.u32(result.result);
    }
}

/// Before version 33 each source has an entry of its own.
fn filename_transitions_by_source(sink: &mut Sink, transitions: &[FilenameTransition]) {
    let results = transitions.iter().flat_map(|it| it.results.iter().map(move |result| (it, result)));
    sink.count(results.clone().map(|(_, result)| result.sources.len()).sum());
    for (it, result) in results {
        for source in result.sources.values() {
            sink.counted(&it.name);
            let numbers = [source, it.target_type, it.class, result.result];
            sink.u32s(numbers);
        }
    }
}
