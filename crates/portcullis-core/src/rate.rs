//! Admits or refuses by quota: GCRA and the exact log as pure functions, several limits in one decision.
