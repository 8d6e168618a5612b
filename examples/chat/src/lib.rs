//! A chat service behind the whole portcullis stack: real users, real streams, one page.
//!
//! The program is `portcullis-chat`; this library is its parts, so that tests can drive them. What
//! a request passes through is put together in [`app`].

pub mod accounts;
pub mod app;
pub mod auth;
pub mod chat;
pub mod config;
pub mod cors;
pub mod database;
pub mod django;
pub mod drain;
pub mod echo;
pub mod error;
pub mod health;
pub mod openapi;
pub mod page;
pub mod passwords;
pub mod policies;
pub mod responder;
pub mod server;
pub mod start;
pub mod stores;
pub mod telemetry;
