//! The connection of those who do not block: all their questions follow each other on it, without
//! waiting for each other's answers.

use super::fault::Fault;
use super::lines::REST;
use super::node::{NOWHERE, Node, Server, WAYS};
use super::script::Script;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, RedisResult, Value, cmd};
use std::time::Instant;
use tokio::runtime::{self, Handle};
use tokio::sync::Mutex;

/// The connections of one process: one for each runtime that asks, for it ends with that.
#[derive(Default)]
pub struct Wire {
    ends: Mutex<Vec<End>>,
    node: Node,
}

/// This end of one.
struct End {
    connection: MultiplexedConnection,
    runtime: runtime::Id,
    /// When it was made: so that nobody throws away but the one that has failed.
    made: Instant,
    used: Instant,
}

impl Wire {
    /// Runs a script, which the server is told in full if it does not know it.
    pub async fn run(
        &self,
        server: &Server,
        script: &Script,
        keys: &[Vec<u8>],
        add_arguments: impl Fn(&mut Cmd),
    ) -> Result<Value, Fault> {
        let mut command = script.by_hash(keys);
        add_arguments(&mut command);
        match self.ask(server, &command).await {
            Err(fault) if fault.is_unknown_script() => {}
            other => return other,
        }
        let mut command = script.in_full(keys);
        add_arguments(&mut command);
        self.ask(server, &command).await
    }

    /// Has the server carry out a command, once at most.
    pub async fn ask(&self, server: &Server, command: &Cmd) -> Result<Value, Fault> {
        let mut ways = 0;
        loop {
            let answer = self.ask_once(server, command).await;
            ways += 1;
            match &answer {
                Err(fault) if ways < WAYS && fault.moved_to().is_some() => {
                    self.node.follow(server, fault)?;
                }
                _ => return answer,
            }
        }
    }

    async fn ask_once(&self, server: &Server, command: &Cmd) -> Result<Value, Fault> {
        let here = Handle::try_current().map_err(|_| Fault::unheard(OUTSIDE.into()))?;
        let (mut connection, made) = self.end(server, here.id()).await?;
        let answer = send(&mut connection, command).await;
        let answer = answer.map_err(Fault::after_sending);
        if let Err(fault) = &answer
            && (!fault.spares_connection() || fault.moved_to().is_some())
        {
            let mut ends = self.ends.lock().await;
            ends.retain(|end| end.runtime != here.id() || end.made != made);
        }
        answer
    }

    /// Lets go of them. Those who wait for an answer still get it.
    pub async fn close(&self) {
        self.ends.lock().await.clear();
    }

    /// The connection for that runtime, which is made if need be by the first of those who need
    /// it.
    async fn end(
        &self,
        server: &Server,
        runtime: runtime::Id,
    ) -> Result<(MultiplexedConnection, Instant), Fault> {
        let mut ends = self.ends.lock().await;
        if let Some(place) = ends.iter().position(|end| end.runtime == runtime) {
            let end = &mut ends[place];
            let has_rested = end.used.elapsed() >= REST;
            if !has_rested || send(&mut end.connection, &cmd("PING")).await.is_ok() {
                end.used = Instant::now();
                return Ok((end.connection.clone(), end.made));
            }
            ends.swap_remove(place);
        }
        // Those of runtimes that have ended, perhaps.
        ends.retain(|end| end.used.elapsed() < REST);
        let connection = self.connect(server).await?;
        let now = Instant::now();
        ends.push(End {
            connection: connection.clone(),
            runtime,
            made: now,
            used: now,
        });
        Ok((connection, now))
    }

    async fn connect(&self, server: &Server) -> Result<MultiplexedConnection, Fault> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(server.patience))
            .set_response_timeout(Some(server.patience));
        let mut failed = None;
        for client in self.node.candidates(server) {
            let connection = client.get_multiplexed_async_connection_with_config(&config);
            match connection.await {
                Ok(connection) => return Ok(connection),
                Err(error) => failed = self.node.missed(error, failed),
            }
        }
        Err(Fault::unheard(failed.unwrap_or(NOWHERE.into())))
    }
}

const OUTSIDE: (ErrorKind, &str) = (
    ErrorKind::Client,
    "it was asked outside of tokio's runtimes: ask it in a task, or use the bucket that blocks",
);

async fn send(connection: &mut MultiplexedConnection, command: &Cmd) -> RedisResult<Value> {
    connection
        .send_packed_command(command)
        .await?
        .extract_error()
}
