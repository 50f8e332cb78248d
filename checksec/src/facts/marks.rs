//! The names that clang's instrumentation leaves among the symbols.

use crate::ElfError;
use crate::facts::gnu_hash::GnuHash;

/// A trace of instrumentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Defines `__cfi_check`, by which other files have their calls into this one checked.
    CfiCheck,
    /// Refers to `__cfi_slowpath`, which checks calls into other files.
    CfiSlowPath,
    /// Has a function behind a jump table: its own name ends in `.cfi`, or the table's in `.cfi_jt`.
    CfiJumpTable,
    /// Has `__typeid_…`, the addresses that a type's pointers may have.
    CfiTypeId,
    /// Refers to `__ubsan_handle_cfi_…`, which reports a wrong call before it stops the program. The run-time libraries
    /// that define it are not checked for it.
    CfiHandler,
    /// Has `__cfi_…` or `__kcfi_typeid_…` as the kernel's own form has them before each function.
    KernelCfi,
    /// Has the instruction in which the checks of CFI end; the file offset is its own.
    CfiTrap,
    /// Has or refers to what manages the unsafe stack.
    SafeStack,
}

/// The traces in one file, each with the file offset of the first symbol that shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    offsets: [Option<u64>; COUNT],
    /// What kept some symbols from being looked at.
    pub fault: Option<ElfError>,
}

impl Marks {
    /// The file offset of the first symbol with a trace.
    pub fn get(&self, mark: Mark) -> Option<u64> {
        self.offsets[mark as usize]
    }

    /// Takes what a name tells. Names of nothing instrumented, which are nearly all, cost a comparison or two.
    pub(crate) fn take(&mut self, name: &[u8], undefined: bool, offset: u64) {
        if let Some(mark) = mark(name, undefined) {
            self.add(mark, offset);
        }
    }

    /// Adds what another table of the same file showed.
    pub(crate) fn join(&mut self, other: Result<Self, ElfError>) {
        match other {
            Ok(other) => {
                for (ours, theirs) in self.offsets.iter_mut().zip(other.offsets) {
                    *ours = ours.or(theirs);
                }
                self.fault = self.fault.take().or(other.fault);
            }
            Err(error) => self.fault = self.fault.take().or(Some(error)),
        }
    }

    /// Whether any trace of CFI was found.
    pub(crate) fn has_cfi(&self) -> bool {
        let marks =
            [Mark::CfiCheck, Mark::CfiSlowPath, Mark::CfiJumpTable, Mark::CfiTypeId, Mark::CfiHandler];
        marks.iter().any(|mark| self.get(*mark).is_some())
    }

    /// Adds what the code showed.
    pub(crate) fn join_trap(&mut self, offset: Result<Option<u64>, ElfError>) {
        match offset {
            Ok(offset) => self.offsets[Mark::CfiTrap as usize] = offset,
            Err(error) => self.fault = self.fault.take().or(Some(error)),
        }
    }

    /// Looks exported names up.
    pub(crate) fn of_exports(exports: &GnuHash<'_, '_>) -> Result<Self, ElfError> {
        let mut marks = Self::default();
        for name in EXPORTED {
            if let Some(symbol) = exports.find(name)? {
                marks.take(name, false, symbol.offset);
            }
        }
        Ok(marks)
    }

    fn add(&mut self, mark: Mark, offset: u64) {
        self.offsets[mark as usize].get_or_insert(offset);
    }
}

fn mark(name: &[u8], undefined: bool) -> Option<Mark> {
    let Some(reserved) = name.strip_prefix(b"__") else {
        // No name of C has a dot. Go's have: `runtime.funcfile` ends otherwise, and Go's files are told by other marks.
        let is_jump_table = !undefined && (name.ends_with(b".cfi") || name.ends_with(b".cfi_jt"));
        return is_jump_table.then_some(Mark::CfiJumpTable);
    };
    match reserved {
        b"cfi_check" if !undefined => Some(Mark::CfiCheck),
        b"cfi_slowpath" | b"cfi_slowpath_diag" if undefined => Some(Mark::CfiSlowPath),
        // The run-time library's own, which is linked to programs that check.
        b"cfi_slowpath" | b"cfi_slowpath_diag" | b"cfi_check" | b"cfi_check_fail" | b"cfi_init"
        | b"cfi_preinit" => None,
        b"safestack_init" | b"safestack_unsafe_stack_ptr" => Some(Mark::SafeStack),
        _ if reserved.starts_with(b"typeid_") => Some(Mark::CfiTypeId),
        _ if undefined && reserved.starts_with(b"ubsan_handle_cfi_") => Some(Mark::CfiHandler),
        _ if reserved.starts_with(b"kcfi_typeid_") || reserved.starts_with(b"cfi_") => Some(Mark::KernelCfi),
        _ if !undefined && (reserved.ends_with(b".cfi") || reserved.ends_with(b".cfi_jt")) => {
            Some(Mark::CfiJumpTable)
        }
        _ => None,
    }
}

const COUNT: usize = Mark::SafeStack as usize + 1;
/// What instrumented files export even if they are stripped.
const EXPORTED: [&[u8]; 3] = [b"__cfi_check", b"__safestack_init", b"__safestack_unsafe_stack_ptr"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_they_are_of() {
        let cases: &[(&[u8], bool, Option<Mark>)] = &[
            (b"__cfi_check", false, Some(Mark::CfiCheck)),
            (b"__cfi_check", true, None),
            (b"__cfi_slowpath", true, Some(Mark::CfiSlowPath)),
            (b"__cfi_slowpath", false, None),
            (b"add.cfi", false, Some(Mark::CfiJumpTable)),
            (b"add.cfi_jt", false, Some(Mark::CfiJumpTable)),
            (b"__main.cfi", false, Some(Mark::CfiJumpTable)),
            (b"__typeid__ZTSFiiE_global_addr", false, Some(Mark::CfiTypeId)),
            (b"__ubsan_handle_cfi_check_fail_abort", true, Some(Mark::CfiHandler)),
            (b"__ubsan_handle_cfi_bad_type", false, None),
            (b"__kcfi_typeid_add", false, Some(Mark::KernelCfi)),
            (b"__cfi_add", false, Some(Mark::KernelCfi)),
            (b"__safestack_init", false, Some(Mark::SafeStack)),
            (b"__safestack_unsafe_stack_ptr", true, Some(Mark::SafeStack)),
            (b"runtime.funcfile", false, None),
            (b"cfi", false, None),
            (b"a.cfi", true, None),
            (b"_ZN5__cfi10ExitLoaderEv", false, None),
            (b"__safestack_preinit", false, None),
        ];
        for (name, undefined, wanted) in cases {
            assert_eq!(mark(name, *undefined), *wanted, "{}", name.escape_ascii());
        }
    }
}
