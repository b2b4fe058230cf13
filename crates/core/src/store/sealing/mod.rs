//! Seals the output of sessions that are over, and brings it back: from rows into blocks and from blocks into rows. Gives blocks to
//! others, and takes theirs.

mod attached;
mod cleaning;
mod exchange;
mod make;
mod seal;
mod seen;
#[cfg(test)]
mod tests;
mod unseal;
mod watching;

pub use self::exchange::{ExchangedBlock, Page, Place, Size, page, put};
pub use self::seal::{Criteria, Progress, Sealed, seal, seal_everything};
pub use self::unseal::unseal;
