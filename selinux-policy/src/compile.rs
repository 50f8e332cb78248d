//! From sources to a binary policy.

use crate::check;
use crate::diagnostic::{Diagnostic, Source};
use crate::emit::{self, Faults, Tables};
use crate::ir::Ir;
use crate::options::Options;
use crate::policydb::{Compat, Policy};
use crate::resolve;
use crate::sema::{ClassSetError, ClassSets};

/// The first version of the format in which conditionals have extended permissions.
const VERSION_CONDITIONAL_XPERMS: u32 = 34;

/// A policy that was compiled.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The binary policy, in the order of the release that it is compatible with: [`policydb::write`](crate::policydb::write)
    /// makes a file of it.
    pub policy: Policy,
    /// The text that tells programs which context files have.
    pub file_contexts: Vec<u8>,
    /// What is doubtful.
    pub warnings: Vec<Diagnostic>,
    /// The policy with its names resolved; among others it has the optionals that were switched off.
    pub ir: Ir,
}

/// Why there is no policy.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the policy has {} errors", self.errors())]
pub struct Failure {
    /// All that was found, warnings too.
    pub diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|told| told.severity == crate::diagnostic::Severity::Error).count()
    }
}

/// Compiles a policy.
///
/// # Errors
///
/// What is wrong with it, as much of it as one run can find: names are only looked at once all files can be parsed, contexts
/// and rules once all names are resolved.
pub fn compile(sources: &[Source], options: &Options) -> Result<Compiled, Failure> {
    let (ir, mut warnings) =
        resolve::resolve(sources, &front_options(options)).map_err(|diagnostics| Failure { diagnostics })?;
    let laid_out = lay_out(&ir, options);
    match laid_out {
        Ok((mut policy, file_contexts, more)) => {
            warnings.extend(more);
            if options.canonical {
                policy.canonicalize();
            }
            policy.arrange(options.compat);
            if options.optimize {
                policy.optimize();
            }
            Ok(Compiled { policy, file_contexts, warnings, ir })
        }
        Err(more) => {
            warnings.extend(more);
            Err(Failure { diagnostics: warnings })
        }
    }
}

fn front_options(options: &Options) -> resolve::Options {
    resolve::Options {
        preserve_tunables: options.preserve_tunables,
        multiple_declarations: options.multiple_declarations,
        qualified_names: options.qualified_names,
        sorted_files: options.canonical,
        modern: options.compat != Compat::V3_4,
        conditional_xperms: options.compat != Compat::V3_4 && options.version >= VERSION_CONDITIONAL_XPERMS,
    }
}

type LaidOut = (Policy, Vec<u8>, Vec<Diagnostic>);

/// Lays the policy out and checks it meanwhile.
fn lay_out(ir: &Ir, options: &Options) -> Result<LaidOut, Vec<Diagnostic>> {
    let mut faults = Faults::new(ir);
    let denied = emit::apply_denials(ir, options, &mut faults);
    let Some(tables) = Tables::new(ir, denied.as_ref(), options, &mut faults) else {
        return Err(faults.into_diagnostics());
    };
    let (emitted, violations) =
        rayon::join(|| emit::lay_out(&tables), || (!options.disable_neverallow).then(|| check(&tables)));
    let (policy, file_contexts, more) = emitted;
    faults.append(more);
    if let Some(violations) = violations {
        faults.append(violations);
    }
    if faults.has_errors() {
        return Err(faults.into_diagnostics());
    }
    Ok((policy, file_contexts, faults.into_diagnostics()))
}

/// Looks for rules that break a promise of the policy.
fn check<'a>(tables: &Tables<'a>) -> Faults<'a> {
    let ir = tables.ir;
    let mut faults = Faults::new(ir);
    let classes = match ClassSets::of(ir) {
        Ok(classes) => classes,
        // The layout tells it with the place.
        Err(ClassSetError::Cycle(_)) => return faults,
        Err(error @ ClassSetError::TooLarge) => {
            faults.error_of_all("too-many-class-permissions", error.to_string());
            return faults;
        }
    };
    let sets =
        check::Sets { types: &tables.types, roles: &tables.roles, users: &tables.users, classes: &classes };
    match check::check(ir, sets) {
        Ok(report) => report.diagnostics(ir).into_iter().for_each(|violation| faults.tell(violation)),
        Err(malformed) => faults.error("condition", malformed.0, malformed.to_string()),
    }
    faults
}
