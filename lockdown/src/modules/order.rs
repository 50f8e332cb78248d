//! The order in which modules can be loaded: each after what it depends on.
//!
//! `depends=` is a promise of the linker: without those modules symbols are missing, and loading fails. `softdep=` is a wish that
//! modprobe fulfils and the kernel does not know; it names modules or aliases. What boots without modprobe has to do the same,
//! or a module that asks the kernel for an algorithm by name finds none.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::{ModInfo, ModuleError, ModuleSignature, normal};

/// Where modules are found.
pub trait Source {
    /// Why looking failed.
    type Error;

    /// The module of this name, in the form of [`normal`].
    fn find(&mut self, name: &str) -> Result<Found, Self::Error>;

    /// The names of modules that have exactly this alias, and whether one that is built in has it.
    fn aliased(&mut self, alias: &str) -> Result<(Vec<String>, bool), Self::Error>;
}

/// What there is under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "sources make it, and there is nothing else to find")]
pub enum Found {
    /// It is part of the kernel.
    BuiltIn,
    /// A file, out of its compression.
    File {
        /// Its place, for messages.
        path: String,
        /// The whole of it.
        bytes: Vec<u8>,
    },
    /// Nothing.
    Missing,
}

/// A module that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it, and decide both")]
pub struct Needed {
    /// Its name, in any spelling.
    pub name: String,
    /// Whether the boot fails without it.
    pub required: bool,
}

/// A module in the order of loading.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ordered {
    /// Its name.
    pub name: String,
    /// Where it was found.
    pub path: String,
    /// The file, out of its compression.
    pub bytes: Vec<u8>,
    /// Whether one that is required depends on it, or it is required itself.
    pub required: bool,
    /// The modules for which it is there; [`WANTED_BY_PROFILE`] if it was asked for.
    pub needed_by: Vec<String>,
    /// What it says of itself.
    pub info: ModInfo,
    /// Whether a signature is appended.
    pub signature: ModuleSignature,
}

/// Stands in [`Ordered::needed_by`] for whoever asked.
pub const WANTED_BY_PROFILE: &str = "the profile";

/// What became of a wish of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SoftDependency {
    /// The module that has the wish.
    pub module: String,
    /// The name or alias that it wants.
    pub wanted: String,
    /// The modules that stand for it; none if it is built in, or nothing was found.
    pub modules: Vec<String>,
    /// Whether the kernel has it without a module.
    pub built_in: bool,
}

/// What is to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loading {
    /// The modules, each after what it depends on.
    pub modules: Vec<Ordered>,
    /// What became of wishes.
    pub wishes: Vec<SoftDependency>,
}

/// Why there is no order.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OrderError<E> {
    /// Modules that need each other: none of them can be loaded first.
    #[error("modules depend on each other: {}", .names.join(" needs "))]
    Cycle {
        /// Their names; the first one comes again at the end.
        names: Vec<String>,
    },
    /// More modules than any boot needs.
    #[error("more than {MAX_MODULES} modules would be loaded")]
    Limit,
    /// There is no module of this name, and none is built in.
    #[error("there is no module {name}, which {} needs, and the kernel has none built in", .needed_by)]
    Missing {
        /// The name.
        name: String,
        /// Who wants it.
        needed_by: String,
    },
    /// A file is no module.
    #[error("{path}: {error}")]
    Module {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: ModuleError,
    },
    /// A file says that it is another module than its name says.
    #[error("{path} is the module {name}, by what it says of itself")]
    Name {
        /// The file.
        path: String,
        /// What it says.
        name: String,
    },
    /// Looking failed.
    #[error("{0}")]
    Source(E),
}

/// All modules that have to be loaded for those that are wanted, each after what it depends on, and otherwise in the order in
/// which they are wanted. Modules that are built in are left out.
pub fn order<S: Source>(wanted: &[Needed], source: &mut S) -> Result<Loading, OrderError<S::Error>> {
    let mut graph = Graph { nodes: Vec::new(), by_name: BTreeMap::new(), wishes: Vec::new() };
    for needed in wanted {
        graph.add(&normal(&needed.name), WANTED_BY_PROFILE, needed.required, source)?;
    }
    // What is added names more, until nothing new is named.
    let mut at = 0;
    while at < graph.nodes.len() {
        graph.follow(at, source)?;
        at += 1;
    }
    graph.check_cycles()?;
    graph.adopt_wishes();
    Ok(graph.sorted())
}

struct Graph {
    nodes: Vec<Node>,
    /// What is known of each name; built-in ones have no node.
    by_name: BTreeMap<String, Option<usize>>,
    wishes: Vec<SoftDependency>,
}

struct Node {
    module: Ordered,
    /// What must be loaded before it.
    before: Vec<usize>,
}

impl Graph {
    fn add<S: Source>(
        &mut self,
        name: &str,
        needed_by: &str,
        required: bool,
        source: &mut S,
    ) -> Result<Option<usize>, OrderError<S::Error>> {
        let known = match self.by_name.get(name) {
            Some(known) => *known,
            None => self.look(name, needed_by, source)?,
        };
        if let Some(node) = known.and_then(|index| self.nodes.get_mut(index)) {
            node.module.required |= required;
            node.module.needed_by.push(needed_by.to_owned());
        }
        Ok(known)
    }

    fn look<S: Source>(
        &mut self,
        name: &str,
        needed_by: &str,
        source: &mut S,
    ) -> Result<Option<usize>, OrderError<S::Error>> {
        let node = match source.find(name).map_err(OrderError::Source)? {
            Found::BuiltIn => None,
            Found::Missing => {
                return Err(OrderError::Missing { name: name.to_owned(), needed_by: needed_by.to_owned() });
            }
            Found::File { path, bytes } => Some(module(name, path, bytes)?),
        };
        if self.nodes.len() == MAX_MODULES {
            return Err(OrderError::Limit);
        }
        let index = node.map(|module| {
            self.nodes.push(Node { module, before: Vec::new() });
            self.nodes.len() - 1
        });
        self.by_name.insert(name.to_owned(), index);
        Ok(index)
    }

    /// Adds what a module depends on and wishes for.
    fn follow<S: Source>(&mut self, at: usize, source: &mut S) -> Result<(), OrderError<S::Error>> {
        let Ordered { name, info, required, .. } = &self.nodes[at].module;
        let (name, required) = (name.clone(), *required);
        let (depends, wishes) = (info.depends.clone(), info.soft_before.clone());
        for needed in depends {
            let index = self.add(&needed, &name, required, source)?;
            self.nodes[at].before.extend(index);
        }
        for wanted in wishes {
            self.wish(&name, wanted, source)?;
        }
        Ok(())
    }

    fn wish<S: Source>(
        &mut self,
        module: &str,
        wanted: String,
        source: &mut S,
    ) -> Result<(), OrderError<S::Error>> {
        let by_name = source.find(&normal(&wanted)).map_err(OrderError::Source)?;
        let (names, built_in) = match by_name {
            Found::File { .. } => (vec![normal(&wanted)], false),
            Found::BuiltIn => (Vec::new(), true),
            Found::Missing => source.aliased(&wanted).map_err(OrderError::Source)?,
        };
        let mut modules = Vec::new();
        for name in names {
            let name = normal(&name);
            if self.add(&name, module, false, source)?.is_some() {
                modules.push(name);
            }
        }
        self.wishes.push(SoftDependency { module: module.to_owned(), wanted, modules, built_in });
        Ok(())
    }

    fn check_cycles<E>(&self) -> Result<(), OrderError<E>> {
        let mut done = vec![false; self.nodes.len()];
        for start in 0..self.nodes.len() {
            let mut path = Vec::new();
            self.walk(start, &mut path, &mut done)?;
        }
        Ok(())
    }

    /// Depth first; no deeper than there are modules, whose number is limited.
    fn walk<E>(&self, at: usize, path: &mut Vec<usize>, done: &mut [bool]) -> Result<(), OrderError<E>> {
        if let Some(start) = path.iter().position(|seen| *seen == at) {
            let cycle = path[start..].iter().chain([&at]);
            let names = cycle.map(|index| self.nodes[*index].module.name.clone()).collect();
            return Err(OrderError::Cycle { names });
        }
        if done[at] {
            return Ok(());
        }
        path.push(at);
        for needed in &self.nodes[at].before {
            self.walk(*needed, path, done)?;
        }
        path.pop();
        done[at] = true;
        Ok(())
    }

    /// Puts what a module wishes for before it, unless that depends on the module itself: wishes may go round in circles.
    fn adopt_wishes(&mut self) {
        let wishes: Vec<(String, String)> = self
            .wishes
            .iter()
            .flat_map(|wish| wish.modules.iter().map(|name| (wish.module.clone(), name.clone())))
            .collect();
        for (module, wanted) in wishes {
            let index = |name: &String| self.by_name.get(name).copied().flatten();
            let (Some(module), Some(wanted)) = (index(&module), index(&wanted)) else { continue };
            if !self.reaches(wanted, module) {
                self.nodes[module].before.push(wanted);
            }
        }
    }

    fn reaches(&self, from: usize, to: usize) -> bool {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(at) = open.pop() {
            if at == to {
                return true;
            }
            if seen.insert(at) {
                open.extend(&self.nodes[at].before);
            }
        }
        false
    }

    fn sorted(self) -> Loading {
        let (mut order, mut seen) = (Vec::new(), vec![false; self.nodes.len()]);
        for start in 0..self.nodes.len() {
            self.put(start, &mut seen, &mut order);
        }
        let mut modules: Vec<Option<Node>> = self.nodes.into_iter().map(Some).collect();
        let mut sorted: Vec<Node> = order.into_iter().filter_map(|index| modules[index].take()).collect();
        // A module's needs come before it, so that from the end each is told before it is asked.
        let mut required = BTreeSet::new();
        for Node { module, .. } in sorted.iter_mut().rev() {
            module.required |= required.contains(&module.name);
            if module.required {
                required.extend(module.info.depends.iter().cloned());
            }
        }
        Loading { modules: sorted.into_iter().map(|node| node.module).collect(), wishes: self.wishes }
    }

    fn put(&self, at: usize, seen: &mut [bool], order: &mut Vec<usize>) {
        if std::mem::replace(&mut seen[at], true) {
            return;
        }
        for needed in &self.nodes[at].before {
            self.put(*needed, seen, order);
        }
        order.push(at);
    }
}

fn module<E>(name: &str, path: String, bytes: Vec<u8>) -> Result<Ordered, OrderError<E>> {
    let read = ModInfo::read(&bytes).and_then(|info| Ok((info, ModuleSignature::of(&bytes)?)));
    let (info, signature) = match read {
        Ok(read) => read,
        Err(error) => return Err(OrderError::Module { path, error }),
    };
    match &info.name {
        Some(own) if own != name => Err(OrderError::Name { path, name: own.clone() }),
        _ => Ok(Ordered {
            name: name.to_owned(),
            path,
            bytes,
            required: false,
            needed_by: Vec::new(),
            info,
            signature,
        }),
    }
}

/// As many as a boot configuration can name.
const MAX_MODULES: usize = 256;

#[cfg(test)]
mod tests {
    use super::super::modinfo::tests::module as file;
    use super::*;

    /// Modules by name, with what they depend on and wish for; `*` names are built in.
    struct Fake(Vec<(&'static str, &'static str, &'static str)>);

    impl Source for Fake {
        type Error = String;

        fn find(&mut self, name: &str) -> Result<Found, String> {
            if name == "unreadable" {
                return Err("no luck".into());
            }
            let find = |wanted: &str| self.0.iter().find(|(name, ..)| *name == wanted);
            if find(&format!("*{name}")).is_some() {
                return Ok(Found::BuiltIn);
            }
            Ok(find(name).map_or(Found::Missing, |(name, depends, soft)| Found::File {
                path: format!("{name}.ko"),
                bytes: file(&[
                    &format!("name={name}"),
                    &format!("depends={depends}"),
                    &format!("softdep=pre: {soft}"),
                ]),
            }))
        }

        fn aliased(&mut self, alias: &str) -> Result<(Vec<String>, bool), String> {
            Ok(match alias {
                "crc" => (vec!["crc-fast".into(), "crc_slow".into()], false),
                "inside" => (Vec::new(), true),
                _ => (Vec::new(), false),
            })
        }
    }

    type Outcome = Result<Loading, OrderError<String>>;

    fn run(wanted: &[(&str, bool)], modules: &[(&'static str, &'static str, &'static str)]) -> Outcome {
        let needed =
            |(name, required): &(&str, bool)| Needed { name: (*name).to_owned(), required: *required };
        order(&wanted.iter().map(needed).collect::<Vec<_>>(), &mut Fake(modules.to_vec()))
    }

    fn names(outcome: Outcome) -> String {
        let modules = outcome.unwrap().modules;
        modules.iter().map(|module| module.name.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_module_comes_after_what_it_depends_on() {
        let modules = [
            ("virtio_blk", "virtio_ring,virtio", ""),
            ("virtio", "virtio-ring", ""),
            ("virtio_ring", "", ""),
            ("dm_verity", "reed_solomon,dm-mod,dm_bufio", ""),
            ("dm_bufio", "dm_mod", ""),
            ("*dm_mod", "", ""),
            ("reed_solomon", "", ""),
        ];
        let outcome = run(&[("virtio-blk", true), ("dm-verity", true), ("virtio", false)], &modules);
        assert_eq!(names(outcome), "virtio_ring virtio virtio_blk reed_solomon dm_bufio dm_verity");
    }

    #[test]
    fn what_a_required_module_depends_on_is_required() {
        let modules = [("a", "b", ""), ("b", "c", ""), ("c", "", ""), ("d", "e,c", ""), ("e", "", "")];
        let Loading { modules, .. } = run(&[("d", false), ("a", true)], &modules).unwrap();
        let required: Vec<_> = modules.iter().map(|module| (module.name.as_str(), module.required)).collect();
        assert_eq!(required, [("e", false), ("c", true), ("d", false), ("b", true), ("a", true)]);
        assert_eq!(modules[1].needed_by, ["d", "b"]);
        assert_eq!(modules[4].needed_by, [WANTED_BY_PROFILE]);
    }

    #[test]
    fn cycles_and_gaps_are_named() {
        let modules = [("a", "b", ""), ("b", "c", ""), ("c", "b", ""), ("d", "nothing", "")];
        let cycle = ["b", "c", "b"].map(str::to_owned).to_vec();
        assert_eq!(run(&[("a", true)], &modules), Err(OrderError::Cycle { names: cycle }));
        let said = run(&[("d", true)], &modules).unwrap_err().to_string();
        assert!(said.contains("no module nothing, which d needs"), "{said}");
        let said = run(&[("nowhere", true)], &modules).unwrap_err().to_string();
        assert!(said.contains("which the profile needs"), "{said}");
        assert_eq!(run(&[("unreadable", true)], &modules), Err(OrderError::Source("no luck".into())));
    }

    #[test]
    fn wishes_are_fulfilled_first_and_never_required() {
        let modules = [
            ("libcrc32c", "", "crc inside gone self"),
            ("crc_fast", "", ""),
            ("crc_slow", "", ""),
            ("self", "libcrc32c", ""),
        ];
        let Loading { modules, wishes } = run(&[("libcrc32c", true)], &modules).unwrap();
        let order: Vec<_> = modules.iter().map(|module| (module.name.as_str(), module.required)).collect();
        assert_eq!(order, [("crc_fast", false), ("crc_slow", false), ("libcrc32c", true), ("self", false)]);
        let told: Vec<_> =
            wishes.iter().map(|it| (it.wanted.as_str(), it.modules.len(), it.built_in)).collect();
        assert_eq!(told, [("crc", 2, false), ("inside", 0, true), ("gone", 0, false), ("self", 1, false)]);
    }

    #[test]
    fn a_file_under_another_name_is_refused() {
        struct Wrong;
        impl Source for Wrong {
            type Error = String;
            fn find(&mut self, _: &str) -> Result<Found, String> {
                Ok(Found::File { path: "a.ko".into(), bytes: file(&["name=b"]) })
            }
            fn aliased(&mut self, _: &str) -> Result<(Vec<String>, bool), String> {
                Ok((Vec::new(), false))
            }
        }
        let wanted = [Needed { name: "a".into(), required: true }];
        let said = order(&wanted, &mut Wrong).unwrap_err().to_string();
        assert_eq!(said, "a.ko is the module b, by what it says of itself");
    }

    #[test]
    fn there_is_a_limit() {
        struct Endless;
        impl Source for Endless {
            type Error = String;
            fn find(&mut self, name: &str) -> Result<Found, String> {
                let depends = format!("depends=a{name}");
                Ok(Found::File { path: String::new(), bytes: file(&[&depends]) })
            }
            fn aliased(&mut self, _: &str) -> Result<(Vec<String>, bool), String> {
                Ok((Vec::new(), false))
            }
        }
        let wanted = [Needed { name: "a".into(), required: true }];
        assert_eq!(order(&wanted, &mut Endless), Err(OrderError::Limit));
    }
}
