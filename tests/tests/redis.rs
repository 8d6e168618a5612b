//! Two nodes on one Redis: rotation, logout and faults as a browser meets them.
//!
//! Each node has connections, a feed and a service of its own, as two processes have; the chat's
//! tests do the most of this again with two real ones.

mod failovers;
mod faults;
mod logouts;
mod owed;
mod refreshes;
mod streams;
mod trips;
mod world;
