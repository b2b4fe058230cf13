//! How frequent bytes are, to look for the rarest ones of a text first.

/// How frequent a byte is in terminal output, compared with others.
pub(super) fn frequency(byte: u8) -> usize {
    const RARE_TO_FREQUENT: &[u8] = b"zqjxvkwybgfpmhudclnsriaote0123456789-./ ";
    RARE_TO_FREQUENT.iter().position(|known| *known == byte).map_or(0, |place| place + 1)
}
