//! Draws from the operating system's generator; nothing else in the workspace makes randomness.

use std::fmt;

/// The system could not give random bytes: an early boot, a sandbox without the call.
#[derive(Debug)]
pub struct RandomError(getrandom::Error);

impl fmt::Display for RandomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the operating system gave no random bytes: {}", self.0)
    }
}

impl std::error::Error for RandomError {}

/// Fills `bytes` from the operating system's generator.
///
/// # Errors
///
/// [`RandomError`] when the system has none to give; a caller then refuses, it never falls back.
pub fn fill(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes).map_err(RandomError)
}

/// Fills `symbols` uniformly from `alphabet`, which has at most 128 members.
///
/// Draws again instead of reducing modulo the alphabet's length, so no symbol is likelier.
///
/// # Errors
///
/// [`RandomError`], as [`fill`].
///
/// # Example
///
/// ```
/// let mut secret = [0; 32];
/// portcullis_core::random::fill_from(b"0123456789", &mut secret)?;
/// assert!(secret.iter().all(u8::is_ascii_digit));
/// # Ok::<_, portcullis_core::random::RandomError>(())
/// ```
pub fn fill_from(alphabet: &[u8], symbols: &mut [u8]) -> Result<(), RandomError> {
    debug_assert!(!alphabet.is_empty() && alphabet.len() <= 128);
    // The smallest mask that covers the alphabet: more than half of the draws then hit.
    let mask = alphabet.len().next_power_of_two() - 1;
    let mut pool = [0; 64];
    let mut used = pool.len();
    for symbol in symbols {
        *symbol = loop {
            if used == pool.len() {
                fill(&mut pool)?;
                used = 0;
            }
            let index = usize::from(pool[used]) & mask;
            used += 1;
            if let Some(&found) = alphabet.get(index) {
                break found;
            }
        };
    }
    Ok(())
}
