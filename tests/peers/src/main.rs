//! Measures the time that layers take.

fn main() {
    portcullis_peers::run(None);
}
