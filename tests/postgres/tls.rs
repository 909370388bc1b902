//! A server that is reached by encrypted connections, with a certificate of its own making.

use super::servers::PostgresServer;
use super::{HOUR, retry_after, take};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::any::type_name;
use std::net::TcpListener;
use std::sync::Arc;
use tidegate::{
    Bucket, Clock, OpenError, PostgresBucket, PostgresClock, PostgresError, Rate, Wall,
};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A client that trusts that certificate, and no other.
fn connector(trusted: &CertificateDer<'static>) -> MakeRustlsConnect {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    MakeRustlsConnect::new(config)
}

fn certificate() -> CertifiedKey<rcgen::KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

#[test]
fn connections_are_encrypted_where_the_address_demands_it_and_a_stranger_is_not_trusted() {
    let test = connections_are_encrypted_where_the_address_demands_it_and_a_stranger_is_not_trusted;
    let own = certificate();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (pem, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let Some(server) = PostgresServer::start_encrypted(name_of(test), port, &pem, &key) else {
        return;
    };
    let rate = Rate::new(3, HOUR);
    let address = format!(
        "host=localhost hostaddr=127.0.0.1 port={port} user=tester dbname=postgres sslmode=require"
    );
    let bucket = PostgresBucket::at(&address, "test").rate(rate);
    let bucket = bucket.tls(connector(own.cert.der())).open().unwrap();
    take(&bucket, 3).unwrap();
    retry_after(take(&bucket, 1));
    let encrypted = "SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) \
                     WHERE a.application_name = 'tidegate'";
    assert_eq!(server.tell(encrypted), "t");
    assert_eq!(bucket.count().unwrap(), 3);

    let reached = PostgresBucket::at(&address, "").tls(connector(own.cert.der()));
    let told = PostgresClock::by(reached).unwrap().now().unwrap();
    assert!(told.saturating_add(HOUR) > Wall.now().unwrap());

    let other = certificate();
    for stranger in [
        PostgresBucket::at(&address, "test").tls(connector(other.cert.der())),
        // It cannot encrypt at all.
        PostgresBucket::at(&address, "test"),
    ] {
        match stranger.rate(rate).open() {
            Err(OpenError::Backend(error)) => {
                let why = error.source.downcast_ref::<PostgresError>();
                assert!(
                    matches!(why, Some(PostgresError::Unreachable(_))),
                    "{error}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

fn name_of<T: Fn()>(_: T) -> &'static str {
    type_name::<T>()
}
