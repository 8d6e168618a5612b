//! Counts the allocations that layers make, with an allocator that does.

fn main() {
    portcullis_peers::run(Some(|work| allocation_counter::measure(work).count_total));
}
