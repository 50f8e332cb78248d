//! Trees, archives and programs that are damaged, change, or were made to break whoever reads them.

mod archives;
mod programs;
mod trees;
