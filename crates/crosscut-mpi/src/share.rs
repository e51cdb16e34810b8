//! How ranks on one machine share its cores.

use std::fs;
use std::num::NonZero;
use std::thread::available_parallelism;

/// The cores that this process may use, as the system writes them; empty if it does not say.
pub(crate) fn allowed_cores() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let cores = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    cores.unwrap_or_default().trim().to_owned()
}

/// Number of threads of this rank, given the cores that each rank of the machine may use and its
/// own. A launcher binds ranks to a core, to a part of the machine, or to nothing: ranks with the
/// same cores share them.
pub(crate) fn threads(all: &[Vec<u8>], own: &str) -> usize {
    let sharing = all.iter().filter(|cores| **cores == own.as_bytes()).count();
    share(available_parallelism().map_or(1, NonZero::get), sharing)
}

/// Cores for each of some ranks, at least one.
fn share(cores: usize, ranks: usize) -> usize {
    (cores / ranks.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_with_the_same_cores_share_them() {
        let cores = available_parallelism().map_or(1, NonZero::get);
        let all = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let threads = |names: &[&str], own| threads(&all(names) as &Vec<Vec<u8>>, own);
        // Alone, each on cores of its own, all on the same ones, on a system that does not say.
        let own = allowed_cores();
        assert_eq!(threads(&[&own], &own), cores);
        assert_eq!(threads(&["0", "1", "2"], "1"), cores);
        assert_eq!(threads(&["0-7", "0-7"], "0-7"), share(cores, 2));
        assert_eq!(threads(&["", "", ""], ""), share(cores, 3));
        assert_eq!((share(64, 3), share(2, 4), share(1, 0)), (21, 1, 1));
    }
}
