//! Runs the example as a user would: by a plain client, and under the load of wrk.

mod load;
mod log;
mod plain;
mod running;
