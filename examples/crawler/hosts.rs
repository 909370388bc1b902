//! Which host a path belongs to.
//!
//! The server answers for every path at each of its addresses. That a link leads to another
//! host, as links of the web do, is agreed here: all that lies under one top-level name (`/std/`,
//! `/book/`) is on one host.

/// The number of the host, below `hosts`, that `path` is fetched from: the first part of the
/// path, hashed by FNV-1a, so that every process and every run finds the same.
pub fn host_of(path: &str, hosts: usize) -> usize {
    let name = path.trim_start_matches('/').split(['/', '?']).next();
    let hash = name
        .unwrap_or_default()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    (hash % hosts.max(1) as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_under_one_name_is_on_one_host() {
        for path in ["/std", "/std/", "/std?a", "/std/vec/struct.Vec.html?a#b"] {
            assert_eq!(
                host_of(path, 254),
                host_of("/std/index.html", 254),
                "{path}"
            );
        }
    }

    #[test]
    fn names_spread_over_all_hosts() {
        let mut met = [0; 5];
        for name in 0..1000 {
            met[host_of(&format!("/{name}/index.html"), met.len())] += 1;
        }
        assert!(met.iter().all(|&names| names > 100), "{met:?}");
    }

    #[test]
    fn one_host_has_all() {
        assert!(
            ["", "/", "/std/", "?"]
                .iter()
                .all(|path| host_of(path, 1) == 0)
        );
    }
}
