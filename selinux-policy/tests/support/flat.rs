//! A resolved policy as text without scopes, for a compiler that takes qualified names (`-Q`). What the reference compiler
//! makes of it must be what it makes of the sources, to the byte.

use std::fmt::Write as _;

use hardpan_selinux_policy::ir::*;
use hardpan_selinux_policy::names::Symbol;

/// The policy as text.
pub(crate) fn flat(ir: &Ir) -> String {
    let mut flat = Flat { ir, text: String::new() };
    flat.settings();
    flat.classes();
    flat.mls();
    flat.types();
    flat.roles_and_users();
    flat.rules();
    flat.labels();
    flat.text
}

struct Flat<'a> {
    ir: &'a Ir,
    text: String,
}

macro_rules! line {
    ($flat:ident, $($part:tt)*) => {
        writeln!($flat.text, $($part)*).expect("strings take everything")
    };
}

impl Flat<'_> {
    fn settings(&mut self) {
        if let Some(mls) = self.ir.mls {
            line!(self, "(mls {mls})");
        }
        if let Some(handle) = self.ir.handle_unknown {
            line!(self, "(handleunknown {})", format!("{handle:?}").to_lowercase());
        }
        for (name, _) in &self.ir.policycaps {
            line!(self, "(policycap {})", self.name(*name));
        }
        for bool_ in &self.ir.bools {
            line!(self, "(boolean {} {})", self.name(bool_.name), bool_.value);
        }
    }

    fn classes(&mut self) {
        for common in &self.ir.commons {
            line!(self, "(common {} ({}))", self.name(common.name), self.list(&common.permissions));
        }
        for class in &self.ir.classes {
            let name = self.name(class.name);
            line!(
                self,
                "(class {name} ({}))\n(classorder (unordered {name}))",
                self.list(&class.permissions)
            );
            if let Some(common) = class.common {
                line!(self, "(classcommon {name} {})", self.name(self.ir.commons[common.index()].name));
            }
        }
        for map in &self.ir.class_maps {
            let permissions: Vec<_> = map.permissions.iter().map(|(name, _)| *name).collect();
            line!(self, "(classmap {} ({}))", self.name(map.name), self.list(&permissions));
        }
        for (place, set) in self.ir.class_permissions.iter().enumerate() {
            line!(self, "(classpermission {})", self.or(set.name, "cps", place));
        }
        for map in &self.ir.class_maps {
            for (permission, sets) in &map.permissions {
                for set in sets {
                    let access = self.access(set);
                    line!(self, "(classmapping {} {} {access})", self.name(map.name), self.name(*permission));
                }
            }
        }
        for (place, permission) in self.ir.class_permissions.iter().enumerate() {
            for set in &permission.sets {
                line!(
                    self,
                    "(classpermissionset {} {})",
                    self.or(permission.name, "cps", place),
                    self.access(set)
                );
            }
        }
        for (place, permission) in self.ir.permissionx.iter().enumerate() {
            let ranges = permission.numbers.iter().map(|(low, high)| format!("(range {low} {high})"));
            let numbers = ranges.collect::<Vec<_>>().join(" ");
            let numbers = if numbers.is_empty() { "not (all)".to_owned() } else { numbers };
            let kind = format!("{:?}", permission.kind).to_lowercase();
            let class = self.class(permission.class);
            line!(
                self,
                "(permissionx {} ({kind} {class} ({numbers})))",
                self.or(permission.name, "px", place)
            );
        }
        for default in &self.ir.defaults {
            let component = format!("{:?}", default.component).to_lowercase();
            let classes: Vec<_> = default.classes.iter().map(|class| self.class(*class)).collect();
            let from = format!("{:?}", default.from).to_lowercase();
            line!(self, "(default{component} ({}) {from})", classes.join(" "));
        }
        for default in &self.ir.default_ranges {
            let classes: Vec<_> = default.classes.iter().map(|class| self.class(*class)).collect();
            let side = |side: Side| format!("{side:?}").to_lowercase();
            let from = match default.from {
                RangeFrom::Low(from) => format!("{} low", side(from)),
                RangeFrom::High(from) => format!("{} high", side(from)),
                RangeFrom::LowHigh(from) => format!("{} low-high", side(from)),
                RangeFrom::GlbLub => "glblub".to_owned(),
            };
            line!(self, "(defaultrange ({}) {from})", classes.join(" "));
        }
    }

    fn mls(&mut self) {
        for category in &self.ir.categories {
            line!(self, "(category {})", self.name(category.name));
        }
        let names: Vec<_> = self.ir.categories.iter().map(|category| category.name).collect();
        if !names.is_empty() {
            line!(self, "(categoryorder ({}))", self.list(&names));
        }
        for alias in &self.ir.category_aliases {
            let actual = self.name(self.ir.categories[alias.actual.index()].name);
            line!(self, "(categoryalias {0})\n(categoryaliasactual {0} {actual})", self.name(alias.name));
        }
        for (place, set) in self.ir.category_sets.iter().enumerate() {
            line!(self, "(categoryset {} {})", self.or(set.name, "cs", place), self.categories(&set.set));
        }
        for sensitivity in &self.ir.sensitivities {
            let name = self.name(sensitivity.name);
            line!(self, "(sensitivity {name})");
            if !sensitivity.categories.is_empty() {
                line!(self, "(sensitivitycategory {name} {})", self.categories(&sensitivity.categories));
            }
        }
        let names: Vec<_> = self.ir.sensitivities.iter().map(|sensitivity| sensitivity.name).collect();
        if !names.is_empty() {
            line!(self, "(sensitivityorder ({}))", self.list(&names));
        }
        for alias in &self.ir.sensitivity_aliases {
            let actual = self.name(self.ir.sensitivities[alias.actual.index()].name);
            line!(
                self,
                "(sensitivityalias {0})\n(sensitivityaliasactual {0} {actual})",
                self.name(alias.name)
            );
        }
        for (place, level) in self.ir.levels.iter().enumerate() {
            let sensitivity = self.name(self.ir.sensitivities[level.sensitivity.index()].name);
            let categories =
                if level.categories.is_empty() { String::new() } else { self.categories(&level.categories) };
            line!(self, "(level {} ({sensitivity} {categories}))", self.or(level.name, "lv", place));
        }
        for (place, range) in self.ir.ranges.iter().enumerate() {
            let (low, high) = (self.level(range.low), self.level(range.high));
            line!(self, "(levelrange {} ({low} {high}))", self.or(range.name, "lr", place));
        }
    }

    fn types(&mut self) {
        for type_ in &self.ir.types {
            line!(
                self,
                "(type{} {})",
                if type_.is_attribute { "attribute" } else { "" },
                self.name(type_.name)
            );
        }
        for alias in &self.ir.type_aliases {
            line!(
                self,
                "(typealias {0})\n(typealiasactual {0} {1})",
                self.name(alias.name),
                self.type_(alias.actual)
            );
        }
        for set in &self.ir.type_attribute_sets {
            let expression = expression(&set.set, |type_| self.type_(*type_));
            line!(self, "(typeattributeset {} {expression})", self.type_(set.attribute));
        }
        for expand in &self.ir.expand_type_attributes {
            line!(self, "(expandtypeattribute {} {})", self.type_(expand.attribute), expand.expand);
        }
        for bounds in &self.ir.type_bounds {
            line!(self, "(typebounds {} {})", self.type_(bounds.parent), self.type_(bounds.child));
        }
        for (type_, _) in &self.ir.type_permissive {
            line!(self, "(typepermissive {})", self.type_(*type_));
        }
        for (type_, _) in &self.ir.type_neveraudit {
            line!(self, "(typeneveraudit {})", self.type_(*type_));
        }
    }

    fn roles_and_users(&mut self) {
        for role in &self.ir.roles {
            line!(
                self,
                "(role{} {})",
                if role.is_attribute { "attribute" } else { "" },
                self.name(role.name)
            );
        }
        for set in &self.ir.role_attribute_sets {
            let expression = expression(&set.set, |role| self.role(*role));
            line!(self, "(roleattributeset {} {expression})", self.role(set.attribute));
        }
        for (role, type_, _) in &self.ir.role_types {
            line!(self, "(roletype {} {})", self.role(*role), self.type_(*type_));
        }
        for bounds in &self.ir.role_bounds {
            line!(self, "(rolebounds {} {})", self.role(bounds.parent), self.role(bounds.child));
        }
        for (from, to, _) in &self.ir.role_allows {
            line!(self, "(roleallow {} {})", self.role(*from), self.role(*to));
        }
        for rule in &self.ir.role_transitions {
            let (source, target, result) =
                (self.role(rule.source), self.type_(rule.target), self.role(rule.result));
            line!(self, "(roletransition {source} {target} {} {result})", self.class(rule.class));
        }
        for user in &self.ir.users {
            let name = self.name(user.name);
            line!(self, "(user{} {name})", if user.is_attribute { "attribute" } else { "" });
            if let Some(level) = user.level {
                line!(self, "(userlevel {name} {})", self.level(level));
            }
            if let Some(range) = user.range {
                line!(self, "(userrange {name} {})", self.range(range));
            }
        }
        for set in &self.ir.user_attribute_sets {
            let expression = expression(&set.set, |user| self.user(*user));
            line!(self, "(userattributeset {} {expression})", self.user(set.attribute));
        }
        for (user, role, _) in &self.ir.user_roles {
            line!(self, "(userrole {} {})", self.user(*user), self.role(*role));
        }
        for bounds in &self.ir.user_bounds {
            line!(self, "(userbounds {} {})", self.user(bounds.parent), self.user(bounds.child));
        }
        for (user, prefix, _) in &self.ir.user_prefixes {
            line!(self, "(userprefix {} {})", self.user(*user), self.name(*prefix));
        }
        for login in &self.ir.selinux_users {
            let (user, range) = (self.user(login.user), self.range(login.range));
            match login.login {
                Some(name) => line!(self, "(selinuxuser {} {user} {range})", self.name(name)),
                None => line!(self, "(selinuxuserdefault {user} {range})"),
            }
        }
    }

    fn rules(&mut self) {
        for rule in &self.ir.av_rules {
            let text = self.av(rule);
            line!(self, "{text}");
        }
        for rule in &self.ir.avx_rules {
            let text = self.avx(rule);
            line!(self, "{text}");
        }
        for rule in &self.ir.deny_rules {
            let (source, target) = (self.type_(rule.source), self.target(rule.target));
            line!(self, "(deny {source} {target} {})", self.access(&rule.access));
        }
        for rule in &self.ir.type_rules {
            let text = self.type_rule(rule);
            line!(self, "{text}");
        }
        for rule in &self.ir.name_transitions {
            let text = self.name_transition(rule);
            line!(self, "{text}");
        }
        for rule in &self.ir.range_transitions {
            let (source, target) = (self.type_(rule.source), self.type_(rule.target));
            let (class, range) = (self.class(rule.class), self.range(rule.range));
            line!(self, "(rangetransition {source} {target} {class} {range})");
        }
        for conditional in &self.ir.conditionals {
            let text = self.conditional(conditional);
            line!(self, "{text}");
        }
        for constraint in &self.ir.constraints {
            let word = if constraint.is_mls { "mlsconstrain" } else { "constrain" };
            line!(
                self,
                "({word} {} {})",
                self.access(&constraint.access),
                self.constraint(&constraint.expression)
            );
        }
        for rule in &self.ir.validate_transitions {
            let word = if rule.is_mls { "mlsvalidatetrans" } else { "validatetrans" };
            line!(self, "({word} {} {})", self.class(rule.class), self.constraint(&rule.expression));
        }
    }

    fn conditional(&self, conditional: &Conditional) -> String {
        let mut stack: Vec<String> = Vec::new();
        for step in &conditional.condition {
            let mut two = |word: &str| {
                let (right, left) = (stack.pop().expect("two"), stack.pop().expect("two"));
                format!("({word} {left} {right})")
            };
            let text = match step {
                BoolOp::Bool(id) => self.name(self.ir.bools[id.index()].name),
                BoolOp::And => two("and"),
                BoolOp::Or => two("or"),
                BoolOp::Xor => two("xor"),
                BoolOp::Eq => two("eq"),
                BoolOp::Neq => two("neq"),
                BoolOp::Not => format!("(not {})", stack.pop().expect("one")),
            };
            stack.push(text);
        }
        let mut text = format!("(booleanif {}", stack.pop().expect("one"));
        for (word, rules) in [("true", &conditional.then), ("false", &conditional.otherwise)] {
            if rules.is_empty() {
                continue;
            }
            write!(text, " ({word}").expect("strings");
            for rule in rules {
                let rule = match rule {
                    CondRule::Av(rule) => self.av(rule),
                    CondRule::Avx(rule) => self.avx(rule),
                    CondRule::Type(rule) => self.type_rule(rule),
                    CondRule::Name(rule) => self.name_transition(rule),
                };
                write!(text, "\n  {rule}").expect("strings");
            }
            text.push(')');
        }
        if conditional.then.is_empty() && conditional.otherwise.is_empty() {
            return String::new();
        }
        text + ")"
    }

    fn labels(&mut self) {
        for context in &self.ir.contexts {
            if let Some(name) = context.name {
                line!(self, "(context {} {})", self.name(name), self.written(context));
            }
        }
        let mut sids = Vec::new();
        for sid in &self.ir.sids {
            line!(self, "(sid {})", self.name(sid.name));
            sids.push(sid.name);
            if let Some(context) = sid.context {
                line!(self, "(sidcontext {} {})", self.name(sid.name), self.context(context));
            }
        }
        if !sids.is_empty() {
            line!(self, "(sidorder ({}))", self.list(&sids));
        }
        for label in &self.ir.filecons {
            let context = label.context.map_or("()".to_owned(), |context| self.context(context));
            let kind = format!("{:?}", label.kind).to_lowercase();
            line!(self, "(filecon \"{}\" {kind} {context})", self.name(label.path));
        }
        for label in &self.ir.fsuses {
            let kind = format!("{:?}", label.kind).to_lowercase();
            line!(self, "(fsuse {kind} \"{}\" {})", self.name(label.filesystem), self.context(label.context));
        }
        for label in &self.ir.genfscons {
            let kind = match label.kind {
                FileKind::Any => String::new(),
                kind => format!("{kind:?}").to_lowercase(),
            };
            let (filesystem, path) = (self.name(label.filesystem), self.name(label.path));
            line!(self, "(genfscon \"{filesystem}\" \"{path}\" {kind} {})", self.context(label.context));
        }
        for label in &self.ir.portcons {
            let protocol = format!("{:?}", label.protocol).to_lowercase();
            line!(
                self,
                "(portcon {protocol} ({} {}) {})",
                label.low,
                label.high,
                self.context(label.context)
            );
        }
        for label in &self.ir.netifcons {
            let (interface, packet) = (self.context(label.interface), self.context(label.packet));
            line!(self, "(netifcon \"{}\" {interface} {packet})", self.name(label.name));
        }
        for label in &self.ir.nodecons {
            line!(self, "(nodecon ({}) ({}) {})", label.address, label.mask, self.context(label.context));
        }
        for label in &self.ir.ibpkeycons {
            line!(
                self,
                "(ibpkeycon {} ({} {}) {})",
                label.subnet,
                label.low,
                label.high,
                self.context(label.context)
            );
        }
        for label in &self.ir.ibendportcons {
            line!(
                self,
                "(ibendportcon {} {} {})",
                self.name(label.device),
                label.port,
                self.context(label.context)
            );
        }
        for (irq, context, _) in &self.ir.xen.pirqs {
            line!(self, "(pirqcon {irq} {})", self.context(*context));
        }
        for (low, high, context, _) in &self.ir.xen.iomems {
            line!(self, "(iomemcon ({low} {high}) {})", self.context(*context));
        }
        for (low, high, context, _) in &self.ir.xen.ioports {
            line!(self, "(ioportcon ({low} {high}) {})", self.context(*context));
        }
        for (device, context, _) in &self.ir.xen.pci_devices {
            line!(self, "(pcidevicecon {device} {})", self.context(*context));
        }
        for (path, context, _) in &self.ir.xen.device_trees {
            line!(self, "(devicetreecon \"{}\" {})", self.name(*path), self.context(*context));
        }
    }

    fn av(&self, rule: &AvRule) -> String {
        let kind = format!("{:?}", rule.kind).to_lowercase();
        let (source, target) = (self.type_(rule.source), self.target(rule.target));
        format!("({kind} {source} {target} {})", self.access(&rule.access))
    }

    fn avx(&self, rule: &AvxRule) -> String {
        let kind = format!("{:?}", rule.kind).to_lowercase();
        let (source, target) = (self.type_(rule.source), self.target(rule.target));
        let access = self.or(self.ir.permissionx[rule.access.index()].name, "px", rule.access.index());
        format!("({kind}x {source} {target} {access})")
    }

    fn type_rule(&self, rule: &TypeRule) -> String {
        let kind = format!("{:?}", rule.kind).to_lowercase();
        let (source, target) = (self.type_(rule.source), self.target(rule.target));
        format!("(type{kind} {source} {target} {} {})", self.class(rule.class), self.type_(rule.result))
    }

    fn name_transition(&self, rule: &NameTransition) -> String {
        let (source, target, name) =
            (self.type_(rule.source), self.target(rule.target), self.name(rule.name));
        let (class, result) = (self.class(rule.class), self.type_(rule.result));
        format!("(typetransition {source} {target} {class} \"{name}\" {result})")
    }

    fn constraint(&self, expression: &[ConstraintOp]) -> String {
        let mut stack: Vec<String> = Vec::new();
        for step in expression {
            let text = match step {
                ConstraintOp::Not => format!("(not {})", stack.pop().expect("one")),
                ConstraintOp::And | ConstraintOp::Or => {
                    let (right, left) = (stack.pop().expect("two"), stack.pop().expect("two"));
                    format!("({} {left} {right})", format!("{step:?}").to_lowercase())
                }
                ConstraintOp::Compare(left, operator, right) => {
                    format!("({operator:?} {left:?} {right:?})").to_lowercase()
                }
                ConstraintOp::Names(left, operator, names) => {
                    let names: Vec<_> = match names {
                        ConstraintNames::Users(users) => users.iter().map(|user| self.user(*user)).collect(),
                        ConstraintNames::Roles(roles) => roles.iter().map(|role| self.role(*role)).collect(),
                        ConstraintNames::Types(types) => {
                            types.iter().map(|type_| self.type_(*type_)).collect()
                        }
                    };
                    let head = format!("({operator:?} {left:?} ").to_lowercase();
                    // A list is not taken by all operators that take a name.
                    match &names[..] {
                        [name] => format!("{head}{name})"),
                        names => format!("{head}({}))", names.join(" ")),
                    }
                }
            };
            stack.push(text);
        }
        stack.pop().expect("one")
    }

    fn access(&self, access: &ClassPerms) -> String {
        match access {
            ClassPerms::Class(class, bits) => {
                let class = &self.ir.classes[class.index()];
                let common =
                    class.common.map(|common| self.ir.commons[common.index()].permissions.as_slice());
                let all = common.unwrap_or_default().iter().chain(&class.permissions);
                let names: Vec<_> = (0..)
                    .zip(all)
                    .filter(|(bit, _)| bits >> bit & 1 == 1)
                    .map(|(_, name)| self.name(*name))
                    .collect();
                let names = if names.is_empty() { "not (all)".to_owned() } else { names.join(" ") };
                format!("({} ({names}))", self.name(class.name))
            }
            ClassPerms::Map(map, places) => {
                let map = &self.ir.class_maps[map.index()];
                let names: Vec<_> =
                    places.iter().map(|place| self.name(map.permissions[*place as usize].0)).collect();
                format!("({} ({}))", self.name(map.name), names.join(" "))
            }
            ClassPerms::Set(set) => self.or(self.ir.class_permissions[set.index()].name, "cps", set.index()),
        }
    }

    fn categories(&self, steps: &[Op<CategoryRef>]) -> String {
        let name = |category: &CategoryRef| match category {
            CategoryRef::Category(id) => self.name(self.ir.categories[id.index()].name),
            CategoryRef::Set(id) => self.or(self.ir.category_sets[id.index()].name, "cs", id.index()),
        };
        expression(steps, name)
    }

    fn name(&self, symbol: Symbol) -> String {
        self.ir.names.text(symbol)
    }

    fn or(&self, name: Option<Symbol>, kind: &str, place: usize) -> String {
        name.map_or_else(|| format!("anonymous.{kind}{place}"), |name| self.name(name))
    }

    fn list(&self, names: &[Symbol]) -> String {
        names.iter().map(|name| self.name(*name)).collect::<Vec<_>>().join(" ")
    }

    fn type_(&self, id: TypeId) -> String {
        self.name(self.ir.types[id.index()].name)
    }

    fn role(&self, id: RoleId) -> String {
        self.name(self.ir.roles[id.index()].name)
    }

    fn user(&self, id: UserId) -> String {
        self.name(self.ir.users[id.index()].name)
    }

    fn level(&self, id: LevelId) -> String {
        self.or(self.ir.levels[id.index()].name, "lv", id.index())
    }

    fn range(&self, id: RangeId) -> String {
        self.or(self.ir.ranges[id.index()].name, "lr", id.index())
    }

    /// Named ones are verified by other rules than those that are written out, so that each stays what it was.
    fn context(&self, id: ContextId) -> String {
        let context = &self.ir.contexts[id.index()];
        context.name.map_or_else(|| self.written(context), |name| self.name(name))
    }

    fn written(&self, context: &Context) -> String {
        let (user, role) = (self.user(context.user), self.role(context.role));
        format!("({user} {role} {} {})", self.type_(context.type_), self.range(context.range))
    }

    fn class(&self, class: ClassRef) -> String {
        match class {
            ClassRef::Class(id) => self.name(self.ir.classes[id.index()].name),
            ClassRef::Map(id) => self.name(self.ir.class_maps[id.index()].name),
        }
    }

    fn target(&self, target: Target) -> String {
        match target {
            Target::Type(id) => self.type_(id),
            Target::SelfType => "self".to_owned(),
            Target::NotSelf => "notself".to_owned(),
            Target::Other => "other".to_owned(),
        }
    }
}

/// An expression over sets, in a list of its own.
fn expression<T>(steps: &[Op<T>], name: impl Fn(&T) -> String) -> String {
    let mut stack: Vec<String> = Vec::new();
    for step in steps {
        let text = match step {
            Op::Operand(operand) => name(operand),
            Op::Range(low, high) => format!("(range {} {})", name(low), name(high)),
            Op::All => "(all)".to_owned(),
            Op::Not => format!("(not {})", stack.pop().expect("one")),
            Op::And | Op::Or | Op::Xor => {
                let (right, left) = (stack.pop().expect("two"), stack.pop().expect("two"));
                let word = match step {
                    Op::And => "and",
                    Op::Or => "or",
                    _ => "xor",
                };
                format!("({word} {left} {right})")
            }
        };
        stack.push(text);
    }
    let text = stack.pop().expect("one");
    if text.starts_with('(') { text } else { format!("({text})") }
}
