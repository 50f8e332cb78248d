//! Policies made of random numbers.
//!
//! They have every statement of the language, and nearly all of them mean something: names are declared, contexts are valid.
//! A few do not, on purpose or by chance; what matters is that both compilers agree.

mod containers;
mod declare;
mod faults;
mod labelling;
mod mls;
mod neverallow;
mod random;
mod rules;
mod world;

pub(crate) use random::Random;

use mls::{Labels, Lines};
use world::{Kind, World};

/// A policy in CIL, and how to compile it.
#[derive(Clone, Debug)]
pub(crate) struct Generated {
    /// Names and texts of the files, in the order in which they are given.
    pub(crate) files: Vec<(String, String)>,
    pub(crate) flags: Flags,
}

/// The options of secilc that change what comes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are options of a command")]
pub(crate) struct Flags {
    /// `-M`
    pub(crate) mls: Option<bool>,
    /// `-c`
    pub(crate) version: Option<u32>,
    /// `-t xen`
    pub(crate) is_xen: bool,
    /// `-U`
    pub(crate) handle_unknown: Option<&'static str>,
    /// `-D`
    pub(crate) disable_dontaudit: bool,
    /// `-P`
    pub(crate) preserve_tunables: bool,
    /// `-Q`
    pub(crate) qualified_names: bool,
    /// `-m`
    pub(crate) multiple_declarations: bool,
    /// `-N`
    pub(crate) disable_neverallow: bool,
    /// `-G`
    pub(crate) expand_generated: bool,
    /// `-X`
    pub(crate) expand_size: Option<u32>,
    /// `-O`
    pub(crate) optimize: bool,
}

impl Flags {
    /// As arguments of secilc.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut option = |flag: &str, value: Option<String>| {
            arguments.push(flag.to_owned());
            arguments.extend(value);
        };
        if let Some(mls) = self.mls {
            option("-M", Some(mls.to_string()));
        }
        if let Some(version) = self.version {
            option("-c", Some(version.to_string()));
        }
        if self.is_xen {
            option("-t", Some("xen".to_owned()));
        }
        if let Some(action) = self.handle_unknown {
            option("-U", Some(action.to_owned()));
        }
        if let Some(size) = self.expand_size {
            option("-X", Some(size.to_string()));
        }
        let switches = [
            ("-D", self.disable_dontaudit),
            ("-P", self.preserve_tunables),
            ("-Q", self.qualified_names),
            ("-m", self.multiple_declarations),
            ("-N", self.disable_neverallow),
            ("-G", self.expand_generated),
            ("-O", self.optimize),
        ];
        for (flag, _) in switches.iter().filter(|(_, is_set)| *is_set) {
            option(flag, None);
        }
        arguments
    }
}

/// The policy of a seed. A modern one has what came after 3.4 of the reference compiler.
pub(crate) fn policy(seed: u64, is_modern: bool) -> Generated {
    let mut random = Random::new(seed);
    let flags = flags(&mut random);
    let mut world = World::new(random);
    world.is_modern = is_modern;
    world.is_xen = flags.is_xen;
    world.is_qualified = flags.qualified_names;
    world.ranges_by_default = world.random.pick(&["low", "high", "low-high", "low-high", "glblub"]);
    world.sensitivities = world.random.within(1, 4);
    world.categories = world.random.within(1, 6);
    if !world.is_qualified && world.random.chance(60) {
        containers::declare_blocks(&mut world);
    }
    let mut lines: Vec<Lines> = vec![Lines::new(); world.blocks.len()];
    declare_all(&mut world, &mut lines, flags.is_xen);
    rules(&mut world, &mut lines);
    Generated { files: files(&mut world, lines), flags }
}

/// A policy with as many promises as real ones have, of which all are kept: to measure.
pub(crate) fn with_promises(seed: u64, types: usize, attributes: usize, promises: usize) -> Generated {
    let text = neverallow::policy(&mut Random::new(seed), types, attributes, promises);
    Generated { files: vec![("promises.cil".to_owned(), text)], flags: Flags::default() }
}

fn flags(random: &mut Random) -> Flags {
    let is_xen = random.chance(10);
    // The reference compiler writes no later version for Xen.
    let version = if is_xen && random.chance(90) { 30 } else { random.within(30, 34) };
    Flags {
        mls: random.chance(20).then(|| random.chance(70)),
        version: u32::try_from(version).ok().filter(|version| *version <= 33),
        is_xen,
        handle_unknown: random.chance(15).then(|| random.pick(&["allow", "deny", "reject"])),
        disable_dontaudit: random.chance(10),
        preserve_tunables: random.chance(4),
        qualified_names: random.chance(6),
        multiple_declarations: random.chance(10),
        disable_neverallow: random.chance(15),
        expand_generated: random.chance(10),
        expand_size: random.chance(20).then(|| u32::try_from(random.below(4)).unwrap_or(0)),
        optimize: random.chance(10),
    }
}

fn declare_all(world: &mut World, lines: &mut [Lines], is_xen: bool) {
    let mut labels = Labels::default();
    let mut root = Lines::new();
    world.is_mls = world.random.chance(75);
    root.push(format!("(mls {})", world.is_mls));
    root.push(format!("(handleunknown {})", world.random.pick(&["allow", "deny", "reject"])));
    let capabilities = ["open_perms", "network_peer_controls", "cgroup_seclabel", "genfs_seclabel_symlinks"];
    for name in world.random.some(&capabilities, 30) {
        root.push(format!("(policycap {name})"));
    }
    declare::classes(world, &mut root);
    root.push("(role object_r)".to_owned());
    for (block, lines) in lines.iter_mut().enumerate() {
        declare::names(world, block, lines);
    }
    mls::declare(world, &mut labels, &mut root);
    mls::declare_users(world, &mut labels, &mut root);
    mls::declare_contexts(world, &mut labels, &mut root);
    users(world, &labels, &mut root);
    sids(world, &mut labels, &mut root);
    labelling::generate(world, &mut labels, is_xen, &mut root);
    lines[0].append(&mut root);
}

fn users(world: &mut World, labels: &Labels, lines: &mut Lines) {
    if world.random.chance(20) {
        let user = world.name(Kind::User, 0);
        lines.push(format!("(userprefix {user} prefix)"));
    }
    if world.random.chance(20) {
        let (user, range) = (world.name(Kind::User, 0), mls::any_range(world, labels));
        lines.push(format!("(selinuxuser login {user} {range})"));
        let (user, range) = (world.name(Kind::User, 0), mls::any_range(world, labels));
        lines.push(format!("(selinuxuserdefault {user} {range})"));
    }
}

fn sids(world: &mut World, labels: &mut Labels, lines: &mut Lines) {
    let mut names: Vec<String> = ["kernel", "security", "unlabeled", "fs"].map(str::to_owned).to_vec();
    names.truncate(world.random.within(1, 4));
    for name in &names {
        lines.push(format!("(sid {name})"));
        let context = mls::context(world, labels, lines);
        lines.push(format!("(sidcontext {name} {context})"));
    }
    mls::order(world, "sidorder", &names, lines);
}

fn rules(world: &mut World, lines: &mut [Lines]) {
    containers::macros(world, lines);
    for (block, lines) in lines.iter_mut().enumerate() {
        let count = world.random.within(3, if block == 0 { 40 } else { 10 });
        for _ in 0..count {
            lines.push(containers::statement(world, block));
        }
    }
    // One rule there must be.
    let access = rules::class_access(world);
    lines[0].push(format!("(allow ty0 ty1 {access})"));
    if world.blocks.len() > 1 {
        containers::inheritance(world, lines);
        containers::ins(world, &mut lines[0]);
    }
    if world.random.chance(30) {
        for _ in 0..world.random.within(1, 4) {
            let keyword = if world.random.chance(75) { "neverallow" } else { "neverallowx" };
            lines[0].push(match keyword {
                "neverallow" => rules::av_rule_of(world, keyword, 0),
                _ => rules::xperm_rule_of(world, keyword, 0),
            });
        }
    }
    bounds(world, &mut lines[0]);
    if world.is_modern {
        for _ in 0..world.random.below(3) {
            lines[0].push(rules::av_rule_of(world, "deny", 0));
        }
    }
}

fn bounds(world: &mut World, lines: &mut Lines) {
    for (keyword, kind, percent) in
        [("typebounds", Kind::Type, 10), ("rolebounds", Kind::Role, 6), ("userbounds", Kind::User, 6)]
    {
        if world.random.chance(percent) {
            let (parent, child) = (world.name(kind, 0), world.name(kind, 0));
            if parent == child && !world.random.chance(5) {
                continue;
            }
            lines.push(format!("({keyword} {parent} {child})"));
        }
    }
}

/// The text: statements of the root in some order, in one file or in several, with blocks among them.
fn files(world: &mut World, mut lines: Vec<Lines>) -> Vec<(String, String)> {
    for block in (1..lines.len()).rev() {
        let mut body = std::mem::take(&mut lines[block]);
        world.random.shuffle(&mut body);
        let text =
            format!("(block {}\n  {})", world.blocks[block].name, body.join("\n  ").replace('\n', "\n  "));
        let parent = world.blocks[block].parent;
        lines[parent].push(text);
    }
    let mut root = std::mem::take(&mut lines[0]);
    world.random.shuffle(&mut root);
    if world.random.chance(25) {
        faults::add(&mut world.random, &mut root);
    }
    let count = world.random.within(1, 3);
    let mut files: Vec<(String, String)> =
        (0..count).map(|index| (format!("part{index}.cil"), String::new())).collect();
    for line in root {
        let (_, text) = &mut files[world.random.below(count)];
        if world.random.chance(3) {
            text.push_str(world.random.pick(&[
                "; a comment (with a parenthesis\n",
                ";;* lmx 7 \"made.te\"\n;;* lme\n",
                "\n\t",
            ]));
        }
        text.push_str(&line);
        text.push('\n');
    }
    files
}
