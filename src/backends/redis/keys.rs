//! Where in the server a bucket is.

/// What the keys of one bucket are called. All have its name as their hash tag: so a cluster
/// keeps them in one place, and a script may touch them together.
#[derive(Clone, Debug)]
pub struct Keys {
    tag: String,
    by_name: bool,
}

impl Keys {
    /// Of the bucket of that name, which keeps its users' names apart or not.
    pub fn new(bucket: &str, by_name: bool) -> Self {
        Self {
            // What is in front keeps the tag from being empty, which would be none.
            tag: format!("{{tidegate:{bucket}}}"),
            by_name,
        }
    }

    /// Whether each name has a log of its own.
    pub fn by_name(&self) -> bool {
        self.by_name
    }

    /// The rates, and what else holds for all names.
    pub fn terms(&self) -> Vec<u8> {
        format!("{}:terms", self.tag).into_bytes()
    }

    /// The names that have a log.
    pub fn names(&self) -> Vec<u8> {
        format!("{}:names", self.tag).into_bytes()
    }

    /// All that a question about a name touches.
    pub fn of(&self, name: &[u8]) -> Vec<Vec<u8>> {
        let of_name = |what: &str| {
            let mut key = format!("{}:{what}", self.tag).into_bytes();
            if self.by_name {
                key.push(b':');
                key.extend(name);
            }
            key
        };
        let mut keys = vec![self.terms()];
        keys.extend(["head", "log", "voids"].map(of_name));
        if self.by_name {
            keys.push(self.names());
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a cluster hashes of a key: what is between the first `{` and the next `}`, if
    /// that is anything.
    fn hashed(key: &[u8]) -> &[u8] {
        let open = key.iter().position(|&byte| byte == b'{').unwrap();
        let length = key[open + 1..].iter().position(|&byte| byte == b'}');
        match length.unwrap() {
            0 => key,
            length => &key[open + 1..][..length],
        }
    }

    #[test]
    fn a_cluster_keeps_all_keys_of_a_bucket_in_one_place_whatever_it_is_called() {
        for bucket in ["api", "", "}", "{}", "a{b", "a}b{c}"] {
            for by_name in [false, true] {
                let keys = Keys::new(bucket, by_name);
                let mut all = keys.of(b"name");
                all.extend(keys.of(b"}{other}"));
                all.push(keys.names());
                let first = hashed(&all[0]).to_vec();
                assert!(first.starts_with(b"tidegate:"));
                assert!(all.iter().all(|key| hashed(key) == first), "{bucket:?}");
            }
        }
    }

    #[test]
    fn names_are_apart_where_they_are_kept_apart() {
        let apart = Keys::new("api", true);
        assert_ne!(apart.of(b"a"), apart.of(b"b"));
        let together = Keys::new("api", false);
        assert_eq!(together.of(b"a"), together.of(b"b"));
    }
}
