//! A policy whose names are resolved: no scopes, macros, optionals or tunables are left, and every statement lies in one of
//! these lists, in the order in which the expanded source has it. That order decides values and, for rules, bytes.

use crate::names::{Names, Symbol};

macro_rules! ids {
    ($($(#[$doc:meta])* $id:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $id(pub u32);

        impl $id {
            /// For the list that it points into.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl From<$id> for u32 {
            fn from(id: $id) -> Self {
                id.0
            }
        }
    )*};
}

ids! {
    /// A type or type attribute, in [`Ir::types`].
    TypeId
    /// A role or role attribute, in [`Ir::roles`].
    RoleId
    /// A user or user attribute, in [`Ir::users`].
    UserId
    /// A boolean, in [`Ir::bools`].
    BoolId
    /// A class, in [`Ir::classes`].
    ClassId
    /// A set of permissions that classes share, in [`Ir::commons`].
    CommonId
    /// A class map, in [`Ir::class_maps`].
    ClassMapId
    /// A named set of class permissions, in [`Ir::class_permissions`].
    ClassPermissionId
    /// Extended permissions, in [`Ir::permissionx`].
    PermissionXId
    /// A sensitivity, in [`Ir::sensitivities`].
    SensitivityId
    /// A category, in [`Ir::categories`].
    CategoryId
    /// A category set, in [`Ir::category_sets`].
    CategorySetId
    /// A level, named or not, in [`Ir::levels`].
    LevelId
    /// A range of levels, named or not, in [`Ir::ranges`].
    RangeId
    /// A context, named or not, in [`Ir::contexts`].
    ContextId
    /// Where something comes from, in [`Ir::origins`].
    OriginId
}

/// Where a statement or declaration was written, and what brought it to where it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file, by its place among the sources.
    pub file: u32,
    /// The byte offset of the statement's opening parenthesis.
    pub offset: u32,
    /// The call, blockinherit or `in` that brought it.
    pub through: Option<OriginId>,
}

/// A resolved policy. Types, roles, users and so on are in the order of their declarations, unless said otherwise.
#[derive(Clone, Debug, Default)]
pub struct Ir {
    /// All names. Those of declarations are qualified (`block.name`), as binary policies have them.
    pub names: Names,
    /// Origins.
    pub origins: Vec<Origin>,
    /// `mls`; the last one counts. `None` if no statement says.
    pub mls: Option<bool>,
    /// `handleunknown`.
    pub handle_unknown: Option<HandleUnknown>,
    /// `policycap` names, repeated ones included.
    pub policycaps: Vec<(Symbol, OriginId)>,

    /// Commons.
    pub commons: Vec<Common>,
    /// Classes in the merged order of `classorder`, with the unordered ones where they belong.
    pub classes: Vec<Class>,
    /// Class maps.
    pub class_maps: Vec<ClassMap>,
    /// `classpermission` with what `classpermissionset` adds.
    pub class_permissions: Vec<ClassPermission>,
    /// `permissionx`, named or not.
    pub permissionx: Vec<PermissionX>,
    /// `defaultuser`, `defaultrole`, `defaulttype`.
    pub defaults: Vec<Default_>,
    /// `defaultrange`.
    pub default_ranges: Vec<DefaultRange>,

    /// Types and type attributes, interleaved.
    pub types: Vec<TypeDecl>,
    /// `typealias` with its `typealiasactual`.
    pub type_aliases: Vec<Alias<TypeId>>,
    /// `typeattributeset`.
    pub type_attribute_sets: Vec<AttributeSet<TypeId>>,
    /// `expandtypeattribute`, one for each attribute named.
    pub expand_type_attributes: Vec<ExpandAttribute>,
    /// `typebounds` parent, child.
    pub type_bounds: Vec<Bounds<TypeId>>,
    /// `typepermissive`, of types or attributes.
    pub type_permissive: Vec<(TypeId, OriginId)>,
    /// `typeneveraudit`.
    pub type_neveraudit: Vec<(TypeId, OriginId)>,

    /// Roles and role attributes, interleaved. `object_r` is where it is declared.
    pub roles: Vec<RoleDecl>,
    /// `roleattributeset`.
    pub role_attribute_sets: Vec<AttributeSet<RoleId>>,
    /// `roletype`: a role or role attribute, a type or type attribute.
    pub role_types: Vec<(RoleId, TypeId, OriginId)>,
    /// `rolebounds`.
    pub role_bounds: Vec<Bounds<RoleId>>,
    /// `roleallow` from, to; either may be an attribute.
    pub role_allows: Vec<(RoleId, RoleId, OriginId)>,
    /// `roletransition`.
    pub role_transitions: Vec<RoleTransition>,

    /// Users and user attributes, interleaved.
    pub users: Vec<UserDecl>,
    /// `userattributeset`.
    pub user_attribute_sets: Vec<AttributeSet<UserId>>,
    /// `userrole`: a user or user attribute, a role or role attribute.
    pub user_roles: Vec<(UserId, RoleId, OriginId)>,
    /// `userbounds`.
    pub user_bounds: Vec<Bounds<UserId>>,
    /// `userprefix`.
    pub user_prefixes: Vec<(UserId, Symbol, OriginId)>,
    /// `selinuxuser` and `selinuxuserdefault` (`login` is `None`).
    pub selinux_users: Vec<SelinuxUser>,

    /// Booleans, and tunables too where they are preserved.
    pub bools: Vec<BoolDecl>,

    /// Sensitivities in the merged order of `sensitivityorder`.
    pub sensitivities: Vec<Sensitivity>,
    /// `sensitivityalias` with its actual.
    pub sensitivity_aliases: Vec<Alias<SensitivityId>>,
    /// Categories in the merged order of `categoryorder`.
    pub categories: Vec<Category>,
    /// `categoryalias` with its actual.
    pub category_aliases: Vec<Alias<CategoryId>>,
    /// `categoryset`.
    pub category_sets: Vec<CategorySet>,
    /// Levels.
    pub levels: Vec<Level>,
    /// `levelrange` and ranges without a name.
    pub ranges: Vec<LevelRange>,

    /// `allow`, `auditallow`, `dontaudit` and `neverallow` outside of conditionals, in one order.
    pub av_rules: Vec<AvRule>,
    /// `allowx`, `auditallowx`, `dontauditx` and `neverallowx` outside of conditionals, in one order.
    pub avx_rules: Vec<AvxRule>,
    /// `deny`.
    pub deny_rules: Vec<DenyRule>,
    /// `typetransition` without a name, `typechange` and `typemember` outside of conditionals, in one order.
    pub type_rules: Vec<TypeRule>,
    /// `typetransition` with a name.
    pub name_transitions: Vec<NameTransition>,
    /// `rangetransition`.
    pub range_transitions: Vec<RangeTransition>,
    /// `booleanif`, those in calls and optionals among them.
    pub conditionals: Vec<Conditional>,
    /// `constrain`, `mlsconstrain`.
    pub constraints: Vec<Constraint>,
    /// `validatetrans`, `mlsvalidatetrans`.
    pub validate_transitions: Vec<ValidateTransition>,

    /// Contexts.
    pub contexts: Vec<Context>,
    /// Initial SIDs in the merged order of `sidorder`.
    pub sids: Vec<Sid>,
    /// `filecon`.
    pub filecons: Vec<FileCon>,
    /// `fsuse`.
    pub fsuses: Vec<FsUse>,
    /// `genfscon`.
    pub genfscons: Vec<GenFsCon>,
    /// `portcon`.
    pub portcons: Vec<PortCon>,
    /// `netifcon`.
    pub netifcons: Vec<NetIfCon>,
    /// `nodecon`.
    pub nodecons: Vec<NodeCon>,
    /// `ibpkeycon`.
    pub ibpkeycons: Vec<IbPkeyCon>,
    /// `ibendportcon`.
    pub ibendportcons: Vec<IbEndPortCon>,
    /// `pirqcon`, `iomemcon`, `ioportcon`, `pcidevicecon`, `devicetreecon`.
    pub xen: XenContexts,

    /// Optionals that are switched off, and why.
    pub disabled: Vec<DisabledOptional>,
}

/// What the kernel does with classes and permissions that the policy does not define.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandleUnknown {
    /// Denies them.
    Deny,
    /// Refuses to load the policy.
    Reject,
    /// Allows them.
    Allow,
}

/// A step of an expression in postfix order. A list of operands means that they are joined by `or`, which is written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op<T> {
    /// A set.
    Operand(T),
    /// From the first to the second in their order; of categories only.
    Range(T, T),
    /// Everything there is.
    All,
    /// Everything but the set before.
    Not,
    /// What both sets before hold.
    And,
    /// What either set before holds.
    Or,
    /// What one of the two sets before holds and the other does not.
    Xor,
}

/// A common.
#[derive(Clone, Debug)]
pub struct Common {
    /// Its name.
    pub name: Symbol,
    /// Its permissions: the first is bit 0.
    pub permissions: Vec<Symbol>,
    /// Where.
    pub origin: OriginId,
}

/// A class.
#[derive(Clone, Debug)]
pub struct Class {
    /// Its name.
    pub name: Symbol,
    /// Its common, whose permissions have the low bits.
    pub common: Option<CommonId>,
    /// Its own permissions: the first has the bit above the common's.
    pub permissions: Vec<Symbol>,
    /// Where.
    pub origin: OriginId,
}

/// A class map: names for sets of class permissions.
#[derive(Clone, Debug)]
pub struct ClassMap {
    /// Its name.
    pub name: Symbol,
    /// Its permissions, and what all `classmapping` make of each.
    pub permissions: Vec<(Symbol, Vec<ClassPerms>)>,
    /// Where.
    pub origin: OriginId,
}

/// A named set of class permissions.
#[derive(Clone, Debug)]
pub struct ClassPermission {
    /// Its name; `None` for an argument that was written out.
    pub name: Option<Symbol>,
    /// What all `classpermissionset` give it.
    pub sets: Vec<ClassPerms>,
    /// Where.
    pub origin: OriginId,
}

/// A class or what stands for several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClassRef {
    /// One.
    Class(ClassId),
    /// Those that the map's permissions are mapped to.
    Map(ClassMapId),
}

/// Permissions of a class, or what stands for several such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassPerms {
    /// A class and the bits of its permissions.
    Class(ClassId, u32),
    /// Permissions of a map, by their place in it.
    Map(ClassMapId, Box<[u32]>),
    /// A named set.
    Set(ClassPermissionId),
}

/// Extended permissions.
#[derive(Clone, Debug)]
pub struct PermissionX {
    /// Its name; `None` if it was written out in a rule.
    pub name: Option<Symbol>,
    /// Which kind.
    pub kind: XKind,
    /// The class.
    pub class: ClassRef,
    /// The numbers, as ascending ranges that neither overlap nor touch; both ends belong to them.
    pub numbers: Vec<(u16, u16)>,
    /// Where.
    pub origin: OriginId,
}

/// What extended permissions are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XKind {
    /// Numbers of ioctls.
    Ioctl,
    /// Types of netlink messages.
    Nlmsg,
}

/// A component of a new object's context that comes from one of two.
#[derive(Clone, Debug)]
pub struct Default_ {
    /// Which.
    pub component: Component,
    /// Of objects of these classes.
    pub classes: Vec<ClassRef>,
    /// From where.
    pub from: Side,
    /// Where.
    pub origin: OriginId,
}

/// A component of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The user.
    User,
    /// The role.
    Role,
    /// The type.
    Type,
}

/// The two contexts that a new one is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that makes it.
    Source,
    /// The one that it is made in.
    Target,
}

/// Where a new object's range comes from.
#[derive(Clone, Debug)]
pub struct DefaultRange {
    /// Of objects of these classes.
    pub classes: Vec<ClassRef>,
    /// From where.
    pub from: RangeFrom,
    /// Where.
    pub origin: OriginId,
}

/// What a new object's range is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeFrom {
    /// The low level of a side.
    Low(Side),
    /// The high level of a side.
    High(Side),
    /// The range of a side.
    LowHigh(Side),
    /// From the greatest lower to the least upper bound of both.
    GlbLub,
}

/// A type or type attribute.
#[derive(Clone, Copy, Debug)]
pub struct TypeDecl {
    /// Its name.
    pub name: Symbol,
    /// Whether it is an attribute.
    pub is_attribute: bool,
    /// Where.
    pub origin: OriginId,
}

/// Another name.
#[derive(Clone, Copy, Debug)]
pub struct Alias<T> {
    /// The other name.
    pub name: Symbol,
    /// What it names, aliases of aliases followed.
    pub actual: T,
    /// Where.
    pub origin: OriginId,
}

/// What an attribute holds, by one of its statements.
#[derive(Clone, Debug)]
pub struct AttributeSet<T> {
    /// The attribute.
    pub attribute: T,
    /// What it holds.
    pub set: Vec<Op<T>>,
    /// Where.
    pub origin: OriginId,
}

/// Whether an attribute is replaced by what it holds.
#[derive(Clone, Copy, Debug)]
pub struct ExpandAttribute {
    /// The attribute.
    pub attribute: TypeId,
    /// Whether.
    pub expand: bool,
    /// Where.
    pub origin: OriginId,
}

/// One that may do no more than another.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<T> {
    /// The one with more rights.
    pub parent: T,
    /// The one that is bounded.
    pub child: T,
    /// Where.
    pub origin: OriginId,
}

/// A role or role attribute.
#[derive(Clone, Copy, Debug)]
pub struct RoleDecl {
    /// Its name.
    pub name: Symbol,
    /// Whether it is an attribute.
    pub is_attribute: bool,
    /// Where.
    pub origin: OriginId,
}

/// A change of role on execution and the like.
#[derive(Clone, Copy, Debug)]
pub struct RoleTransition {
    /// From this role, or any of this attribute.
    pub source: RoleId,
    /// On an object of this type, or any of this attribute.
    pub target: TypeId,
    /// And class.
    pub class: ClassRef,
    /// To this role.
    pub result: RoleId,
    /// Where.
    pub origin: OriginId,
}

/// A user or user attribute.
#[derive(Clone, Copy, Debug)]
pub struct UserDecl {
    /// Its name.
    pub name: Symbol,
    /// Whether it is an attribute.
    pub is_attribute: bool,
    /// `userlevel`.
    pub level: Option<LevelId>,
    /// `userrange`.
    pub range: Option<RangeId>,
    /// Where.
    pub origin: OriginId,
}

/// Which SELinux user a login has.
#[derive(Clone, Copy, Debug)]
pub struct SelinuxUser {
    /// The name that logs in; `None` for all others.
    pub login: Option<Symbol>,
    /// The user.
    pub user: UserId,
    /// The range.
    pub range: RangeId,
    /// Where.
    pub origin: OriginId,
}

/// A boolean.
#[derive(Clone, Copy, Debug)]
pub struct BoolDecl {
    /// Its name.
    pub name: Symbol,
    /// Its default.
    pub value: bool,
    /// Where.
    pub origin: OriginId,
}

/// A sensitivity.
#[derive(Clone, Debug)]
pub struct Sensitivity {
    /// Its name.
    pub name: Symbol,
    /// The categories that all `sensitivitycategory` give it, joined by `or`.
    pub categories: Vec<Op<CategoryRef>>,
    /// Where.
    pub origin: OriginId,
}

/// A category.
#[derive(Clone, Copy, Debug)]
pub struct Category {
    /// Its name.
    pub name: Symbol,
    /// Where.
    pub origin: OriginId,
}

/// A category, or a set of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CategoryRef {
    /// One.
    Category(CategoryId),
    /// A set.
    Set(CategorySetId),
}

/// A named set of categories.
#[derive(Clone, Debug)]
pub struct CategorySet {
    /// Its name; `None` for an argument that was written out.
    pub name: Option<Symbol>,
    /// What it holds.
    pub set: Vec<Op<CategoryRef>>,
    /// Where.
    pub origin: OriginId,
}

/// A level.
#[derive(Clone, Debug)]
pub struct Level {
    /// Its name; `None` if it was written out.
    pub name: Option<Symbol>,
    /// The sensitivity.
    pub sensitivity: SensitivityId,
    /// The categories; empty for none.
    pub categories: Vec<Op<CategoryRef>>,
    /// Where.
    pub origin: OriginId,
}

/// A range of levels.
#[derive(Clone, Copy, Debug)]
pub struct LevelRange {
    /// Its name; `None` if it was written out.
    pub name: Option<Symbol>,
    /// From here.
    pub low: LevelId,
    /// To here.
    pub high: LevelId,
    /// Where.
    pub origin: OriginId,
}

/// A context.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Its name; `None` if it was written out.
    pub name: Option<Symbol>,
    /// The user.
    pub user: UserId,
    /// The role.
    pub role: RoleId,
    /// The type.
    pub type_: TypeId,
    /// The range.
    pub range: RangeId,
    /// Where.
    pub origin: OriginId,
}

/// The target of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A type or attribute.
    Type(TypeId),
    /// The source itself.
    SelfType,
    /// All but the source itself.
    NotSelf,
    /// All of the source attribute but the source itself.
    Other,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AvKind {
    /// Allows.
    Allow,
    /// Logs what is allowed.
    AuditAllow,
    /// Does not log what is denied.
    DontAudit,
    /// Demands that nothing allows it.
    NeverAllow,
}

/// An access vector rule.
#[derive(Clone, Debug)]
pub struct AvRule {
    /// What it does.
    pub kind: AvKind,
    /// Who.
    pub source: TypeId,
    /// To whom.
    pub target: Target,
    /// What.
    pub access: ClassPerms,
    /// Where.
    pub origin: OriginId,
}

/// An access vector rule over extended permissions.
#[derive(Clone, Copy, Debug)]
pub struct AvxRule {
    /// What it does.
    pub kind: AvKind,
    /// Who.
    pub source: TypeId,
    /// To whom.
    pub target: Target,
    /// What.
    pub access: PermissionXId,
    /// Where.
    pub origin: OriginId,
}

/// Takes away what rules allow.
#[derive(Clone, Debug)]
pub struct DenyRule {
    /// Who.
    pub source: TypeId,
    /// To whom.
    pub target: Target,
    /// What.
    pub access: ClassPerms,
    /// Where.
    pub origin: OriginId,
}

/// Which type a new or relabelled object, or a member of a polyinstantiated directory has.
#[derive(Clone, Copy, Debug)]
pub struct TypeRule {
    /// Which of them.
    pub kind: TypeRuleKind,
    /// Made by.
    pub source: TypeId,
    /// Made in.
    pub target: Target,
    /// Of this class.
    pub class: ClassRef,
    /// Has this type.
    pub result: TypeId,
    /// Where.
    pub origin: OriginId,
}

/// The kinds of type rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TypeRuleKind {
    /// `typetransition`.
    Transition,
    /// `typemember`.
    Member,
    /// `typechange`.
    Change,
}

/// The type of a new object with a name.
#[derive(Clone, Copy, Debug)]
pub struct NameTransition {
    /// Made by.
    pub source: TypeId,
    /// Made in.
    pub target: Target,
    /// Of this class.
    pub class: ClassRef,
    /// With this name.
    pub name: Symbol,
    /// Has this type.
    pub result: TypeId,
    /// Where.
    pub origin: OriginId,
}

/// The range of a new object or process.
#[derive(Clone, Copy, Debug)]
pub struct RangeTransition {
    /// Made by.
    pub source: TypeId,
    /// Made in, or of.
    pub target: TypeId,
    /// Of this class.
    pub class: ClassRef,
    /// Has this range.
    pub range: RangeId,
    /// Where.
    pub origin: OriginId,
}

/// Rules that depend on booleans.
#[derive(Clone, Debug)]
pub struct Conditional {
    /// The condition. A list without operator means `or`.
    pub condition: Vec<BoolOp>,
    /// The rules if it holds.
    pub then: Vec<CondRule>,
    /// The rules if it does not.
    pub otherwise: Vec<CondRule>,
    /// Where.
    pub origin: OriginId,
}

/// A step of a condition in postfix order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoolOp {
    /// A boolean.
    Bool(BoolId),
    /// Not the one before.
    Not,
    /// Both before.
    And,
    /// Either before.
    Or,
    /// One of both before.
    Xor,
    /// Both before alike.
    Eq,
    /// Both before not alike.
    Neq,
}

/// A rule of a conditional.
#[derive(Clone, Debug)]
pub enum CondRule {
    /// An access vector rule.
    Av(AvRule),
    /// One over extended permissions.
    Avx(AvxRule),
    /// A type rule.
    Type(TypeRule),
    /// A type rule with a name.
    Name(NameTransition),
}

/// Demands something of the contexts of two sides of an access.
#[derive(Clone, Debug)]
pub struct Constraint {
    /// Whether only MLS policies have it.
    pub is_mls: bool,
    /// Which accesses.
    pub access: ClassPerms,
    /// What must hold.
    pub expression: Vec<ConstraintOp>,
    /// Where.
    pub origin: OriginId,
}

/// Demands something of the contexts of a relabelled object and of who relabels it.
#[derive(Clone, Debug)]
pub struct ValidateTransition {
    /// Whether only MLS policies have it.
    pub is_mls: bool,
    /// Which objects.
    pub class: ClassRef,
    /// What must hold.
    pub expression: Vec<ConstraintOp>,
    /// Where.
    pub origin: OriginId,
}

/// A step of a constraint in postfix order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConstraintOp {
    /// Not the one before.
    Not,
    /// Both before.
    And,
    /// Either before.
    Or,
    /// Two components of contexts.
    Compare(Compared, ConstraintOperator, Compared),
    /// A component of a context, and names.
    Names(Compared, ConstraintOperator, ConstraintNames),
}

/// A component of a context of a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they have the names that the language gives them")]
pub enum Compared {
    U1,
    U2,
    U3,
    R1,
    R2,
    R3,
    T1,
    T2,
    T3,
    L1,
    L2,
    H1,
    H2,
}

/// How a constraint compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstraintOperator {
    /// Equal, or among.
    Eq,
    /// Not equal, or not among.
    Neq,
    /// The first dominates.
    Dom,
    /// The second dominates.
    DomBy,
    /// Neither dominates.
    Incomp,
}

/// The names that a component is held against, in the order of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConstraintNames {
    /// Users and user attributes.
    Users(Vec<UserId>),
    /// Roles and role attributes.
    Roles(Vec<RoleId>),
    /// Types and type attributes.
    Types(Vec<TypeId>),
}

/// An initial SID.
#[derive(Clone, Copy, Debug)]
pub struct Sid {
    /// Its name.
    pub name: Symbol,
    /// Its context.
    pub context: Option<ContextId>,
    /// Where.
    pub origin: OriginId,
}

/// The context of files.
#[derive(Clone, Copy, Debug)]
pub struct FileCon {
    /// A regular expression, as written.
    pub path: Symbol,
    /// Which files.
    pub kind: FileKind,
    /// The context; `None` for none at all.
    pub context: Option<ContextId>,
    /// Where.
    pub origin: OriginId,
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// Every kind.
    Any,
    /// Regular files.
    File,
    /// Directories.
    Dir,
    /// Character devices.
    Char,
    /// Block devices.
    Block,
    /// Sockets.
    Socket,
    /// FIFOs.
    Pipe,
    /// Symbolic links.
    Symlink,
}

/// How a file system has labels.
#[derive(Clone, Copy, Debug)]
pub struct FsUse {
    /// How.
    pub kind: FsUseKind,
    /// Which.
    pub filesystem: Symbol,
    /// The context.
    pub context: ContextId,
    /// Where.
    pub origin: OriginId,
}

/// The ways in which file systems have labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FsUseKind {
    /// In extended attributes.
    Xattr,
    /// By the task that makes the file.
    Task,
    /// By transition rules.
    Trans,
}

/// The context of files of a file system that has no labels.
#[derive(Clone, Copy, Debug)]
pub struct GenFsCon {
    /// Which file system.
    pub filesystem: Symbol,
    /// What their paths begin with.
    pub path: Symbol,
    /// Which files.
    pub kind: FileKind,
    /// The context.
    pub context: ContextId,
    /// Where.
    pub origin: OriginId,
}

/// The context of ports.
#[derive(Clone, Copy, Debug)]
pub struct PortCon {
    /// The protocol.
    pub protocol: Protocol,
    /// The first.
    pub low: u16,
    /// The last.
    pub high: u16,
    /// The context.
    pub context: ContextId,
    /// Where.
    pub origin: OriginId,
}

/// A protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they are protocols")]
pub enum Protocol {
    Tcp,
    Udp,
    Dccp,
    Sctp,
}

/// The contexts of a network interface and of what comes through it.
#[derive(Clone, Copy, Debug)]
pub struct NetIfCon {
    /// Its name.
    pub name: Symbol,
    /// Its own.
    pub interface: ContextId,
    /// That of packets.
    pub packet: ContextId,
    /// Where.
    pub origin: OriginId,
}

/// The context of nodes of a network.
#[derive(Clone, Copy, Debug)]
pub struct NodeCon {
    /// The address.
    pub address: std::net::IpAddr,
    /// The bits that count; of the same family.
    pub mask: std::net::IpAddr,
    /// The context.
    pub context: ContextId,
    /// Where.
    pub origin: OriginId,
}

/// The context of InfiniBand partitions.
#[derive(Clone, Copy, Debug)]
pub struct IbPkeyCon {
    /// The high half of the subnet, as in an IPv6 address.
    pub subnet: std::net::Ipv6Addr,
    /// The first.
    pub low: u32,
    /// The last.
    pub high: u32,
    /// The context.
    pub context: ContextId,
    /// Where.
    pub origin: OriginId,
}

/// The context of an InfiniBand end port.
#[derive(Clone, Copy, Debug)]
pub struct IbEndPortCon {
    /// The device.
    pub device: Symbol,
    /// The port.
    pub port: u32,
    /// The context.
    pub context: ContextId,
    /// Where.
    pub origin: OriginId,
}

/// Contexts of what only Xen has.
#[derive(Clone, Debug, Default)]
pub struct XenContexts {
    /// `pirqcon`.
    pub pirqs: Vec<(u32, ContextId, OriginId)>,
    /// `iomemcon` low, high.
    pub iomems: Vec<(u64, u64, ContextId, OriginId)>,
    /// `ioportcon` low, high.
    pub ioports: Vec<(u32, u32, ContextId, OriginId)>,
    /// `pcidevicecon`.
    pub pci_devices: Vec<(u32, ContextId, OriginId)>,
    /// `devicetreecon`.
    pub device_trees: Vec<(Symbol, ContextId, OriginId)>,
}

/// An optional that is switched off.
#[derive(Clone, Debug)]
pub struct DisabledOptional {
    /// Its name, qualified.
    pub name: Symbol,
    /// Where.
    pub origin: OriginId,
    /// The name that nothing declares.
    pub missing: Symbol,
    /// What it should have named, in words: `type`, `role`, `macro`.
    pub wanted: &'static str,
    /// The statement that names it.
    pub at: OriginId,
}
