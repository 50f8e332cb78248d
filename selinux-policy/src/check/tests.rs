//! Small policies, and random ones judged pair by pair.

mod brute;

use super::pairs::type_id;
use super::*;
use crate::ir::{
    AttributeSet, AvRule, AvxRule, BoolId, BoolOp, Bounds, Class, ClassPerms, ClassRef, CondRule,
    Conditional, Op, Origin, PermissionX, PermissionXId, RoleDecl, Target, TypeDecl, UserDecl,
};

/// A policy under construction. Classes are `file` and `dir`, each with `ioctl`, `read` and `write`.
pub(super) struct Policy {
    pub(super) ir: Ir,
    origins: u32,
}

impl Policy {
    /// Types, and attributes with what they hold: `a b ab=a,b none=`.
    pub(super) fn new(types: &str) -> Self {
        let mut policy = Self { ir: Ir::default(), origins: 0 };
        for word in types.split_whitespace() {
            let (name, members) = word.split_once('=').map_or((word, None), |(name, set)| (name, Some(set)));
            let (symbol, origin) = (policy.ir.names.intern(name.as_bytes()), OriginId(0));
            policy.ir.types.push(TypeDecl { name: symbol, is_attribute: members.is_some(), origin });
            let ids: Vec<TypeId> =
                members.unwrap_or("").split_terminator(',').map(|name| policy.type_id(name)).collect();
            let mut set: Vec<Op<TypeId>> = ids.iter().map(|id| Op::Operand(*id)).collect();
            set.extend(ids.iter().skip(1).map(|_| Op::Or));
            if !set.is_empty() {
                let attribute = policy.type_id(name);
                policy.ir.type_attribute_sets.push(AttributeSet { attribute, set, origin });
            }
        }
        for name in ["file", "dir"] {
            let name = policy.ir.names.intern(name.as_bytes());
            let permissions = ["ioctl", "read", "write"].map(|name| policy.ir.names.intern(name.as_bytes()));
            let class = Class { name, common: None, permissions: permissions.to_vec(), origin: OriginId(0) };
            policy.ir.classes.push(class);
        }
        policy
    }

    pub(super) fn type_id(&self, name: &str) -> TypeId {
        let symbol = self.ir.names.find(name.as_bytes()).unwrap();
        let place = self.ir.types.iter().position(|declared| declared.name == symbol).unwrap();
        type_id(place)
    }

    pub(super) fn target(&self, name: &str) -> Target {
        match name {
            "self" => Target::SelfType,
            "notself" => Target::NotSelf,
            "other" => Target::Other,
            _ => Target::Type(self.type_id(name)),
        }
    }

    /// Adds rules, one a line: `allow a b file read,write`, `allowx a b file 1-3,7`, `typebounds parent child`. Each has its
    /// place, from 1, as its origin.
    fn rules(mut self, text: &str) -> Self {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(bounds) = line.strip_prefix("typebounds ") {
                let (parent, child) = bounds.split_once(' ').unwrap();
                let (parent, child) = (self.type_id(parent), self.type_id(child));
                let origin = self.origin();
                self.ir.type_bounds.push(Bounds { parent, child, origin });
                continue;
            }
            match self.rule(line) {
                CondRule::Av(rule) => self.ir.av_rules.push(rule),
                CondRule::Avx(rule) => self.ir.avx_rules.push(rule),
                CondRule::Type(_) | CondRule::Name(_) => unreachable!(),
            }
        }
        self
    }

    /// Adds a conditional over a boolean.
    fn when(mut self, boolean: u32, then: &str, otherwise: &str) -> Self {
        let lines = |text: &'_ str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
        let then = lines(then).iter().filter(|line| !line.is_empty()).map(|line| self.rule(line)).collect();
        let otherwise =
            lines(otherwise).iter().filter(|line| !line.is_empty()).map(|line| self.rule(line)).collect();
        let (condition, origin) = (vec![BoolOp::Bool(BoolId(boolean))], self.origin());
        self.ir.conditionals.push(Conditional { condition, then, otherwise, origin });
        self
    }

    fn rule(&mut self, line: &str) -> CondRule {
        let [keyword, source, target, class, access] =
            line.split(' ').collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("{line}"));
        let (kind, is_extended) = match keyword {
            "allow" => (AvKind::Allow, false),
            "dontaudit" => (AvKind::DontAudit, false),
            "neverallow" => (AvKind::NeverAllow, false),
            "allowx" => (AvKind::Allow, true),
            "neverallowx" => (AvKind::NeverAllow, true),
            _ => panic!("{line}"),
        };
        let (source, target) = (self.type_id(source), self.target(target));
        let class = ClassId(u32::from(class == "dir"));
        let origin = self.origin();
        if is_extended {
            let access = self.numbers(class, access);
            return CondRule::Avx(AvxRule { kind, source, target, access, origin });
        }
        let bit = |name: &str| 1 << ["ioctl", "read", "write"].iter().position(|its| *its == name).unwrap();
        let bits = access.split(',').map(bit).fold(0, |all, bit: u32| all | bit);
        CondRule::Av(AvRule { kind, source, target, access: ClassPerms::Class(class, bits), origin })
    }

    fn numbers(&mut self, class: ClassId, text: &str) -> PermissionXId {
        let range = |range: &str| {
            let (low, high) = range.split_once('-').unwrap_or((range, range));
            (low.parse().unwrap(), high.parse().unwrap())
        };
        let numbers = text.split(',').map(range).collect();
        let (kind, class, origin) = (XKind::Ioctl, ClassRef::Class(class), OriginId(0));
        self.ir.permissionx.push(PermissionX { name: None, kind, class, numbers, origin });
        PermissionXId(u32::try_from(self.ir.permissionx.len() - 1).unwrap())
    }

    fn origin(&mut self) -> OriginId {
        self.origins += 1;
        OriginId(self.origins)
    }

    fn check(&self) -> Report {
        let (types, roles) = (TypeSets::of_types(&self.ir).unwrap(), RoleSets::of_roles(&self.ir).unwrap());
        let (users, classes) = (UserSets::of_users(&self.ir).unwrap(), ClassSets::of(&self.ir).unwrap());
        check(&self.ir, Sets { types: &types, roles: &roles, users: &users, classes: &classes }).unwrap()
    }

    /// What is broken, in words: `promise < rule: source target class access xpairs`.
    fn broken(&self) -> Vec<String> {
        let report = self.check();
        let name = |id: TypeId| self.ir.names.text(self.ir.types[id.index()].name);
        let class = |id: ClassId| self.ir.names.text(self.ir.classes[id.index()].name);
        let never = report.never_allowed.iter().map(|broken| {
            let access = match &broken.access {
                Access::Permissions(bits) => format!("{bits:#b}"),
                Access::EveryNumber(_) => "*".to_owned(),
                Access::Numbers(_, numbers) => format!("{numbers:?}"),
            };
            let (promise, rule, pairs) = (broken.promise.0, broken.rule.origin.0, broken.pairs);
            let (source, target, class) = (name(broken.source), name(broken.target), class(broken.class));
            format!("{promise} < {rule}: {source} {target} {class} {access} x{pairs}")
        });
        let bounds = report.type_bounds.iter().map(|broken| {
            let (promise, rule, targets) = (broken.promise.0, broken.rule.origin.0, broken.targets);
            let (child, target, class) = (name(broken.child), name(broken.target), class(broken.class));
            format!("{promise} < {rule}: {child} {target} {class} {:#b} x{targets}", broken.permissions)
        });
        never.chain(bounds).collect()
    }
}

#[test]
fn every_rule_that_breaks_a_promise_is_told() {
    let policy = Policy::new("a b c ab=a,b bc=b,c all=a,b,c").rules(
        "neverallow ab bc file read,write
         allow a b file read
         allow all all file write,ioctl
         allow c c file write
         allow ab bc dir read
         dontaudit a b file write",
    );
    assert_eq!(policy.broken(), ["1 < 2: a b file 0b10 x1", "1 < 3: a b file 0b100 x4"]);
}

#[test]
fn conditional_rules_break_promises_too() {
    let policy = Policy::new("a b").rules("neverallow a b file read").when(0, "", "allow a b file read");
    let report = policy.check();
    let site = Site { origin: OriginId(2), conditional: Some((0, false)) };
    assert_eq!(report.never_allowed.iter().map(|broken| broken.rule).collect::<Vec<_>>(), [site]);
}

#[test]
fn self_notself_and_other_stand_on_both_sides() {
    let policy = Policy::new("a b c ab=a,b").rules(
        "neverallow ab self file read
         neverallow ab notself file write
         neverallow ab other dir read
         allow ab b file read
         allow ab self file write
         allow a c file write
         allow ab ab dir read
         allow ab self dir read
         allow c notself file read",
    );
    let broken = ["1 < 4: b b file 0b10 x1", "2 < 6: a c file 0b100 x1", "3 < 7: a b dir 0b10 x2"];
    assert_eq!(policy.broken(), broken);
}

#[test]
fn promises_about_nothing_are_kept() {
    let policy = Policy::new("a none=")
        .rules("neverallow none a file read\nneverallow a none file read\nallow a a file read");
    assert!(policy.check().is_clean());
}

#[test]
fn numbers_are_allowed_by_allowx_or_all_by_allow() {
    let policy = Policy::new("a b c ab=a,b").rules(
        "neverallowx ab c file 5-9,20
         allow ab c file ioctl
         allowx a c file 1-5,9,20-30
         allow b c dir ioctl",
    );
    assert_eq!(policy.broken(), ["1 < 2: b c file * x1", "1 < 3: a c file [(5, 5), (9, 9), (20, 20)] x1"]);
    let kept = Policy::new("a b c ab=a,b").rules(
        "neverallowx ab c file 5-9
         allow a c file ioctl
         allowx ab c file 1-4,10
         allowx b c file 5",
    );
    // b may nothing with c's files at all.
    assert_eq!(kept.broken(), [""; 0]);
}

#[test]
fn allow_in_a_branch_is_restricted_only_there() {
    let base = "neverallowx a b file 5";
    let outside =
        Policy::new("a b").rules(&format!("{base}\nallowx a b file 1")).when(0, "allow a b file ioctl", "");
    assert_eq!(outside.broken(), ["1 < 3: a b file * x1"]);
    let inside = Policy::new("a b").rules(base).when(0, "allow a b file ioctl\nallowx a b file 1", "");
    assert_eq!(inside.broken(), [""; 0]);
    let one =
        Policy::new("a b").rules(&format!("{base}\nallow a b file ioctl")).when(0, "allowx a b file 1", "");
    assert_eq!(one.broken(), ["1 < 2: a b file * x1"]);
    let both = Policy::new("a b").rules(&format!("{base}\nallow a b file ioctl"));
    let both = both.when(0, "allowx a b file 1", "allowx a b file 2");
    assert_eq!(both.broken(), [""; 0]);
}

#[test]
fn bounded_types_have_the_rights_of_their_parents_and_no_more() {
    let policy = Policy::new("p c x y xy=x,y pc=p,c").rules(
        "typebounds p c
         allow p x file read
         allow c xy file read,write
         allow pc self dir read
         allow p p dir write
         allow c c dir write
         allow c p dir write",
    );
    // c may read its own directories because p may read its own: a bounded target counts as its parent.
    assert_eq!(policy.broken(), ["1 < 3: c x file 0b100 x2"]);
}

#[test]
fn bounds_hold_in_each_branch() {
    let policy = || Policy::new("p c x").rules("typebounds p c");
    let same = policy().when(0, "allow p x file read", "").when(0, "allow c x file read", "");
    assert_eq!(same.broken(), [""; 0]);
    let opposite = policy().when(0, "allow p x file read", "allow c x file read");
    assert_eq!(opposite.broken(), ["1 < 3: c x file 0b10 x1"]);
    let both = policy().when(0, "allow p x file read", "allow p x file read").rules("allow c x file read");
    assert_eq!(both.broken(), [""; 0]);
    let one = policy().when(0, "allow p x file read", "").rules("allow c x file read");
    assert_eq!(one.broken(), ["1 < 4: c x file 0b10 x1"]);
}

#[test]
fn roles_and_users_have_no_more_than_what_bounds_them() {
    let mut policy = Policy::new("a b ab=a,b");
    let name = policy.ir.names.intern(b"r");
    for is_attribute in [false, false, true] {
        policy.ir.roles.push(RoleDecl { name, is_attribute, origin: OriginId(0) });
        let (level, range, origin) = (None, None, OriginId(0));
        policy.ir.users.push(UserDecl { name, is_attribute, level, range, origin });
    }
    let (parent, child, attribute) = (RoleId(0), RoleId(1), RoleId(2));
    let set = vec![Op::Operand(child)];
    policy.ir.role_attribute_sets.push(AttributeSet { attribute, set, origin: OriginId(0) });
    policy.ir.role_types =
        vec![(parent, policy.type_id("a"), OriginId(0)), (attribute, policy.type_id("ab"), OriginId(0))];
    policy.ir.role_bounds = vec![Bounds { parent, child, origin: OriginId(5) }];
    policy.ir.user_bounds = vec![Bounds { parent: UserId(0), child: UserId(1), origin: OriginId(6) }];
    policy.ir.user_roles = vec![(UserId(0), attribute, OriginId(0)), (UserId(1), parent, OriginId(0))];
    let report = policy.check();
    let lacks = |set: &Bitset| set.iter().collect::<Vec<_>>();
    let roles: Vec<_> = report.role_bounds.iter().map(|role| (role.promise, lacks(&role.lacks))).collect();
    assert_eq!(roles, [(OriginId(5), vec![1])]);
    let users: Vec<_> = report.user_bounds.iter().map(|user| (user.promise, lacks(&user.lacks))).collect();
    assert_eq!(users, [(OriginId(6), vec![0])]);
}

#[test]
fn violations_are_told_with_both_sites() {
    let mut policy =
        Policy::new("a b c bc=b,c").rules("neverallow a bc file read\nneverallowx a b dir 5-9,32");
    policy =
        policy.when(0, "allow a bc file read,write", "").rules("allow a b dir ioctl\nallowx a b dir 6-40");
    policy.ir.origins = (0..10).map(|offset| Origin { file: 0, offset, through: None }).collect();
    let told: Vec<_> = policy
        .check()
        .diagnostics(&policy.ir)
        .into_iter()
        .map(|one| {
            let notes: Vec<_> = one.notes.iter().map(|(span, text)| (span.start, text.clone())).collect();
            (one.code, one.message, one.at.unwrap().start, notes)
        })
        .collect();
    let message = "a is allowed read on b (file), and so is 1 other pair".to_owned();
    let notes = vec![(4, "if this holds".to_owned()), (1, "this neverallow forbids it".to_owned())];
    assert_eq!(told[0], ("neverallow-violated", message, 3, notes));
    let message = "a is allowed ioctl 0x6-0x9, 0x20 on b (dir)".to_owned();
    let notes = vec![(2, "this neverallowx forbids it".to_owned())];
    assert_eq!(told[1], ("neverallowx-violated", message, 6, notes));
    assert_eq!(told.len(), 2);
}
