//! What the units of a file say of how they were compiled, counted.

use hardpan_report::escape;

use crate::facts::flags::options::{ControlFlow, Linking, Optimisation, Options, Position, Protector};

/// How many units said a thing, and the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// How many.
    pub units: u64,
    /// The name of the first, escaped; empty if it has none.
    pub example: Box<str>,
    /// Where in the file the first said it.
    pub offset: u64,
}

/// What units say of one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Votes<T> {
    /// Each value and who said it, in the order of their first units.
    pub said: Vec<(T, Group)>,
    /// Those that record options, but none for this.
    pub unsaid: Option<Group>,
}

impl<T> Default for Votes<T> {
    fn default() -> Self {
        Self { said: Vec::new(), unsaid: None }
    }
}

impl<T: PartialEq + Copy> Votes<T> {
    /// One more unit that says `value`. There are no more groups than the property has values.
    fn add(&mut self, value: T, unit: &Unit<'_>) {
        match self.said.iter_mut().find(|(said, _)| *said == value) {
            Some((_, group)) => group.units += 1,
            None => self.said.push((value, unit.group())),
        }
    }

    fn count(&mut self, value: Option<T>, unit: &Unit<'_>, is_recorded: bool) {
        match (value, &mut self.unsaid) {
            (Some(value), _) => self.add(value, unit),
            (None, Some(group)) if is_recorded => group.units += 1,
            (None, unsaid) if is_recorded => *unsaid = Some(unit.group()),
            (None, _) => {}
        }
    }
}

/// A unit whose options are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit<'a> {
    /// Its name, as the file has it.
    pub(crate) name: &'a [u8],
    /// Where in the file it says so.
    pub(crate) offset: u64,
}

impl Unit<'_> {
    fn group(&self) -> Group {
        let name = &self.name[..self.name.len().min(MAX_NAME)];
        Group { units: 1, example: escape(name).into(), offset: self.offset }
    }
}

/// What the units of one source say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// How many were counted, with and without recorded options.
    pub units: u64,
    /// How many of them recorded their options.
    pub recorded: u64,
    /// The stack protector.
    pub protector: Votes<Protector>,
    /// The level of `_FORTIFY_SOURCE`.
    pub fortify: Votes<u8>,
    /// `-fstack-clash-protection`.
    pub clash: Votes<bool>,
    /// `-fcf-protection`.
    pub control_flow: Votes<ControlFlow>,
    /// `-O`.
    pub optimisation: Votes<Optimisation>,
    /// `-fPIE` and its like.
    pub position: Votes<Position>,
    /// `-fsanitize=address`.
    pub address_sanitizer: Votes<bool>,
    /// `_FORTIFY_SOURCE` above 0 in a unit without optimisation, in which it does nothing.
    pub fortify_unoptimised: Votes<u8>,
    /// What commands that also linked asked of the linker.
    pub linking: Option<(Linking, Group)>,
}

impl Claims {
    /// Counts a unit with all its options.
    pub(crate) fn count(&mut self, options: &Options, unit: &Unit<'_>) {
        let is_recorded = options.is_recorded;
        self.units += 1;
        self.recorded += u64::from(is_recorded);
        self.protector.count(options.protector, unit, is_recorded);
        self.fortify.count(options.fortify, unit, is_recorded);
        self.clash.count(options.clash, unit, is_recorded);
        self.control_flow.count(options.control_flow, unit, is_recorded);
        self.optimisation.count(options.optimisation, unit, is_recorded);
        self.position.count(options.position, unit, is_recorded);
        self.address_sanitizer.count(options.address_sanitizer, unit, is_recorded);
        if let (Some(level @ 1..), Some(Optimisation::None)) = (options.fortify, options.optimisation) {
            self.fortify_unoptimised.add(level, unit);
        }
        if options.linking != Linking::default() && self.linking.is_none() {
            self.linking = Some((options.linking, unit.group()));
        }
    }

    /// Counts what is said by itself: it tells nothing of what is not said.
    pub(crate) fn mention(&mut self, options: &Options, unit: &Unit<'_>) {
        self.units += 1;
        self.recorded += 1;
        let Options { protector, fortify, clash, control_flow, optimisation, position, .. } = *options;
        self.protector.count(protector, unit, false);
        self.fortify.count(fortify, unit, false);
        self.clash.count(clash, unit, false);
        self.control_flow.count(control_flow, unit, false);
        self.optimisation.count(optimisation, unit, false);
        self.position.count(position, unit, false);
        self.address_sanitizer.count(options.address_sanitizer, unit, false);
    }
}

/// Long enough to find a file by.
const MAX_NAME: usize = 200;
