//! What tests of and with portcullis need: a clock that is moved by hand, a cookie jar as strict
//! as a browser's, conformance suites for stores.

pub mod clock;
pub mod jar;

pub use clock::ManualClock;
pub use jar::CookieJar;
