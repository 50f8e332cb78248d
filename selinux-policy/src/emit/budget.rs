//! How many rules of single types and classes the rules of a policy stand for, counted before any of them is made.
//!
//! A source of a few kilobytes can have two attributes of ten thousand types and a class map of ten thousand classes, and
//! one rule over them, which nobody could load. What a rule stands for is a product of three numbers that are known.

use super::faults::Faults;
use super::tables::Tables;
use crate::diagnostic::Diagnostic;
use crate::ir::{
    AvKind, AvRule, AvxRule, ClassRef, CondRule, Constraint, ConstraintNames, ConstraintOp, Ir, OriginId,
    PermissionX, RoleId, Target, TypeId, ValidateTransition,
};

/// All rules together may stand for this many, which take about 400 MiB while they are laid out. The largest known policies
/// stand for three million when all their attributes are replaced by the types that they hold, and for 150,000 otherwise.
pub(crate) const MAX_RULES: u64 = 1 << 22;

/// As many rules of single types as a change of range counts for, and one part of extended permissions: both have sets of
/// their own.
const RULES_PER_RANGE: u64 = 4;
const RULES_PER_XPERMS: u64 = 2;
/// As many types in a set take as much room as a rule.
const TYPES_PER_RULE: u64 = 32;

/// Refuses a policy whose rules stand for more than [`MAX_RULES`]; tells whether it is within.
pub(crate) fn check(tables: &Tables<'_>, faults: &mut Faults<'_>) -> bool {
    let mut budget = Budget { tables, sizes: Sizes::new(tables), total: 0, excess: None };
    budget.count_all(tables.ir);
    let Some(excess) = budget.excess else { return true };
    faults.tell(excess.diagnostic(tables.ir));
    false
}

struct Budget<'a> {
    tables: &'a Tables<'a>,
    sizes: Sizes,
    total: u64,
    excess: Option<Excess>,
}

/// What a rule stands for.
#[derive(Clone, Copy)]
struct Product {
    sources: u64,
    targets: u64,
    classes: u64,
}

/// The rule by which it got too much.
struct Excess {
    origin: OriginId,
    product: Product,
}

impl Excess {
    fn diagnostic(&self, ir: &Ir) -> Diagnostic {
        let Product { sources, targets, classes } = self.product;
        let message = format!(
            "the rules of this policy stand for over {MAX_RULES} rules of single types and classes: this one for {sources} \
             sources, each with {targets} targets and {classes} classes or parts of them"
        );
        let help =
            "let rules keep their attributes (expandtypeattribute false, a smaller -X), or name fewer types";
        Diagnostic::error("too-many-rules", message).at_origin(&ir.origins, self.origin).help(help)
    }
}

impl Budget<'_> {
    fn count_all(&mut self, ir: &Ir) {
        ir.av_rules.iter().for_each(|rule| self.access(rule));
        ir.avx_rules.iter().for_each(|rule| self.extended(rule));
        for rule in &ir.type_rules {
            self.types((rule.source, rule.target), rule.class, rule.origin);
        }
        for rule in &ir.name_transitions {
            self.types((rule.source, rule.target), rule.class, rule.origin);
        }
        for rule in &ir.range_transitions {
            let classes = self.sizes.classes(rule.class).saturating_mul(RULES_PER_RANGE);
            let (sources, targets) = (self.sizes.types(rule.source), self.sizes.types(rule.target));
            self.add(Product { sources, targets, classes }, rule.origin);
        }
        for rule in &ir.role_transitions {
            let (sources, targets) = (self.roles(rule.source), self.sizes.types(rule.target));
            self.add(Product { sources, targets, classes: self.sizes.classes(rule.class) }, rule.origin);
        }
        for (source, target, origin) in &ir.role_allows {
            let (sources, targets) = (self.roles(*source), self.roles(*target));
            self.add(Product { sources, targets, classes: 1 }, *origin);
        }
        for Constraint { access, expression, origin, .. } in &ir.constraints {
            let classes = self.tables.accesses.size(access);
            self.add(Product { sources: 1, targets: self.steps(expression), classes }, *origin);
        }
        for ValidateTransition { class, expression, origin, .. } in &ir.validate_transitions {
            let classes = self.sizes.classes(*class);
            self.add(Product { sources: 1, targets: self.steps(expression), classes }, *origin);
        }
        for conditional in &ir.conditionals {
            conditional.then.iter().chain(&conditional.otherwise).for_each(|rule| self.conditional(rule));
        }
    }

    fn conditional(&mut self, rule: &CondRule) {
        match rule {
            CondRule::Av(rule) => self.access(rule),
            CondRule::Avx(rule) => self.extended(rule),
            CondRule::Type(rule) => self.types((rule.source, rule.target), rule.class, rule.origin),
            CondRule::Name(rule) => self.types((rule.source, rule.target), rule.class, rule.origin),
        }
    }

    fn access(&mut self, rule: &AvRule) {
        let classes = self.tables.accesses.size(&rule.access);
        let (sources, targets) = match (rule.kind, rule.target) {
            // It is held against the other rules as it is.
            (AvKind::NeverAllow, _) => (1, 1),
            (_, Target::Type(target)) => (self.unexpanded(rule.source), self.unexpanded(target)),
            (_, target) => self.sizes.pairs(rule.source, target),
        };
        self.add(Product { sources, targets, classes }, rule.origin);
    }

    fn extended(&mut self, rule: &AvxRule) {
        let permissions = &self.tables.ir.permissionx[rule.access.index()];
        let classes = self.sizes.classes(permissions.class);
        let (sources, targets) = match (rule.kind, rule.target) {
            (AvKind::NeverAllow, _) => (1, 1),
            (_, Target::Type(target)) => (self.unexpanded(rule.source), self.unexpanded(target)),
            (_, target) => self.sizes.pairs(rule.source, target),
        };
        let parts = drivers(permissions).saturating_mul(RULES_PER_XPERMS);
        self.add(Product { sources, targets, classes: classes.saturating_mul(parts) }, rule.origin);
    }

    /// As many rules as the expression of a constraint counts for. Each class that a constraint is about has it anew, with
    /// the names that it has and the types that they hold.
    fn steps(&self, expression: &[ConstraintOp]) -> u64 {
        let of = |step: &ConstraintOp| match step {
            ConstraintOp::Names(_, _, ConstraintNames::Types(names)) => {
                1 + names.iter().map(|name| 1 + self.sizes.types(*name) / TYPES_PER_RULE).sum::<u64>()
            }
            ConstraintOp::Names(_, _, ConstraintNames::Roles(names)) => 1 + names.len() as u64,
            ConstraintOp::Names(_, _, ConstraintNames::Users(names)) => 1 + names.len() as u64,
            _ => 1,
        };
        expression.iter().map(of).sum()
    }

    /// A rule that always names types.
    fn types(&mut self, (source, target): (TypeId, Target), class: ClassRef, origin: OriginId) {
        let (sources, targets) = self.sizes.pairs(source, target);
        self.add(Product { sources, targets, classes: self.sizes.classes(class) }, origin);
    }

    /// How many names an access vector rule has for a type or attribute.
    fn unexpanded(&self, id: TypeId) -> u64 {
        if self.tables.fates[id.index()].is_expanded { self.sizes.types(id) } else { 1 }
    }

    fn roles(&self, id: RoleId) -> u64 {
        self.tables.roles.members(id).count() as u64
    }

    fn add(&mut self, product: Product, origin: OriginId) {
        let Product { sources, targets, classes } = product;
        self.total = self.total.saturating_add(sources.saturating_mul(targets).saturating_mul(classes));
        if self.total > MAX_RULES && self.excess.is_none() {
            self.excess = Some(Excess { origin, product });
        }
    }
}

/// How many types attributes hold, and how many classes maps.
struct Sizes {
    types: Vec<u64>,
    maps: Vec<u64>,
    all: u64,
}

impl Sizes {
    fn new(tables: &Tables<'_>) -> Self {
        let ids = (0..).map(TypeId).take(tables.ir.types.len());
        let types = ids.map(|id| tables.types.members(id).count() as u64).collect();
        let maps = (0..tables.ir.class_maps.len()).map(|map| tables.accesses.map_size(map)).collect();
        Self { types, maps, all: tables.types.all().count() as u64 }
    }

    fn types(&self, id: TypeId) -> u64 {
        self.types[id.index()]
    }

    fn classes(&self, class: ClassRef) -> u64 {
        match class {
            ClassRef::Class(_) => 1,
            ClassRef::Map(map) => self.maps[map.index()],
        }
    }

    /// Sources and targets of a rule whose attributes are all replaced by their types.
    fn pairs(&self, source: TypeId, target: Target) -> (u64, u64) {
        let sources = self.types(source);
        let targets = match target {
            Target::Type(target) => self.types(target),
            Target::SelfType => 1,
            Target::NotSelf => self.all,
            Target::Other => sources,
        };
        (sources, targets)
    }
}

/// How many drivers extended permissions are of, at most: each has a part of a rule to itself.
fn drivers(permissions: &PermissionX) -> u64 {
    let of = |(first, last): &(u16, u16)| u64::from(last >> 8).saturating_sub(u64::from(first >> 8)) + 1;
    permissions.numbers.iter().map(of).sum::<u64>().min(257)
}
