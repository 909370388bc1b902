//! Buckets in a Redis or Valkey server.

mod answer;
#[cfg(feature = "tokio")]
mod asynchronous;
mod blocking;
mod builder;
mod clock;
mod core;
mod fault;
mod keys;
mod lines;
mod node;
mod question;
mod script;
mod steer;
mod terms;
#[cfg(feature = "tokio")]
mod wire;

use self::core::Core;
pub use builder::RedisBuilder;
pub use clock::RedisClock;
use node::Server;
use redis::{Client, IntoConnectionInfo};

/// A bucket in a Redis server (6 or later) or in Valkey: for processes of several hosts.
///
/// ```no_run
/// use std::time::Duration;
/// use tidegate::{Bucket, Item, Rate, RedisBucket};
///
/// let bucket = RedisBucket::at("redis://limits.internal/", "api")
///     .rate(Rate::per_second(100))
///     .rate(Rate::per_hour(50_000))
///     .keyed() // each name has the whole of the rates for itself
///     .open()?;
///
/// let item = Item { name: b"example.com", weight: 1 };
/// let grant = bucket.put(item, Duration::ZERO)?;
/// assert_eq!(grant.wait, Duration::ZERO);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What the server does
///
/// Each question is one script, so one atomic step in the server; and to take permits is one
/// question. The time is the server's, whatever the clocks of its clients say. A grant is one
/// member of a sorted set, whatever its weight, and each rate costs one look-up in it, in
/// O(log n). It takes some 120 bytes of the server's memory.
///
/// If the server's clock is set back, the bucket's stands still until it has caught up: so
/// never is too much granted, and those who come meanwhile may wait for as long as it was set
/// back; [`flush`](crate::Bucket::flush) ends that. If it is set forward, permits count for
/// less long.
///
/// What is kept of a name expires by itself when it
/// counts no more. What remains are the rates, in one small key, until the bucket is
/// [removed](Self::remove).
///
/// What the server forgets is granted once more: let it not evict keys (`maxmemory-policy
/// noeviction`), and think of what it loses when it is killed (`appendfsync`), or replaced by a
/// replica.
///
/// A user of its own (ACL) needs the keys `{tidegate:*` and the commands `eval`, `evalsha`,
/// `time`, `ping`, `get`, `set`, `setrange`, `mget`, `zadd`, `zrem`, `zrange`, `zrangebyscore`, `zrevrange`,
/// `zremrangebyrank`, `zremrangebyscore`, `zscore`, `zcount`, `zcard`, `zscan`, `pexpire`, `unlink`.
///
/// # When it fails
///
/// A question is never sent twice, unless it is certain that the server has not carried it out.
/// If the connection is cut after it was sent, or no answer comes in time, the outcome
/// is [unknown](crate::Outcome::Unknown). Whatever the server answers, and be it that it is
/// out of memory, leaves nothing changed. The next question makes a new connection, and
/// tells the server a script that it has forgotten. If the server has lost the bucket, it is
/// made anew by whoever comes first, with the rates that it knows last.
///
/// Connections are not shared with forked children, which make their own.
///
/// # Clusters
///
/// All keys of a bucket begin with `{tidegate:NAME}`, so in a cluster they are on one
/// node; several buckets may be on several. A bucket that is [asked in a cluster](Self::cluster), or
/// by the [address](Self::at) of any node, finds its node by itself, and again when its slot was
/// moved, or another node has taken over. While its slot is being moved, the cluster answers
/// errors (`TRYAGAIN`, `ASK`), which leave nothing changed. A node that takes over may have
/// missed the last grants of the one before, for replicas lag behind.
///
/// # TLS
///
/// is up to the `redis` crate, which is at hand as [`tidegate::redis`](crate::redis): add it
/// to your own dependencies with one of its features, such as `tls-rustls`, and give an
/// address that begins with `rediss://`, or a client with certificates of your own to
/// [`over`](Self::over).
#[derive(Debug)]
pub struct RedisBucket(Core);

/// The same for async code: all questions share one connection, and do not wait for
/// each other's answers. It works on tokio's runtime.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use tidegate::{AsyncBucket, Item, Rate, RedisBucket};
///
/// let bucket = RedisBucket::at("redis+unix:///run/redis.sock", "api")
///     .rate(Rate::per_second(100))
///     .open_async()
///     .await?;
/// bucket.put(Item { name: b"", weight: 3 }, Duration::ZERO).await?;
/// # Ok(())
/// # }
/// ```
///
/// See [`RedisBucket`] for the rest.
#[cfg(feature = "tokio")]
#[derive(Debug)]
pub struct RedisAsyncBucket(Core);

impl RedisBucket {
    /// The bucket of that name in the server at an address, such as `redis://host:port/database` or
    /// `redis+unix:///path`.
    pub fn at(address: impl IntoConnectionInfo, name: impl Into<String>) -> RedisBuilder {
        RedisBuilder::over(Client::open(address).map(Server::new), name.into())
    }

    /// The bucket of that name in a cluster, of which some nodes are named: each is asked for the
    /// way if those before it are not reached.
    ///
    /// ```no_run
    /// use tidegate::{Rate, RedisBucket};
    ///
    /// let nodes = ["redis://one.internal/", "redis://two.internal/"];
    /// let bucket = RedisBucket::cluster(nodes, "api").rate(Rate::per_second(100)).open()?;
    /// # Ok::<(), tidegate::OpenError>(())
    /// ```
    pub fn cluster<A: IntoConnectionInfo>(
        nodes: impl IntoIterator<Item = A>,
        name: impl Into<String>,
    ) -> RedisBuilder {
        RedisBuilder::over(Server::of_cluster(nodes), name.into())
    }

    /// The bucket of that name in a client's server.
    pub fn over(client: Client, name: impl Into<String>) -> RedisBuilder {
        RedisBuilder::over(Ok(Server::new(client)), name.into())
    }
}
