//! Where a bucket is asked: in its server, or in that node of a cluster which keeps it.
//!
//! All keys of a bucket are in one slot, and so on one node, which any other node names when it
//! is asked instead. That answer leaves nothing done, so the question is asked again there; and
//! nothing else is ever sent twice.

use super::fault::Fault;
use redis::{Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisError, RedisResult};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// For how long one waits for a server that does not answer, if nothing is said of it.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many nodes are asked one after the other, each as the one before has said: one, mostly; and
/// one more for what moves meanwhile.
pub const WAYS: u32 = 5;

/// Where the server is, or some nodes of a cluster; and how long one waits for it.
pub struct Server {
    pub client: Client,
    /// Other nodes, which are asked where that one is not reached.
    pub others: Vec<Client>,
    pub patience: Duration,
}

/// The node that keeps the bucket, as far as it is known.
#[derive(Default)]
pub struct Node(Mutex<Option<Client>>);

impl Server {
    pub fn new(client: Client) -> Self {
        Self {
            client,
            others: Vec::new(),
            patience: PATIENCE,
        }
    }

    pub fn of_cluster<A: IntoConnectionInfo>(
        nodes: impl IntoIterator<Item = A>,
    ) -> RedisResult<Self> {
        let mut clients = nodes.into_iter().map(Client::open);
        let client = clients.next().unwrap_or_else(|| Err(NOWHERE.into()))?;
        Ok(Self {
            others: clients.collect::<RedisResult<_>>()?,
            ..Self::new(client)
        })
    }

    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience.max(Duration::from_millis(1));
    }
}

impl Node {
    /// Whom to connect to: it, if it is known; where it is not reached, another, which knows it
    /// perhaps.
    pub fn candidates(&self, server: &Server) -> Vec<Client> {
        let seeds = std::iter::once(&server.client).chain(&server.others);
        self.known().into_iter().chain(seeds.cloned()).collect()
    }

    /// The candidate was not reached. The error is that of the first one.
    pub fn missed(&self, error: RedisError, first: Option<RedisError>) -> Option<RedisError> {
        *self.lock() = None;
        first.or(Some(error))
    }

    /// Goes from now on where an answer has said, if it has.
    pub fn follow(&self, server: &Server, fault: &Fault) -> Result<(), Fault> {
        let Some(address) = fault.moved_to() else {
            return Ok(());
        };
        // Who leaves its host out means the one that was asked.
        let asked = self.known().unwrap_or_else(|| server.client.clone());
        let client = elsewhere(&asked, address).map_err(Fault::unheard)?;
        *self.lock() = Some(client);
        Ok(())
    }

    fn known(&self) -> Option<Client> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Client>> {
        // Nobody leaves it half set.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub const NOWHERE: (ErrorKind, &str) = (ErrorKind::InvalidClientConfig, "there is no address");

/// A client that is like that one, of the node at `host:port`.
fn elsewhere(client: &Client, address: &str) -> RedisResult<Client> {
    let strange = || {
        let what = "the cluster names an address that makes no sense";
        RedisError::from((ErrorKind::UnexpectedReturnType, what, address.to_owned()))
    };
    let (host, port) = address.rsplit_once(':').ok_or_else(strange)?;
    let port: u16 = port.parse().map_err(|_| strange())?;
    let info = client.get_connection_info();
    let host = |own: &str| match host {
        // Redis says "?" where it was not told what to say.
        "" | "?" => own.to_owned(),
        host => host.to_owned(),
    };
    let addr = match info.addr() {
        ConnectionAddr::TcpTls {
            host: own,
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host: host(own),
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        ConnectionAddr::Tcp(own, _) => ConnectionAddr::Tcp(host(own), port),
        // By a socket of this machine.
        _ => ConnectionAddr::Tcp(host("127.0.0.1"), port),
    };
    Client::open(info.clone().set_addr(addr))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(seed: &str, address: &str) -> String {
        let client = elsewhere(&Client::open(seed).unwrap(), address).unwrap();
        client.get_connection_info().addr().to_string()
    }

    #[test]
    fn another_node_is_where_it_is_said_to_be() {
        let seed = "redis://user:secret@one.internal:7000/";
        assert_eq!(named(seed, "two.internal:7001"), "two.internal:7001");
        assert_eq!(named(seed, ":7001"), "one.internal:7001");
        assert_eq!(named(seed, "?:7001"), "one.internal:7001");
        assert_eq!(named(seed, "fe80::1:7001"), "fe80::1:7001");
        assert_eq!(named("redis+unix:///x.sock", ":7001"), "127.0.0.1:7001");
        let client = elsewhere(&Client::open(seed).unwrap(), "two.internal:7001").unwrap();
        let settings = client.get_connection_info().redis_settings();
        assert_eq!(settings.password(), Some("secret"));
    }

    #[test]
    fn an_address_that_makes_no_sense_is_an_error() {
        let seed = Client::open("redis://one.internal/").unwrap();
        for address in ["", "two", "two:", "two:x", "two:70000"] {
            let error = elsewhere(&seed, address).unwrap_err();
            assert!(error.to_string().contains("makes no sense"), "{error}");
        }
    }
}
