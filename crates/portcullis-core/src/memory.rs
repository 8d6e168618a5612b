//! The bounded in-process stores: for one process without Redis, and the reference for every other.

mod rate;
mod sessions;

pub use rate::MemoryRateStore;
pub use sessions::MemorySessions;
