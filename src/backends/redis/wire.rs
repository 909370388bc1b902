//! The connection of those who do not block: one for all questions of a process, which follow
//! each other on it without waiting for each other's answers.

use super::fault::Fault;
use super::lines::{REST, Server};
use super::script::Script;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, RedisResult, Value, cmd};
use std::time::Instant;
use tokio::sync::Mutex;

/// The connection of one process, if there is one.
#[derive(Default)]
pub struct Wire(Mutex<Option<End>>);

/// This end of it.
struct End {
    connection: MultiplexedConnection,
    /// Counts connections, so that nobody throws away but the one that has failed.
    number: u64,
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
        let (mut connection, number) = self.end(server).await.map_err(Fault::unheard)?;
        let answer = send(&mut connection, command).await;
        let answer = answer.map_err(Fault::after_sending);
        if let Err(fault) = &answer
            && !fault.spares_connection()
        {
            let mut end = self.0.lock().await;
            end.take_if(|end| end.number == number);
        }
        answer
    }

    /// Lets go of it. Those who wait for an answer still get it.
    pub async fn close(&self) {
        *self.0.lock().await = None;
    }

    /// The connection, which is made if need be by the first of those who need it.
    async fn end(&self, server: &Server) -> RedisResult<(MultiplexedConnection, u64)> {
        let mut place = self.0.lock().await;
        let mut number = 0;
        if let Some(end) = &mut *place {
            let has_rested = end.used.elapsed() >= REST;
            if !has_rested || send(&mut end.connection, &cmd("PING")).await.is_ok() {
                end.used = Instant::now();
                return Ok((end.connection.clone(), end.number));
            }
            number = end.number + 1;
            *place = None;
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(server.patience))
            .set_response_timeout(Some(server.patience));
        let client = &server.client;
        let connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        *place = Some(End {
            connection: connection.clone(),
            number,
            used: Instant::now(),
        });
        Ok((connection, number))
    }
}

async fn send(connection: &mut MultiplexedConnection, command: &Cmd) -> RedisResult<Value> {
    connection
        .send_packed_command(command)
        .await?
        .extract_error()
}
